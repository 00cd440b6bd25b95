//! Policies that change nothing: for whoever wrote them.
//!
//! Each policy is evaluated partially for an unknown caller, an unknown row and unknown columns. What is said is true of
//! every caller and row; what is left unsaid may be idle all the same.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::pst::{BinaryOp, Clause, Expr};
use cedar_policy::{Effect, PolicyId};

use super::evaluate::Partial;
use super::problem::{Problem, Reason};
use super::{Database, on_a_big_stack};
use crate::catalog::{Relation, RelationName};

/// What a policy says of the rows of one relation, whoever asks.
enum Says {
    /// It is satisfied by none.
    Never,
    /// By those that meet all of these; by every row where there are none.
    Where(BTreeSet<String>),
}

/// What is known of a policy after some relations.
#[derive(Default)]
struct Known {
    /// Whether some row of some relation may satisfy it.
    alive: bool,
    /// Whether, where it is alive, somebody may be permitted something that it could forbid.
    matched: bool,
    /// The permits that permit all that it does, on each relation so far.
    wider: Option<BTreeSet<usize>>,
}

/// What the policies leave without effect.
pub struct Idle {
    /// Policies, in the order of the files.
    pub policies: Vec<Problem>,
    /// Relations of which no policy permits a row, in the order of the catalog.
    pub denied: Vec<RelationName>,
}

impl Database {
    /// The policies that could be left out, and the relations that nobody can read. Empty where Cedar cannot say.
    pub fn idle(&self) -> Idle {
        on_a_big_stack(|| {
            let mut known: HashMap<PolicyId, Known> = HashMap::new();
            let mut denied = Vec::new();
            for relation in &self.catalog.relations {
                let Some(says) = self.says(relation) else {
                    return Idle { policies: Vec::new(), denied: Vec::new() };
                };
                if !self.learn(&says, &mut known) {
                    denied.push(relation.name.clone());
                }
            }
            Idle { policies: self.told(&known), denied }
        })
    }

    /// Every policy that can apply to a relation.
    fn says(&self, relation: &Relation) -> Option<Vec<(PolicyId, Says)>> {
        let partial = Partial::of_anybody(&self.schema, relation, None).ok()?;
        let mut says = Vec::new();
        let own = self.rules.by_entity_type.get(&relation.entity_type);
        for policies in std::iter::once(&self.rules.shared).chain(own) {
            let response = partial.evaluate(policies, &self.schema).ok()?;
            let never = response.false_permits().chain(response.false_forbids());
            // A permit that fails permits nothing; a forbid that fails forbids everything.
            for id in never.chain(response.error_permits()) {
                says.push((id.clone(), Says::Never));
            }
            let every = response.true_permits().chain(response.true_forbids());
            for id in every.chain(response.error_forbids()) {
                says.push((id.clone(), Says::Where(BTreeSet::new())));
            }
            for id in response.residual_permits().chain(response.residual_forbids()) {
                let policy = response.get_policy(id)?.to_pst().ok()?;
                let [Clause::When(condition)] = policy.body().clauses().as_slice() else {
                    return None;
                };
                let mut asked = BTreeSet::new();
                conjuncts(condition, &mut asked);
                says.push((id.clone(), Says::Where(asked)));
            }
        }
        Some(says)
    }

    /// Notes what is said of one relation; whether anybody is permitted anything.
    fn learn(&self, says: &[(PolicyId, Says)], known: &mut HashMap<PolicyId, Known>) -> bool {
        let alive = says.iter().filter_map(|(id, says)| match says {
            Says::Never => None,
            Says::Where(asked) => Some((id, asked)),
        });
        let (permits, forbids): (Vec<_>, Vec<_>) = alive.partition(|(id, _)| self.permits(id));
        for (id, _) in says {
            known.entry(id.clone()).or_default();
        }
        for (id, _) in &forbids {
            let known = known.entry((*id).clone()).or_default();
            known.alive = true;
            known.matched |= !permits.is_empty();
        }
        for (id, asked) in &permits {
            let own = self.rules.place(id);
            let known = known.entry((*id).clone()).or_default();
            known.alive = true;
            let wider = permits.iter().filter(|(other, of)| {
                let place = self.rules.place(other);
                // Of two that are the same, the first stays. What masks shows less.
                let wider = of.is_subset(asked) && (of.len() < asked.len() || place < own);
                wider && place != own && !self.rules.masks.contains_key(&place)
            });
            let wider: BTreeSet<usize> = wider.map(|(other, _)| self.rules.place(other)).collect();
            known.wider = Some(match known.wider.take() {
                Some(before) => before.intersection(&wider).copied().collect(),
                None => wider,
            });
        }
        !permits.is_empty()
    }

    fn permits(&self, id: &PolicyId) -> bool {
        self.rules.all.policy(id).is_some_and(|policy| policy.effect() == Effect::Permit)
    }

    fn told(&self, known: &HashMap<PolicyId, Known>) -> Vec<Problem> {
        let mut ids: Vec<&PolicyId> = known.keys().collect();
        ids.sort_by_key(|id| self.rules.place(id));
        let names: HashMap<usize, &PolicyId> =
            ids.iter().map(|id| (self.rules.place(id), *id)).collect();
        let told = ids.iter().filter_map(|id| {
            let known = known.get(*id)?;
            let wider = known.wider.iter().flatten().next().and_then(|place| names.get(place));
            let reason = match wider {
                _ if !known.alive => Reason::Dead,
                Some(by) => Reason::Shadowed { by: by.to_string() },
                None if !known.matched && !self.permits(id) => Reason::Unmatched,
                None => return None,
            };
            let place = self.rules.sites.get(*id)?.clone();
            Some(Problem { policy: Some(id.to_string()), ..Problem::at(place, reason) })
        });
        told.collect()
    }
}

/// The conditions that must all hold.
fn conjuncts(expr: &Expr, asked: &mut BTreeSet<String>) {
    match expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            conjuncts(left, asked);
            conjuncts(right, asked);
        }
        other => drop(asked.insert(other.to_string())),
    }
}
