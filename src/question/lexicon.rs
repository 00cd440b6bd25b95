//! The lexicon: which words name which relation and column. It holds only what the caller may read, so that nothing
//! the generator says can tell a relation that is denied from one that does not exist.

use crate::catalog::{Catalog, Column, ColumnName, ColumnType, Relation, RelationName};
use crate::predicate::{CmpOp, RowFilter};

use super::Readable;
use super::cursor::Cursor;
use super::intent::{Condition, Literal, Test};
use super::words::{Token, name_parts, singular};

/// The readable relations and their names.
pub(super) struct Lexicon<'c> {
    catalog: &'c Catalog,
    tenant_column: Option<ColumnName>,
    relations: Vec<Entry<'c>>,
}

/// A readable relation and the words that name it.
struct Entry<'c> {
    relation: &'c Relation,
    words: Vec<String>,
    /// The same after the words of its schema.
    qualified: Vec<String>,
}

/// A foreign key to another readable relation, which is shown by its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link<'c> {
    /// The relation that is referred to.
    pub(super) target: &'c Relation,
    /// The target's column that people know its rows by.
    pub(super) label: &'c Column,
    /// Pairs of equal columns: the target's and the referring relation's.
    pub(super) on: Vec<(&'c ColumnName, &'c ColumnName)>,
    /// The tenant columns of both, where the key does not hold them.
    pub(super) tenant: Option<(&'c ColumnName, &'c ColumnName)>,
    /// The word for one target.
    pub(super) noun: String,
}

impl<'c> Lexicon<'c> {
    pub(super) fn new(readable: &Readable<'c>) -> Self {
        let exists = |relation: &&Relation| match readable.filters.filter_for(&relation.name) {
            RowFilter::NoRows => false,
            RowFilter::AllRows | RowFilter::Where(_) => true,
        };
        let catalog = readable.catalog;
        let named = |relation: &'c Relation| {
            let words = name_parts(&relation.name.name);
            let qualified = [name_parts(&relation.name.schema), words.clone()].concat();
            Entry { relation, words, qualified }
        };
        let relations = catalog.relations.iter().filter(exists).map(named).collect();
        Self { catalog, tenant_column: readable.tenant_column.map(ColumnName::new), relations }
    }

    /// In the order of the catalog.
    pub(super) fn relations(&self) -> impl Iterator<Item = &'c Relation> {
        self.relations.iter().map(|entry| entry.relation)
    }

    /// Whether the column says whose a row is: true of every row a caller sees, so never worth asking for.
    pub(super) fn is_tenant(&self, column: &Column) -> bool {
        self.tenant_column.as_ref() == Some(&column.name)
    }

    /// A relation outside the default schema is written with its schema.
    pub(super) fn is_default_schema(&self, relation: &Relation) -> bool {
        relation.name.schema == self.catalog.default_schema
    }

    /// The relation whose name comes next, and the place after it: the longest name, and none where two are as long.
    pub(super) fn relation_at<'q>(&self, cursor: Cursor<'q>) -> Option<(&'c Relation, Cursor<'q>)> {
        longest(self.relations.iter().flat_map(|entry| {
            let after = [&entry.words, &entry.qualified].map(|name| cursor.after_name(name));
            after.into_iter().flatten().map(|after| (entry.relation, after))
        }))
    }

    /// The foreign key that a word after "per" means: by the name of its target, or by its own column's.
    pub(super) fn link_at<'q>(
        &self,
        relation: &'c Relation,
        cursor: Cursor<'q>,
    ) -> Option<(Link<'c>, Cursor<'q>)> {
        let mut found = Vec::new();
        for key in &relation.foreign_keys {
            let Some((target, target_words)) = self.target(&key.references) else { continue };
            let Some(label) = label(target) else { continue };
            // Two relations of one name, or one relation twice, would need aliases to tell them apart.
            if target.name.name == relation.name.name
                || key.columns.len() != key.referenced_columns.len()
            {
                continue;
            }
            let own = match key.columns.as_slice() {
                [column] => key_noun(column),
                _ => None,
            };
            let by_target = cursor.after_name(target_words);
            let by_column = own.as_ref().and_then(|words| cursor.after_name(words));
            let Some(after) = by_target.into_iter().chain(by_column).min_by_key(|c| c.remaining())
            else {
                continue;
            };
            let on: Vec<_> = key.referenced_columns.iter().zip(&key.columns).collect();
            let tenant = self.tenant_pair(target, relation).filter(|pair| !on.contains(pair));
            let noun = singular(&own.as_deref().unwrap_or(target_words).join("_"));
            found.push((Link { target, label, on, tenant, noun }, after));
        }
        longest(found)
    }

    /// A key that names a row only by its id may name another tenant's row, so joins compare the tenant as well.
    fn tenant_pair(
        &self,
        target: &'c Relation,
        relation: &'c Relation,
    ) -> Option<(&'c ColumnName, &'c ColumnName)> {
        let tenant = self.tenant_column.as_ref()?;
        Some((&target.column(tenant)?.name, &relation.column(tenant)?.name))
    }

    fn target(&self, references: &str) -> Option<(&'c Relation, &[String])> {
        let named = |relation: &RelationName| {
            let bare =
                relation.schema == self.catalog.default_schema && relation.name == references;
            bare || relation.to_string() == references
        };
        let entry = self.relations.iter().find(|entry| named(&entry.relation.name))?;
        Some((entry.relation, entry.words.as_slice()))
    }

    /// The relation that alone has a column of the name that comes next.
    pub(super) fn only_relation_with<'q>(
        &self,
        cursor: Cursor<'q>,
    ) -> Option<(&'c Relation, &'c Column, Cursor<'q>)> {
        longest(self.relations().filter_map(|relation| {
            let (column, after) = column_at(relation, cursor)?;
            Some(((relation, column), after))
        }))
        .map(|((relation, column), after)| (relation, column, after))
    }
}

