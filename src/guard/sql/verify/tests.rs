//! What the verifier must see: texts as a broken rewriter might print them.

use super::super::KeyHalf;
use super::*;
use crate::catalog::{ColumnName, RelationName};
use crate::predicate::{CmpOp, Mask, Masked, Predicate, Value};

const CATALOG: &str = r#"
default_schema = "main"

[[relation]]
name = "t"
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "tenant", type = "integer", nullable = false },
]

[[relation]]
name = "u"
columns = [{ name = "tenant", type = "integer", nullable = false }]

[[relation]]
name = "shared"
columns = [{ name = "code", type = "text", nullable = false }]

[[relation]]
name = "closed"
columns = [{ name = "id", type = "integer", nullable = false }]
"#;

fn tenant(value: i64) -> Predicate {
    let column = ColumnName::new("tenant");
    Predicate::Compare { column, op: CmpOp::Eq, value: Value::Long(value) }
}

fn verdict(text: &str, binds: &[i64], dialect: Dialect) -> bool {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = |name: &str| RelationName { schema: "main".to_owned(), name: name.to_owned() };
    let filters = PredicateSet::from_iter([
        (name("t"), RowFilter::Where(tenant(82))),
        (name("u"), RowFilter::Where(tenant(82).or(tenant(7)))),
        (name("shared"), RowFilter::AllRows),
    ]);
    let binds: Vec<Bind> = binds.iter().map(|bind| Value::Long(*bind).into()).collect();
    verify(text, &binds, dialect, &catalog, &filters).is_ok()
}

#[test]
fn what_is_behind_its_filter_is_seen() {
    for text in [
        "SELECT id FROM main.t AS t WHERE tenant = ?1",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 AND id > 3 AND (id = 1 OR id = 2)",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 AND CASE WHEN id = 1 OR id = 2 THEN 1 END",
        "SELECT a.id FROM (SELECT base.id FROM main.t AS base WHERE base.tenant = ?1 LIMIT -1) AS a",
        "SELECT a.id FROM (SELECT id FROM main.t AS base WHERE tenant = ?1 LIMIT -1) AS a \
         LEFT JOIN (SELECT tenant FROM main.u AS base WHERE tenant = ?1 OR tenant = ?2) AS b ON b.tenant = a.id",
        "SELECT 82 AS x, id FROM main.t AS t WHERE tenant = ?1",
        "SELECT 82 AS tenant, id FROM main.t AS t WHERE t.tenant = ?1",
        "SELECT code FROM main.shared AS shared",
        "SELECT code FROM main.shared AS shared WHERE code = 'x' OR code = 'y'",
        "WITH c (x) AS (SELECT id FROM main.t AS t WHERE t.tenant = ?1) SELECT x FROM c AS d",
        "WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT c.x FROM c) SELECT * FROM c",
        "SELECT (SELECT count(*) FROM main.t AS t WHERE t.tenant = ?1) AS n ORDER BY n LIMIT 3",
        "SELECT 1 FROM (SELECT base.id FROM main.t AS base WHERE base.tenant = ?1) AS a \
         LEFT JOIN (SELECT base.tenant FROM main.u AS base WHERE base.tenant = ?1 OR base.tenant = ?2) AS b \
         ON left(a.id, 1) = b.tenant WHERE a.id IS NOT DISTINCT FROM 3",
        "SELECT 1 FROM main.u AS u WHERE (tenant = ?1 OR tenant = ?2) AND tenant > 3",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 UNION SELECT id FROM main.t AS t WHERE tenant = ?1",
        "SELECT 1 FROM ((SELECT 1) UNION (SELECT t.id FROM main.t AS t WHERE t.tenant = ?1)) AS x",
        "SELECT extract(YEAR FROM 1) AS y, count(*) FILTER (WHERE 1 = 1) FROM main.shared AS shared",
        "SELECT mode() WITHIN GROUP (ORDER BY id) FROM main.t AS t WHERE tenant = ?1 GROUP BY id",
        "VALUES (1), ((SELECT count(*) FROM main.t AS t WHERE tenant = ?1))",
    ] {
        assert!(verdict(text, &[82, 7], Dialect::Sqlite), "{text}");
    }
}

