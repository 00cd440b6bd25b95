//! What must come first where a collection is read, derived from the filters here and nowhere else: made once for a caller
//! where it is always the same, and otherwise of the very projection that stands there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};

use super::columns::{all, listed};
use super::{Stages, Verified, is};
use crate::catalog::{Column, ColumnName, ColumnType, Relation};
use crate::guard::Refusal;
use crate::guard::mongo::{emit, tree};
use crate::predicate::{PredicateSet, RowFilter};

/// What is expected of a collection.
#[derive(Debug)]
pub(in crate::guard::mongo) struct Expected {
    /// Without the columns that the caller does not have.
    pub(super) relation: Relation,
    /// The filter of a place that touches no column; absent where every document may be read.
    pub(super) filter: Option<RawDocumentBuf>,
    /// The projection to the listed columns, where nothing depends on what is touched and nothing is masked.
    columns: RawDocumentBuf,
    changes: Option<Changes>,
}

/// What is hidden on some documents, and what is masked.
#[derive(Debug)]
struct Changes {
    /// As the catalog has it.
    relation: Relation,
    rows: RowFilter,
    left: BTreeMap<ColumnName, RowFilter>,
    masks: BTreeMap<ColumnName, Bson>,
}

/// What is expected at one place.
pub(super) struct Here<'e> {
    pub(super) filter: Option<Cow<'e, RawDocumentBuf>>,
    /// The projection; absent where it has been looked at.
    pub(super) columns: Option<&'e RawDocumentBuf>,
}

fn encoded(document: &Document) -> Result<RawDocumentBuf, Refusal> {
    RawDocumentBuf::try_from(document).map_err(|_| tree::mismatch())
}

fn condition(rows: &RowFilter, relation: &Relation) -> Result<Option<RawDocumentBuf>, Refusal> {
    match rows {
        RowFilter::AllRows => Ok(None),
        RowFilter::NoRows => Err(tree::mismatch()),
        RowFilter::Where(predicate) => encoded(&emit::condition(predicate, relation)?).map(Some),
    }
}

impl Expected {
    pub(in crate::guard::mongo) fn of(
        relation: &Relation,
        filters: &PredicateSet,
    ) -> Result<Self, Refusal> {
        let name = &relation.name;
        let rows = filters.filter_for(name);
        let mut seen = relation.clone();
        if let Some(hidden) = filters.hidden_of(name) {
            let gone = |path: &str| hidden.iter().any(|own| in_or_at(path, own.as_str()));
            seen.columns.retain(|column| !gone(column.name.as_str()));
            let fields = |of: &Relation, document: &Column| {
                let own = of.columns.iter().filter(|own| own.column_type != ColumnType::Document);
                own.filter(|own| in_or_at(own.name.as_str(), document.name.as_str())).count()
            };
            let left = seen.clone();
            seen.columns.retain(|column| {
                column.column_type != ColumnType::Document
                    || fields(relation, column) == 0
                    || fields(&left, column) > 0
            });
        }
        let mut masks = BTreeMap::new();
        for (column, masked) in filters.masks_of(name).into_iter().flatten() {
            if let Some(column) = seen.column(column) {
                masks.insert(column.name.clone(), emit::masked(column, masked, relation)?);
            }
        }
        let left = filters.touched_of(name).into_iter().flatten();
        let left: BTreeMap<_, _> = left
            .filter(|(column, _)| seen.column(column).is_some())
            .map(|(column, rows)| (column.clone(), rows.clone()))
            .collect();
        let changes = (!left.is_empty() || !masks.is_empty()).then(|| Changes {
            relation: relation.clone(),
            rows: rows.clone(),
            left,
            masks,
        });
        Ok(Self {
            filter: condition(rows, relation)?,
            columns: encoded(&all(&seen, None))?,
            relation: seen,
            changes,
        })
    }

    /// That the projection is the same at every place.
    pub(super) fn is_plain(&self) -> Verified<()> {
        self.changes.is_none().then_some(())
    }

    /// That nothing is masked.
    pub(super) fn is_clear(&self) -> Verified<()> {
        self.changes.as_ref().is_none_or(|changes| changes.masks.is_empty()).then_some(())
    }

    /// That a path, which the server looks at before any projection, names nothing that is masked.
    pub(super) fn is_clear_at(&self, path: &str) -> Verified<()> {
        let Some(changes) = &self.changes else { return Some(()) };
        let path = names(path);
        (!changes.masks.keys().any(|masked| related(masked.as_str(), &path))).then_some(())
    }