/// The candidate that accounts for the most words; none where two account for as many, since that would be a guess.
fn longest<'q, T: PartialEq>(
    candidates: impl IntoIterator<Item = (T, Cursor<'q>)>,
) -> Option<(T, Cursor<'q>)> {
    let mut best: Option<(T, Cursor<'q>)> = None;
    let mut tied = false;
    for (candidate, after) in candidates {
        match &best {
            Some((_, longest)) if after.remaining() > longest.remaining() => {}
            Some((other, longest)) if after.remaining() == longest.remaining() => {
                tied |= *other != candidate;
            }
            Some(_) | None => {
                best = Some((candidate, after));
                tied = false;
            }
        }
    }
    best.filter(|_| !tied)
}

/// The column whose name comes next, and the place after it.
pub(super) fn column_at<'c, 'q>(
    relation: &'c Relation,
    cursor: Cursor<'q>,
) -> Option<(&'c Column, Cursor<'q>)> {
    longest(relation.columns.iter().flat_map(|column| {
        let names = column_names(column).into_iter();
        names.filter_map(move |name| Some((column, cursor.after_name(&name)?)))
    }))
}

/// The names of a column: its own words, and what people say instead of the particle at its end. `due_on` is "due" and
/// "due date", `assigned_to` is "assignee".
fn column_names(column: &Column) -> Vec<Vec<String>> {
    let own = name_parts(column.name.as_str());
    let mut names = vec![own.clone()];
    if let [stem @ .., particle] = own.as_slice()
        && !stem.is_empty()
    {
        let temporal = is_temporal(column.column_type);
        if temporal && matches!(particle.as_str(), "on" | "at" | "date" | "time") {
            names.push(stem.to_vec());
            names.push([stem, &["date".to_owned()]].concat());
        }
        if particle == "to"
            && let [stem] = stem
            && let Some(verb) = stem.strip_suffix("ed")
        {
            names.push(vec![format!("{verb}ee")]);
        }
    }
    if let [is, adjective @ ..] = own.as_slice()
        && column.column_type == ColumnType::Boolean
        && is == "is"
        && !adjective.is_empty()
    {
        names.push(adjective.to_vec());
    }
    names
}

/// The word for what a key column names: `project_id` is a project, `country_code` a country.
fn key_noun(column: &ColumnName) -> Option<Vec<String>> {
    match name_parts(column.as_str()).as_slice() {
        [noun @ .., suffix] if matches!(suffix.as_str(), "id" | "code" | "key" | "no") => {
            (!noun.is_empty()).then(|| noun.to_vec())
        }
        _ => None,
    }
}

/// The column that people know a relation's rows by.
pub(super) fn label(relation: &Relation) -> Option<&Column> {
    let called = |name: &str| relation.columns.iter().find(|column| column.name.as_str() == name);
    ["name", "title", "label", "subject"].into_iter().find_map(called)
}

/// What one word before a relation, or after "that are", says of a column: `archived`, `unarchived`, `unassigned`.
pub(super) fn adjective_at<'c, 'q>(
    relation: &'c Relation,
    cursor: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    let mut after = cursor;
    let Some(Token::Word { parts, .. }) = after.next() else { return None };
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let says = |column: &'c Column| {
        let name = name_parts(column.name.as_str());
        let adjective = match (column.column_type, name.as_slice()) {
            (ColumnType::Boolean, [word]) => word,
            (ColumnType::Boolean, [is, word]) if is == "is" => word,
            (_, [word, to]) if to == "to" && word.ends_with("ed") => word,
            _ => return None,
        };
        let negated = match words.as_slice() {
            [word] if word == adjective => false,
            [prefix @ ("un" | "in" | "non" | "not"), word]
                if !prefix.is_empty() && word == adjective =>
            {
                true
            }
            [word]
                if ["un", "in", "non"].iter().any(|p| word.strip_prefix(p) == Some(adjective)) =>
            {
                true
            }
            _ => return None,
        };
        let test = match column.column_type {
            ColumnType::Boolean => Test::Compare(CmpOp::Eq, Literal::Bool(!negated)),
            _ => Test::Empty { negated: !negated },
        };
        Some((Condition { column, test }, after))
    };
    longest(relation.columns.iter().filter_map(says))
}