#[test]
fn what_is_not_behind_its_filter_is_refused() {
    for text in [
        "SELECT id FROM main.t AS t",
        "SELECT id FROM main.t AS t WHERE id = 1",
        "SELECT id FROM main.t AS t WHERE id = 1 AND tenant = ?1",
        "SELECT id FROM main.t AS t WHERE tenant = ?2",
        "SELECT id FROM main.t AS t WHERE tenant = ?9",
        "SELECT id FROM main.t AS t WHERE tenant <> ?1",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 OR 1 = 1",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 AND id = 1 OR id = 2",
        "SELECT 1 FROM main.u AS u WHERE tenant = ?1 OR tenant = ?2 AND tenant > 3",
        // Inside another SELECT, the unqualified column could be the other one's.
        "SELECT (SELECT count(*) FROM main.t AS t WHERE tenant = ?1) AS n",
        "SELECT 1 FROM (SELECT id FROM main.t AS t WHERE x.tenant = ?1) AS a",
        "SELECT 1 WHERE 1 IN (SELECT 1 FROM (SELECT id FROM main.t AS base WHERE tenant = ?1) AS a)",
        // It could be the result column.
        "SELECT 82 AS tenant, id FROM main.t AS t WHERE tenant = ?1",
        "SELECT id, 82 AS TENANT FROM main.t AS t WHERE tenant = ?1",
        "SELECT a.id FROM (SELECT 82 AS tenant, id FROM main.t AS base WHERE tenant = ?1) AS a",
        // Joined, not alone.
        "SELECT 1 FROM main.t AS t, main.shared AS s WHERE t.tenant = ?1",
        "SELECT 1 FROM main.shared AS s LEFT JOIN main.t AS t ON t.tenant = ?1",
        "SELECT 1 FROM (main.t AS t) WHERE t.tenant = ?1",
        "SELECT 1 FROM main.t AS t WHERE tenant = ?1 UNION SELECT 1 FROM main.t AS t",
        "SELECT 1 WHERE 1 IN (SELECT id FROM main.t AS t)",
        // Not permitted, not known, not a CTE that can be read there.
        "SELECT id FROM main.closed AS closed",
        "SELECT id FROM main.missing AS m WHERE tenant = ?1",
        "SELECT id FROM t WHERE tenant = ?1",
        "SELECT 1 WHERE 1 IN (WITH t AS (SELECT 1) SELECT * FROM t) UNION SELECT id FROM t",
        "WITH a AS (SELECT * FROM t), t AS (SELECT 1) SELECT * FROM a",
        "SELECT id FROM a.main.t AS t WHERE tenant = ?1",
        "SELECT id FROM main.t.x AS t WHERE tenant = ?1",
        "SELECT id FROM main.t WHERE tenant = ?1",
        // No form of a relation that is not a FROM clause.
        "SELECT 1 UNION TABLE t",
        "SELECT 1 WHERE 1 IN (TABLE t)",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 AND TABLE t",
        "SELECT id INTO x FROM main.t AS t WHERE tenant = ?1",
        "SELECT 1 FROM generate(1) AS g",
        // Not the printer's.
        "SELECT id FROM main.t AS t WHERE tenant = ?1; SELECT 1",
        "SELECT id FROM main.t AS t WHERE tenant = ?1 -- and",
        "SELECT id FROM main.t AS t WHERE tenant = ?1)",
    ] {
        assert!(!verdict(text, &[82, 7], Dialect::Sqlite), "{text}");
    }
    for text in ["SELECT f FROM pg_ls_dir('.') AS f", "SELECT f FROM query_to_xml('x') AS f"] {
        assert!(!verdict(text, &[82], Dialect::Postgresql), "{text}");
    }
    // PostgreSQL's WITH does not see itself without RECURSIVE: the name inside is the relation.
    let own = "WITH t AS (SELECT * FROM t) SELECT * FROM t";
    assert!(!verdict(own, &[82], Dialect::Postgresql));
}

