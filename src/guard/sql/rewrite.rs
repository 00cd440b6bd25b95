//! Puts each relation occurrence behind its row filter.
//!
//! The base line is the derived table: whatever stands around it, the query sees only what the filter keeps, under
//! the same names. A SELECT over one relation alone takes the filter into its WHERE instead, where that is provably
//! the same, because people read it: no join, no column list, and no expression that may fail before the filter.

use super::emit::{Emit, Values, in_front};
use super::fence::{Hazards, Read};
use super::tree::{
    Alias, Arguments, Body, Distinct, Expr, Factor, FrameBound, FromItem, Function, GroupItem,
    JoinConstraint, Literal, Name, OrderItem, Over, Query, Select, SelectItem, UnaryOp, WindowSpec,
};
use super::used::Used;
use super::{Bind, Dialect, tsql};
use crate::catalog::{Catalog, Column, ColumnName, Relation, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// The name of a base relation inside its own derived table, where nothing else is in scope.
const INNER: &str = "base";

/// For whom the query is rewritten.
#[derive(Debug)]
pub(super) enum Reader<'a> {
    /// For the engine: values bound, columns listed, relations qualified.
    Engine(&'a mut Vec<Bind>),
    /// For people: values written, and `*` where it stands for the same columns.
    People,
}

pub(super) struct Rewrite<'a, 'r> {
    pub(super) dialect: Dialect,
    pub(super) catalog: &'a Catalog,
    /// The same without hidden columns: what derived tables may list.
    pub(super) visible: &'a Catalog,
    pub(super) filters: &'a PredicateSet,
    /// What may fail on a row: if anything may, filtered relations are fenced.
    pub(super) hazards: &'a Hazards,
    /// The columns that are named, of each relation occurrence.
    pub(super) used: &'a Used,
    /// What was rewritten.
    pub(super) reads: Vec<Read>,
    pub(super) reader: Reader<'r>,
    /// How many SELECTs surround the one at hand whose columns it could take for its own.
    pub(super) outside: usize,
}

type Rewritten = Result<(), Refusal>;

impl Rewrite<'_, '_> {
    pub(super) fn query(&mut self, query: &mut Query) -> Rewritten {
        let Query { with, body, order_by, limit, offset, fetch_with_ties } = query;
        for cte in with.iter_mut().flat_map(|with| &mut with.ctes) {
            self.query(&mut cte.query)?;
        }
        self.body(body)?;
        self.order_items(order_by)?;
        for bound in [limit, offset, fetch_with_ties].into_iter().flatten() {
            self.expr(bound)?;
        }
        Ok(())
    }

    /// A query that sees the columns of what is around it.
    fn nested(&mut self, query: &mut Query) -> Rewritten {
        self.outside += 1;
        self.query(query)?;
        self.outside -= 1;
        Ok(())
    }

    fn body(&mut self, body: &mut Body) -> Rewritten {
        match body {
            Body::Select(select) => self.select(select),
            Body::Query(query) => self.query(query),
            Body::Set { op: _, all: _, left, right } => {
                self.body(left)?;
                self.body(right)
            }
            Body::Values(rows) => rows.iter_mut().flatten().try_for_each(|value| self.expr(value)),
        }
    }

    fn select(&mut self, select: &mut Select) -> Rewritten {
        let Select { distinct, items, from, filter, group_by, determined, having, windows } =
            select;
        let determined = std::mem::take(determined);
        if let Distinct::On(exprs) = distinct {
            self.exprs(exprs)?;
        }
        for item in items.iter_mut() {
            match item {
                SelectItem::Expr { expr, alias: _ } => self.expr(expr)?,
                SelectItem::Star | SelectItem::TableStar(_) => {}
            }
        }
        for expr in filter.iter_mut().chain(having) {
            self.expr(expr)?;
        }
        for item in group_by.iter_mut() {
            match item {
                GroupItem::Expr(expr) => self.expr(expr)?,
                GroupItem::Rollup(sets) | GroupItem::Cube(sets) | GroupItem::GroupingSets(sets) => {
                    sets.iter_mut().try_for_each(|set| self.exprs(set))?;
                }
            }
        }
        for (_, window) in windows {
            self.window(window)?;
        }
        if let Some((relation, alias)) = self.alone(from) {
            return self.flat(select, &relation, &alias);
        }
        // The engine sees keys of base relations only, and each is about to become a derived table.
        group_by.extend(determined.into_iter().map(GroupItem::Expr));
        from.iter_mut().try_for_each(|item| self.source(item))
    }

    /// The one relation of a FROM clause that may take the flat form.
    fn alone(&self, from: &[FromItem]) -> Option<(RelationName, Name)> {
        let [FromItem { relation: Factor::Occurrence { relation, alias, number: _ }, joins }] =
            from
        else {
            return None;
        };
        let filtered = match self.filters.filter_for(relation) {
            RowFilter::AllRows => false,
            RowFilter::NoRows | RowFilter::Where(_) => true,
        };
        let fenced = filtered && self.hazards.any();
        // INVARIANT (isolation): there the query's own names would find a hidden column, before an alias of that name, and
        // the values that a mask stands before.
        let hiding = self.filters.changes_columns(relation);
        let flat = joins.is_empty() && alias.columns.is_empty() && !fenced && !hiding;
        flat.then(|| (relation.clone(), alias.name.clone()))
    }

    /// `SELECT .. FROM t WHERE filter AND (user's)`.
    fn flat(&mut self, select: &mut Select, name: &RelationName, alias: &Name) -> Rewritten {
        let catalog = self.catalog;
        let relation = catalog.relation(name).ok_or_else(gone)?;
        // Inside another SELECT an unqualified name could be taken by the outer one (rule B14).
        let qualifier =
            (self.outside > 0 || self.follows_keys(name) || self.is_captured(select, relation))
                .then_some(alias);
        let condition = self.condition(relation, &[], qualifier)?;
        let starred = select.items.iter().any(|item| !matches!(item, SelectItem::Expr { .. }));
        if starred && !matches!(self.reader, Reader::People) {
            let items = std::mem::take(&mut select.items);
            select.items =
                items.into_iter().flat_map(|item| expand(item, relation, qualifier)).collect();
        }
        self.read(name, alias, Vec::new(), false);
        select.from = vec![FromItem { relation: base(name, alias.clone()), joins: Vec::new() }];
        select.filter = match (condition, select.filter.take()) {
            (Some(condition), Some(filter)) => Some(in_front(condition, filter)),
            (condition, filter) => condition.or(filter),
        };
        Ok(())
    }

    /// Whether the filter looks at rows of other relations, whose columns could be taken for its own.
    fn follows_keys(&self, name: &RelationName) -> bool {
        match self.filters.filter_for(name) {
            RowFilter::AllRows | RowFilter::NoRows => false,
            RowFilter::Where(predicate) => predicate.follows_keys(),
        }
    }

    /// Whether the query gives a result column the name of one of the relation's. SQLite lets WHERE name result columns
    /// where the table has no such column: after a migration that nobody told of, `SELECT 82 AS customer_id` would
    /// answer the filter.
    fn is_captured(&self, select: &Select, relation: &Relation) -> bool {
        let named = |name: &Name| {
            let mut columns = relation.columns.iter();
            columns.any(|column| self.dialect.same_name(column.name.as_str(), name.as_str()))
        };
        self.dialect == Dialect::Sqlite
            && select.items.iter().any(
                |item| matches!(item, SelectItem::Expr { expr: _, alias: Some(name) } if named(name)),
            )
    }

    /// The relation's row filter as an expression; `None` where every row is visible.
    // INVARIANT (isolation): a relation without visible rows never gets here, and would select nothing if it did.
    fn condition(
        &mut self,
        relation: &Relation,
        touched: &[ColumnName],
        qualifier: Option<&Name>,
    ) -> Result<Option<Expr>, Refusal> {
        match &*self.filters.filter_touching(&relation.name, touched) {
            RowFilter::AllRows => Ok(None),
            RowFilter::NoRows => Err(gone()),
            RowFilter::Where(predicate) => {
                self.emit(relation, qualifier).predicate(predicate).map(Some)
            }
        }
    }

    fn source(&mut self, item: &mut FromItem) -> Rewritten {
        let FromItem { relation, joins } = item;
        self.factor(relation)?;
        for join in joins {
            self.factor(&mut join.relation)?;
            match &mut join.constraint {
                JoinConstraint::On(on) => self.expr(on)?,
                JoinConstraint::None | JoinConstraint::Using(_) | JoinConstraint::Natural => {}
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &mut Factor) -> Rewritten {
        match factor {
            Factor::Occurrence { relation, alias, number } => {
                *factor = self.occurrence(relation, alias, *number)?;
                Ok(())
            }
            Factor::Derived { lateral: true, query, alias: _ } => self.nested(query),
            Factor::Derived { lateral: false, query, alias: _ } => self.query(query),
            Factor::Nested { from, alias: _ } => self.source(from),
            Factor::Rows { function: _, args, alias: _ } => self.exprs(args),
            // A CTE, whose own body is filtered.
            Factor::Named { .. } => Ok(()),
            Factor::Base { .. } => Err(gone()),
        }
    }

    /// `(SELECT [base.]c1, .. FROM schema.t AS base WHERE filter [fence]) AS alias(user's column list)`, with the columns
    /// that the query names.
    fn occurrence(
        &mut self,
        name: &RelationName,
        alias: &Alias,
        number: usize,
    ) -> Result<Factor, Refusal> {
        let catalog = self.catalog;
        let relation = catalog.relation(name).ok_or_else(gone)?;
        let visible = self.visible.relation(name).ok_or_else(gone)?;
        let inner = Name::new(INNER);
        // Beside a table, a derived one sees nothing of it, and at the outermost there is nothing else to see.
        // What masks, and what hides on some rows, may look at related rows too.
        let follows = self.filters.masks_of(name).is_some()
            || self.filters.touched_of(name).is_some()
            || self.follows_keys(name);
        let qualifier = (self.outside > 0 || follows).then_some(&inner);
        let listed = self.listed(visible, number)?;
        let touched: Vec<ColumnName> = listed.iter().map(|column| column.name.clone()).collect();
        let filter = self.condition(relation, &touched, qualifier)?;
        let fenced = self.hazards.any() && filter.is_some();
        let fenced = fenced || self.hazards.keeps_apart(number);
        self.read(name, &alias.name, touched, fenced);
        let (mut limit, mut offset) = (None, None);
        if fenced {
            // Each stops its planner from moving conditions below it (rule G1) and drops no row.
            match self.dialect {
                Dialect::Sqlite => {
                    let one = Box::new(Expr::Literal(Literal::Number("1".to_owned())));
                    limit = Some(Expr::Unary { op: UnaryOp::Minus, expr: one });
                }
                Dialect::Postgresql => {
                    offset = Some(Expr::Literal(Literal::Number("0".to_owned())));
                }
                Dialect::Mysql => {
                    let rows = u64::MAX.to_string();
                    limit = Some(Expr::Literal(Literal::Number(rows)));
                }
                // A filter is not moved below a TOP, and only a TOP of 100 percent is recognised as keeping all rows:
                // <https://sqlperformance.com/2020/07/t-sql-queries/table-expressions-part-4>.
                Dialect::Mssql => {
                    let rows = tsql::ALL_ROWS.to_string();
                    limit = Some(Expr::Literal(Literal::Number(rows)));
                }
            }
        }
        let mut items = columns(listed, qualifier);
        self.mask(&mut items, relation, qualifier)?;
        let select = Select {
            items,
            from: vec![FromItem { relation: base(name, inner), joins: Vec::new() }],
            filter,
            ..Select::default()
        };
        let query = Query {
            with: None,
            body: Body::Select(Box::new(select)),
            order_by: Vec::new(),
            limit,
            offset,
            fetch_with_ties: None,
        };
        Ok(Factor::Derived { lateral: false, query: Box::new(query), alias: Some(alias.clone()) })
    }

    /// The columns that the derived table of an occurrence lists, and so touches: those that the query names, or where it
    /// names none, one that hides no row.
    fn listed<'c>(&self, visible: &'c Relation, number: usize) -> Result<Vec<&'c Column>, Refusal> {
        let all = visible.columns.iter().enumerate();
        match self.filters.touched_of(&visible.name) {
            Some(touched) if !self.used.any(number) => {
                let mut free =
                    visible.columns.iter().filter(|own| !touched.contains_key(&own.name));
                free.next().map(|column| vec![column]).ok_or_else(|| {
                    Refusal::unsupported(
                        "counting rows on which every column may be hidden",
                        "name a column",
                    )
                })
            }
            _ => Ok(all
                .filter(|(index, _)| self.used.lists(number, *index))
                .map(|(_, own)| own)
                .collect()),
        }
    }

    /// Puts masks in place of the columns that have one.
    // INVARIANT (isolation): masked where the rows are filtered, so that nothing around sees what is behind the mask.
    fn mask(
        &mut self,
        items: &mut [SelectItem],
        relation: &Relation,
        qualifier: Option<&Name>,
    ) -> Rewritten {
        let Some(masks) = self.filters.masks_of(&relation.name) else { return Ok(()) };
        for item in items {
            let SelectItem::Expr { expr: Expr::Column(parts), alias: None } = item else {
                continue;
            };
            let Some(name) = parts.last().cloned() else { continue };
            let Some((column, masked)) = masks.get_key_value(&ColumnName::new(name.as_str()))
            else {
                continue;
            };
            let expr = self.emit(relation, qualifier).masked(column, masked)?;
            *item = SelectItem::Expr { expr, alias: Some(name) };
        }
        Ok(())
    }

    fn emit<'e>(&'e mut self, relation: &'e Relation, qualifier: Option<&'e Name>) -> Emit<'e, 'e> {
        let values = match &mut self.reader {
            Reader::Engine(binds) => Values::Bound(binds),
            Reader::People => Values::Written,
        };
        let (dialect, catalog) = (self.dialect, self.catalog);
        Emit { dialect, catalog, relation, qualifier, above: &[], values }
    }

    fn read(
        &mut self,
        relation: &RelationName,
        alias: &Name,
        touched: Vec<ColumnName>,
        fenced: bool,
    ) {
        let alias = alias.as_str().to_owned();
        self.reads.push(Read { relation: relation.clone(), alias, touched, fenced });
    }

    fn order_items(&mut self, items: &mut [OrderItem]) -> Rewritten {
        items.iter_mut().try_for_each(|item| self.expr(&mut item.expr))
    }

    fn exprs(&mut self, exprs: &mut [Expr]) -> Rewritten {
        exprs.iter_mut().try_for_each(|expr| self.expr(expr))
    }

    fn window(&mut self, window: &mut WindowSpec) -> Rewritten {
        let WindowSpec { base: _, partition_by, order_by, frame } = window;
        self.exprs(partition_by)?;
        self.order_items(order_by)?;
        let bounds =
            frame.iter_mut().flat_map(|frame| [Some(&mut frame.start), frame.end.as_mut()]);
        for bound in bounds.flatten() {
            match bound {
                FrameBound::Preceding(expr) | FrameBound::Following(expr) => self.expr(expr)?,
                FrameBound::CurrentRow
                | FrameBound::UnboundedPreceding
                | FrameBound::UnboundedFollowing => {}
            }
        }
        Ok(())
    }

    /// Looks for queries inside an expression.
    fn expr(&mut self, expr: &mut Expr) -> Rewritten {
        match expr {
            Expr::Column(_)
            | Expr::Literal(_)
            | Expr::Bind(_)
            | Expr::Niladic(_)
            | Expr::DatePart(_) => Ok(()),
            Expr::Unary { op: _, expr }
            | Expr::Is { expr, test: _, negated: _ }
            | Expr::Cast { expr, to: _ }
            | Expr::Convert { expr, to: _, style: _, safe: _ }
            | Expr::Extract { field: _, expr }
            | Expr::Collate { expr, collation: _ }
            | Expr::Interval { value: expr, unit: _ } => self.expr(expr),
            Expr::Binary { op: _, left, right }
            | Expr::Distinct { left, right, negated: _ }
            | Expr::AtTimeZone { expr: left, zone: right }
            | Expr::FoldedEq { left, schema: _, right }
            | Expr::Quantified { left, op: _, all: _, right } => {
                self.expr(left)?;
                self.expr(right)
            }
            Expr::Between { expr, low, high, negated: _ } => {
                self.expr(expr)?;
                self.expr(low)?;
                self.expr(high)
            }
            Expr::Like { kind: _, expr, pattern, escape, negated: _ } => {
                self.expr(expr)?;
                self.expr(pattern)?;
                escape.iter_mut().try_for_each(|escape| self.expr(escape))
            }
            Expr::InList { expr, list, negated: _ } => {
                self.expr(expr)?;
                self.exprs(list)
            }
            Expr::InQuery { expr, query, negated: _ } => {
                self.expr(expr)?;
                self.nested(query)
            }
            Expr::Exists { query, negated: _ } | Expr::Subquery(query) => self.nested(query),
            Expr::Case { operand, branches, otherwise } => {
                for (condition, result) in branches {
                    self.expr(condition)?;
                    self.expr(result)?;
                }
                operand.iter_mut().chain(otherwise).try_for_each(|expr| self.expr(expr))
            }
            Expr::Function(function) => self.function(function),
            Expr::Row(items)
            | Expr::Array(items)
            | Expr::Added { schema: _, name: _, args: items } => self.exprs(items),
        }
    }

    fn function(&mut self, function: &mut Function) -> Rewritten {
        let Function { name: _, distinct: _, args, order_by, within_group, filter, over } =
            function;
        match args {
            Arguments::Star => {}
            Arguments::List(args) => self.exprs(args)?,
        }
        self.order_items(order_by)?;
        self.order_items(within_group)?;
        filter.iter_mut().try_for_each(|filter| self.expr(filter))?;
        match over {
            Some(Over::Spec(window)) => self.window(window),
            Some(Over::Named(_)) | None => Ok(()),
        }
    }
}

fn base(relation: &RelationName, alias: Name) -> Factor {
    Factor::Base { relation: relation.clone(), alias }
}

/// `*` as the columns of the catalog: a column that the database got since is not known to be allowed.
fn expand(item: SelectItem, relation: &Relation, qualifier: Option<&Name>) -> Vec<SelectItem> {
    match item {
        SelectItem::Expr { .. } => vec![item],
        SelectItem::Star | SelectItem::TableStar(_) => columns(&relation.columns, qualifier),
    }
}

/// Columns as a select list.
fn columns<'c>(
    columns: impl IntoIterator<Item = &'c Column>,
    qualifier: Option<&Name>,
) -> Vec<SelectItem> {
    let items = columns.into_iter().map(|column| {
        let parts = qualifier.cloned().into_iter().chain([Name::new(column.name.as_str())]);
        SelectItem::Expr { expr: Expr::Column(parts.collect()), alias: None }
    });
    items.collect()
}

fn gone() -> Refusal {
    Refusal::new(RefusalCode::RoundTrip, "a relation occurrence was lost", "report this")
}
