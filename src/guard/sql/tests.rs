//! The gates behind the rewriter: what a broken one might hand on is refused.

use super::tree::{Body, Expr, Factor, FromItem, Literal, Name, Query, Select, SelectItem};
use super::used::Used;
use super::*;
use crate::catalog::{ColumnName, RelationName};
use crate::predicate::{CmpOp, Predicate, RowFilter, Value};

const CATALOG: &str = r#"
default_schema = "main"

[[relation]]
name = "t"
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "tenant", type = "integer", nullable = false },
]

[[relation]]
name = "closed"
columns = [{ name = "id", type = "integer", nullable = false }]
"#;

fn named(name: &str) -> RelationName {
    RelationName { schema: "main".to_owned(), name: name.to_owned() }
}

fn filters() -> PredicateSet {
    let column = ColumnName::new("tenant");
    let tenant = Predicate::Compare { column, op: CmpOp::Eq, value: Value::Long(82) };
    PredicateSet::from_iter([(named("t"), RowFilter::Where(tenant))])
}

/// A text as the rewriter's tree of it.
fn rewritten(text: &str, placeholders: &[usize], dialect: Dialect) -> Query {
    let parsed = text::parse_printed(text, dialect, placeholders).unwrap();
    admit::admit(&parsed, dialect, Author::Guard, &std::sync::Arc::default()).unwrap()
}

fn seal(tree: &Query, dialect: Dialect) -> Result<(String, Vec<Bind>), RefusalCode> {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let sealed = sealed(tree, vec![Value::Long(82).into()], dialect, &catalog, &filters());
    sealed.map_err(|refusal| refusal.code)
}

fn select(item: Expr, from: Vec<FromItem>) -> Query {
    let items = vec![SelectItem::Expr { expr: item, alias: None }];
    Query {
        with: None,
        body: Body::Select(Box::new(Select { items, from, ..Select::default() })),
        order_by: Vec::new(),
        limit: None,
        offset: None,
        fetch_with_ties: None,
    }
}

/// Few tokens, and more bytes than any query has.
#[test]
fn a_long_query_is_refused() {
    let read = |bytes: usize| {
        let query = format!("SELECT '{}'", "x".repeat(bytes - "SELECT ''".len()));
        text::parse(&query, Dialect::Sqlite).map(drop).map_err(|refusal| refusal.code)
    };
    assert_eq!(read(text::MAX_BYTES), Ok(()));
    assert_eq!(read(text::MAX_BYTES + 1), Err(RefusalCode::TooLarge));
}

#[test]
fn what_is_filtered_passes() {
    for (dialect, bind, placeholders) in [
        (Dialect::Sqlite, "?1", &[][..]),
        (Dialect::Postgresql, "$1", &[]),
        (Dialect::Mysql, "?", &[1]),
        (Dialect::Mssql, "@P1", &[]),
    ] {
        let text = format!("SELECT id FROM main.t AS t WHERE tenant = {bind}");
        let printed = text.replace("main", &dialect.quoted("main"));
        let tree = rewritten(&printed, placeholders, dialect);
        let sealed = seal(&tree, dialect).unwrap();
        assert_eq!(sealed, (printed, vec![Value::Long(82).into()]), "{}", dialect.name());
    }
}

#[test]
fn what_is_not_filtered_is_refused() {
    for text in [
        "SELECT id FROM main.t AS t",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 OR 1 = 1",
        "SELECT id FROM main.t AS t WHERE tenant = ?2",
        "SELECT id FROM main.closed AS closed",
        "SELECT id FROM t",
    ] {
        let tree = rewritten(text, &[], Dialect::Sqlite);
        assert_eq!(seal(&tree, Dialect::Sqlite), Err(RefusalCode::Unverified), "{text}");
    }
}

/// What prints as something else than itself: the text is another query's.
#[test]
fn what_does_not_read_back_is_refused() {
    let number = |digits: &str| Expr::Literal(Literal::Number(digits.to_owned()));
    for digits in ["1 OR 1", "1 /* */", "1; SELECT 2", "(SELECT 1)", ""] {
        let tree = select(number(digits), Vec::new());
        assert_eq!(seal(&tree, Dialect::Sqlite), Err(RefusalCode::RoundTrip), "{digits}");
    }
    let tree = select(number("1"), Vec::new());
    let other = Text { text: "SELECT 2".to_owned(), placeholders: Vec::new() };
    assert!(read_back(&other, &tree, Dialect::Sqlite, &Catalog::parse(CATALOG).unwrap()).is_err());
}