/// LATERAL and APPLY see what stands to their left; other subqueries of a FROM clause do not.
#[test]
fn what_a_lateral_subquery_sees_is_not_its_own() {
    let text = |join: &str, tenant: &str, bind: &str| {
        format!(
            "SELECT 1 FROM (SELECT id FROM main.t AS base WHERE tenant = {bind}) AS a {join} \
             (SELECT id FROM main.t AS t WHERE {tenant} = {bind}) AS b"
        )
    };
    let lateral = |join, tenant| verdict(&text(join, tenant, "$1"), &[82], Dialect::Postgresql);
    assert!(lateral("CROSS JOIN LATERAL", "t.tenant"));
    assert!(!lateral("CROSS JOIN LATERAL", "tenant"));
    assert!(lateral("CROSS JOIN", "tenant"));
    let apply = |join, tenant| verdict(&text(join, tenant, "@P1"), &[82], Dialect::Mssql);
    for join in ["CROSS APPLY", "OUTER APPLY"] {
        assert!(apply(join, "t.tenant"));
        assert!(!apply(join, "tenant"));
    }
    assert!(apply("CROSS JOIN", "tenant"));
    assert!(verdict(
        "SELECT 82 AS tenant FROM main.t AS t WHERE tenant = $1",
        &[82],
        Dialect::Postgresql
    ));
}

#[test]
fn transact_sql_is_seen_too() {
    let seen = |text: &str| verdict(text, &[82, 7], Dialect::Mssql);
    let fenced =
        "(SELECT TOP (9223372036854775807) base.id FROM main.t AS base WHERE base.tenant = @P1)";
    let applied = "(SELECT TOP (1) u.tenant AS n FROM main.u AS u \
                   WHERE (u.tenant = @P1 OR u.tenant = @P2) AND u.tenant = t.id ORDER BY u.tenant)";
    for text in [
        "SELECT TOP (5) WITH TIES id FROM main.t AS t WHERE tenant = @P1 ORDER BY id".to_owned(),
        "SELECT id FROM main.t AS t WHERE tenant = @P1 ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY"
            .to_owned(),
        format!("SELECT t.id, p.n FROM {fenced} AS t CROSS APPLY {applied} AS p"),
        format!("SELECT t.id, p.n FROM {fenced} AS t OUTER APPLY {applied} AS p"),
        "WITH c AS (SELECT t.id FROM main.t AS t WHERE t.tenant = @P1) SELECT id FROM c".to_owned(),
    ] {
        assert!(seen(&text), "{text}");
    }
    for text in [
        "SELECT TOP (5) id FROM main.t AS t ORDER BY id".to_owned(),
        "SELECT id FROM main.t AS t WHERE tenant = @P2".to_owned(),
        format!(
            "SELECT t.id, p.n FROM {fenced} AS t CROSS APPLY (SELECT u.tenant AS n FROM main.u AS u) AS p"
        ),
        format!(
            "SELECT t.id, p.n FROM main.t AS t CROSS APPLY {applied} AS p WHERE t.tenant = @P1"
        ),
        "SELECT id FROM main.t AS t WHERE tenant = @P1 OPTION (RECOMPILE) SELECT 1".to_owned(),
        "SELECT code FROM main.shared SHUTDOWN".to_owned(),
    ] {
        assert!(!seen(&text), "{text}");
    }
}

/// What MariaDB reads as a table is not taken for a CTE.
#[test]
fn definitions_of_a_nested_with_do_not_see_an_outer_one() {
    for inner in [
        "(WITH c AS (SELECT id FROM t) SELECT id FROM c)",
        "(WITH c AS (SELECT id FROM (SELECT id FROM t) AS d) SELECT 1)",
    ] {
        let text = format!("WITH t AS (SELECT 1 AS id) SELECT id FROM {inner} AS d");
        assert!(verdict(&text, &[], Dialect::Sqlite), "{text}");
        assert!(!verdict(&text, &[], Dialect::Mysql), "{text}");
    }
    let text = "WITH t AS (SELECT 1 AS id), c AS (SELECT id FROM t) SELECT id FROM \
                (WITH e AS (SELECT 2 AS id) SELECT t.id FROM t) AS d";
    assert!(verdict(text, &[], Dialect::Mysql), "{text}");
}

#[test]
fn a_call_by_a_schema_is_one_that_was_added() {
    for text in [
        "SELECT app.f(id) FROM main.t AS t WHERE tenant = ?1",
        "SELECT `pg_catalog`.`lo_get`(1)",
        "SELECT 1 FROM (SELECT main.f(2) AS x) AS a",
    ] {
        assert!(!verdict(text, &[82], Dialect::Sqlite), "{text}");
    }
}

