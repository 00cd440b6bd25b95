//! Functions that an operator adds: what the guard makes of a call, and that one which may fail runs on no row of
//! another tenant, on PostgreSQL and MariaDB.

use dialektai::catalog::{AddedFunction, Catalog, ColumnType, RelationName};
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::guard::{Guarded, Refusal, RefusalCode};
use dialektai::predicate::{CmpOp, Predicate, PredicateSet, RowFilter, Value};

use crate::live::Live;
use crate::live::copies::{Servers, pinned};

fn schema(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "main",
        Dialect::Postgresql => "public",
        Dialect::Mysql => "demo",
        Dialect::Mssql => "dbo",
    }
}

fn function(schema: &str, name: &str, total: bool) -> AddedFunction {
    AddedFunction {
        schema: schema.to_owned(),
        name: name.to_owned(),
        arguments: (1, 2),
        returns: Some(ColumnType::Integer),
        total,
        reason: "a test".to_owned(),
    }
}

/// Orders of which tenant 82 reads its own.
fn guard(dialect: Dialect, query: &str) -> Result<Guarded<SelectSql>, Refusal> {
    let schema = schema(dialect);
    let text = format!(
        "default_schema = \"{schema}\"\n[[relation]]\nname = \"orders\"\nprimary_key = [\"id\"]\ncolumns = [\n\
         {{ name = \"id\", type = \"integer\", declared = \"integer\", nullable = false }},\n\
         {{ name = \"customer_id\", type = \"integer\", declared = \"integer\", nullable = false }},\n\
         {{ name = \"amount\", type = \"integer\", declared = \"integer\", nullable = false }},\n]\n"
    );
    let functions = [
        function(schema, "share_of", false),
        function(schema, "Doubled", true),
        function("app", "order", true),
    ];
    let catalog = Catalog { functions: functions.into(), ..Catalog::parse(&text).unwrap() };
    let relation = RelationName { schema: schema.to_owned(), name: "orders".to_owned() };
    let own = Predicate::Compare {
        column: dialektai::catalog::ColumnName::new("customer_id"),
        op: CmpOp::Eq,
        value: Value::Long(82),
    };
    let filters: PredicateSet = [(relation, RowFilter::Where(own))].into_iter().collect();
    guard_sql(query, dialect, &catalog, &filters)
}

#[test]
fn a_call_is_printed_by_the_operators_names() {
    for (dialect, query, readable) in [
        (
            Dialect::Postgresql,
            "SELECT Public.Share_Of(amount) AS s FROM orders",
            "SELECT \"public\".share_of(amount) AS s FROM orders WHERE customer_id = 82",
        ),
        (
            Dialect::Mssql,
            "SELECT DBO.doubled(amount) AS s FROM orders",
            "SELECT dbo.Doubled(amount) AS s FROM orders WHERE customer_id = 82",
        ),
        (
            Dialect::Mysql,
            "SELECT demo.doubled(amount) AS s FROM orders",
            "SELECT demo.`Doubled`(amount) AS s FROM orders WHERE customer_id = 82",
        ),
        (
            Dialect::Postgresql,
            "SELECT app.\"order\"(amount) FROM orders",
            "SELECT app.\"order\"(amount) FROM orders WHERE customer_id = 82",
        ),
    ] {
        let guarded = guard(dialect, query).unwrap();
        assert_eq!(guarded.query().readable(), readable);
        let (called, _) = readable.strip_prefix("SELECT ").unwrap().split_once('(').unwrap();
        assert!(guarded.query().text().contains(called));
    }
}

#[test]
fn only_the_promise_takes_the_fence_away() {
    for dialect in [Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql] {
        let schema = schema(dialect);
        let fence = |name: &str| {
            let query = format!("SELECT id FROM orders WHERE {schema}.{name}(amount) > 1");
            guard(dialect, &query).unwrap().query().fence()
        };
        assert_eq!(fence("share_of"), Some("a function that was added may fail"));
        // PostgreSQL would have folded the name.
        if dialect != Dialect::Postgresql {
            assert_eq!(fence("Doubled"), None);
        }
    }
    let query = "SELECT id FROM orders WHERE app.\"order\"(amount) > 1";
    assert_eq!(guard(Dialect::Postgresql, query).unwrap().query().fence(), None);
    // An argument that may fail is one all the same.
    let query = "SELECT id FROM orders WHERE app.\"order\"(1 / amount) > 1";
    assert!(guard(Dialect::Postgresql, query).unwrap().query().fence().is_some());
    // A query inside of an argument is filtered.
    let query = "SELECT app.\"order\"((SELECT max(amount) FROM orders)) AS v";
    let guarded = guard(Dialect::Postgresql, query).unwrap();
    assert!(guarded.query().text().contains("$1"), "{}", guarded.query().text());
}

