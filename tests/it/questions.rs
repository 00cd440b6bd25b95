//! The built-in question generator: what it makes of each question, and that what it makes runs.

mod mongodb;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use dialektai::catalog::{Catalog, ColumnName};
use dialektai::guard::Language;
use dialektai::guard::sql::Dialect;
use dialektai::predicate::{CmpOp, Predicate, PredicateSet, RowFilter, Value};
use dialektai::question::{
    Outcome, Readable, Summary, Understanding, answer_text, propose, suggestions,
};
use insta::Settings;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sqlx::{Row, ValueRef};

use crate::demo;

/// The filters of customer 82, without a scope: its own rows, all countries, no comments.
fn filters(catalog: &Catalog) -> PredicateSet {
    let tenant = ColumnName::new("customer_id");
    let filter = |relation: &dialektai::catalog::Relation| match relation.name.name.as_str() {
        "countries" => RowFilter::AllRows,
        _ if relation.column(&tenant).is_some() => RowFilter::Where(Predicate::Compare {
            column: tenant.clone(),
            op: CmpOp::Eq,
            value: Value::Long(82),
        }),
        _ => RowFilter::NoRows,
    };
    catalog.relations.iter().map(|relation| (relation.name.clone(), filter(relation))).collect()
}

/// Asks the demo database as customer 82.
fn ask(question: &str, dialect: Dialect) -> Understanding {
    static DEMO: LazyLock<(Catalog, PredicateSet)> = LazyLock::new(|| {
        let catalog = demo::catalog();
        let filters = filters(&catalog);
        (catalog, filters)
    });
    ask_of(question, dialect, &DEMO.0, &DEMO.1)
}

fn ask_of(
    question: &str,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Understanding {
    let language = Language::Sql(dialect);
    propose(question, language, &Readable { catalog, filters, tenant_column: Some("customer_id") })
}

fn sql(question: &str) -> String {
    match ask(question, Dialect::Sqlite) {
        Understanding::Query(proposal) => proposal.text,
        Understanding::NotUnderstood { .. } => panic!("not understood: {question}"),
    }
}

/// Every question of the fixtures.
pub(crate) fn questions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/questions");
    let mut questions = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        questions.extend(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned));
    }
    questions
}

/// What the questions of the fixtures become on a dialect.
pub(crate) fn proposals(dialect: Dialect) -> Vec<String> {
    let questions = questions().into_iter();
    let proposed = questions.filter_map(|question| match ask(&question, dialect) {
        Understanding::Query(proposal) => Some(proposal.text),
        Understanding::NotUnderstood { .. } => None,
    });
    proposed.collect()
}

#[test]
fn understanding() {
    insta::glob!("../../fixtures", "questions/*.txt", check);
}

fn check(path: &Path) {
    let input = std::fs::read_to_string(path).unwrap();
    let refuses = path.ends_with("not_understood.txt");
    let mut output = String::new();
    for line in input.lines() {
        if line.starts_with('#') {
            writeln!(output, "{line}").unwrap();
            continue;
        }
        writeln!(output, "{line}").unwrap();
        match ask(line, Dialect::Sqlite) {
            Understanding::Query(proposal) => {
                assert!(!refuses, "guessed at {line:?}: {}", proposal.text);
                assert_quoted(&proposal.text);
                writeln!(output, "    {}", proposal.text).unwrap();
                for dialect in [Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql] {
                    if let Understanding::Query(other) = ask(line, dialect)
                        && other.text != proposal.text
                    {
                        writeln!(output, "    {}: {}", dialect.name(), other.text).unwrap();
                    }
                }
            }
            Understanding::NotUnderstood { suggestions } => {
                writeln!(output, "    not understood; {}", suggestions.join(" | ")).unwrap();
            }
        }
    }
    let mut settings = Settings::clone_current();
    settings.remove_snapshot_suffix();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/questions"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    let name = path.file_stem().unwrap().to_str().unwrap();
    settings.bind(|| insta::assert_snapshot!(name, output));
}

