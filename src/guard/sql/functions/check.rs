//! What the arguments of a call must look like, and where a call may stand.

use super::super::tree::{Expr, Literal};
use super::{Kind, Rule};
use crate::guard::{Refusal, RefusalCode};

/// What an argument must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    None,
    /// The first argument is one of PostgreSQL's date fields, as a literal: then no value can make the call fail.
    DateField,
    /// The first argument is a unit, such as MySQL's DAY.
    Unit,
    /// The second argument is MySQL's INTERVAL.
    Interval,
    /// The first argument is a format literal of PostgreSQL's `format` with `%s`, whose widths are plain and short.
    TextFormat,
    /// The first argument is a format literal whose widths are plain and short, so that it cannot fill memory.
    ShortFormat,
}

impl Rule {
    /// Whether the first argument is a word and not a value.
    pub(in super::super) fn takes_unit(&self) -> bool {
        self.check == Check::Unit
    }

    /// Refuses a call with a wrong number or a wrong form of arguments.
    pub(in super::super) fn check_arguments(&self, args: &[Expr]) -> Result<(), Refusal> {
        if args.len() < self.min_args || args.len() > self.max_args {
            return Err(Refusal::new(
                RefusalCode::UnknownFunction,
                format!("the function `{}` does not take {} arguments", self.name, args.len()),
                "correct the number of arguments",
            ));
        }
        let first = match args.first() {
            Some(Expr::Literal(Literal::String(text))) => Some(text.as_str()),
            _ => None,
        };
        match self.check {
            Check::None => Ok(()),
            Check::DateField if first.is_some_and(is_date_field) => Ok(()),
            Check::DateField => Err(Refusal::unsupported(
                format_args!("`{}` with this field", self.name),
                "name the field as a literal: 'year', 'quarter', 'month', 'week', 'day', 'hour' or 'minute'",
            )),
            Check::Unit if matches!(args.first(), Some(Expr::Niladic(_))) => Ok(()),
            Check::Unit => Err(Refusal::unsupported(
                format_args!("`{}` without a unit", self.name),
                "write DAY, HOUR, MINUTE, SECOND, WEEK, MONTH, QUARTER or YEAR first",
            )),
            Check::Interval if matches!(args.get(1), Some(Expr::Interval { .. })) => Ok(()),
            Check::Interval => Err(Refusal::unsupported(
                format_args!("`{}` without an INTERVAL", self.name),
                "write INTERVAL 3 DAY second",
            )),
            Check::TextFormat if first.is_some_and(is_text_format) => Ok(()),
            Check::TextFormat => Err(Refusal::unsupported(
                format_args!("`{}` with this format", self.name),
                "write the format as a literal with %s and widths of at most two digits, such as '%s: %-10s'",
            )),
            Check::ShortFormat if first.is_some_and(is_short_format) => Ok(()),
            Check::ShortFormat => Err(Refusal::unsupported(
                format_args!("`{}` with this format", self.name),
                "write the format as a literal with widths of at most two digits, such as '%.2f'",
            )),
        }
    }

    /// Refuses a call in a place where this kind of function means nothing.
    pub(in super::super) fn check_position(
        &self,
        over: bool,
        aggregates: bool,
        ordered_set: bool,
    ) -> Result<(), Refusal> {
        let fits = match self.kind {
            Kind::Scalar => !over && !aggregates,
            Kind::Aggregate | Kind::AggregateIfSingle => !ordered_set,
            Kind::Window => over && !aggregates,
            Kind::OrderedSet => ordered_set && !over,
            Kind::AggregateMaybeOrdered => !over,
            Kind::OrderedWindow => ordered_set && over,
        };
        if fits {
            return Ok(());
        }
        Err(Refusal::unsupported(
            format_args!(
                "`{}` with or without OVER, DISTINCT, FILTER or WITHIN GROUP as written",
                self.name
            ),
            "call scalar functions plainly, and window functions with OVER (...)",
        ))
    }
}

fn is_date_field(text: &str) -> bool {
    const FIELDS: [&str; 17] = [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "decade",
        "century",
        "dow",
        "doy",
        "isodow",
        "milliseconds",
        "microseconds",
        "isoyear",
        "epoch",
    ];
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(text))
}

/// `%s` and `%%`, with a minus and a width of up to two digits.
fn is_text_format(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            continue;
        }
        let _left = chars.next_if_eq(&'-');
        let mut digits = 0;
        while chars.next_if(char::is_ascii_digit).is_some() {
            digits += 1;
        }
        if digits > 2 || chars.next() != Some('s') {
            return false;
        }
    }
    true
}

/// `%d %i %s %f %e %g %x %%` with flags, a width of up to two digits and a precision of up to two.
fn is_short_format(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        while chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0' | ',' | '#')).is_some() {}
        let mut digits = 0;
        while chars.next_if(char::is_ascii_digit).is_some() {
            digits += 1;
        }
        let mut precision = 0;
        if chars.next_if_eq(&'.').is_some() {
            while chars.next_if(char::is_ascii_digit).is_some() {
                precision += 1;
            }
        }
        let conversion =
            matches!(chars.next(), Some('d' | 'i' | 's' | 'f' | 'e' | 'g' | 'x' | 'X' | '%'));
        if digits > 2 || precision > 2 || !conversion {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_short() {
        for text in ["%.2f", "%d%%", "%05d", "plain", "%-10s", "%,d"] {
            assert!(is_short_format(text), "{text}");
        }
        for text in ["%100d", "%*d", "%.999f", "%n", "%", "%.*c", "%q"] {
            assert!(!is_short_format(text), "{text}");
        }
        for text in ["%s", "%-10s|%5s", "100%%", "plain"] {
            assert!(is_text_format(text), "{text}");
        }
        for text in ["%I", "%L", "%1$s", "%*s", "%100s", "%", "%d"] {
            assert!(!is_text_format(text), "{text}");
        }
    }
}
