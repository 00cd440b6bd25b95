//! Function calls, and the calls that SQL writes with words inside.

use sqlparser::ast;

use super::super::Dialect;
use super::super::functions::{self, GROUP_CONCAT, Rule};
use super::super::suggest;
use super::super::text::Author;
use super::super::tree::{Arguments, Expr, Function, Name, OrderItem, Over};
use super::{Admit, Admitted, REMOVE, absent, mysql, unsupported};
use crate::catalog::AddedFunction;
use crate::guard::{Refusal, RefusalCode};

impl Admit {
    pub(super) fn rounding(
        &mut self,
        name: &'static str,
        expr: &ast::Expr,
        field: &ast::CeilFloorKind,
    ) -> Admitted<Expr> {
        let plain =
            matches!(field, ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime));
        absent(!plain, "CEIL or FLOOR with a scale", "use round")?;
        let args = vec![self.expr(expr)?];
        self.call(name, args)
    }

    pub(super) fn trim(
        &mut self,
        side: Option<ast::TrimWhereField>,
        what: Option<&ast::Expr>,
        expr: &ast::Expr,
        characters: Option<&[ast::Expr]>,
    ) -> Admitted<Expr> {
        let name = match (side, self.dialect) {
            (
                None | Some(ast::TrimWhereField::Both),
                Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql,
            ) => "trim",
            (None | Some(ast::TrimWhereField::Both), Dialect::Postgresql) => "btrim",
            (Some(ast::TrimWhereField::Leading), _) => "ltrim",
            (Some(ast::TrimWhereField::Trailing), _) => "rtrim",
        };
        let mut args = vec![self.expr(expr)?];
        let words = what.is_some() && matches!(self.dialect, Dialect::Mysql | Dialect::Mssql);
        args.extend(what.map(|what| self.expr(what)).transpose()?);
        args.extend(self.exprs(characters.unwrap_or_default())?);
        if words && let Some(rule) = functions::lookup(name, self.dialect) {
            // As a call they have one argument; the words that make two of it are printed again.
            let worded = name == "trim" || self.dialect == Dialect::Mysql;
            absent(!worded, "TRIM with LEADING or TRAILING", "use LTRIM, RTRIM or TRIM(x FROM y)")?;
            return Ok(plain_call(rule, args));
        }
        self.call(name, args)
    }

    pub(super) fn call(&mut self, name: &str, args: Vec<Expr>) -> Admitted<Expr> {
        let rule =
            functions::lookup(name, self.dialect).ok_or_else(|| self.unknown_function(name))?;
        rule.check_arguments(&args)?;
        Ok(plain_call(rule, args))
    }

    /// `ROW(a, b)`, which the parser takes for a call.
    fn row(
        &mut self,
        function: &ast::Function,
        list: &ast::FunctionArgumentList,
    ) -> Admitted<Expr> {
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.within_group.is_empty()
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty()
            && list.args.len() > 1;
        absent(!plain, "ROW with other than two or more values", "write (a, b)")?;
        let items = list.args.iter().map(|arg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => self.expr(expr),
            _ => unsupported("this argument of ROW", "write (a, b)"),
        });
        Ok(Expr::Row(items.collect::<Admitted<_>>()?))
    }

    pub(super) fn function(&mut self, function: &ast::Function) -> Admitted<Expr> {
        let ast::Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = function;
        absent(*uses_odbc_syntax, "an ODBC escape", "call the function directly")?;
        absent(*parameters != ast::FunctionArguments::None, "function parameters", REMOVE)?;
        absent(null_treatment.is_some(), "IGNORE or RESPECT NULLS", REMOVE)?;
        if let Some((schema, name)) = self.added(name)? {
            let plain = within_group.is_empty() && filter.is_none() && over.is_none();
            absent(!plain, "OVER, FILTER or WITHIN GROUP with this function", "call it plainly")?;
            return self.added_call(schema, name, args);
        }
        let name = self.function_name(name)?;
        let list = match args {
            ast::FunctionArguments::None => return self.niladic(&name),
            ast::FunctionArguments::Subquery(_) => {
                return unsupported("a function over a query", "use a subquery");
            }
            ast::FunctionArguments::List(list) => list,
        };
        let rows = matches!(self.dialect, Dialect::Postgresql | Dialect::Mysql);
        if rows && name.eq_ignore_ascii_case("row") {
            return self.row(function, list);
        }
        if self.dialect == Dialect::Mysql {
            let aggregate = filter.is_some() || !within_group.is_empty();
            absent(aggregate, "FILTER or WITHIN GROUP", "use sum(CASE WHEN .. THEN .. END)")?;
            // `CURRENT_DATE()` is `CURRENT_DATE`.
            if list.args.is_empty() && functions::niladic(&name, self.dialect).is_some() {
                absent(over.is_some(), "OVER", REMOVE)?;
                return self.niladic(&name);
            }
        }
        let of_masks = match self.author {
            Author::Guard => functions::of_masks(&name, self.dialect),
            Author::Proposal => None,
        };
        let rule = of_masks
            .or_else(|| functions::lookup(&name, self.dialect))
            .ok_or_else(|| self.unknown_function(&name))?;
        let (distinct, args, order_by) = self.arguments(rule, list)?;
        let over = over.as_ref().map(|over| self.over(over)).transpose()?;
        let within_group = self.order_items(within_group)?;
        let filter = filter.as_ref().map(|filter| self.expr(filter)).transpose()?;
        let aggregates =
            distinct || !order_by.is_empty() || !within_group.is_empty() || filter.is_some();
        rule.check_position(over.is_some(), aggregates, !within_group.is_empty())?;
        let name = rule.name;
        Ok(Expr::Function(Box::new(Function {
            name,
            distinct,
            args,
            order_by,
            within_group,
            filter,
            over,
        })))
    }

    /// The last part of a function's name; a qualifier other than PostgreSQL's own catalog is refused (rule D9).
    fn function_name(&self, name: &ast::ObjectName) -> Admitted<String> {
        let ast::ObjectName(parts) = name;
        if let (Dialect::Mssql, [ast::ObjectNamePart::Identifier(ident)]) =
            (self.dialect, parts.as_slice())
            && ident.quote_style.is_none()
        {
            // Some functions have reserved words for names: LEFT, COALESCE.
            return Ok(ident.value.clone());
        }
        let parts = self.object_name(name)?;
        let parts: Vec<&str> = parts.iter().map(Name::as_str).collect();
        match parts.as_slice() {
            [name] => Ok((*name).to_owned()),
            ["pg_catalog", name] if self.dialect == Dialect::Postgresql => Ok((*name).to_owned()),
            _ => Err(self.unknown_function(&parts.join("."))),
        }
    }

    /// The function that the operator added under this name, by the names that it was added with. It is always called by
    /// its schema: what a name alone means depends on what else the server has.
    fn added(&self, name: &ast::ObjectName) -> Admitted<Option<(Name, Name)>> {
        let ast::ObjectName(parts) = name;
        if parts.len() != 2 || self.added.is_empty() {
            return Ok(None);
        }
        let parts = self.object_name(name)?;
        let [schema, name] = parts.as_slice() else { return Ok(None) };
        let same = |function: &&AddedFunction| {
            self.dialect.same_table(&function.schema, schema.as_str())
                && self.dialect.same_name(&function.name, name.as_str())
        };
        let found = self.added.iter().find(same);
        Ok(found.map(|found| (Name::new(&*found.schema), Name::new(&*found.name))))
    }

    fn added_call(
        &mut self,
        schema: Name,
        name: Name,
        args: &ast::FunctionArguments,
    ) -> Admitted<Expr> {
        let ast::FunctionArguments::List(list) = args else {
            return unsupported(
                "this function without a list of arguments",
                "pass values by position",
            );
        };
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        absent(
            duplicate_treatment.is_some() || !clauses.is_empty(),
            "a clause in this call",
            REMOVE,
        )?;
        let args = args
            .iter()
            .map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => self.expr(expr),
                _ => unsupported("a named or `*` argument", "pass values by position"),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let takes = functions::added(&self.added, &schema, &name)
            .is_some_and(|added| (added.arguments.0..=added.arguments.1).contains(&args.len()));
        if !takes {
            return Err(Refusal::new(
                RefusalCode::UnknownFunction,
                format!("the function `{}` does not take {} arguments", name.as_str(), args.len()),
                "correct the number of arguments",
            ));
        }
        Ok(Expr::Added { schema, name, args })
    }

    /// The refusal of a function that is on no list; an added one may be meant by its name alone.
    fn unknown_function(&self, name: &str) -> Refusal {
        let meant = self.added.iter().find(|added| self.dialect.same_name(&added.name, name));
        if let Some(added) = meant {
            return Refusal::new(
                RefusalCode::UnknownFunction,
                format!("the function `{name}` is called without its schema"),
                format!("write {}.{}(..)", added.schema, added.name),
            );
        }
        let hint = suggest::function(name, functions::names(self.dialect), self.dialect);
        Refusal { hint: hint.into(), ..functions::unknown(name) }
    }

    fn niladic(&self, name: &str) -> Admitted<Expr> {
        functions::niladic(name, self.dialect)
            .map(Expr::Niladic)
            .ok_or_else(|| self.unknown_function(name))
    }

    fn arguments(
        &mut self,
        rule: &Rule,
        list: &ast::FunctionArgumentList,
    ) -> Admitted<(bool, Arguments, Vec<OrderItem>)> {
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        let mut order_by = Vec::new();
        let mut separator = None;
        for clause in clauses {
            match clause {
                ast::FunctionArgumentClause::Separator(value) if rule.name == GROUP_CONCAT => {
                    separator = Some(self.value(value)?);
                }
                ast::FunctionArgumentClause::OrderBy(items) => {
                    order_by = self.order_items(items)?;
                }
                _ => return unsupported("this clause in a function call", REMOVE),
            }
        }
        let distinct = *duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
        if let [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)] = args.as_slice() {
            absent(
                !matches!(rule.name, "count" | "count_big") || distinct || !order_by.is_empty(),
                "`*` as an argument",
                "name a column",
            )?;
            return Ok((false, Arguments::Star, order_by));
        }
        let args = args
            .iter()
            .enumerate()
            .map(|(index, arg)| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => {
                    self.date_part(rule.name, index, expr).map_or_else(|| self.expr(expr), Ok)
                }
                _ => unsupported("a named or `*` argument", "pass values by position"),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut args = args;
        if let Some(Expr::Column(parts)) = args.first()
            && rule.takes_unit()
            && let [unit] = parts.as_slice()
            && let Some(unit) = mysql::unit(unit.as_str())
        {
            args.splice(..1, [Expr::Niladic(unit)]);
        }
        rule.check_arguments(&args)?;
        // The text between the values is kept as a second argument.
        args.extend(separator);
        Ok((distinct, Arguments::List(args), order_by))
    }

    fn over(&mut self, over: &ast::WindowType) -> Admitted<Over> {
        match over {
            ast::WindowType::NamedWindow(name) => Ok(Over::Named(self.name(name)?)),
            ast::WindowType::WindowSpec(spec) => Ok(Over::Spec(self.window(spec)?)),
        }
    }
}

fn plain_call(rule: &Rule, args: Vec<Expr>) -> Expr {
    Expr::Function(Box::new(Function {
        name: rule.name,
        distinct: false,
        args: Arguments::List(args),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter: None,
        over: None,
    }))
}
