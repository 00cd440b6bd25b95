//! Which paths a document has at a place in a pipeline.
//!
//! At its source a pipeline sees the columns of the catalog and nothing else: what is not listed is dropped right after
//! the filter. So this is the answer to a misspelt name where it can be known, and the law where a condition is looked
//! at before anything is dropped: in a `find`, a `count`, a `distinct`, and in what joins look up by.

use crate::catalog::{ColumnName, ColumnType, Relation, ancestors};
use crate::guard::{Refusal, RefusalCode};

/// The paths of a document.
#[derive(Debug, Clone)]
pub(super) enum Shape<'a> {
    /// Whatever a stage has made: everything may be named, and what is not there is missing.
    Open,
    /// A collection's columns, and fields that stages have added.
    Columns { relation: &'a Relation, added: Vec<String> },
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Something of which all may be seen.
    Value,
    /// A document of which only the listed fields may be seen.
    Document,
}

impl<'a> Shape<'a> {
    pub(super) fn of(relation: &'a Relation) -> Self {
        Self::Columns { relation, added: Vec::new() }
    }

    /// Adds a field that a stage makes.
    pub(super) fn add(&mut self, path: &str) {
        match self {
            Self::Open => {}
            Self::Columns { added, .. } => added.push(path.to_owned()),
        }
    }

    /// What a path leads to; refused where it can lead to nothing.
    pub(super) fn find(&self, path: &str) -> Result<Found, Refusal> {
        if !is_path(path) {
            return Err(Refusal::new(
                RefusalCode::UnknownColumn,
                format!("`{path}` is not a path"),
                "name fields, joined by dots",
            ));
        }
        let Self::Columns { relation, added } = self else { return Ok(Found::Value) };
        if added.iter().any(|own| path == own || is_below(path, own) || is_below(own, path)) {
            return Ok(Found::Value);
        }
        // The position of an element is no name.
        let named: Vec<&str> = path
            .split('.')
            .enumerate()
            .filter(|(index, name)| *index == 0 || !name.bytes().all(|byte| byte.is_ascii_digit()))
            .map(|(_, name)| name)
            .collect();
        let named = named.join(".");
        if let Some(column) = relation.column(&ColumnName::new(named.as_str())) {
            let document = column.column_type == ColumnType::Document;
            return Ok(if document { Found::Document } else { Found::Value });
        }
        let above = ancestors(&named).filter_map(|above| relation.column(&ColumnName::new(above)));
        match above.last().map(|column| column.column_type) {
            // Its fields are not told apart, so all of them are there.
            Some(ColumnType::Json | ColumnType::Other) => Ok(Found::Value),
            Some(_) | None => Err(Refusal::new(
                RefusalCode::UnknownColumn,
                format!("`{path}` is not a field of `{}`", relation.name.name),
                "use the fields that the catalog lists",
            )),
        }
    }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// Names joined by dots, none of them empty or an operator's.
pub(super) fn is_path(path: &str) -> bool {
    let name = |name: &str| !name.is_empty() && !name.starts_with('$') && !name.contains('\0');
    path.split('.').count() <= 32 && path.split('.').all(name)
}
