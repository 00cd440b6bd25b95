//! Documents as rows: a column for each field at their top, in the order in which the documents first show it.

use std::borrow::Cow;
use std::collections::HashMap;

use bson::raw::{RawBsonRef, RawDocument};

use super::value;
use crate::engine::{AnswerColumn, Cell, EngineError, Rows};
use crate::policy::settings::Limits;

/// Rows as they arrive, up to the limits.
pub(super) struct Table {
    limits: Limits,
    columns: Vec<Column>,
    places: HashMap<String, usize>,
    /// Each as wide as there were columns when it came.
    rows: Vec<Vec<Cell>>,
    /// What the values weigh, and how many there are.
    bytes: usize,
    cells: usize,
    truncated: bool,
}

/// A column, and what its values have been so far.
struct Column {
    name: String,
    type_name: Option<&'static str>,
}

impl Table {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            columns: Vec::new(),
            places: HashMap::new(),
            rows: Vec::new(),
            bytes: 0,
            cells: 0,
            truncated: false,
        }
    }

    /// Adds a document. `false` means that it did not fit and that no further one is wanted.
    pub(super) fn push(&mut self, document: &RawDocument) -> Result<bool, EngineError> {
        let mut row: Vec<Option<Cell>> = Vec::new();
        let known = self.columns.len();
        let mut seen = Vec::new();
        for element in document {
            let (name, value) = element.map_err(|error| value::malformed(&error))?;
            let place = self.place(name.as_str());
            if place >= row.len() {
                row.resize(place + 1, None);
            }
            // A document may hold a field twice: MongoDB reads the first.
            if let Some(slot @ None) = row.get_mut(place) {
                *slot = Some(value::cell(value)?);
                seen.push((place, value::type_name(value)));
            }
        }
        let weight: usize = row.iter().flatten().map(Cell::bytes).sum();
        self.bytes = self.bytes.saturating_add(weight);
        self.cells += row.iter().flatten().count();
        // What is missing in a document weighs as much as a null: a wide answer of many forms is a large one.
        let all = (self.rows.len() + 1).saturating_mul(self.columns.len());
        let holes = all.saturating_sub(self.cells).saturating_mul(Cell::Null.bytes());
        if self.rows.len() >= self.limits.rows
            || self.bytes.saturating_add(holes) > self.limits.bytes
        {
            self.truncated = true;
            self.columns.truncate(known);
            return Ok(false);
        }
        for (place, type_name) in seen {
            if let Some(column) = self.columns.get_mut(place) {
                column.type_name = together(column.type_name, type_name);
            }
        }
        self.rows.push(row.into_iter().map(|cell| cell.unwrap_or(Cell::Null)).collect());
        Ok(true)
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.columns.len();
        self.columns.push(Column { name: name.to_owned(), type_name: None });
        self.places.insert(name.to_owned(), place);
        place
    }

    pub(super) fn into_rows(self) -> Rows {
        let width = self.columns.len();
        let mut rows = self.rows;
        for row in &mut rows {
            row.resize(width, Cell::Null);
        }
        let columns = self.columns.into_iter().map(|Column { name, type_name }| AnswerColumn {
            name,
            type_name: Cow::Borrowed(type_name.unwrap_or("unknown")),
        });
        Rows { columns: columns.collect(), rows, truncated: self.truncated }
    }
}

/// What a column of both is called.
fn together(left: Option<&'static str>, right: Option<&'static str>) -> Option<&'static str> {
    match (left, right) {
        (None, only) | (only, None) => only,
        (Some(left), Some(right)) if left == right => Some(left),
        (Some("integer" | "float"), Some("integer" | "float")) => Some("float"),
        (Some(_), Some(_)) => Some("mixed"),
    }
}

/// An answer of one column, whose values are given.
pub(super) fn of_values<'a>(
    name: &str,
    values: impl IntoIterator<Item = RawBsonRef<'a>>,
    limits: Limits,
) -> Result<Rows, EngineError> {
    let mut table = Table::new(limits);
    table.place(name);
    for value in values {
        let cell = value::cell(value)?;
        table.bytes = table.bytes.saturating_add(cell.bytes());
        if table.rows.len() >= limits.rows || table.bytes > limits.bytes {
            table.truncated = true;
            break;
        }
        if let Some(column) = table.columns.first_mut() {
            column.type_name = together(column.type_name, value::type_name(value));
        }
        table.rows.push(vec![cell]);
    }
    Ok(table.into_rows())
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    const LIMITS: Limits = Limits { rows: 3, bytes: 200, milliseconds: 1_000 };

    fn shown(rows: &Rows) -> String {
        let columns: Vec<String> = rows
            .columns
            .iter()
            .map(|column| format!("{}: {}", column.name, column.type_name))
            .collect();
        format!("{columns:?} {:?} {}", rows.rows, rows.truncated)
    }

    #[test]
    fn columns_are_the_fields_as_they_are_first_seen() {
        let mut table = Table::new(LIMITS);
        assert_eq!(table.push(&rawdoc! { "b": 1, "a": "x" }), Ok(true));
        assert_eq!(table.push(&rawdoc! { "a": bson::RawBson::Null, "c": 1.5, "b": 2.5 }), Ok(true));
        assert_eq!(table.push(&rawdoc! { "c": true }), Ok(true));
        assert_eq!(table.push(&rawdoc! { "d": 1 }), Ok(false));
        let rows = table.into_rows();
        assert_eq!(
            shown(&rows),
            r#"["b: float", "a: text", "c: mixed"] [[Integer(1), Text("x"), Null], [Real(2.5), Null, Real(1.5)], [Null, Null, Bool(true)]] true"#
        );
    }

    #[test]
    fn holes_weigh() {
        let limits = Limits { rows: 1_000, bytes: 8 * 100, milliseconds: 1_000 };
        let mut table = Table::new(limits);
        let pushed = (0..100_i32).take_while(|number| {
            let mut document = bson::RawDocumentBuf::new();
            document.append(bson::raw::CString::try_from(format!("f{number}")).unwrap(), 1_i32);
            table.push(&document).unwrap()
        });
        // Ten rows of ten columns are a hundred cells.
        assert_eq!(pushed.count(), 10);
        assert_eq!(table.into_rows().columns.len(), 10);
    }

    #[test]
    fn bytes_are_cut() {
        let mut table = Table::new(LIMITS);
        assert_eq!(table.push(&rawdoc! { "a": "x".repeat(150) }), Ok(true));
        assert_eq!(table.push(&rawdoc! { "a": "x".repeat(51) }), Ok(false));
        let rows = table.into_rows();
        assert_eq!((rows.rows.len(), rows.truncated), (1, true));
        let many = (0..10).map(RawBsonRef::Int32);
        let rows = of_values("n", many, LIMITS).unwrap();
        assert_eq!((rows.rows.len(), rows.truncated), (3, true));
    }
}
