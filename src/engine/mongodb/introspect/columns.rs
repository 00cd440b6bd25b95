//! From what a sample has and a validator promises to the columns of a catalog.
//!
//! What is not certain is left to the author: a field of several types is `other`, which no policy reads, and a field is
//! optional unless a validator says that it is there. A comment beside each column says what was seen.

use std::collections::BTreeSet;

use super::kind::Kind;
use super::sample::Seen;
use super::validator::Promise;
use crate::catalog::{Column, ColumnName, ColumnType, RelationName, Remarks};

/// The columns of a collection, with what there is to say about them.
pub(super) fn columns(
    relation: &RelationName,
    seen: &Seen,
    promise: Option<&Promise>,
    remarks: &mut Remarks,
) -> Vec<Column> {
    let mut found = Found { relation, columns: Vec::new(), remarks };
    found.fields("", seen, promise);
    // Every document has one, whatever it is.
    if !found.columns.iter().any(|column| column.name.as_str() == "_id") {
        let name = ColumnName::new("_id");
        found.remarks.say(relation, &name, "no document was seen".to_owned());
        found.columns.insert(0, column("_id", (ColumnType::Other, false), false));
    }
    found.columns
}

struct Found<'a> {
    relation: &'a RelationName,
    columns: Vec<Column>,
    remarks: &'a mut Remarks,
}

impl Found<'_> {
    /// The fields of the documents at a place.
    fn fields(&mut self, above: &str, seen: &Seen, promise: Option<&Promise>) {
        // By their names: in a sample the first document is another each time.
        let promised = promise.into_iter().flat_map(|promise| promise.fields.keys());
        let mut names: BTreeSet<String> = seen.fields.keys().chain(promised).cloned().collect();
        let own = if above.is_empty() { names.take("_id") } else { None };
        let names: Vec<String> = own.into_iter().chain(names).collect();
        let none = Seen::default();
        for name in names {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            let field = seen.fields.get(&name).unwrap_or(&none);
            let promised = promise.and_then(|promise| promise.fields.get(&name));
            let required = promise.is_some_and(|promise| promise.required.contains(&name));
            self.field(&path, field, seen.documents, promised, required);
        }
    }

    fn field(
        &mut self,
        path: &str,
        seen: &Seen,
        documents: u64,
        promise: Option<&Promise>,
        required: bool,
    ) {
        let there: u64 =
            seen.kinds.iter().filter(|(kind, _)| **kind != Kind::Null).map(|(_, n)| n).sum();
        let always = there == documents;
        let mut kinds: BTreeSet<Kind> = seen.kinds.keys().copied().collect();
        let mut elements: BTreeSet<Kind> = seen.elements.keys().copied().collect();
        let may_be_null = promise
            .is_some_and(|promise| promise.kinds.is_empty() || promise.kinds.contains(&Kind::Null));
        if let Some(promise) = promise {
            merge(&mut kinds, &promise.kinds);
            if let Some(items) = &promise.items {
                merge(&mut elements, &items.kinds);
            }
        }
        kinds.remove(&Kind::Null);
        let nullable = path != "_id" && !(required && !may_be_null && always);
        let seen_as = frequency(there, documents);
        let (column_type, remark) = match decide(&kinds, &elements) {
            Ok(decided) if kinds.contains(&Kind::Whole) => {
                (decided, format!("also as double; {seen_as}"))
            }
            Ok(decided) => (decided, seen_as),
            Err(why) => {
                let array = kinds.len() == 1 && kinds.contains(&Kind::Array);
                ((ColumnType::Other, array), format!("{why}; {seen_as}"))
            }
        };
        let column = column(path, column_type, nullable);
        if column.column_type != ColumnType::Document {
            return self.list(column, remark);
        }
        if seen.open {
            let column = Column { column_type: ColumnType::Json, ..column };
            let remark =
                format!("names in it are many, or no names: `json` shows all of it; {remark}");
            return self.remarks.offer(self.relation, column, remark);
        }
        self.list(column, remark);
        let inside = promise.map(|promise| promise.items.as_deref().unwrap_or(promise));
        self.fields(path, seen, inside);
    }

    fn list(&mut self, column: Column, remark: String) {
        self.remarks.say(self.relation, &column.name, remark);
        self.columns.push(column);
    }
}

/// What is promised and what was seen; a promise of all numbers adds none that were not seen.
fn merge(seen: &mut BTreeSet<Kind>, promised: &BTreeSet<Kind>) {
    let numbers = BTreeSet::from([Kind::Int, Kind::Double, Kind::Decimal]);
    if !seen.is_empty() && promised.is_superset(&numbers) {
        return;
    }
    // `binData` is said of UUIDs, too.
    let uuids = seen.contains(&Kind::Uuid);
    seen.extend(promised.iter().filter(|kind| !(uuids && **kind == Kind::Binary)));
}

fn column(path: &str, (column_type, array): (ColumnType, bool), nullable: bool) -> Column {
    Column {
        name: ColumnName::new(path),
        column_type,
        declared: String::new(),
        nullable,
        collation: None,
        array,
    }
}

fn frequency(there: u64, documents: u64) -> String {
    match (there, documents) {
        (_, 0) => "not in the sample".to_owned(),
        (there, documents) if there == documents => format!("in all {documents} of the sample"),
        (there, documents) => format!("in {there} of {documents} of the sample"),
    }
}

/// The type that holds every value of these types, and whether it is an array; why there is none.
fn decide(kinds: &BTreeSet<Kind>, elements: &BTreeSet<Kind>) -> Result<(ColumnType, bool), String> {
    let kinds: Vec<Kind> = kinds.iter().copied().collect();
    if kinds == [Kind::Array] {
        return match elements.iter().copied().collect::<Vec<Kind>>().as_slice() {
            [] => Err("only empty arrays".to_owned()),
            elements => match scalar(elements) {
                Some(element) => Ok((element, true)),
                None => Err(format!("an array of {}", listed(elements))),
            },
        };
    }
    match (kinds.as_slice(), scalar(&kinds)) {
        ([], _) => Err("only null".to_owned()),
        (_, Some(column_type)) => Ok((column_type, false)),
        (kinds, None) => Err(format!("{}: no policy reads it", listed(kinds))),
    }
}

/// The type of a value or of the elements of an array.
fn scalar(kinds: &[Kind]) -> Option<ColumnType> {
    let numbers = [Kind::Int, Kind::Whole, Kind::Double, Kind::Decimal];
    if !kinds.is_empty() && kinds.iter().all(|kind| numbers.contains(kind)) {
        return Some(if kinds.contains(&Kind::Decimal) {
            ColumnType::Decimal
        } else if kinds.contains(&Kind::Double) {
            ColumnType::Float
        } else {
            ColumnType::Integer
        });
    }
    let [kind] = kinds else { return None };
    match kind {
        Kind::Int | Kind::Whole => Some(ColumnType::Integer),
        Kind::Double => Some(ColumnType::Float),
        Kind::Decimal => Some(ColumnType::Decimal),
        Kind::Bool => Some(ColumnType::Boolean),
        Kind::String => Some(ColumnType::Text),
        Kind::Date => Some(ColumnType::Timestamptz),
        Kind::ObjectId => Some(ColumnType::ObjectId),
        Kind::Uuid => Some(ColumnType::Uuid),
        Kind::Binary => Some(ColumnType::Bytes),
        Kind::Object => Some(ColumnType::Document),
        Kind::Array | Kind::Null | Kind::Other => None,
    }
}

fn listed(kinds: &[Kind]) -> String {
    let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.into_iter().collect::<Vec<&str>>().join(" or ")
}
