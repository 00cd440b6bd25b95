//! The rows that a query must give, and how they differ from those that it gave.

use toml::{Table, Value as Toml};

use crate::engine::{Cell, Rows};

/// The rows that a query must give: by the names of its columns, and a column that is not named is NULL.
pub(super) struct Given {
    pub(super) rows: Vec<Table>,
    /// Whether they must come in this order.
    pub(super) ordered: bool,
}

impl Given {
    /// What differs, a line for each row that is missing or is too much.
    pub(super) fn differences(&self, found: &Rows) -> Vec<String> {
        if found.truncated {
            return vec!["the answer was cut off by a limit".to_owned()];
        }
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        let unknown =
            self.rows.iter().flat_map(Table::keys).find(|key| !names.contains(&key.as_str()));
        if let Some(name) = unknown {
            return vec![format!("the answer has no column `{name}`: it has {}", names.join(", "))];
        }
        let equal = |table: &Table, row: &Vec<Cell>| {
            names.iter().zip(row).all(|(name, cell)| is(cell, table.get(*name)))
        };
        let mut rest: Vec<&Vec<Cell>> = found.rows.iter().collect();
        let mut differences = Vec::new();
        for table in &self.rows {
            match rest.iter().position(|row| equal(table, row)) {
                Some(place) => drop(rest.remove(place)),
                None => differences.push(format!("- {}", expected(table))),
            }
        }
        differences.extend(rest.iter().map(|row| format!("+ {}", shown(&names, row))));
        let in_order = || self.rows.iter().zip(&found.rows).all(|(table, row)| equal(table, row));
        if differences.is_empty() && self.ordered && !in_order() {
            differences.push("the rows come in another order:".to_owned());
            differences.extend(found.rows.iter().map(|row| format!("  {}", shown(&names, row))));
        }
        differences
    }
}

/// Whether a value is the one that was written down; nothing stands for NULL.
fn is(cell: &Cell, expected: Option<&Toml>) -> bool {
    let Some(expected) = expected else { return *cell == Cell::Null };
    match (cell, expected) {
        (Cell::Bool(truth), Toml::Boolean(expected)) => truth == expected,
        // Engines without truth values have integers for them.
        (Cell::Integer(number), Toml::Boolean(truth)) => *number == i64::from(*truth),
        (Cell::Integer(number), Toml::Integer(expected)) => number == expected,
        (Cell::Unsigned(number), Toml::Integer(expected)) => {
            i64::try_from(*number).is_ok_and(|number| number == *expected)
        }
        (Cell::Real(number), Toml::Float(expected)) => same(*number, *expected),
        (Cell::Real(number), Toml::Integer(expected)) => {
            i32::try_from(*expected).is_ok_and(|expected| same(*number, f64::from(expected)))
        }
        (Cell::Decimal(text), Toml::Integer(number)) => *text == number.to_string(),
        (Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text), Toml::String(expected)) => {
            text == expected
        }
        (Cell::Text(text), Toml::Datetime(at)) => moment(text) == moment(&at.to_string()),
        (Cell::Array(cells), Toml::Array(values)) => {
            cells.len() == values.len()
                && cells.iter().zip(values).all(|(cell, value)| is(cell, Some(value)))
        }
        (Cell::Document(fields), Toml::Table(table)) => {
            table.keys().all(|key| fields.iter().any(|(name, _)| name == key))
                && fields.iter().all(|(name, cell)| is(cell, table.get(name)))
        }
        (
            Cell::Null
            | Cell::Bool(_)
            | Cell::Integer(_)
            | Cell::Unsigned(_)
            | Cell::Real(_)
            | Cell::Decimal(_)
            | Cell::Text(_)
            | Cell::Bytes(_)
            | Cell::Json(_)
            | Cell::Array(_)
            | Cell::Document(_),
            _,
        ) => false,
    }
}

/// Exactly, and either zero is the other.
fn same(number: f64, expected: f64) -> bool {
    (number + 0.0).total_cmp(&(expected + 0.0)).is_eq()
}

/// A date and time in one form: engines differ in what stands between the two, in zeros at the end and in a Z for UTC.
fn moment(text: &str) -> String {
    let text = text.replacen('T', " ", 1);
    let text = text.trim_end_matches('Z');
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

fn expected(table: &Table) -> String {
    let fields: Vec<String> =
        table.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if fields.is_empty() { "a row of NULL".to_owned() } else { fields.join(", ") }
}

fn shown(names: &[&str], row: &[Cell]) -> String {
    let fields: Vec<String> = names
        .iter()
        .zip(row)
        .filter(|(_, cell)| **cell != Cell::Null)
        .map(|(name, cell)| format!("{name} = {}", text(cell)))
        .collect();
    if fields.is_empty() { "a row of NULL".to_owned() } else { fields.join(", ") }
}

/// As tests write it.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Unsigned(number) => number.to_string(),
        Cell::Real(number) => Toml::Float(*number).to_string(),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Json(text) => {
            Toml::String(text.clone()).to_string()
        }
        Cell::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Cell::Array(cells) => {
            let cells: Vec<String> = cells.iter().map(text).collect();
            format!("[{}]", cells.join(", "))
        }
        Cell::Document(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, cell)| format!("{name} = {}", text(cell))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// The cell as the name of a row.
pub(super) fn key(cell: &Cell) -> String {
    match cell {
        Cell::Decimal(text) | Cell::Text(text) | Cell::Json(text) => text.clone(),
        Cell::Null
        | Cell::Bool(_)
        | Cell::Integer(_)
        | Cell::Unsigned(_)
        | Cell::Real(_)
        | Cell::Bytes(_)
        | Cell::Array(_)
        | Cell::Document(_) => text(cell),
    }
}
