//! Policies that follow keys: parents that are there, missing, not named and the row itself, under every connective.

use super::cases::{FACTS, Visible};

/// Conditions that are tried in a permit and in a forbid. `account` is required, and missing for some rows all the same, as
/// is `place` of some accounts; `boss`, `label`, `the backup` and `parent` are optional.
const CONDITIONS: [&str; 52] = [
    // A required parent, with the value on either side.
    "resource.account.name == \"ann\"",
    "\"ann\" != resource.account.name",
    "resource.account.open",
    "!resource.account.open",
    "!(resource.account.name == \"ann\")",
    "!!(1 < resource.account.id)",
    "resource.account.name like \"a*\"",
    "!(resource.account.name like \"*n\")",
    "resource.account has customer_id",
    "!(resource.account has customer_id)",
    "resource.account has open",
    "!(resource.account has open)",
    "resource has account",
    "!(resource has account)",
    "resource.account has credit && resource.account.credit == 5",
    "!(resource.account has credit && resource.account.credit == 5)",
    "resource.account has customer_id && resource.account.customer_id == principal.tenant",
    // Missing parents beside what is true without them.
    "resource.account.open || resource.flag",
    "resource.flag || resource.account.open",
    "resource.account.open && resource.flag",
    "!(resource.account.open && resource.flag)",
    "!(resource.flag && resource.account.open)",
    "!(resource.account.open || resource.flag)",
    "if resource.account.open then resource.flag else resource.n == 5",
    "if resource.flag then resource.account.open else true",
    "!(if resource.account.open then resource.flag else true)",
    "!(resource.account has customer_id) || resource.flag",
    // Optional parents.
    "resource has boss",
    "!(resource has boss)",
    "resource has boss && resource.boss.flag",
    "!(resource has boss && resource.boss.flag)",
    "if resource has boss then resource.boss.n == 5 else true",
    "resource has boss && resource.boss.n != resource.boss.id",
    "resource has boss.nick",
    "!(resource has boss.nick)",
    "resource has boss.nick && resource.boss.nick == \"ann\"",
    "resource has \"the backup\" && resource[\"the backup\"].open && resource.account.open",
    "(resource has \"the backup\" && resource[\"the backup\"].name == \"ann\") || resource.account.name == \"Ann\"",
    // Texts that collations take for one another.
    "resource has label && resource.label.name == \"ann\"",
    "resource has label && resource.label.name != \"ann\"",
    "!(resource has label)",
    // Several steps, with something missing on the way.
    "resource.account.place.code == \"eu\"",
    "!(resource.account.place.code == \"eu\")",
    "resource.account.place has manager || resource.n == 6",
    "resource.account has parent && resource.account.parent.place.code == \"eu\"",
    "!(resource.account has parent && resource.account.parent.open)",
    "resource has boss && resource.boss has boss && resource.boss.boss.account.open",
    "resource has boss.boss && !(resource.boss.boss == facts::\"3\")",
    // Rows by their keys.
    "resource.account == accounts::\"1\"",
    "resource.account != accounts::\"1\"",
    "resource.account in [accounts::\"1\", accounts::\"6\", accounts::\"02\"]",
    "[resource.account.name, \"ann\"].contains(\"Ann\")",
];

/// The same policies as texts, permit and forbid of each.
pub(super) fn cases() -> Vec<(String, Visible)> {
    let permit = |condition: &str| {
        format!("@id(\"p\") permit (principal, action, resource is facts) when {{ {condition} }};")
    };
    let forbid = |condition: &str| {
        format!(
            "@id(\"open\") permit (principal, action, resource);\n\
             @id(\"f\") forbid (principal, action, resource is facts) when {{ {condition} }};"
        )
    };
    let mut cases: Vec<(String, Visible)> = CONDITIONS
        .iter()
        .flat_map(|condition| [(permit(condition), FACTS), (forbid(condition), FACTS)])
        .collect();
    // A missing parent is an error, and a column that is NOT NULL is there of every other.
    let nothing = || Visible::Nothing("no row is without the column, and an error is no answer");
    for (text, visible) in &mut cases {
        let negated = text.contains("!(resource.account has open)");
        if (negated && text.starts_with("@id(\"p\")"))
            || (!negated
                && text.contains("is facts) when { resource.account has open }")
                && !text.starts_with("@id(\"p\")"))
        {
            *visible = nothing();
        }
    }
    cases
}
