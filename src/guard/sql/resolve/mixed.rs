//! Columns that MariaDB does not look at as it should where it merges a derived table into a query that groups.
//!
//! Under `ONLY_FULL_GROUP_BY` (<https://mariadb.com/kb/en/sql-mode/>) a server refuses columns that are neither grouped nor
//! aggregated. MariaDB 10.11 was seen to do so for the columns of a table, and for those of a derived table that it keeps
//! apart; of one that it merges, as it does what a filter makes of a relation, it gives the value of any row of the group.
//! And where a nested query names a grouped column of one, it takes an error in the select list for due, and in HAVING
//! another row for the group. So such a derived table gets a fence, and the server says what it says of the table. Nothing
//! is refused here: MySQL knows more columns that a group determines than these rules do
//! (<https://dev.mysql.com/doc/refman/8.4/en/group-by-functional-dependence.html>).

use super::super::fence::Hazard;
use super::super::print;
use super::super::scope::Scope;
use super::super::tree::{Expr, GroupItem, Literal, Name, SelectItem};
use super::Resolver;
use super::group::Use;

const MIXED: &str =
    "neither grouped nor aggregated, which the server sees of a table that is kept apart";
const NESTED: &str = "named in a subquery of a query that groups, which the server reads aright of a table that is kept apart";

impl Resolver<'_> {
    /// Says of the uses since `noted` by the innermost scope in which item of its select list they are.
    pub(super) fn tag_uses(&mut self, noted: usize, item: usize) {
        let Some(innermost) = self.scopes.len().checked_sub(1) else { return };
        let own = self.uses.iter_mut().skip(noted).filter(|noted| noted.scope == innermost);
        own.for_each(|noted| noted.item = Some(item));
    }

    /// Keeps the relations apart whose columns are among `uses` and are in a nested query, or in the select list of the
    /// innermost scope and no group has one value of them.
    pub(super) fn mixed(&mut self, uses: &[Use], items: &[SelectItem], group_by: &[GroupItem]) {
        let Some(innermost) = self.scopes.len().checked_sub(1) else { return };
        let folds = self.folding.extract_if(.., |scope| *scope >= innermost).count() > 0;
        let Some(scope) = self.scopes.last().filter(|_| folds || !group_by.is_empty()) else {
            return;
        };
        let terms = terms(group_by);
        let outputs = self.outputs(scope, items);
        let grouped: Vec<Vec<Name>> =
            terms.iter().filter_map(|term| self.grouped_column(scope, &outputs, term)).collect();
        let mut kept = Vec::new();
        for Use { scope: _, parts, item, nested } in uses {
            let whole = item.and_then(|index| Some((index, items.get(index)?)));
            let one = grouped.contains(parts)
                || whole.is_some_and(|(index, item)| is_term(index, item, items, &terms))
                || self.is_determined(scope, parts, &grouped);
            let rule = match (nested, one) {
                (true, _) => NESTED,
                (false, false) => MIXED,
                (false, true) => continue,
            };
            let expression = print::outline(&Expr::Column(parts.clone()), self.dialect);
            for (occurrence, over) in self.occurrences(scope, parts) {
                let expression = expression.clone();
                kept.push((occurrence, Hazard { expression, rule, over: vec![over] }));
            }
        }
        for (occurrence, hazard) in kept {
            self.hazards.keep_apart(occurrence, hazard);
        }
    }

    fn is_determined(&self, scope: &Scope, parts: &[Name], grouped: &[Vec<Name>]) -> bool {
        let [table, name] = parts else { return false };
        self.determined_column(scope, table, name, grouped).is_some()
    }

    /// The relations whose column it may be: all, where a join merged it.
    fn occurrences(&self, scope: &Scope, parts: &[Name]) -> Vec<(usize, String)> {
        let bindings = scope.bindings.iter().filter_map(|binding| {
            let name = binding.name.as_ref()?;
            let meant = match parts {
                [table, _] => self.dialect.same_table(name.as_str(), table.as_str()),
                _ => true,
            };
            let base = binding.base.as_ref().filter(|_| meant)?;
            Some((base.occurrence, name.as_str().to_owned()))
        });
        bindings.collect()
    }
}

/// What a query groups by; with ROLLUP a column may be selected that it names.
fn terms(group_by: &[GroupItem]) -> Vec<&Expr> {
    let terms = group_by.iter().flat_map(|item| match item {
        GroupItem::Expr(expr) => vec![expr],
        GroupItem::Rollup(sets) | GroupItem::Cube(sets) | GroupItem::GroupingSets(sets) => {
            sets.iter().flatten().collect()
        }
    });
    terms.collect()
}

/// Whether the query groups by the whole of an item: as it stands, by its alias, or by its place.
fn is_term(index: usize, item: &SelectItem, items: &[SelectItem], terms: &[&Expr]) -> bool {
    let SelectItem::Expr { expr, alias } = item else { return false };
    // Behind a `*` places are others.
    let starred = items.iter().any(|item| !matches!(item, SelectItem::Expr { .. }));
    terms.iter().any(|term| match term {
        Expr::Literal(Literal::Number(place)) => {
            !starred && place.parse::<usize>().is_ok_and(|place| place == index + 1)
        }
        Expr::Column(parts) => match (parts.as_slice(), alias) {
            ([name], Some(alias)) => name == alias,
            _ => *term == expr,
        },
        _ => *term == expr,
    })
}
