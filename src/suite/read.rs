//! The TOML of a file of tests -> a [`Suite`], or everything that is wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokio::sync::OnceCell;
use toml::{Spanned, Table, Value as Toml};

use super::given::Given;
use super::rows::{Read, read_row, text_of, with_parents};
use super::{Answer, Asked, Expected, Hidden, Keyed, Source, Suite, SuiteError, Tables, Test};
use crate::catalog::{Catalog, Relation};
use crate::policy::Database;
use crate::policy::settings::EngineKind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSuite {
    #[serde(default)]
    rows: BTreeMap<String, Vec<Spanned<Table>>>,
    #[serde(default)]
    test: Vec<Spanned<RawTest>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    name: String,
    tenant: Option<Toml>,
    scope: Option<String>,
    claims: Option<Table>,
    #[serde(default)]
    database: RawSource,
    relation: Option<String>,
    visible: Option<Vec<Toml>>,
    hidden: Option<Vec<Toml>>,
    query: Option<String>,
    question: Option<String>,
    refused: Option<String>,
    rewritten: Option<String>,
    rows: Option<Vec<Table>>,
    #[serde(default)]
    ordered: bool,
    #[serde(default)]
    snapshot: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum RawSource {
    #[default]
    Rows,
    Live,
}

impl Suite {
    /// Reads the text of a file of tests. Rows are typed by the catalog.
    pub fn parse(text: &str, database: &Database) -> Result<Self, Vec<SuiteError>> {
        let raw: RawSuite = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_at(text, span.start));
            vec![SuiteError { line, message: error.message().to_owned() }]
        })?;
        let mut errors = Vec::new();
        let (mut rows, mut tables) = (Keyed::new(), Tables::new());
        for (name, given) in &raw.rows {
            for (place, table) in given.iter().enumerate() {
                let line = line_at(text, table.span().start);
                let relation = find(&database.catalog, name);
                let read = relation.and_then(|relation| {
                    Ok((relation, read_row(relation, name, place + 1, table.get_ref())?))
                });
                match read {
                    Ok((relation, Read { key, row, cells })) => {
                        let rows = rows.entry(relation.name.clone()).or_default();
                        if rows.iter().any(|(other, _)| *other == key) {
                            let message = format!("`rows.{name}` has the key `{key}` twice");
                            errors.push(SuiteError { line: Some(line), message });
                        }
                        rows.push((key, row));
                        tables.entry(relation.name.clone()).or_default().push(cells);
                    }
                    Err(message) => errors.push(SuiteError { line: Some(line), message }),
                }
            }
        }
        let rows = with_parents(database, &rows);
        let mut tests: Vec<Test> = Vec::new();
        for raw in raw.test {
            let line = line_at(text, raw.span().start);
            match test(raw.into_inner(), line, database, &rows) {
                Ok(read) if tests.iter().any(|other| other.name == read.name) => {
                    let message = format!("the name `{}` is taken by another test", read.name);
                    errors.push(SuiteError { line: Some(line), message });
                }
                Ok(read) => tests.push(read),
                Err(message) => errors.push(SuiteError { line: Some(line), message }),
            }
        }
        let engine = OnceCell::new();
        if errors.is_empty() { Ok(Self { tests, rows, tables, engine }) } else { Err(errors) }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// A relation as tests name it: `schema.name` where it is not in the default schema.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Relation, String> {
    let default = &catalog.default_schema;
    let named = |relation: &&Relation| {
        relation.name.to_string() == name
            || (&relation.name.schema == default && relation.name.name == name)
    };
    catalog
        .relations
        .iter()
        .find(named)
        .ok_or_else(|| format!("there is no relation `{name}` in the catalog"))
}

fn test(raw: RawTest, line: usize, database: &Database, rows: &Keyed) -> Result<Test, String> {
    let tenant = raw.tenant.as_ref().map(text_of).transpose()?;
    let (name, scope) = (raw.name.clone(), raw.scope.clone());
    // As a header has them: the same reading decides what is a claim.
    let claims = raw.claims.as_ref().map(serde_json::to_string).transpose();
    let claims = claims.map_err(|_| format!("the claims of `{name}` are no JSON"))?;
    let on = match raw.database {
        RawSource::Rows => Source::Rows,
        RawSource::Live => Source::Live,
    };
    let expected = match raw.relation.clone() {
        Some(relation) => seen(&raw, find(&database.catalog, &relation)?, on, rows)?,
        None => asked(raw, on, database)?,
    };
    Ok(Test { name, line, tenant, scope, claims, on, expected })
}

