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
    { name = "readers", type = "integer", nullable = false, array = true },
    { name = "address.codes", type = "objectid", nullable = true, array = true },
    { name = "weights", type = "float", nullable = false, array = true },
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
    row.insert_set(ColumnName::new("readers"), []);
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

fn elements(column: &str, quantifier: Quantifier, values: &[i64], negated: bool) -> RowFilter {
    let values = values.iter().copied().map(Value::Long).collect();
    let column = ColumnName::new(column);
    RowFilter::Where(Predicate::Elements { column, quantifier, values, negated })
}

#[test]
fn arrays_of_values_are_sets() {
    let readers = |values: &[i64], negated| elements("readers", Quantifier::Some, values, negated);
    let within = |values: &[i64], negated| elements("readers", Quantifier::Every, values, negated);
    for (condition, expected) in [
        ("resource.readers.contains(principal.tenant)", readers(&[82], false)),
        ("!resource.readers.contains(principal.tenant)", readers(&[82], true)),
        ("resource.readers.containsAny([3, 2, 3])", readers(&[2, 3], false)),
        ("[3, principal.tenant].containsAny(resource.readers)", readers(&[3, 82], false)),
        ("!(resource.readers.containsAny([3, 2]))", readers(&[2, 3], true)),
        ("resource.readers.containsAll([1, 2])", readers(&[1], false).and(readers(&[2], false))),
        ("!(resource.readers.containsAll([1, 2]))", readers(&[1], true).or(readers(&[2], true))),
        ("[1, 2].containsAll(resource.readers)", within(&[1, 2], false)),
        ("![1, 2].containsAll(resource.readers)", within(&[1, 2], true)),
        ("resource.readers.isEmpty()", within(&[], false)),
        ("!resource.readers.isEmpty()", within(&[], true)),
        ("resource.readers == [1]", readers(&[1], false).and(within(&[1], false))),
        ("[1] != resource.readers", readers(&[1], true).or(within(&[1], true))),
        ("resource has tags && !(resource has address)", {
            is_null("tags", true).and(is_null("address", false))
        }),
        // No element is a text that is no ObjectId, and every array that is one says so.
        ("resource has address.codes && !resource.address.codes.contains(\"x\")", {
            is_null("address", true).and(elements("address.codes", Quantifier::Some, &[], true))
        }),
        ("resource has address.codes && resource.address.codes.contains(\"x\")", RowFilter::NoRows),
    ] {
        assert_eq!(filter_of(condition), expected, "{condition}");
    }
}

#[test]
fn arrays_are_compared_with_constants_only() {
    let guarded = "resource has tags && resource has address.zip && ";
    let constants = "compares an array with something other than constants";
    for (condition, expected) in [
        ("resource.tags.contains(resource.address.zip)", constants),
        ("resource.tags.containsAny([resource.address.zip])", constants),
        ("resource.tags == resource.tags", constants),
        ("resource.tags.containsAll(resource.tags)", constants),
        ("[\"a\"].contains(resource.tags)", "policies/x/a.cedar:1"),
        ("resource.tags.contains(1)", "policies/x/a.cedar:1"),
        ("resource.address.zip.contains(\"a\")", "policies/x/a.cedar:1"),
        ("resource.tags.contains(resource.tags)", "policies/x/a.cedar:1"),
        ("resource.tags like \"a\"", "policies/x/a.cedar:1"),
        ("resource.tags.containsAny([])", "policies/x/a.cedar:1"),
        ("resource has weights", "misspelt"),
    ] {
        refused(
            SETTINGS,
            CATALOG,
            &[("a.cedar", &permit(&format!("{guarded}{condition}")))],
            expected,
        );
    }
    let array = CATALOG.replace(
        "\"org.id\", type = \"integer\", nullable = false",
        "\"org.id\", type = \"integer\", nullable = false, array = true",
    );
    refused(SETTINGS, &array, &[], "has type `array` in relation `app.projects`");
}

/// No engine of SQL has sets, not even one that has arrays.
#[test]
fn arrays_of_sql_are_in_no_rule() {
    let settings = SETTINGS.replace("mongodb", "postgresql").replace("org.id", "customer_id");
    let catalog = "default_schema = \"public\"\n[[relation]]\nname = \"projects\"\ncolumns = [\n\
        { name = \"customer_id\", type = \"integer\", nullable = false },\n\
        { name = \"tags\", type = \"other\", declared = \"text[]\", nullable = false },\n]\n";
    for condition in ["resource.tags.contains(\"a\")", "resource.customer_id.contains(82)"] {
        let expected = "policies/x/a.cedar:1";
        refused(&settings, catalog, &[("a.cedar", &permit(condition))], expected);
    }
}

/// A set is what Cedar makes of the elements: on every array, however often it holds what.
#[test]
fn arrays_are_judged_as_sets() {
    let arrays: [&[i64]; 6] = [&[], &[1], &[1, 1], &[1, 2], &[3], &[1, 2, 3, 3]];
    for condition in [
        "resource.readers.contains(1)",
        "!resource.readers.contains(1)",
        "resource.readers.containsAny([2, 3])",
        "!resource.readers.containsAny([2, 3])",
        "resource.readers.containsAll([1, 2])",
        "!resource.readers.containsAll([1, 2])",
        "[1, 2].containsAll(resource.readers)",
        "![1, 2].containsAll(resource.readers)",
        "resource.readers.isEmpty()",
        "!resource.readers.isEmpty()",
        "resource.readers == [2, 1]",
        "resource.readers != [2, 1]",
    ] {
        let database = load(SETTINGS, CATALOG, &[("a.cedar", &permit(condition))]).unwrap();
        let caller = principal(Some(TenantId::Integer(82)), None);
        let relation = &database.catalog.relations[0];
        let filter = filter_of(condition);
        let mut kept = 0;
        for array in arrays {
            let mut row = Row::new();
            row.insert(
                ColumnName::new("_id"),
                Value::String("507f1f77bcf86cd799439011".to_owned()),
            );
            row.insert(ColumnName::new("org"), Value::Bool(true));
            row.insert(ColumnName::new("org.id"), Value::Long(7));
            assert!(!database.is_authorized(&caller, &relation.name, "k", &row), "no array");
            assert!(!filter.keeps(&row), "no array");
            row.insert_set(ColumnName::new("readers"), array.iter().copied().map(Value::Long));
            let judged = database.is_authorized(&caller, &relation.name, "k", &row);
            assert_eq!(filter.keeps(&row), judged, "{condition} on {array:?}");
            kept += usize::from(judged);
        }
        assert!(kept > 0 && kept < arrays.len(), "{condition} keeps {kept}");
    }
}
