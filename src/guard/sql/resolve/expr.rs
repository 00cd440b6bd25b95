//! Expressions: every column must name something in scope, and every part is analysed.

use super::super::Dialect;
use super::super::functions;
use super::super::patterns;
use super::super::scope::{self, Binding, Found, ScopeColumn};
use super::super::suggest;
use super::super::totality::{Analysis, BOOLEAN, Kind, convert, named_type, postgresql};
use super::super::tree::{
    Arguments, Body, Expr, Frame, FrameBound, Function, Literal, Name, OrderItem, Over, Query,
    Select, SelectItem, Truth, WindowSpec,
};
use super::{MAX_TABLES, Place, Resolved, Resolver};
use crate::catalog::ColumnType;
use crate::guard::{Refusal, RefusalCode};

impl Resolver<'_> {
    /// Resolves an expression and notes whether it may fail where it stands. `aliases` are the result columns that
    /// it may name.
    pub(super) fn expr(
        &mut self,
        expr: &mut Expr,
        aliases: &[ScopeColumn],
        place: Place,
    ) -> Resolved<Analysis> {
        let analysis = self.part(expr, aliases)?;
        self.note(place, &analysis);
        Ok(analysis)
    }

    fn parts<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e mut Expr>,
        aliases: &[ScopeColumn],
    ) -> Resolved<Vec<Analysis>> {
        exprs.into_iter().map(|expr| self.part(expr, aliases)).collect()
    }

    /// Analyses an expression, and remembers the innermost ones that may fail.
    fn part(&mut self, expr: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        let before = self.suspects.len();
        let analysis = self.form(expr, aliases)?;
        if analysis.fails.is_none() {
            self.suspects.truncate(before);
        } else if self.suspects.len() <= before {
            self.suspect(expr, &analysis);
        }
        Ok(analysis)
    }

    fn form(&mut self, expr: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        match expr {
            Expr::Column(parts) => self.column(parts, aliases),
            Expr::Literal(value) => Ok(Analysis::total(self.dialect.literal(value))),
            Expr::Bind(_) => Err(Refusal::new(
                RefusalCode::RoundTrip,
                "a placeholder in a proposal",
                "report this",
            )),
            Expr::DatePart(_) => Ok(Analysis::total(Kind::Unknown)),
            Expr::Niladic(name) => Ok(Analysis::total(self.dialect.niladic(name))),
            Expr::Interval { value, unit: _ } => {
                let part = self.part(value, aliases)?;
                let fails = (!part.kind.is_number()).then_some("an INTERVAL may not be a number");
                Ok(Analysis::of_parts(Kind::Untyped, &[part]).or_fails(fails))
            }
            Expr::Unary { op, expr } => {
                let part = self.part(expr, aliases)?;
                Ok(self.dialect.unary(*op, expr, &part))
            }
            Expr::Binary { op, left, right } => {
                let parts = [self.part(left, aliases)?, self.part(right, aliases)?];
                Ok(self.dialect.binary(*op, (left, right), &parts))
            }
            Expr::Is { expr, test, negated: _ } => {
                let part = self.part(expr, aliases)?;
                let fails = match test {
                    Truth::Null => None,
                    Truth::True | Truth::False | Truth::Unknown => self.dialect.truth_fails(&part),
                };
                Ok(Analysis::of_parts(BOOLEAN, &[part]).or_fails(fails))
            }
            Expr::Distinct { left, right, negated: _ } => {
                let (left, right) = (self.part(left, aliases)?, self.part(right, aliases)?);
                let fails = self.dialect.comparison_fails(&left, &right);
                Ok(Analysis::of_parts(BOOLEAN, &[left, right]).or_fails(fails))
            }
            Expr::Between { expr, low, high, negated: _ } => {
                let [expr, low, high] = [
                    self.part(expr, aliases)?,
                    self.part(low, aliases)?,
                    self.part(high, aliases)?,
                ];
                let fails = self.dialect.comparison_fails(&expr, &low);
                let fails = fails.or_else(|| self.dialect.comparison_fails(&expr, &high));
                Ok(Analysis::of_parts(BOOLEAN, &[expr, low, high]).or_fails(fails))
            }
            Expr::Like { kind, expr, pattern, escape, negated: _ } => {
                patterns::check(self.dialect, *kind, pattern, escape.as_deref())?;
                let fails = self.dialect.like_fails(*kind, pattern, escape.as_deref());
                let [expr, pattern] = [self.part(expr, aliases)?, self.part(pattern, aliases)?];
                let fails = fails.or(self.dialect.comparison_fails(&expr, &pattern));
                Ok(Analysis::of_parts(BOOLEAN, &[expr, pattern]).or_fails(fails))
            }
            Expr::InList { expr, list, negated: _ } => {
                let subject = self.part(expr, aliases)?;
                let mut parts = self.parts(list, aliases)?;
                let fails =
                    parts.iter().find_map(|part| self.dialect.comparison_fails(&subject, part));
                parts.push(subject);
                let fails = fails.or_else(|| self.list_fails(&parts));
                Ok(Analysis::of_parts(BOOLEAN, &parts).or_fails(fails))
            }
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref_mut(), branches, otherwise.as_deref_mut(), aliases)
            }
            Expr::Cast { expr, to } => {
                let part = self.part(expr, aliases)?;
                Ok(self.dialect.cast(expr, &part, *to))
            }
            Expr::Convert { expr, to, style, safe } => {
                let part = self.part(expr, aliases)?;
                Ok(convert(expr, &part, *to, *style, *safe))
            }
            Expr::Collate { expr, collation: _ } => self.part(expr, aliases),
            Expr::Row(items) => Ok(Analysis::of_parts(Kind::Unknown, &self.parts(items, aliases)?)),
            Expr::Array(items) => self.array(items, aliases),
            Expr::Extract { field: _, expr } => self.extract(expr, aliases),
            // Not of proposals.
            Expr::FoldedEq { .. } => Err(Refusal::unsupported("this operator", "use a comparison")),
            Expr::AtTimeZone { expr, zone } => {
                let parts = self.parts([expr.as_mut(), zone.as_mut()], aliases)?;
                Ok(Analysis::of_parts(Kind::Unknown, &parts)
                    .or_fails(Some("the time zone may be unknown")))
            }
            Expr::Function(function) => self.function(function, aliases),
            Expr::Added { schema, name, args } => {
                let parts = self.parts(args, aliases)?;
                let added = functions::added(&self.catalog.functions, schema, name)
                    .ok_or_else(|| functions::unknown(name.as_str()))?;
                Ok(functions::judge(added, &parts))
            }
            Expr::InQuery { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::Quantified { .. } => self.with_query(expr, aliases),
        }
    }

    fn array(&mut self, items: &mut [Expr], aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        let parts = self.parts(items, aliases)?;
        let fails = self.list_fails(&parts);
        // Arrays of arrays must be of the same dimensions.
        let arrays =
            self.dialect == Dialect::Postgresql && parts.iter().any(postgresql::may_be_array);
        let arrays = arrays.then_some("its values may be arrays of other dimensions");
        Ok(Analysis::of_parts(Kind::Unknown, &parts).or_fails(fails).or_fails(arrays))
    }

    fn list_fails(&self, parts: &[Analysis]) -> Option<&'static str> {
        let kinds: Vec<Kind> = parts.iter().map(|part| part.kind).collect();
        self.dialect.list_fails(&kinds)
    }

    fn extract(&mut self, expr: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        let part = self.part(expr, aliases)?;
        let kind =
            named_type(super::super::tree::SqlType { name: "NUMERIC", modifiers: (None, None) });
        // A date has no hours and a time no years, which shows on the first row only.
        let instant =
            matches!(part.kind, Kind::Known(ColumnType::Timestamp | ColumnType::Timestamptz))
                || (self.dialect == Dialect::Mysql
                    && part.kind.is_date()
                    && part.kind != Kind::DateText);
        let fails = (!instant).then_some("a value of this type may lack the field");
        Ok(Analysis::of_parts(kind, &[part]).or_fails(fails))
    }

    fn case(
        &mut self,
        operand: Option<&mut Expr>,
        branches: &mut [(Expr, Expr)],
        otherwise: Option<&mut Expr>,
        aliases: &[ScopeColumn],
    ) -> Resolved<Analysis> {
        let operand = operand.map(|operand| self.part(operand, aliases)).transpose()?;
        let mut parts = Vec::new();
        let mut kinds = Vec::new();
        for (condition, result) in branches {
            let condition = self.part(condition, aliases)?;
            let fails = match &operand {
                Some(operand) => self.dialect.comparison_fails(operand, &condition),
                None => self.dialect.truth_fails(&condition),
            };
            parts.push(condition.or_fails(fails));
            let is_null = matches!(result, Expr::Literal(Literal::Null));
            let result = self.part(result, aliases)?;
            kinds.push((is_null, result.kind));
            parts.push(result);
        }
        if let Some(otherwise) = otherwise {
            let is_null = matches!(otherwise, Expr::Literal(Literal::Null));
            let otherwise = self.part(otherwise, aliases)?;
            kinds.push((is_null, otherwise.kind));
            parts.push(otherwise);
        }
        parts.extend(operand);
        let fails = self.dialect.results_fail(&kinds);
        let kind = self.dialect.common(kinds.into_iter().map(|(_, kind)| kind));
        Ok(Analysis::of_parts(kind, &parts).or_fails(fails))
    }

    /// The forms that hold a query.
    fn with_query(&mut self, expr: &mut Expr, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        match expr {
            Expr::InQuery { expr, query, negated: _ } => {
                let subject = self.part(expr, aliases)?;
                let columns = self.nested(query)?;
                let fails = columns
                    .iter()
                    .find_map(|c| self.dialect.comparison_fails(&subject, &c.analysis));
                Ok(Analysis::of_parts(BOOLEAN, &[subject]).or_fails(fails))
            }
            Expr::Exists { query, negated: _ } => {
                self.nested(query)?;
                Ok(Analysis::total(BOOLEAN))
            }
            Expr::Subquery(query) => {
                let columns = self.nested(query)?;
                let single = self.dialect == Dialect::Sqlite || is_single_row(query, self.dialect);
                let kind = columns.first().map_or(Kind::Unknown, |column| column.analysis.kind);
                let grown = columns.iter().any(|column| column.analysis.grown);
                let fails = (!single).then_some("a subquery may give more than one row");
                Ok(Analysis { kind, fails, grown })
            }
            Expr::Quantified { left, op: _, all: _, right } => {
                let left = self.part(left, aliases)?;
                match right.as_mut() {
                    Expr::Subquery(query) => {
                        let columns = self.nested(query)?;
                        let fails = columns
                            .iter()
                            .find_map(|c| self.dialect.comparison_fails(&left, &c.analysis));
                        Ok(Analysis::of_parts(BOOLEAN, &[left]).or_fails(fails))
                    }
                    Expr::Array(items) => {
                        let mut parts = self.parts(items, aliases)?;
                        let fails = parts
                            .iter()
                            .find_map(|part| self.dialect.comparison_fails(&left, part));
                        let fails = fails.or_else(|| self.list_fails(&parts));
                        parts.push(left);
                        Ok(Analysis::of_parts(BOOLEAN, &parts).or_fails(fails))
                    }
                    other => {
                        let other = self.part(other, aliases)?;
                        Ok(Analysis::of_parts(BOOLEAN, &[left, other])
                            .or_fails(Some("its operand is not a list")))
                    }
                }
            }
            other => self.form(other, aliases),
        }
    }

    fn function(&mut self, function: &mut Function, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        let Function { name, distinct: _, args, order_by, within_group, filter, over } = function;
        let Some(rule) = functions::lookup(name, self.dialect) else {
            return Err(functions::unknown(name));
        };
        let aggregates = rule.aggregates(args) || over.is_some();
        let seen_before = self.innermost.take();
        let folds = (rule.aggregates(args) && over.is_none()).then_some(self.scopes.len());
        let outside = self.aggregating.len();
        let folds = folds.and_then(|scopes| scopes.checked_sub(1));
        self.folding.extend(folds);
        self.aggregating.extend(folds);
        let mut parts = match args {
            Arguments::Star => Vec::new(),
            Arguments::List(args) => self.parts(args, aliases)?,
        };
        if rule.aggregates(args)
            && self.innermost.is_some_and(|scope| scope + 1 < self.scopes.len())
        {
            // By the standard it belongs to the outer query, and engines differ on when they follow that.
            return Err(Refusal::unsupported(
                "an aggregate over columns of an outer query only",
                "aggregate in the query that reads the table",
            ));
        }
        self.innermost = self.innermost.max(seen_before);
        let call = self.dialect.call(rule, args, &parts);
        let inherited = parts.iter().find_map(|part| part.fails);
        for item in order_by.iter_mut().chain(within_group) {
            parts.push(self.part(&mut item.expr, aliases)?);
        }
        if let Some(filter) = filter {
            let part = self.part(filter, aliases)?;
            let fails = self.dialect.truth_fails(&part);
            parts.push(part.or_fails(fails));
        }
        self.aggregating.truncate(outside);
        if let Some(Over::Spec(window)) = over {
            self.window(window, aliases)?;
        }
        let fails = call.fails.or_else(|| parts.iter().find_map(|part| part.fails));
        // In the outermost query, what folds rows sees only rows that have passed the filters.
        let fails = match (aggregates && self.nesting == 0, self.dialect) {
            // SQL Server computes scalars where it likes, also the arguments of what folds rows.
            (true, Dialect::Mssql) if rule.aggregates(args) => inherited,
            (false, _) | (true, Dialect::Mssql) => fails,
            (true, Dialect::Sqlite | Dialect::Postgresql | Dialect::Mysql) => None,
        };
        Ok(Analysis { fails, ..call })
    }

    /// A window's expressions are computed from rows that have passed, like the select list.
    pub(super) fn window(
        &mut self,
        window: &mut WindowSpec,
        aliases: &[ScopeColumn],
    ) -> Resolved<()> {
        let WindowSpec { base: _, partition_by, order_by, frame } = window;
        for expr in partition_by {
            self.expr(expr, aliases, Place::Output)?;
        }
        for OrderItem { expr, .. } in order_by {
            self.expr(expr, aliases, Place::Output)?;
        }
        if let Some(Frame { units: _, start, end }) = frame {
            for bound in [Some(start), end.as_mut()].into_iter().flatten() {
                if let FrameBound::Preceding(expr) | FrameBound::Following(expr) = bound {
                    // A negative offset is an error; a literal one shows at once.
                    let analysis = self.expr(expr, aliases, Place::Output)?;
                    let literal = matches!(expr.as_ref(), Expr::Literal(_));
                    let why = (!literal).then_some("a window frame may be negative");
                    self.note(Place::Output, &analysis.or_fails(why));
                }
            }
        }
        Ok(())
    }

    /// Innermost scope first; in each, columns before the result columns that the dialect lets be named there.
    fn column(&mut self, parts: &mut Vec<Name>, aliases: &[ScopeColumn]) -> Resolved<Analysis> {
        self.found_column(parts, aliases).map_err(|refusal| match refusal.code {
            RefusalCode::UnknownColumn => {
                let inward = self.scopes.iter().rev();
                let bindings: Vec<&Binding> =
                    inward.flat_map(|scope| &scope.bindings).take(MAX_TABLES).collect();
                let hint = suggest::column(parts, &bindings, self.dialect);
                Refusal { hint: hint.into(), ..refusal }
            }
            _ => refusal,
        })
    }

    fn found_column(
        &mut self,
        parts: &mut Vec<Name>,
        aliases: &[ScopeColumn],
    ) -> Resolved<Analysis> {
        let Some((name, table)) = parts.split_last() else {
            return Err(scope::unknown_column(parts));
        };
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            let found = if table.is_empty() {
                scope.column(name, self.dialect)?
            } else {
                scope.qualified(table, name, self.dialect)?
            };
            if let Found::Column { parts: resolved, analysis } = found {
                let renamed = depth == 0 && table.is_empty() && !aliases.is_empty();
                if renamed && self.renamed.iter().any(|own| self.same(own, name)) {
                    return Err(Refusal::new(
                        RefusalCode::Ambiguous,
                        format!(
                            "`{}` is a column and another result column's alias",
                            name.as_str()
                        ),
                        "give the result column another alias",
                    ));
                }
                let written = !table.is_empty();
                let place = self.scopes.len().checked_sub(depth + 1);
                self.innermost = self.innermost.max(place);
                if let Some(place) = place {
                    if let Some(scope) = self.scopes.get(place) {
                        self.used.name(scope, &resolved, self.dialect);
                    }
                    self.note_use(place, &resolved);
                }
                *parts = if written { resolved } else { self.spelled(resolved, depth) };
                return Ok(analysis);
            }
            if depth == 0
                && table.is_empty()
                && let Some(column) = self.alias(name, aliases)
            {
                let analysis = column.analysis.clone();
                parts.clear();
                parts.extend(column.name.clone());
                return Ok(analysis);
            }
        }
        Err(scope::unknown_column(parts))
    }

    fn alias<'c>(&self, name: &Name, aliases: &'c [ScopeColumn]) -> Option<&'c ScopeColumn> {
        aliases.iter().find(|column| {
            column
                .name
                .as_ref()
                .is_some_and(|own| self.dialect.same_name(own.as_str(), name.as_str()))
        })
    }

    /// A column alone in sight stays as short as people write it; elsewhere its table is written before it, unless a
    /// nearer table of the same name would take the reference.
    pub(super) fn spelled(&self, mut resolved: Vec<Name>, depth: usize) -> Vec<Name> {
        let bindings: usize = self.scopes.iter().map(|scope| scope.bindings.len()).sum();
        let shadowed = resolved.first().is_some_and(|table| {
            self.scopes
                .iter()
                .rev()
                .take(depth)
                .any(|scope| scope.similar_binding(table, self.dialect).is_some())
        });
        if resolved.len() == 2 && (bindings == 1 || shadowed) {
            resolved.remove(0);
        }
        resolved
    }
}

/// Whether a subquery gives at most one row whatever the data: an aggregate without GROUP BY.
fn is_single_row(query: &Query, dialect: Dialect) -> bool {
    let one = matches!(&query.limit, Some(Expr::Literal(Literal::Number(rows))) if rows == "1");
    if one && dialect == Dialect::Mssql {
        return true;
    }
    let Body::Select(select) = &query.body else { return false };
    let Select { items, group_by, .. } = select.as_ref();
    let aggregate = |item: &SelectItem| match item {
        SelectItem::Expr { expr: Expr::Function(function), .. } => {
            function.over.is_none()
                && functions::lookup(function.name, dialect)
                    .is_some_and(|rule| rule.aggregates(&function.args))
        }
        _ => false,
    };
    group_by.is_empty() && items.iter().all(aggregate)
}
