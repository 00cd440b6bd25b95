//! The cases on engines, on the shared database and on the caller's own copy of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::PredicateSet;

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
    secrets: Secrets,
}

/// What became of the cases of an engine.
#[derive(Default)]
struct Seen {
    /// Guarded queries that were run.
    guarded: usize,
    rows: usize,
    /// Cases whose attack was seen to work where nothing guards: the fixture's name and the case's number.
    real: BTreeSet<(String, usize)>,
    amiss: Vec<String>,
}

impl<'a> Sides<'a> {
    async fn new(
        database: &'a Database,
        principal: &Principal,
        mut shared: Live,
        mut own: Live,
    ) -> Self {
        if shared.dialect() == Dialect::Postgresql {
            // What passes for dear would be compiled each time.
            shared.execute("SET jit = off").await;
            own.execute("SET jit = off").await;
        }
        let filters = database.predicates_for(principal).unwrap();
        let secrets = Secrets::of(database, &mut shared, &mut own).await;
        Self { database, filters, shared, own, secrets }
    }

    /// Copies for one case, with what it needs.
    async fn alone(
        servers: &Servers,
        database: &'a Database,
        permitted: &Permitted,
        case: &Case,
    ) -> Self {
        let mut shared = servers.copy(Indexes::Tenant).await;
        let mut own = servers.own(permitted, Indexes::Tenant).await;
        pinned(&mut shared).await;
        for live in [&mut shared, &mut own] {
            if live.dialect() == Dialect::Postgresql {
                live.execute("RESET session_replication_role").await;
            }
            if let Some(setup) = &case.setup {
                live.execute(setup).await;
            }
        }
        Self::new(database, &case.principal(), shared, own).await
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
        let before = self.shared.session().await;
        let actual = self.shared.run_guarded(guarded).await;
        let expected = self.own.run(&case.query).await;
        let alone = self.own.run_guarded(guarded).await;
        let after = self.shared.session().await;
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
        if before != after {
            seen.amiss.push(format!("{about}\n    left {after:?} after {before:?}"));
        }
        seen.guarded += 1;
        seen.rows += actual.outcome.map_or(0, |rows| rows.len());
    }

    /// Whether the attack works where nothing guards.
    async fn is_real(&mut self, case: &Case, unguarded: Unguarded) -> bool {
        let text = case.naive.as_ref().unwrap_or(&case.query);
        match unguarded {
            Unguarded::Leaks => {
                let before = self.shared.session().await;
                let mut observed = self.shared.observe(text).await;
                if observed.outcome.is_err() && self.shared.dialect() == Dialect::Postgresql {
                    // A text may open a transaction that its error then spoils.
                    let _ = self.shared.observe("ROLLBACK").await;
                }
                let after = self.shared.session().await;
                let left = after.into_iter().filter(|entry| !before.contains(entry));
                observed.warnings.extend(left.flatten());
                self.foreign(&observed, text).is_some()
            }
            Unguarded::Tells => {
                let (shared, own) = (self.shared.observe(text).await, self.own.observe(text).await);
                sorted(&shared.outcome) != sorted(&own.outcome)
            }
            Unguarded::Changes => {
                let before = contents(self.database, &mut self.shared).await;
                // Whether it succeeds is not the point.
                let _ = self.shared.observe(text).await;
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
        if let Some(unguarded) = case.unguarded
            && self.is_real(case, unguarded).await
        {
            seen.real.insert((fixture.stem.clone(), number));
        }
    }
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
        let permitted = Permitted::of(database, &principal).await;
        let (alone, together): (Vec<_>, Vec<_>) = cases
            .iter()
            .filter(|(fixture, number)| fixture.cases[*number].principal() == principal)
            .partition(|(fixture, number)| fixture.cases[*number].needs_copies());
        for indexes in Indexes::of(dialect) {
            let shared = servers.shared(*indexes).await;
            let own = servers.own(&permitted, *indexes).await;
            let mut sides = Sides::new(database, &principal, shared, own).await;
            for case in &together {
                sides.check(*case, &mut seen).await;
            }
        }
        for (fixture, number) in alone {
            let case = &fixture.cases[number];
            let mut sides = Sides::alone(&servers, database, &permitted, case).await;
            sides.check((fixture, number), &mut seen).await;
        }
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
    let Seen { guarded, rows, real, amiss } = seen;
    eprintln!(
        "bypasses on {}: {} cases, {guarded} guarded queries run, {rows} rows compared, {} attacks work unguarded",
        dialect.name(),
        cases.len(),
        real.len()
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
