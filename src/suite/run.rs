//! What became of a test.

use std::collections::BTreeSet;
use std::path::Path;

use tokio::sync::OnceCell;

use super::coverage::Coverage;
use super::snapshot::diff;
use super::{Answer, Asked, Expected, Hidden, Source, Suite, Test, given, stand_in};
use crate::audit::Record;
use crate::catalog::{ColumnName, Relation, RelationName};
use crate::engine::{Cell, Engine, Rows, TableRows};
use crate::guard::sql::{Dialect, guard_sql};
use crate::guard::{GuardedQuery, Language};
use crate::identity::Principal;
use crate::policy::Database;
use crate::predicate::{PredicateSet, RowFilter};
use crate::question::{self, Readable, Understanding};
use crate::service::{self, Failure, NotServed, Served};

/// Where the tests of one folder run.
pub struct Stage<'a> {
    database: &'a Database,
    folder: &'a Path,
    skip_unreachable: bool,
    live: OnceCell<Served>,
    /// What they have exercised so far.
    pub coverage: Coverage,
}

impl<'a> Stage<'a> {
    /// `skip_unreachable` leaves out the tests of a live database that does not answer, which fail otherwise.
    pub fn new(database: &'a Database, folder: &'a Path, skip_unreachable: bool) -> Self {
        let coverage = Coverage::of(database);
        Self { database, folder, skip_unreachable, live: OnceCell::new(), coverage }
    }

    /// The live database, opened and checked by the first test that needs it.
    async fn live(&self) -> Result<&Served, Ran> {
        let open = || async {
            let database =
                Database::load(self.folder).map_err(|error| Ran::differs(error.to_string()))?;
            Ok(Served::open(database, self.folder).await)
        };
        self.live.get_or_try_init(open).await
    }

    /// Runs a query on the live database.
    async fn run_live(&self, principal: &Principal, text: &str) -> Result<Rows, Ran> {
        let ran = service::query(self.live().await?, principal, text, Record::begin("test")).await;
        ran.map(|(_, rows)| rows).map_err(|failure| match failure {
            Failure::NotServed(NotServed::Unreachable(error)) if self.skip_unreachable => {
                Ran { skipped: Some(error.to_string()), ..Ran::default() }
            }
            failure => Ran::failed(&failure),
        })
    }
}

/// What became of one test.
#[derive(Debug, Default)]
pub struct Ran {
    /// What differs from what is expected, a line each.
    pub differences: Vec<String>,
    /// Why it did not run, where it did not.
    pub skipped: Option<String>,
    /// The printed query, where it is to be compared with a snapshot.
    pub printed: Option<String>,
}

impl Ran {
    fn differs(line: impl Into<String>) -> Self {
        Self { differences: vec![line.into()], ..Self::default() }
    }

    fn failed(failure: &Failure) -> Self {
        Self::differs(format!("refused: {}: {failure}", failure.code()))
    }
}

impl From<Vec<String>> for Ran {
    fn from(differences: Vec<String>) -> Self {
        Self { differences, ..Self::default() }
    }
}

impl Suite {
    /// Runs one test of the suite.
    pub async fn run(&self, test: &Test, stage: &mut Stage<'_>) -> Ran {
        self.ran(test, stage).await.unwrap_or_else(|ran| ran)
    }