    /// The filter of a place that sees these paths, whatever they lead to.
    pub(super) fn filter_seeing(
        &self,
        paths: &[String],
    ) -> Verified<Option<Cow<'_, RawDocumentBuf>>> {
        let Some(changes) = self.changes.as_ref().filter(|changes| !changes.left.is_empty()) else {
            return Some(self.filter.as_ref().map(Cow::Borrowed));
        };
        let touched = |column: &ColumnName| {
            paths.iter().any(|path| related(column.as_str(), &self.known(path)))
        };
        let own = changes.left.iter().filter(|(column, _)| touched(column));
        let rows = own.fold(changes.rows.clone(), |rows, (_, left)| rows.and(left.clone()));
        Some(condition(&rows, &changes.relation).ok()?.map(Cow::Owned))
    }

    /// The filter of a place that sees all there is.
    pub(super) fn filter_seeing_all(&self) -> Verified<Option<Cow<'_, RawDocumentBuf>>> {
        let paths: Vec<String> =
            self.relation.columns.iter().map(|column| column.name.to_string()).collect();
        self.filter_seeing(&paths)
    }

    /// A path, or where nothing is listed there the document that it would be in.
    fn known(&self, path: &str) -> String {
        let path = names(path);
        let above = path.match_indices('.').filter_map(|(dot, _)| path.get(..dot));
        let mut listed: Vec<&str> = above.chain([path.as_str()]).collect();
        while let Some(last) = listed.pop() {
            if listed.is_empty()
                || self.relation.columns.iter().any(|own| own.name.as_str() == last)
            {
                return last.to_owned();
            }
        }
        path
    }

    /// What is expected where these stages read the collection, `by` a field and with a field that the first one adds.
    pub(super) fn here<'e>(
        &'e self,
        stages: &Stages<'_>,
        by: Option<&str>,
        added: Option<&str>,
    ) -> Verified<Here<'e>> {
        let Some(changes) = &self.changes else {
            let filter = self.filter.as_ref().map(Cow::Borrowed);
            return Some(Here { filter, columns: added.is_none().then_some(&self.columns) });
        };
        // Filter or none, fence or none, and the projection: what is where is looked at by the caller.
        let mut first = stages.iter().take(3);
        let (_, projection) = first.find(|(name, _)| *name == "$project")?;
        let shown = self.shown(projection.as_document()?, changes, added)?;
        if let Some(by) = by {
            self.is_clear_at(by)?;
            let by = self.known(by);
            let touched = changes.left.keys().filter(|column| related(column.as_str(), &by));
            let seen = |column: &ColumnName| shown.iter().any(|own| related(own, column.as_str()));
            touched.into_iter().all(seen).then_some(())?;
        }
        Some(Here { filter: self.filter_seeing(&shown)?, columns: None })
    }

    /// The columns that a projection lets through: each as it is or, where it is masked, as its very mask.
    fn shown(
        &self,
        projection: &RawDocument,
        changes: &Changes,
        added: Option<&str>,
    ) -> Verified<Vec<String>> {
        let mut shown = Vec::new();
        let mut id = None;
        for field in projection {
            let (path, value) = field.ok()?;
            let path = path.as_str();
            if path == "_id" {
                id = Some(value);
            }
            match (value, changes.masks.get(&ColumnName::new(path))) {
                (RawBsonRef::Int32(0), _) => {
                    (path == "_id").then_some(())?;
                    continue;
                }
                (RawBsonRef::Int32(1), None) if added == Some(path) => continue,
                (RawBsonRef::Int32(1), None) => listed(path, &self.relation)?,
                (value, Some(mask)) => is(value, mask)?,
                (_, None) => return None,
            }
            self.relation.columns.iter().any(|own| own.name.as_str() == path).then_some(())?;
            (!shown.iter().any(|own| own == path)).then_some(())?;
            shown.push(path.to_owned());
        }
        // It comes along where nothing is said of it.
        let nested = shown.iter().any(|path| path.starts_with("_id."));
        (id.is_some() || nested).then_some(())?;
        // What could only be missed by mistake.
        let seen = |column: &Column| {
            let name = column.name.as_str();
            column.column_type == ColumnType::Document
                || shown.iter().any(|own| own == name)
                || changes.left.keys().any(|hidden| in_or_at(name, hidden.as_str()))
        };
        (!shown.is_empty() && self.relation.columns.iter().all(seen)).then_some(shown)
    }
}

/// Every path that a condition names, and every path in an expression of it.
pub(super) fn paths_of(condition: RawBsonRef<'_>, paths: &mut Vec<String>) -> Verified<()> {
    let RawBsonRef::Document(condition) = condition else { return None };
    for field in condition {
        let (key, value) = field.ok()?;
        match (key.as_str(), value) {
            ("$and" | "$or" | "$nor", RawBsonRef::Array(operands)) => {
                operands.into_iter().try_for_each(|own| paths_of(own.ok()?, paths))?;
            }
            ("$expr", value) => paths_in(value, paths)?,
            (key, _) if key.starts_with('$') => return None,
            (path, _) => paths.push(path.to_owned()),
        }
    }
    Some(())
}

fn paths_in(expression: RawBsonRef<'_>, paths: &mut Vec<String>) -> Verified<()> {
    match expression {
        RawBsonRef::String(text) => {
            for variable in ["$$ROOT", "$$CURRENT"] {
                // Of a whole document nothing narrow is known.
                (text != variable).then_some(())?;
                if let Some(path) = text.strip_prefix(variable).and_then(|it| it.strip_prefix('.'))
                {
                    paths.push(path.to_owned());
                }
            }
            if let Some(path) = text.strip_prefix('$').filter(|path| !path.starts_with('$')) {
                paths.push(path.to_owned());
            }
        }
        RawBsonRef::Array(items) => {
            items.into_iter().try_for_each(|item| paths_in(item.ok()?, paths))?;
        }
        RawBsonRef::Document(fields) => {
            for field in fields {
                let (key, value) = field.ok()?;
                match (key.as_str(), value) {
                    ("$literal", _) => {}
                    ("sortBy", RawBsonRef::Document(keys)) => {
                        for key in keys {
                            paths.push(key.ok()?.0.as_str().to_owned());
                        }
                    }
                    (_, value) => paths_in(value, paths)?,
                }
            }
        }
        _ => {}
    }
    Some(())
}

/// Positions in arrays are no names.
fn names(path: &str) -> String {
    let digits = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let rest = names.filter(|name| !digits(name)).map(|name| format!(".{name}"));
    std::iter::once(first.to_owned()).chain(rest).collect()
}

fn in_or_at(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether one of two paths leads through the other.
fn related(one: &str, other: &str) -> bool {
    in_or_at(one, other) || in_or_at(other, one)
}
