//! `@mask` and `@columns`.

use super::*;

const TENANT: &str = "@id(\"t\") permit (principal, action, resource)
    when { resource has customer_id && resource.customer_id == principal.tenant };\n";
const SCOPE: &str =
    "@id(\"s\") forbid (principal, action, resource) when { principal has scope };\n";

fn with(rule: &str) -> Result<Database, LoadError> {
    load(SETTINGS, CATALOG, &[("a.cedar", &format!("{TENANT}{SCOPE}@id(\"m\") {rule}"))])
}

#[test]
fn annotations_that_would_mask_do_not_load() {
    for annotations in [
        "@mask(\"null\") @columns(\"price\")",
        "@mask",
        "@columns(\"price\")",
        "@Mask(\"null\")",
        "@masks(\"null\")",
        "@column(\"price\")",
    ] {
        let rule = format!("{annotations} permit (principal, action, resource is projects);");
        let error = with(&rule).err().unwrap_or_else(|| panic!("{rule} was accepted"));
        let codes: BTreeSet<&str> = error.problems().iter().map(|of| of.reason.code()).collect();
        assert_eq!(codes, BTreeSet::from(["policy_annotation"]), "{error}");
    }
    let rule = "@description(\"of the house\") @reason(\"so\") @advice(\"none\") @owner
        permit (principal, action, resource is projects);";
    assert!(with(rule).is_ok());
}
