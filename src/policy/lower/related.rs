//! Conditions over related rows: each is lowered as a condition of the parent, on which it must be true or false.

use cedar_policy::pst::Expr;

use super::{Lowering, rows_if};
use crate::policy::Unsupported;
use crate::policy::check::{Reach, reach, reads, seen_from_parent};
use crate::policy::related::Followed;
use crate::predicate::{Hop, Predicate, RowFilter};

impl<'a> Lowering<'a> {
    /// A condition that looks at a parent; `None` where it looks at the row at hand.
    // INVARIANT (fail closed): where the parent is missing the condition is neither true nor false, as in Cedar, where it is
    // an error.
    pub(super) fn through(
        &self,
        expr: &Expr,
        want: bool,
    ) -> Result<Option<RowFilter>, Unsupported> {
        let leads = |name: &str| self.followed(name).is_some();
        let name = match reach(expr, &leads) {
            Reach::Own => return Ok(None),
            Reach::Several => return Err(self.unsupported("a related row beside another row")),
            Reach::Through(name) => name,
        };
        let hop = self.hop(name)?;
        let asked = self.at(hop)?.lower(&seen_from_parent(expr, name), want)?;
        Ok(Some(beyond(hop, asked)))
    }

    /// `resource has task`, and what is asked of the task behind it: `resource has task.title`.
    pub(super) fn has_parent(
        &self,
        name: &str,
        behind: &[&str],
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let hop = self.hop(name)?;
        let present = RowFilter::Where(Predicate::Parent { hop: hop.clone(), negated: !want });
        if behind.is_empty() {
            return Ok(present);
        }
        let asked = beyond(hop, self.at(hop)?.has_path(behind, want)?);
        Ok(if want { asked } else { present.or(asked) })
    }

    /// Whether an expression can be an error where the database holds what the catalog does not expect: a required key
    /// whose row is missing. An optional one is read behind a `has` only.
    pub(super) fn may_lack_parent(&self, expr: &Expr) -> bool {
        reads(expr, &|path| {
            let mut at = self.relation;
            for name in path {
                match self.hops.named(&at.name, name) {
                    Some(followed) if followed.required => return true,
                    Some(followed) => match self.hops.parent(&followed.hop) {
                        Some(parent) => at = parent,
                        None => return true,
                    },
                    None => return false,
                }
            }
            false
        })
    }

    pub(super) fn followed(&self, name: &str) -> Option<&'a Followed> {
        self.hops.named(&self.relation.name, name)
    }

    fn hop(&self, name: &str) -> Result<&'a Hop, Unsupported> {
        let followed = self.followed(name);
        followed.map(|followed| &followed.hop).ok_or_else(|| self.unsupported("an unknown key"))
    }

    /// The same lowering, for the relation of the parent.
    fn at(&self, hop: &Hop) -> Result<Self, Unsupported> {
        match self.hops.parent(hop) {
            Some(relation) => Ok(Lowering { relation, ..*self }),
            None => Err(self.unsupported("a row of an unknown relation")),
        }
    }
}

/// The rows whose parent is one of those asked for.
fn beyond(hop: &Hop, asked: RowFilter) -> RowFilter {
    let hop = hop.clone();
    match asked {
        RowFilter::NoRows => rows_if(false),
        RowFilter::AllRows => RowFilter::Where(Predicate::Parent { hop, negated: false }),
        RowFilter::Where(predicate) => {
            RowFilter::Where(Predicate::Related { hop, predicate: Box::new(predicate) })
        }
    }
}
