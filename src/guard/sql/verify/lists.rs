//! Select lists over relations of which columns are hidden or masked.

use std::ops::Range;

use super::super::Dialect;
use super::super::emit::{Emit, Values};
use super::super::print;
use super::super::tree::Name;
use super::from::From;
use super::tokens::{Token, tokens};
use super::{Verified, Verifier};
use crate::catalog::{Column, ColumnName, Relation, RelationName};
use crate::predicate::{Masked, RowFilter};

impl Verifier<'_> {
    /// Where the list ends of a SELECT over one such relation. It is known by the FROM clause, before anything in the list is
    /// read: the words of a mask may read other relations raw, as those of a filter may.
    pub(super) fn list_of_changed(&self) -> Option<Range<usize>> {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(self.at) {
            match token {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1)?,
                token if depth == 0 && token.is("FROM") => {
                    let after = self.tokens.get(index + 1..)?;
                    let [schema, Token::Dot, name, ..] = after else { return None };
                    let (schema, name) = (schema.name()?.to_owned(), name.name()?.to_owned());
                    let changed = self.filters.changes_columns(&RelationName { schema, name });
                    return changed.then_some(self.at..index);
                }
                _ => {}
            }
        }
        None
    }

    /// `columns FROM relation AS alias WHERE filter [fence]` and nothing of the query's own, which could name what is hidden
    /// or masked.
    pub(super) fn select_visible(&mut self, list: Range<usize>, outside: usize) -> Verified<()> {
        self.at = list.end;
        self.take(&["FROM"]);
        let mut from = From::default();
        self.sources(outside, &mut from)?;
        let [(relation, alias)] = from.relations.as_slice() else { return None };
        let touched = self.lists_visible(list, relation, alias)?;
        let filter = self.filters.filter_touching(&relation.name, touched);
        let guarded = match (&*filter, self.take(&["WHERE"])) {
            (RowFilter::AllRows, false) => true,
            (RowFilter::Where(predicate), true) => {
                self.filter(relation, predicate, Some(alias))
                    || (outside == 0 && self.filter(relation, predicate, None))
            }
            (RowFilter::AllRows, true) | (RowFilter::NoRows, _) | (RowFilter::Where(_), false) => {
                false
            }
        };
        let ends = self.peek() == Some(&Token::Close) || self.next_is(&["LIMIT", "OFFSET"]);
        (guarded && ends && from.items == 1).then_some(())
    }

    /// A select list of the relation's columns and nothing else: none that is hidden, and each that is masked by the very
    /// words of its mask. The columns are what the query can touch.
    fn lists_visible<'c>(
        &self,
        list: Range<usize>,
        relation: &'c Relation,
        alias: &str,
    ) -> Verified<Vec<&'c ColumnName>> {
        let mut list = self.tokens.get(list)?;
        if self.dialect == Dialect::Mssql && list.first().is_some_and(|token| token.is("TOP")) {
            // `TOP (n)`, its fence.
            list = list.get(4..)?;
        }
        items(list).into_iter().map(|item| self.visible(item, relation, alias)).collect()
    }

    fn visible<'c>(
        &self,
        item: &[Token<'_>],
        relation: &'c Relation,
        alias: &str,
    ) -> Verified<&'c ColumnName> {
        let column = |name: &Token<'_>| {
            let name = name.name()?;
            let hidden = self.filters.hidden_of(&relation.name);
            let mut columns = relation.columns.iter();
            let column = columns.find(|column| column.name.as_str() == name)?;
            hidden.is_none_or(|hidden| !hidden.contains(&column.name)).then_some(column)
        };
        let masked = |column: &Column| self.filters.mask_of(&relation.name, &column.name);
        let plain = |name| column(name).filter(|column| masked(column).is_none());
        match item {
            [name] => plain(name),
            [table, Token::Dot, name] if table.name() == Some(alias) => plain(name),
            [words @ .., word, name] if word.is("AS") => column(name).filter(|column| {
                let masked = masked(column);
                masked.is_some_and(|masked| self.masks(words, relation, alias, column, masked))
            }),
            _ => None,
        }
        .map(|column| &column.name)
    }

    /// Whether these are the words of a mask.
    fn masks(
        &self,
        words: &[Token<'_>],
        relation: &Relation,
        alias: &str,
        column: &Column,
        masked: &Masked,
    ) -> bool {
        let mut values = Vec::new();
        let qualifier = Name::new(alias);
        let mut emit = Emit {
            dialect: self.dialect,
            catalog: self.catalog,
            relation,
            qualifier: Some(&qualifier),
            above: &[],
            values: Values::Bound(&mut values),
        };
        let printed = emit
            .masked(&column.name, masked)
            .and_then(|expr| print::expression(&expr, self.dialect));
        let Ok(printed) = printed else { return false };
        let values = super::super::in_order(values, &printed.placeholders, self.dialect);
        let (Ok(values), Some(expected)) = (values, tokens(&printed.text, self.dialect)) else {
            return false;
        };
        self.same(words, &expected, &values)
    }
}

/// The items of a list, between its commas.
fn items<'l, 't>(list: &'l [Token<'t>]) -> Vec<&'l [Token<'t>]> {
    let mut depth = 0_usize;
    let at_comma = |token: &Token<'t>| {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *token == Token::Comma
    };
    list.split(at_comma).collect()
}