    async fn ran(&self, test: &Test, stage: &mut Stage<'_>) -> Result<Ran, Ran> {
        let database = stage.database;
        let principal = service::identify(
            &database.settings,
            test.tenant.as_deref(),
            test.scope.as_deref(),
            test.claims.as_deref(),
        );
        let principal = match (principal, &test.expected) {
            (Ok(principal), _) => principal,
            (Err(denial), Expected::Refused { code, .. }) => {
                return Ok(diff(code, denial.code()).into());
            }
            (Err(denial), Expected::Seen { .. } | Expected::Answer { .. }) => {
                return Err(Ran::differs(format!("the caller is refused: {}", denial.code())));
            }
        };
        let filters =
            database.predicates_for(&principal).map_err(|error| Ran::differs(error.to_string()))?;
        match &test.expected {
            Expected::Seen { relation, visible, hidden } => {
                stage.coverage.asked_for(&database.catalog, relation);
                match test.on {
                    Source::Rows => {
                        let decided = self.decide(stage, &principal, &filters, relation);
                        Ok(unexpected(decided, visible).into())
                    }
                    Source::Live => {
                        let seen = live_keys(stage, &principal, relation).await?;
                        Ok(listed(&seen, visible, hidden).into())
                    }
                }
            }
            Expected::Refused { asked, code } => {
                let found = match text_of(asked, database, &filters) {
                    None => Err("not_understood"),
                    Some(query) => {
                        self.hidden_columns(stage, &principal, &filters, &query);
                        let record = Record::begin("test");
                        match service::guard_only(database, &principal, &query, record) {
                            Ok(query) => Ok(query),
                            Err(failure) => return Ok(diff(code, failure.code()).into()),
                        }
                    }
                };
                Ok(match found {
                    Err(found) => diff(code, found).into(),
                    Ok(query) => {
                        Ran::differs(format!("expected {code}, but it runs: {}", query.readable()))
                    }
                })
            }
            Expected::Answer { asked, expected } => {
                self.answer(test.on, asked, expected, stage, &principal, &filters).await
            }
        }
    }

    async fn answer(
        &self,
        on: Source,
        asked: &Asked,
        expected: &Answer,
        stage: &mut Stage<'_>,
        principal: &Principal,
        filters: &PredicateSet,
    ) -> Result<Ran, Ran> {
        let database = stage.database;
        let text = text_of(asked, database, filters)
            .ok_or_else(|| Ran::differs("the question is not understood"))?;
        self.hidden_columns(stage, principal, filters, &text);
        let query = service::guard_only(database, principal, &text, Record::begin("test"))
            .map_err(|failure| Ran::failed(&failure))?;
        let reads = reads(&query, database, filters);
        for relation in &reads {
            stage.coverage.asked_for(&database.catalog, relation);
        }
        let mut differences = Vec::new();
        if let Some(rewritten) = &expected.rewritten {
            differences.extend(diff(rewritten.trim(), query.readable()));
        }
        if let Some(given) = &expected.given {
            let rows = match on {
                Source::Live => stage.run_live(principal, &text).await?,
                Source::Rows => {
                    for relation in &reads {
                        differences.extend(
                            self.decide(stage, principal, filters, relation)
                                .into_iter()
                                .filter_map(|row| row.disagreement()),
                        );
                    }
                    self.run_on_rows(database, &query, &text, filters).await?
                }
            };
            differences.extend(given.differences(&rows));
        }
        let printed = expected.snapshot.then(|| query.readable().to_owned());
        Ok(Ran { differences, skipped: None, printed })
    }

    /// Decides every row of a relation twice, and keeps what was exercised.
    fn decide(
        &self,
        stage: &mut Stage<'_>,
        principal: &Principal,
        filters: &PredicateSet,
        relation: &RelationName,
    ) -> Vec<Decided> {
        let database = stage.database;
        let filter = filters.filter_for(relation);
        let mut decided = Vec::new();
        for (key, row) in self.rows.get(relation).into_iter().flatten() {
            let verdict = database.verdict(principal, relation, key, row, &[]);
            let verdict = verdict.unwrap_or_default();
            stage.coverage.decided(&verdict);
            stage.coverage.row(&database.catalog, principal, relation, filter, row);
            let (kept, allowed) = (filter.keeps(row), verdict.allowed);
            decided.push(Decided { key: key.clone(), kept, allowed });
        }
        decided
    }

