//! What one set of policies grants that another did not, over every caller and row.
//!
//! Both sides are put to the solver over the same callers and rows (`merge`). Where the sides do not mean the same ones,
//! nothing is proved: an answer about other rows or other callers would be no answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use cedar_policy::{Effect, Policy};
use cedar_policy_symcc::{CompiledPolicySet, disjoint_asserts, implies_asserts};

use super::merge::Merged;
use super::solver::Solver;
use super::{Answer, Example, NotProved, Proof, encode};
use crate::catalog::{ColumnName, RelationName};
use crate::policy::Database;
use crate::policy::schema::quoted;
use crate::predicate::Mask;

/// What became of one relation.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Of which relation.
    pub relation: RelationName,
    /// Refuted by a caller and a row that only the new policies let it read.
    pub granted: Answer,
    /// Refuted by a caller and a row that only the old policies let it read.
    pub denied: Answer,
    /// What became of the columns that either side masks, on the rows that both let a caller read.
    pub columns: Vec<ColumnDifference>,
}

/// What became of one column that some policy masks.
#[derive(Debug, Clone)]
pub struct ColumnDifference {
    /// Which column.
    pub column: ColumnName,
    /// Refuted by a caller and a row of which the new policies show more.
    pub granted: Answer,
    /// Refuted by a caller and a row of which the old policies show more.
    pub denied: Answer,
}

/// Relation by relation, whether `new` grants or denies what `old` did not; the solver has `limit` for each question. A
/// database that is not there grants nothing.
///
/// # Errors
///
/// There is no thread to be had, or it ended early.
pub fn diff(
    old: Option<&Database>,
    new: Option<&Database>,
    limit: Duration,
) -> io::Result<Vec<Difference>> {
    super::deep(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut solver = Solver::new(limit);
        let (Some(one), Some(other)) = (old.or(new), new.or(old)) else { return Ok(Vec::new()) };
        let merged = match incomparable(one, other) {
            Some(reason) => Err(reason.to_owned()),
            None => Merged::of(one, other),
        };
        let merged = match merged {
            Ok(merged) => merged,
            Err(reason) => {
                let relations = one.catalog.relations.iter().chain(&other.catalog.relations);
                let mut names: Vec<_> = relations.map(|relation| relation.name.clone()).collect();
                names.sort();
                names.dedup();
                let open = |name| Difference::open(name, &NotProved::Unsupported(reason.clone()));
                return Ok(names.into_iter().map(open).collect());
            }
        };
        let mut all = Vec::new();
        for relation in merged.relations() {
            let sides = merged
                .side(old, relation)
                .and_then(|before| Ok((before, merged.side(new, relation)?)));
            let difference = match sides {
                Ok((before, after)) => runtime.block_on(compare(before, after, &mut solver)),
                Err(reason) => Err(NotProved::Unsupported(reason)),
            };
            let name = relation.name.clone();
            all.push(match difference {
                Ok(Compared { granted, denied, columns }) => {
                    Difference { relation: name, granted, denied, columns }
                }
                Err(reason) => Difference::open(name, &reason),
            });
        }
        Ok(all)
    })
}

/// Why the two sides do not speak of the same callers, or of rows in the same way, where they do not.
fn incomparable(old: &Database, new: &Database) -> Option<&'static str> {
    let (old, new) = (&old.settings, &new.settings);
    if old.tenant_id_type != new.tenant_id_type {
        return Some("`tenant_id_type` differs");
    }
    if old.engine != new.engine {
        return Some("`engine` differs");
    }
    // What is not named here counts, so that a setting of tomorrow does too.
    let mut settings = old.clone();
    settings.url.clone_from(&new.url);
    settings.mask_key.clone_from(&new.mask_key);
    settings.limits.clone_from(&new.limits);
    settings.functions.clone_from(&new.functions);
    settings.tenant_filter_column.clone_from(&new.tenant_filter_column);
    settings.scope_filter_column.clone_from(&new.scope_filter_column);
    settings.shared_relations.clone_from(&new.shared_relations);
    settings.unscoped_relations.clone_from(&new.unscoped_relations);
    settings.tenant_columns.clone_from(&new.tenant_columns);
    settings.scope_columns.clone_from(&new.scope_columns);
    (settings != *new).then_some("the settings that say who is a caller differ")
}

impl Difference {
    fn open(relation: RelationName, reason: &NotProved) -> Self {
        let open = || Answer::NotProved(reason.clone());
        Self { relation, granted: open(), denied: open(), columns: Vec::new() }
    }
}

/// One side, and what its policies allow as a formula.
struct Side<'a> {
    proof: Proof<'a>,
    /// The policies that may fail.
    failing: Vec<Policy>,
    allowed: CompiledPolicySet,
}

impl<'a> Side<'a> {
    async fn of(proof: Option<Proof<'a>>, solver: &mut Solver) -> Result<Option<Self>, NotProved> {
        let Some(proof) = proof else { return Ok(None) };
        let failing = proof.failing(solver).await;
        let allowed = proof.compiled(&failing.iter().collect::<Vec<_>>())?;
        Ok(Some(Self { proof, failing, allowed }))
    }

    /// The columns of the relation that permits mask, each with each of its masks.
    fn masked(&self) -> BTreeMap<ColumnName, BTreeSet<Mask>> {
        let Proof { database, relation, policies, .. } = &self.proof;
        let masks = policies.iter().filter_map(|policy| database.masks_by(policy.id())).flatten();
        let mut found: BTreeMap<ColumnName, BTreeSet<Mask>> = BTreeMap::new();
        for (column, mask) in masks.filter(|(column, _)| relation.column(column).is_some()) {
            found.entry(column.clone()).or_default().insert(*mask);
        }
        found
    }

