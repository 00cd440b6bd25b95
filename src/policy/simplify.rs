//! A filter with the same rows and fewer words.

use crate::catalog::ColumnName;
use crate::predicate::{Predicate, RowFilter};

/// Drops `c IS NOT NULL` next to another condition that no NULL of `c` satisfies: `c IS NOT NULL AND c = 82` keeps the
/// rows of `c = 82`.
///
/// The two differ where `c` is NULL: the first is false there and the second is unknown. Neither keeps the row, and as
/// a predicate has no negation above its atoms, no other row can tell them apart.
pub(super) fn simplify(filter: RowFilter) -> RowFilter {
    match filter {
        RowFilter::Where(predicate) => RowFilter::Where(without_redundant_guards(predicate)),
        RowFilter::AllRows | RowFilter::NoRows => filter,
    }
}

fn without_redundant_guards(predicate: Predicate) -> Predicate {
    match predicate {
        Predicate::And(operands) => {
            let operands: Vec<Predicate> =
                operands.into_iter().map(without_redundant_guards).collect();
            let redundant = |guard: &Predicate| match guard {
                Predicate::IsNull { column, negated: true } => {
                    operands.iter().any(|other| other != guard && rejects_null(other, column))
                }
                _ => false,
            };
            let kept: Vec<Predicate> =
                operands.iter().filter(|operand| !redundant(operand)).cloned().collect();
            joined(kept, Predicate::and).unwrap_or(Predicate::And(operands))
        }
        Predicate::Or(operands) => {
            let kept: Vec<Predicate> =
                operands.iter().cloned().map(without_redundant_guards).collect();
            joined(kept, Predicate::or).unwrap_or(Predicate::Or(operands))
        }
        atom @ (Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::In { .. }
        | Predicate::Like { .. }
        | Predicate::Elements { .. }
        | Predicate::IsNull { .. }) => atom,
    }
}

fn joined(
    operands: Vec<Predicate>,
    connective: fn(Predicate, Predicate) -> Predicate,
) -> Option<Predicate> {
    operands.into_iter().reduce(connective)
}

/// Whether the predicate is true on no row where the column is NULL.
fn rejects_null(predicate: &Predicate, column: &ColumnName) -> bool {
    match predicate {
        Predicate::And(operands) => operands.iter().any(|operand| rejects_null(operand, column)),
        Predicate::Or(operands) => operands.iter().all(|operand| rejects_null(operand, column)),
        Predicate::Compare { column: of, .. }
        | Predicate::In { column: of, .. }
        | Predicate::Like { column: of, .. }
        | Predicate::Elements { column: of, .. } => of == column,
        Predicate::CompareColumns { left, right, .. } => left == column || right == column,
        Predicate::IsNull { column: of, negated } => *negated && of == column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate::{CmpOp, Value};

    fn is_null(column: &str, negated: bool) -> Predicate {
        Predicate::IsNull { column: ColumnName::new(column), negated }
    }

    fn equals(column: &str) -> Predicate {
        let column = ColumnName::new(column);
        Predicate::Compare { column, op: CmpOp::Eq, value: Value::Long(82) }
    }

    fn simplified(predicate: Predicate) -> Predicate {
        match simplify(RowFilter::Where(predicate)) {
            RowFilter::Where(predicate) => predicate,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_guard_that_another_condition_makes_idle_goes() {
        let guard = || is_null("c", true);
        assert_eq!(simplified(guard().and(equals("c"))), equals("c"));
        let both = equals("c").or(equals("c").and(equals("d")));
        assert_eq!(simplified(guard().and(both.clone())), both);
        for kept in [
            equals("d"),
            is_null("d", true),
            is_null("c", false).or(equals("c")),
            equals("c").or(equals("d")),
            equals("c").or(is_null("d", true)),
        ] {
            let whole = guard().and(kept);
            assert_eq!(simplified(whole.clone()), whole);
        }
    }
}
