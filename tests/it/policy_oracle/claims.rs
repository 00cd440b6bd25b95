//! Rules that read what else is known of a caller.

use dialektai::identity::{ClaimValue, Claims};

use super::cases::Visible;

/// Whether a policy set asks for a claim.
pub(super) fn read_by(policies: &str) -> bool {
    let claims = ["names", "numbers", "level", "title", "auditor"];
    claims.iter().any(|claim| policies.contains(&format!("principal has {claim}")))
}

fn claims<const N: usize>(claims: [(&str, ClaimValue); N]) -> Claims {
    claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(crate) fn some() -> Claims {
    claims([
        ("names", ClaimValue::Strings(["ann", "odd"].map(str::to_owned).into())),
        ("numbers", ClaimValue::Integers([4, 6].into())),
        ("level", ClaimValue::Integer(5)),
        ("title", ClaimValue::String("ann".to_owned())),
        ("auditor", ClaimValue::Boolean(true)),
    ])
}

pub(super) fn empty_sets() -> Claims {
    claims([
        ("names", ClaimValue::Strings([].into())),
        ("numbers", ClaimValue::Integers([].into())),
        ("auditor", ClaimValue::Boolean(false)),
    ])
}

pub(super) fn hostile() -> Claims {
    let names = ["100%_x", "it's", "' OR 1=1 --", "$ne", "a\\"];
    claims([
        ("names", ClaimValue::Strings(names.map(str::to_owned).into())),
        ("numbers", ClaimValue::Integers([i64::MIN, i64::MAX, 0].into())),
        ("level", ClaimValue::Integer(i64::MIN)),
        ("title", ClaimValue::String("%".to_owned())),
    ])
}

/// Policies over the facts.
pub(super) fn cases() -> Vec<(String, Visible)> {
    let permit = |condition: &str| {
        format!(
            "@id(\"claims\") permit (principal, action, resource is facts) when {{ {condition} }};"
        )
    };
    let some = [
        "principal has names && principal.names.contains(resource.name)",
        "principal has numbers && resource has m && principal.numbers.contains(resource.m)",
        "principal has level && resource.n <= principal.level",
        "principal has title && resource has nick && resource.nick == principal.title",
        "principal has auditor && resource.flag == principal.auditor",
        // A claim that is absent is no reason to let anybody in.
        "principal has auditor && principal.auditor",
        "if principal has names then principal.names.isEmpty() else true",
        "if principal has names then principal.names.contains(resource.name) else false",
        "principal has names && principal.names.containsAll([\"ann\", \"odd\"])",
        "principal has names && !principal.names.contains(resource.name)",
        "principal has numbers && principal.numbers.contains(principal.tenant - 78)",
        // Through a key.
        "principal has names && principal.names.contains(resource.account.name)",
    ];
    let mut cases: Vec<(String, Visible)> =
        some.iter().map(|condition| (permit(condition), Visible::Some("facts"))).collect();
    cases.push((
        permit("principal has names && principal.names.contains(\"nobody\")"),
        Visible::Nothing("facts"),
    ));
    // A forbid that fails for want of a claim denies: it cannot, since Cedar asks for `has`.
    cases.push((
        permit("true")
            + "@id(\"level\") forbid (principal, action, resource is facts) \
               unless { principal has level && principal.level >= resource.n };",
        Visible::Some("facts"),
    ));
    cases
}
