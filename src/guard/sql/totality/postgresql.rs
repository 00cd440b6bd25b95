//! PostgreSQL: types are settled before any row is read, but a conversion that was settled on may fail on a value.

use super::{Analysis, BOOLEAN, Kind};
use crate::catalog::ColumnType as T;
use crate::guard::sql::tree::{BinaryOp, Expr, Literal};

/// Whether comparing values of these kinds converts nothing that could fail.
///
/// Dates and timestamps have comparisons of their own, without a conversion
/// (<https://www.postgresql.org/docs/current/functions-datetime.html#OPERATORS-DATETIME-TABLE>). A NUMERIC becomes a
/// double precision, and may be too large for it.
pub(super) fn comparable(left: Kind, right: Kind) -> bool {
    match (left, right) {
        (Kind::Unknown | Kind::DateText, _) | (_, Kind::Unknown | Kind::DateText) => false,
        (Kind::Untyped, _) | (_, Kind::Untyped) => true,
        (Kind::Known(T::Other | T::Json), _) | (_, Kind::Known(T::Other | T::Json)) => false,
        (Kind::Known(left), Kind::Known(right)) => {
            left == right
                || is_widened(left, right)
                || is_widened(right, left)
                || [left, right]
                    .iter()
                    .all(|one| matches!(one, T::Date | T::Timestamp | T::Timestamptz))
        }
    }
}

/// Whether every whole number has a value of the other type.
fn is_widened(from: T, to: T) -> bool {
    from == T::Integer && matches!(to, T::Decimal | T::Float)
}

/// Why values of these kinds may fail to become values of one type, as those of CASE, COALESCE, ARRAY and UNION do
/// (<https://www.postgresql.org/docs/current/typeconv-union-case.html>): a NUMERIC may be too large for a double
/// precision, and a DATE lie beyond what a TIMESTAMP reaches.
pub(super) fn joins_fail(kinds: &[Kind]) -> Option<&'static str> {
    let joins = |left: &Kind, right: &Kind| match (left, right) {
        (Kind::Untyped, _) | (_, Kind::Untyped) => true,
        (Kind::Known(T::Other) | Kind::Unknown | Kind::DateText, _)
        | (_, Kind::Known(T::Other) | Kind::Unknown | Kind::DateText) => false,
        (Kind::Known(left), Kind::Known(right)) => {
            left == right || is_widened(*left, *right) || is_widened(*right, *left)
        }
    };
    let all = kinds
        .iter()
        .enumerate()
        .all(|(index, kind)| kinds.iter().skip(index + 1).all(|other| joins(kind, other)));
    (!all).then_some("its values are of types that may need a conversion")
}

/// The kind of what [`joins_fail`] is none of.
pub(super) fn common(kinds: impl IntoIterator<Item = Kind>) -> Kind {
    let typed = kinds.into_iter().filter(|kind| *kind != Kind::Untyped);
    let wider = |left: Kind, right: Kind| match (left, right) {
        (Kind::Known(left), Kind::Known(right)) if is_widened(left, right) => Kind::Known(right),
        (Kind::Known(left), Kind::Known(right)) if is_widened(right, left) => Kind::Known(left),
        (left, right) => left.joined(right),
    };
    typed.reduce(wider).unwrap_or(Kind::Untyped)
}

/// The kind of what is written without parentheses.
pub(super) fn niladic(name: &str) -> Kind {
    match name {
        "CURRENT_DATE" => Kind::Known(T::Date),
        "CURRENT_TIMESTAMP" => Kind::Known(T::Timestamptz),
        "LOCALTIMESTAMP" => Kind::Known(T::Timestamp),
        _ => Kind::Unknown,
    }
}

/// Whether a value may be an array, and `||` then more than joining texts.
pub(in crate::guard::sql) fn may_be_array(part: &Analysis) -> bool {
    matches!(part.kind, Kind::Unknown | Kind::Known(T::Other))
}

/// What an operator that looks into a `jsonb` gives.
pub(super) fn found(op: BinaryOp) -> Kind {
    match op {
        BinaryOp::Arrow | BinaryOp::HashArrow => Kind::Known(T::Json),
        BinaryOp::LongArrow | BinaryOp::HashLongArrow => Kind::Known(T::Text),
        _ => BOOLEAN,
    }
}

/// Whether the operator looks into a `jsonb` by a literal, which is read before any row is, or compares two.
pub(super) fn looks_into(
    op: BinaryOp,
    operands: (&Expr, &Expr),
    [left, right]: &[Analysis; 2],
) -> bool {
    const JSONB: Kind = Kind::Known(T::Json);
    let is_text = |expr: &Expr| matches!(expr, Expr::Literal(Literal::String(_)));
    match op {
        BinaryOp::Arrow | BinaryOp::LongArrow => {
            left.kind == JSONB
                && matches!(operands.1, Expr::Literal(Literal::String(_) | Literal::Number(_)))
        }
        BinaryOp::HashArrow | BinaryOp::HashLongArrow | BinaryOp::HasKey => {
            left.kind == JSONB && is_text(operands.1)
        }
        BinaryOp::HasAnyKey | BinaryOp::HasAllKeys => {
            let texts = matches!(operands.1, Expr::Array(items) if items.iter().all(is_text));
            left.kind == JSONB && (texts || is_text(operands.1))
        }
        BinaryOp::Contains | BinaryOp::ContainedBy => {
            let jsonb = |kind, expr| kind == JSONB || is_text(expr);
            (left.kind == JSONB || right.kind == JSONB)
                && jsonb(left.kind, operands.0)
                && jsonb(right.kind, operands.1)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_one_type_converts_nothing_that_may_fail() {
        let known = Kind::Known;
        for kinds in [
            vec![known(T::Decimal), Kind::Untyped, known(T::Integer)],
            vec![known(T::Float), known(T::Integer)],
            vec![Kind::Unknown],
            vec![known(T::Text), Kind::Untyped],
        ] {
            assert_eq!(joins_fail(&kinds), None, "{kinds:?}");
        }
        for kinds in [
            // What comes first, NULL or not, does not decide.
            vec![Kind::Untyped, known(T::Decimal), known(T::Float)],
            vec![known(T::Integer), known(T::Decimal), known(T::Float)],
            vec![known(T::Date), known(T::Timestamp)],
            vec![known(T::Other), known(T::Other)],
            vec![Kind::Unknown, Kind::Unknown],
        ] {
            assert!(joins_fail(&kinds).is_some(), "{kinds:?}");
        }
        assert_eq!(
            common([Kind::Untyped, known(T::Integer), known(T::Decimal)]),
            known(T::Decimal)
        );
        assert_eq!(common([known(T::Decimal), known(T::Float)]), Kind::Unknown);
        assert!(!comparable(known(T::Decimal), known(T::Float)));
    }
}
