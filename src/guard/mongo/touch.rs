//! Which fields of a collection a query sees, at one place where it reads the collection: those that it touches.
//!
//! A field that is hidden on some documents takes those away from whoever touches it, and is dropped at the source for
//! everybody else. So a field that this misses is no field that is seen: the query finds nothing there. What is not known
//! to be narrow sees all fields.
//!
//! To name a path is to touch the fields on the way to it and all that is in it. Names count until the documents are made
//! anew of what has been named: by `$group`, by a `$project` that chooses. A field that a stage has dropped is not seen by
//! what comes after.

use std::collections::BTreeSet;

use bson::{Bson, Document};

use super::admit::is_flag;
use super::command::{Find, inner};
use super::names::{self, Stage};
use crate::catalog::{ColumnName, Relation, ancestors};
use crate::guard::Refusal;

/// What is seen so far of a collection whose columns these are.
#[derive(Debug, Clone)]
pub(super) struct Touch<'a> {
    relation: &'a Relation,
    seen: BTreeSet<&'a ColumnName>,
    dropped: BTreeSet<&'a ColumnName>,
}

/// Whether the documents are still those of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Documents {
    Own,
    Made,
}

impl<'a> Touch<'a> {
    /// Nothing.
    pub(super) fn new(relation: &'a Relation) -> Self {
        Self { relation, seen: BTreeSet::new(), dropped: BTreeSet::new() }
    }

    pub(super) fn sees(&self, column: &ColumnName) -> bool {
        self.seen.contains(column)
    }

    /// Everything that is left.
    pub(super) fn all(&mut self) {
        let columns = self.relation.columns.iter().map(|column| &column.name);
        self.seen.extend(columns.filter(|name| !self.dropped.contains(name)));
    }

    /// What a path names.
    pub(super) fn name(&mut self, path: &str) {
        let mut path = without_positions(path);
        // A field that is not listed tells of the document that it would be in.
        while self.relation.column(&ColumnName::new(path.as_str())).is_none()
            && let Some((above, _)) = path.rsplit_once('.')
        {
            path = above.to_owned();
        }
        for column in &self.relation.columns {
            let own = column.name.as_str();
            if (is_within(own, &path) || is_within(&path, own))
                && !self.dropped.contains(&column.name)
            {
                self.seen.insert(&column.name);
            }
        }
    }

    pub(super) fn find(&mut self, find: &Find) {
        self.condition(&find.filter);
        find.sort.iter().for_each(|sort| self.keys(sort));
        let documents = match &find.projection {
            Some(projection) => self.project(projection),
            None => Documents::Own,
        };
        if documents == Documents::Own {
            self.all();
        }
    }

    pub(super) fn distinct(&mut self, key: &str, query: &Document) {
        self.name(key);
        self.condition(query);
    }

    /// A pipeline to its end.
    pub(super) fn pipeline(&mut self, stages: &[&Document]) -> Result<(), Refusal> {
        for stage in stages {
            if self.stage(stage)? == Documents::Made {
                return Ok(());
            }
        }
        self.all();
        Ok(())
    }

    fn stage(&mut self, stage: &Document) -> Result<Documents, Refusal> {
        let Some((name, value)) = stage.iter().next() else { return Ok(Documents::Own) };
        let known = names::find(names::STAGES, name).and_then(|entry| entry.verdict.as_ref().ok());
        let (Some(kind), fields) = (known, value.as_document()) else {
            self.all();
            return Ok(Documents::Own);
        };
        Ok(match (kind, fields) {
            (Stage::Match, Some(condition)) => {
                self.condition(condition);
                Documents::Own
            }
            (Stage::Project, Some(projection)) => self.project(projection),
            (Stage::AddFields, Some(fields)) => {
                for (path, value) in fields {
                    // What is put into a document depends on what there is.
                    if path.contains('.') {
                        self.name(path);
                    }
                    self.expression(value);
                }
                Documents::Own
            }
            (Stage::Unset, _) => {
                let paths = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                paths.iter().filter_map(Bson::as_str).for_each(|path| self.drop(path));
                Documents::Own
            }
            (Stage::Sort, Some(sort)) => {
                self.keys(sort);
                Documents::Own
            }
            (Stage::Limit | Stage::Skip | Stage::UnionWith, _) => Documents::Own,
            (Stage::Unwind, _) => {
                let path = fields.and_then(|fields| fields.get("path")).unwrap_or(value);
                self.expression(path);
                Documents::Own
            }
            (Stage::Facet, Some(branches)) => {
                for (_, stages) in branches {
                    let mut branch = self.clone();
                    branch.pipeline(&inner(stages)?)?;
                    self.seen.extend(branch.seen);
                }
                Documents::Made
            }
            // The pipeline of a join has documents of its own.
            (Stage::Lookup, Some(fields)) => {
                if let Some(local) = fields.get("localField").and_then(Bson::as_str) {
                    self.name(local);
                }
                fields.get("let").into_iter().for_each(|variables| self.expression(variables));
                Documents::Own
            }
            (Stage::GraphLookup, Some(fields)) => {
                fields.get("startWith").into_iter().for_each(|start| self.expression(start));
                Documents::Own
            }
            (
                Stage::Group
                | Stage::Bucket
                | Stage::BucketAuto
                | Stage::SortByCount
                | Stage::ReplaceRoot
                | Stage::ReplaceWith,
                _,
            ) => {
                self.expression(value);
                Documents::Made
            }
            (Stage::Count, _) => Documents::Made,
            // They name fields in ways of their own.
            (
                Stage::Redact
                | Stage::Window
                | Stage::Fill
                | Stage::Densify
                | Stage::GeoNear
                | Stage::Documents,
                _,
            )
            | (
                Stage::Match
                | Stage::Project
                | Stage::AddFields
                | Stage::Sort
                | Stage::Facet
                | Stage::Lookup
                | Stage::GraphLookup,
                None,
            ) => {
                self.all();
                Documents::Own
            }
        })
    }

