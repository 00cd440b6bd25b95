//! SELECT blocks, FROM clauses and windows.

use sqlparser::ast;

use super::super::Dialect;
use super::super::text::Author;
use super::super::tree::{
    Alias, Body, Distinct, Expr, Factor, Frame, FrameBound, FrameUnits, FromItem, GroupItem, Join,
    JoinConstraint, JoinKind, Name, Query, Select, SelectItem, WindowSpec,
};
use super::{Admit, Admitted, REMOVE, absent, unsupported};
use crate::catalog::RelationName;

impl Admit {
    pub(super) fn select(&mut self, select: &ast::Select) -> Admitted<Select> {
        let ast::Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            // Read by `top`, and refused there where it is not the dialect's.
            top: _,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        absent(!optimizer_hints.is_empty(), "an optimizer hint", REMOVE)?;
        absent(select_modifiers.is_some(), "a SELECT modifier", REMOVE)?;
        absent(exclude.is_some(), "EXCLUDE", "list the columns")?;
        absent(into.is_some(), "SELECT INTO", "data can be read, not copied: remove INTO")?;
        absent(!lateral_views.is_empty(), "LATERAL VIEW", "use a join")?;
        absent(prewhere.is_some(), "PREWHERE", "use WHERE")?;
        absent(!connect_by.is_empty(), "CONNECT BY", "use WITH RECURSIVE")?;
        let clusters = !cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty();
        absent(clusters, "CLUSTER, DISTRIBUTE or SORT BY", "use ORDER BY")?;
        absent(qualify.is_some(), "QUALIFY", "filter the window in an outer query")?;
        absent(value_table_mode.is_some(), "SELECT AS", REMOVE)?;
        absent(*flavor != ast::SelectFlavor::Standard, "FROM before SELECT", "write SELECT first")?;
        absent(projection.is_empty(), "a SELECT without columns", "list the columns")?;
        Ok(Select {
            distinct: self.distinct(distinct.as_ref())?,
            items: projection
                .iter()
                .map(|item| self.select_item(item))
                .collect::<Result<_, _>>()?,
            from: self.sources(from)?,
            filter: selection.as_ref().map(|filter| self.expr(filter)).transpose()?,
            group_by: self.group_by(group_by)?,
            determined: Vec::new(),
            having: having.as_ref().map(|having| self.expr(having)).transpose()?,
            windows: named_window
                .iter()
                .map(|ast::NamedWindowDefinition(name, window)| {
                    let ast::NamedWindowExpr::WindowSpec(spec) = window else {
                        return unsupported(
                            "a window that is only another window's name",
                            "write its definition",
                        );
                    };
                    Ok((self.name(name)?, self.window(spec)?))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    fn distinct(&mut self, distinct: Option<&ast::Distinct>) -> Admitted<Distinct> {
        match distinct {
            None | Some(ast::Distinct::All) => Ok(Distinct::All),
            Some(ast::Distinct::Distinct) => Ok(Distinct::Rows),
            Some(ast::Distinct::On(exprs)) => {
                let known = !matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
                absent(!known, "DISTINCT ON", "use a window function")?;
                Ok(Distinct::On(self.exprs(exprs)?))
            }
        }
    }

    fn select_item(&mut self, item: &ast::SelectItem) -> Admitted<SelectItem> {
        match item {
            ast::SelectItem::UnnamedExpr(expr) => {
                Ok(SelectItem::Expr { expr: self.expr(expr)?, alias: None })
            }
            ast::SelectItem::ExprWithAlias { expr, alias } => Ok(SelectItem::Expr {
                expr: self.expr(expr)?,
                alias: Some(self.column_alias(alias)?),
            }),
            ast::SelectItem::ExprWithAliases { .. } => {
                unsupported("several aliases", "use one alias")
            }
            ast::SelectItem::QualifiedWildcard(kind, options) => {
                Self::plain_star(options)?;
                match kind {
                    ast::SelectItemQualifiedWildcardKind::ObjectName(name) => {
                        Ok(SelectItem::TableStar(self.object_name(name)?))
                    }
                    ast::SelectItemQualifiedWildcardKind::Expr(_) => {
                        unsupported("a row expansion", "name a table before `.*`")
                    }
                }
            }
            ast::SelectItem::Wildcard(options) => {
                Self::plain_star(options)?;
                Ok(SelectItem::Star)
            }
        }
    }

    /// MySQL alone lets a result column be named by a text.
    fn column_alias(&self, alias: &ast::Ident) -> Admitted<Name> {
        match alias.quote_style {
            Some(quote @ ('\'' | '"')) if self.dialect == Dialect::Mysql => {
                self.named(self.text(&alias.value, quote)?)
            }
            _ => self.name(alias),
        }
    }

    fn plain_star(options: &ast::WildcardAdditionalOptions) -> Admitted<()> {
        let ast::WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let plain = opt_ilike.is_none()
            && opt_exclude.is_none()
            && opt_except.is_none()
            && opt_replace.is_none()
            && opt_rename.is_none()
            && opt_alias.is_none();
        absent(!plain, "an option on `*`", "list the columns")
    }

    fn sources(&mut self, from: &[ast::TableWithJoins]) -> Admitted<Vec<FromItem>> {
        let from = if self.is_dual(from) { &[] } else { from };
        from.iter().map(|item| self.source(item)).collect()
    }

    /// MySQL's `FROM DUAL` is no FROM at all.
    fn is_dual(&self, from: &[ast::TableWithJoins]) -> bool {
        let [ast::TableWithJoins { relation, joins }] = from else { return false };
        let ast::TableFactor::Table {
            name: ast::ObjectName(name), alias: None, args: None, ..
        } = relation
        else {
            return false;
        };
        let named = matches!(name.as_slice(), [ast::ObjectNamePart::Identifier(ast::Ident { value, quote_style: None, span: _ })]
            if value.eq_ignore_ascii_case("dual"));
        named && joins.is_empty() && self.dialect == Dialect::Mysql
    }

    pub(super) fn source(&mut self, item: &ast::TableWithJoins) -> Admitted<FromItem> {
        let ast::TableWithJoins { relation, joins } = item;
        Ok(FromItem {
            relation: self.factor(relation)?,
            joins: joins.iter().map(|join| self.join(join)).collect::<Result<_, _>>()?,
        })
    }

    fn join(&mut self, join: &ast::Join) -> Admitted<Join> {
        let ast::Join { relation, global, join_operator } = join;
        absent(*global, "GLOBAL JOIN", REMOVE)?;
        let (kind, constraint) = match join_operator {
            ast::JoinOperator::CrossApply => return self.apply(JoinKind::Cross, relation),
            ast::JoinOperator::OuterApply => return self.apply(JoinKind::Left, relation),
            ast::JoinOperator::Join(constraint) | ast::JoinOperator::Inner(constraint) => {
                (JoinKind::Inner, constraint)
            }
            ast::JoinOperator::Left(constraint) | ast::JoinOperator::LeftOuter(constraint) => {
                (JoinKind::Left, constraint)
            }
            ast::JoinOperator::Right(constraint) | ast::JoinOperator::RightOuter(constraint) => {
                (JoinKind::Right, constraint)
            }
            ast::JoinOperator::FullOuter(constraint) => (JoinKind::Full, constraint),
            ast::JoinOperator::CrossJoin(constraint) => (JoinKind::Cross, constraint),
            _ => {
                return unsupported(
                    "this kind of join",
                    "use INNER, LEFT, RIGHT, FULL or CROSS JOIN",
                );
            }
        };
        let lone = kind == JoinKind::Inner && matches!(constraint, ast::JoinConstraint::None);
        let crosses = lone && matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
        let kind = if crosses { JoinKind::Cross } else { kind };
        let constraint = match constraint {
            ast::JoinConstraint::On(on) => JoinConstraint::On(self.expr(on)?),
            ast::JoinConstraint::Using(columns) => {
                let columns =
                    columns.iter().map(|column| match self.object_name(column)?.as_slice() {
                        [column] => Ok(column.clone()),
                        _ => unsupported("a qualified name in USING", "name the column alone"),
                    });
                JoinConstraint::Using(columns.collect::<Result<_, _>>()?)
            }
            ast::JoinConstraint::UsingAlias(..) => return unsupported("an alias on USING", REMOVE),
            ast::JoinConstraint::Natural => JoinConstraint::Natural,
            ast::JoinConstraint::None => JoinConstraint::None,
        };
        // What a join without condition, or a CROSS JOIN with one, means differs between engines.
        match (kind, &constraint) {
            (JoinKind::Cross, JoinConstraint::None) => {}
            (JoinKind::Cross, _) => {
                return unsupported("a condition on CROSS JOIN", "use JOIN ... ON");
            }
            (JoinKind::Inner, JoinConstraint::None) => {
                return unsupported("JOIN without a condition", "add ON, or use CROSS JOIN");
            }
            (_, JoinConstraint::None) => {
                return unsupported("an outer join without a condition", "add ON");
            }
            (JoinKind::Full, _) if self.dialect == Dialect::Mysql => {
                return unsupported("FULL JOIN", "use UNION of a LEFT and a RIGHT JOIN");
            }
            // Its merged columns and the order of `*` are of the right side there.
            (JoinKind::Right, JoinConstraint::Using(_) | JoinConstraint::Natural)
                if self.dialect == Dialect::Mysql =>
            {
                return unsupported("RIGHT JOIN with USING or NATURAL", "use ON");
            }
            _ => {}
        }
        Ok(Join { kind, constraint, relation: self.factor(relation)? })
    }

    pub(super) fn factor(&mut self, factor: &ast::TableFactor) -> Admitted<Factor> {
        self.deeper(|admit| match factor {
            ast::TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_directives,
                inheritance,
            } => {
                if let Some(ast::TableFunctionArgs { args, settings: None }) = args
                    && !*with_ordinality
                    && let Some(function) = admit.rows_function(name)?
                {
                    return admit.rows(function, args, alias.as_ref());
                }
                let hint = match admit.dialect {
                    Dialect::Postgresql => {
                        "read from tables, subqueries, generate_series(a, b) or unnest(ARRAY[...])"
                    }
                    Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql => {
                        "read from tables and subqueries"
                    }
                };
                absent(args.is_some() || *with_ordinality, "a table function", hint)?;
                absent(
                    !with_hints.is_empty() || !index_directives.is_empty(),
                    "a table hint",
                    REMOVE,
                )?;
                absent(version.is_some(), "a table version", REMOVE)?;
                absent(!partitions.is_empty(), "PARTITION", "filter with WHERE")?;
                absent(json_path.is_some(), "a path on a table", REMOVE)?;
                absent(sample.is_some(), "TABLESAMPLE", REMOVE)?;
                absent(inheritance.is_some(), "ONLY or `*` on a table", REMOVE)?;
                let name = admit.object_name(name)?;
                let alias = admit.optional_alias(alias.as_ref())?;
                let listed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
                absent(
                    listed && admit.dialect == Dialect::Mssql,
                    "a column list on a table alias",
                    "alias the columns inside a subquery",
                )?;
                match (admit.author, name.as_slice(), &alias) {
                    // In our own text a qualified name is a base relation, and is read back as one.
                    (Author::Guard, [schema, name], Some(alias)) => Ok(Factor::Base {
                        relation: RelationName {
                            schema: schema.as_str().to_owned(),
                            name: name.as_str().to_owned(),
                        },
                        alias: alias.name.clone(),
                    }),
                    _ => Ok(Factor::Named { name, alias }),
                }
            }
            ast::TableFactor::Derived { lateral, subquery, alias, sample } => {
                absent(sample.is_some(), "TABLESAMPLE", REMOVE)?;
                let applies = *lateral && admit.dialect == Dialect::Mssql;
                absent(applies, "LATERAL", "use CROSS APPLY or OUTER APPLY")?;
                let known = !matches!(admit.dialect, Dialect::Sqlite | Dialect::Mysql);
                absent(*lateral && !known, "LATERAL", "use a correlated subquery")?;
                let query = Box::new(admit.query(subquery)?);
                let alias = admit.optional_alias(alias.as_ref())?;
                let nameless = alias.is_none() && admit.dialect == Dialect::Mysql;
                absent(nameless, "a subquery in FROM without a name", "add AS name")?;
                Ok(Factor::Derived { lateral: *lateral, query, alias })
            }
            ast::TableFactor::NestedJoin { table_with_joins, alias } => {
                let from = admit.source(table_with_joins)?;
                let alias = admit.optional_alias(alias.as_ref())?;
                match (from, alias) {
                    // Parentheses around one relation mean nothing.
                    (FromItem { relation, joins }, None) if joins.is_empty() => Ok(relation),
                    (_, Some(_)) if admit.dialect == Dialect::Mysql => {
                        unsupported("a name for a join", "name the tables inside")
                    }
                    (from, alias) => Ok(Factor::Nested { from: Box::new(from), alias }),
                }
            }
            ast::TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality: false,
                alias,
            } => match admit.rows_function(name)? {
                Some(function) => admit.rows(function, args, alias.as_ref()),
                None => unsupported("a table function", "read from tables and subqueries"),
            },
            ast::TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            } => admit.unnest(array_exprs, alias.as_ref()),
            _ => unsupported("this kind of FROM item", "read from tables, subqueries and joins"),
        })
    }

    pub(super) fn optional_alias(
        &mut self,
        alias: Option<&ast::TableAlias>,
    ) -> Admitted<Option<Alias>> {
        let alias = alias.map(|alias| self.alias(alias)).transpose()?;
        if let Some(alias) = &alias {
            let known = !matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
            let listed = !alias.columns.is_empty() && !known;
            absent(
                listed,
                "a column list on a table alias",
                "alias the columns inside a subquery",
            )?;
        }
        Ok(alias)
    }

    fn group_by(&mut self, group_by: &ast::GroupByExpr) -> Admitted<Vec<GroupItem>> {
        let ast::GroupByExpr::Expressions(exprs, modifiers) = group_by else {
            return unsupported("GROUP BY ALL", "list the columns");
        };
        match (modifiers.as_slice(), self.dialect) {
            ([], _) => exprs.iter().map(|expr| self.group_item(expr)).collect(),
            ([ast::GroupByWithModifier::Rollup], Dialect::Mysql) => {
                let sets = exprs.iter().map(|expr| Ok(vec![self.expr(expr)?]));
                Ok(vec![GroupItem::Rollup(sets.collect::<Admitted<_>>()?)])
            }
            _ => unsupported("a GROUP BY modifier", "use ROLLUP(...) or GROUPING SETS(...)"),
        }
    }

    fn group_item(&mut self, expr: &ast::Expr) -> Admitted<GroupItem> {
        let sets = |admit: &mut Self, sets: &[Vec<ast::Expr>]| {
            absent(admit.dialect == Dialect::Sqlite, "a grouping set", "group in several queries")?;
            absent(admit.dialect == Dialect::Mysql, "a grouping set", "use WITH ROLLUP")?;
            sets.iter().map(|set| admit.exprs(set)).collect::<Result<Vec<_>, _>>()
        };
        if let Some(called) = self.called_grouping(expr)? {
            return Ok(called);
        }
        match expr {
            ast::Expr::Rollup(items) => Ok(GroupItem::Rollup(sets(self, items)?)),
            ast::Expr::Cube(items) => Ok(GroupItem::Cube(sets(self, items)?)),
            ast::Expr::GroupingSets(items) => Ok(GroupItem::GroupingSets(sets(self, items)?)),
            expr => Ok(GroupItem::Expr(self.expr(expr)?)),
        }
    }

    pub(super) fn window(&mut self, spec: &ast::WindowSpec) -> Admitted<WindowSpec> {
        let ast::WindowSpec { window_name, partition_by, order_by, window_frame } = spec;
        Ok(WindowSpec {
            base: window_name.as_ref().map(|name| self.name(name)).transpose()?,
            partition_by: self.exprs(partition_by)?,
            order_by: self.order_items(order_by)?,
            frame: window_frame.as_ref().map(|frame| self.frame(frame)).transpose()?,
        })
    }

    fn frame(&mut self, frame: &ast::WindowFrame) -> Admitted<Frame> {
        let ast::WindowFrame { units, start_bound, end_bound } = frame;
        Ok(Frame {
            units: match units {
                ast::WindowFrameUnits::Rows => FrameUnits::Rows,
                ast::WindowFrameUnits::Range => FrameUnits::Range,
                ast::WindowFrameUnits::Groups if self.dialect == Dialect::Mysql => {
                    return unsupported("GROUPS", "use ROWS or RANGE");
                }
                ast::WindowFrameUnits::Groups => FrameUnits::Groups,
            },
            start: self.frame_bound(start_bound)?,
            end: end_bound.as_ref().map(|bound| self.frame_bound(bound)).transpose()?,
        })
    }

    fn frame_bound(&mut self, bound: &ast::WindowFrameBound) -> Admitted<FrameBound> {
        Ok(match bound {
            ast::WindowFrameBound::CurrentRow => FrameBound::CurrentRow,
            ast::WindowFrameBound::Preceding(None) => FrameBound::UnboundedPreceding,
            ast::WindowFrameBound::Following(None) => FrameBound::UnboundedFollowing,
            ast::WindowFrameBound::Preceding(Some(expr)) => {
                FrameBound::Preceding(Box::new(self.expr(expr)?))
            }
            ast::WindowFrameBound::Following(Some(expr)) => {
                FrameBound::Following(Box::new(self.expr(expr)?))
            }
        })
    }

    /// The query of `IN table`, which SQLite reads as `IN (SELECT * FROM table)` (rule A2).
    pub(super) fn in_table(&self, name: &ast::ObjectName) -> Admitted<Query> {
        let Body::Select(select) = Self::select_star(self.object_name(name)?) else {
            return unsupported("IN without a table", REMOVE);
        };
        Ok(Query {
            with: None,
            body: Body::Select(select),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            fetch_with_ties: None,
        })
    }

    pub(super) fn exprs(&mut self, exprs: &[ast::Expr]) -> Admitted<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }
}