#[test]
fn a_relation_without_its_filter_is_not_printed() {
    let alias = tree::Alias { name: Name::new("t"), columns: Vec::new() };
    let relation = Factor::Occurrence { relation: named("t"), alias, number: 0 };
    let from = vec![FromItem { relation, joins: Vec::new() }];
    let tree = select(Expr::Column(vec![Name::new("id")]), from);
    assert_eq!(seal(&tree, Dialect::Sqlite), Err(RefusalCode::RoundTrip));
    assert!(print::print(&tree, Dialect::Sqlite, None).is_err());
}

/// Names are resolved before, where such a relation does not exist.
#[test]
fn a_relation_without_rows_is_not_rewritten() {
    let alias = tree::Alias { name: Name::new("closed"), columns: Vec::new() };
    let relation = Factor::Occurrence { relation: named("closed"), alias, number: 0 };
    let from = vec![FromItem { relation, joins: Vec::new() }];
    let mut tree = select(Expr::Column(vec![Name::new("id")]), from);
    let (catalog, filters, mut binds) = (Catalog::parse(CATALOG).unwrap(), filters(), Vec::new());
    let mut fence = Hazards::default();
    fence.add("it may fail", Vec::new());
    for hazards in [Hazards::default(), fence] {
        let mut rewrite = Rewrite {
            dialect: Dialect::Sqlite,
            catalog: &catalog,
            visible: &catalog,
            filters: &filters,
            hazards: &hazards,
            used: &Used::default(),
            reads: Vec::new(),
            reader: Reader::Engine(&mut binds),
            outside: 0,
        };
        let refusal = rewrite.query(&mut tree).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::RoundTrip);
    }
}

/// What the key determines is added to GROUP BY, and PostgreSQL has no equality of `json` to group by.
#[test]
fn a_column_without_equality_is_not_grouped_by() {
    const DOCUMENTS: &str = r#"
default_schema = "public"

[[relation]]
name = "d"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "note", type = "text", nullable = false },
    { name = "body", type = "json", declared = "json", nullable = false },
]
"#;
    let catalog = Catalog::parse(DOCUMENTS).unwrap();
    let name = RelationName { schema: "public".to_owned(), name: "d".to_owned() };
    let filters = PredicateSet::from_iter([(name, RowFilter::AllRows)]);
    let guarded = |column: &str| {
        let query =
            format!("SELECT a.{column} FROM d AS a JOIN d AS b ON b.id = a.id GROUP BY a.id");
        let guarded = guard_sql(&query, Dialect::Postgresql, &catalog, &filters);
        guarded.map(|guarded| guarded.query().text().to_owned()).map_err(|refusal| refusal.code)
    };
    assert!(guarded("note").unwrap().ends_with("GROUP BY a.id, a.note"));
    assert_eq!(guarded("body"), Err(RefusalCode::Unsupported));
}

/// MySQL's placeholders have no numbers: each read back is one that was printed, and no more.
#[test]
fn placeholders_are_the_ones_that_were_printed() {
    let read = |text: &str, placeholders: &[usize]| {
        text::parse_printed(text, Dialect::Mysql, placeholders).is_ok()
    };
    assert!(read("SELECT ?, ?", &[1, 2]));
    assert!(!read("SELECT ?, ?", &[1]));
    assert!(!read("SELECT ?, ?", &[1, 2, 1]));
    let beyond = rewritten("SELECT ?", &[2], Dialect::Mysql);
    assert_eq!(seal(&beyond, Dialect::Mysql), Err(RefusalCode::RoundTrip));
    // One value twice, before another: as often as the text asks, in its order.
    let binds = vec![Value::Long(1).into(), Value::Long(2).into()];
    let ordered = in_order(binds, &[2, 1, 2], Dialect::Mysql).unwrap();
    assert_eq!(ordered, [2, 1, 2].map(|value| Value::Long(value).into()));
}
