//! Certificates: a filter, printed back as Cedar, keeps the rows that the policies allow its caller, and no others.
//!
//! Lowering, simplification and everything that a filter went through is one way; this is another, from the policies as they
//! were written, over every row at once. Both directions are asked, each with an example where they differ.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use cedar_policy::{Effect, Policy};
use cedar_policy_symcc::implies_asserts;

use super::facts::Named;
use super::print::{NONE, Place, filter};
use super::solver::Solver;
use super::{Answer, Claim, Example, Finding, NotProved, Proof, encode, replace};
use crate::catalog::{ColumnName, Relation};
use crate::identity::Principal;
use crate::policy::Database;
use crate::policy::schema::quoted;
use crate::predicate::{PredicateSet, RowFilter, gone};

/// Whether the filters of these callers say what the policies do, relation by relation; the solver has `limit` for each
/// question.
///
/// # Errors
///
/// There is no thread to be had, or it ended early.
pub fn certify(
    database: &Database,
    principals: &[Principal],
    limit: Duration,
) -> io::Result<Vec<Finding>> {
    super::deep(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut solver = Solver::new(limit);
        let mut findings = Vec::new();
        for relation in &database.catalog.relations {
            let rules = runtime.block_on(Rules::of(database, relation, &mut solver));
            for principal in principals {
                let claims = runtime.block_on(rules.claims(principal, &mut solver));
                findings.extend(claims.into_iter().map(|(claim, answer)| {
                    let relation = relation.name.clone();
                    Finding { relation, claim, answer, undeclared: false }
                }));
            }
        }
        Ok(findings)
    })
}

/// Whether one filter says of a relation what the policies do, for a query that touches no column.
///
/// # Errors
///
/// There is no thread to be had, or it ended early.
pub fn certify_filter(
    database: &Database,
    principal: &Principal,
    relation: &Relation,
    filter: &RowFilter,
    limit: Duration,
) -> io::Result<Answer> {
    super::deep(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut solver = Solver::new(limit);
        let rules = runtime.block_on(Rules::of(database, relation, &mut solver));
        let caller = Caller { principal, touched: &[] };
        Ok(runtime.block_on(rules.certified(caller, filter, &mut solver)))
    })
}

/// Who asks, with a query that touches these columns of those that policies ask for, and no others.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) principal: &'a Principal,
    pub(super) touched: &'a [ColumnName],
}

/// The policies on a relation, and those of them that may fail.
pub(super) struct Rules<'a> {
    pub(super) proof: Proof<'a>,
    failing: Vec<Policy>,
}

/// Two conditions that are claimed to be the same: what these policies allow, and what was printed of filters.
pub(super) struct Sides<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) policies: &'a [Policy],
    pub(super) printed: String,
    /// What is known of rows.
    pub(super) known: Vec<String>,
}

impl<'a> Rules<'a> {
    pub(super) async fn of(
        database: &'a Database,
        relation: &'a Relation,
        solver: &mut Solver,
    ) -> Self {
        let proof = Proof::new(database, relation);
        let failing = proof.failing(solver).await;
        Self { proof, failing }
    }

    /// What is claimed of a caller's filters, and what became of it.
    async fn claims(&self, principal: &Principal, solver: &mut Solver) -> Vec<(Claim, Answer)> {
        let Proof { database, relation, .. } = &self.proof;
        let claim = |touched| Claim::Filter { principal: principal.clone(), touched };
        let filters = match database.predicates_for(principal) {
            Ok(filters) => filters,
            Err(unsupported) => {
                let reason = NotProved::Unsupported(unsupported.to_string());
                return vec![(claim(Vec::new()), Answer::NotProved(reason))];
            }
        };
        let mut claims = Vec::new();
        for (touched, filter) in self.filters(&filters) {
            let caller = Caller { principal, touched: &touched };
            let answer = self.certified(caller, &filter, solver).await;
            claims.push((claim(touched), answer));
        }
        let hidden = filters.hidden_of(&relation.name);
        for column in self.masked() {
            if hidden.is_none_or(|hidden| !hidden.contains(&column)) {
                let masked = filters.mask_of(&relation.name, &column);
                let answer =
                    self.certified_masks(principal, &filters, &column, masked, solver).await;
                claims.push((Claim::Column { principal: principal.clone(), column }, answer));
            }
        }
        claims
    }

    /// The filter for a query that touches nothing, that of each column that policies ask for, and that of all of these
    /// that are not hidden.
    fn filters(&self, filters: &PredicateSet) -> Vec<(Vec<ColumnName>, RowFilter)> {
        let Proof { relation, .. } = &self.proof;
        let nothing = BTreeSet::new();
        let hidden = filters.hidden_of(&relation.name).unwrap_or(&nothing);
        let touching = |columns: Vec<ColumnName>| {
            let filter = filters.filter_touching(&relation.name, &columns).into_owned();
            (columns, filter)
        };
        let asked = self.asked();
        let seen: Vec<ColumnName> =
            asked.iter().copied().filter(|column| !hidden.contains(*column)).cloned().collect();
        let together = (seen.len() > 1).then(|| touching(seen));
        let each = asked.into_iter().map(|column| {
            let columns = vec![column.clone()];
            if hidden.contains(column) { (columns, RowFilter::NoRows) } else { touching(columns) }
        });
        // Where every column is hidden the relation is none, though policies let a query through that touches nothing.
        let whole = gone(relation, hidden).len() < relation.columns.len();
        let none = whole.then(|| touching(Vec::new()));
        none.into_iter().chain(each).chain(together).collect()
    }

