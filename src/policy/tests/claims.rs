//! Claims: which may be declared, and that nobody has others.

use super::*;
use crate::identity::{ClaimValue, Claims};

const RULES: &str = "@id(\"t\") permit (principal, action, resource is projects)
    when { resource.customer_id == principal.tenant };
    @id(\"s\") forbid (principal, action, resource is projects)
    when { principal has scope && principal.scope == \"nobody\" };
    @id(\"c\") forbid (principal, action, resource is projects)
    when { context.columns.contains(\"price\") }
    unless { principal has roles && principal.roles.contains(\"finance\") };";

fn declaring(claims: &str) -> String {
    format!("{SETTINGS}\n[claims]\n{claims}")
}

fn with(claims: &[(&str, ClaimValue)]) -> Principal {
    let claims: Claims =
        claims.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    principal(Some(TenantId::Integer(82)), None).with_claims(claims)
}

fn roles(names: &[&str]) -> ClaimValue {
    ClaimValue::Strings(names.iter().map(|name| (*name).to_owned()).collect())
}

fn database() -> Database {
    let settings = declaring("roles = \"set of string\"\nlevel = \"integer\"");
    load(&settings, CATALOG, &[("a.cedar", RULES)]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn callers_with_other_claims_are_nobody() {
    let database = database();
    let many = |count| ClaimValue::Strings((0..count).map(|number| number.to_string()).collect());
    let tenant = equals("customer_id", Value::Long(82));
    let level = ("level", ClaimValue::Integer(3));
    for known in [&[][..], &[("roles", roles(&[])), level.clone()], &[("roles", many(256))]] {
        assert_eq!(filter(&database, &with(known), "public.projects"), tenant, "{known:?}");
    }
    for unknown in [
        ("role", roles(&["finance"])),
        ("roles", ClaimValue::String("finance".to_owned())),
        ("roles", roles(&[""])),
        ("roles", many(257)),
        ("level", ClaimValue::Boolean(true)),
        ("level", ClaimValue::Integers([3].into())),
    ] {
        let caller = with(&[level.clone(), unknown.clone()]);
        let seen = filter(&database, &caller, "public.projects");
        assert_eq!(seen, RowFilter::NoRows, "{unknown:?}");
    }
}

#[test]
fn claims_say_which_columns_there_are() {
    let database = database();
    let relation = RelationName { schema: "public".to_owned(), name: "projects".to_owned() };
    let hidden = |claims: &[(&str, ClaimValue)]| {
        let filters = database.predicates_for(&with(claims)).unwrap();
        filters.hidden_of(&relation).map_or(0, std::collections::BTreeSet::len)
    };
    assert_eq!(hidden(&[("roles", roles(&["finance", "x"]))]), 0);
    assert_eq!(hidden(&[("roles", roles(&["Finance"]))]), 1);
    assert_eq!(hidden(&[]), 1);
}

#[test]
fn claims_are_attributes_beside_tenant_and_scope() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let settings =
        declaring("roles = \"set of string\"\nids = \"set of integer\"\na = \"boolean\"");
    let schema = cedarschema(&Settings::parse(&settings).unwrap(), &catalog);
    let attributes = "  tenant: Long,\n  scope?: String,\n  a?: Bool,\n  ids?: Set<Long>,\n  roles?: Set<String>,\n};";
    assert!(schema.contains(attributes), "{schema}");

    let long = "x".repeat(65);
    for name in ["tenant", "scope", "if", "\"a b\"", "\"a?: Bool, b\"", "\"\"", &long] {
        let said = Settings::parse(&declaring(&format!("{name} = \"integer\""))).unwrap_err();
        assert!(said.to_string().contains("must be an identifier"), "{name}: {said}");
    }
    let many: Vec<String> = (0..33).map(|number| format!("c{number} = \"integer\"")).collect();
    let said = Settings::parse(&declaring(&many.join("\n"))).unwrap_err().to_string();
    assert!(said.contains("more than 32 claims"), "{said}");
    let said = Settings::parse(&declaring("a = \"float\"")).unwrap_err().to_string();
    assert!(said.contains("set of string"), "{said}");
    refused(
        &declaring("roles = \"set of string\""),
        CATALOG,
        &[(
            "a.cedar",
            "@id(\"a\") permit (principal, action, resource is projects) when { principal.roles.contains(\"a\") };",
        )],
        "optional attribute `roles`",
    );
}

#[test]
fn native_policies_know_no_claims() {
    let rules = "@id(\"t\") permit (principal, action, resource is projects)
        when { resource.customer_id == principal.tenant };
        @id(\"s\") forbid (principal, action, resource is projects)
        when { principal has scope && resource has assigned_to && resource.assigned_to != principal.scope }
        unless { principal has level && principal.level > 3 };";
    let settings = declaring("level = \"integer\"");
    let database = load(&settings, CATALOG, &[("a.cedar", rules)]).unwrap();
    let relation = &database.catalog.relations[0];
    let said = database.symbolic_rules(relation).map(|_| ()).unwrap_err();
    assert_eq!((said.policy.as_str(), said.construct.contains("claim")), ("s", true), "{said}");
}

#[test]
fn a_claim_that_is_read_without_has_is_told_from_a_column() {
    let rule = |condition: &str| {
        format!(
            "@id(\"p\") permit (principal, action, resource is projects) when {{ {condition} }};"
        )
    };
    let settings = declaring("roles = \"set of string\"");
    for (condition, expected) in [
        ("principal.roles.contains(\"a\")", "`principal has c && ..`"),
        ("principal.scope == \"a\"", "`principal has c && ..`"),
        ("resource.assigned_to == \"a\"", "`resource has c && ..`"),
    ] {
        let error = load(&settings, CATALOG, &[("a.cedar", &rule(condition))]);
        let problems = error.err().unwrap().to_string();
        assert!(problems.contains(expected), "{problems}");
    }
}
