//! Certificates of masks: a column shows its value on the rows of the permits that do not mask it, and each mask where the
//! policies say.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use cedar_policy::{Effect, Policy};

use super::certificate::{Caller, Rules, Sides};
use super::print::filter;
use super::solver::Solver;
use super::{Answer, Example, NotProved, Proof};
use crate::catalog::{ColumnName, Relation};
use crate::identity::Principal;
use crate::policy::Database;
use crate::predicate::{Mask, Masked, PredicateSet, RowFilter};

/// What a row shows of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The row itself is not shown.
    Nothing,
    Masked(Mask),
    Value,
}

/// What a caller's filters say of one column, as they are printed for the solver.
struct Printed {
    /// The rows that it sees, with a query that names the column.
    rows: String,
    clear: String,
    stricter: Vec<(String, Mask)>,
    otherwise: Option<Mask>,
}

/// Whether these masks say of a column what the policies do, on the rows that the caller's filters leave to a query that
/// names it.
///
/// # Errors
///
/// There is no thread to be had, or it ended early.
pub fn certify_masks(
    database: &Database,
    principal: &Principal,
    relation: &Relation,
    column: &ColumnName,
    masked: Option<&Masked>,
    limit: Duration,
) -> io::Result<Answer> {
    super::deep(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut solver = Solver::new(limit);
        let rules = runtime.block_on(Rules::of(database, relation, &mut solver));
        let filters = match database.predicates_for(principal) {
            Ok(filters) => filters,
            Err(unsupported) => {
                return Ok(Answer::NotProved(NotProved::Unsupported(unsupported.to_string())));
            }
        };
        let certified = rules.certified_masks(principal, &filters, column, masked, &mut solver);
        Ok(runtime.block_on(certified))
    })
}

impl Printed {
    /// The rows on which this mask or a stricter one is shown, where the value is not.
    fn at_most(&self, mask: Mask) -> String {
        if self.otherwise.is_some_and(|otherwise| otherwise <= mask) {
            return "true".to_owned();
        }
        let own = self.stricter.iter().filter(|(_, own)| *own <= mask);
        let own: Vec<&str> = own.map(|(rows, _)| rows.as_str()).collect();
        if own.is_empty() { "false".to_owned() } else { format!("({})", own.join(" || ")) }
    }
}

impl Rules<'_> {
    /// The columns of the relation that permits mask.
    pub(super) fn masked(&self) -> BTreeSet<ColumnName> {
        let Proof { database, relation, policies, .. } = &self.proof;
        let masks = policies.iter().filter_map(|policy| database.masks_by(policy.id()));
        let columns = masks.flatten().map(|(column, _)| column);
        columns.filter(|column| relation.column(column).is_some()).cloned().collect()
    }

    /// Whether a caller sees of a column what the policies say: its value on the rows of the permits that do not mask it,
    /// and on the others each mask where a permit has it and none has a stricter one.
    pub(super) async fn certified_masks(
        &self,
        principal: &Principal,
        filters: &PredicateSet,
        column: &ColumnName,
        masked: Option<&Masked>,
        solver: &mut Solver,
    ) -> Answer {
        let Proof { database, relation, policies, .. } = &self.proof;
        let rows = &filters.filter_touching(&relation.name, [column]).into_owned();
        let asked = database.columns_asked().contains(column);
        let touched: Vec<ColumnName> = asked.then(|| column.clone()).into_iter().collect();
        let caller = Caller { principal, touched: &touched };
        let printed = match self.printed(rows, masked) {
            Ok(printed) => printed,
            Err(reason) => return Answer::NotProved(NotProved::Unsupported(reason)),
        };
        let stricter = masked.iter().flat_map(|masked| &masked.stricter);
        let stricter: Vec<RowFilter> =
            stricter.map(|(rows, _)| RowFilter::Where(rows.clone())).collect();
        let clear = masked.map(|masked| &masked.clear);
        let known = self.known(caller, [rows].into_iter().chain(clear).chain(&stricter));
        let differs = |example: &Example| {
            let of_filters = match (rows.keeps(&example.row), masked) {
                (false, _) => Shown::Nothing,
                (true, None) => Shown::Value,
                (true, Some(masked)) => masked.on(&example.row).map_or(Shown::Value, Shown::Masked),
            };
            let of_policies = example.verdict.as_ref().map(|verdict| {
                if verdict.allowed {
                    database.mask_on(verdict, column).map_or(Shown::Value, Shown::Masked)
                } else {
                    Shown::Nothing
                }
            });
            caller.is_of(example, database.columns_asked())
                && of_policies.is_some_and(|shown| shown != of_filters)
        };
        let own = |policy: &Policy| {
            let masks = database.masks_by(policy.id());
            masks.and_then(|masks| masks.get(column)).copied()
        };
        // The permits by what they mask, and every forbid.
        let with = |keep: &dyn Fn(Option<Mask>) -> bool| -> Vec<Policy> {
            let kept = policies
                .iter()
                .filter(|policy| policy.effect() == Effect::Forbid || keep(own(policy)));
            kept.cloned().collect()
        };
        let value = Sides {
            caller,
            policies: &with(&|mask| mask.is_none()),
            printed: format!("{} && {}", printed.rows, printed.clear),
            known: known.clone(),
        };
        let answer = self.same(&value, solver, &differs).await;
        if !matches!(answer, Answer::Proved) {
            return answer;
        }
        let shown = masked.iter().map(|masked| masked.otherwise);
        let shown = shown
            .chain(masked.iter().flat_map(|masked| masked.stricter.iter().map(|(_, mask)| *mask)));
        let levels: BTreeSet<Mask> = policies.iter().filter_map(own).chain(shown).collect();
        for level in levels {
            let sides = Sides {
                caller,
                policies: &with(&|mask| mask.is_some_and(|mask| mask <= level)),
                printed: format!("{} && {}", printed.rows, printed.at_most(level)),
                // What shows its value was asked about.
                known: known.iter().cloned().chain([format!("!({})", printed.clear)]).collect(),
            };
            let answer = self.same(&sides, solver, &differs).await;
            if !matches!(answer, Answer::Proved) {
                return answer;
            }
        }
        Answer::Proved
    }

    fn printed(&self, rows: &RowFilter, masked: Option<&Masked>) -> Result<Printed, String> {
        let place = self.place();
        let rows = filter(place, rows)?;
        let Some(Masked { clear, stricter, otherwise }) = masked else {
            let clear = "true".to_owned();
            return Ok(Printed { rows, clear, stricter: Vec::new(), otherwise: None });
        };
        let clear = filter(place, clear)?;
        let stricter = stricter.iter().map(|(predicate, mask)| {
            Ok((filter(place, &RowFilter::Where(predicate.clone()))?, *mask))
        });
        let stricter = stricter.collect::<Result<_, String>>()?;
        Ok(Printed { rows, clear, stricter, otherwise: Some(*otherwise) })
    }
}