#[test]
fn what_was_not_added_is_refused() {
    for (query, words) in [
        ("SELECT share_of(amount) FROM orders", "without its schema"),
        ("SELECT app.share_of(amount) FROM orders", "not on the list"),
        ("SELECT public.other(amount) FROM orders", "not on the list"),
        ("SELECT shop.public.share_of(amount) FROM orders", "not on the list"),
        ("SELECT public.share_of() FROM orders", "does not take 0 arguments"),
        ("SELECT public.share_of(1, 2, 3) FROM orders", "does not take 3 arguments"),
        ("SELECT public.share_of(*) FROM orders", "not supported"),
        ("SELECT public.share_of(DISTINCT amount) FROM orders", "not supported"),
        ("SELECT public.share_of(amount) OVER () FROM orders", "not supported"),
        ("SELECT public.share_of(amount) FILTER (WHERE true) FROM orders", "not supported"),
        ("SELECT public.share_of(a => amount) FROM orders", "not supported"),
        ("SELECT public.share_of(orders) FROM orders", "orders"),
        ("SELECT public.share_of(orders.*) FROM orders", "not supported"),
        ("SELECT x FROM public.share_of(1) AS x", "not supported"),
    ] {
        let refusal = guard(Dialect::Postgresql, query).unwrap_err();
        assert!(refusal.message.contains(words), "{query}: {refusal}");
    }
    let refusal = guard(Dialect::Postgresql, "SELECT share_of(amount) FROM orders").unwrap_err();
    assert_eq!(refusal.code, RefusalCode::UnknownFunction);
    assert_eq!(refusal.hint, "write public.share_of(..)");
}

/// Fails on the row of another tenant, whose amount is zero.
async fn runs_on_own_rows_only(dialect: Dialect, definition: &str) {
    let Some(servers) = Servers::bare(dialect).await else { return };
    let mut live: Live = servers.empty("demo").await;
    live.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT NOT NULL, amount INT NOT NULL)",
    )
    .await;
    live.execute("INSERT INTO orders VALUES (1, 82, 5), (2, 82, 20), (3, 99, 0), (4, 99, 7)").await;
    live.execute("CREATE INDEX by_amount ON orders (amount)").await;
    live.execute(definition).await;
    pinned(&mut live).await;
    let call = format!("{}.share_of(amount)", schema(dialect));
    for (query, rows) in [
        (format!("SELECT id FROM orders WHERE {call} > 5"), 1),
        (format!("SELECT id FROM orders WHERE amount < 1 AND {call} > 5"), 0),
        (format!("SELECT o.id FROM (SELECT id, {call} AS s FROM orders) AS o WHERE o.s >= 5"), 2),
        (format!("SELECT sum({call}) AS s FROM orders"), 1),
    ] {
        let observed = live.run_guarded(guard(dialect, &query).unwrap().query()).await;
        let found = observed.outcome.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(found.len(), rows, "{query}: {found:?}");
        assert!(observed.warnings.is_empty(), "{query}: {:?}", observed.warnings);
    }
    // It does fail on that row.
    let plain = format!("SELECT id FROM orders WHERE {call} > 5");
    assert!(live.run(&plain).await.is_err(), "the function fails nowhere");
}

#[tokio::test]
async fn one_that_may_fail_sees_no_foreign_row_on_postgresql() {
    let definition = "CREATE FUNCTION public.share_of(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE COST 1 AS \
                      'BEGIN RETURN 100 / n; END'";
    runs_on_own_rows_only(Dialect::Postgresql, definition).await;
}

#[tokio::test]
async fn one_that_may_fail_sees_no_foreign_row_on_mariadb() {
    let definition = "SET GLOBAL log_bin_trust_function_creators = 1; \
                      CREATE FUNCTION demo.share_of(n INT) RETURNS INT DETERMINISTIC NO SQL BEGIN \
                      IF n = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'zero'; END IF; RETURN 100 DIV n; END";
    runs_on_own_rows_only(Dialect::Mysql, definition).await;
}
