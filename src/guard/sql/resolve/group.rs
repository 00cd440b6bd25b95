//! Columns that a group determines without being named in GROUP BY.
//!
//! PostgreSQL lets a query select any column of a table whose primary key it groups by
//! (<https://www.postgresql.org/docs/current/sql-select.html#SQL-GROUPBY>), but sees no key through the derived table
//! that a filter makes of the relation. Naming the columns in GROUP BY beside the key gives the same groups: rows of a
//! group agree in the key, so they hold the same row of the relation, or, where an outer join found none, NULL
//! throughout.

use super::super::Dialect;
use super::super::scope::{Binding, Found, Scope};
use super::super::totality::derived_name;
use super::super::tree::{Expr, GroupItem, Literal, Name, SelectItem};
use super::{Resolved, Resolver};
use crate::catalog::{Column, ColumnType};
use crate::guard::Refusal;

/// A column of a query's own FROM clause that was named outside of every aggregate.
pub(super) struct Use {
    /// The place of its scope, counted from the outside.
    pub(super) scope: usize,
    /// Table and column.
    pub(super) parts: Vec<Name>,
    /// The place in the select list of its scope, where it is in one and no `*`.
    pub(super) item: Option<usize>,
    /// Whether a query inside of its scope's names it.
    pub(super) nested: bool,
}

/// A result column: its name, and the input column that it is, if it is one.
pub(super) type Output = (Option<Name>, Option<Vec<Name>>);

