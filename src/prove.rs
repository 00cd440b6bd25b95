//! Proofs about policies: a solver looks at every caller and every row at once, where a test looks at a few.
//!
//! For each relation three claims are put to it: that what a caller may read is its own, that no policy fails, and that
//! what is declared shared can be read by everybody. Policies become formulas by `cedar-policy-symcc`, under the schema
//! that they were validated against; the solver is cvc5, a program of its own. What it finds is shown only after the
//! ordinary evaluator has said the same (`Database::verdict`).

mod callers;
mod certificate;
mod claims;
mod columns;
mod diff;
mod encode;
mod example;
mod facts;
mod merge;
mod print;
mod replace;
mod solver;

use std::io;
use std::time::Duration;

use cedar_policy::{Policy, Schema};
use cedar_policy_symcc::{
    CompiledPolicy, CompiledPolicySet, WellFormedAsserts, err, implies_asserts,
    never_errors_asserts,
};

use crate::catalog::{ColumnName, Relation, RelationName};
use crate::identity::Principal;
use crate::policy::Database;
use crate::policy::tenancy::{Owner, Tenancy};
pub use callers::representatives;
use certificate::Caller;
pub use certificate::{certify, certify_filter};
pub use columns::certify_masks;
pub use diff::{ColumnDifference, Difference, diff};
pub use example::Example;
pub use solver::NotProved;
use solver::Solver;

/// What is claimed of a relation, or of one policy on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Whatever a caller may read is of its tenant, and of its scope where one is declared.
    Isolated,
    /// The policy of this `@id` never fails, whoever asks for whichever row.
    NeverFails(String),
    /// Every caller may read every row, as `shared_relations` says.
    Shared,
    /// The caller's filter keeps the rows that the policies allow, and no others.
    Filter {
        /// Who asks.
        principal: Principal,
        /// The columns that the query touches, of those that policies ask for.
        touched: Vec<ColumnName>,
    },
    /// On each row that the caller may see, a column shows its value or the mask that the policies say.
    Column {
        /// Who asks.
        principal: Principal,
        /// Which column; some policy masks it.
        column: ColumnName,
    },
}

/// What became of a claim.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It holds for every caller and every row.
    Proved,
    /// It does not hold: the ordinary evaluator agrees on this caller and row.
    Refuted(Box<Example>),
    /// Neither could be shown.
    NotProved(NotProved),
}

/// One claim and its answer.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Of which relation.
    pub relation: RelationName,
    /// What is claimed.
    pub claim: Claim,
    /// What became of it.
    pub answer: Answer,
    /// Whether nothing says whose the rows are, so that any caller that reads one is one too many.
    pub undeclared: bool,
}

/// Formulas of many policies are deep, and the walks over them recursive. Memory is used only as far as a walk goes.
const STACK_BYTES: usize = 1024 * 1024 * 1024;

/// Every claim about each database, relation by relation; the solver has `limit` for each.
///
/// # Errors
///
/// There is no thread to be had, or it ended early.
pub fn prove(databases: &[&Database], limit: Duration) -> io::Result<Vec<Vec<Finding>>> {
    deep(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut solver = Solver::new(limit);
        let mut all = Vec::new();
        for database in databases {
            let mut findings = Vec::new();
            for relation in &database.catalog.relations {
                let proof = Proof::new(database, relation);
                findings.extend(runtime.block_on(proof.claims(&mut solver)));
            }
            all.push(findings);
        }
        Ok(all)
    })
}

/// The work on a thread of its own, whose stack is deep enough.
fn deep<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the proof ended early")))
    })
}

/// One relation of one database, as it is put to the solver.
struct Proof<'a> {
    database: &'a Database,
    relation: &'a Relation,
    schema: &'a Schema,
    tenancy: Tenancy,
    policies: Vec<Policy>,
}

impl<'a> Proof<'a> {
    fn new(database: &'a Database, relation: &'a Relation) -> Self {
        let tenancy = Tenancy::of(&database.settings, &database.catalog, relation);
        let (schema, policies) = database.rules_on(relation);
        let policies = policies.into_iter().cloned().collect();
        Self { database, relation, schema, tenancy, policies }
    }

    async fn claims(&self, solver: &mut Solver) -> Vec<Finding> {
        let mut findings = Vec::new();
        // A forbid that may fail denies where it does, so these are to be known first.
        let mut failing = Vec::new();
        for policy in &self.policies {
            let answer = self.never_fails(policy, solver).await;
            if !matches!(answer, Answer::Proved) {
                failing.push(policy);
            }
            findings.push(self.finding(Claim::NeverFails(policy.id().to_string()), answer));
        }
        let isolated = self.isolated(&failing, solver).await;
        findings.insert(0, self.finding(Claim::Isolated, isolated));
        let has_tenants = self.database.settings.requires_organization_scoping;
        if has_tenants && self.tenancy.tenant == Owner::Everybody {
            let shared = self.shared(&failing, solver).await;
            findings.push(self.finding(Claim::Shared, shared));
        }
        findings
    }

