//! Which policies decide about a relation for one caller, and what is left of each: for people.

use cedar_policy::pst::Clause;
use cedar_policy::{Effect, Policy, PolicyId};

use super::evaluate::{self, Partial};
use super::place::Place;
use super::{Database, Unsupported, on_a_big_stack};
use crate::catalog::{ColumnName, Relation};
use crate::identity::Principal;

/// One policy that can apply to a relation, for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its `@id`.
    pub policy: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Where it is written.
    pub place: Option<Place>,
    /// What is left of it.
    pub residual: Residual,
}

/// What is left of a policy when the caller is known and the row is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Residual {
    /// It is satisfied on every row.
    Every,
    /// It is satisfied on no row.
    None,
    /// It fails, whatever the row: a permit permits nothing then, and a forbid forbids every row.
    Fails,
    /// It is satisfied on the rows of which this is true, in Cedar.
    Where(String),
}

impl Database {
    /// The policies that can apply to a relation in the order of the files, for a query that touches one column or none.
    /// `None` for a caller that the settings refuse.
    pub fn applied(
        &self,
        principal: &Principal,
        relation: &Relation,
        touched: Option<&ColumnName>,
    ) -> Result<Option<Vec<Applied>>, Unsupported> {
        let Some(caller) = evaluate::caller(&self.settings, principal) else { return Ok(None) };
        on_a_big_stack(|| {
            let partial = Partial::new(&self.schema, relation, &caller, touched)?;
            let mut found = Vec::new();
            let own = self.rules.by_entity_type.get(&relation.entity_type);
            for policies in std::iter::once(&self.rules.shared).chain(own) {
                let response = partial.evaluate(policies, &self.schema)?;
                let mut add = |id: &PolicyId, residual| {
                    found.push((self.rules.place(id), self.applied_as(id, residual)));
                };
                response.true_permits().chain(response.true_forbids()).for_each(|id| {
                    add(id, Residual::Every);
                });
                response.false_permits().chain(response.false_forbids()).for_each(|id| {
                    add(id, Residual::None);
                });
                response.error_permits().chain(response.error_forbids()).for_each(|id| {
                    add(id, Residual::Fails);
                });
                for id in response.residual_permits().chain(response.residual_forbids()) {
                    add(id, Residual::Where(condition(response.get_policy(id).as_ref())));
                }
            }
            found.sort_by_key(|(place, _)| *place);
            Ok(Some(found.into_iter().map(|(_, applied)| applied).collect()))
        })
    }

    fn applied_as(&self, id: &PolicyId, residual: Residual) -> Applied {
        let policy = self.rules.all.policy(id);
        // What is not known is shown as what it would be at worst.
        let permits = policy.is_some_and(|policy| policy.effect() == Effect::Permit);
        Applied {
            policy: id.to_string(),
            effect: if permits { "permit" } else { "forbid" },
            place: self.rules.sites.get(id).cloned(),
            residual,
        }
    }
}

/// The condition of a residual policy, which has one and no scope.
fn condition(policy: Option<&Policy>) -> String {
    let written = policy.and_then(|policy| policy.to_pst().ok());
    let clauses = written.map(|policy| policy.body().clauses().clone()).unwrap_or_default();
    match clauses.as_slice() {
        [Clause::When(condition)] => condition.to_string(),
        _ => policy.and_then(Policy::to_cedar).unwrap_or_default(),
    }
}