impl Resolver<'_> {
    /// The names of result columns that are not the column that their name is in the FROM clause. MySQL lets GROUP BY,
    /// HAVING and ORDER BY name both, and which one is meant depends on the clause.
    pub(super) fn renamed(&self, items: &[SelectItem]) -> Vec<Name> {
        let (Some(scope), Dialect::Mysql) = (self.scopes.last(), self.dialect) else {
            return Vec::new();
        };
        let other = |item: &SelectItem| {
            let SelectItem::Expr { expr, alias } = item else { return None };
            let name = alias.clone().or_else(|| derived_name(expr, self.dialect))?;
            let Ok(Found::Column { parts, analysis: _ }) = scope.column(&name, self.dialect) else {
                return Some(name);
            };
            let same = matches!(expr, Expr::Column(own) if *own == parts || *own == self.spelled(parts, 0));
            (!same).then_some(name)
        };
        items.iter().filter_map(other).collect()
    }

    /// Notes that a column of the scope at `scope` was named.
    pub(super) fn note_use(&mut self, scope: usize, parts: &[Name]) {
        let looks = matches!(self.dialect, Dialect::Postgresql | Dialect::Mysql);
        if looks && !self.aggregating.contains(&scope) {
            let nested = scope + 1 < self.scopes.len();
            self.uses.push(Use { scope, parts: parts.to_vec(), item: None, nested });
        }
    }

    /// Notes that `*` or `t.*` of the innermost scope names all columns of `bindings`.
    pub(super) fn note_star<'b>(&mut self, bindings: impl IntoIterator<Item = &'b Binding>) {
        let Some(scope) = self.scopes.len().checked_sub(1) else { return };
        for binding in bindings {
            for column in &binding.columns {
                if let (Some(table), Some(column)) = (&binding.name, &column.name) {
                    self.note_use(scope, &[table.clone(), column.clone()]);
                }
            }
        }
    }

    /// Takes the noted columns of the innermost scope.
    pub(super) fn take_uses(&mut self) -> Vec<Use> {
        let Some(innermost) = self.scopes.len().checked_sub(1) else { return Vec::new() };
        self.uses.extract_if(.., |noted| noted.scope >= innermost).collect()
    }

    /// The columns among `uses` that the key of their relation determines, and that GROUP BY does not name.
    pub(super) fn determined(
        &self,
        uses: &[Use],
        items: &[SelectItem],
        group_by: &[GroupItem],
    ) -> Resolved<Vec<Expr>> {
        let Some(scope) = self.scopes.last().filter(|_| !group_by.is_empty()) else {
            return Ok(Vec::new());
        };
        let grouped = self.grouped(scope, items, group_by);
        let mut determined = Vec::new();
        for Use { scope: _, parts, item: _, nested: _ } in uses {
            let ([table, name], false) = (parts.as_slice(), grouped.contains(parts)) else {
                continue;
            };
            let Some(column) = self.determined_column(scope, table, name, &grouped) else {
                continue;
            };
            let expr = Expr::Column(self.spelled(parts.clone(), 0));
            if determined.contains(&expr) {
                continue;
            }
            if !is_comparable(column) {
                return Err(Refusal::unsupported(
                    format_args!(
                        "the column `{}`, whose values cannot be compared, in a query that groups by its key",
                        name.as_str()
                    ),
                    "aggregate in a subquery, and join the table to its result",
                ));
            }
            determined.push(expr);
        }
        Ok(determined)
    }

    /// The catalog's column, if it is one of a relation whose whole primary key is grouped.
    pub(super) fn determined_column(
        &self,
        scope: &Scope,
        table: &Name,
        name: &Name,
        grouped: &[Vec<Name>],
    ) -> Option<&Column> {
        let binding = scope.binding(table, self.dialect)?;
        let relation = self.catalog.relation(&binding.base.as_ref()?.relation)?;
        // An alias list may have renamed the columns, but it keeps their order.
        let mut columns = relation.columns.iter().zip(&binding.columns);
        let keyed = !relation.primary_key.is_empty()
            && relation.primary_key.iter().all(|key| {
                let bound = columns.clone().find(|(column, _)| &column.name == key);
                let bound = bound.and_then(|(_, bound)| bound.name.clone());
                bound.is_some_and(|bound| grouped.contains(&vec![table.clone(), bound]))
            });
        let column = columns.find(|(_, bound)| bound.name.as_ref() == Some(name));
        column.filter(|_| keyed).map(|(column, _)| column)
    }

    /// The columns that every group has one value of, since every grouping set names them.
    fn grouped(
        &self,
        scope: &Scope,
        items: &[SelectItem],
        group_by: &[GroupItem],
    ) -> Vec<Vec<Name>> {
        let outputs = self.outputs(scope, items);
        let mut grouped = Vec::new();
        for item in group_by {
            match item {
                GroupItem::Expr(expr) => {
                    grouped.extend(self.grouped_column(scope, &outputs, expr));
                }
                GroupItem::GroupingSets(sets) => {
                    let mut sets = sets.iter().map(|set| {
                        let columns =
                            set.iter().map(|expr| self.grouped_column(scope, &outputs, expr));
                        columns.flatten().collect::<Vec<_>>()
                    });
                    let first = sets.next().unwrap_or_default();
                    let others: Vec<_> = sets.collect();
                    let common = |column: &Vec<Name>| others.iter().all(|set| set.contains(column));
                    grouped.extend(first.into_iter().filter(common));
                }
                // Their last set is empty.
                GroupItem::Rollup(_) | GroupItem::Cube(_) => {}
            }
        }
        grouped
    }

    pub(super) fn grouped_column(
        &self,
        scope: &Scope,
        outputs: &[Output],
        expr: &Expr,
    ) -> Option<Vec<Name>> {
        match expr {
            Expr::Literal(Literal::Number(position)) => {
                let index = position.parse::<usize>().ok()?.checked_sub(1)?;
                outputs.get(index)?.1.clone()
            }
            Expr::Column(parts) => self.input_column(scope, parts).or_else(|| {
                let [alias] = parts.as_slice() else { return None };
                let named = |(name, _): &&Output| name.as_ref() == Some(alias);
                outputs.iter().find(named)?.1.clone()
            }),
            _ => None,
        }
    }

    /// What GROUP BY may name by its position or alias.
    pub(super) fn outputs(&self, scope: &Scope, items: &[SelectItem]) -> Vec<Output> {
        let mut outputs = Vec::new();
        let columns = |binding: &Binding| {
            let table = binding.name.clone();
            let own = binding.columns.iter().map(|column| column.name.clone());
            let parts = |name: Option<Name>| Some(vec![table.clone()?, name?]);
            own.map(|name| (name.clone(), parts(name))).collect::<Vec<Output>>()
        };
        for item in items {
            match item {
                SelectItem::Expr { expr, alias } => {
                    let input = match expr {
                        Expr::Column(parts) => self.input_column(scope, parts),
                        _ => None,
                    };
                    outputs.push((alias.clone(), input));
                }
                SelectItem::Star => outputs.extend(scope.bindings.iter().flat_map(columns)),
                SelectItem::TableStar(table) => {
                    let binding = scope.qualified_binding(table, self.dialect);
                    outputs.extend(binding.into_iter().flat_map(columns));
                }
            }
        }
        outputs
    }

    /// Table and column of a name, if it is one of this scope; a column that a join merged is of no table.
    fn input_column(&self, scope: &Scope, parts: &[Name]) -> Option<Vec<Name>> {
        let (name, table) = parts.split_last()?;
        let found = if table.is_empty() {
            scope.column(name, self.dialect)
        } else {
            scope.qualified(table, name, self.dialect)
        };
        match found {
            Ok(Found::Column { parts, analysis: _ }) => Some(parts),
            Ok(Found::Nothing) | Err(_) => None,
        }
    }
}

/// Whether PostgreSQL can group by its values: `json` and the geometric types have no equality.
fn is_comparable(column: &Column) -> bool {
    match column.column_type {
        ColumnType::Json => column.declared.eq_ignore_ascii_case("jsonb"),
        // MongoDB's.
        ColumnType::Document | ColumnType::ObjectId | ColumnType::Other => false,
        ColumnType::Integer
        | ColumnType::Float
        | ColumnType::Decimal
        | ColumnType::Boolean
        | ColumnType::Text
        | ColumnType::Bytes
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::Time
        | ColumnType::Interval
        | ColumnType::Uuid => true,
    }
}
