//! The catalog from scripted rows of the catalog views: what is kept, what is left out, and what the login may do.
//!
//! That the views' texts run, only a real server shows: see `live`.

use dialektai::catalog::Catalog;
use dialektai::engine::{EngineError, Power};

use super::Case;
use crate::servers::tds::script::{Script, Step, failure, rows};
use crate::servers::tds::types::SIZED_NULL;
use crate::servers::tds::types::{Type, bit, fixed, int, nullable, nvarchar, short, text};

fn flags() -> Type {
    nullable(0x68, 1)
}

fn number() -> Type {
    nullable(0x26, 4)
}

const USER: &str = "IS_SRVROLEMEMBER";
const OBJECTS: &str = "FROM sys.objects AS o JOIN sys.schemas";
const COLUMNS: &str = "FROM sys.columns AS c JOIN sys.objects";
const KEYS: &str = "FROM sys.indexes";
const FOREIGN_KEYS: &str = "FROM sys.foreign_key_columns";

fn user(name: &str, schema: &str, powers: [bool; 5]) -> Vec<Step> {
    let columns = [nvarchar(), nvarchar(), flags(), flags(), flags(), flags(), flags()];
    let columns: Vec<(&str, Type)> = columns.into_iter().map(|kind| ("", kind)).collect();
    let row = [vec![text(name), text(schema)], powers.map(bit).to_vec()].concat();
    rows(&columns, &[row])
}

