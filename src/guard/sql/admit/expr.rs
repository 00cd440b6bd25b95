//! Expressions.

use sqlparser::ast;

use super::super::text::Author;
use super::super::tree::{Expr, LikeKind, Literal, Name, SqlType, UnaryOp};
use super::super::{Dialect, types};
use super::{Admit, Admitted, REMOVE, absent, mysql, unquote, unsupported};
use crate::guard::{Refusal, RefusalCode};

impl Admit {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Admitted<Expr> {
        self.deeper(|admit| admit.any_expr(expr))
    }

    pub(super) fn boxed(&mut self, expr: &ast::Expr) -> Admitted<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn any_expr(&mut self, expr: &ast::Expr) -> Admitted<Expr> {
        use ast::Expr as Foreign;
        match expr {
            Foreign::Identifier(name) => match self.variable(name)? {
                Some(bind) => Ok(bind),
                None => Ok(Expr::Column(vec![self.name(name)?])),
            },
            Foreign::CompoundIdentifier(parts) => Ok(Expr::Column(
                parts.iter().map(|part| self.name(part)).collect::<Result<_, _>>()?,
            )),
            Foreign::Nested(inner) => self.expr(inner),
            Foreign::Value(value) => self.value(&value.value),
            Foreign::TypedString(typed) => self.typed_string(typed),
            Foreign::Interval(interval) if self.dialect == Dialect::Mysql => {
                self.mysql_interval(interval)
            }
            Foreign::Interval(interval) => self.interval(interval),
            Foreign::UnaryOp { op, expr } => {
                self.clear_prefix(*op, expr)?;
                Ok(Expr::Unary { op: Self::unary_op(*op)?, expr: self.boxed(expr)? })
            }
            Foreign::BinaryOp {
                left,
                op: ast::BinaryOperator::PGCustomBinaryOperator(name),
                right,
            } if self.author == Author::Guard => self.folded_eq(left, name, right),
            Foreign::BinaryOp { left, op, right } => self.binary(left, op, right),
            Foreign::Function(function) => self.function(function),
            Foreign::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                let operand = operand.as_ref().map(|operand| self.boxed(operand)).transpose()?;
                let branches = conditions
                    .iter()
                    .map(|ast::CaseWhen { condition, result }| {
                        Ok((self.expr(condition)?, self.expr(result)?))
                    })
                    .collect::<Admitted<_>>()?;
                let otherwise =
                    else_result.as_ref().map(|otherwise| self.boxed(otherwise)).transpose()?;
                Ok(Expr::Case { operand, branches, otherwise })
            }
            Foreign::Cast { kind, expr, data_type, format } => {
                absent(format.is_some(), "CAST ... FORMAT", REMOVE)?;
                match kind {
                    ast::CastKind::Cast | ast::CastKind::DoubleColon => {}
                    ast::CastKind::TryCast if self.dialect == Dialect::Mssql => {
                        return self.convert(expr, Some(data_type), &[], true);
                    }
                    ast::CastKind::TryCast | ast::CastKind::SafeCast => {
                        return unsupported("TRY_CAST", "use CAST");
                    }
                }
                let colons =
                    *kind == ast::CastKind::DoubleColon && self.dialect != Dialect::Postgresql;
                absent(colons, "`::`", "use CAST")?;
                let to = match types::guard_cast_target(data_type, self.dialect) {
                    Some(to) if self.author == Author::Guard => to,
                    Some(_) | None => types::cast_target(data_type, self.dialect)?,
                };
                Ok(Expr::Cast { expr: self.boxed(expr)?, to })
            }
            Foreign::Convert { is_try: false, expr, data_type, charset, styles, .. }
                if self.dialect == Dialect::Mysql && styles.is_empty() =>
            {
                self.mysql_convert(expr, data_type.as_ref(), charset.as_ref())
            }
            Foreign::Convert {
                is_try,
                expr,
                data_type,
                charset,
                target_before_value: _,
                styles,
            } => {
                absent(charset.is_some(), "CONVERT ... USING", REMOVE)?;
                self.convert(expr, data_type.as_ref(), styles, *is_try)
            }
            Foreign::Exists { subquery, negated } => {
                Ok(Expr::Exists { query: Box::new(self.query(subquery)?), negated: *negated })
            }
            Foreign::Subquery(query) => Ok(Expr::Subquery(Box::new(self.query(query)?))),
            Foreign::In { expr, target, negated, global } => {
                absent(*global, "GLOBAL IN", REMOVE)?;
                self.in_target(expr, target, *negated)
            }
            Foreign::Tuple(items) => Ok(Expr::Row(self.exprs(items)?)),
            _ => self.predicate_or_call(expr),
        }
    }

    /// The calls that SQL writes with words inside, and the forms that stand alone.
    pub(super) fn worded_call(&mut self, expr: &ast::Expr) -> Admitted<Expr> {
        use ast::Expr as Foreign;
        match expr {
            Foreign::Extract { field, syntax: _, expr } => {
                absent(self.dialect == Dialect::Sqlite, "EXTRACT", "use strftime")?;
                let field = types::extract_field(field)
                    .filter(|field| self.dialect != Dialect::Mysql || mysql::unit(field).is_some());
                let field = field.ok_or_else(|| {
                    Refusal::unsupported("this EXTRACT field", "use year, month, day or the like")
                })?;
                Ok(Expr::Extract { field, expr: self.boxed(expr)? })
            }
            Foreign::AtTimeZone { timestamp, time_zone } => {
                absent(self.dialect == Dialect::Sqlite, "AT TIME ZONE", "use datetime modifiers")?;
                absent(self.dialect == Dialect::Mysql, "AT TIME ZONE", "use CONVERT_TZ")?;
                Ok(Expr::AtTimeZone { expr: self.boxed(timestamp)?, zone: self.boxed(time_zone)? })
            }
            Foreign::Collate { expr, collation } => {
                let collation = types::collation(&self.object_name(collation)?, self.dialect)?;
                Ok(Expr::Collate { expr: self.boxed(expr)?, collation })
            }
            Foreign::Array(ast::Array { elem, named }) => {
                let known = !matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
                absent(!*named || !known, "an array", "use a list")?;
                Ok(Expr::Array(self.exprs(elem)?))
            }
            Foreign::Ceil { expr, field } => self.rounding("ceil", expr, field),
            Foreign::Floor { expr, field } => self.rounding("floor", expr, field),
            Foreign::Position { expr, r#in } => {
                let args = vec![self.expr(r#in)?, self.expr(expr)?];
                let instr = matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
                self.call(if instr { "instr" } else { "strpos" }, args)
            }
            Foreign::Substring {
                expr,
                substring_from,
                substring_for,
                special: _,
                shorthand: _,
            } => {
                let mut args = vec![self.expr(expr)?];
                match substring_from {
                    Some(from) => args.push(self.expr(from)?),
                    None => args.push(Expr::Literal(Literal::Number("1".to_owned()))),
                }
                if let Some(length) = substring_for {
                    args.push(self.expr(length)?);
                }
                self.call(if self.dialect == Dialect::Mssql { "substring" } else { "substr" }, args)
            }
            Foreign::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(*trim_where, trim_what.as_deref(), expr, trim_characters.as_deref())
            }
            Foreign::Overlay { .. } => unsupported("OVERLAY", "use left, substr and `||`"),
            _ => unsupported(
                "this kind of expression",
                "use columns, literals, operators and functions",
            ),
        }
    }

    /// The guard's own equality of `citext`.
    fn folded_eq(
        &mut self,
        left: &ast::Expr,
        operator: &[String],
        right: &ast::Expr,
    ) -> Admitted<Expr> {
        if let ([schema, operator], ast::Expr::Cast { kind: _, expr, data_type, format: None }) =
            (operator, right)
            && let ast::DataType::Custom(name, modifiers) = data_type
            && let [of, citext] = self.object_name(name)?.as_slice()
            && operator == "="
            && citext.as_str() == "citext"
            && modifiers.is_empty()
        {
            let schema = match schema.strip_prefix('"').and_then(|s| s.strip_suffix('"')) {
                Some(quoted) => quoted.replace("\"\"", "\""),
                None => schema.clone(),
            };
            if of.as_str() == schema {
                let (left, right) = (self.boxed(left)?, self.boxed(expr)?);
                return Ok(Expr::FoldedEq { left, schema: Name::new(&*schema), right });
            }
        }
        unsupported("this operator", "use another operator")
    }

    fn binary(
        &mut self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
    ) -> Admitted<Expr> {
        self.clear_binary(left, op, right)?;
        if self.dialect == Dialect::Mysql
            && let Some(expr) = self.mysql_binary(left, op, right)?
        {
            return Ok(expr);
        }
        match (op, self.dialect) {
            // SQLite's IS is the standard's IS NOT DISTINCT FROM.
            (ast::BinaryOperator::Is, Dialect::Sqlite) => self.distinct_from(left, right, true),
            (ast::BinaryOperator::IsNot, Dialect::Sqlite) => self.distinct_from(left, right, false),
            (ast::BinaryOperator::Glob, Dialect::Sqlite) => {
                self.like(LikeKind::Glob, false, left, right, None)
            }
            _ => {
                let op = types::binary_op(op, self.dialect).ok_or_else(|| {
                    let hint = match op {
                        ast::BinaryOperator::Overlaps => {
                            "compare the ends: a.start < b.end AND b.start < a.end"
                        }
                        _ => "use another operator",
                    };
                    Refusal::unsupported(format_args!("the operator {op}"), hint)
                })?;
                Ok(Expr::Binary { op, left: self.boxed(left)?, right: self.boxed(right)? })
            }
        }
    }

    fn unary_op(op: ast::UnaryOperator) -> Admitted<UnaryOp> {
        match op {
            ast::UnaryOperator::Plus => Ok(UnaryOp::Plus),
            ast::UnaryOperator::Minus => Ok(UnaryOp::Minus),
            ast::UnaryOperator::Not => Ok(UnaryOp::Not),
            ast::UnaryOperator::BitwiseNot => Ok(UnaryOp::BitNot),
            _ => unsupported("this prefix operator", "use another operator"),
        }
    }

    pub(super) fn value(&self, value: &ast::Value) -> Admitted<Expr> {
        let literal = match value {
            ast::Value::Null => Literal::Null,
            ast::Value::Boolean(value) => Literal::Bool(*value),
            ast::Value::Number(digits, long) => {
                absent(
                    *long || !is_decimal(digits),
                    "this form of number",
                    "write decimal digits",
                )?;
                Literal::Number(digits.clone())
            }
            ast::Value::SingleQuotedString(raw) if self.dialect == Dialect::Mssql => {
                let text = continued(unquote(raw, '\'')?)?;
                // Without the N, the text would first lose what the database's code page lacks.
                if text.is_ascii() { Literal::String(text) } else { Literal::National(text) }
            }
            ast::Value::NationalStringLiteral(raw) if self.dialect == Dialect::Mssql => {
                Literal::National(continued(unquote(raw, '\'')?)?)
            }
            ast::Value::SingleQuotedString(raw) => Literal::String(self.text(raw, '\'')?),
            ast::Value::DoubleQuotedString(raw) if self.dialect == Dialect::Mysql => {
                Literal::String(self.text(raw, '"')?)
            }
            ast::Value::DollarQuotedString(text) if self.dialect == Dialect::Postgresql => {
                Literal::String(text.value.clone())
            }
            ast::Value::Placeholder(text) if self.author == Author::Guard => {
                return self.dialect.read_placeholder(text).map(Expr::Bind).ok_or_else(|| {
                    Refusal::new(
                        RefusalCode::RoundTrip,
                        "a placeholder is not the guard's own",
                        "report this",
                    )
                });
            }
            _ => {
                return unsupported(
                    "this form of literal",
                    "write numbers, 'text', TRUE, FALSE or NULL",
                );
            }
        };
        Ok(Expr::Literal(literal))
    }

    fn typed_string(&self, typed: &ast::TypedString) -> Admitted<Expr> {
        let ast::TypedString { data_type, value, uses_odbc_syntax } = typed;
        absent(
            *uses_odbc_syntax || self.dialect == Dialect::Sqlite,
            "a typed literal",
            "write the text alone",
        )?;
        let ast::Value::SingleQuotedString(raw) = &value.value else {
            return unsupported("this form of typed literal", "write DATE '2024-01-31'");
        };
        let known = types::literal_type(data_type)
            .filter(|known| self.dialect != Dialect::Mysql || known.name != "TIMESTAMPTZ");
        let data_type = known.ok_or_else(|| {
            Refusal::unsupported("a literal of this type", "use DATE or TIMESTAMP, or CAST")
        })?;
        Ok(Expr::Literal(Literal::Typed(data_type, self.text(raw, '\'')?)))
    }

    /// `INTERVAL '3 days'` and `INTERVAL '3' DAY` alike, as the former.
    fn interval(&self, interval: &ast::Interval) -> Admitted<Expr> {
        let ast::Interval {
            value,
            leading_field,
            leading_precision,
            last_field,
            fractional_seconds_precision,
        } = interval;
        absent(
            self.dialect == Dialect::Sqlite,
            "INTERVAL",
            "use a date modifier such as '-3 days'",
        )?;
        let plain = leading_precision.is_none()
            && last_field.is_none()
            && fractional_seconds_precision.is_none();
        absent(!plain, "a qualified INTERVAL", "write INTERVAL '3 days'")?;
        let ast::Expr::Value(value) = value.as_ref() else {
            return unsupported("a computed INTERVAL", "write INTERVAL '3 days'");
        };
        let ast::Value::SingleQuotedString(raw) = &value.value else {
            return unsupported("a computed INTERVAL", "write INTERVAL '3 days'");
        };
        let mut text = unquote(raw, '\'')?;
        if let Some(field) = leading_field {
            let unit = types::interval_unit(field)
                .filter(|_| is_decimal(&text))
                .ok_or_else(|| Refusal::unsupported("this INTERVAL", "write INTERVAL '3 days'"))?;
            text = format!("{text} {unit}");
        }
        Ok(Expr::Literal(Literal::Typed(
            SqlType { name: "INTERVAL", modifiers: (None, None) },
            text,
        )))
    }
}

/// SQL Server drops a backslash at the end of a line of a text, together with the line break:
/// <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/sql-server-utilities-statements-backslash>.
fn continued(text: String) -> Admitted<String> {
    let dropped = text.contains("\\\n") || text.contains("\\\r");
    absent(dropped, "a backslash before a line break in a text", "write the text on one line")?;
    Ok(text)
}

/// Digits with an optional point and exponent: the one form that all engines read alike.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_ok
}
