//! Every finding, each from one change to a database that has none.

use super::*;
use crate::catalog::{Catalog, Relation, Remarks};
use crate::engine::{Power, Role};
use crate::policy::Sources;
use crate::policy::generate::tenant_cedar;

const SETTINGS: &str = r#"
engine = "postgresql"
url = "env:APP_DATABASE_URL"
tenant_filter_column = "customer_id"
scope_filter_column = "assigned_to"
"#;

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "projects"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "integer", nullable = false },
    { name = "customer_id", type = "integer", declared = "bigint", nullable = false },
    { name = "name", type = "text", declared = "character varying(80)", nullable = false },
    { name = "assigned_to", type = "text", declared = "text", nullable = true },
    { name = "budget", type = "decimal", declared = "numeric(8,2)", nullable = true },
]

[[relation]]
name = "Odd \"names\""
schema = "sales"
unique = [["customer_id", "id"]]
foreign_keys = [{ columns = ["id"], references = "projects", referenced_columns = ["id"] }]
columns = [
    { name = "id", type = "integer", declared = "integer", nullable = false },
    { name = "customer_id", type = "integer", declared = "bigint", nullable = false },
]

[[relation]]
name = "open_projects"
kind = "view"
columns = [
    { name = "customer_id", type = "integer", declared = "bigint", nullable = true },
    { name = "assigned_to", type = "text", declared = "text", nullable = true },
]
"#;

fn database(settings: &str, catalog: &str) -> Database {
    let parsed = (Settings::parse(settings).unwrap(), Catalog::parse(catalog).unwrap());
    let policies = vec![("tenant.cedar".to_owned(), tenant_cedar(&parsed.0, &parsed.1))];
    let sources = Sources { settings: settings.to_owned(), catalog: catalog.to_owned(), policies };
    Database::from_sources("app".parse().unwrap(), &sources)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A live database that fits the catalog.
fn introspected(catalog: &str) -> Introspected {
    let catalog = Catalog::parse(catalog).unwrap();
    let index = |relation: &Relation| {
        (relation.name.clone(), vec![vec![ColumnName::new("customer_id"), ColumnName::new("id")]])
    };
    let indexes = catalog.relations.iter().map(index).collect();
    let role = Role { name: "reader".to_owned(), powers: Vec::new(), grants: grants() };
    Introspected {
        catalog,
        notes: Vec::new(),
        indexes,
        role: Some(role),
        remarks: Remarks::default(),
    }
}

fn grants() -> Vec<String> {
    vec![
        "CREATE ROLE reader LOGIN;".to_owned(),
        "GRANT SELECT ON public.projects TO reader;".to_owned(),
    ]
}

/// What is found after one change to the live database.
fn found(change: impl FnOnce(&mut Introspected)) -> Vec<String> {
    let mut changed = introspected(CATALOG);
    change(&mut changed);
    shown(&live(&database(SETTINGS, CATALOG), &changed))
}

fn shown(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let place = finding.place().map(|place| format!(" {place}")).unwrap_or_default();
        format!("{} {}{place}", finding.severity().name(), finding.matter.code())
    };
    findings.iter().map(line).collect()
}

fn column<'a>(
    live: &'a mut Introspected,
    relation: usize,
    name: &str,
) -> &'a mut crate::catalog::Column {
    let columns = &mut live.catalog.relations[relation].columns;
    columns.iter_mut().find(|column| column.name.as_str() == name).unwrap()
}

#[test]
fn a_database_as_it_was_pulled_has_none() {
    assert_eq!(found(|_| {}), Vec::<String>::new());
}

