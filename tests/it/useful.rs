//! Ordinary analytic SQL is not refused: `fixtures/sql/<dialect>/useful.sql`, a query a paragraph. What the guard refuses
//! although the engine runs it is marked there with the reason. `commute` compares the rows.

use dialektai::guard::sql::{Dialect, guard_sql};

use crate::{rewrite, world};

/// One query of the corpus.
pub(crate) struct Useful {
    pub(crate) text: String,
    /// Why it is refused, where it is.
    pub(crate) refused: Option<String>,
}

/// The corpus of a dialect, in the order of the file.
pub(crate) fn corpus(dialect: Dialect) -> Vec<Useful> {
    const REFUSED: &str = "-- refused: ";
    let path = world::root().join("fixtures/sql").join(dialect.name()).join("useful.sql");
    let text = std::fs::read_to_string(path).unwrap();
    let paragraph = |lines: &str| {
        let refused = lines.lines().find_map(|line| line.strip_prefix(REFUSED));
        let query: Vec<&str> = lines.lines().filter(|line| !line.starts_with("--")).collect();
        let refused = refused.map(str::to_owned);
        (!query.is_empty()).then(|| Useful { text: query.join("\n"), refused })
    };
    text.split("\n\n").filter_map(paragraph).collect()
}

fn ordinary_sql_is_not_refused(dialect: Dialect) {
    let database = rewrite::database(dialect);
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let corpus = corpus(dialect);
    assert!(corpus.len() >= 120, "{}", corpus.len());
    let mut wrong = Vec::new();
    for Useful { text, refused } in &corpus {
        match (guard_sql(text, dialect, &database.catalog, &filters), refused) {
            (Ok(_), None) | (Err(_), Some(_)) => {}
            (Ok(_), Some(why)) => wrong.push(format!("not refused any more, {why}: {text}")),
            (Err(refusal), None) => wrong.push(format!("{refusal} ({}): {text}", refusal.hint)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
    let refused = corpus.iter().filter(|own| own.refused.is_some()).count();
    eprintln!("{}: {refused} of {} ordinary queries are refused", dialect.name(), corpus.len());
    assert!(refused * 20 < corpus.len(), "more than a twentieth is refused");
}

#[test]
fn ordinary_sql_is_not_refused_on_sqlite() {
    ordinary_sql_is_not_refused(Dialect::Sqlite);
}

#[test]
fn ordinary_sql_is_not_refused_on_postgresql() {
    ordinary_sql_is_not_refused(Dialect::Postgresql);
}

#[test]
fn ordinary_sql_is_not_refused_on_mysql() {
    ordinary_sql_is_not_refused(Dialect::Mysql);
}

#[test]
fn ordinary_sql_is_not_refused_on_sql_server() {
    ordinary_sql_is_not_refused(Dialect::Mssql);
}
