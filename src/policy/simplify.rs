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
                merged(operands, true).into_iter().map(without_redundant_guards).collect();
            let redundant = |guard: &Predicate| match guard {
                Predicate::IsNull { column, negated: true } => {
                    operands.iter().any(|other| other != guard && rejects_null(other, column))
                }
                Predicate::IsNull { negated: false, .. }
                | Predicate::And(_)
                | Predicate::Or(_)
                | Predicate::Compare { .. }
                | Predicate::CompareColumns { .. }
                | Predicate::In { .. }
                | Predicate::Like { .. }
                | Predicate::Elements { .. }
                | Predicate::Related { .. }
                | Predicate::Parent { .. } => false,
            };
            let kept: Vec<Predicate> =
                operands.iter().filter(|operand| !redundant(operand)).cloned().collect();
            joined(kept, Predicate::and).unwrap_or(Predicate::And(operands))
        }
        Predicate::Or(operands) => {
            let kept: Vec<Predicate> =
                merged(operands.clone(), false).into_iter().map(without_redundant_guards).collect();
            joined(kept, Predicate::or).unwrap_or(Predicate::Or(operands))
        }
        atom @ (Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::In { .. }
        | Predicate::Like { .. }
        | Predicate::Elements { .. }
        | Predicate::IsNull { .. }
        | Predicate::Parent { .. }) => atom,
        Predicate::Related { hop, predicate } => {
            Predicate::Related { hop, predicate: Box::new(without_redundant_guards(*predicate)) }
        }
    }
}

/// What is asked of one parent in several operands, asked at once: a row has one parent at most by each key. That there is
/// a parent is said by whatever is true of it, and says more than it.
fn merged(operands: Vec<Predicate>, all: bool) -> Vec<Predicate> {
    let mut kept: Vec<Predicate> = Vec::new();
    for operand in operands {
        let (hop, asked) = match operand {
            Predicate::Related { hop, predicate } => (hop, Some(*predicate)),
            Predicate::Parent { hop, negated: false } => (hop, None),
            other => {
                kept.push(other);
                continue;
            }
        };
        let same = |other: &&mut Predicate| match other {
            Predicate::Related { hop: of, .. } | Predicate::Parent { hop: of, negated: false } => {
                of == &hop
            }
            Predicate::Parent { negated: true, .. }
            | Predicate::And(_)
            | Predicate::Or(_)
            | Predicate::Compare { .. }
            | Predicate::CompareColumns { .. }
            | Predicate::In { .. }
            | Predicate::Like { .. }
            | Predicate::Elements { .. }
            | Predicate::IsNull { .. } => false,
        };
        let Some(before) = kept.iter_mut().find(same) else {
            kept.push(match asked {
                Some(predicate) => Predicate::Related { hop, predicate: Box::new(predicate) },
                None => Predicate::Parent { hop, negated: false },
            });
            continue;
        };
        match (before, asked) {
            (Predicate::Related { predicate, .. }, Some(asked)) => {
                let before = predicate.as_ref().clone();
                **predicate = if all { before.and(asked) } else { before.or(asked) };
            }
            (before @ Predicate::Parent { .. }, Some(asked)) if all => {
                *before = Predicate::Related { hop, predicate: Box::new(asked) };
            }
            (before, None) if !all => *before = Predicate::Parent { hop, negated: false },
            // The other already says it.
            _ => {}
        }
    }
    kept
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
        Predicate::Related { hop, predicate: _ } => &hop.column == column,
        Predicate::Parent { hop, negated } => !negated && &hop.column == column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RelationName;
    use crate::predicate::{CmpOp, Hop, Value};

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

    fn task() -> Hop {
        let parent = RelationName { schema: "main".to_owned(), name: "tasks".to_owned() };
        let (column, key) = (ColumnName::new("task_id"), ColumnName::new("id"));
        Hop { name: "task".to_owned(), column, parent, key }
    }

    #[test]
    fn one_parent_is_asked_at_once() {
        let related =
            |predicate| Predicate::Related { hop: task(), predicate: Box::new(predicate) };
        let present = Predicate::Parent { hop: task(), negated: false };
        let missing = Predicate::Parent { hop: task(), negated: true };
        let (a, b) = (equals("a"), equals("b"));
        let (one, other) = (related(a.clone()), related(b.clone()));
        let both = simplified(one.clone().and(present.clone()).and(other.clone()));
        assert_eq!(both, related(a.clone().and(b.clone())));
        assert_eq!(simplified(present.clone().and(one.clone())), one);
        assert_eq!(simplified(one.clone().or(other.clone())), related(a.or(b)));
        for either in [present.clone().or(one.clone()), one.clone().or(present.clone())] {
            assert_eq!(simplified(either), present);
        }
        // Rows without a parent are others.
        let apart = missing.clone().or(one.clone());
        assert_eq!(simplified(apart.clone()), apart);
        let never = missing.and(present);
        assert_eq!(simplified(never.clone()), never);
        // Another key to the same relation leads to another row.
        let hop = Hop { name: "next".to_owned(), column: ColumnName::new("next_id"), ..task() };
        let next = Predicate::Related { hop, predicate: Box::new(equals("b")) };
        let apart = one.clone().and(next);
        assert_eq!(simplified(apart.clone()), apart);
        // The key's own `has` goes with it, and what is asked of the parent is simplified too.
        assert_eq!(simplified(is_null("task_id", true).and(one.clone())), one);
        assert_eq!(simplified(related(is_null("a", true).and(equals("a")))), one);
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