#[test]
fn a_hidden_column_is_neither_listed_nor_asked_about() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = |name: &str| RelationName { schema: "main".to_owned(), name: name.to_owned() };
    let mut filters = PredicateSet::from_iter([
        (name("t"), RowFilter::Where(tenant(82))),
        (name("shared"), RowFilter::AllRows),
    ]);
    filters.hide(name("t"), [ColumnName::new("tenant")].into());
    filters.hide(name("shared"), [ColumnName::new("code")].into());
    for (text, expected) in [
        ("SELECT * FROM (SELECT id FROM main.t AS base WHERE tenant = ?1) AS t", true),
        (
            "SELECT 1 FROM (SELECT base.id FROM main.t AS base WHERE base.tenant = ?1 LIMIT -1) AS t",
            true,
        ),
        ("SELECT 1 AS tenant FROM (SELECT id FROM main.t AS base WHERE tenant = ?1) AS t", true),
        ("SELECT * FROM (SELECT id, tenant FROM main.t AS base WHERE tenant = ?1) AS t", false),
        (
            "SELECT * FROM (SELECT id, base.\"Tenant\" FROM main.t AS base WHERE tenant = ?1) AS t",
            false,
        ),
        (
            "SELECT * FROM (SELECT id FROM main.t AS base WHERE tenant = ?1 AND tenant > 1) AS t",
            false,
        ),
        ("SELECT max(tenant) FROM main.t AS t WHERE tenant = ?1", false),
        ("SELECT code FROM main.shared AS shared", false),
        ("SELECT 1 FROM main.shared AS shared WHERE code = 'x'", false),
    ] {
        let binds = [Value::Long(82).into()];
        let found = verify(text, &binds, Dialect::Sqlite, &catalog, &filters).is_ok();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_masked_column_is_listed_by_its_mask_only() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = |name: &str| RelationName { schema: "main".to_owned(), name: name.to_owned() };
    let mut filters = PredicateSet::from_iter([
        (name("t"), RowFilter::Where(tenant(82))),
        (name("shared"), RowFilter::AllRows),
    ]);
    let clear = RowFilter::Where(tenant(7));
    let masked = |clear, otherwise| Masked { clear, stricter: Vec::new(), otherwise };
    let id = (ColumnName::new("id"), masked(clear, Mask::Null));
    filters.mask(name("t"), [id].into());
    let code = (ColumnName::new("code"), masked(RowFilter::NoRows, Mask::Last4));
    filters.mask(name("shared"), [code].into());
    let mask = "(SELECT base.id WHERE base.tenant = ?2)";
    let last = "CASE WHEN char_length(base.code) >= 8 THEN right(base.code, 4) END";
    let around = |list: &str, rest: &str| {
        format!(
            "SELECT * FROM (SELECT {list} FROM main.t AS base WHERE base.tenant = ?1{rest}) AS t"
        )
    };
    let verdict = |text: &str, binds: [i64; 2], dialect| {
        verify(text, &binds.map(|bind| Value::Long(bind).into()), dialect, &catalog, &filters)
            .is_ok()
    };
    for list in [format!("{mask} AS id"), format!("{mask} AS id, base.tenant"), "tenant".to_owned()]
    {
        for rest in ["", " LIMIT -1"] {
            let text = around(&list, rest);
            assert!(verdict(&text, [82, 7], Dialect::Sqlite), "{text}");
        }
    }
    let shared =
        |item: &str| format!("SELECT * FROM (SELECT {item} FROM main.shared AS base) AS s");
    assert!(verdict(&shared(&format!("{last} AS code")), [82, 7], Dialect::Postgresql));

    for (list, rest) in [
        ("base.id".to_owned(), ""),
        ("id".to_owned(), ""),
        ("base.id AS id".to_owned(), ""),
        (format!("{mask} AS tenant"), ""),
        (mask.to_owned(), ""),
        (format!("{mask} AS id, base.id"), ""),
        (format!("max({mask}) AS id"), ""),
        ("(SELECT base.id WHERE base.tenant = ?1) AS id".to_owned(), ""),
        ("(SELECT base.id WHERE base.tenant = ?2 OR 1 = 1) AS id".to_owned(), ""),
        ("base.tenant, 1 AS x".to_owned(), ""),
        ("*".to_owned(), ""),
        ("DISTINCT tenant".to_owned(), ""),
        ("tenant".to_owned(), " AND base.id > 3"),
        ("tenant".to_owned(), " ORDER BY base.id"),
        ("tenant".to_owned(), " GROUP BY tenant"),
    ] {
        let text = around(&list, rest);
        assert!(!verdict(&text, [82, 7], Dialect::Sqlite), "{text}");
    }
    // Clear for another tenant's sake.
    assert!(!verdict(&around(&format!("{mask} AS id"), ""), [82, 82], Dialect::Sqlite));
    for item in ["code", "right(base.code, 4) AS code", "base.code AS code"] {
        assert!(!verdict(&shared(item), [82, 7], Dialect::Postgresql), "{item}");
    }
    let text = "SELECT 1 IS DISTINCT FROM 2 AS x, id FROM main.t AS t WHERE t.tenant = ?1";
    assert!(!verdict(text, [82, 7], Dialect::Sqlite), "another FROM before the relation's");
    let text = "SELECT tenant FROM main.t AS t WHERE t.tenant = ?1";
    assert!(!verdict(text, [82, 7], Dialect::Sqlite), "the flat form");
}

