//! Loading, the schema, the generated rules and the principal; filters are tested against Cedar in `tests/it`.

mod claims;
mod columns;
mod documents;
mod masks;
mod places;

use std::time::{Duration, Instant};

use super::generate::tenant_cedar;
use super::schema::cedarschema;
use super::*;
use crate::catalog::ColumnName;
use crate::identity::TenantId;
use crate::predicate::{CmpOp, Predicate, Quantifier, RowFilter, Value};

const SETTINGS: &str = r#"
engine = "postgresql"
url = "env:URL"
requires_organization_scoping = true
tenant_filter_column = "customer_id"
tenant_id_type = "integer"
scope_filter_column = "assigned_to"
"#;

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "projects"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "assigned_to", type = "text", nullable = true },
    { name = "odd \"name\"\n", type = "boolean", nullable = false },
    { name = "if", type = "timestamptz", nullable = true },
    { name = "price", type = "decimal", nullable = false },
]

[[relation]]
name = "tasks"
columns = [{ name = "customer_id", type = "integer", nullable = true }]

[[relation]]
name = "currencies"
schema = "shared"
columns = [{ name = "code", type = "text", nullable = false }]
"#;

fn sources(settings: &str, catalog: &str, policies: &[(&str, &str)]) -> Sources {
    Sources {
        settings: settings.to_owned(),
        catalog: catalog.to_owned(),
        policies: policies
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    }
}

fn load(settings: &str, catalog: &str, policies: &[(&str, &str)]) -> Result<Database, LoadError> {
    Database::from_sources("x".parse().unwrap(), &sources(settings, catalog, policies))
}