/// Whether a column holds a day or a point in time.
pub(super) fn is_temporal(column_type: ColumnType) -> bool {
    matches!(column_type, ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz)
}

/// Whether a column holds amounts; keys are numbers too, but nothing can be said of their sum.
pub(super) fn is_amount(relation: &Relation, column: &Column) -> bool {
    let numeric =
        matches!(column.column_type, ColumnType::Integer | ColumnType::Float | ColumnType::Decimal);
    numeric && !column.array && !is_key(relation, column)
}

/// Whether a column is part of a key.
pub(super) fn is_key(relation: &Relation, column: &Column) -> bool {
    let foreign = relation.foreign_keys.iter().flat_map(|key| &key.columns);
    let id = name_parts(column.name.as_str()).last().is_some_and(|word| word == "id");
    id || relation.primary_key.iter().chain(foreign).any(|key| key == &column.name)
}

/// Whether few rows share a value of the column, as far as its type tells.
pub(super) fn is_categorical(column: &Column) -> bool {
    matches!(column.column_type, ColumnType::Text | ColumnType::Boolean)
}

/// The column that says when a row came to be, where there is no doubt about it.
pub(super) fn moment(relation: &Relation) -> Option<&Column> {
    let temporal = || relation.columns.iter().filter(|column| is_temporal(column.column_type));
    let created = |column: &&Column| column.name.as_str().starts_with("created");
    let only = |columns: Vec<&'_ Column>| match columns.as_slice() {
        [column] => relation.column(&column.name),
        _ => None,
    };
    only(temporal().filter(created).collect()).or_else(|| only(temporal().collect()))
}
