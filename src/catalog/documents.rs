//! What only MongoDB has: columns in documents, arrays, ObjectIds. Their names are paths, `address.city`.

use super::{CatalogError, Column, ColumnName, ColumnType, Misplaced, Relation, Written};

/// The longest path of a column.
pub(crate) const MAX_PATH: usize = 8;

impl Relation {
    /// The column at a path, where everything above it is a document and no array of documents.
    pub fn at_path(&self, path: &str) -> Option<&Column> {
        let above = ancestors(path).all(|above| {
            let column = self.column(&ColumnName::new(above));
            column.is_some_and(Column::is_document)
        });
        if above { self.column(&ColumnName::new(path)) } else { None }
    }
}

/// Every path that leads to this one: `a` and `a.b` of `a.b.c`.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').filter_map(|(dot, _)| path.get(..dot))
}

/// Checks a catalog against what databases of the engine have and the guard can filter there.
// INVARIANT (exact or refused): a column whose values the guard could not compare exactly is refused at load.
pub(crate) fn check(written: &Written, mongodb: bool) -> Vec<Misplaced> {
    let catalog = &written.catalog;
    let mut errors = Vec::new();
    for relation in &catalog.relations {
        let name = &relation.name;
        let mut refuse = |why: String, column: Option<&ColumnName>| {
            let bytes = match column {
                Some(column) => written.column(name, column),
                None => written.relation(name),
            };
            let error = CatalogError::NotOfEngine { relation: name.clone(), why };
            errors.push(Misplaced { error, bytes });
        };
        if mongodb && name.schema != catalog.default_schema {
            refuse("is in another database, which no query can reach".to_owned(), None);
        }
        if mongodb && !is_collection(&name.name) {
            refuse("has a name that MongoDB keeps for itself".to_owned(), None);
        }
        for column in &relation.columns {
            let problem =
                if mongodb { document_problem(relation, column) } else { sql_problem(column) };
            if let Some(why) = problem {
                refuse(format!("has column `{}`, {why}", column.name), Some(&column.name));
            }
        }
    }
    errors
}

fn sql_problem(column: &Column) -> Option<&'static str> {
    let document = matches!(column.column_type, ColumnType::Document | ColumnType::ObjectId);
    (document || column.array).then_some("whose type only MongoDB has")
}

fn document_problem(relation: &Relation, column: &Column) -> Option<&'static str> {
    let path = column.name.as_str();
    if !path.split('.').all(is_field) || path.split('.').count() > MAX_PATH {
        return Some("whose name cannot be a path");
    }
    let listed = |above: &str| {
        let above = relation.column(&ColumnName::new(above));
        above.is_some_and(|above| above.column_type == ColumnType::Document)
    };
    if !ancestors(path).all(listed) {
        return Some("which is in a document that is not listed with type `document`");
    }
    match column.column_type {
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Time | ColumnType::Interval => {
            Some("whose type MongoDB does not have: an instant is `timestamptz`")
        }
        ColumnType::Integer
        | ColumnType::Float
        | ColumnType::Decimal
        | ColumnType::Boolean
        | ColumnType::Text
        | ColumnType::Bytes
        | ColumnType::Timestamptz
        | ColumnType::Uuid
        | ColumnType::Json
        | ColumnType::Document
        | ColumnType::ObjectId
        | ColumnType::Other => None,
    }
}

/// Whether a path can lead to a field of this name. Components of digits are positions in arrays.
pub(crate) fn is_field(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('$')
        && !name.contains(['\0', '.'])
        && !name.bytes().all(|byte| byte.is_ascii_digit())
        && name != "__proto__"
}

/// Whether a collection is the application's own. <https://www.mongodb.com/docs/manual/reference/system-collections/>
pub(crate) fn is_collection(name: &str) -> bool {
    let reserved = ["system.", "enxcol_.", "replset.", "$"];
    !name.is_empty()
        && name.len() <= 200
        && !name.contains(['$', '\0'])
        && !reserved.iter().any(|prefix| name.starts_with(prefix))
        && !["fs.chunks", "__proto__"].contains(&name)
}
