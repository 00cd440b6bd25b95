//! What the MongoDB guard costs: against decoding a command from extended JSON and encoding it as BSON, over every
//! fixture, and as queries grow.
//!
//! `cargo bench --bench guard_mongo`. It fails where the cost of some shape of query grows faster than the query.
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
#[path = "guard_mongo/queries.rs"]
mod queries;
#[path = "guard_mongo/shapes.rs"]
mod shapes;

use std::path::Path;

use bson::Document;
use dialektai::guard::mongo::{STACK_BYTES, guard_mongo};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, Sources};

use clock::{at_work, least_and_median, timed};
use queries::{QUERIES, Query};
use shapes::{SHAPES, Shape};

/// How often each measurement is repeated; what is compared takes turns.
const ROUNDS: usize = 1_000;

/// The most that a byte of a query may cost of what it costs in a query of half the size, in the mean of two doublings: 1
/// where the cost is linear, 2 where it is quadratic.
const MOST_GROWTH: f64 = 1.6;

/// The database of the fixtures.
fn database() -> Database {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo/policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let policies =
        ["shared.cedar", "tenant.cedar"].map(|name| (name.to_owned(), read(name))).to_vec();
    let (settings, catalog) = (read("database.toml"), read("catalog.toml"));
    Database::from_sources("app".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap()
}

/// The guard's threads have the stack that it wants, as those of `serve` do.
fn main() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES + 8 * 1024 * 1024);
    thread.spawn(measure).unwrap().join().unwrap();
}

fn measure() {
    let database = database();
    let caller = Principal::new(Some(TenantId::Integer(82)), None);
    let filters = database.predicates_for(&caller).unwrap();
    let guard = |query: &str| guard_mongo(query, &database.catalog, &filters);
    typical(&|query| drop(guard(query).unwrap()), &|query| {
        guard(query).unwrap().query().text().to_owned()
    });
    fixtures(&|query| drop(guard(query).unwrap()));
    for shape in &SHAPES {
        grow(shape, &|query| guard(query).is_ok());
    }
}

/// A command from its text to its bytes: what anybody pays who sends it.
fn decode_and_encode(command: &str) -> Vec<u8> {
    let document: Document = serde_json::from_str(command).unwrap();
    document.to_vec().unwrap()
}

/// Queries as models write them. Medians in brackets.
fn typical(guard: &dyn Fn(&str), guarded: &dyn Fn(&str) -> String) {
    println!(
        "| query | bytes | decode and encode, us | guard, us | ratio | guard of shell text, us | of what is sent, us | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let (mut all_base, mut all_guard, mut all_sent) = (0.0, 0.0, 0.0);
    for Query { name, command, shell } in &QUERIES {
        let sent = guarded(command);
        assert_eq!(sent, guarded(shell), "{name}: two queries");
        let [mut base, mut own, mut text, mut out] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            base.push(timed(|| decode_and_encode(command)));
            own.push(timed(|| guard(command)));
            text.push(timed(|| guard(shell)));
            out.push(timed(|| decode_and_encode(&sent)));
        }
        let [(base, base_median), (own, own_median), (text, text_median), (out, out_median)] =
            [&mut base, &mut own, &mut text, &mut out].map(|times| least_and_median(times));
        all_base += base;
        all_guard += own;
        all_sent += out;
        println!(
            "| {name} | {} | {base:.1} ({base_median:.1}) | {own:.1} ({own_median:.1}) | {:.2} ({:.2}) | {text:.1} \
             ({text_median:.1}) | {out:.1} ({out_median:.1}) | {:.2} ({:.2}) |",
            command.len(),
            own / base,
            own_median / base_median,
            own / out,
            own_median / out_median,
        );
    }
    println!(
        "\nall together: {:.2} of decoding and encoding the query, {:.2} of what is sent\n",
        all_guard / all_base,
        all_guard / all_sent
    );
}

/// Every query that the guard's tests let through, one call at a time.
fn fixtures(guard: &dyn Fn(&str)) {
    let (mut all, mut best): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut slowest = (0.0, String::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo/ok");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let query = std::fs::read_to_string(&path).unwrap();
        guard(&query);
        let mut times: Vec<f64> = (0..ROUNDS / 10).map(|_| timed(|| guard(&query))).collect();
        all.extend(&times);
        let (own, _) = least_and_median(&mut times);
        best.push(own);
        if own > slowest.0 {
            slowest = (own, path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    let count = best.len();
    for (what, times) in [("every call", &mut all), ("each fixture at best", &mut best)] {
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() - 1) * share / 1_000];
        println!(
            "{count} fixtures, {what}, us: median {:.0}, p99 {:.0}, most {:.0}",
            at(500),
            at(990),
            at(1_000)
        );
    }
    println!("slowest: {} with {:.0}\n", slowest.1, slowest.0);
}

/// The cost of a shape at each of its sizes.
fn grow(shape: &Shape, guard: &dyn Fn(&str) -> bool) {
    let mut most = shape.most;
    while !guard(&(shape.write)(most)) {
        most = most * 9 / 10;
    }
    let mut points: Vec<(f64, f64)> = Vec::new();
    for part in [8, 4, 2, 1] {
        let query = (shape.write)((most / part).max(1));
        points.push((query.len() as f64, at_work(|| assert!(guard(&query)))));
    }
    let shown: Vec<String> =
        points.iter().map(|(bytes, us)| format!("{bytes} bytes {us:.0}")).collect();
    let [.., quarter, _, whole] = points.as_slice() else { panic!("{} has no sizes", shape.name) };
    // Of one doubling, in the mean of the last two: one alone is a step of the allocator's as often as not.
    let growth = ((whole.1 / quarter.1) / (whole.0 / quarter.0)).sqrt();
    println!("{} up to {most}: us at {}: {growth:.2}", shape.name, shown.join(", "));
    assert!(growth < MOST_GROWTH, "{}: twice the query costs {growth:.2} times a byte", shape.name);
}
