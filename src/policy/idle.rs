//! Policies that change nothing: for whoever wrote them.
//!
//! Each policy is evaluated partially for an unknown caller, an unknown row and unknown columns. What is said is true of
//! every caller and row; what is left unsaid may be idle all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Of a permit that masks: those that permit all that it does and mask nothing, on each relation so far that has a column
    /// which it masks.
    bare: Option<BTreeSet<usize>>,
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
                if !self.learn(relation, &says, &mut known) {
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
    fn learn(
        &self,
        relation: &Relation,
        says: &[(PolicyId, Says)],
        known: &mut HashMap<PolicyId, Known>,
    ) -> bool {
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
            let wider = wider.map(|(other, _)| self.rules.place(other)).collect();
            narrow(&mut known.wider, wider);
            let masks = self.rules.masks.get(&own).into_iter().flat_map(BTreeMap::keys);
            if masks.into_iter().any(|column| relation.column(column).is_some()) {
                let covering = permits.iter().filter(|(_, of)| of.is_subset(asked));
                let bare = covering.map(|(other, _)| self.rules.place(other));
                let bare = bare.filter(|place| !self.rules.masks.contains_key(place)).collect();
                narrow(&mut known.bare, bare);
            }
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
            let first = |places: &Option<BTreeSet<usize>>| {
                places.iter().flatten().next().and_then(|place| names.get(place))
            };
            let reason = match (first(&known.wider), first(&known.bare)) {
                _ if !known.alive => Reason::Dead,
                (Some(by), _) => Reason::Shadowed { by: by.to_string() },
                (None, Some(by)) => Reason::MaskVoid { by: by.to_string() },
                (None, None) if !known.matched && !self.permits(id) => Reason::Unmatched,
                (None, None) => return None,
            };
            let place = self.rules.sites.get(*id)?.clone();
            Some(Problem { policy: Some(id.to_string()), ..Problem::at(place, reason) })
        });
        told.collect()
    }
}

/// Keeps what is among these, too.
fn narrow(known: &mut Option<BTreeSet<usize>>, found: BTreeSet<usize>) {
    *known = Some(match known.take() {
        Some(before) => before.intersection(&found).copied().collect(),
        None => found,
    });
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
