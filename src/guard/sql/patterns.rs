//! Patterns of LIKE that end in their escape character (rule G19).
//!
//! PostgreSQL raises an error for one, but only where it has matched a value up to there. Behind a fence that is a row of
//! the caller's own. The planner however estimates how many rows a constant pattern matches by matching the most common
//! values that it knows of the column, and those are everybody's: what the statistics hold could be read letter by
//! letter, whatever fence there is (seen on 15.18, after ANALYZE). So a pattern there must end in something else.
//! <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/like_support.c>: `patternsel_common`.

use super::Dialect;
use super::functions;
use super::tree::{Arguments, BinaryOp, Expr, LikeKind, Literal};
use crate::guard::Refusal;

/// Refuses a pattern that could end in its escape character, on the engine where that matters.
pub(super) fn check(
    dialect: Dialect,
    kind: LikeKind,
    pattern: &Expr,
    escape: Option<&Expr>,
) -> Result<(), Refusal> {
    match (dialect, kind) {
        (Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql, _)
        | (Dialect::Postgresql, LikeKind::Glob | LikeKind::Regexp) => return Ok(()),
        (Dialect::Postgresql, LikeKind::Like | LikeKind::ILike) => {}
    }
    let escape = match escape {
        None => Some('\\'),
        Some(Expr::Literal(Literal::String(text))) => text.chars().next(),
        Some(_) => None,
    };
    if escape.is_some_and(|escape| ends_well(pattern, escape)) {
        return Ok(());
    }
    Err(Refusal::unsupported(
        "a LIKE pattern that may end in its escape character",
        "write the escape character twice there, or end the pattern in a text: title || '%'",
    ))
}

/// Whether no value that a pattern may have ends in an escape character with nothing to escape.
fn ends_well(pattern: &Expr, escape: char) -> bool {
    match pattern {
        Expr::Literal(Literal::String(text)) => {
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                if c == escape && chars.next().is_none() {
                    return false;
                }
            }
            true
        }
        Expr::Literal(Literal::Null) => true,
        Expr::Binary { op: BinaryOp::Concat, left: _, right } => ends_in_another(right, escape),
        Expr::Function(function) if function.name == functions::CONCAT => match &function.args {
            Arguments::List(args) => args.last().is_some_and(|last| ends_in_another(last, escape)),
            Arguments::Star => false,
        },
        _ => false,
    }
}

/// Whether it is a text whose last character is another than the escape character.
fn ends_in_another(last: &Expr, escape: char) -> bool {
    match last {
        Expr::Literal(Literal::String(text)) => text.chars().last().is_some_and(|c| c != escape),
        Expr::Binary { op: BinaryOp::Concat, left: _, right } => ends_in_another(right, escape),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Expr {
        Expr::Literal(Literal::String(text.to_owned()))
    }

    fn joined(left: Expr, right: Expr) -> Expr {
        Expr::Binary { op: BinaryOp::Concat, left: Box::new(left), right: Box::new(right) }
    }

    #[test]
    fn patterns_end_well_or_may_not() {
        for pattern in
            [text(""), text("a%"), text(r"a\%"), text(r"a\\"), Expr::Literal(Literal::Null)]
        {
            assert!(ends_well(&pattern, '\\'), "{pattern:?}");
        }
        let column = || Expr::Column(Vec::new());
        assert!(ends_well(&joined(column(), text("%")), '\\'));
        assert!(ends_well(&joined(text(r"S\"), joined(column(), text("%"))), '\\'));
        for pattern in [
            text(r"\"),
            text(r"S%\"),
            text(r"a\\\"),
            column(),
            joined(text("%"), column()),
            joined(text("S"), text(r"%\")),
            joined(text("S"), text(r"%\\")),
            joined(text(r"S%\"), text("")),
        ] {
            assert!(!ends_well(&pattern, '\\'), "{pattern:?}");
        }
        assert!(ends_well(&text(r"S%\"), '!'));
        assert!(!ends_well(&text("S%!"), '!'));
    }
}
