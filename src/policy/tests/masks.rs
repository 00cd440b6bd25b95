//! `@mask` and `@columns`: which columns a principal sees masked on which rows, and what does not load.

use super::*;
use crate::predicate::{Mask, Masked};

const OWN: &str = "resource has customer_id && resource.customer_id == principal.tenant";
const SCOPE: &str = "@id(\"s\") forbid (principal, action, resource) when { principal has scope && principal.scope == \"nobody\" };\n";

fn with(rules: &str) -> Result<Database, LoadError> {
    load(SETTINGS, CATALOG, &[("a.cedar", &format!("{SCOPE}{rules}"))])
}

fn loaded(rules: &str) -> Database {
    with(rules).unwrap_or_else(|error| panic!("{error}"))
}

fn masked(database: &Database, scope: Option<&str>, column: &str) -> Option<Masked> {
    let caller = principal(Some(TenantId::Integer(82)), scope);
    let relation = RelationName { schema: "public".to_owned(), name: "projects".to_owned() };
    let filters = database.predicates_for(&caller).unwrap();
    filters.mask_of(&relation, &ColumnName::new(column)).cloned()
}

#[test]
fn a_column_is_clear_where_a_permit_does_not_mask_it() {
    let database = loaded(&format!(
        "@id(\"m\") @mask(\"null, last4\") @columns(\"price, assigned_to\")
         permit (principal, action, resource) when {{ {OWN} }};
         @id(\"c\") permit (principal, action, resource is projects)
         when {{ {OWN} && principal has scope && resource has assigned_to && resource.assigned_to == principal.scope }};"
    ));
    let tenant = equals("customer_id", Value::Long(82));
    let own = tenant.clone().and(equals("assigned_to", Value::String("ann".to_owned())));
    for (column, mask) in [("price", Mask::Null), ("assigned_to", Mask::Last4)] {
        let nowhere = Masked { clear: RowFilter::NoRows, stricter: vec![], otherwise: mask };
        assert_eq!(masked(&database, None, column), Some(nowhere.clone()));
        let somewhere = Masked { clear: own.clone(), ..nowhere };
        assert_eq!(masked(&database, Some("ann"), column), Some(somewhere));
    }
    assert_eq!(masked(&database, None, "id"), None);
    // Who has no rows has nothing to mask, and what has no such column neither.
    assert_eq!(masked(&database, Some("nobody"), "price"), None);
    let caller = principal(Some(TenantId::Integer(82)), None);
    let filters = database.predicates_for(&caller).unwrap();
    let tasks = RelationName { schema: "public".to_owned(), name: "tasks".to_owned() };
    assert_eq!(filters.masks_of(&tasks), None);
    // The rows are those of an ordinary permit.
    assert_eq!(filter(&database, &caller, "public.projects"), tenant);
    let visible = filters.visible(&database.catalog);
    let price = visible.relations[0].column(&ColumnName::new("price")).unwrap();
    assert!(price.nullable && visible.relations[0].primary_key.len() == 1);
}

#[test]
fn the_strictest_of_several_masks_applies() {
    let rule = |id: &str, mask: &str, when: &str| {
        format!(
            "@id(\"{id}\") @mask(\"{mask}\") @columns(\"assigned_to\")
             permit (principal, action, resource is projects) when {{ {OWN} && {when} }};"
        )
    };
    let one = rule("a", "last4", "resource.id > 1");
    let both = format!("{one}{}", rule("b", "null", "resource.id < 5"));
    let found = masked(&loaded(&both), None, "assigned_to").unwrap();
    assert_eq!((&found.clear, found.otherwise), (&RowFilter::NoRows, Mask::Last4));
    let [(Predicate::And(_), Mask::Null)] = found.stricter.as_slice() else { panic!("{found:?}") };
    // A hash is in between.
    let hash = rule("h", "hash", "resource.id == 3");
    let all =
        load(&format!("{KEY}{SETTINGS}"), CATALOG, &[("a.cedar", &format!("{SCOPE}{both}{hash}"))]);
    let found = masked(&all.unwrap(), None, "assigned_to").unwrap();
    let order: Vec<Mask> = found.stricter.iter().map(|(_, mask)| *mask).collect();
    assert_eq!((order.as_slice(), found.otherwise), (&[Mask::Null, Mask::Hash][..], Mask::Last4));
    // Nothing is left for the other one.
    let all = "@id(\"b\") @mask(\"null\") @columns(\"assigned_to\")
        permit (principal, action, resource is projects);";
    let found = masked(&loaded(&format!("{one}{all}")), None, "assigned_to").unwrap();
    assert_eq!((found.stricter.len(), found.otherwise), (0, Mask::Null));
    // A mask of rows that another permit grants as they are is none.
    let clear = format!("@id(\"c\") permit (principal, action, resource) when {{ {OWN} }};");
    let same = rule("a", "null", "true");
    assert_eq!(masked(&loaded(&format!("{same}{clear}")), None, "assigned_to"), None);
    let open = "@id(\"c\") permit (principal, action, resource is projects);";
    assert_eq!(masked(&loaded(&format!("{both}{open}")), None, "assigned_to"), None);
}

#[test]
fn a_key_that_is_masked_is_none() {
    let database = loaded(&format!(
        "@id(\"m\") @mask(\"null\") @columns(\"id\")
         permit (principal, action, resource is projects) when {{ {OWN} }};"
    ));
    let caller = principal(Some(TenantId::Integer(82)), None);
    let filters = database.predicates_for(&caller).unwrap();
    let visible = filters.visible(&database.catalog);
    assert!(visible.relations[0].primary_key.is_empty() && filters.hides());
    // What is hidden is not masked.
    let database = loaded(&format!(
        "@id(\"m\") @mask(\"null\") @columns(\"price\")
         permit (principal, action, resource is projects) when {{ {OWN} }};
         @id(\"h\") forbid (principal, action, resource is projects) when {{ context.columns.contains(\"price\") }};"
    ));
    assert_eq!(masked(&database, None, "price"), None);
}

#[test]
fn masks_that_cannot_be_upheld_do_not_load() {
    for (annotations, expected) in [
        ("@msak(\"null\") @columns(\"price\")", "`@msak`, which reads like"),
        ("@mask(\"null\") @coulmns(\"price\")", "`@coulmns`, which reads like"),
        ("@masked_columns(\"price\")", "`@masked_columns`, which reads like"),
        ("@mask(\"null\")", "no `@columns`"),
        ("@mask", "no `@columns`"),
        ("@columns(\"price\")", "no `@mask`"),
        ("@mask(\"null\") @columns(\"\")", "a name that is empty"),
        ("@mask(\"null\") @columns(\"price,\")", "a name that is empty"),
        ("@mask(\"null\") @columns(\"price, price\")", "`price` twice"),
        ("@mask(\"null\") @columns(\"prices\")", "`prices`, which no relation has"),
        ("@mask(\"null, null\") @columns(\"price\")", "one mask for all columns"),
        ("@mask(\"blur\") @columns(\"price\")", "`blur` is no mask"),
        ("@mask(\"Null\") @columns(\"price\")", "`Null` is no mask"),
        ("@mask @columns(\"price\")", "`` is no mask"),
        ("@mask(\"last4\") @columns(\"price\")", "`public.projects` is no plain text"),
        ("@Mask(\"null\") @columns(\"price\")", "reads like"),
        ("@mas(\"null\") @columns(\"price\")", "reads like"),
        ("@maks(\"null\")", "reads like"),
        ("@colums(\"price\")", "reads like"),
        ("@volumns(\"price\")", "reads like"),
        ("@nask(\"null\") @columns(\"price\")", "no `@mask`"),
        ("@masks(\"null\")", "reads like"),
        ("@mask(\"null\") @columns(\"price\") @column(\"id\")", "reads like"),
    ] {
        let rule =
            format!("@id(\"m\") {annotations} permit (principal, action, resource is projects);");
        let error = with(&rule).err().unwrap_or_else(|| panic!("{rule} was accepted"));
        assert!(error.to_string().contains(expected), "{rule}\n{error}");
        let codes: Vec<&str> = error.problems().iter().map(|of| of.reason.code()).collect();
        assert!(codes.iter().all(|code| *code == "policy_annotation"), "{error}");
    }
    let forbid = "@id(\"m\") @mask(\"null\") @columns(\"price\") forbid (principal, action, resource is projects);";
    let error = with(forbid).err().expect("it was accepted").to_string();
    assert!(error.contains("grants nothing"), "{error}");
    // Words for people stay words.
    let rule = "@id(\"m\") @description(\"of the house\") @reason(\"so\") @advice(\"none\") @owner @task(\"7\") @mark @ask @volume
        permit (principal, action, resource is projects);";
    assert!(with(rule).is_ok());
}

#[test]
fn types_that_no_expression_keeps_are_not_masked() {
    let rule = |mask: &str| {
        format!(
            "@id(\"m\") @mask(\"{mask}\") @columns(\"c\") permit (principal, action, resource);"
        )
    };
    for (engine, declared, null, last4) in [
        ("mysql", "enum('a','b')", false, false),
        ("mysql", "tinytext", false, false),
        ("mysql", "float", false, false),
        ("mysql", "int(6) unsigned zerofill", false, false),
        ("mysql", "mediumtext", true, true),
        ("mysql", "varchar(20)", true, true),
        ("postgresql", "character(8)", true, false),
        ("postgresql", "public.citext", true, false),
        ("postgresql", "character varying(20)", true, true),
        ("sqlserver", "char(20)", true, false),
        ("sqlserver", "nvarchar(max)", true, true),
        ("sqlite", "TEXT", true, true),
    ] {
        let settings =
            format!("engine = \"{engine}\"\nurl = \"env:URL\"\ntenant_filter_column = \"id\"\n");
        let catalog = format!(
            "default_schema = \"x\"\n[[relation]]\nname = \"t\"\ncolumns = [{{ name = \"id\", type = \"integer\", nullable = false }},\n\
             {{ name = \"c\", type = \"text\", declared = \"{declared}\", nullable = true }}]\n"
        );
        for (mask, expected) in [("null", null), ("last4", last4)] {
            let loaded = load(&settings, &catalog, &[("a.cedar", &rule(mask))]);
            assert_eq!(loaded.is_ok(), expected, "{engine} {declared} {mask}");
        }
    }
}

const KEY: &str = "mask_key = \"env:MASK_KEY\"\n";

#[test]
fn a_hash_needs_a_key_and_functions_for_it() {
    let rule = "@id(\"m\") @mask(\"hash\") @columns(\"assigned_to\")
        permit (principal, action, resource is projects);";
    let rules = format!("{SCOPE}{rule}");
    let policies = [("a.cedar", rules.as_str())];
    let error = load(SETTINGS, CATALOG, &policies).err().expect("it was accepted");
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!(problem.reason.code(), "mask_key_missing");
    assert!(problem.location().contains("a.cedar:3:"), "{}", problem.location());
    assert!(problem.hint().unwrap().contains("mask_key = \"env:NAME\""));
    let settings = format!("{KEY}{SETTINGS}");
    let database = load(&settings, CATALOG, &policies).unwrap_or_else(|error| panic!("{error}"));
    let nowhere = Masked { clear: RowFilter::NoRows, stricter: vec![], otherwise: Mask::Hash };
    assert_eq!(masked(&database, None, "assigned_to"), Some(nowhere));
    // The name of the variable is no part of a policy, and still of the version.
    let other = settings.replace("MASK_KEY", "OTHER");
    assert_ne!(load(&other, CATALOG, &policies).unwrap().version(), database.version());

    let rule = "@id(\"m\") @mask(\"hash\") @columns(\"c\") permit (principal, action, resource);";
    for (engine, collation, expected) in [
        ("sqlite", "BINARY", Some("SQLite has no function")),
        ("mongodb", "", Some("MongoDB has no operator")),
        ("mysql", "utf8mb4_bin", None),
        ("mysql", "latin1_swedish_ci", Some("no plain text of `utf8mb4`")),
        ("mysql", "", Some("no plain text of `utf8mb4`")),
        ("sqlserver", "Latin1_General_CI_AS", None),
    ] {
        let settings = format!(
            "engine = \"{engine}\"\nurl = \"env:URL\"\ntenant_filter_column = \"_id\"\n{KEY}"
        );
        let collation = if collation.is_empty() {
            String::new()
        } else {
            format!(", collation = \"{collation}\"")
        };
        let catalog = format!(
            "default_schema = \"x\"\n[[relation]]\nname = \"t\"\nprimary_key = [\"_id\"]\n\
             columns = [{{ name = \"_id\", type = \"integer\", nullable = false }},\n\
             {{ name = \"c\", type = \"text\", nullable = true{collation} }}]\n"
        );
        let found = load(&settings, &catalog, &[("a.cedar", rule)]);
        match expected {
            Some(why) => {
                let error = found.err().unwrap_or_else(|| panic!("{engine} {collation}"));
                assert!(error.to_string().contains(why), "{error}");
            }
            None => assert!(found.is_ok(), "{engine} {collation}"),
        }
    }
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_told() {
    for secret in ["s3cret-s3cret-s3cret-s3cret-s3cret", "env:", "", "ENV:KEY"] {
        let settings = format!("mask_key = \"{secret}\"\n{SETTINGS}");
        let error = load(&settings, CATALOG, &[]).err().expect("it was accepted");
        let [problem] = error.problems() else { panic!("{error}") };
        assert_eq!(problem.reason.code(), "invalid_settings");
        let told = format!("{error} {error:?} {:?}", problem.hint());
        assert!(
            told.contains("`mask_key` must be `env:NAME`") && !told.contains("s3cret"),
            "{told}"
        );
        assert_eq!(problem.place.as_ref().map(|place| place.start().line), Some(1));
    }
}

#[test]
fn native_rules_mask_no_columns() {
    let rule = format!(
        "@id(\"m\") @mask(\"null\") @columns(\"price\")
         permit (principal, action, resource) when {{ {OWN} }};"
    );
    let database = loaded(&rule);
    let [projects, tasks, _] = database.catalog.relations.as_slice() else { panic!() };
    assert!(database.symbolic_rules(projects).is_err());
    assert!(database.symbolic_rules(tasks).is_ok());
    assert!(database.is_permitted(projects));
}

/// Fields at the top of a document, each as a whole.
#[test]
fn fields_of_documents_are_masked_at_the_top() {
    let settings = "engine = \"mongodb\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\ntenant_id_type = \"integer\"\n";
    let column = |name: &str, of: &str| {
        format!("{{ name = \"{name}\", type = \"{of}\", nullable = true }},\n")
    };
    let catalog = format!(
        "default_schema = \"app\"\n[[relation]]\nname = \"users\"\nprimary_key = [\"_id\"]\ncolumns = [\n\
         {{ name = \"_id\", type = \"integer\", nullable = false }},\n{{ name = \"customer_id\", type = \"integer\", nullable = false }},\n\
         {{ name = \"tags\", type = \"text\", nullable = true, array = true }},\n{}{}{}{}{}]\n",
        column("name", "text"),
        column("salary", "decimal"),
        column("meta", "json"),
        column("address", "document"),
        column("address.city", "text"),
    );
    for (name, null, last4) in [
        ("name", true, true),
        ("salary", true, false),
        ("meta", true, false),
        ("tags", true, false),
        ("_id", false, false),
        ("address", false, false),
        ("address.city", false, false),
    ] {
        for (mask, expected) in [("null", null), ("last4", last4)] {
            let rule = format!(
                "@id(\"m\") @mask(\"{mask}\") @columns(\"{name}\") permit (principal, action, resource) when {{ {OWN} }};"
            );
            let loaded = load(settings, &catalog, &[("a.cedar", &rule)]);
            assert_eq!(loaded.is_ok(), expected, "{name} {mask}");
        }
    }
}
