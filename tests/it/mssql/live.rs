//! A real SQL Server, where `DIALEKTAI_TEST_SQLSERVER_URL` names one: `jdbc:sqlserver://HOST:PORT;user=..;password=..`
//! of a login that may create databases. Elsewhere this is left out, and says so.

use std::path::Path;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, Engine, EngineError};
use dialektai::guard::sql::{Dialect, MSSQL_SESSION, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::settings::Settings;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::Value;
use tiberius::{Client, Config, Query, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::servers::left_out;
use crate::tally::{Tally, sorted};
use crate::world::{self, Indexes, Outcome};

type Connection = Client<Compat<TcpStream>>;

/// A server, and the databases that a test made there.
struct Server {
    url: String,
    prefix: String,
}

impl Server {
    fn named(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("DIALEKTAI_TEST_SQLSERVER_URL") else {
            left_out("sqlserver", "a SQL Server in DIALEKTAI_TEST_SQLSERVER_URL");
            return None;
        };
        Some(Self { url, prefix: format!("dialektai_{test}_{}", std::process::id()) })
    }

    fn url(&self, database: &str) -> String {
        format!("{};databaseName={database}", self.url)
    }

    async fn connect(&self, database: &str) -> Connection {
        let config = Config::from_jdbc_string(&self.url(database)).unwrap();
        let stream = TcpStream::connect(config.get_addr()).await.unwrap();
        let mut connection =
            Box::pin(Client::connect(config, stream.compat_write())).await.unwrap();
        execute(&mut connection, &MSSQL_SESSION.join("; ")).await;
        connection
    }

    /// A new database, loaded.
    async fn create(&self, name: &str, texts: &[String]) -> (String, Connection) {
        let name = format!("{}_{name}", self.prefix);
        execute(&mut self.connect("master").await, &format!("CREATE DATABASE {name}")).await;
        let mut connection = self.connect(&name).await;
        for text in texts {
            execute(&mut connection, text).await;
        }
        (name, connection)
    }

    async fn drop(&self, names: &[String]) {
        let mut master = self.connect("master").await;
        for name in names {
            let text = format!(
                "ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE {name}"
            );
            execute(&mut master, &text).await;
        }
    }

    async fn engine(&self, database: &str, limits: &str) -> Engine {
        let settings = format!(
            "engine = \"sqlserver\"\nurl = \"{}\"\nrequires_organization_scoping = false\n[limits]\n{limits}\n",
            self.url(database)
        );
        Engine::open(&Settings::parse(&settings).unwrap(), Path::new(".")).await.unwrap()
    }
}

async fn execute(connection: &mut Connection, text: &str) {
    let done = connection.simple_query(text).await.unwrap().into_results().await;
    done.unwrap_or_else(|error| panic!("{error}: {text}"));
}

/// Texts get their `N` and truth values their numbers.
fn for_sqlserver(seed: &str) -> String {
    let mut inside = false;
    // Comments hold quotes of their own.
    let mut is_code = |line: &&str| {
        let code = inside || !line.starts_with("--");
        inside ^= code && line.matches('\'').count() % 2 == 1;
        code
    };
    let seed = seed.split_inclusive('\n').filter(|line| is_code(line)).collect::<String>();
    let mut parts = Vec::new();
    for (index, part) in seed.split('\'').enumerate() {
        // A doubled quote inside of a text is an empty part outside of it.
        let outside = index % 2 == 0;
        parts.push(match (outside, part) {
            (true, "") => String::new(),
            (true, part) => part.replace("TRUE", "1").replace("FALSE", "0") + "N",
            (false, part) => part.to_owned(),
        });
    }
    let mut text = parts.join("'");
    text.truncate(text.len() - 1);
    text
}

fn demo() -> Vec<String> {
    let read = |name: &str| {
        std::fs::read_to_string(world::root().join("fixtures/demo").join(name)).unwrap()
    };
    vec![read("schema.sqlserver.sql"), for_sqlserver(&read("seed.sql"))]
}

#[test]
fn the_seed_is_spelled_for_sqlserver() {
    let spelled = for_sqlserver("VALUES ('a', TRUE, 'o''x TRUE', NULL, '')\n;");
    assert_eq!(spelled, "VALUES (N'a', 1, N'o''x TRUE', NULL, N'')\n;");
    let seed = demo().pop().unwrap();
    assert!(seed.contains("N'Côte d''Ivoire'") && !seed.contains("TRUE, N'"), "{seed}");
}

fn words(rows: Result<Vec<Row>, tiberius::error::Error>) -> Outcome {
    let rows = rows.map_err(|error| error.to_string())?;
    let words = |row: &Row| row.cells().map(|(_, data)| format!("{data:?}")).collect();
    Ok(rows.iter().map(words).collect())
}

async fn run(connection: &mut Connection, text: &str) -> Outcome {
    match connection.simple_query(text).await {
        Ok(stream) => words(stream.into_first_result().await),
        Err(error) => Err(error.to_string()),
    }
}

async fn run_guarded(connection: &mut Connection, guarded: &SelectSql) -> Outcome {
    let mut query = Query::new(guarded.text());
    for bind in guarded.binds() {
        match world::value(bind) {
            Value::Long(number) | Value::Datetime(number) => query.bind(*number),
            Value::String(text) => query.bind(text.as_str()),
            Value::Bool(truth) => query.bind(*truth),
        }
    }
    match query.query(connection).await {
        Ok(stream) => words(stream.into_first_result().await),
        Err(error) => Err(error.to_string()),
    }
}

/// What a database tells of itself, with the demo's rules.
async fn database(engine: &Engine) -> Database {
    let catalog = engine.introspect().await.unwrap().catalog.to_toml();
    let folder = world::root().join("policies/demo");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let settings = read("database.toml").replace("engine = \"sqlite\"", "engine = \"sqlserver\"");
    let policies =
        ["shared.cedar", "tenant.cedar"].map(|name| (name.to_owned(), read(name))).to_vec();
    Database::from_sources("demo".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap()
}

/// Leaves only the rows that Cedar's own authorizer permits.
async fn restrict(connection: &mut Connection, database: &Database, principal: &Principal) {
    let mut sqlite = world::shared(Indexes::Tenant).await;
    let demo = world::demo();
    for relation in &demo.catalog.relations {
        let own = dialektai::catalog::RelationName {
            schema: database.catalog.default_schema.clone(),
            name: relation.name.name.clone(),
        };
        let rows = world::entities(&mut sqlite, relation).await;
        let allowed =
            rows.iter().filter(|(_, key, row)| database.is_authorized(principal, &own, key, row));
        let keys: Vec<String> = allowed.map(|(_, key, _)| format!("N'{key}'")).collect();
        let keys = if keys.is_empty() { "NULL".to_owned() } else { keys.join(",") };
        let (table, key) = (&relation.name.name, relation.primary_key[0].as_str());
        let text = format!(
            "ALTER TABLE [{table}] NOCHECK CONSTRAINT ALL; \
             DELETE FROM [{table}] WHERE [{key}] NOT IN (SELECT [{key}] FROM [{table}] \
             WHERE CAST([{key}] AS nvarchar(400)) IN ({keys}))"
        );
        execute(connection, &text).await;
    }
}

#[tokio::test]
async fn fixtures_commute_on_sqlserver() {
    let Some(server) = Server::named("commute") else { return };
    let (shared_name, mut shared) = server.create("shared", &demo()).await;
    let engine = server.engine(&shared_name, "milliseconds = 30000\nrows = 100000").await;
    let database = database(&engine).await;
    let mut names = vec![shared_name];
    let mut tally = Tally::default();
    for (index, principal) in world::principals().iter().enumerate() {
        let (own_name, mut own) = server.create(&format!("own{index}"), &demo()).await;
        names.push(own_name);
        restrict(&mut own, &database, principal).await;
        let filters = database.predicates_for(principal).unwrap();
        for query in world::fixture_queries("sqlserver") {
            tally.queries += 1;
            let guarded = guard_sql(&query, Dialect::Mssql, &database.catalog, &filters);
            let Ok(guarded) = guarded else {
                *tally.refused.entry("refused".to_owned()).or_default() += 1;
                continue;
            };
            let expected = run(&mut own, &query).await;
            let actual = run_guarded(&mut shared, guarded.query()).await;
            let text = guarded.query().text();
            if actual.is_err() != expected.is_err() {
                // See `commute`: which of the caller's own rows are looked at first is the engine's choice.
                let alone = run_guarded(&mut own, guarded.query()).await;
                assert_eq!(sorted(&actual), sorted(&alone), "{query}\n  {text}");
                tally.order_dependent += 1;
                continue;
            }
            assert_eq!(sorted(&actual), sorted(&expected), "{principal:?} {query}\n  {text}");
            let answer = engine.run(&guarded, &database.catalog).await;
            match (&actual, answer) {
                (Ok(rows), Ok(answer)) => {
                    assert_eq!(answer.rows.len(), rows.len(), "{text}");
                    tally.rows += rows.len();
                }
                (Err(_), Err(_)) => tally.failed += 1,
                (actual, answer) => panic!("{actual:?} {answer:?}\n  {text}"),
            }
        }
    }
    tally.print("commutation on SQL Server");
    server.drop(&names).await;
    assert!(tally.rows > 1_000, "too few rows were compared");
}

#[tokio::test]
async fn a_real_server_tells_stops_and_types() {
    let Some(server) = Server::named("engine") else { return };
    let values = "CREATE TABLE all_types (customer_id bigint NOT NULL PRIMARY KEY, b bit, t tinyint, \
         d decimal(38, 10), m money, r real, f float, day date, c time(3), dt datetime, sdt smalldatetime, \
         dt2 datetime2, dto datetimeoffset(0), vc varchar(20), nc nchar(4), vb varbinary(max), \
         u uniqueidentifier, x xml, v sql_variant, rv rowversion, tx text, nt ntext, im image, h hierarchyid); \
         INSERT INTO all_types (customer_id, b, t, d, m, r, f, day, c, dt, sdt, dt2, dto, vc, nc, vb, u, x, v, tx, \
         nt, im, h) VALUES (82, 1, 255, 1.5, -1.0001, 0.1, 0.1, '0001-01-01', '23:59:59.999', \
         '1753-01-01T00:00:00.003', '2079-06-06T23:59:00', '9999-12-31T23:59:59.9999999', \
         '2024-02-29T12:00:00+02:00', 'gr\u{fc}n', N'\u{1f332}', 0x00ff, '00112233-4455-6677-8899-AABBCCDDEEFF', \
         '<a/>', CAST(7 AS int), 'x', N'y', 0x01, '/1/'); \
         INSERT INTO all_types (customer_id) VALUES (7)";
    let (name, _) = server.create("db", &[demo(), vec![values.to_owned()]].concat()).await;
    let engine = server.engine(&name, "milliseconds = 1500").await;
    let found = engine.introspect().await.unwrap();
    assert_eq!((found.notes.len(), found.catalog.relations.len()), (0, 7), "{:?}", found.notes);
    assert!(!found.role.unwrap().powers.is_empty(), "who creates databases has powers");
    let database = database(&engine).await;
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let guard =
        |query: &str| guard_sql(query, Dialect::Mssql, &database.catalog, &filters).unwrap();

    let answer = engine.run(&guard("SELECT * FROM all_types"), &database.catalog).await.unwrap();
    let text = |text: &str| Cell::Text(text.to_owned());
    let mut row = answer.rows[0].clone();
    // A rowversion counts for the whole database.
    assert!(matches!(&row.remove(19), Cell::Bytes(bytes) if bytes.len() == 8));
    let expected = [
        Cell::Integer(82),
        Cell::Bool(true),
        Cell::Integer(255),
        Cell::Decimal("1.5000000000".to_owned()),
        Cell::Decimal("-1.0001".to_owned()),
        Cell::Real(0.1),
        Cell::Real(0.1),
        text("0001-01-01"),
        text("23:59:59.999"),
        text("1753-01-01 00:00:00.003"),
        text("2079-06-06 23:59:00"),
        text("9999-12-31 23:59:59.9999999"),
        text("2024-02-29 12:00:00+02:00"),
        text("gr\u{fc}n"),
        text("\u{1f332}  "),
        Cell::Bytes(vec![0, 255]),
        text("00112233-4455-6677-8899-aabbccddeeff"),
        text("<a/>"),
        Cell::Integer(7),
        text("x"),
        text("y"),
        Cell::Bytes(vec![1]),
        Cell::Bytes(vec![0x58]),
    ];
    assert_eq!((answer.rows.len(), row), (1, expected.to_vec()));

    let aliases =
        ('a'..='j').map(|alias| format!("tasks AS {alias}")).collect::<Vec<_>>().join(", ");
    let endless = guard(&format!("SELECT count(*) FROM {aliases}"));
    for _ in 0..10 {
        let started = Instant::now();
        assert_eq!(engine.run(&endless, &database.catalog).await, Err(EngineError::Timeout));
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
    server.drop(&[name]).await;
}
