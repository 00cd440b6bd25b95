//! Expressions.

use super::super::Dialect;
use super::super::functions::GROUP_CONCAT;
use super::super::tree::{
    Arguments, BinaryOp, Expr, Function, LikeKind, Literal, Over, SqlType, Truth, UnaryOp,
};
use super::{Printed, Printer};

impl Printer<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Printed {
        match expr {
            Expr::Column(parts) => {
                self.names(parts);
                Ok(())
            }
            Expr::Literal(literal) => {
                self.literal(literal);
                Ok(())
            }
            Expr::Bind(number) => {
                let placeholder = self.dialect.placeholder(*number);
                self.push(&placeholder);
                self.text.placeholders.push(*number);
                Ok(())
            }
            Expr::Niladic(name) | Expr::DatePart(name) => {
                self.push(name);
                // The parser takes these for columns where they stand without parentheses.
                let utc = self.dialect == Dialect::Mysql && name.starts_with("UTC_");
                self.push(if utc { "()" } else { "" });
                Ok(())
            }
            Expr::Unary { op, expr } => {
                self.push(match op {
                    UnaryOp::Plus => "+",
                    UnaryOp::Minus => "-",
                    UnaryOp::BitNot => "~",
                    UnaryOp::Not => "NOT ",
                });
                self.operand(expr)
            }
            Expr::Binary { op, left, right } => self.binary(*op, left, right),
            Expr::Is { expr, test, negated } => {
                self.operand(expr)?;
                self.push(if *negated { " IS NOT " } else { " IS " });
                self.push(match test {
                    Truth::Null => "NULL",
                    Truth::True => "TRUE",
                    Truth::False => "FALSE",
                    Truth::Unknown => "UNKNOWN",
                });
                Ok(())
            }
            Expr::Distinct { left, right, negated } => {
                self.operand(left)?;
                if *negated && self.dialect == Dialect::Mysql {
                    self.push(" <=> ");
                    return self.operand(right);
                }
                self.push(if *negated { " IS NOT DISTINCT FROM " } else { " IS DISTINCT FROM " });
                self.operand(right)
            }
            Expr::Between { expr, low, high, negated } => {
                self.operand(expr)?;
                self.push(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.operand(low)?;
                self.push(" AND ");
                self.operand(high)
            }
            Expr::Like { kind, expr, pattern, escape, negated } => {
                self.operand(expr)?;
                self.push(if *negated { " NOT" } else { "" });
                self.push(match kind {
                    LikeKind::Like => " LIKE ",
                    LikeKind::ILike => " ILIKE ",
                    LikeKind::Glob => " GLOB ",
                    LikeKind::Regexp => " REGEXP ",
                });
                self.operand(pattern)?;
                if let Some(escape) = escape {
                    self.push(" ESCAPE ");
                    self.operand(escape)?;
                }
                Ok(())
            }
            other => self.compound(other),
        }
    }

    /// Lists, queries, calls: the forms that bring their own brackets.
    fn compound(&mut self, expr: &Expr) -> Printed {
        match expr {
            Expr::InList { expr, list, negated } => {
                self.operand(expr)?;
                self.push(if *negated { " NOT IN (" } else { " IN (" });
                self.exprs(list)?;
                self.push(")");
                Ok(())
            }
            Expr::InQuery { expr, query, negated } => {
                self.operand(expr)?;
                self.push(if *negated { " NOT IN " } else { " IN " });
                self.parenthesised(query)
            }
            Expr::Exists { query, negated } => {
                self.push(if *negated { "NOT EXISTS " } else { "EXISTS " });
                self.parenthesised(query)
            }
            Expr::Subquery(query) => self.parenthesised(query),
            Expr::Quantified { left, op, all, right } => {
                self.operand(left)?;
                self.push(operator(*op));
                self.push(if *all { "ALL" } else { "ANY" });
                if matches!(right.as_ref(), Expr::Subquery(_)) {
                    return self.expr(right);
                }
                self.push("(");
                self.expr(right)?;
                self.push(")");
                Ok(())
            }
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            Expr::Function(function) => self.function(function),
            Expr::Added { schema, name, args } => {
                self.names(&[schema.clone(), name.clone()]);
                self.push("(");
                self.exprs(args)?;
                self.push(")");
                Ok(())
            }
            Expr::Row(items) => {
                self.push("(");
                self.exprs(items)?;
                self.push(")");
                Ok(())
            }
            Expr::Array(items) => {
                self.push("ARRAY[");
                self.exprs(items)?;
                self.push("]");
                Ok(())
            }
            other => self.worded(other),
        }
    }

