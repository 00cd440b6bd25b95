//! What the guard costs: against parsing and printing the same text, over every fixture, and as queries grow.
//!
//! `cargo bench --bench guard`; with `-- --plot` it draws `docs/guard-cost.svg` too. It fails where the cost of some
//! shape of query grows faster than the query.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark is run by hand"
)]

#[path = "guard/clock.rs"]
mod clock;
#[path = "../tests/it/rewrite/database.rs"]
mod database;
#[path = "guard/plot.rs"]
mod plot;
#[path = "guard/queries.rs"]
mod queries;
#[path = "guard/shapes.rs"]
mod shapes;

use std::path::Path;

use dialektai::guard::sql::{Dialect, STACK_BYTES, guard_sql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::Database;
use sqlparser::dialect::{MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use clock::{at_work, least_and_median, timed};
use database::database;
use plot::Line;
use shapes::{SHAPES, Shape};

const DIALECTS: [Dialect; 4] =
    [Dialect::Postgresql, Dialect::Mysql, Dialect::Sqlite, Dialect::Mssql];

/// How often each measurement is repeated; what is compared takes turns.
const ROUNDS: usize = 1_000;

/// The most that a byte of a query may cost of what it costs in a query of half the size, in the mean of two doublings: 1
/// where the cost is linear, 2 where it is quadratic.
const MOST_GROWTH: f64 = 1.6;

fn caller(tenant: i64) -> Principal {
    Principal::new(Some(TenantId::Integer(tenant)), None)
}

/// The guard's threads have the stack that it wants, as those of `serve` do.
fn main() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES + 8 * 1024 * 1024);
    thread.spawn(measure).unwrap().join().unwrap();
}

fn measure() {
    let databases = DIALECTS.map(|dialect| (dialect, database(dialect)));
    typical(&databases);
    fixtures(&databases);
    let lines =
        SHAPES.map(|shape| Line { name: shape.name, points: grow(&shape, &databases[0].1) });
    if std::env::args().any(|argument| argument == "--plot") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guard-cost.svg");
        std::fs::write(path, plot::draw(&lines)).unwrap();
    }
    for line in &lines {
        let [.., quarter, _, whole] = line.points.as_slice() else {
            panic!("{} has no sizes", line.name)
        };
        // Of one doubling, in the mean of the last two: one alone is a step of the allocator's as often as not.
        let growth = ((whole.1 / quarter.1) / (whole.0 / quarter.0)).sqrt();
        assert!(
            growth < MOST_GROWTH,
            "{}: twice the query costs {growth:.2} times a byte",
            line.name
        );
    }
}

/// Parses a query and prints it, as sqlparser does: what any rewriter pays.
fn parse_and_print(query: &str, dialect: Dialect) -> String {
    let grammar: &dyn sqlparser::dialect::Dialect = match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgresql => &PostgreSqlDialect {},
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Mssql => &MsSqlDialect {},
    };
    let statements = Parser::parse_sql(grammar, query).unwrap();
    statements.first().unwrap().to_string()
}

/// Queries as models write them. Medians in brackets.
fn typical(databases: &[(Dialect, Database)]) {
    println!(
        "| dialect | query | bytes | parse and print, us | guard, us | ratio | guard, cold, us |"
    );
    println!("|---|---|---|---|---|---|---|");
    let (mut all_base, mut all_guard) = (0.0, 0.0);
    let mut strangers = 1_000_000..;
    for (dialect, database) in databases {
        let filters = database.predicates_for(&caller(82)).unwrap();
        for (name, query) in queries::of(*dialect) {
            let guard = || guard_sql(query, *dialect, &database.catalog, &filters).unwrap();
            let (mut base, mut own, mut cold) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                base.push(timed(|| parse_and_print(query, *dialect)));
                own.push(timed(guard));
                if round % 20 > 0 {
                    continue;
                }
                // A caller that was not seen before: its filters are evaluated first.
                let stranger = caller(strangers.next().unwrap());
                cold.push(timed(|| {
                    let filters = database.predicates_for(&stranger).unwrap();
                    guard_sql(query, *dialect, &database.catalog, &filters).unwrap()
                }));
            }
            let (base, base_median) = least_and_median(&mut base);
            let (own, own_median) = least_and_median(&mut own);
            let (cold, cold_median) = least_and_median(&mut cold);
            all_base += base;
            all_guard += own;
            println!(
                "| {} | {name} | {} | {base:.1} ({base_median:.1}) | {own:.1} ({own_median:.1}) | {:.2} ({:.2}) | \
                 {cold:.0} ({cold_median:.0}) |",
                dialect.name(),
                query.len(),
                own / base,
                own_median / base_median,
            );
        }
    }
    println!("\nall together: {:.2}\n", all_guard / all_base);
}

/// Every query that the guard's tests let through, one call at a time.
fn fixtures(databases: &[(Dialect, Database)]) {
    let mut all: Vec<f64> = Vec::new();
    let mut slowest = (0.0, String::new());
    let (mut count, mut best) = (0, Vec::new());
    for (dialect, database) in databases {
        let filters = database.predicates_for(&caller(82)).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sql");
        for entry in std::fs::read_dir(folder.join(dialect.name()).join("ok")).unwrap() {
            let path = entry.unwrap().path();
            let query = std::fs::read_to_string(&path).unwrap();
            let guard = || guard_sql(&query, *dialect, &database.catalog, &filters).unwrap();
            drop(guard());
            let mut times: Vec<f64> = (0..ROUNDS / 10).map(|_| timed(guard)).collect();
            all.extend(&times);
            count += 1;
            let (own, _) = least_and_median(&mut times);
            best.push(own);
            if own > slowest.0 {
                let name = path.file_name().unwrap().to_str().unwrap();
                slowest = (own, format!("{}/{name}", dialect.name()));
            }
        }
    }
    for (what, times) in [("every call", &mut all), ("each fixture at best", &mut best)] {
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() - 1) * share / 1_000];
        println!(
            "{count} fixtures, {what}, us: median {:.0}, p99 {:.0}, p99.9 {:.0}, most {:.0}",
            at(500),
            at(990),
            at(999),
            at(1_000)
        );
    }
    println!("slowest: {} with {:.0}\n", slowest.1, slowest.0);
}

/// The cost of a shape at each of its sizes: bytes of the query, and microseconds.
fn grow(shape: &Shape, database: &Database) -> Vec<(f64, f64)> {
    let filters = database.predicates_for(&caller(82)).unwrap();
    let guard = |query: &str| guard_sql(query, Dialect::Postgresql, &database.catalog, &filters);
    let mut most = shape.most;
    while guard(&(shape.write)(most)).is_err() {
        most = most * 9 / 10;
    }
    let mut points = Vec::new();
    for part in [8, 4, 2, 1] {
        let query = (shape.write)(most / part);
        points.push((query.len() as f64, at_work(|| guard(&query).unwrap())));
    }
    let shown: Vec<String> =
        points.iter().map(|(bytes, us)| format!("{bytes} bytes {us:.0}")).collect();
    println!("{} up to {most}: us at {}", shape.name, shown.join(", "));
    points
}