    /// A rule that hides a column decides about a query that names it.
    fn hidden_columns(
        &self,
        stage: &mut Stage<'_>,
        principal: &Principal,
        filters: &PredicateSet,
        text: &str,
    ) {
        let words: BTreeSet<&str> =
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        for (relation, rows) in &self.rows {
            // A column of documents is a path.
            let named =
                |column: &&ColumnName| column.as_str().split('.').all(|word| words.contains(word));
            let hidden = filters.hidden_of(relation).into_iter().flatten();
            let somewhere = filters.touched_of(relation).into_iter().flatten();
            let columns = hidden.chain(somewhere.map(|(column, _)| column));
            for column in columns.filter(named) {
                for (key, row) in rows {
                    let touched = std::slice::from_ref(column);
                    let verdict = stage.database.verdict(principal, relation, key, row, touched);
                    stage.coverage.decided(&verdict.unwrap_or_default());
                }
            }
        }
    }

    /// Runs a query on the rows of the file.
    async fn run_on_rows(
        &self,
        database: &Database,
        query: &GuardedQuery,
        text: &str,
        filters: &PredicateSet,
    ) -> Result<Rows, Ran> {
        let (catalog, filters) =
            (stand_in::catalog(&database.catalog), stand_in::filters(&database.catalog, filters));
        let own;
        let (query, catalog) = match query.language() {
            Language::Sql(Dialect::Sqlite) => (query, &database.catalog),
            language => {
                let stood_in = guard_sql(text, Dialect::Sqlite, &catalog, &filters);
                own = GuardedQuery::from(stood_in.map_err(|refusal| {
                    let (dialect, code) = (language.dialect(), refusal.code.as_str());
                    Ran::differs(format!(
                        "the query runs on {dialect} and not on SQLite, which the rows of a file are in: \
                         {code}: {}; say `database = \"live\"`",
                        refusal.message
                    ))
                })?);
                (&own, &catalog)
            }
        };
        let build = || async {
            let mut tables = Vec::new();
            for (name, rows) in &self.tables {
                complete(database.catalog.relation(name), rows)?;
                let moved = stand_in::moved(&database.catalog, name);
                if catalog.relation(&moved).is_some() {
                    tables.push((moved, rows));
                }
            }
            let tables: Vec<TableRows<'_>> =
                tables.iter().map(|(name, rows)| (name, rows.as_slice())).collect();
            let built = Engine::of_rows(catalog, &tables, database.settings.limits).await;
            built.map_err(|_| {
                Ran::differs("the rows do not fit into tables: a key of the catalog is there twice")
            })
        };
        let engine = self.engine.get_or_try_init(build).await?;
        let ran = engine.answer(query, catalog).await;
        ran.map_err(|error| Ran::differs(format!("{}: {error}", error.code())))
    }
}

/// What was decided about one row.
struct Decided {
    key: String,
    kept: bool,
    allowed: bool,
}

impl Decided {
    // INVARIANT (isolation): what runs and what Cedar says are the same, or the test fails.
    fn disagreement(&self) -> Option<String> {
        let [kept, allowed] = [self.kept, self.allowed].map(word);
        (self.kept != self.allowed)
            .then(|| format!("row {}: the filter says {kept} and Cedar says {allowed}", self.key))
    }
}

/// The rows that are not what is expected of them.
fn unexpected(decided: Vec<Decided>, visible: &[String]) -> Vec<String> {
    let told = decided.into_iter().filter_map(|row| {
        let expected = visible.contains(&row.key);
        row.disagreement().or_else(|| {
            let [kept, wanted] = [row.kept, expected].map(word);
            (row.kept != expected).then(|| format!("row {}: expected {wanted}, is {kept}", row.key))
        })
    });
    told.collect()
}

/// The same of rows of the live database, of which only the visible ones are known.
fn listed(seen: &BTreeSet<String>, visible: &[String], hidden: &Hidden) -> Vec<String> {
    let missing = visible.iter().filter(|key| !seen.contains(*key));
    let mut differences: Vec<String> =
        missing.map(|key| format!("row {key}: expected visible, is hidden")).collect();
    let shown: Vec<&String> = match hidden {
        Hidden::Others => seen.iter().filter(|key| !visible.contains(key)).collect(),
        Hidden::Listed(hidden) => hidden.iter().filter(|key| seen.contains(*key)).collect(),
    };
    differences.extend(shown.iter().map(|key| format!("row {key}: expected hidden, is visible")));
    differences
}