    /// Calls and suffixes that are written with words.
    fn worded(&mut self, expr: &Expr) -> Printed {
        match expr {
            Expr::Interval { value, unit } => {
                self.push("INTERVAL ");
                self.operand(value)?;
                self.push(" ");
                self.push(unit);
                Ok(())
            }
            Expr::Cast { expr, to: SqlType { name: "UTF8MB4", .. } } => {
                self.push("CONVERT(");
                self.expr(expr)?;
                self.push(" USING utf8mb4)");
                Ok(())
            }
            Expr::Cast { expr, to } => {
                self.push("CAST(");
                self.expr(expr)?;
                self.push(" AS ");
                self.sql_type(*to);
                self.push(")");
                Ok(())
            }
            Expr::Convert { expr, to, style, safe } => self.convert(expr, *to, *style, *safe),
            Expr::Extract { field, expr } => {
                self.push("EXTRACT(");
                self.push(field);
                self.push(" FROM ");
                self.expr(expr)?;
                self.push(")");
                Ok(())
            }
            Expr::AtTimeZone { expr, zone } => {
                self.operand(expr)?;
                self.push(" AT TIME ZONE ");
                self.operand(zone)
            }
            Expr::FoldedEq { left, schema, right } => {
                self.operand(left)?;
                self.push(" OPERATOR(");
                self.name(schema);
                self.push(".=) CAST(");
                self.expr(right)?;
                self.push(" AS ");
                self.name(schema);
                self.push(".citext)");
                Ok(())
            }
            Expr::Collate { expr, collation } => {
                self.operand(expr)?;
                self.push(" COLLATE ");
                match self.dialect {
                    // From the allow-list, and no keywords there.
                    Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql => {
                        self.push(collation.as_str());
                    }
                    Dialect::Postgresql => self.name(collation),
                }
                Ok(())
            }
            other => self.expr(other),
        }
    }

    /// AND and OR chains stay flat on their left side, as people write them; every other operand that is not an atom
    /// gets parentheses.
    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Printed {
        match left {
            Expr::Binary { op: inner, .. }
                if *inner == op && matches!(op, BinaryOp::And | BinaryOp::Or) =>
            {
                self.expr(left)?;
            }
            left => self.junct(op, left)?,
        }
        self.push(operator(op));
        self.junct(op, right)
    }

    /// An operand of AND or OR needs no parentheses where it is a test, which binds tighter in every dialect.
    fn junct(&mut self, op: BinaryOp, operand: &Expr) -> Printed {
        let test = match operand {
            Expr::Binary { op, .. } => op.is_comparison(),
            Expr::Is { .. }
            | Expr::Like { .. }
            | Expr::InList { .. }
            | Expr::InQuery { .. }
            | Expr::Exists { .. } => true,
            _ => false,
        };
        if test && matches!(op, BinaryOp::And | BinaryOp::Or) {
            self.expr(operand)
        } else {
            self.operand(operand)
        }
    }

    /// An expression as an operand: in parentheses unless it is an atom.
    pub(super) fn operand(&mut self, expr: &Expr) -> Printed {
        let atom = match expr {
            Expr::Column(_)
            | Expr::Literal(_)
            | Expr::Bind(_)
            | Expr::Niladic(_)
            | Expr::DatePart(_)
            | Expr::Subquery(_)
            | Expr::Interval { .. }
            | Expr::Case { .. }
            | Expr::Cast { .. }
            | Expr::Convert { .. }
            | Expr::Extract { .. }
            | Expr::Row(_)
            | Expr::Array(_)
            | Expr::Added { .. }
            // A window or filter clause after the call is part of it in every position.
            | Expr::Function(_) => true,
            Expr::Unary { .. }
            | Expr::Binary { .. }
            | Expr::Is { .. }
            | Expr::Distinct { .. }
            | Expr::Between { .. }
            | Expr::InList { .. }
            | Expr::InQuery { .. }
            | Expr::Exists { .. }
            | Expr::Quantified { .. }
            | Expr::Like { .. }
            | Expr::AtTimeZone { .. }
            | Expr::FoldedEq { .. }
            | Expr::Collate { .. } => false,
        };
        if atom {
            return self.expr(expr);
        }
        self.push("(");
        self.expr(expr)?;
        self.push(")");
        Ok(())
    }

