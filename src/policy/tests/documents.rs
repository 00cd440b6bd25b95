//! Rules over the fields of documents, and catalogs that a database of their engine cannot have.

use super::*;

const SETTINGS: &str = r#"
engine = "mongodb"
url = "env:URL"
requires_organization_scoping = true
tenant_filter_column = "org.id"
"#;

const CATALOG: &str = r#"
default_schema = "app"

[[relation]]
name = "projects"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "objectid", nullable = false },
    { name = "org", type = "document", nullable = false },
    { name = "org.id", type = "integer", nullable = false },
    { name = "address", type = "document", nullable = true },
    { name = "address.geo", type = "document", nullable = true },
    { name = "address.geo.code", type = "text", nullable = false },
    { name = "address.zip", type = "text", nullable = true },
    { name = "steps", type = "document", nullable = true, array = true },
    { name = "steps.name", type = "text", nullable = false },
    { name = "tags", type = "text", nullable = true, array = true },
]
"#;

fn permit(condition: &str) -> String {
    format!(
        "@id(\"a\") permit (principal, action == Action::\"read\", resource) when {{ {condition} }};"
    )
}

fn filter_of(condition: &str) -> RowFilter {
    let database = load(SETTINGS, CATALOG, &[("a.cedar", &permit(condition))])
        .unwrap_or_else(|error| panic!("{error}"));
    filter(&database, &principal(Some(TenantId::Integer(82)), None), "app.projects")
}

fn is_null(column: &str, negated: bool) -> RowFilter {
    RowFilter::Where(Predicate::IsNull { column: ColumnName::new(column), negated })
}

#[test]
fn fields_of_documents_are_columns_under_their_path() {
    let tenant = equals("org.id", Value::Long(82));
    assert_eq!(filter_of("resource.org.id == principal.tenant"), tenant);
    assert_eq!(filter_of("resource has org.id && resource.org.id == principal.tenant"), tenant);
    let zip = equals("address.zip", Value::String("1".to_owned()));
    let there = is_null("address", true).and(zip);
    let has = ["resource has address.zip", "resource has address && resource.address has zip"];
    for has in has {
        assert_eq!(filter_of(&format!("{has} && resource.address.zip == \"1\"")), there);
    }
    assert_eq!(
        filter_of("!(resource has address.zip)"),
        is_null("address", false).or(is_null("address.zip", false)),
    );
    assert_eq!(
        filter_of(
            "resource has address && resource.address has geo && resource.address.geo.code == \"x\""
        ),
        is_null("address", true)
            .and(is_null("address.geo", true))
            .and(equals("address.geo.code", Value::String("x".to_owned()))),
    );
}

#[test]
fn generated_rules_follow_the_path() {
    let database = generated(SETTINGS, CATALOG);
    let caller = principal(Some(TenantId::Integer(82)), None);
    assert_eq!(filter(&database, &caller, "app.projects"), equals("org.id", Value::Long(82)));
}

#[test]
fn what_is_no_value_is_not_compared() {
    for (condition, expected) in [
        ("resource.org == {id: 82}", "compare the columns one by one"),
        ("resource has tags", "misspelt"),
        ("resource has steps", "misspelt"),
        ("resource.org.nope == 1", "nope"),
        ("resource has address && resource.address.zip == \"1\"", "has"),
    ] {
        refused(SETTINGS, CATALOG, &[("a.cedar", &permit(condition))], expected);
    }
}

#[test]
fn catalogs_are_of_their_engine() {
    let odd = |from: &str, to: &str, expected: &str| {
        let catalog = CATALOG.replace(from, to);
        assert_ne!(catalog, CATALOG, "{from}");
        refused(SETTINGS, &catalog, &[], expected);
    };
    odd("\"address.zip\"", "\"adress.zip\"", "not listed with type `document`");
    odd("\"address.zip\"", "\"address.0\"", "cannot be a path");
    odd("\"address.zip\"", "\"address.$zip\"", "cannot be a path");
    odd("\"address.zip\", type = \"text\"", "\"address.zip\", type = \"date\"", "`timestamptz`");
    odd("\"projects\"", "\"system.profile\"", "keeps for itself");
    odd("\"projects\"", "\"$cmd\"", "keeps for itself");
    odd("name = \"projects\"", "name = \"projects\"\nschema = \"admin\"", "another database");
    let sql = SETTINGS.replace("mongodb", "sqlite");
    refused(&sql, CATALOG, &[], "whose type only MongoDB has");
}

/// Cedar's own verdict on a row whose documents are records.
#[test]
fn rows_with_documents_are_judged() {
    let condition = "resource has address.zip && resource.address.zip == \"1\"";
    let database = load(SETTINGS, CATALOG, &[("a.cedar", &permit(condition))]).unwrap();
    let caller = principal(Some(TenantId::Integer(82)), None);
    let relation = &database.catalog.relations[0];
    let mut row: Row = [
        ("_id", Value::String("507f1f77bcf86cd799439011".to_owned())),
        ("org", Value::Bool(true)),
        ("org.id", Value::Long(7)),
    ]
    .into_iter()
    .map(|(column, value)| (ColumnName::new(column), value))
    .collect();
    let judged = |row: &Row| database.is_authorized(&caller, &relation.name, "k", row);
    let RowFilter::Where(predicate) = filter_of(condition) else { panic!() };
    let steps = [("address", Value::Bool(true)), ("address.zip", Value::String("1".to_owned()))];
    for (index, (column, value)) in steps.into_iter().enumerate() {
        assert!(!judged(&row));
        assert_ne!(predicate.evaluate(&row), Some(true));
        row.insert(ColumnName::new(column), value);
        assert_eq!(judged(&row), index == 1);
    }
    assert_eq!(predicate.evaluate(&row), Some(true));
}
