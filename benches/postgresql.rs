//! What the guard costs on PostgreSQL: the time of guarded queries against the same with a
//! filter by hand, against native row-level security, and against the guarded form with its fence.
//!
//! `cargo bench --bench postgresql`. Starts a server of its own; one million rows of a thousand tenants.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark is run by hand, and runs what the service never would"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, Sources};
use dialektai::rls;
use futures_util::StreamExt as _;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqlSafeStr as _};

const SETTINGS: &str =
    "engine = \"postgresql\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\n";

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "orders"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "bigint", nullable = false },
    { name = "customer_id", type = "integer", declared = "bigint", nullable = false },
    { name = "product_id", type = "integer", declared = "bigint", nullable = false },
    { name = "amount", type = "integer", declared = "integer", nullable = false },
    { name = "created_at", type = "timestamptz", declared = "timestamp with time zone", nullable = false },
    { name = "note", type = "text", declared = "text", nullable = true },
]

[[relation]]
name = "products"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "bigint", nullable = false },
    { name = "customer_id", type = "integer", declared = "bigint", nullable = false },
    { name = "name", type = "text", declared = "text", nullable = false },
]
"#;

const POLICY: &str = "@id(\"tenant\") permit (principal, action == Action::\"read\", resource) \
                      when { resource.customer_id == principal.tenant };";

/// Order `n` and product `n` are of tenant `n % 1000`, and an order's product is of its tenant.
const DATA: &str = "
CREATE TABLE products (id bigint PRIMARY KEY, customer_id bigint NOT NULL, name text NOT NULL);
INSERT INTO products SELECT n, n % 1000, 'product ' || n FROM generate_series(0, 19999) AS n;
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL, product_id bigint NOT NULL, amount integer NOT NULL,
    created_at timestamptz NOT NULL, note text
);
INSERT INTO orders
    SELECT n, n % 1000, n % 1000 + (n / 1000 % 20) * 1000, n % 10007,
           '2025-01-01 00:00:00+00'::timestamptz + n * interval '31 seconds', 'note ' || n
    FROM generate_series(0, 999999) AS n;
CREATE INDEX ON products (customer_id, id);
CREATE INDEX ON orders (customer_id, created_at);
CREATE ROLE reader;
GRANT SELECT ON products, orders TO reader;
VACUUM ANALYZE;
";

/// Name, query, and the query with its filters by hand. `{o}` and `{p}` are where the relations stand.
const QUERIES: [(&str, &str, &str); 6] = [
    ("point by primary key", "SELECT * FROM {o} WHERE o.id = 500082", " AND o.customer_id = 82"),
    (
        "range of one day",
        "SELECT * FROM {o} WHERE o.created_at >= '2025-06-01 00:00:00+00' AND o.created_at < '2025-06-02 00:00:00+00'",
        " AND o.customer_id = 82",
    ),
    (
        "group by of a tenant",
        "SELECT o.product_id, count(*), sum(o.amount) FROM {o} WHERE TRUE{f} GROUP BY o.product_id",
        " AND o.customer_id = 82",
    ),
    (
        "join and group",
        "SELECT p.name, sum(o.amount) FROM {o} JOIN {p} ON p.id = o.product_id WHERE TRUE{f} GROUP BY p.name",
        " AND o.customer_id = 82 AND p.customer_id = 82",
    ),
    (
        "latest 10",
        "SELECT o.id, o.created_at, o.amount FROM {o} WHERE TRUE{f} ORDER BY o.created_at DESC LIMIT 10",
        " AND o.customer_id = 82",
    ),
    (
        "join by primary key",
        "SELECT o.id, p.name FROM {o} JOIN {p} ON p.id = o.product_id WHERE o.id = 500082",
        " AND o.customer_id = 82 AND p.customer_id = 82",
    ),
];

const FORMS: [&str; 4] = ["by hand", "guarded", "fenced", "native"];

/// How often each form is run; the forms take turns, so that what else the machine does meets all of them.
const ROUNDS: usize = 301;

/// Queries of one measurement: so many that it takes some milliseconds.
fn times(name: &str) -> usize {
    if name.contains("group") { 4 } else { 40 }
}