#[test]
fn the_documented_questions_give_the_documented_queries() {
    assert_eq!(sql("Show all projects"), "SELECT * FROM projects");
    assert_eq!(sql("Show my tasks"), "SELECT * FROM tasks");
}

#[tokio::test]
async fn every_proposal_runs() {
    // On all rows, two amounts of customer 99 add up to more than 64 bits: that query may fail, and only there.
    let mut whole = demo::database().await;
    let mut own = demo::database_of_82().await;
    for question in questions() {
        if let Understanding::Query(proposal) = ask(&question, Dialect::Sqlite) {
            let ran = demo::rows(&mut own, &proposal.text).await;
            assert!(ran.is_ok(), "{question}: {}: {ran:?}", proposal.text);
            if let Err(error) = demo::rows(&mut whole, &proposal.text).await {
                assert!(error.to_string().contains("integer overflow"), "{question}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn answers_are_the_ones_a_person_would_count() {
    let mut own = demo::database_of_82().await;
    for (question, expected) in [
        ("Show all projects", 7),
        ("show my tasks", 15),
        ("archived projects", 1),
        ("tasks assigned to user-john-456", 5),
        ("tasks not assigned to user-john-456", 10),
        ("unassigned tasks", 3),
        ("projects named Acme", 1),
        ("projects whose name contains acme", 3),
        ("projects where name contains \"100%\"", 1),
        ("tasks where description contains \"_\"", 3),
        ("tasks without a description", 6),
        ("tasks created on 2024-03-12", 2),
        ("tasks created in 2025-01", 2),
        ("newest 5 tasks", 5),
        ("Show all data", 5),
        // One group for each project, one for the two tasks filed under projects of other customers.
        ("tasks per project", 8),
    ] {
        let found = demo::rows(&mut own, &sql(question)).await.unwrap();
        assert_eq!(found.len(), expected, "{question}: {}", sql(question));
    }
    for (question, expected) in [
        ("How many tasks are there?", 15),
        ("how many countries are there", 16),
        ("total budget", 455_000),
        ("highest priority of tasks", i64::MAX),
    ] {
        let found = demo::rows(&mut own, &sql(question)).await.unwrap();
        assert_eq!(found[0].get::<i64, _>(0), expected, "{question}");
    }
    let groups = demo::rows(&mut own, &sql("tasks per project")).await.unwrap();
    let total: i64 = groups.iter().map(|row| row.get::<i64, _>("count")).sum();
    assert_eq!(total, 15, "no task is lost by the join");
    assert_eq!(
        groups.iter().filter(|row| row.try_get_raw("project").unwrap().is_null()).count(),
        1
    );
}

#[test]
fn sentences_fit_the_question() {
    let said = |question: &str, rows, only| match ask(question, Dialect::Sqlite) {
        Understanding::Query(proposal) => {
            answer_text(&proposal.summary, &Outcome { rows, truncated: false, only })
        }
        Understanding::NotUnderstood { .. } => panic!("not understood: {question}"),
    };
    assert_eq!(said("Show all projects", 7, None), "Found 7 projects.");
    assert_eq!(said("time entries with more than 5 hours", 0, None), "No time entries match.");
    assert_eq!(said("How many countries are there?", 1, Some("1")), "There is 1 country.");
    assert_eq!(said("total hours", 1, Some("62.25")), "Total hours: 62.25.");
    assert_eq!(said("total hours per user", 5, None), "Showing the total hours per user.");
    assert!(matches!(ask("Show all data", Dialect::Sqlite),
        Understanding::Query(proposal) if proposal.summary == Summary::Overview));
}

#[test]
fn every_suggestion_is_understood() {
    let catalog = demo::catalog();
    let filters = filters(&catalog);
    let readable =
        Readable { catalog: &catalog, filters: &filters, tenant_column: Some("customer_id") };
    let mut offered = suggestions(&readable, Language::Sql(Dialect::Sqlite));
    assert!(offered.len() >= 4, "{offered:?}");
    for question in questions() {
        if let Understanding::NotUnderstood { suggestions } = ask(&question, Dialect::Sqlite) {
            assert!(!suggestions.is_empty(), "{question}");
            offered.extend(suggestions);
        }
    }
    for suggestion in offered {
        let understood = ask(&suggestion, Dialect::Sqlite);
        assert!(matches!(understood, Understanding::Query(_)), "{suggestion}");
    }
}

#[test]
fn a_denied_relation_is_as_one_that_does_not_exist() {
    let whole = demo::catalog();
    let filters = filters(&whole);
    let mut without = whole.clone();
    without.relations.retain(|relation| relation.name.name != "comments");
    for question in questions() {
        let denied = ask_of(&question, Dialect::Sqlite, &whole, &filters);
        assert_eq!(denied, ask_of(&question, Dialect::Sqlite, &without, &filters), "{question}");
        if question.to_lowercase().contains("comment") {
            let missing = question.to_lowercase().replace("comment", "unicorn");
            assert_eq!(denied, ask(&missing, Dialect::Sqlite), "{question}");
        }
        assert!(!format!("{denied:?}").contains("comments") || question.contains("comments"));
    }
    // With a scope only tasks and countries are readable, although tasks refer to projects.
    let scoped: PredicateSet = filters
        .iter()
        .filter(|(name, _)| ["tasks", "countries"].contains(&name.name.as_str()))
        .map(|(name, filter)| (name.clone(), filter.clone()))
        .collect();
    let per = |what: &str| ask_of(&format!("tasks per {what}"), Dialect::Sqlite, &whole, &scoped);
    assert_eq!(per("project"), per("unicorn"));
    assert!(matches!(per("status"), Understanding::Query(_)));
    let nothing = ask_of("show all tasks", Dialect::Sqlite, &whole, &PredicateSet::default());
    assert_eq!(nothing, Understanding::NotUnderstood { suggestions: Vec::new() });
}

/// Text with everything in quotes taken out, by SQL's own rule that a doubled quote stands for one.
fn outside_quotes(text: &str) -> String {
    let mut outside = String::new();
    let mut open = None;
    for c in text.chars() {
        match open {
            Some(quote) if c == quote => open = None,
            Some(_) => {}
            None if c == '\'' || c == '"' || c == '`' => open = Some(c),
            None => outside.push(c),
        }
    }
    assert_eq!(open, None, "a quote is left open: {text}");
    outside
}

/// Every value of a question is still in its quotes.
fn assert_quoted(text: &str) {
    let outside = outside_quotes(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || " *,.()_=<>-".contains(c);
    assert!(outside.chars().all(plain), "{text}");
    for word in ["--", "UNION SELECT *", "DROP", "DELETE", "INSERT"] {
        assert!(!outside.contains(word), "{text}");
    }
    assert!(!text.contains(char::is_control), "{text}");
}

#[test]
fn hostile_questions_neither_panic_nor_escape_their_quotes() {
    const PIECES: [&str; 52] = [
        "show",
        "projects",
        "tasks",
        "where",
        "name",
        "status",
        "title",
        "is",
        "not",
        "contains",
        "and",
        "or",
        "per",
        "by",
        "top",
        "3",
        "-1",
        "'",
        "''",
        "\"",
        "“",
        "”",
        "’",
        "\\",
        "%",
        "_",
        "!",
        ";",
        "--",
        "/*",
        "*/",
        "(",
        ")",
        "\0",
        "\n",
        "\u{202e}",
        "\u{200d}",
        "🚀",
        "Ünï",
        "1=1",
        "SELECT",
        "UNION",
        "'x'",
        "\"y' z\"",
        ",",
        "=",
        "<>",
        ".",
        "x'y",
        "$1",
        "?",
        "total budget",
    ];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(82);
    let mut hostile = Vec::new();
    for _ in 0..1_000 {
        let glue = if rng.random_bool(0.8) { " " } else { "" };
        let count = rng.random_range(1..14);
        let words: Vec<&str> = (0..count).map(|_| *PIECES.choose(&mut rng).unwrap()).collect();
        let start = if rng.random_bool(0.5) { "projects where name is " } else { "" };
        hostile.push(format!("{start}{}", words.join(glue)));
    }
    for piece in PIECES {
        hostile
            .push(format!("show projects where name is \"{}\"", piece.repeat(900 / piece.len())));
        hostile.push(piece.repeat(10_000 / piece.len()));
    }
    let mut understood = 0;
    for question in &hostile {
        for dialect in [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql] {
            let Understanding::Query(proposal) = ask(question, dialect) else { continue };
            understood += 1;
            assert_quoted(&proposal.text);
        }
    }
    assert!(understood > 100, "too few were understood to mean anything: {understood}");
}

/// Names that need quotes, a schema of their own, and a key that holds the tenant.
const ODD: &str = r#"
default_schema = "public"
[[relation]]
name = "Orders"
schema = "sales"
primary_key = ["Order Id"]
foreign_keys = [
    { columns = ["customer_id", "group"], references = "order groups", referenced_columns = ["customer_id", "id"] },
    { columns = ["parent"], references = "sales.Orders", referenced_columns = ["Order Id"] },
]
columns = [
    { name = "Order Id", type = "uuid", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "group", type = "integer", nullable = true },
    { name = "parent", type = "uuid", nullable = true },
    { name = "isPaid", type = "boolean", nullable = true },
    { name = 'say "hi"', type = "text", nullable = true },
    { name = "count", type = "integer", nullable = true },
    { name = "placedAt", type = "timestamptz", nullable = true },
]
[[relation]]
name = "order groups"
primary_key = ["customer_id", "id"]
columns = [
    { name = "customer_id", type = "integer", nullable = false },
    { name = "id", type = "integer", nullable = false },
    { name = "name", type = "text", nullable = true },
]
"#;

#[test]
fn names_are_quoted_where_they_must_be() {
    let catalog = Catalog::parse(ODD).unwrap();
    let filters = catalog
        .relations
        .iter()
        .map(|r| (r.name.clone(), RowFilter::AllRows))
        .collect::<PredicateSet>();
    for (question, expected) in [
        ("show all orders", r#"SELECT * FROM sales."Orders""#),
        ("sales orders", r#"SELECT * FROM sales."Orders""#),
        ("order groups", r#"SELECT * FROM "order groups""#),
        ("unpaid orders", r#"SELECT * FROM sales."Orders" WHERE "isPaid" = FALSE"#),
        (
            "orders where order id is 6F9619FF-8B86-D011-B42D-00CF4FC964FF",
            r#"SELECT * FROM sales."Orders" WHERE "Order Id" = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'"#,
        ),
        (
            "orders per count",
            r#"SELECT count, count(*) AS count_value FROM sales."Orders" GROUP BY count ORDER BY count_value DESC, count"#,
        ),
        (
            "latest order",
            r#"SELECT * FROM sales."Orders" ORDER BY "placedAt" DESC NULLS LAST, "Order Id" LIMIT 1"#,
        ),
        (
            "orders placed before 2025-01-01",
            r#"SELECT * FROM sales."Orders" WHERE "placedAt" < '2025-01-01'"#,
        ),
        (
            "orders per order group",
            r#"SELECT "order groups".name AS order_group, count(*) AS count FROM sales."Orders" LEFT JOIN "order groups" ON "order groups".customer_id = "Orders".customer_id AND "order groups".id = "Orders"."group" GROUP BY "order groups".customer_id, "order groups".id, "order groups".name ORDER BY count DESC, order_group"#,
        ),
    ] {
        match ask_of(question, Dialect::Postgresql, &catalog, &filters) {
            Understanding::Query(proposal) => assert_eq!(proposal.text, expected, "{question}"),
            Understanding::NotUnderstood { .. } => panic!("not understood: {question}"),
        }
    }
    let injected =
        ask_of("orders where order id is \"x' OR 1=1\"", Dialect::Postgresql, &catalog, &filters);
    assert!(matches!(injected, Understanding::NotUnderstood { .. }));
}