#[test]
fn a_hash_is_made_of_both_halves_of_the_key() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "shared".to_owned() };
    let mut filters = PredicateSet::from_iter([(name.clone(), RowFilter::AllRows)]);
    let code = Masked { clear: RowFilter::NoRows, stricter: Vec::new(), otherwise: Mask::Hash };
    filters.mask(name, [(ColumnName::new("code"), code)].into());
    let [inner, outer] = [KeyHalf::Inner, KeyHalf::Outer].map(Bind::MaskKey);
    let hash = "CASE WHEN base.code IS NOT NULL THEN encode(sha256(decode($2, 'hex') || sha256(decode($1, 'hex') \
        || convert_to(base.code, getdatabaseencoding()))), 'hex') ELSE base.code END";
    let verdict = |hash: &str, binds: &[Bind]| {
        let text = format!("SELECT * FROM (SELECT {hash} AS code FROM main.shared AS base) AS s");
        verify(&text, binds, Dialect::Postgresql, &catalog, &filters).is_ok()
    };
    assert!(verdict(hash, &[inner.clone(), outer.clone()]));
    assert!(!verdict(hash, &[outer.clone(), inner.clone()]));
    assert!(!verdict(hash, &[inner.clone(), inner.clone()]));
    assert!(!verdict(hash, &[inner.clone(), Value::String(String::new()).into()]), "no secret");
    let binds = [inner, outer];
    assert!(!verdict("base.code", &binds));
    assert!(
        !verdict(&hash.replace("sha256(decode($1, 'hex') || ", "sha256("), &binds),
        "no secret"
    );
    assert!(!verdict(&hash.replace("IS NOT NULL", "IS NULL"), &binds), "clear");
}

#[test]
fn touching_a_column_asks_for_its_rows() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "t".to_owned() };
    let mut filters = PredicateSet::from_iter([(name.clone(), RowFilter::Where(tenant(82)))]);
    let column = ColumnName::new("id");
    let few = Predicate::Compare { column: column.clone(), op: CmpOp::Lt, value: Value::Long(5) };
    filters.leave(name, [(column, RowFilter::Where(few))].into());
    let own = "base.tenant = ?1";
    let left = "base.tenant = ?1 AND (typeof(base.id) = 'integer' AND base.id < ?2)";
    for (list, filter, expected) in [
        ("base.tenant", own, true),
        ("base.id", left, true),
        ("base.tenant, base.id", left, true),
        ("base.id", own, false),
        ("base.tenant, base.id", own, false),
        ("base.tenant", left, false),
    ] {
        let text = format!("SELECT 1 FROM (SELECT {list} FROM main.t AS base WHERE {filter}) AS t");
        let binds = [Value::Long(82).into(), Value::Long(5).into()];
        let found = verify(&text, &binds, Dialect::Sqlite, &catalog, &filters).is_ok();
        assert_eq!(found, expected, "{text}");
    }
    let text = "SELECT id FROM main.t AS t WHERE t.tenant = ?1";
    assert!(verify(text, &[Value::Long(82).into()], Dialect::Sqlite, &catalog, &filters).is_err());
}