/// The keys of the rows that a caller sees in the live database.
async fn live_keys(
    stage: &Stage<'_>,
    principal: &Principal,
    relation: &RelationName,
) -> Result<BTreeSet<String>, Ran> {
    let database = stage.database;
    let Some(relation) = database.catalog.relation(relation) else { return Ok(BTreeSet::new()) };
    if relation.primary_key.is_empty() {
        return Err(Ran::differs("a relation without a primary key has no names for its rows"));
    }
    // Nothing is to be seen, and a query would be refused.
    let filters =
        database.predicates_for(principal).map_err(|error| Ran::differs(error.to_string()))?;
    if *filters.filter_for(&relation.name) == RowFilter::NoRows {
        return Ok(BTreeSet::new());
    }
    let text = match service::language(database.settings.engine) {
        Language::Sql(dialect) => {
            let columns: Vec<String> =
                relation.primary_key.iter().map(|key| dialect.quoted(key.as_str())).collect();
            let [schema, name] =
                [&relation.name.schema, &relation.name.name].map(|part| dialect.quoted(part));
            format!("SELECT {} FROM {schema}.{name}", columns.join(", "))
        }
        Language::Mongo => {
            serde_json::json!({"find": relation.name.name, "filter": {}, "projection": {"_id": 1}})
                .to_string()
        }
    };
    let rows = stage.run_live(principal, &text).await?;
    if rows.truncated {
        return Err(Ran::differs("the caller sees more rows than a limit lets through"));
    }
    let keys = rows.rows.iter().map(|row| row.iter().map(given::key).collect::<Vec<_>>().join(","));
    Ok(keys.collect())
}

/// The text of a query, which nothing trusts; `None` for a question that is not understood.
fn text_of(asked: &Asked, database: &Database, filters: &PredicateSet) -> Option<String> {
    match asked {
        Asked::Query(text) => Some(text.clone()),
        Asked::Question(question) => {
            let tenant_column = database.settings.tenant_filter_column.as_deref();
            let visible = filters.visible(&database.catalog);
            let readable = Readable { catalog: &visible, filters, tenant_column };
            let language = service::language(database.settings.engine);
            match question::propose(question, language, &readable) {
                Understanding::Query(proposal) => Some(proposal.text),
                Understanding::NotUnderstood { .. } => None,
            }
        }
    }
}

/// The relations that a query reads.
fn reads(
    query: &GuardedQuery,
    database: &Database,
    filters: &PredicateSet,
) -> BTreeSet<RelationName> {
    let catalog = &database.catalog;
    match query {
        GuardedQuery::Sql(select) => {
            let read = select.query().explain(catalog, filters).unwrap_or_default();
            read.into_iter().map(|read| read.relation.clone()).collect()
        }
        GuardedQuery::Mongo(command) => {
            let read = command.query().explain(catalog, filters).unwrap_or_default();
            read.into_iter().map(|read| read.relation).collect()
        }
    }
}

/// A query reads columns that policies cannot, so rows must have those, too.
fn complete(relation: Option<&Relation>, rows: &[Vec<Cell>]) -> Result<(), Ran> {
    let Some(relation) = relation else { return Ok(()) };
    for row in rows {
        let columns = relation.columns.iter().zip(row);
        let mut missing = columns.filter(|(column, cell)| !column.nullable && **cell == Cell::Null);
        if let Some((column, _)) = missing.next() {
            return Err(Ran::differs(format!(
                "a row of `{}` lacks `{}`, which is NOT NULL: queries read it",
                relation.name.name, column.name
            )));
        }
    }
    Ok(())
}

/// What is said of a row.
pub(crate) fn word(visible: bool) -> &'static str {
    if visible { "visible" } else { "hidden" }
}