fn asked(raw: RawTest, on: Source, database: &Database) -> Result<Expected, String> {
    if raw.visible.is_some() || raw.hidden.is_some() {
        return Err(format!("`{}` has `visible` or `hidden` without a `relation`", raw.name));
    }
    let asked = match (raw.query, raw.question) {
        (Some(query), None) => Asked::Query(query),
        (None, Some(question)) => Asked::Question(question),
        (Some(_), Some(_)) | (None, None) => {
            return Err(format!("`{}` must have one of `relation`, `query`, `question`", raw.name));
        }
    };
    let given = raw.rows.map(|rows| Given { rows, ordered: raw.ordered });
    if raw.ordered && given.is_none() {
        return Err("`ordered` is said of `rows`, and there are none".to_owned());
    }
    if given.is_some() && on == Source::Rows && database.settings.engine == EngineKind::Mongodb {
        return Err("commands of MongoDB run on the live database only: say `database = \"live\"`"
            .to_owned());
    }
    let answer = Answer { rewritten: raw.rewritten, given, snapshot: raw.snapshot };
    let expects = answer.rewritten.is_some() || answer.given.is_some() || answer.snapshot;
    match (raw.refused, expects) {
        (Some(code), false) => Ok(Expected::Refused { asked, code }),
        (None, true) => Ok(Expected::Answer { asked, expected: answer }),
        (Some(_), true) | (None, false) => Err(format!(
            "`{}` must have either `refused`, or some of `rewritten`, `rows` and `snapshot`",
            raw.name
        )),
    }
}

fn seen(raw: &RawTest, relation: &Relation, on: Source, rows: &Keyed) -> Result<Expected, String> {
    let asks = raw.query.is_some() || raw.question.is_some() || raw.refused.is_some();
    if asks || raw.rewritten.is_some() || raw.rows.is_some() || raw.snapshot || raw.ordered {
        return Err(format!(
            "`{}` must have `visible` or `hidden` beside `relation`, and nothing of a query",
            raw.name
        ));
    }
    let listed = |list: &Option<Vec<Toml>>| -> Result<Option<Vec<String>>, String> {
        list.as_ref().map(|list| list.iter().map(text_of).collect()).transpose()
    };
    let (visible, hidden) = (listed(&raw.visible)?, listed(&raw.hidden)?);
    let name = relation.name.clone();
    if on == Source::Live {
        let (visible, hidden) = match (visible, hidden) {
            (Some(visible), None) => (visible, Hidden::Others),
            (visible, Some(hidden)) => (visible.unwrap_or_default(), Hidden::Listed(hidden)),
            (None, None) => return Err("`relation` needs `visible` or `hidden`".to_owned()),
        };
        return Ok(Expected::Seen { relation: name, visible, hidden });
    }
    let keys: Vec<&str> =
        rows.get(&relation.name).into_iter().flatten().map(|(key, _)| &**key).collect();
    let visible = visible_of(&keys, visible, hidden)?;
    Ok(Expected::Seen { relation: name, visible, hidden: Hidden::Others })
}

/// The keys of the rows that must be seen. Either list says all; two must leave no row out.
fn visible_of(
    keys: &[&str],
    visible: Option<Vec<String>>,
    hidden: Option<Vec<String>>,
) -> Result<Vec<String>, String> {
    let mut listed = visible.iter().chain(&hidden).flatten();
    if let Some(key) = listed.find(|key| !keys.contains(&key.as_str())) {
        return Err(format!("there is no row `{key}` among the rows of the relation"));
    }
    match (visible, hidden) {
        (Some(visible), None) => Ok(visible),
        (None, Some(hidden)) => {
            let rest = keys.iter().filter(|key| !hidden.iter().any(|other| other == *key));
            Ok(rest.map(|key| (*key).to_owned()).collect())
        }
        (Some(visible), Some(hidden)) => {
            let count = |key: &str| {
                visible.iter().chain(&hidden).filter(|other| other.as_str() == key).count()
            };
            match keys.iter().find(|key| count(key) != 1) {
                Some(key) => Err(format!("row `{key}` must be in `visible` or in `hidden`, once")),
                None => Ok(visible),
            }
        }
        (None, None) => Err("`relation` needs `visible` or `hidden`".to_owned()),
    }
}
