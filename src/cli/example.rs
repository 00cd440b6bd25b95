//! A caller and a row that a solver found, for people and for programs.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::identity::{Claims, Principal};
use crate::policy::Verdict;
use crate::predicate::{Row, Value};
use crate::prove::Example;

/// Who asks.
pub(super) fn caller(example: &Example) -> String {
    named(&example.principal)
}

/// A caller in words.
pub(super) fn named(principal: &Principal) -> String {
    let tenant = principal.tenant.as_ref().map(|tenant| format!("tenant {tenant}"));
    let scope = principal.scope.as_ref().map(|scope| format!("scope {}", scope.as_str()));
    let claims = &principal.claims;
    let claims = serde_json::to_string(claims).ok().filter(|_| !claims.is_empty());
    let claims = claims.map(|claims| format!("claims {claims}"));
    let caller: Vec<String> = tenant.into_iter().chain(scope).chain(claims).collect();
    if caller.is_empty() { "anybody".to_owned() } else { caller.join(", ") }
}

/// The row, and the columns that the query touches where it matters.
pub(super) fn row(example: &Example) -> String {
    let cells = cells(&example.row);
    let row: Vec<String> =
        cells.into_iter().map(|(column, value)| format!("{column} = {value}")).collect();
    let touched: Vec<String> = example.touched.iter().map(ToString::to_string).collect();
    let touching = if touched.is_empty() {
        String::new()
    } else {
        format!(" (touching {})", touched.join(", "))
    };
    format!("row `{}`{touching}: {}", example.key, row.join(", "))
}

/// Policies, where there are any.
pub(super) fn by(word: &str, ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("    {word}: {}\n", ids.join(", ")) }
}

/// How many there are of each word, in the order of `words`: `3 PROVED, 0 LEAK`.
pub(super) fn counts(words: &[&str], found: &[&str]) -> String {
    let count = |word: &&str| found.iter().filter(|found| *found == word).count();
    let counts: Vec<String> = words.iter().map(|word| format!("{} {word}", count(word))).collect();
    counts.join(", ")
}

/// So many of them: `1 relation`, `2 relations`.
pub(super) fn number(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The row's columns, and those of related rows under their paths. A related row of which nothing is known is named by its
/// key.
fn cells(row: &Row) -> Map<String, Json> {
    let mut all = Map::new();
    add(&mut all, "", row);
    all
}

fn add(all: &mut Map<String, Json>, path: &str, row: &Row) {
    let json = |value: &Value| match value {
        Value::Long(value) => Json::from(*value),
        Value::String(value) => Json::from(value.as_str()),
        Value::Bool(value) => Json::from(*value),
        Value::Datetime(milliseconds) => Json::from(format!("{milliseconds} ms")),
    };
    for column in row.keys() {
        let value = row.get(column).map(json).or_else(|| {
            row.set(column).map(|elements| elements.iter().map(json).collect::<Vec<Json>>().into())
        });
        all.insert(format!("{path}{column}"), value.unwrap_or_default());
    }
    for (name, parent) in row.parents() {
        let path = format!("{path}{name}");
        if parent.row.keys().next().is_none() {
            all.insert(path.clone(), Json::from(format!("row `{}`", parent.key)));
        }
        add(all, &format!("{path}."), &parent.row);
    }
}

#[derive(Serialize)]
pub(super) struct ExampleEntry {
    tenant: Option<String>,
    scope: Option<String>,
    claims: Claims,
    key: String,
    row: Map<String, Json>,
    touched: Vec<String>,
    allowed: bool,
    deciding: Vec<String>,
    failed: Vec<String>,
}

impl From<&Example> for ExampleEntry {
    fn from(example: &Example) -> Self {
        let Verdict { allowed, deciding, failed } = example.verdict.clone().unwrap_or_default();
        Self {
            tenant: example.principal.tenant.as_ref().map(ToString::to_string),
            scope: example.principal.scope.as_ref().map(|scope| scope.as_str().to_owned()),
            claims: example.principal.claims.clone(),
            key: example.key.clone(),
            row: cells(&example.row),
            touched: example.touched.iter().map(ToString::to_string).collect(),
            allowed,
            deciding,
            failed,
        }
    }
}
