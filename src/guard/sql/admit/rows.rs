//! PostgreSQL: functions in FROM that make rows of their arguments.

use sqlparser::ast;

use super::super::Dialect;
use super::super::tree::{Alias, Expr, Factor, Name};
use super::{Admit, Admitted, absent, unsupported};

const SERIES: &str = "generate_series";
const UNNEST: &str = "unnest";

impl Admit {
    /// The functions that make rows of their arguments alone: they read nothing.
    pub(super) fn rows_function(&self, name: &ast::ObjectName) -> Admitted<Option<&'static str>> {
        if self.dialect != Dialect::Postgresql {
            return Ok(None);
        }
        let parts = self.object_name(name)?;
        let parts: Vec<&str> = parts.iter().map(Name::as_str).collect();
        Ok(match parts.as_slice() {
            [name] | ["pg_catalog", name] => {
                [SERIES, UNNEST].into_iter().find(|known| known == name)
            }
            _ => None,
        })
    }

    pub(super) fn rows(
        &mut self,
        function: &'static str,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
    ) -> Admitted<Factor> {
        let args = args.iter().map(|arg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => self.expr(expr),
            _ => unsupported("a named or `*` argument", "pass values by position"),
        });
        let args = args.collect::<Admitted<_>>()?;
        self.rows_of(function, args, alias)
    }

    pub(super) fn unnest(
        &mut self,
        arrays: &[ast::Expr],
        alias: Option<&ast::TableAlias>,
    ) -> Admitted<Factor> {
        absent(self.dialect != Dialect::Postgresql, "UNNEST", "read from tables and subqueries")?;
        let args = self.exprs(arrays)?;
        self.rows_of(UNNEST, args, alias)
    }

    fn rows_of(
        &mut self,
        function: &'static str,
        args: Vec<Expr>,
        alias: Option<&ast::TableAlias>,
    ) -> Admitted<Factor> {
        let fits = match function {
            SERIES => matches!(args.len(), 2 | 3),
            _ => args.len() == 1,
        };
        absent(
            !fits,
            "this number of arguments in FROM",
            "write generate_series(first, last), generate_series(first, last, step) or unnest(array)",
        )?;
        let mut alias = match self.optional_alias(alias)? {
            Some(alias) => alias,
            None => Alias { name: Name::new(function), columns: Vec::new() },
        };
        absent(alias.columns.len() > 1, "several columns of a series", "name one column")?;
        if alias.columns.is_empty() {
            // The alias names the column too.
            alias.columns.push(alias.name.clone());
        }
        Ok(Factor::Rows { function, args, alias })
    }
}