    /// The rows that a query of these callers may read and on which a column shows this, its value or a mask: those of the
    /// permits that show so, but for those of permits that show more strictly, or the value.
    fn rows(
        &self,
        column: &ColumnName,
        shown: Option<Mask>,
        callers: &str,
    ) -> Result<CompiledPolicySet, NotProved> {
        let Proof { database, policies, .. } = &self.proof;
        let own = |policy: &Policy| database.masks_by(policy.id())?.get(column).copied();
        let mut kept = Vec::new();
        for policy in policies {
            let own = own(policy);
            if policy.effect() == Effect::Forbid || own == shown {
                kept.push(policy.clone());
            } else if shown.is_some() && own < shown {
                kept.push(encode::forbidding(policy).map_err(NotProved::Unsupported)?);
            }
        }
        let failing: Vec<&Policy> = self.failing.iter().collect();
        self.proof.compile(encode::strict(&kept, &failing, callers))
    }

    /// Whether this side shows no more of a column than the other does, on the rows that both let a caller read.
    // INVARIANT (no widening): a mask that was taken away is a grant.
    async fn shows_no_more(
        &self,
        other: &Side<'_>,
        column: &ColumnName,
        masks: &BTreeSet<Mask>,
        solver: &mut Solver,
    ) -> Answer {
        let Proof { database, relation, .. } = &self.proof;
        // What it shows, it shows to a query that names it.
        let touches = format!("context.columns.contains({})", quoted(column.as_str()));
        let callers = format!("{touches} && {}", encode::callers(&database.settings));
        let telling =
            |own: Option<Mask>, theirs: Mask| own.is_none_or(|own| !tells_no_more(own, theirs));
        let shown = |database: &Database, example: &Example| {
            let verdict = example.verdict_of(database, &relation.name)?;
            verdict.allowed.then(|| database.mask_on(&verdict, column))
        };
        let refutes = |example: &Example| {
            let own = shown(database, example);
            let theirs = shown(other.proof.database, example);
            let more = match (own, theirs) {
                (Some(own), Some(Some(theirs))) => telling(own, theirs),
                (Some(_), Some(None)) | (None, _) | (_, None) => false,
            };
            example.touched.contains(column) && more
        };
        let own = std::iter::once(None).chain(masks.iter().copied().map(Some));
        let pairs = own.flat_map(|own| masks.iter().map(move |theirs| (own, *theirs)));
        for (own, theirs) in pairs.filter(|(own, theirs)| telling(*own, *theirs)) {
            let sides = self
                .rows(column, own, &callers)
                .and_then(|own| Ok((own, other.rows(column, Some(theirs), &callers)?)));
            let answer = match &sides {
                Ok((own, others)) => {
                    self.proof.ask(&disjoint_asserts(own, others), solver, refutes).await
                }
                Err(reason) => Answer::NotProved(reason.clone()),
            };
            if !matches!(answer, Answer::Proved) {
                return answer;
            }
        }
        Answer::Proved
    }

    /// Whether this side lets a caller read a row that the other does not.
    async fn beyond(&self, other: Option<&Side<'_>>, solver: &mut Solver) -> Answer {
        let Self { proof, allowed, .. } = self;
        let nothing = proof.compile(encode::condition("permit", "when", "false"));
        let others = match (other, &nothing) {
            (Some(other), _) => &other.allowed,
            (None, Ok(nothing)) => nothing,
            (None, Err(reason)) => return Answer::NotProved(reason.clone()),
        };
        let refutes = |example: &Example| {
            let theirs = other.and_then(|other| {
                example.verdict_of(other.proof.database, &other.proof.relation.name)
            });
            example.is_allowed() && theirs.is_none_or(|verdict| !verdict.allowed)
        };
        proof.ask(&implies_asserts(allowed, others), solver, refutes).await
    }
}

/// Whether what one mask shows can be told from what the other shows. The order of strictness is another: it decides between
/// permits, and `hash`, though stricter than `last4`, tells unequal values apart that end alike.
fn tells_no_more(one: Mask, other: Mask) -> bool {
    match (one, other) {
        (Mask::Null, _) | (Mask::Hash, Mask::Hash) | (Mask::Last4, Mask::Last4) => true,
        (Mask::Hash, Mask::Null | Mask::Last4) | (Mask::Last4, Mask::Null | Mask::Hash) => false,
    }
}

/// What became of a relation.
struct Compared {
    granted: Answer,
    denied: Answer,
    columns: Vec<ColumnDifference>,
}

async fn compare(
    before: Option<Proof<'_>>,
    after: Option<Proof<'_>>,
    solver: &mut Solver,
) -> Result<Compared, NotProved> {
    let before = Side::of(before, solver).await?;
    let after = Side::of(after, solver).await?;
    let granted = match &after {
        Some(after) => after.beyond(before.as_ref(), solver).await,
        None => Answer::Proved,
    };
    let denied = match &before {
        Some(before) => before.beyond(after.as_ref(), solver).await,
        None => Answer::Proved,
    };
    let mut columns = Vec::new();
    // A row that only one side shows is granted or denied with all of its columns.
    if let (Some(before), Some(after)) = (&before, &after) {
        let mut masked = before.masked();
        for (column, masks) in after.masked() {
            masked.entry(column).or_default().extend(masks);
        }
        for (column, masks) in masked {
            let granted = after.shows_no_more(before, &column, &masks, solver).await;
            let denied = before.shows_no_more(after, &column, &masks, solver).await;
            columns.push(ColumnDifference { column, granted, denied });
        }
    }
    Ok(Compared { granted, denied, columns })
}