    fn finding(&self, claim: Claim, answer: Answer) -> Finding {
        let undeclared = claim == Claim::Isolated && self.tenancy.tenant == Owner::Undeclared;
        Finding { relation: self.relation.name.clone(), claim, answer, undeclared }
    }

    /// The policies that may fail on some caller and row, or of which it is not known.
    async fn failing(&self, solver: &mut Solver) -> Vec<Policy> {
        let mut failing = Vec::new();
        for policy in &self.policies {
            if !matches!(self.never_fails(policy, solver).await, Answer::Proved) {
                failing.push(policy.clone());
            }
        }
        failing
    }

    async fn never_fails(&self, policy: &Policy, solver: &mut Solver) -> Answer {
        let compiled = encode::environment(self.relation)
            .map_err(NotProved::Unsupported)
            .and_then(|env| Ok(CompiledPolicy::compile(policy, &env, self.schema)?));
        match compiled {
            Ok(compiled) => {
                let id = policy.id().to_string();
                let asserts = never_errors_asserts(&compiled);
                self.ask(&asserts, solver, |example| {
                    example.verdict.as_ref().is_some_and(|verdict| verdict.failed.contains(&id))
                })
                .await
            }
            Err(reason) => Answer::NotProved(reason),
        }
    }

    async fn isolated(&self, failing: &[&Policy], solver: &mut Solver) -> Answer {
        let own =
            encode::condition("permit", "when", &self.tenancy.condition(&self.database.settings));
        match self.compiled(failing).and_then(|allowed| Ok((allowed, self.compile(own)?))) {
            Ok((allowed, own)) => {
                let asserts = implies_asserts(&allowed, &own);
                self.ask(&asserts, solver, |example| {
                    example.is_allowed() && !self.tenancy.holds(&example.principal, &example.row)
                })
                .await
            }
            Err(reason) => Answer::NotProved(reason),
        }
    }

    async fn shared(&self, failing: &[&Policy], solver: &mut Solver) -> Answer {
        let settings = &self.database.settings;
        // Which columns a caller sees is another matter.
        let callers = format!("context.columns.isEmpty() && {}", encode::callers(settings));
        let callers = encode::condition("permit", "when", &callers);
        match self.compiled(failing).and_then(|allowed| Ok((allowed, self.compile(callers)?))) {
            Ok((allowed, callers)) => {
                let asserts = implies_asserts(&callers, &allowed);
                self.ask(&asserts, solver, |example| {
                    example.verdict.as_ref().is_some_and(|verdict| !verdict.allowed)
                })
                .await
            }
            Err(reason) => Answer::NotProved(reason),
        }
    }

    /// What the policies allow callers that the settings let in.
    fn compiled(&self, failing: &[&Policy]) -> Result<CompiledPolicySet, NotProved> {
        let set =
            encode::strict(&self.policies, failing, &encode::callers(&self.database.settings));
        self.compile(set)
    }

    fn compile(
        &self,
        set: Result<cedar_policy::PolicySet, String>,
    ) -> Result<CompiledPolicySet, NotProved> {
        let env = encode::environment(self.relation).map_err(NotProved::Unsupported)?;
        Ok(CompiledPolicySet::compile(&set.map_err(NotProved::Unsupported)?, &env, self.schema)?)
    }

    /// Puts a claim to the solver; `refutes` says whether a caller and a row really are against it.
    async fn ask(
        &self,
        asserts: &WellFormedAsserts<'_>,
        solver: &mut Solver,
        refutes: impl Fn(&Example) -> bool,
    ) -> Answer {
        self.ask_of(None, asserts, solver, refutes).await
    }

    /// The same of a caller who is known, and of whom the solver may not be.
    async fn ask_of(
        &self,
        caller: Option<Caller<'_>>,
        asserts: &WellFormedAsserts<'_>,
        solver: &mut Solver,
        refutes: impl Fn(&Example) -> bool,
    ) -> Answer {
        match solver.counterexample(asserts).await {
            Ok(None) => Answer::Proved,
            Ok(Some(found)) => {
                let (database, relation) = (self.database, self.relation);
                match Example::confirmed(database, relation, &found, caller, &refutes) {
                    Some(example) => Answer::Refuted(Box::new(example)),
                    None => Answer::NotProved(NotProved::Unconfirmed),
                }
            }
            Err(reason) => Answer::NotProved(reason),
        }
    }
}

impl From<err::Error> for NotProved {
    fn from(error: err::Error) -> Self {
        match error {
            err::Error::SolverUnknown => Self::Undecided,
            other => Self::Unsupported(other.to_string()),
        }
    }
}
