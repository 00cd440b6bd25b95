//! Resolves every name of a query as the engine does, and marks each relation occurrence.
//!
//! Afterwards every relation name has become an [`Factor::Occurrence`], every column names something in scope, and
//! it is known whether some expression may fail on a row (see `totality`).

mod expr;

use super::Dialect;
use super::scope::{self, Binding, CteBinding, Scope, ScopeColumn};
use super::totality::{Analysis, Kind, derived_name};
use super::tree::{
    Alias, Body, Cte, Distinct, Expr, Factor, FromItem, GroupItem, Join, JoinConstraint, Name,
    OrderItem, Query, Select, SelectItem, With,
};
use crate::catalog::Catalog;
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::PredicateSet;

/// The most tables of one FROM clause; SQLite's own limit.
const MAX_TABLES: usize = 64;

/// The most columns of one result; SQLite's own limit. Without it, a chain of WITH queries that each read the one
/// before twice would double the columns with every line.
const MAX_COLUMNS: usize = 2_000;

/// Resolves `query` in place. Gives why some expression may fail before the filters are applied, if one may.
pub(super) fn resolve(
    query: &mut Query,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<Option<&'static str>, Refusal> {
    let mut resolver = Resolver {
        dialect,
        catalog,
        filters,
        ctes: Vec::new(),
        scopes: Vec::new(),
        nesting: 0,
        hazard: None,
        innermost: None,
    };
    resolver.query(query)?;
    Ok(resolver.hazard)
}

struct Resolver<'a> {
    dialect: Dialect,
    catalog: &'a Catalog,
    filters: &'a PredicateSet,
    /// Innermost last.
    ctes: Vec<CteBinding>,
    /// Innermost last.
    scopes: Vec<Scope>,
    /// 0 in the outermost query and the arms of its set operations.
    nesting: usize,
    hazard: Option<&'static str>,
    /// The innermost scope, counted from the outside, of the columns seen since an aggregate began.
    innermost: Option<usize>,
}

type Resolved<T> = Result<T, Refusal>;

/// Where an expression stands, which decides whether its failing is seen before the filters are applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// WHERE, ON and HAVING: engines move these next to our predicate.
    Condition,
    /// What is computed from rows that have passed: the select list, ORDER BY, GROUP BY, windows. In a nested query
    /// an engine may substitute it into a condition outside.
    Output,
    /// LIMIT and OFFSET: see no row.
    Bound,
}