    fn asked(&self) -> Vec<&ColumnName> {
        let Proof { database, relation, .. } = &self.proof;
        let columns = relation.columns.iter().map(|column| &column.name);
        columns.filter(|name| database.columns_asked().contains(*name)).collect()
    }

    async fn certified(&self, caller: Caller<'_>, rows: &RowFilter, solver: &mut Solver) -> Answer {
        let place = self.place();
        let printed = match filter(place, rows) {
            Ok(printed) => printed,
            Err(reason) => return Answer::NotProved(NotProved::Unsupported(reason)),
        };
        let known = self.known(caller, [rows]);
        let sides = Sides { caller, policies: &self.proof.policies, printed, known };
        let differs = |example: &Example| {
            let allowed = example.verdict.as_ref().map(|verdict| verdict.allowed);
            caller.is_of(example, self.proof.database.columns_asked())
                && allowed.is_some_and(|allowed| allowed != rows.keeps(&example.row))
        };
        self.same(&sides, solver, differs).await
    }

    /// Whether both sides are true of the same rows.
    pub(super) async fn same(
        &self,
        Sides { caller, policies, printed, known }: &Sides<'_>,
        solver: &mut Solver,
        differs: impl Fn(&Example) -> bool,
    ) -> Answer {
        let proof = &self.proof;
        // Where nothing permits and nothing is kept there is nothing to ask.
        let permits = policies.iter().any(|policy| policy.effect() == Effect::Permit);
        if !permits && printed == NONE {
            return Answer::Proved;
        }
        let (policies, failing, mut conditions) = self.written_for(*caller, policies);
        conditions.extend(known.iter().cloned());
        let known = conditions.join(" && ");
        let failing: Vec<&Policy> = failing.iter().collect();
        let compiled = proof.compile(encode::strict(&policies, &failing, &known)).and_then(|own| {
            let filter = encode::condition("permit", "when", &format!("{known} && {printed}"));
            Ok((own, proof.compile(filter)?))
        });
        let (policies, filter) = match compiled {
            Ok(compiled) => compiled,
            Err(reason) => return Answer::NotProved(reason),
        };
        let asked = Some(*caller);
        // What is kept and not allowed first: that is the leak.
        match proof.ask_of(asked, &implies_asserts(&filter, &policies), solver, &differs).await {
            Answer::Proved => {
                proof.ask_of(asked, &implies_asserts(&policies, &filter), solver, &differs).await
            }
            answer @ (Answer::Refuted(_) | Answer::NotProved(_)) => answer,
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        let Proof { database, relation, .. } = self.proof;
        Place { database, relation, path: "resource" }
    }

    /// The policies, and those of them that may fail, as they read for a caller; and what else is to be said of the caller.
    fn written_for(
        &self,
        caller: Caller<'_>,
        policies: &[Policy],
    ) -> (Vec<Policy>, Vec<Policy>, Vec<String>) {
        let Proof { database, .. } = &self.proof;
        let settings = &database.settings;
        let known = |policies: &[Policy]| {
            let known = policies
                .iter()
                .map(|policy| replace::known(policy, settings, caller.principal, caller.touched));
            known.collect::<Result<Vec<Policy>, String>>()
        };
        if let (Ok(own), Ok(failing)) = (known(policies), known(&self.failing)) {
            return (own, failing, vec![encode::empty_claims(caller.principal)]);
        }
        let mut conditions = vec![encode::pinned(settings, caller.principal)];
        for column in database.columns_asked() {
            let not = if caller.touched.contains(column) { "" } else { "!" };
            conditions.push(format!("{not}context.columns.contains({})", quoted(column.as_str())));
        }
        (policies.to_vec(), self.failing.clone(), conditions)
    }

    /// What is known of rows, as far as policies and these filters could tell.
    pub(super) fn known<'f>(
        &self,
        caller: Caller<'_>,
        filters: impl IntoIterator<Item = &'f RowFilter>,
    ) -> Vec<String> {
        let policies = &self.proof.policies;
        Named::of(policies).with(caller.principal, filters).facts(self.place())
    }
}

impl Caller<'_> {
    /// Whether the example is of this caller, and of a query that touches the same of the columns that policies ask for.
    pub(super) fn is_of(self, example: &Example, asked: &BTreeSet<ColumnName>) -> bool {
        let touched: BTreeSet<&ColumnName> =
            example.touched.iter().filter(|column| asked.contains(*column)).collect();
        example.principal == *self.principal && touched == self.touched.iter().collect()
    }
}
