//! Resolves every name of a query as the engine does, and marks each relation occurrence.
//!
//! Afterwards every relation name has become an [`Factor::Occurrence`], every column names something in scope, and
//! it is known whether some expression may fail on a row (see `totality`).

mod expr;
mod from;
mod group;
mod mixed;

use super::Dialect;
use super::fence::{Hazard, Hazards};
use super::print;
use super::scope::{self, Binding, CteBinding, Scope, ScopeColumn};
use super::totality::{Analysis, derived_name};
use super::tree::{
    Body, Cte, Distinct, Expr, GroupItem, Name, OrderItem, Query, Select, SelectItem, With,
};
use super::used::Used;
use crate::catalog::Catalog;
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::PredicateSet;

/// The most tables of one FROM clause; SQLite's own limit.
const MAX_TABLES: usize = 64;

/// The most columns of one result; SQLite's own limit. Without it, a chain of WITH queries that each read the one
/// before twice would double the columns with every line.
const MAX_COLUMNS: usize = 2_000;

/// What is known of a query whose names are resolved.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What may fail before the filters are applied.
    pub(super) hazards: Hazards,
    /// What it reads of each relation.
    pub(super) used: Used,
}

/// Resolves `query` in place.
pub(super) fn resolve(
    query: &mut Query,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<Findings, Refusal> {
    let mut resolver = Resolver {
        dialect,
        catalog,
        filters,
        ctes: Vec::new(),
        hidden: 0,
        scopes: Vec::new(),
        nesting: 0,
        suspects: Vec::new(),
        hazards: Hazards::default(),
        innermost: None,
        renamed: Vec::new(),
        uses: Vec::new(),
        used: Used::default(),
        aggregating: Vec::new(),
        folding: Vec::new(),
    };
    resolver.query(query)?;
    Ok(Findings { hazards: resolver.hazards, used: resolver.used })
}

struct Resolver<'a> {
    dialect: Dialect,
    catalog: &'a Catalog,
    filters: &'a PredicateSet,
    /// Innermost last.
    ctes: Vec<CteBinding>,
    /// How many of the outermost of them the server may not find here.
    hidden: usize,
    /// Innermost last.
    scopes: Vec<Scope>,
    /// 0 in the outermost query and the arms of its set operations.
    nesting: usize,
    /// Expressions that may fail, of the one at hand; whether that matters is seen where it ends.
    suspects: Vec<Hazard>,
    hazards: Hazards,
    /// The innermost scope, counted from the outside, of the columns seen since an aggregate began.
    innermost: Option<usize>,
    /// See [`Resolver::renamed`], of the SELECT at hand.
    renamed: Vec<Name>,
    /// Columns named outside of aggregates: see `group`.
    uses: Vec<group::Use>,
    used: Used,
    /// The places of the scopes whose aggregates surround what is at hand.
    aggregating: Vec<usize>,
    /// The places of the scopes that have an aggregate.
    folding: Vec<usize>,
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
            // SQL Server computes a select list before the filter where it likes: a query that converts a column fails
            // on rows that its WHERE leaves out.
            Place::Output => self.nesting > 0 || self.dialect == Dialect::Mssql,
            Place::Bound => false,
        };
        let suspects = std::mem::take(&mut self.suspects);
        if let (true, Some(rule)) = (exposed, analysis.fails) {
            self.hazards.add(rule, suspects);
        }
    }

    /// Remembers an expression that may fail, until `note` tells whether it is seen there.
    fn suspect(&mut self, expr: &Expr, analysis: &Analysis) {
        let Some(rule) = analysis.fails else { return };
        let expression = print::outline(expr, self.dialect);
        let bindings = self.scopes.last().into_iter().flat_map(|scope| &scope.bindings);
        let names = bindings.filter_map(|binding| binding.name.as_ref());
        let over = names.map(|name| name.as_str().to_owned()).collect();
        self.suspects.push(Hazard { expression, rule, over });
    }

    fn nested(&mut self, query: &mut Query) -> Resolved<Vec<ScopeColumn>> {
        self.nesting += 1;
        let suspects = std::mem::take(&mut self.suspects);
        let columns = self.query(query);
        self.suspects = suspects;
        self.nesting -= 1;
        columns
    }

    /// A query in FROM or WITH. On MySQL it sees nothing of the query around it: MariaDB has it so, and MySQL since 8.0.14
    /// otherwise.
    fn closed(&mut self, query: &mut Query) -> Resolved<Vec<ScopeColumn>> {
        if self.dialect != Dialect::Mysql {
            return self.nested(query);
        }
        let (scopes, innermost) = (std::mem::take(&mut self.scopes), self.innermost.take());
        let columns = self.nested(query);
        (self.scopes, self.innermost) = (scopes, innermost);
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
        &mut self,
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
            let kinds = [left.analysis.kind, right.analysis.kind];
            let fails = fails.or_else(|| self.dialect.list_fails(&kinds));
            left.analysis.kind = left.analysis.kind.joined(right.analysis.kind);
            left.analysis.grown |= right.analysis.grown;
            left.analysis.fails = left.analysis.fails.or(right.analysis.fails).or(fails);
            if self.dialect == Dialect::Mssql {
                // It converts the values of one side to the type of the other, whoever reads them.
                self.note(Place::Output, &left.analysis);
            }
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
        // SQLite looks a name up in the whole list whether or not RECURSIVE is written (rules A3, A5). SQL Server sees
        // the name itself and those before it; what it makes of a later one is not certain, so that is refused.
        let whole_list = *recursive || matches!(self.dialect, Dialect::Sqlite | Dialect::Mssql);
        if *recursive && self.dialect == Dialect::Mysql {
            // What comes round is fitted to the types of the first arm, with an error or a warning.
            self.hazards.add("a recursive query may cut its values", Vec::new());
        }
        let first = self.ctes.len();
        let forward: Vec<Name> = ctes.iter().map(|cte| cte.name.clone()).collect();
        if whole_list {
            self.ctes.extend(
                forward.iter().map(|name| CteBinding { name: name.clone(), columns: None }),
            );
        }
        for (index, cte) in ctes.iter_mut().enumerate() {
            let similar =
                |earlier: &Name| self.dialect.similar_table(earlier.as_str(), cte.name.as_str());
            if forward.iter().take(index).any(similar) {
                return Err(Refusal::new(
                    RefusalCode::Ambiguous,
                    format!("WITH defines `{}` twice", cte.name.as_str()),
                    "give each WITH query a name of its own",
                ));
            }
            // MariaDB looks for a name of an outer WITH among the tables where a nested one defines something by it.
            let hidden = if self.dialect == Dialect::Mysql { first } else { 0 };
            let outside = std::mem::replace(&mut self.hidden, hidden);
            let columns = Some(self.cte(cte, whole_list.then_some(first + index))?);
            self.hidden = outside;
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
        let outside = (self.dialect == Dialect::Mysql)
            .then(|| (std::mem::take(&mut self.scopes), self.innermost.take()));
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
        if let Some((scopes, innermost)) = outside {
            (self.scopes, self.innermost) = (scopes, innermost);
        }
        scope::rename_all(&mut columns, names, name)?;
        if self.dialect == Dialect::Mssql {
            scope::all_named(&columns, names.len())?;
        }
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
        let Select { distinct, items, from, filter, group_by, determined, having, windows } =
            select;
        let scope = self.from(from)?;
        self.scopes.push(scope);
        // Those of conditions of joins.
        self.take_uses();
        let columns = self.items(items)?;
        let mut uses = self.take_uses();
        let renamed = self.renamed(items);
        let renamed = std::mem::replace(&mut self.renamed, renamed);
        // SQLite lets every clause name a result column, PostgreSQL only a whole ORDER BY, GROUP BY or ON term.
        let aliases = if self.dialect == Dialect::Sqlite { columns.as_slice() } else { &[] };
        if let Some(filter) = filter {
            self.condition(filter, aliases)?;
        }
        for item in group_by.iter_mut() {
            match item {
                GroupItem::Expr(expr) => self.output_term(expr, &columns)?,
                GroupItem::Rollup(sets) | GroupItem::Cube(sets) | GroupItem::GroupingSets(sets) => {
                    for expr in sets.iter_mut().flatten() {
                        self.output_term(expr, &columns)?;
                    }
                }
            }
        }
        // WHERE and GROUP BY see rows, not groups.
        self.take_uses();
        if let Some(having) = having {
            let aliases = if self.dialect == Dialect::Mysql { &columns } else { aliases };
            self.condition(having, aliases)?;
        }
        for (_, window) in windows {
            self.window(window, aliases)?;
        }
        if let Distinct::On(exprs) = distinct {
            for expr in exprs {
                // As in ORDER BY: <https://www.postgresql.org/docs/current/sql-select.html#SQL-DISTINCT>.
                if !self.is_result_column(expr, &columns) {
                    self.output_term(expr, &columns)?;
                }
            }
        }
        for item in order_by {
            self.order_item(item, &columns)?;
        }
        if self.dialect == Dialect::Postgresql {
            uses.extend(self.take_uses());
            *determined = self.determined(&uses, items, group_by)?;
        } else {
            uses.extend(self.take_uses().into_iter().filter(|noted| noted.nested));
            self.mixed(&uses, items, group_by);
        }
        self.scopes.pop();
        self.renamed = renamed;
        Ok(columns)
    }

    fn condition(&mut self, condition: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<()> {
        let analysis = self.expr(condition, aliases, Place::Condition)?;
        let analysis = Analysis { fails: self.dialect.truth_fails(&analysis), ..analysis };
        self.suspect(condition, &analysis);
        self.note(Place::Condition, &analysis);
        Ok(())
    }

    /// A term of GROUP BY or DISTINCT ON: a column of the input, else a result column, else an expression.
    fn output_term(&mut self, expr: &mut Expr, columns: &[ScopeColumn]) -> Resolved<()> {
        // On SQL Server only ORDER BY sees the result columns.
        let bare = matches!(expr, Expr::Column(parts) if parts.len() == 1)
            && self.dialect != Dialect::Mssql;
        let any = matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
        let aliases = if bare || any { columns } else { &[] };
        self.expr(expr, aliases, Place::Output).map(drop)
    }

    /// A term of ORDER BY: a result column first, in both dialects, when the whole term is a name.
    fn order_item(&mut self, item: &mut OrderItem, columns: &[ScopeColumn]) -> Resolved<()> {
        if self.is_result_column(&mut item.expr, columns) {
            return Ok(());
        }
        let any = matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
        self.expr(&mut item.expr, if any { columns } else { &[] }, Place::Output).map(drop)
    }

    /// Whether the whole term is the name of a result column, which it then takes the spelling of.
    fn is_result_column(&self, term: &mut Expr, columns: &[ScopeColumn]) -> bool {
        let Expr::Column(parts) = &mut *term else { return false };
        let [name] = parts.as_mut_slice() else { return false };
        let mut names = columns.iter().filter_map(|column| column.name.as_ref());
        let Some(own) = names.find(|own| self.same(own, name)) else { return false };
        *name = own.clone();
        true
    }

    fn items(&mut self, items: &mut [SelectItem]) -> Resolved<Vec<ScopeColumn>> {
        let mut columns = Vec::new();
        for (index, item) in items.iter_mut().enumerate() {
            if columns.len() > MAX_COLUMNS {
                return Err(too_many("columns", MAX_COLUMNS));
            }
            match item {
                SelectItem::Expr { expr, alias } => {
                    let noted = self.uses.len();
                    let analysis = self.expr(expr, &[], Place::Output)?;
                    self.tag_uses(noted, index);
                    let name = alias.clone().or_else(|| derived_name(expr, self.dialect));
                    columns.push(ScopeColumn { name, analysis });
                }
                SelectItem::Star => {
                    let scope = self.scopes.last().filter(|scope| !scope.bindings.is_empty());
                    let scope = scope.ok_or_else(|| {
                        Refusal::unsupported("`*` without a table", "name a table")
                    })?;
                    columns.extend(scope.star(self.dialect));
                    let bindings = scope.bindings.clone();
                    self.used.all(&bindings);
                    self.note_star(&bindings);
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
                    let binding = binding.cloned();
                    self.used.all(&binding);
                    self.note_star(&binding);
                }
            }
        }
        if columns.len() > MAX_COLUMNS {
            return Err(too_many("columns", MAX_COLUMNS));
        }
        Ok(columns)
    }
}

fn too_many(what: &str, limit: usize) -> Refusal {
    Refusal::new(
        RefusalCode::TooLarge,
        format!("the query has more than {limit} {what}"),
        "select fewer columns from fewer tables",
    )
}
