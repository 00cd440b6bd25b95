//! The cases on engines, on the shared database and on the caller's own copy of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::{PredicateSet, Value};

use super::fixture::{self, Case, Fixture, Unguarded, Verdict};
use super::nothing_amiss;
use crate::commute::secrets::Secrets;
use crate::live::copies::{Permitted, Servers, pinned};
use crate::live::{Live, Observed};
use crate::tally::sorted;
use crate::world::Indexes;

/// Where cases of one caller are run.
struct Sides<'a> {
    database: &'a Database,
    filters: Arc<PredicateSet>,
    shared: Live,
    own: Live,
    secrets: Arc<Secrets>,
    /// What the shared side's session held last.
    session: Vec<Vec<String>>,
}

/// Who asks, and where.
struct Caller<'a> {
    servers: &'a Servers,
    database: &'a Database,
    filters: Arc<PredicateSet>,
    permitted: Permitted,
    secrets: Arc<Secrets>,
    /// The caller's own copy, for cases that do not change it.
    own: Option<Live>,
}

/// What became of the cases of an engine.
#[derive(Default)]
struct Seen {
    /// Guarded queries that were run.
    guarded: usize,
    rows: usize,
    /// Cases whose attack was seen to work where nothing guards: the fixture's name and the case's number.
    real: BTreeSet<(String, usize)>,
    /// Cases whose attack was seen to work where the filter stands without its fence.
    unfenced: BTreeSet<(String, usize)>,
    amiss: Vec<String>,
}

impl<'a> Sides<'a> {
    async fn new(
        caller: &Caller<'a>,
        mut shared: Live,
        mut own: Live,
        setup: Option<&str>,
    ) -> Self {
        if shared.dialect() == Dialect::Postgresql {
            // What passes for dear would be compiled each time.
            shared.execute("SET jit = off; RESET session_replication_role").await;
            own.execute("SET jit = off; RESET session_replication_role").await;
        }
        if let Some(setup) = setup {
            shared.execute(setup).await;
        }
        let session = shared.session().await;
        let Caller { database, filters, secrets, .. } = caller;
        Self { database, filters: filters.clone(), shared, own, secrets: secrets.clone(), session }
    }

    /// What the session of the shared side holds that it did not hold when this was asked last.
    async fn left(&mut self) -> Vec<Vec<String>> {
        let session = self.shared.session().await;
        let left = session.iter().filter(|entry| !self.session.contains(entry)).cloned().collect();
        self.session = session;
        left
    }

    /// What another tenant owns and `observed` quotes.
    fn foreign(&self, observed: &Observed, query: &str) -> Option<&str> {
        let mut said: Vec<&str> = observed.warnings.iter().map(String::as_str).collect();
        match &observed.outcome {
            Ok(rows) => said.extend(rows.iter().flatten().map(String::as_str)),
            Err(error) => said.push(error),
        }
        self.secrets.quoted(&said.join("\n"), query)
    }

    /// The guarded query shows nothing of another tenant, and leaves nothing.
    async fn check_guarded(&mut self, case: &Case, about: &str, seen: &mut Seen) {
        let dialect = self.shared.dialect();
        let guarded = guard_sql(&case.query, dialect, &self.database.catalog, &self.filters);
        let Ok(guarded) = guarded else { return };
        let guarded = guarded.query();
        let actual = self.shared.run_guarded(guarded).await;
        let expected = self.own.run(&case.query).await;
        let alone = self.own.run_guarded(guarded).await;
        let before = self.session.clone();
        self.left().await;
        let about = format!("{about}\n    guarded: {}", guarded.text());
        if sorted(&actual.outcome) != sorted(&expected) {
            let actual = &actual.outcome;
            seen.amiss.push(format!("{about}\n    {actual:?}\n    is not\n    {expected:?}"));
        }
        if actual.warnings != alone.warnings {
            let (actual, alone) = (&actual.warnings, &alone.warnings);
            seen.amiss.push(format!("{about}\n    warns {actual:?}\n    and not {alone:?}"));
        }
        if let Some(foreign) = self.foreign(&actual, &case.query) {
            seen.amiss.push(format!("{about}\n    shows another tenant's {foreign}"));
        }
        if before != self.session {
            let after = &self.session;
            seen.amiss.push(format!("{about}\n    left {after:?} after {before:?}"));
        }
        seen.guarded += 1;
        seen.rows += actual.outcome.map_or(0, |rows| rows.len());
    }