    /// A condition's paths.
    pub(super) fn condition(&mut self, condition: &Document) {
        for (key, value) in condition {
            match (key.as_str(), value) {
                ("$and" | "$or" | "$nor", Bson::Array(operands)) => {
                    operands
                        .iter()
                        .filter_map(Bson::as_document)
                        .for_each(|own| self.condition(own));
                }
                (name, value) if name.starts_with('$') => self.expression(value),
                (path, _) => self.name(path),
            }
        }
    }

    fn keys(&mut self, sort: &Document) {
        sort.keys().for_each(|path| self.name(path));
    }

    /// An expression's paths; also those of a document of expressions.
    fn expression(&mut self, value: &Bson) {
        match value {
            Bson::String(text) => {
                let whole = |name: &str| name == "ROOT" || name == "CURRENT";
                match (text.strip_prefix("$$"), text.strip_prefix('$')) {
                    (Some(variable), _) => match variable.split_once('.') {
                        Some((name, path)) if whole(name) => self.name(path),
                        None if whole(variable) => self.all(),
                        // What a variable holds was looked at where it was made.
                        Some(_) | None => {}
                    },
                    (None, Some(path)) => self.name(path),
                    (None, None) => {}
                }
            }
            Bson::Array(items) => items.iter().for_each(|item| self.expression(item)),
            Bson::Document(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("$literal", _) => {}
                        ("sortBy", Bson::Document(sort)) => self.keys(sort),
                        (_, value) => self.expression(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// A projection, which chooses fields where it does not only drop some.
    fn project(&mut self, projection: &Document) -> Documents {
        let mut leaves = Vec::new();
        leaves_of(projection, "", &mut leaves);
        let drops =
            |(path, value): &(String, &Bson)| path == "_id" || is_flag(value) == Some(false);
        let id = leaves.iter().find(|(path, _)| path == "_id").map(|(_, value)| *value);
        if leaves.iter().all(drops) && id.is_none_or(|id| is_flag(id) == Some(false)) {
            for (path, _) in &leaves {
                self.drop(path);
            }
            return Documents::Own;
        }
        if id.is_none() {
            self.name("_id");
        }
        for (path, value) in leaves {
            match is_flag(value) {
                Some(true) => self.name(&path),
                Some(false) => {}
                None => {
                    if path.contains('.') {
                        self.name(&path);
                    }
                    self.expression(value);
                }
            }
        }
        Documents::Made
    }

    /// A path that is gone from here on.
    fn drop(&mut self, path: &str) {
        for column in &self.relation.columns {
            if is_within(column.name.as_str(), path) {
                self.dropped.insert(&column.name);
            }
        }
    }
}

/// The paths of a projection and what it says of each.
fn leaves_of<'v>(fields: &'v Document, inside: &str, leaves: &mut Vec<(String, &'v Bson)>) {
    for (key, value) in fields {
        let path = format!("{inside}{key}");
        match value {
            Bson::Document(nested) if nested.keys().all(|key| !key.starts_with('$')) => {
                leaves_of(nested, &format!("{path}."), leaves);
            }
            value => leaves.push((path, value)),
        }
    }
}

/// The columns that are dropped at the source, being hidden on some documents and not touched: they, and what is in them.
pub(super) fn is_dropped<'c>(
    column: &ColumnName,
    touch: &Touch<'_>,
    mut somewhere: impl Iterator<Item = &'c ColumnName>,
) -> bool {
    somewhere.any(|hidden| is_within(column.as_str(), hidden.as_str()) && !touch.sees(hidden))
}

/// Whether a path is another one or in it.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    path == above || ancestors(path).any(|own| own == above)
}

/// The position of an element is no name.
fn without_positions(path: &str) -> String {
    let digits = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let names = path.split('.').enumerate().filter(|(at, name)| *at == 0 || !digits(name));
    names.map(|(_, name)| name).collect::<Vec<_>>().join(".")
}