/// With the rules that `pull` writes.
fn generated(settings: &str, catalog: &str) -> Database {
    let text = tenant_cedar(&Settings::parse(settings).unwrap(), &Catalog::parse(catalog).unwrap());
    load(settings, catalog, &[("tenant.cedar", &text)])
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn refused(settings: &str, catalog: &str, policies: &[(&str, &str)], expected: &str) {
    let error = load(settings, catalog, policies).err().expect("it was accepted").to_string();
    assert!(error.contains(expected), "{error}");
}

fn principal(tenant: Option<TenantId>, scope: Option<&str>) -> Principal {
    Principal::new(tenant, scope.map(|scope| scope.parse().unwrap()))
}

fn filter(database: &Database, principal: &Principal, relation: &str) -> RowFilter {
    let (schema, name) = relation.split_once('.').unwrap();
    let relation = RelationName { schema: schema.to_owned(), name: name.to_owned() };
    database.predicates_for(principal).unwrap().filter_for(&relation).clone()
}

fn equals(column: &str, value: Value) -> RowFilter {
    RowFilter::Where(Predicate::Compare { column: ColumnName::new(column), op: CmpOp::Eq, value })
}

#[test]
fn generated_rules_limit_rows_to_the_tenant_and_the_scope() {
    let database = generated(SETTINGS, CATALOG);
    assert!(database.scope_filters());
    let tenant = equals("customer_id", Value::Long(82));
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(filter(&database, &caller, "public.projects"), tenant);
    assert_eq!(filter(&database, &caller, "public.tasks"), tenant);
    assert_eq!(filter(&database, &caller, "shared.currencies"), RowFilter::NoRows);
    assert_eq!(filter(&database, &caller, "public.unheard_of"), RowFilter::NoRows);

    let caller = principal(Some(TenantId::Integer(82)), Some("john"));
    let scope = equals("assigned_to", Value::String("john".to_owned()));
    assert_eq!(filter(&database, &caller, "public.projects"), tenant.and(scope));
    // No scope column, so closed to a caller with a scope.
    assert_eq!(filter(&database, &caller, "public.tasks"), RowFilter::NoRows);
}

#[test]
fn generated_rules_quote_odd_columns() {
    let settings = SETTINGS.replace("\"customer_id\"", "'the \"id\"'");
    let catalog = CATALOG.replace("\"customer_id\"", "'the \"id\"'");
    let database = generated(&settings, &catalog);
    let caller = principal(Some(TenantId::Integer(82)), None);
    let expected = equals("the \"id\"", Value::Long(82));
    assert_eq!(filter(&database, &caller, "public.tasks"), expected);
}

#[test]
fn generated_rules_open_a_database_without_scoping() {
    let settings = "engine = \"sqlite\"\nurl = \"x\"\nrequires_organization_scoping = false";
    let database = generated(settings, CATALOG);
    assert!(!database.scope_filters());
    for scope in [None, Some("john")] {
        let caller = principal(None, scope);
        assert_eq!(filter(&database, &caller, "shared.currencies"), RowFilter::AllRows);
    }
    // A tenant where none is asked for means that the caller and the settings disagree.
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(filter(&database, &caller, "shared.currencies"), RowFilter::NoRows);
}

#[test]
fn generated_rules_take_every_kind_of_tenant() {
    let uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let kinds = [
        ("uuid", "uuid", TenantId::Uuid(uuid.to_owned()), uuid),
        ("uuid", "text", TenantId::Uuid(uuid.to_owned()), uuid),
        ("string", "text", TenantId::String("it's".to_owned()), "it's"),
    ];
    for (kind, column, tenant, expected) in kinds {
        let settings = SETTINGS.replace("\"integer\"", &format!("\"{kind}\""));
        let replaced = format!("\"customer_id\", type = \"{column}\"");
        let catalog = CATALOG.replace("\"customer_id\", type = \"integer\"", &replaced);
        let database = generated(&settings, &catalog);
        // The same text, read as an id of another kind.
        let foreign = match &tenant {
            TenantId::Uuid(id) => TenantId::String(id.clone()),
            TenantId::Integer(_) | TenantId::String(_) => TenantId::Uuid(expected.to_owned()),
        };
        let expected = equals("customer_id", Value::String(expected.to_owned()));
        assert_eq!(filter(&database, &principal(Some(tenant), None), "public.tasks"), expected);
        for other in [None, Some(TenantId::Integer(82)), Some(foreign)] {
            let filters = database.predicates_for(&principal(other, None)).unwrap();
            assert_eq!(filters.iter().count(), 0);
        }
    }
}

#[test]
fn no_policies_permit_nothing() {
    let database = load(SETTINGS, CATALOG, &[]).unwrap();
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(filter(&database, &caller, "public.projects"), RowFilter::NoRows);
}

#[test]
fn schema_follows_the_catalog() {
    let settings = Settings::parse(SETTINGS).unwrap();
    let text = cedarschema(&settings, &Catalog::parse(CATALOG).unwrap());
    for line in [
        "  tenant: Long,",
        "  scope?: String,",
        "entity shared_currencies = {",
        "  customer_id: Long,",
        "  customer_id?: Long,",
        "  \"odd \\\"name\\\"\\u{a}\": Bool,",
        "  \"if\"?: datetime,",
        "  resource: [projects, tasks, shared_currencies],",
    ] {
        assert!(text.contains(&format!("{line}\n")), "no line {line:?} in\n{text}");
    }
    assert!(!text.contains("price"), "a decimal column is in\n{text}");
}

#[test]
fn relations_may_be_called_what_cedar_calls_its_own() {
    let names = [
        "principal",
        "action",
        "resource",
        "context",
        "entity",
        "type",
        "namespace",
        "tags",
        "attributes",
        "permit",
        "forbid",
        "when",
        "unless",
        "set",
        "Set",
        "Action",
        "decimal",
        "ipaddr",
        "duration",
        "datetime",
        "Principal",
        "appliesTo",
        "in",
        "enum",
        "_x",
        "1st",
        "größe",
        "order items",
    ];
    let mut relations = String::new();
    for name in names {
        relations.push_str(&format!(
            "[[relation]]\nname = \"{name}\"\ncolumns = [\
             {{ name = \"customer_id\", type = \"integer\", nullable = true }},\
             {{ name = \"{name}\", type = \"timestamp\", nullable = true }}]\n"
        ));
    }
    let catalog = format!("default_schema = \"main\"\n{relations}");
    let settings = SETTINGS.replace("scope_filter_column", "#");
    let database = generated(&settings, &catalog);
    let caller = principal(Some(TenantId::Integer(82)), None);
    for name in names {
        let expected = equals("customer_id", Value::Long(82));
        assert_eq!(filter(&database, &caller, &format!("main.{name}")), expected, "{name}");
    }
}

#[test]
fn settings_must_fit_the_catalog() {
    let policies = [("a.cedar", "@id(\"a\") permit (principal, action, resource);")];
    let missing = SETTINGS.replace("customer_id", "tenant_id");
    refused(
        &missing,
        CATALOG,
        &policies,
        "policies/x/database.toml:5:1: no relation has the column `tenant_id`",
    );
    let text = CATALOG.replace(
        "name = \"tasks\"\ncolumns = [{ name = \"customer_id\", type = \"integer\"",
        "name = \"tasks\"\ncolumns = [{ name = \"customer_id\", type = \"text\"",
    );
    refused(SETTINGS, &text, &policies, "has type `text` in relation `public.tasks`");
    let scope =
        CATALOG.replace("\"assigned_to\", type = \"text\"", "\"assigned_to\", type = \"integer\"");
    refused(SETTINGS, &scope, &policies, "`scope_filter_column` names column `assigned_to`");
    refused(SETTINGS, CATALOG, &policies, "no policy reads `principal.scope`");
    refused(SETTINGS, "default_schema = \"x\"", &policies, "lists no relations");
    let broken = CATALOG.replace(
        "nullable = true },\n    { name = \"price\"",
        "nullable = 1 },\n    { name = \"price\"",
    );
    refused(SETTINGS, &broken, &policies, "policies/x/catalog.toml:12:53: ");
    let entity =
        CATALOG.replace("name = \"tasks\"", "name = \"tasks\"\nentity_type = \"x; entity y\"");
    refused(SETTINGS, &entity, &policies, "has entity type `x; entity y`");
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let policies = [
        ("b.cedar", "\n@id(\"a\")\npermit (principal, action, resource);"),
        (
            "a.cedar",
            "@id(\"a\") permit (principal, action, resource);\npermit (principal, action, resource) when {\n resource.x };",
        ),
    ];
    let error = load(SETTINGS, CATALOG, &policies).err().unwrap();
    let places: Vec<_> =
        error.problems().iter().map(|problem| (problem.file.as_str(), problem.line())).collect();
    assert_eq!(
        places,
        [
            ("policies/x/a.cedar", Some(2)),
            ("policies/x/a.cedar", Some(3)),
            ("policies/x/b.cedar", Some(2)),
            ("policies/x/database.toml", Some(7)),
        ],
        "{error}"
    );
}

#[test]
fn the_version_names_every_text() {
    let with = |settings: &str, catalog: &str, policies: &[(&str, &str)]| {
        load(settings, catalog, policies).unwrap().version().to_owned()
    };
    let policy = "@id(\"a\") forbid (principal, action, resource) when { principal has scope };";
    let first = with(SETTINGS, CATALOG, &[("a.cedar", policy)]);
    assert_eq!(first.len(), 64);
    assert_eq!(first, with(SETTINGS, CATALOG, &[("a.cedar", policy)]));
    let others = [
        with(&format!("{SETTINGS}\n"), CATALOG, &[("a.cedar", policy)]),
        with(SETTINGS, &format!("{CATALOG}\n"), &[("a.cedar", policy)]),
        with(SETTINGS, CATALOG, &[("b.cedar", policy)]),
        with(SETTINGS, CATALOG, &[("a.cedar", &format!("{policy}\n"))]),
        with(SETTINGS, CATALOG, &[("a.cedar", policy), ("b.cedar", "")]),
    ];
    for other in others {
        assert_ne!(first, other);
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = std::env::temp_dir().join(format!("dialektai-policy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [
        ("database.toml", SETTINGS),
        ("catalog.toml", CATALOG),
        (
            "b.cedar",
            "@id(\"b\") forbid (principal, action, resource) when { principal has scope };",
        ),
        ("a.cedar", "@id(\"a\") permit (principal, action, resource);"),
        ("notes.txt", "not a policy"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let loaded = Database::load(&folder).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.id.as_str(), folder.file_name().unwrap().to_str().unwrap());
    let missing = Database::load(&folder.join("nowhere")).err().unwrap().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(missing.contains("nowhere/database.toml: cannot be read"), "{missing}");
}

#[test]
fn an_oracle_of_a_row_that_is_no_entity_denies() {
    let policy = "@id(\"a\") permit (principal, action, resource);
        @id(\"s\") forbid (principal, action, resource) when { principal has scope };";
    let database = load(SETTINGS, CATALOG, &[("a.cedar", policy)]).unwrap();
    let relation = RelationName { schema: "shared".to_owned(), name: "currencies".to_owned() };
    let caller = principal(Some(TenantId::Integer(82)), None);
    let code = |value| Row::from([(ColumnName::new("code"), value)]);
    let eur = code(Value::String("EUR".to_owned()));
    assert!(database.is_authorized(&caller, &relation, "EUR", &eur));
    assert!(!database.is_authorized(&caller, &relation, "EUR", &Row::new()));
    assert!(!database.is_authorized(&caller, &relation, "EUR", &code(Value::Long(1))));
    assert!(!database.is_authorized(&principal(None, None), &relation, "EUR", &eur));
    let john = principal(Some(TenantId::Integer(82)), Some("john"));
    assert!(!database.is_authorized(&john, &relation, "EUR", &eur));
}

#[test]
fn a_policy_that_would_double_without_end_is_unsupported() {
    let mut condition = String::from("resource[\"odd \\\"name\\\"\\u{a}\"]");
    for _ in 0..16 {
        condition = format!("(if {condition} then resource.id == 1 else resource.id == 2)");
    }
    let policy = format!(
        "@id(\"deep\") permit (principal, action, resource is projects) when {{ {condition} }};"
    );
    let settings = SETTINGS.replace("scope_filter_column", "#");
    let database = load(&settings, CATALOG, &[("a.cedar", &policy)]).unwrap();
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(database.predicates_for(&caller).unwrap_err().policy, "deep");
}

#[test]
fn a_long_chain_of_conditions_is_a_filter() {
    let chain: Vec<String> = (0..600).map(|n| format!("resource.id == {n}")).collect();
    let policy = format!(
        "@id(\"long\") permit (principal, action, resource is projects) when {{ {} }};",
        chain.join(" || ")
    );
    let settings = SETTINGS.replace("scope_filter_column", "#");
    let database = load(&settings, CATALOG, &[("a.cedar", &policy)]).unwrap();
    let caller = principal(Some(TenantId::Integer(82)), None);
    let RowFilter::Where(Predicate::Or(operands)) = filter(&database, &caller, "public.projects")
    else {
        panic!("not a disjunction");
    };
    assert_eq!(operands.len(), 600);
}

#[test]
fn the_deepest_policy_that_is_read_exhausts_no_stack() {
    let settings = SETTINGS.replace("scope_filter_column", "#");
    let odd = "resource[\"odd \\\"name\\\"\\u{a}\"]";
    for (unit, end) in [
        ("true&&", odd),
        (&*format!("{odd}||"), odd),
        ("if resource has \"if\" then true else ", odd),
        ("!(!(", odd),
    ] {
        let fits = (15 * 1024) / unit.len();
        let close = ")".repeat(unit.matches('(').count() * fits);
        let policy = format!(
            "@id(\"deep\") permit (principal, action, resource is projects) when {{ {}{end}{close} }};",
            unit.repeat(fits)
        );
        // Read or refused (Cedar's parser has a bound of its own), and dropped on this thread's small stack.
        if let Ok(database) = load(&settings, CATALOG, &[("a.cedar", &policy)]) {
            let caller = principal(Some(TenantId::Integer(82)), None);
            let _ = database.predicates_for(&caller);
            let row = Row::new();
            let name = RelationName { schema: "public".to_owned(), name: "projects".to_owned() };
            assert!(!database.is_authorized(&caller, &name, "1", &row));
        }
    }
    let policy = format!(
        "\n@id(\"long\") permit (principal, action, resource) when {{ {}true }};",
        "true&&".repeat(4_000)
    );
    refused(&settings, CATALOG, &[("a.cedar", &policy)], "a.cedar:2:1: a policy is longer");
    let short = "@id(\"x\") permit (principal, action, resource);\n".to_owned();
    let many: String = (0..1_000).map(|n| short.replace('x', &n.to_string())).collect();
    assert!(load(&settings, CATALOG, &[("a.cedar", &many)]).is_ok());
}

/// The work for one principal grows with relations and policies, not with their product.
#[test]
fn many_relations_with_policies_of_their_own_load_in_time() {
    const RELATIONS: usize = 500;
    let mut catalog = String::from("default_schema = \"main\"\n");
    let mut policies = String::new();
    for number in 0..RELATIONS {
        catalog.push_str(&format!(
            "[[relation]]\nname = \"r{number}\"\ncolumns = [{{ name = \"customer_id\", type = \"integer\", nullable = true }}]\n"
        ));
        for effect in ["permit", "forbid"] {
            policies.push_str(&format!(
                "@id(\"{effect}-{number}\") {effect} (principal, action, resource is r{number})\n\
                 when {{ resource has customer_id && resource.customer_id == principal.tenant }};\n"
            ));
        }
    }
    let settings = SETTINGS.replace("scope_filter_column", "#");
    let start = Instant::now();
    let database = load(&settings, &catalog, &[("a.cedar", &policies)]).unwrap();
    let loaded = start.elapsed();
    let caller = principal(Some(TenantId::Integer(82)), None);
    let start = Instant::now();
    let filters = database.predicates_for(&caller).unwrap();
    let evaluated = start.elapsed();
    let start = Instant::now();
    assert!(Arc::ptr_eq(&filters, &database.predicates_for(&caller).unwrap()));
    println!("load {loaded:?}, first filters {evaluated:?}, again {:?}", start.elapsed());
    assert_eq!(filters.iter().count(), RELATIONS);
    assert!(evaluated < Duration::from_secs(30), "{evaluated:?}");
}
