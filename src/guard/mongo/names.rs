//! MongoDB's names and what becomes of each: allow-lists as data, and why what is known is refused.
//!
//! What is on no list is refused too. The reasons are for people; the list of what is allowed is what counts.

mod commands;
mod conditions;
mod expressions;
mod groups;
mod stages;

use crate::guard::{Refusal, RefusalCode};
pub(super) use commands::{AGGREGATE, COUNT, DISTINCT, FIND, Field};
pub(super) use conditions::{QUERY, Query};
pub(super) use expressions::{EXPRESSIONS, Form, Operator};
pub(super) use groups::{ACCUMULATORS, Accumulator, WINDOWS, Window};
pub(super) use stages::{STAGES, Stage};

/// A name, and what it means to the guard or why it is refused.
pub(super) struct Name<T: 'static> {
    pub(super) name: &'static str,
    pub(super) verdict: Result<T, Reason>,
}

/// Why a name is refused, and what to write instead of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reason {
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

const fn yes<T>(name: &'static str, what: T) -> Name<T> {
    Name { name, verdict: Ok(what) }
}

const fn no<T>(name: &'static str, why: &'static str) -> Name<T> {
    no_but(name, why, "do without it")
}

const fn no_but<T>(name: &'static str, why: &'static str, instead: &'static str) -> Name<T> {
    Name { name, verdict: Err(Reason { why, instead }) }
}

const CODE: &str = "it runs JavaScript";
const RANDOM: &str = "the answer would differ each time";
const SEARCH: &str = "the catalog does not say which fields a search index covers";

/// The entry of a name.
pub(super) fn find<T>(table: &'static [Name<T>], name: &str) -> Option<&'static Name<T>> {
    table.iter().find(|entry| entry.name == name)
}

/// What an allowed operator means, or the refusal.
pub(super) fn known<T: Copy>(
    table: &'static [Name<T>],
    name: &str,
    code: RefusalCode,
) -> Result<T, Refusal> {
    match find(table, name) {
        Some(Name { verdict: Ok(what), .. }) => Ok(*what),
        Some(Name { verdict: Err(Reason { why, instead }), .. }) => {
            Err(Refusal::new(code, format!("`{name}` is not supported: {why}"), *instead))
        }
        None => Err(Refusal::new(
            code,
            format!("`{name}` is not supported here"),
            "use the common stages and operators of MongoDB's manual",
        )),
    }
}

/// A name as readers see it.
#[derive(Debug, Clone, Copy)]
pub struct ListedName {
    /// The name, as it is written.
    pub name: &'static str,
    /// Why it is refused and what to write instead; `None` where it is let through.
    pub refused: Option<(&'static str, &'static str)>,
    /// Whether it may fail on a document, so that a condition with it fences the collections off.
    pub may_fail: bool,
}

/// A list of names that stand in the same place.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// What the names are.
    pub title: &'static str,
    /// The page of MongoDB's manual.
    pub source: &'static str,
    /// In the order of the list.
    pub names: Vec<ListedName>,
}

/// Every name that the guard knows, by the place where it may stand.
pub fn chapters() -> Vec<Chapter> {
    const MANUAL: [&str; 8] = [
        "https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/",
        "https://www.mongodb.com/docs/manual/reference/operator/query/",
        "https://www.mongodb.com/docs/manual/reference/operator/aggregation/",
        "https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/",
        "https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/",
        "https://www.mongodb.com/docs/manual/reference/command/find/",
        "https://www.mongodb.com/docs/manual/reference/command/aggregate/",
        "https://www.mongodb.com/docs/manual/reference/command/count/",
    ];
    let [stages, conditions, expressions, groups, windows, find, aggregate, count] = MANUAL;
    let distinct = "https://www.mongodb.com/docs/manual/reference/command/distinct/";
    vec![
        chapter("Stages", stages, STAGES, |_| false),
        chapter("Conditions", conditions, QUERY, |query| query.may_fail()),
        chapter("Expressions", expressions, EXPRESSIONS, |operator| !operator.total),
        chapter("Accumulators of groups", groups, ACCUMULATORS, |_| false),
        chapter("Operators of `$setWindowFields`", windows, WINDOWS, |_| false),
        chapter("Fields of `find`", find, FIND, |_| false),
        chapter("Fields of `aggregate`", aggregate, AGGREGATE, |_| false),
        chapter("Fields of `count`", count, COUNT, |_| false),
        chapter("Fields of `distinct`", distinct, DISTINCT, |_| false),
    ]
}

fn chapter<T>(
    title: &'static str,
    source: &'static str,
    table: &'static [Name<T>],
    may_fail: impl Fn(&T) -> bool,
) -> Chapter {
    let listed = |entry: &'static Name<T>| {
        let (refused, may_fail) = match &entry.verdict {
            Ok(what) => (None, may_fail(what)),
            Err(Reason { why, instead }) => (Some((*why, *instead)), false),
        };
        ListedName { name: entry.name, refused, may_fail }
    };
    Chapter { title, source, names: table.iter().map(listed).collect() }
}