struct Server {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// PostgreSQL refuses to run as root.
fn command(program: &Path) -> Command {
    let root = std::env::var("USER").is_ok_and(|user| user == "root")
        || std::env::var("HOME").is_ok_and(|home| home == "/root");
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn start() -> Option<Server> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    let programs = folders.into_iter().find(|folder| folder.join("initdb").is_file())?;
    let folder = tempfile::tempdir().unwrap();
    let _ = Command::new("chown").arg("postgres").arg(folder.path()).status();
    let data = folder.path().join("data");
    let made = command(&programs.join("initdb"))
        .args([
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-D",
        ])
        .arg(&data)
        .output()
        .unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = command(&programs.join("postgres"))
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-c", "fsync=off", "-c", "unix_socket_directories="])
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=512MB", "-c", "jit=off"])
        .args(["-c", "autovacuum=off", "-c", "max_parallel_workers_per_gather=0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Server { process, port, _folder: folder })
}

async fn connect(server: &Server) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port)
        .username("postgres")
        .ssl_mode(PgSslMode::Disable);
    for _ in 0..100 {
        if let Ok(connection) = options.connect().await {
            return connection;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("PostgreSQL did not start");
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Milliseconds of one query: parsing, planning, execution and reading its rows, the mean of many sent at once, so that
/// the way to the server does not count.
async fn measure(connection: &mut PgConnection, query: &str, times: usize) -> f64 {
    let text = vec![query; times].join("; ");
    let begun = Instant::now();
    let mut results = sqlx::raw_sql(AssertSqlSafe(text).into_sql_str()).fetch_many(connection);
    while let Some(result) = results.next().await {
        result.unwrap();
    }
    begun.elapsed().as_secs_f64() * 1_000.0 / times as f64
}

fn forms(database: &Database, query: &str, filter: &str) -> [String; 4] {
    let places = |query: &str, o: &str, p: &str, f: &str| {
        query.replace("{o}", o).replace("{p}", p).replace("{f}", f)
    };
    let plain = places(query, "orders AS o", "products AS p", "");
    let by_hand = if query.contains("{f}") {
        places(query, "orders AS o", "products AS p", filter)
    } else {
        format!("{plain}{filter}")
    };
    let principal = Principal::new(Some(TenantId::Integer(82)), None);
    let filters = database.predicates_for(&principal).unwrap();
    let guarded = guard_sql(&plain, Dialect::Postgresql, &database.catalog, &filters).unwrap();
    assert!(guarded.query().fence().is_none(), "{plain}");
    // The driver's own binds are planned with their values too.
    let guarded = guarded.query().text().replace("$1", "82");
    // As the guard fences a relation where an expression of the query may fail.
    let columns = |relation: usize| {
        let names = database.catalog.relations[relation].columns.iter();
        names.map(|column| format!("base.{}", column.name)).collect::<Vec<_>>().join(", ")
    };
    let fence = |name: &str, alias: &str, relation: usize| {
        let columns = columns(relation);
        format!(
            "(SELECT {columns} FROM public.{name} AS base WHERE base.customer_id = 82 OFFSET 0) AS {alias}"
        )
    };
    let fenced = places(query, &fence("orders", "o", 0), &fence("products", "p", 1), "");
    [by_hand, guarded, fenced, plain]
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(server) = start() else {
        println!("left out: PostgreSQL is not installed, so nothing was measured");
        return;
    };
    let mut owner = connect(&server).await;
    for statement in DATA.split(';').filter(|statement| !statement.trim().is_empty()) {
        execute(&mut owner, statement).await;
    }
    let sources = Sources {
        settings: SETTINGS.to_owned(),
        catalog: CATALOG.to_owned(),
        policies: vec![("tenant.cedar".to_owned(), POLICY.to_owned())],
    };
    let database = Database::from_sources("bench".parse().unwrap(), &sources).unwrap();
    execute(&mut owner, &rls::script(&database).unwrap().text).await;
    // A process of the server for each form, so that each is equally far from the processor's caches.
    let mut connections = Vec::new();
    for form in FORMS {
        let mut connection = connect(&server).await;
        if form == "native" {
            execute(&mut connection, "SET ROLE reader; SET dialektai.tenant = '82'").await;
        }
        connections.push(connection);
    }

    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(82);
    println!("medians of {ROUNDS} rounds in milliseconds a query (minimum in brackets)");
    println!(
        "| query | {} | guarded / by hand | fenced / by hand | native / by hand |",
        FORMS.join(" | ")
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, query, filter) in QUERIES {
        let forms = forms(&database, query, filter);
        let mut measured = [const { Vec::new() }; 4];
        let mut order = [0, 1, 2, 3];
        for round in 0..ROUNDS + 5 {
            // Shuffled, so that no form always follows the same other.
            order.shuffle(&mut random);
            for form in order {
                let time = measure(&mut connections[form], &forms[form], times(name)).await;
                // The first rounds fill caches.
                if round >= 5 {
                    measured[form].push(time);
                }
            }
        }
        let medians = measured.each_mut().map(|times| median(times));
        let cells: Vec<String> = measured
            .iter()
            .zip(medians)
            .map(|(times, median)| format!("{median:.3} ({:.3})", times[0]))
            .collect();
        let ratio = |form: usize| {
            format!("{:.2} ({:.2})", medians[form] / medians[0], measured[form][0] / measured[0][0])
        };
        println!("| {name} | {} | {} | {} | {} |", cells.join(" | "), ratio(1), ratio(2), ratio(3));
    }
}