/// A change to the live database, and all that is found.
type Case = (&'static str, fn(&mut Introspected), &'static [&'static str]);

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn drift_is_found() {
    use crate::catalog::{ColumnType, RelationKind};

    let cases: &[Case] = &[
        (
            "another default schema",
            |live| live.catalog.default_schema = "app".to_owned(),
            &["error default_schema_changed"],
        ),
        (
            "a relation less",
            |live| drop(live.catalog.relations.remove(1)),
            &[r#"error relation_gone sales.Odd "names""#],
        ),
        (
            "a relation more, whose columns would not do",
            |live| {
                let mut relation = live.catalog.relations[0].clone();
                relation.name.name = "invoices".to_owned();
                relation.columns[1].column_type = ColumnType::Text;
                live.catalog.relations.push(relation);
            },
            &["warning relation_new public.invoices"],
        ),
        (
            "a view in place of a table",
            |live| live.catalog.relations[0].kind = RelationKind::View,
            &["warning kind_changed public.projects"],
        ),
        (
            "a column less",
            |live| drop(live.catalog.relations[0].columns.remove(2)),
            &["error column_gone public.projects.name"],
        ),
        (
            "a column more",
            |live| {
                let mut column = live.catalog.relations[0].columns[2].clone();
                column.name = ColumnName::new("secret");
                live.catalog.relations[0].columns.push(column);
            },
            &["warning column_new public.projects.secret"],
        ),
        (
            "another type, of a column that policies cannot read",
            |live| column(live, 0, "budget").column_type = ColumnType::Float,
            &["error type_changed public.projects.budget"],
        ),
        (
            "another length",
            |live| column(live, 0, "name").declared = "Character Varying(90)".to_owned(),
            &["warning declared_type_changed public.projects.name"],
        ),
        (
            "padded, which is the same type for policies",
            |live| column(live, 0, "name").declared = "character(80)".to_owned(),
            &["error declared_type_changed public.projects.name"],
        ),
        (
            "declared otherwise, of a column that policies cannot read",
            |live| column(live, 0, "budget").declared = "decimal".to_owned(),
            &["warning declared_type_changed public.projects.budget"],
        ),
        (
            "NULL where there was none",
            |live| column(live, 0, "name").nullable = true,
            &["error nullability_changed public.projects.name"],
        ),
        (
            "no NULL any more",
            |live| column(live, 0, "assigned_to").nullable = false,
            &["error nullability_changed public.projects.assigned_to"],
        ),
        (
            "no NULL any more in what policies cannot read",
            |live| column(live, 0, "budget").nullable = false,
            &["warning nullability_changed public.projects.budget"],
        ),
        (
            "a collation",
            |live| column(live, 0, "name").collation = Some("und-x-icu".to_owned()),
            &["error collation_changed public.projects.name"],
        ),
        (
            "another order",
            |live| live.catalog.relations[0].columns.swap(2, 3),
            &["warning column_order_changed public.projects"],
        ),
        (
            "another primary key",
            |live| live.catalog.relations[0].primary_key.clear(),
            &["error primary_key_changed public.projects"],
        ),
        (
            "a unique key more",
            |live| live.catalog.relations[0].unique.push(vec![ColumnName::new("name")]),
            &["warning unique_keys_changed public.projects"],
        ),
        (
            "a foreign key less",
            |live| live.catalog.relations[1].foreign_keys.clear(),
            &[r#"warning foreign_keys_changed sales.Odd "names""#],
        ),
    ];
    for (name, change, expected) in cases {
        assert_eq!(found(change), *expected, "{name}");
    }
}

/// Embedded, nothing is written by the declared type; on a server, a catalog that leaves it out cannot be relied on.
#[test]
fn declared_types_matter_on_servers() {
    let undeclared = CATALOG.replace("declared = \"character varying(80)\", ", "");
    for (engine, severity) in
        [("sqlite", "warning"), ("postgresql", "error"), ("mysql", "error"), ("sqlserver", "error")]
    {
        let database = database(&SETTINGS.replace("postgresql", engine), &undeclared);
        let findings = shown(&live(&database, &introspected(CATALOG)));
        assert_eq!(findings, [format!("{severity} declared_type_changed public.projects.name")]);
    }
}

#[test]
fn keys_may_stand_in_any_order() {
    let twice = CATALOG.replace(
        "unique = [[\"customer_id\", \"id\"]]",
        "unique = [[\"customer_id\", \"id\"], [\"id\"]]",
    );
    let mut turned = introspected(&twice);
    turned.catalog.relations[1].unique.reverse();
    assert_eq!(live(&database(SETTINGS, &twice), &turned), []);
    turned.catalog.relations[1].unique[1].reverse();
    assert_eq!(
        live(&database(SETTINGS, &twice), &turned).len(),
        1,
        "columns of a key have an order"
    );
}

#[test]
fn live_filter_columns_must_hold_the_ids() {
    use crate::catalog::ColumnType;

    for wrong in [ColumnType::Text, ColumnType::Decimal, ColumnType::Float, ColumnType::Uuid] {
        let mut changed = introspected(CATALOG);
        column(&mut changed, 0, "customer_id").column_type = wrong;
        let expected = [
            "error type_changed public.projects.customer_id",
            "error tenant_column_type public.projects.customer_id",
        ];
        assert_eq!(shown(&live(&database(SETTINGS, CATALOG), &changed)), expected);
    }
    assert_eq!(
        found(|live| column(live, 2, "assigned_to").column_type = ColumnType::Integer),
        [
            "error type_changed public.open_projects.assigned_to",
            "error scope_column_type public.open_projects.assigned_to",
        ]
    );
    let renamed = found(|live| {
        for relation in 0..3 {
            column(live, relation, "customer_id").name = ColumnName::new("client_id");
        }
    });
    assert!(renamed.contains(&"error tenant_column_missing".to_owned()), "{renamed:?}");
    let renamed = found(|live| {
        for relation in [0, 2] {
            column(live, relation, "assigned_to").name = ColumnName::new("owner");
        }
    });
    assert!(renamed.contains(&"error scope_column_missing".to_owned()), "{renamed:?}");
}

#[test]
fn uuid_tenants_belong_into_uuid_columns_where_there_are_any() {
    let text = CATALOG.replace(
        r#"name = "customer_id", type = "integer", declared = "bigint""#,
        r#"name = "customer_id", type = "text", declared = "text""#,
    );
    let uuid = text.replace(
        r#"type = "text", declared = "text", nullable"#,
        r#"type = "uuid", declared = "uuid", nullable"#,
    );
    let settings =
        format!("{SETTINGS}tenant_id_type = \"uuid\"\n").replace("scope_filter_column", "#");
    let codes = |settings: &str, catalog: &str| {
        let findings = live(&database(settings, catalog), &introspected(catalog));
        findings.iter().map(|finding| finding.matter.code()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&settings, &text), ["tenant_uuid_as_text"; 3]);
    assert_eq!(codes(&settings, &uuid), [""; 0]);
    let mysql = settings.replace("postgresql", "mysql");
    assert_eq!(codes(&mysql, &text), [""; 0], "no such type there");
}

/// The statement for each engine, in its own quotes; none for a view.
#[test]
fn an_index_starts_with_the_tenant_column() {
    let cases = [
        (
            "postgresql",
            r#"CREATE INDEX "Odd ""names""_customer_id" ON sales."Odd ""names""" (customer_id);"#,
        ),
        (
            "mysql",
            r#"CREATE INDEX `Odd "names"_customer_id` ON sales.`Odd "names"` (customer_id);"#,
        ),
        (
            "sqlserver",
            r#"CREATE INDEX [Odd "names"_customer_id] ON sales.[Odd "names"] (customer_id);"#,
        ),
        (
            "sqlite",
            r#"CREATE INDEX sales.`Odd "names"_customer_id` ON `Odd "names"` (customer_id);"#,
        ),
    ];
    for (engine, expected) in cases {
        let database = database(&SETTINGS.replace("postgresql", engine), CATALOG);
        let mut changed = introspected(CATALOG);
        let (first, second) = (ColumnName::new("id"), ColumnName::new("customer_id"));
        for indexes in changed.indexes.values_mut() {
            *indexes = vec![vec![first.clone(), second.clone()], Vec::new()];
        }
        let findings = live(&database, &changed);
        let expected_lines = [
            "warning tenant_index_missing public.projects.customer_id",
            r#"warning tenant_index_missing sales.Odd "names".customer_id"#,
        ];
        assert_eq!(shown(&findings), expected_lines, "{engine}");
        assert_eq!(findings[1].matter.statements(), [expected], "{engine}");
        changed.indexes.clear();
        assert_eq!(live(&database, &changed).len(), 2, "{engine}");
    }
    let long =
        CATALOG.replace("\"projects\"\nprimary", &format!("\"{}\"\nprimary", "é".repeat(40)));
    let mut changed =
        introspected(&long.replace("references = \"projects\"", "references = \"x\""));
    let database =
        database(SETTINGS, &long.replace("references = \"projects\"", "references = \"x\""));
    changed.indexes.clear();
    let statement = live(&database, &changed)[0].matter.statements()[0].clone();
    let name = statement.split('"').nth(1).unwrap();
    assert!(name.len() <= 63 && name.starts_with('é'), "{statement}");
}

#[test]
fn a_role_that_may_more_than_read_is_named_with_one_that_may_not() {
    let powers = [
        (Power::Superuser, "warning role_superuser"),
        (Power::BypassRowSecurity, "warning role_bypasses_row_security"),
        (Power::Files, "warning role_files"),
        (Power::Grants, "warning role_grants"),
        (Power::Creates, "warning role_creates"),
        (Power::Writes(Vec::new()), "warning role_writes"),
    ];
    let mut changed = introspected(CATALOG);
    let expected: Vec<&str> = powers.iter().map(|(_, line)| *line).collect();
    changed.role.as_mut().unwrap().powers = powers.iter().map(|(power, _)| power.clone()).collect();
    let findings = live(&database(SETTINGS, CATALOG), &changed);
    assert_eq!(shown(&findings), expected);
    assert!(findings.iter().all(|finding| finding.matter.statements() == grants()));
    assert!(findings.iter().all(|finding| finding.to_string().contains("`reader`")));
}

#[test]
fn passwords_are_found_and_not_shown() {
    let with_url = |engine: &str, url: &str| {
        let text = SETTINGS.replace("postgresql", engine).replace("env:APP_DATABASE_URL", url);
        settings(&Settings::parse(&text).unwrap())
    };
    let holding = [
        ("postgresql", "postgres://app:s3cret@db/app"),
        ("postgresql", "postgres://app:s3c/r@et@db/app"),
        ("postgresql", "postgresql://db/app?user=app&password=s3cret"),
        ("mysql", "mysql://app:s3cret@db/app"),
        ("sqlserver", "mssql://sa:s3cret@db/app"),
        ("sqlserver", "Server=db;User Id=sa;Password=s3cret"),
        ("sqlserver", "Server=db;User Id=sa;PWD = s3cret;"),
    ];
    for (engine, url) in holding {
        let findings = with_url(engine, url);
        assert_eq!(shown(&findings), ["warning password_in_url"], "{url}");
        let said = format!("{}{:?}", findings[0], findings[0].matter.hint());
        assert!(!said.contains("s3c"), "{said}");
    }
    let free = [
        ("postgresql", "env:APP_DATABASE_URL"),
        ("postgresql", "env:password=x"),
        ("postgresql", "postgres://app@db/app"),
        ("postgresql", "postgres://app:@db/app"),
        ("postgresql", "postgres://db:5432/app"),
        ("postgresql", "postgresql://db/app?password="),
        ("sqlite", "sqlite:/srv/a:b@c.db"),
        ("sqlserver", "Server=db;Integrated Security=true"),
    ];
    for (engine, url) in free {
        assert_eq!(with_url(engine, url), [], "{url}");
    }
}

/// One finding for each problem of a folder, at its line.
#[test]
fn a_folder_that_does_not_load_says_where() {
    let policies = vec![
        ("a.cedar".to_owned(), "permit (principal, action, resource);\n\npermit (".to_owned()),
        ("b.cedar".to_owned(), "\n@id(\"x\")\npermit (principal, action == Action::\"read\", resource is projects)\nwhen { resource.assigned_to == \"ann\" };".to_owned()),
    ];
    let settings = SETTINGS.replace("assigned_to", "owner");
    let sources = Sources { settings, catalog: CATALOG.to_owned(), policies };
    let error = Database::from_sources("app".parse().unwrap(), &sources).err().unwrap();
    let findings = folder(&error);
    let lines = shown(&findings);
    for expected in [
        "error policy_syntax policies/app/a.cedar:3:9",
        "error scope_column_missing policies/app/database.toml:5:1",
        "error policy_unguarded_null policies/app/b.cedar:4:8",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
    }
    assert_eq!(findings.len(), error.problems().len());
    assert!(has_errors(&findings));
}

/// What cannot be looked at is an error, with the engine's own code unless the folder is at fault.
#[test]
fn what_does_not_answer_is_an_error() {
    use crate::policy::settings::EngineKind;

    for (error, expected) in [
        (EngineError::Unavailable, "error database_unavailable"),
        (EngineError::Login, "error database_login_failed"),
        (EngineError::Url("x"), "error unusable_url"),
        (EngineError::Unsupported(EngineKind::Mongodb), "error unsupported_engine"),
    ] {
        assert_eq!(shown(&[unreachable(error)]), [expected]);
    }
}
