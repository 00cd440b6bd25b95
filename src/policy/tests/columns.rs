//! `context.columns`: which columns a principal has not, and which rules over columns do not load.

use std::collections::BTreeSet;

use super::*;

const TENANT: &str = "@id(\"t\") permit (principal, action, resource)
    when { resource has customer_id && resource.customer_id == principal.tenant };\n";

fn with(rule: &str) -> Result<Database, LoadError> {
    load(
        SETTINGS,
        CATALOG,
        &[(
            "a.cedar",
            &format!(
                "{TENANT}@id(\"s\") forbid (principal, action, resource) when {{ principal has scope && principal.scope == \"nobody\" }};\n@id(\"c\") {rule}"
            ),
        )],
    )
}

fn hidden(database: &Database, scope: Option<&str>, relation: &str) -> Vec<String> {
    let caller = principal(Some(TenantId::Integer(82)), scope);
    let relation = RelationName { schema: "public".to_owned(), name: relation.to_owned() };
    let filters = database.predicates_for(&caller).unwrap();
    let columns = filters.hidden_of(&relation).cloned().unwrap_or_default();
    columns.iter().map(ToString::to_string).collect()
}

#[test]
fn columns_are_hidden_from_whom_a_rule_says() {
    let rule = "forbid (principal, action, resource is projects)
        when { context.columns.containsAny([\"price\", \"if\"]) } unless { principal has scope };";
    let database = with(rule).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(hidden(&database, None, "projects"), ["if", "price"]);
    assert!(hidden(&database, Some("john"), "projects").is_empty());
    // Who has no rows has nothing to hide.
    assert!(hidden(&database, Some("nobody"), "projects").is_empty());
    // The rows are those of a query that touches nothing.
    let caller = principal(Some(TenantId::Integer(82)), None);
    let tenant = equals("customer_id", Value::Long(82));
    assert_eq!(filter(&database, &caller, "public.projects"), tenant);
    let visible = database.predicates_for(&caller).unwrap().visible(&database.catalog).into_owned();
    let names: BTreeSet<&str> =
        visible.relations[0].columns.iter().map(|column| column.name.as_str()).collect();
    assert!(!names.contains("price") && names.contains("customer_id"));
    // Cedar says so of each row.
    let relation = RelationName { schema: "public".to_owned(), name: "projects".to_owned() };
    let row = Row::from([
        (ColumnName::new("id"), Value::Long(1)),
        (ColumnName::new("customer_id"), Value::Long(82)),
        (ColumnName::new("odd \"name\"\n"), Value::Bool(true)),
    ]);
    for (touched, expected) in [("id", true), ("price", false), ("if", false)] {
        let columns = [ColumnName::new(touched)];
        let judged = database.is_authorized_to_touch(&caller, &relation, "1", &row, &columns);
        assert_eq!(judged, expected, "{touched}");
    }
}

#[test]
fn a_relation_whose_columns_are_all_hidden_is_none() {
    let rule = "forbid (principal, action, resource) when { context.columns.contains(\"customer_id\") || context.columns.contains(\"code\") };";
    let database = with(rule).unwrap_or_else(|error| panic!("{error}"));
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(filter(&database, &caller, "public.tasks"), RowFilter::NoRows);
    // The policy's own reading of a column touches nothing.
    let tenant = equals("customer_id", Value::Long(82));
    assert_eq!(filter(&database, &caller, "public.projects"), tenant);
    assert_eq!(hidden(&database, None, "projects"), ["customer_id"]);
}

#[test]
fn rules_over_columns_that_have_no_exact_form_do_not_load() {
    for (rule, expected) in [
        (
            "permit (principal, action, resource) when { context.columns.contains(\"id\") };",
            "asks in a permit",
        ),
        (
            "permit (principal, action, resource is projects) when { !context.columns.contains(\"id\") };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) unless { context.columns.contains(\"id\") };",
            "something other than whether columns are touched",
        ),
        (
            "forbid (principal, action, resource) when { !context.columns.contains(\"id\") };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context.columns.containsAll([\"id\", \"if\"]) };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context.columns.isEmpty() };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context.columns == [\"id\"] };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { [\"id\", \"if\"].containsAll(context.columns) };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context has columns };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context.columns.contains(\"id\") && context.columns.contains(\"if\") };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { context.columns.contains(\"id\") || principal has scope };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource) when { principal has scope && context.columns.contains(principal.scope) };",
            "something other than",
        ),
        (
            "forbid (principal, action, resource is tasks) when { context.columns.contains(\"id\") };",
            "`id`, which no relation has that the policy applies to",
        ),
        (
            "forbid (principal, action, resource is projects) when { context.columns.contains(\"prices\") };",
            "hint: write `price`",
        ),
        (
            "forbid (principal, action, resource is projects) when { context.columns.contains(\"wholly other\") };",
            "hint: columns are written as in catalog.toml",
        ),
    ] {
        let error = with(rule).err().unwrap_or_else(|| panic!("{rule} was accepted")).to_string();
        assert!(error.contains(expected), "{rule}\n{error}");
    }
    // What asks for the relation is of every row.
    let rule = "forbid (principal, action, resource) when { context.columns.contains(\"id\") && !(resource is tasks) };";
    assert_eq!(hidden(&with(rule).unwrap(), None, "projects"), ["id"]);
}

#[test]
fn a_column_is_hidden_on_some_rows() {
    let caller = principal(Some(TenantId::Integer(82)), Some("ann"));
    let relation = RelationName { schema: "public".to_owned(), name: "projects".to_owned() };
    let tenant = equals("customer_id", Value::Long(82));
    let left = |rule: &str, touched: &[&str]| {
        let database = with(rule).unwrap_or_else(|error| panic!("{error}"));
        let filters = database.predicates_for(&caller).unwrap();
        let touched: Vec<ColumnName> = touched.iter().copied().map(ColumnName::new).collect();
        assert!(filters.hidden_of(&relation).is_none(), "{rule}");
        filters.filter_touching(&relation, &touched).into_owned()
    };
    let own = equals("assigned_to", Value::String("ann".to_owned()));
    let rule = "forbid (principal, action, resource is projects) when { context.columns.containsAny([\"price\", \"if\"]) }
        unless { principal has scope && resource has assigned_to && resource.assigned_to == principal.scope };";
    for touched in [&["price"][..], &["if", "id"], &["price", "if"]] {
        assert_eq!(left(rule, touched), tenant.clone().and(own.clone()), "{touched:?}");
    }
    assert_eq!(left(rule, &["id", "customer_id"]), tenant);
    // Who has no scope has no such column.
    assert_eq!(hidden(&with(rule).unwrap(), None, "projects"), ["if", "price"]);
    // Cedar says so of each row.
    let database = with(rule).unwrap();
    let row = |assigned: &str| {
        Row::from([
            (ColumnName::new("id"), Value::Long(1)),
            (ColumnName::new("customer_id"), Value::Long(82)),
            (ColumnName::new("odd \"name\"\n"), Value::Bool(true)),
            (ColumnName::new("assigned_to"), Value::String(assigned.to_owned())),
        ])
    };
    let price = [ColumnName::new("price")];
    for (assigned, touched, expected) in
        [("ann", &price[..], true), ("bob", &price, false), ("bob", &[], true)]
    {
        let judged =
            database.is_authorized_to_touch(&caller, &relation, "1", &row(assigned), touched);
        assert_eq!(judged, expected, "{assigned}");
    }
    // One row, and a condition that no row fails.
    let rule = "forbid (principal, action, resource == projects::\"1\") when { context.columns.contains(\"id\") };";
    let RowFilter::Where(Predicate::And(_)) = left(rule, &["id"]) else { panic!() };
    let rule = "forbid (principal, action, resource is projects) when { context.columns.contains(\"id\") && resource.customer_id != 82 };";
    let RowFilter::Where(_) = left(rule, &["id"]) else { panic!() };
}

#[test]
fn native_rules_hide_no_columns() {
    let rule = "forbid (principal, action, resource is projects) when { context.columns.contains(\"price\") };";
    let database = with(rule).unwrap();
    let [projects, tasks, _] = database.catalog.relations.as_slice() else { panic!() };
    assert!(database.symbolic_rules(projects).is_err());
    assert!(database.symbolic_rules(tasks).is_ok());
    assert!(database.is_permitted(projects));
}

/// What is in a hidden document is hidden, and a document of whose fields none is left.
#[test]
fn documents_are_hidden_with_what_is_in_them() {
    let settings = "engine = \"mongodb\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\ntenant_id_type = \"integer\"\n";
    let column = |name: &str, of: &str| {
        format!("{{ name = \"{name}\", type = \"{of}\", nullable = false }},\n")
    };
    let columns: String = [
        ("customer_id", "integer"),
        ("a", "document"),
        ("a.b", "text"),
        ("a.c", "document"),
        ("a.c.d", "text"),
        ("ab", "text"),
    ]
    .map(|(name, of)| column(name, of))
    .concat();
    let catalog = format!(
        "default_schema = \"app\"\n[[relation]]\nname = \"users\"\ncolumns = [\n{columns}]\n"
    );
    let left = |hidden: &str| {
        let rule = format!(
            "{TENANT}@id(\"c\") forbid (principal, action, resource) when {{ context.columns.containsAny([{hidden}]) }};"
        );
        let database = load(settings, &catalog, &[("a.cedar", &rule)]).unwrap();
        let caller = principal(Some(TenantId::Integer(82)), None);
        let filters = database.predicates_for(&caller).unwrap();
        let visible = filters.visible(&database.catalog).into_owned();
        let relation = &visible.relations[0];
        let names: Vec<String> =
            relation.columns.iter().map(|column| column.name.to_string()).collect();
        (names.join(" "), filters.filter_for(&relation.name).clone())
    };
    for (hidden, expected) in [
        ("\"ab\"", "customer_id a a.b a.c a.c.d"),
        ("\"a.b\"", "customer_id a a.c a.c.d ab"),
        ("\"a.c.d\"", "customer_id a a.b ab"),
        ("\"a.c\"", "customer_id a a.b ab"),
        ("\"a\"", "customer_id ab"),
        ("\"a.b\", \"a.c.d\"", "customer_id ab"),
    ] {
        assert_eq!(left(hidden).0, expected, "{hidden}");
    }
    // A relation of which nothing is left is none.
    assert_eq!(left("\"a\", \"ab\", \"customer_id\"").1, RowFilter::NoRows);
}