    /// Runs a text as it is on the shared side.
    async fn attack(&mut self, text: &str) -> Observed {
        let observed = self.shared.observe(text).await;
        if observed.outcome.is_err() && self.shared.dialect() == Dialect::Postgresql {
            // It may have opened a transaction, which its error has spoiled.
            let _ = self.shared.observe("ROLLBACK").await;
        }
        if self.shared.dialect() == Dialect::Mysql {
            // Warnings stay until a statement reads a table.
            let _ = self.shared.observe("SELECT count(*) FROM countries").await;
        }
        observed
    }

    /// What the guard makes of a case, without the fence that it puts there.
    fn unfenced(&self, case: &Case) -> Option<String> {
        let dialect = self.shared.dialect();
        let guarded = guard_sql(&case.query, dialect, &self.database.catalog, &self.filters);
        let text = written_out(guarded.ok()?.query());
        let fences = [" LIMIT -1)", " OFFSET 0)", " LIMIT 18446744073709551615)"];
        let fence = fences.into_iter().find(|fence| text.contains(fence))?;
        Some(text.replace(fence, ")"))
    }

    /// Whether the attack works with this text.
    async fn is_real(&mut self, text: &str, unguarded: Unguarded) -> bool {
        match unguarded {
            Unguarded::Leaks => {
                let mut observed = self.attack(text).await;
                let left = self.left().await;
                observed.warnings.extend(left.into_iter().flatten());
                self.foreign(&observed, text).is_some()
            }
            Unguarded::Tells => {
                let (shared, own) = (self.attack(text).await, self.own.observe(text).await);
                sorted(&shared.outcome) != sorted(&own.outcome) || shared.warnings != own.warnings
            }
            Unguarded::Changes => {
                let before = contents(self.database, &mut self.shared).await;
                // Whether it succeeds is not the point.
                let _ = self.attack(text).await;
                before != contents(self.database, &mut self.shared).await
            }
        }
    }

    async fn check(&mut self, (fixture, number): (&Fixture, usize), seen: &mut Seen) {
        let case = &fixture.cases[number];
        let about = format!("{} on {}: {}", fixture.stem, self.shared.dialect().name(), case.query);
        if case.verdict == Verdict::Rewritten {
            self.check_guarded(case, &about, seen).await;
        }
        let name = (fixture.stem.clone(), number);
        let text = case.naive.as_ref().unwrap_or(&case.query);
        if let Some(unguarded) = case.unguarded
            && !seen.real.contains(&name)
            && self.is_real(text, unguarded).await
        {
            seen.real.insert(name.clone());
        }
        if let Some(kind) = case.unfenced
            && !seen.unfenced.contains(&name)
            && let Some(text) = self.unfenced(case)
            && self.is_real(&text, kind).await
        {
            seen.unfenced.insert(name);
        }
    }
}

/// A guarded query with its binds written into it.
fn written_out(query: &SelectSql) -> String {
    let mut text = query.text().to_owned();
    for (index, bind) in query.binds().iter().enumerate().rev() {
        let Value::Long(value) = crate::world::value(bind) else {
            panic!("a tenant of the demo is a number: {bind:?}")
        };
        let placeholder = match query.dialect() {
            Dialect::Sqlite => format!("?{}", index + 1),
            Dialect::Postgresql => format!("${}", index + 1),
            Dialect::Mysql => "?".to_owned(),
            Dialect::Mssql => panic!("no SQL Server runs here"),
        };
        text = text.replace(&placeholder, &value.to_string());
    }
    text
}

/// All rows; a table that is gone is no row.
async fn contents(database: &Database, live: &mut Live) -> Vec<Option<Vec<Vec<String>>>> {
    let mut contents = Vec::new();
    for relation in &database.catalog.relations {
        let rows = live.run(&format!("SELECT * FROM {} ORDER BY 1", relation.name.name)).await;
        contents.push(rows.ok());
    }
    contents
}

impl<'a> Caller<'a> {
    async fn new(servers: &'a Servers, database: &'a Database, principal: &Principal) -> Self {
        let permitted = Permitted::of(database, principal).await;
        let filters = database.predicates_for(principal).unwrap();
        let mut shared = servers.shared(Indexes::Tenant).await;
        let mut own = servers.own(&permitted, Indexes::Tenant).await;
        let secrets = Arc::new(Secrets::of(database, &mut shared, &mut own).await);
        Self { servers, database, filters, permitted, secrets, own: Some(own) }
    }