impl Resolver<'_> {
    fn note(&mut self, place: Place, analysis: &Analysis) {
        let exposed = match place {
            Place::Condition => true,
            Place::Output => self.nesting > 0,
            Place::Bound => false,
        };
        if exposed && self.hazard.is_none() {
            self.hazard = analysis.fails;
        }
    }

    fn nested(&mut self, query: &mut Query) -> Resolved<Vec<ScopeColumn>> {
        self.nesting += 1;
        let columns = self.query(query);
        self.nesting -= 1;
        columns
    }

    /// Resolves a query and gives its output columns.
    fn query(&mut self, query: &mut Query) -> Resolved<Vec<ScopeColumn>> {
        let Query { with, body, order_by, limit, offset, fetch_with_ties } = query;
        let outer_ctes = self.ctes.len();
        if let Some(with) = with {
            self.with(with)?;
        }
        let columns = match body {
            Body::Select(select) => self.select(select, order_by)?,
            body => {
                let columns = self.body(body)?;
                // Only output columns are in scope, whatever the arms read.
                self.scopes.push(Scope::default());
                for item in order_by.iter_mut() {
                    self.order_item(item, &columns)?;
                }
                self.scopes.pop();
                columns
            }
        };
        for bound in [limit, offset, fetch_with_ties].into_iter().flatten() {
            self.expr(bound, &[], Place::Bound)?;
        }
        self.ctes.truncate(outer_ctes);
        Ok(columns)
    }

    fn body(&mut self, body: &mut Body) -> Resolved<Vec<ScopeColumn>> {
        match body {
            Body::Select(select) => self.select(select, &mut []),
            Body::Query(query) => self.query(query),
            Body::Set { op: _, all: _, left, right } => {
                let left = self.body(left)?;
                let right = self.body(right)?;
                self.set_columns(left, &right)
            }
            Body::Values(rows) => self.values(rows),
        }
    }

    /// The columns of a set operation are named by its left side.
    fn set_columns(
        &self,
        mut left: Vec<ScopeColumn>,
        right: &[ScopeColumn],
    ) -> Resolved<Vec<ScopeColumn>> {
        if left.len() != right.len() {
            return Err(Refusal::new(
                RefusalCode::Syntax,
                "the sides of a set operation have different numbers of columns",
                "select the same number of columns on each side",
            ));
        }
        for (left, right) in left.iter_mut().zip(right) {
            let fails = self.dialect.comparison_fails(&left.analysis, &right.analysis);
            if left.analysis.kind != right.analysis.kind {
                left.analysis.kind = Kind::Unknown;
            }
            left.analysis.grown |= right.analysis.grown;
            left.analysis.fails = left.analysis.fails.or(right.analysis.fails).or(fails);
        }
        Ok(left)
    }

    fn values(&mut self, rows: &mut [Vec<Expr>]) -> Resolved<Vec<ScopeColumn>> {
        let mut columns: Vec<ScopeColumn> = Vec::new();
        for row in rows {
            let mut own = Vec::new();
            for (index, value) in row.iter_mut().enumerate() {
                let analysis = self.expr(value, &[], Place::Output)?;
                own.push(ScopeColumn {
                    name: Some(Name::new(format!("column{}", index + 1))),
                    analysis,
                });
            }
            columns = if columns.is_empty() { own } else { self.set_columns(columns, &own)? };
        }
        Ok(columns)
    }

    fn with(&mut self, with: &mut With) -> Resolved<()> {
        let With { recursive, ctes } = with;
        // SQLite looks a name up in the whole list whether or not RECURSIVE is written (rules A3, A5).
        let whole_list = *recursive || self.dialect == Dialect::Sqlite;
        let first = self.ctes.len();
        let forward: Vec<Name> = ctes.iter().map(|cte| cte.name.clone()).collect();
        if whole_list {
            self.ctes.extend(
                forward.iter().map(|name| CteBinding { name: name.clone(), columns: None }),
            );
        }
        for (index, cte) in ctes.iter_mut().enumerate() {
            if forward.iter().take(index).any(|earlier| self.same(earlier, &cte.name)) {
                return Err(Refusal::new(
                    RefusalCode::Ambiguous,
                    format!("WITH defines `{}` twice", cte.name.as_str()),
                    "give each WITH query a name of its own",
                ));
            }
            let columns = Some(self.cte(cte, whole_list.then_some(first + index))?);
            match self.ctes.get_mut(first + index).filter(|_| whole_list) {
                Some(binding) => binding.columns = columns,
                None => self.ctes.push(CteBinding { name: cte.name.clone(), columns }),
            }
        }
        Ok(())
    }

    fn same(&self, left: &Name, right: &Name) -> bool {
        self.dialect.same_name(left.as_str(), right.as_str())
    }

    /// Resolves one CTE. `own` is its place in scope where it may refer to itself: then its left arm says what the
    /// right arm may read.
    fn cte(&mut self, cte: &mut Cte, own: Option<usize>) -> Resolved<Vec<ScopeColumn>> {
        let Cte { name, columns: names, materialized: _, query } = cte;
        self.nesting += 1;
        let mut columns = match (&mut query.body, own) {
            (Body::Set { left, right, .. }, Some(own)) if query.with.is_none() => {
                let left = self.body(left)?;
                let mut recursive = left.clone();
                for column in &mut recursive {
                    // A value may come round any number of times.
                    column.analysis =
                        Analysis { kind: column.analysis.kind, fails: None, grown: true };
                }
                scope::rename_all(&mut recursive, names, name)?;
                if let Some(binding) = self.ctes.get_mut(own) {
                    binding.columns = Some(recursive);
                }
                let right = self.body(right)?;
                let columns = self.set_columns(left, &right)?;
                self.cte_tail(query, &columns)?;
                columns
            }
            _ => self.query(query)?,
        };
        self.nesting -= 1;
        scope::rename_all(&mut columns, names, name)?;
        Ok(columns)
    }

    fn cte_tail(&mut self, query: &mut Query, columns: &[ScopeColumn]) -> Resolved<()> {
        self.scopes.push(Scope::default());
        for item in &mut query.order_by {
            self.order_item(item, columns)?;
        }
        self.scopes.pop();
        for bound in
            [&mut query.limit, &mut query.offset, &mut query.fetch_with_ties].into_iter().flatten()
        {
            self.expr(bound, &[], Place::Bound)?;
        }
        Ok(())
    }

    fn select(
        &mut self,
        select: &mut Select,
        order_by: &mut [OrderItem],
    ) -> Resolved<Vec<ScopeColumn>> {
        let Select { distinct, items, from, filter, group_by, having, windows } = select;
        let scope = self.from(from)?;
        self.scopes.push(scope);
        let columns = self.items(items)?;
        // SQLite lets every clause name a result column, PostgreSQL only a whole ORDER BY, GROUP BY or ON term.
        let aliases = if self.dialect == Dialect::Sqlite { columns.as_slice() } else { &[] };
        if let Some(filter) = filter {
            self.condition(filter, aliases)?;
        }
        for item in group_by {
            match item {
                GroupItem::Expr(expr) => self.output_term(expr, &columns)?,
                GroupItem::Rollup(sets) | GroupItem::Cube(sets) | GroupItem::GroupingSets(sets) => {
                    for expr in sets.iter_mut().flatten() {
                        self.output_term(expr, &columns)?;
                    }
                }
            }
        }
        if let Some(having) = having {
            self.condition(having, aliases)?;
        }
        for (_, window) in windows {
            self.window(window, aliases)?;
        }
        if let Distinct::On(exprs) = distinct {
            for expr in exprs {
                self.output_term(expr, &columns)?;
            }
        }
        for item in order_by {
            self.order_item(item, &columns)?;
        }
        self.scopes.pop();
        Ok(columns)
    }

    fn condition(&mut self, condition: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<()> {
        let analysis = self.expr(condition, aliases, Place::Condition)?;
        let analysis = Analysis { fails: self.dialect.truth_fails(&analysis), ..analysis };
        self.note(Place::Condition, &analysis);
        Ok(())
    }

    /// A term of GROUP BY or DISTINCT ON: a column of the input, else a result column, else an expression.
    fn output_term(&mut self, expr: &mut Expr, columns: &[ScopeColumn]) -> Resolved<()> {
        let bare = matches!(expr, Expr::Column(parts) if parts.len() == 1);
        let aliases = if bare || self.dialect == Dialect::Sqlite { columns } else { &[] };
        self.expr(expr, aliases, Place::Output).map(drop)
    }

    /// A term of ORDER BY: a result column first, in both dialects, when the whole term is a name.
    fn order_item(&mut self, item: &mut OrderItem, columns: &[ScopeColumn]) -> Resolved<()> {
        if let Expr::Column(parts) = &item.expr
            && let [name] = parts.as_slice()
            && let Some(column) =
                columns.iter().find(|c| c.name.as_ref().is_some_and(|own| self.same(own, name)))
        {
            if let Some(name) = &column.name {
                item.expr = Expr::Column(vec![name.clone()]);
            }
            return Ok(());
        }
        let aliases = if self.dialect == Dialect::Sqlite { columns } else { &[] };
        self.expr(&mut item.expr, aliases, Place::Output).map(drop)
    }

    fn items(&mut self, items: &mut [SelectItem]) -> Resolved<Vec<ScopeColumn>> {
        let mut columns = Vec::new();
        for item in items {
            if columns.len() > MAX_COLUMNS {
                return Err(too_many("columns", MAX_COLUMNS));
            }
            match item {
                SelectItem::Expr { expr, alias } => {
                    let analysis = self.expr(expr, &[], Place::Output)?;
                    let name = alias.clone().or_else(|| derived_name(expr, self.dialect));
                    columns.push(ScopeColumn { name, analysis });
                }
                SelectItem::Star => {
                    let scope = self.scopes.last().filter(|scope| !scope.bindings.is_empty());
                    let scope = scope.ok_or_else(|| {
                        Refusal::unsupported("`*` without a table", "name a table")
                    })?;
                    columns.extend(scope.star(self.dialect));
                }
                SelectItem::TableStar(table) => {
                    let binding = self
                        .scopes
                        .last()
                        .and_then(|scope| scope.qualified_binding(table, self.dialect));
                    let Some(Binding { name: Some(name), columns: own, .. }) = binding else {
                        return Err(Refusal::new(
                            RefusalCode::UnknownRelation,
                            format!(
                                "`{}` is not a table of this FROM clause",
                                scope::dotted(table)
                            ),
                            "name a table or alias of the FROM clause before `.*`",
                        ));
                    };
                    columns.extend(own.iter().cloned());
                    *table = vec![name.clone()];
                }
            }
        }
        if columns.len() > MAX_COLUMNS {
            return Err(too_many("columns", MAX_COLUMNS));
        }
        Ok(columns)
    }

    fn from(&mut self, from: &mut [FromItem]) -> Resolved<Scope> {
        let mut scope = Scope::default();
        for item in from.iter_mut() {
            self.source(item, &mut scope)?;
        }
        self.late_conditions(from, &scope)?;
        Ok(scope)
    }

    fn source(&mut self, item: &mut FromItem, scope: &mut Scope) -> Resolved<()> {
        let FromItem { relation, joins } = item;
        let added = self.factor(relation, scope)?;
        Self::merge(scope, added, self.dialect)?;
        for Join { kind: _, constraint, relation } in joins {
            let right = self.factor(relation, scope)?;
            let merged = match constraint {
                JoinConstraint::Using(names) => self.using(names, scope, &right)?,
                JoinConstraint::Natural => self.natural(scope, &right)?,
                JoinConstraint::None | JoinConstraint::On(_) => Vec::new(),
            };
            Self::merge(scope, right, self.dialect)?;
            scope.merged.extend(merged);
            if let (JoinConstraint::On(on), Dialect::Postgresql) = (constraint, self.dialect) {
                self.scopes.push(scope.clone());
                self.condition(on, &[])?;
                self.scopes.pop();
            }
        }
        Ok(())
    }

    /// SQLite looks up the names of an ON clause in the whole FROM clause, also in what stands to its right.
    fn late_conditions(&mut self, from: &mut [FromItem], scope: &Scope) -> Resolved<()> {
        if self.dialect != Dialect::Sqlite {
            return Ok(());
        }
        self.scopes.push(scope.clone());
        for (index, item) in from.iter_mut().enumerate() {
            self.late_item(item, index == 0)?;
        }
        self.scopes.pop();
        Ok(())
    }

    fn late_item(&mut self, item: &mut FromItem, first: bool) -> Resolved<()> {
        if let (Factor::Nested { from, alias: None }, true) = (&mut item.relation, first) {
            self.late_item(from, true)?;
        }
        for join in &mut item.joins {
            if let JoinConstraint::On(on) = &mut join.constraint {
                self.condition(on, &[])?;
            }
        }
        Ok(())
    }

    fn merge(scope: &mut Scope, added: Scope, dialect: Dialect) -> Resolved<()> {
        for binding in added.bindings {
            scope.add(binding, dialect)?;
        }
        scope.merged.extend(added.merged);
        if scope.bindings.len() > MAX_TABLES {
            return Err(too_many("tables in one FROM clause", MAX_TABLES));
        }
        Ok(())
    }

    /// Checks the columns of USING on both sides; their comparison counts as a condition.
    fn using(&mut self, names: &mut [Name], left: &Scope, right: &Scope) -> Resolved<Vec<Name>> {
        for name in names.iter_mut() {
            let mut sides = Vec::new();
            for side in [left, right] {
                let scope::Found::Column { parts, analysis } = side.column(name, self.dialect)?
                else {
                    return Err(scope::unknown_column(std::slice::from_ref(name)));
                };
                sides.push(analysis);
                if let Some(canonical) = parts.last() {
                    *name = canonical.clone();
                }
            }
            if let [left, right] = sides.as_slice() {
                let compared = Analysis::total(Kind::Unknown)
                    .or_fails(self.dialect.comparison_fails(left, right));
                self.note(Place::Condition, &compared);
            }
        }
        Ok(names.to_vec())
    }

    fn natural(&mut self, left: &Scope, right: &Scope) -> Resolved<Vec<Name>> {
        let mut names = left.common_names(right, self.dialect);
        self.using(&mut names, left, right)
    }

    /// Resolves one FROM item; `before` holds what stands left of it, which only LATERAL sees.
    fn factor(&mut self, factor: &mut Factor, before: &Scope) -> Resolved<Scope> {
        let mut added = Scope::default();
        match factor {
            Factor::Named { name, alias } => {
                let (binding, resolved) = self.named(name, alias.as_ref())?;
                if let Some(resolved) = resolved {
                    *factor = resolved;
                }
                added.bindings.push(binding);
            }
            Factor::Derived { lateral, query, alias } => {
                if *lateral {
                    self.scopes.push(before.clone());
                }
                let mut columns = self.nested(query)?;
                if *lateral {
                    self.scopes.pop();
                }
                if let Some(alias) = alias {
                    scope::rename(&mut columns, alias)?;
                }
                let name = alias.as_ref().map(|alias| alias.name.clone());
                added.bindings.push(Binding { name, relation: None, columns });
            }
            Factor::Nested { from, alias } => {
                let mut inner = Scope::default();
                self.source(from, &mut inner)?;
                // SQLite drops the parentheses around a join that stands first and has no alias; any other is a
                // subquery with a FROM clause of its own.
                if alias.is_some() || !before.bindings.is_empty() {
                    self.late_conditions(std::slice::from_mut(from), &inner)?;
                }
                match alias {
                    // An aliased join hides the names inside it.
                    Some(alias) => {
                        let mut columns = inner.star(self.dialect);
                        scope::rename(&mut columns, alias)?;
                        let name = Some(alias.name.clone());
                        added.bindings.push(Binding { name, relation: None, columns });
                    }
                    None => added = inner,
                }
            }
            Factor::Occurrence { .. } | Factor::Base { .. } => {
                return Err(Refusal::new(
                    RefusalCode::RoundTrip,
                    "a name was resolved twice",
                    "report this",
                ));
            }
        }
        Ok(added)
    }

    /// A name in FROM: a CTE in scope if it is unqualified (rule A7), else a relation.
    fn named(
        &self,
        name: &mut [Name],
        alias: Option<&Alias>,
    ) -> Resolved<(Binding, Option<Factor>)> {
        let cte = match &*name {
            [single] => self.ctes.iter().rev().find(|cte| self.same(&cte.name, single)),
            _ => None,
        };
        if let Some(cte) = cte {
            let mut columns = cte.columns.clone().ok_or_else(|| {
                Refusal::unsupported(
                    format_args!("the WITH query `{}` before or inside its own definition", cte.name.as_str()),
                    "define WITH queries before they are used; a recursive one reads itself after UNION",
                )
            })?;
            if let Some(alias) = alias {
                scope::rename(&mut columns, alias)?;
            }
            let bound = alias.map_or_else(|| cte.name.clone(), |alias| alias.name.clone());
            if let Some(first) = name.first_mut() {
                *first = cte.name.clone();
            }
            return Ok((Binding { name: Some(bound), relation: None, columns }, None));
        }
        let relation = scope::relation(name, self.dialect, self.catalog, self.filters)?;
        let mut columns: Vec<ScopeColumn> = relation
            .columns
            .iter()
            .map(|column| ScopeColumn {
                name: Some(Name::new(column.name.as_str())),
                analysis: Analysis::total(Kind::Known(column.column_type)),
            })
            .collect();
        let own = Alias { name: Name::new(&*relation.name.name), columns: Vec::new() };
        let bound = alias.unwrap_or(&own);
        scope::rename(&mut columns, bound)?;
        let binding = Binding {
            name: Some(bound.name.clone()),
            relation: alias.is_none().then(|| relation.name.clone()),
            columns,
        };
        let factor = Factor::Occurrence { relation: relation.name.clone(), alias: bound.clone() };
        Ok((binding, Some(factor)))
    }
}

fn too_many(what: &str, limit: usize) -> Refusal {
    Refusal::new(
        RefusalCode::TooLarge,
        format!("the query has more than {limit} {what}"),
        "select fewer columns from fewer tables",
    )
}