/// Number, schema, name, kind, and of history, memory, elsewhere, a graph, writable.
type Object = (i32, &'static str, &'static str, &'static str, [bool; 5]);

fn objects(objects: &[Object]) -> Vec<Step> {
    let mut columns =
        vec![("object_id", number()), ("name", nvarchar()), ("name", nvarchar()), ("", nvarchar())];
    columns.extend((0..5).map(|_| ("", flags())));
    let row = |(id, schema, name, kind, is): &Object| {
        [vec![int(*id), text(schema), text(name), text(kind)], is.map(bit).to_vec()].concat()
    };
    rows(&columns, &objects.iter().map(row).collect::<Vec<_>>())
}

struct Column {
    of: i32,
    name: &'static str,
    kind: &'static str,
    size: (i16, u8, u8),
    nullable: bool,
    collation: Option<&'static str>,
    /// Hidden, a column set, encrypted.
    is: [bool; 3],
}

fn column(of: i32, name: &'static str, kind: &'static str) -> Column {
    Column { of, name, kind, size: (8, 0, 0), nullable: false, collation: None, is: [false; 3] }
}

fn characters(
    of: i32,
    name: &'static str,
    kind: &'static str,
    bytes: i16,
    collation: &'static str,
) -> Column {
    Column { size: (bytes, 0, 0), collation: Some(collation), ..column(of, name, kind) }
}

fn columns(columns: &[Column]) -> Vec<Step> {
    let described = [
        ("object_id", fixed(0x38)),
        ("name", nvarchar()),
        ("", nvarchar()),
        ("max_length", fixed(0x34)),
        ("precision", fixed(0x30)),
        ("scale", fixed(0x30)),
        ("is_nullable", flags()),
        ("collation_name", nvarchar()),
        ("", flags()),
        ("", flags()),
        ("", flags()),
    ];
    let row = |column: &Column| {
        let (length, precision, scale) = column.size;
        let fixed = vec![
            column.of.to_le_bytes().to_vec(),
            text(column.name),
            text(column.kind),
            length.to_le_bytes().to_vec(),
            vec![precision],
            vec![scale],
            bit(column.nullable),
            column.collation.map_or_else(|| SIZED_NULL.to_vec(), text),
        ];
        [fixed, column.is.map(bit).to_vec()].concat()
    };
    rows(&described, &columns.iter().map(row).collect::<Vec<_>>())
}

/// Table, index, primary, unique, column.
type Key = (i32, i32, bool, bool, &'static str);

fn keys(keys: &[Key]) -> Vec<Step> {
    let described = [
        ("object_id", fixed(0x38)),
        ("index_id", fixed(0x38)),
        ("is_primary_key", flags()),
        ("is_unique", flags()),
        ("name", nvarchar()),
    ];
    let row = |(table, index, primary, unique, name): &Key| {
        let (table, index) = (table.to_le_bytes().to_vec(), index.to_le_bytes().to_vec());
        vec![table, index, bit(*primary), bit(*unique), text(name)]
    };
    rows(&described, &keys.iter().map(row).collect::<Vec<_>>())
}

/// Table, key, column, referenced table, referenced column, and whether it is disabled, or not trusted.
type Foreign = (i32, i32, &'static str, i32, &'static str, [bool; 2]);

fn foreign_keys(keys: &[Foreign]) -> Vec<Step> {
    let described = [
        ("parent_object_id", number()),
        ("constraint_object_id", number()),
        ("name", nvarchar()),
        ("referenced_object_id", number()),
        ("name", nvarchar()),
        ("is_disabled", flags()),
        ("is_not_trusted", flags()),
    ];
    let row = |(table, key, column, referenced, other, [disabled, untrusted]): &Foreign| {
        let flags = [bit(*disabled), bit(*untrusted)];
        let named = [int(*table), int(*key), text(column), int(*referenced), text(other)];
        named.into_iter().chain(flags).collect()
    };
    rows(&described, &keys.iter().map(row).collect::<Vec<_>>())
}

const ANY: &str = "SQL_Latin1_General_CP1_CI_AS";
const EXACT: &str = "Latin1_General_BIN2";
const NO: [bool; 5] = [false; 5];

fn shop() -> Vec<(&'static str, Vec<Step>)> {
    let only = |index: usize| {
        let mut is = NO;
        is[index] = true;
        is
    };
    let all_objects = objects(&[
        (1, "dbo", "customers", "U", NO),
        (2, "dbo", "order]s", "U", only(4)),
        (3, "sales", "orders", "U", NO),
        (4, "dbo", "latest", "V", NO),
        (5, "dbo", "customers_history", "U", only(0)),
        (6, "dbo", "quick", "U", only(1)),
        (7, "dbo", "far", "ET", NO),
        (8, "dbo", "lake", "U", only(2)),
        (9, "dbo", "knows", "U", only(3)),
        (10, "dbo", "elsewhere", "SN", NO),
        (11, "cdc", "dbo_customers_CT", "U", NO),
        (12, "dbo", "wide", "U", NO),
        (13, "dbo", "empty", "U", NO),
    ]);
    let all_columns = columns(&[
        column(1, "id", "bigint"),
        characters(1, "name", "nvarchar", 200, ANY),
        Column { nullable: true, ..characters(1, "code", "char", 8, EXACT) },
        Column { size: (9, 18, 4), ..column(1, "credit", "decimal") },
        Column { size: (8, 0, 7), ..column(1, "since", "datetime2") },
        Column { size: (8, 0, 7), is: [true, false, false], ..column(1, "until", "datetime2") },
        Column { nullable: true, ..column(1, "version", "timestamp") },
        Column { is: [false, false, true], ..characters(1, "secret", "nvarchar", -1, EXACT) },
        column(2, "id", "uniqueidentifier"),
        column(2, "customer", "bigint"),
        characters(2, "note", "varchar", -1, ANY),
        column(2, "place", "geography"),
        column(3, "id", "int"),
        column(3, "customer", "bigint"),
        Column { size: (0, 53, 0), ..column(3, "weight", "float") },
        column(4, "id", "bigint"),
        column(6, "id", "bigint"),
        column(8, "id", "bigint"),
        column(12, "id", "int"),
        Column { is: [false, true, false], ..column(12, "all", "xml") },
        Column { is: [true, false, false], ..column(13, "id", "int") },
    ]);
    let all_keys = keys(&[
        (1, 1, true, true, "id"),
        (1, 2, false, true, "code"),
        (1, 2, false, true, "name"),
        (1, 3, false, false, "name"),
        (1, 4, false, true, "until"),
        (2, 1, true, true, "id"),
        (4, 1, false, true, "id"),
        (99, 1, true, true, "id"),
    ]);
    let all_foreign_keys = foreign_keys(&[
        (2, 21, "customer", 1, "id", [false, false]),
        (2, 22, "customer", 3, "id", [true, true]),
        (3, 31, "customer", 1, "id", [false, true]),
        (3, 32, "id", 77, "id", [false, false]),
        (77, 33, "id", 1, "id", [false, false]),
    ]);
    vec![
        (USER, user("shop_reader", "dbo", [false; 5])),
        (OBJECTS, all_objects),
        (COLUMNS, all_columns),
        (KEYS, all_keys),
        (FOREIGN_KEYS, all_foreign_keys),
    ]
}

#[tokio::test]
async fn the_catalog_keeps_what_can_be_asked_about() {
    let case = Case::new(Script { answers: shop(), ..Script::default() }).await;
    let found = case.engine.introspect().await.unwrap();
    let text = found.catalog.to_toml();
    assert_eq!(Catalog::parse(&text).unwrap(), found.catalog);
    pinned("catalog", &text);
    pinned("notes", &found.notes.join("\n"));
    let indexes: Vec<String> =
        found.indexes.iter().map(|(name, all)| format!("{name}: {all:?}")).collect();
    pinned("indexes", &indexes.join("\n"));
    let role = found.role.unwrap();
    assert_eq!(role.name, "shop_reader");
    let written = found.catalog.relations[1].name.clone();
    assert_eq!(role.powers, [Power::Writes(vec![written])]);
    pinned("grants", &role.grants.join("\n"));
}

fn pinned(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate::world::root().join("snapshots/introspection/sqlserver"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn powers_are_told_one_by_one() {
    let all =
        [Power::Superuser, Power::BypassRowSecurity, Power::Files, Power::Grants, Power::Creates];
    for (index, power) in all.into_iter().enumerate() {
        let mut powers = [false; 5];
        powers[index] = true;
        let mut answers = shop();
        answers[0].1 = user("sa", "dbo", powers);
        answers[1].1 = objects(&[(1, "dbo", "customers", "U", NO)]);
        let case = Case::new(Script { answers, ..Script::default() }).await;
        let role = case.engine.introspect().await.unwrap().role.unwrap();
        assert_eq!((role.name.as_str(), role.powers), ("sa", vec![power]));
    }
}

#[tokio::test]
async fn another_default_schema_changes_names() {
    let mut answers = shop();
    answers[0].1 = user("reader", "sales", [false; 5]);
    let case = Case::new(Script { answers, ..Script::default() }).await;
    let catalog = case.engine.introspect().await.unwrap().catalog;
    assert_eq!(catalog.default_schema, "sales");
    let orders = catalog.relations.iter().find(|relation| relation.name.name == "orders").unwrap();
    assert_eq!(orders.entity_type, "orders");
    assert_eq!(orders.foreign_keys[0].references, "dbo.customers");
}

#[tokio::test]
async fn a_view_that_fails_or_has_another_shape_fails_the_whole() {
    for part in [USER, OBJECTS, COLUMNS, KEYS, FOREIGN_KEYS] {
        for wrong in [failure(229, 14), rows(&[("n", nullable(0x26, 1))], &[vec![short(&[1])]])] {
            let mut answers = shop();
            answers.iter_mut().find(|(other, _)| *other == part).unwrap().1 = wrong;
            let case = Case::new(Script { answers, ..Script::default() }).await;
            assert_eq!(case.engine.introspect().await.err(), Some(EngineError::Failed), "{part}");
        }
    }
}
