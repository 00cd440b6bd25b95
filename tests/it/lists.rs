//! The lists of functions, operators and types as readers see them: `docs/functions.md` is written from them, and every
//! line is what the guard does.

use std::fmt::Write as _;

use dialektai::catalog::{Catalog, RelationName};
use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{
    CAST_TARGETS, Dialect, FORMS, LeftOut, Listed, guard_sql, left_out, listed,
};
use dialektai::predicate::{PredicateSet, RowFilter};

use crate::world;

fn title(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgresql => "PostgreSQL",
        Dialect::Mysql => "MySQL and MariaDB",
        Dialect::Mssql => "SQL Server",
    }
}

const INTRODUCTION: &str = "\
# What a query may be made of

Written from the lists in `src/guard/sql/functions` and `src/guard/sql/forms.rs` by `tests/it/lists.rs`;
`DIALEKTAI_BLESS=1 cargo test --test it lists` writes it anew. `dialektai functions --dialect postgresql` prints the same.

What is not here is refused. A function is here if it reads nothing but its arguments, changes nothing, runs no text as
SQL, tells nothing of the server or the session, and gives the same value throughout a statement. One that may fail on
some values puts a fence around the relations of the query, so that it runs on no row that the caller may not read; so
does one that is given other types than it *asks* for. *Stable* says why two statements may see different values.
An operator can add functions of the database's own: see `docs/policies.md`.
";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn arguments(function: &Listed) -> String {
    match function.arguments {
        (least, Some(most)) if least == most => least.to_string(),
        (least, Some(most)) => format!("{least} to {most}"),
        (least, None) => format!("{least} or more"),
    }
}

fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    for dialect in Dialect::ALL {
        write!(text, "\n## {}\n", title(dialect)).unwrap();
        let mut chapter = "";
        for function in listed(dialect) {
            if function.chapter != chapter {
                chapter = function.chapter;
                write!(
                    text,
                    "\n### {chapter}\n\n<{}>\n\n| function | arguments | returns | may fail | asks for | stable |\n|---|---|---|---|---|---|\n",
                    function.source
                )
                .unwrap();
            }
            let kind = if function.kind == "scalar" {
                String::new()
            } else {
                format!(" ({})", function.kind)
            };
            let shown = |text: Option<&str>| cell(text.unwrap_or(""));
            writeln!(
                text,
                "| `{}`{kind} | {} | {} | {} | {} | {} |",
                function.name,
                arguments(&function),
                function.returns,
                shown(function.fails),
                shown(function.takes),
                shown(function.stable)
            )
            .unwrap();
        }
        text.push_str("\n### Operators and tests\n\n| form | may fail |\n|---|---|\n");
        for form in FORMS.iter().filter(|form| form.dialects.contains(&dialect)) {
            let shown = form.template.replace("{0}", "a").replace("{1}", "b").replace("{2}", "c");
            writeln!(text, "| `{}` | {} |", cell(&shown), cell(form.fails.unwrap_or(""))).unwrap();
        }
        let targets = CAST_TARGETS.iter().find(|targets| targets.dialect == dialect).unwrap();
        write!(
            text,
            "\n### Types of CAST\n\n<{}>\n\n`{}`\n\nTotal are: {}.\n",
            targets.source,
            targets.types.join("`, `"),
            targets.total
        )
        .unwrap();
        text.push_str("\n### Looked at and left out\n\nNo operator can add these either.\n\n");
        for LeftOut { names, why } in left_out(dialect) {
            writeln!(text, "- `{}`: {why}", names.join("`, `")).unwrap();
        }
    }
    text
}

#[test]
fn docs_are_those_of_the_lists() {
    let path = world::root().join("docs/functions.md");
    let page = page();
    if std::env::var_os("DIALEKTAI_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/functions.md is stale: run with DIALEKTAI_BLESS=1");
}

/// One table, all of whose rows may be read.
fn world_of(dialect: Dialect) -> (Catalog, PredicateSet) {
    let schema = match dialect {
        Dialect::Sqlite => "main",
        Dialect::Postgresql => "public",
        Dialect::Mysql => "demo",
        Dialect::Mssql => "dbo",
    };
    let catalog = format!(
        "default_schema = \"{schema}\"\n[[relation]]\nname = \"t\"\nprimary_key = [\"id\"]\ncolumns = [\n\
         {{ name = \"id\", type = \"integer\", nullable = false }},\n\
         {{ name = \"at\", type = \"timestamp\", nullable = true }},\n]\n"
    );
    let relation = RelationName { schema: schema.to_owned(), name: "t".to_owned() };
    (Catalog::parse(&catalog).unwrap(), [(relation, RowFilter::AllRows)].into_iter().collect())
}

/// A value, or on SQL Server a condition where it is one.
fn query(dialect: Dialect, template: &str) -> String {
    // Not every pattern is admitted: not one that may end in its escape character.
    let second = if template.contains("LIKE") { "'a%'" } else { "id" };
    let expr = template.replace("{0}", "id").replace("{1}", second).replace("{2}", "id");
    let tests = ["=", "<", ">", "IN", "LIKE", "NULL", "BETWEEN", "NOT", "DISTINCT"];
    let test = tests.iter().any(|word| template.contains(word))
        && !template.contains("<<")
        && !template.contains("CASE");
    if test && dialect == Dialect::Mssql {
        format!("SELECT id FROM t WHERE {expr}")
    } else {
        format!("SELECT {expr} AS v FROM t")
    }
}

#[test]
fn every_form_is_admitted_where_it_is_listed_and_nowhere_else() {
    for dialect in Dialect::ALL {
        let (catalog, filters) = world_of(dialect);
        for form in FORMS {
            let query = query(dialect, form.template);
            let outcome = guard_sql(&query, dialect, &catalog, &filters);
            let listed = form.dialects.contains(&dialect);
            assert_eq!(outcome.is_ok(), listed, "{}: {query}: {outcome:?}", dialect.name());
        }
        for targets in CAST_TARGETS {
            for target in targets.types {
                let query = format!("SELECT CAST(id AS {target}) AS v FROM t");
                let outcome = guard_sql(&query, dialect, &catalog, &filters);
                let own = targets.dialect == dialect;
                assert!(!own || outcome.is_ok(), "{}: {target}: {outcome:?}", dialect.name());
            }
        }
        for target in ["regclass", "xml", "oid", "sql_variant", "geometry", "app.mine", "citext"] {
            let query = format!("SELECT CAST(id AS {target}) AS v FROM t");
            let refusal = guard_sql(&query, dialect, &catalog, &filters).unwrap_err();
            assert!(
                matches!(refusal.code, RefusalCode::UnknownType | RefusalCode::Syntax),
                "{}: {target}: {refusal}",
                dialect.name()
            );
        }
    }
}

#[test]
fn what_is_left_out_is_refused() {
    for dialect in Dialect::ALL {
        let (catalog, filters) = world_of(dialect);
        for name in Dialect::ALL.into_iter().flat_map(left_out).flat_map(|entry| entry.names) {
            // One dialect's danger may be another's plain function.
            if listed(dialect).any(|function| function.name == *name) {
                continue;
            }
            let name = name.trim_end_matches('*');
            for call in [format!("{name}()"), format!("{name}(id)"), format!("{name}(id, id)")] {
                let query = format!("SELECT {call} AS v FROM t");
                let outcome = guard_sql(&query, dialect, &catalog, &filters);
                assert!(outcome.is_err(), "{}: {query}", dialect.name());
            }
        }
    }
}