    async fn ask(&mut self, dialect: Dialect, cases: &[(&Fixture, usize)], seen: &mut Seen) {
        let (alone, together): (Vec<_>, Vec<_>) =
            cases.iter().partition(|(fixture, number)| fixture.cases[*number].needs_copies());
        for indexes in Indexes::of(dialect) {
            let shared = self.servers.shared(*indexes).await;
            let own = self.servers.own(&self.permitted, *indexes).await;
            let mut sides = Sides::new(self, shared, own, None).await;
            for case in &together {
                sides.check(*case, seen).await;
            }
        }
        for (fixture, number) in alone {
            let case = &fixture.cases[number];
            let mut shared = self.servers.copy(Indexes::Tenant).await;
            pinned(&mut shared).await;
            // What a rewritten query must give is what it gives where nobody has prepared anything. Where two answers
            // to the attack itself are compared, the copy is prepared too.
            let prepared =
                case.verdict == Verdict::Refused && case.unguarded == Some(Unguarded::Tells);
            let own = if let Some(own) = self.own.take_if(|_| !prepared) {
                own
            } else {
                let mut own = self.servers.own(&self.permitted, Indexes::Tenant).await;
                own.execute(case.setup.as_deref().unwrap_or("SELECT 1")).await;
                own
            };
            let mut sides = Sides::new(self, shared, own, case.setup.as_deref()).await;
            sides.check((fixture, number), seen).await;
            self.own.get_or_insert(sides.own);
        }
    }
}

async fn cases_hold(dialect: Dialect) {
    let Some(servers) = Servers::start(dialect).await else { return };
    let database = fixture::database(dialect);
    let fixtures = fixture::all();
    let cases: Vec<(&Fixture, usize)> = fixtures
        .iter()
        .flat_map(|fixture| (0..fixture.cases.len()).map(move |number| (fixture, number)))
        .filter(|(fixture, number)| fixture.cases[*number].dialects.contains(&dialect))
        .collect();
    let mut seen = Seen::default();
    let mut callers: Vec<Principal> = Vec::new();
    for (fixture, number) in &cases {
        let principal = fixture.cases[*number].principal();
        if !callers.contains(&principal) {
            callers.push(principal);
        }
    }
    for principal in callers {
        let asked = cases.iter().copied();
        let asked =
            asked.filter(|(fixture, number)| fixture.cases[*number].principal() == principal);
        let mut caller = Caller::new(&servers, database, &principal).await;
        caller.ask(dialect, &asked.collect::<Vec<_>>(), &mut seen).await;
    }
    let claimed =
        cases.iter().filter(|(fixture, number)| fixture.cases[*number].unguarded.is_some());
    for (fixture, number) in claimed {
        if !seen.real.contains(&(fixture.stem.clone(), *number)) {
            let case = &fixture.cases[*number];
            let text = case.naive.as_ref().unwrap_or(&case.query);
            let what = format!("{:?}", case.unguarded.unwrap());
            seen.amiss.push(format!(
                "{} on {}: {what} was not seen: {text}",
                fixture.stem,
                dialect.name()
            ));
        }
    }
    let unfenced =
        cases.iter().filter(|(fixture, number)| fixture.cases[*number].unfenced.is_some());
    for (fixture, number) in unfenced {
        if !seen.unfenced.contains(&(fixture.stem.clone(), *number)) {
            let query = &fixture.cases[*number].query;
            let about = format!("{} on {}", fixture.stem, dialect.name());
            seen.amiss.push(format!("{about}: nothing was seen without the fence: {query}"));
        }
    }
    let Seen { guarded, rows, real, unfenced, amiss } = seen;
    eprintln!(
        "bypasses on {}: {} cases, {guarded} guarded queries run, {rows} rows compared, {} attacks work unguarded, {} \
         unfenced",
        dialect.name(),
        cases.len(),
        real.len(),
        unfenced.len()
    );
    nothing_amiss(&amiss);
}

#[tokio::test]
async fn cases_hold_on_sqlite() {
    cases_hold(Dialect::Sqlite).await;
}

#[tokio::test]
async fn cases_hold_on_postgresql() {
    cases_hold(Dialect::Postgresql).await;
}

#[tokio::test]
async fn cases_hold_on_mariadb() {
    cases_hold(Dialect::Mysql).await;
}
