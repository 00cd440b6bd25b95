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
        | Predicate::Like { column: of, .. } => of == column,
        Predicate::CompareColumns { left, right, .. } => left == column || right == column,
        Predicate::IsNull { column: of, negated } => *negated && of == column,
    }
}
