//! Certificates: a filter, printed back as Cedar, keeps the rows that the policies allow its caller, and no others.
//!
//! Lowering, simplification and everything that a filter went through is one way; this is another, from the policies as they
//! were written, over every row at once. Both directions are asked, each with an example where they differ.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use cedar_policy::Policy;
use cedar_policy_symcc::implies_asserts;

use super::facts::Named;
use super::print::{Place, filter};
use super::solver::Solver;
use super::{Answer, Claim, Example, Finding, NotProved, Proof, encode};
use crate::catalog::{ColumnName, Relation};
use crate::identity::{Principal, TenantId};
use crate::policy::Database;
use crate::policy::schema::quoted;
use crate::predicate::{PredicateSet, RowFilter, gone};

/// How many constants of the policies are tried as tenants, and how many as scopes.
const MOST_CONSTANTS: usize = 4;

/// Callers that stand for others: with a scope and without, and those that the policies name.
pub fn representatives(database: &Database) -> Vec<Principal> {
    let settings = &database.settings;
    let policies: Vec<Policy> = database.rules().cloned().collect();
    let named = Named::of(&policies);
    let (longs, texts) = named.constants();
    let tenants: Vec<Option<TenantId>> = if settings.requires_organization_scoping {
        let texts = texts.iter().cloned().chain(longs.iter().map(ToString::to_string));
        let parsed = texts.filter_map(|text| TenantId::parse(&text, settings.tenant_id_type).ok());
        let plain = super::example::plain_tenant_id(settings.tenant_id_type);
        plain.into_iter().chain(parsed.take(MOST_CONSTANTS)).map(Some).collect()
    } else {
        vec![None]
    };
    let mut scopes = vec![None];
    if database.scope_filters() {
        let plain = ["user-1"].into_iter().chain(texts.iter().map(String::as_str));
        let parsed = plain.filter_map(|text| text.parse().ok());
        scopes.extend(parsed.take(1 + MOST_CONSTANTS).map(Some));
    }
    let mut all = Vec::new();
    for tenant in tenants {
        for scope in &scopes {
            all.push(Principal::new(tenant.clone(), scope.clone()));
        }
    }
    all
}

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
                let filters = database.predicates_for(principal);
                for (touched, filter) in rules.filters(filters.as_deref()) {
                    let answer = match filter {
                        Ok(filter) => {
                            let caller = Caller { principal, touched: touched.as_ref() };
                            runtime.block_on(rules.certified(caller, &filter, &mut solver))
                        }
                        Err(reason) => Answer::NotProved(NotProved::Unsupported(reason)),
                    };
                    let claim = Claim::Filter { principal: principal.clone(), touched };
                    let relation = relation.name.clone();
                    findings.push(Finding { relation, claim, answer, undeclared: false });
                }
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
        let caller = Caller { principal, touched: None };
        Ok(runtime.block_on(rules.certified(caller, filter, &mut solver)))
    })
}

/// Who asks, with a query that touches one column or none.
#[derive(Clone, Copy)]
struct Caller<'a> {
    principal: &'a Principal,
    touched: Option<&'a ColumnName>,
}

/// The policies on a relation, and those of them that may fail.
struct Rules<'a> {
    proof: Proof<'a>,
    failing: Vec<Policy>,
}

/// A filter, or why there is none, for a query that touches this column or none.
type Filtered = (Option<ColumnName>, Result<RowFilter, String>);

impl<'a> Rules<'a> {
    async fn of(database: &'a Database, relation: &'a Relation, solver: &mut Solver) -> Self {
        let proof = Proof::new(database, relation);
        let failing = proof.failing(solver).await;
        Self { proof, failing }
    }

    /// The filter of a caller, and that of each column that policies ask for.
    fn filters(
        &self,
        filters: Result<&PredicateSet, &crate::policy::Unsupported>,
    ) -> Vec<Filtered> {
        let Proof { relation, .. } = &self.proof;
        let filters = match filters {
            Ok(filters) => filters,
            Err(unsupported) => return vec![(None, Err(unsupported.to_string()))],
        };
        let filter = filters.filter_for(&relation.name);
        let nothing = BTreeSet::new();
        let hidden = filters.hidden_of(&relation.name).unwrap_or(&nothing);
        let columns = self.asked().into_iter().map(|column| {
            let filter = if hidden.contains(column) {
                RowFilter::NoRows
            } else {
                filters.filter_touching(&relation.name, [column]).into_owned()
            };
            (Some(column.clone()), Ok(filter))
        });
        // Where every column is hidden the relation is none, though policies let a query through that touches nothing.
        let whole = gone(relation, hidden).len() < relation.columns.len();
        let none = whole.then(|| (None, Ok(filter.clone())));
        none.into_iter().chain(columns).collect()
    }

    fn asked(&self) -> Vec<&ColumnName> {
        let Proof { database, relation, .. } = &self.proof;
        let columns = relation.columns.iter().map(|column| &column.name);
        columns.filter(|name| database.columns_asked().contains(*name)).collect()
    }

    async fn certified(&self, caller: Caller<'_>, rows: &RowFilter, solver: &mut Solver) -> Answer {
        let proof = &self.proof;
        let place = Place { database: proof.database, relation: proof.relation, path: "resource" };
        let condition = self.condition(caller, rows, place);
        let sides = filter(place, rows).map_err(NotProved::Unsupported).and_then(|printed| {
            let failing: Vec<&Policy> = self.failing.iter().collect();
            let policies = encode::strict(&proof.policies, &failing, &condition);
            let filter = encode::condition("permit", "when", &format!("{condition} && {printed}"));
            Ok((proof.compile(policies)?, proof.compile(filter)?))
        });
        let (policies, filter) = match sides {
            Ok(sides) => sides,
            Err(reason) => return Answer::NotProved(reason),
        };
        let differs = |example: &Example| {
            let allowed = example.verdict.as_ref().map(|verdict| verdict.allowed);
            let same =
                example.principal == *caller.principal && example.touched.iter().eq(caller.touched);
            same && allowed.is_some_and(|allowed| allowed != rows.keeps(&example.row))
        };
        // What is kept and not allowed first: that is the leak.
        match proof.ask(&implies_asserts(&filter, &policies), solver, differs).await {
            Answer::Proved => {
                proof.ask(&implies_asserts(&policies, &filter), solver, differs).await
            }
            answer @ (Answer::Refuted(_) | Answer::NotProved(_)) => answer,
        }
    }

    /// What is known of the caller, of the query and of rows.
    fn condition(&self, caller: Caller<'_>, rows: &RowFilter, place: Place<'_>) -> String {
        let Proof { database, policies, .. } = &self.proof;
        let mut known = vec![encode::pinned(&database.settings, caller.principal)];
        match caller.touched {
            None => known.push("context.columns.isEmpty()".to_owned()),
            Some(touched) => {
                for column in database.columns_asked() {
                    let not = if column == touched { "" } else { "!" };
                    known.push(format!(
                        "{not}context.columns.contains({})",
                        quoted(column.as_str())
                    ));
                }
            }
        }
        known.extend(Named::of(policies).with(caller.principal, rows).facts(place));
        known.join(" && ")
    }
}