    /// `TRY_CAST(x AS t)`, or `CONVERT(t, x, style)` and its TRY_ form.
    fn convert(&mut self, expr: &Expr, to: SqlType, style: Option<u16>, safe: bool) -> Printed {
        self.push(if safe { "TRY_" } else { "" });
        match style {
            None => {
                self.push("CAST(");
                self.expr(expr)?;
                self.push(" AS ");
                self.sql_type(to);
            }
            Some(style) => {
                self.push("CONVERT(");
                self.sql_type(to);
                self.push(", ");
                self.expr(expr)?;
                self.push(&format!(", {style}"));
            }
        }
        self.push(")");
        Ok(())
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Printed {
        self.push("CASE");
        if let Some(operand) = operand {
            self.push(" ");
            self.operand(operand)?;
        }
        for (condition, result) in branches {
            self.push(" WHEN ");
            self.expr(condition)?;
            self.push(" THEN ");
            self.expr(result)?;
        }
        if let Some(otherwise) = otherwise {
            self.push(" ELSE ");
            self.expr(otherwise)?;
        }
        self.push(" END");
        Ok(())
    }

    fn function(&mut self, function: &Function) -> Printed {
        let Function { name, distinct, args, order_by, within_group, filter, over } = function;
        if let (Arguments::List(args), Dialect::Mysql | Dialect::Mssql) = (args, self.dialect)
            && let ([text, what], Some(side)) = (args.as_slice(), trimmed(name))
        {
            self.push("TRIM(");
            self.push(if self.dialect == Dialect::Mysql { side } else { "" });
            self.expr(what)?;
            self.push(" FROM ");
            self.expr(text)?;
            self.push(")");
            return Ok(());
        }
        self.push(name);
        self.push("(");
        self.push(if *distinct { "DISTINCT " } else { "" });
        let count = match args {
            Arguments::Star => 0,
            Arguments::List(args) => args.len(),
        };
        let separated = self.dialect == Dialect::Mysql && *name == GROUP_CONCAT && count == 2;
        let values = if separated { 1 } else { count };
        match args {
            Arguments::Star => self.push("*"),
            Arguments::List(args) => self.exprs(args.get(..values).unwrap_or(args))?,
        }
        if !order_by.is_empty() {
            self.push(" ORDER BY ");
            self.order_items(order_by)?;
        }
        if let (Arguments::List(args), true) = (args, separated) {
            self.push(" SEPARATOR ");
            args.get(values..).unwrap_or_default().iter().try_for_each(|arg| self.expr(arg))?;
        }
        self.push(")");
        if !within_group.is_empty() {
            self.push(" WITHIN GROUP (ORDER BY ");
            self.order_items(within_group)?;
            self.push(")");
        }
        if let Some(filter) = filter {
            self.push(" FILTER (WHERE ");
            self.expr(filter)?;
            self.push(")");
        }
        match over {
            None => Ok(()),
            Some(Over::Named(name)) => {
                self.push(" OVER ");
                self.name(name);
                Ok(())
            }
            Some(Over::Spec(window)) => {
                self.push(" OVER (");
                self.window(window)?;
                self.push(")");
                Ok(())
            }
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.push("NULL"),
            Literal::Bool(true) => self.push("TRUE"),
            Literal::Bool(false) => self.push("FALSE"),
            Literal::Number(digits) => self.push(digits),
            Literal::String(text) => self.string(text),
            Literal::National(text) => {
                self.push("N");
                self.string(text);
            }
            Literal::Typed(data_type, text) => {
                self.sql_type(*data_type);
                self.push(" ");
                self.string(text);
            }
        }
    }

    /// On MySQL a backslash is doubled like a quote.
    fn string(&mut self, text: &str) {
        let escapes = self.dialect == Dialect::Mysql;
        let printed = &mut self.text.text;
        printed.push('\'');
        for c in text.chars() {
            printed.push(c);
            if c == '\'' || (escapes && c == '\\') {
                printed.push(c);
            }
        }
        printed.push('\'');
    }

    fn sql_type(&mut self, data_type: SqlType) {
        let SqlType { name, modifiers } = data_type;
        self.push(name);
        match modifiers {
            (None, _) => {}
            (Some(first), None) => self.push(&format!("({first})")),
            (Some(first), Some(second)) => self.push(&format!("({first}, {second})")),
        }
    }
}

/// The word before the characters that a call drops from the end of a text, where it is such a call.
fn trimmed(name: &str) -> Option<&'static str> {
    match name {
        "trim" => Some("BOTH "),
        "ltrim" => Some("LEADING "),
        "rtrim" => Some("TRAILING "),
        _ => None,
    }
}

/// An operator with the spaces around it.
fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => " OR ",
        BinaryOp::And => " AND ",
        BinaryOp::Eq => " = ",
        BinaryOp::NotEq => " <> ",
        BinaryOp::Lt => " < ",
        BinaryOp::LtEq => " <= ",
        BinaryOp::Gt => " > ",
        BinaryOp::GtEq => " >= ",
        BinaryOp::Plus => " + ",
        BinaryOp::Minus => " - ",
        BinaryOp::Multiply => " * ",
        BinaryOp::Divide => " / ",
        BinaryOp::Modulo => " % ",
        BinaryOp::IntegerDivide => " DIV ",
        BinaryOp::Concat => " || ",
        BinaryOp::BitAnd => " & ",
        BinaryOp::BitOr => " | ",
        BinaryOp::ShiftLeft => " << ",
        BinaryOp::ShiftRight => " >> ",
        BinaryOp::Arrow => " -> ",
        BinaryOp::LongArrow => " ->> ",
        BinaryOp::HashArrow => " #> ",
        BinaryOp::HashLongArrow => " #>> ",
        BinaryOp::Contains => " @> ",
        BinaryOp::ContainedBy => " <@ ",
        BinaryOp::HasKey => " ? ",
        BinaryOp::HasAnyKey => " ?| ",
        BinaryOp::HasAllKeys => " ?& ",
        BinaryOp::Regex => " ~ ",
        BinaryOp::RegexI => " ~* ",
        BinaryOp::NotRegex => " !~ ",
        BinaryOp::NotRegexI => " !~* ",
        BinaryOp::Power => " ^ ",
    }
}
