//! Policies by hand, each shape of the language that filters express, and the ways in which it goes wrong.

/// What the rows that some principal sees must be, so that a case says something.
#[derive(Clone)]
pub(super) enum Visible {
    /// Some rows of this relation, not all.
    Some(&'static str),
    /// No row of `facts`, for this reason.
    Nothing(#[expect(dead_code, reason = "for readers")] &'static str),
    /// Every row of `facts`, for this reason.
    Everything(#[expect(dead_code, reason = "for readers")] &'static str),
}

use Visible::{Everything, Nothing};

pub(super) const FACTS: Visible = Visible::Some("facts");
const LABELS: Visible = Visible::Some("labels");

macro_rules! permit {
    ($condition:literal) => {
        concat!(
            "@id(\"p\") permit (principal, action, resource is facts) when { ",
            $condition,
            " };"
        )
    };
}

/// A permit of everything and a forbid, so that the forbid is what is tested.
macro_rules! forbid {
    ($condition:literal) => {
        concat!(
            "@id(\"open\") permit (principal, action, resource);\n",
            "@id(\"f\") forbid (principal, action, resource is facts) when { ",
            $condition,
            " };"
        )
    };
}

macro_rules! both {
    ($($condition:literal),* $(,)?) => {
        &[$((permit!($condition), FACTS), (forbid!($condition), FACTS)),*]
    };
}

/// Conditions that are tried in a permit and in a forbid.
const CONDITIONS: &[(&str, Visible)] = both![
    // Equality and order, with the column on either side.
    "resource.n == 5",
    "resource.n != 5",
    "resource.n < 5",
    "resource.n <= 5",
    "resource.n > 5",
    "resource.n >= 5",
    "5 == resource.n",
    "5 != resource.n",
    "5 < resource.n",
    "5 <= resource.n",
    "5 > resource.n",
    "5 >= resource.n",
    "!(5 < resource.n)",
    "!(5 <= resource.n)",
    "!(resource.n > 5)",
    "!!(resource.n > 5)",
    "!!!(resource.n > 5)",
    "!(resource.n == 5)",
    "!!!(resource.n != 5)",
    "resource.n < 9223372036854775807",
    "resource.n <= -9223372036854775808",
    "resource.name == \"ann\"",
    "resource.name != \"ann\"",
    "resource.name == \"\"",
    "resource.name == \"it's\"",
    "resource.name == \"\\u{e4}nn\"",
    // Columns that may be NULL.
    "resource has m",
    "!(resource has m)",
    "resource has m && resource.m == 5",
    "resource has m && resource.m != 5",
    "resource has m && !(resource.m == 5)",
    "!(resource has m && resource.m == 5)",
    "if resource has m then resource.m == 5 else true",
    "!(resource has m && resource.m >= 5)",
    "!(if resource has m then resource.m < 5 else true)",
    "resource has m && resource has nick && resource.m < 6 && resource.nick == \"ann\"",
    "(resource has m && resource.m == 5) || (resource has nick && resource.nick == \"Ann\")",
    "!((resource has m && resource.m == 5) && (resource has nick && resource.nick == \"ann\"))",
    "resource has m && (resource.m == 6 || resource.flag)",
    "resource has nick && [resource.name, resource.nick].contains(\"ann\")",
    "resource has customer_id && resource.customer_id == principal.tenant",
    "resource has customer_id && principal.tenant != resource.customer_id",
    // Truth values.
    "resource.flag",
    "!resource.flag",
    "resource.flag == true",
    "resource.flag != true",
    "false == resource.flag",
    "resource has maybe && resource.maybe",
    "resource has maybe && !resource.maybe",
    "!(resource has maybe && resource.maybe)",
    "!(resource has maybe && !resource.maybe)",
    "resource has maybe && resource.flag == resource.maybe",
    "resource has maybe && resource.flag != resource.maybe",
    // Columns against columns.
    "resource has m && resource.n == resource.m",
    "resource has m && resource.n != resource.m",
    "resource has m && resource.n < resource.m",
    "resource has m && !(resource.n <= resource.m)",
    "resource has nick && resource.name == resource.nick",
    "resource has nick && !(resource.name == resource.nick)",
    "resource has until && resource.at <= resource.until",
    "resource has m && resource.m == resource.m",
    // Conditionals.
    "if resource.flag then resource.n == 5 else resource.n == 4",
    "!(if resource.flag then resource.n == 5 else resource.n == 4)",
    "if resource has m then resource.m == 5 else resource.flag",
    "if resource has m then resource.m < 5 else false",
    "!(if resource has m then resource.m < 5 else true)",
    "if (if resource has m then resource.m == 5 else false) then resource.flag else resource.n > 4",
    "if principal has scope then resource.name == principal.scope else resource.n == 4",
    // Sets.
    "[4, 6].contains(resource.n)",
    "![4, 6].contains(resource.n)",
    "[4, 4].contains(resource.n)",
    "[5].contains(resource.n)",
    "[9223372036854775807, -9223372036854775808].contains(resource.n)",
    "resource has nick && [\"ann\", \"Ann\", \"\"].contains(resource.nick)",
    "resource has nick && !([\"ann\", \"Ann\"].contains(resource.nick))",
    "!(resource has nick && [\"ann\", \"Ann\"].contains(resource.nick))",
    "resource has nick && [resource.nick, \"x\"].contains(\"Ann\")",
    "resource has nick && ![resource.name, resource.nick].contains(\"ann\")",
    "resource has m && [resource.m, 7, 4].contains(resource.n)",
    "resource has m && ![resource.m, 7, 4].contains(resource.n)",
    "[true].contains(resource.flag)",
    "![false].contains(resource.flag)",
    "[principal.tenant, 5].contains(resource.n)",
    // Patterns.
    "resource.name like \"100%*\"",
    "resource.name like \"*%_x\"",
    "resource.name like \"*a_b*\" || resource.name like \"*a*x\"",
    "resource.name like \"a*n\"",
    "!(resource.name like \"a*\")",
    "resource.name like \"\"",
    "resource.name like \"a\\*b\"",
    "resource.name like \"*\\\\*\"",
    "resource.name like \"line*break\"",
    "resource.name like \"*'*\"",
    "resource has nick && resource.nick like \"*\"",
    "resource has nick && !(resource.nick like \"a*\")",
    "!(resource has nick && resource.nick like \"a*\")",
    // Instants, at the edges of a millisecond and of a day.
    "resource.at == datetime(\"2025-01-01\")",
    "resource.at < datetime(\"2025-01-01\")",
    "resource.at <= datetime(\"2025-01-01T00:00:00.000Z\")",
    "resource.at > datetime(\"2025-01-01T01:00:00+0100\")",
    "datetime(\"2025-01-01\") <= resource.at",
    "resource has until && resource.until != datetime(\"2024-12-31T23:59:59.999Z\")",
    "resource.at >= datetime(\"1970-01-01\").offset(duration(\"-1ms\"))",
    "[datetime(\"2025-01-01\"), datetime(\"1970-01-01\")].contains(resource.at)",
    "resource has day && resource.day < datetime(\"2025-01-01T12:00:00Z\")",
    "resource has day && resource.day <= datetime(\"2025-01-01\")",
    "resource has day && resource.day > datetime(\"2024-12-31T12:00:00Z\")",
    "resource has day && resource.day >= datetime(\"2025-01-01T00:00:00.001Z\")",
    "resource has day && datetime(\"1969-12-31T12:00:00Z\") < resource.day",
    "resource has day && [datetime(\"2025-01-01\"), datetime(\"2025-01-01T12:00:00Z\")].contains(resource.day)",
    // UUIDs.
    "resource has token && resource.token == \"6f9619ff-8b86-d011-b42d-00cf4fc964ff\"",
    "resource has token && resource.token != \"6f9619ff-8b86-d011-b42d-00cf4fc964ff\"",
    "resource has token && [\"00000000-0000-0000-0000-000000000000\", \"x\"].contains(resource.token)",
    "resource has token && resource.token != \"6F9619FF-8B86-D011-B42D-00CF4FC964FF\"",
    // Rows by key.
    "resource == facts::\"3\"",
    "resource != facts::\"3\"",
    "facts::\"3\" == resource",
    "resource in facts::\"3\"",
    "resource in [facts::\"3\", facts::\"03\", facts::\"4\"]",
    "!(resource in [facts::\"3\", facts::\"4\"])",
    "resource is facts in facts::\"5\"",
    "!(resource == facts::\"3\") && resource.n == 5",
    // Names that need quotes.
    "resource has \"odd name\" && resource[\"odd name\"] == \"odd\"",
    "resource has \"odd name\" && resource[\"odd name\"] like \"a'b\\\"*\"",
    "resource has \"in\" && resource[\"in\"] == 1",
    // Errors on the right of a condition over the row.
    "resource.n == 5 && 9223372036854775807 + principal.tenant > 0 || resource.flag",
    "if resource.flag then resource.n == 5 else 9223372036854775807 + principal.tenant > 0",
    "!(resource.n == 5 || 9223372036854775807 + principal.tenant > 0) || resource.flag",
    "(resource.flag && 9223372036854775807 + principal.tenant > 0) || resource.n == 4",
    "(resource.flag || 9223372036854775807 + principal.tenant > 0) && resource.n == 5",
    "!((resource.flag || 9223372036854775807 + principal.tenant > 0) && resource.n == 5)",
    "if (resource.flag || 9223372036854775807 + principal.tenant > 0) then resource.n == 5 else true",
    // What folds beside the row.
    "principal.tenant == 82 && resource.n == 5",
    "principal.tenant + 1 == 83 && resource.n == 5 || resource.n == 4",
    "principal has scope && resource.name == principal.scope",
    "principal has scope && principal.scope like \"a*\" && resource.n == 5",
    "resource has id && resource.n == 5",
    "resource.n == 5 && (true || resource.flag)",
    "(resource has m && false) || resource.n == 5",
];

const SETS: &[(&str, Visible)] = &[
    // The rules that `pull` writes.
    (
        "@id(\"tenant\") permit (principal, action == Action::\"read\", resource)
         when { resource has customer_id && resource.customer_id == principal.tenant };",
        FACTS,
    ),
    (
        "@id(\"tenant\") permit (principal, action == Action::\"read\", resource)
         when { resource has customer_id && resource.customer_id == principal.tenant };
         @id(\"scope\") forbid (principal, action == Action::\"read\", resource)
         when { principal has scope }
         unless { resource has nick && resource.nick == principal.scope };",
        FACTS,
    ),
    // Several permits and forbids.
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.n == 4 };
         @id(\"b\") permit (principal, action, resource is facts) when { resource.n == 6 };
         @id(\"c\") forbid (principal, action, resource is facts) when { resource.flag };",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource is facts) unless { resource.flag };
         @id(\"c\") forbid (principal, action, resource is facts)
         unless { resource has m && resource.m == 5 };",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.flag }
         when { resource has m } unless { resource.m == 5 };",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource == facts::\"7\");
         @id(\"b\") permit (principal, action, resource in facts::\"8\");
         @id(\"c\") permit (principal, action, resource is facts in facts::\"9\");",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource == facts::\"7\");",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal is Principal, action in [Action::\"read\"], resource)
         when { resource is labels || (resource is facts && resource.flag) };",
        FACTS,
    ),
    // Text keys.
    ("@id(\"a\") permit (principal, action, resource == labels::\"ann\");", LABELS),
    ("@id(\"a\") permit (principal, action, resource in labels::\"a\\\"b\\\\\");", LABELS),
    (
        "@id(\"a\") permit (principal, action, resource)
         when { resource in [labels::\"\", labels::\"Ann\"] };",
        LABELS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource is labels);
         @id(\"b\") forbid (principal, action, resource is labels) when { resource.name like \"*n*\" };",
        LABELS,
    ),
    // Errors that do not depend on the row.
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.flag };
         @id(\"b\") permit (principal, action, resource) when { 9223372036854775807 + principal.tenant > 0 };",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource) when { 9223372036854775807 + principal.tenant > 0 };",
        Nothing("a forbid that errors denies"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource)
         when { !(9223372036854775807 + principal.tenant > 0) };",
        Nothing("a forbid that errors denies, also under `!`"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.n == 5 };
         @id(\"b\") forbid (principal, action, resource)
         when { principal.tenant == 1 && 9223372036854775807 + principal.tenant > 0 };",
        FACTS,
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.n == 5 };
         @id(\"b\") forbid (principal, action, resource)
         when { principal.tenant < 9000000000000000000 && principal.tenant * 9000000000000000000 < 0 };",
        FACTS,
    ),
    (permit!("resource.n == 5 || 9223372036854775807 + principal.tenant > 0"), FACTS),
    (
        forbid!("resource.n == 5 || 9223372036854775807 + principal.tenant > 0"),
        Nothing("true of some rows and an error on the others"),
    ),
    (
        permit!("(if resource.flag then true else 9223372036854775807 + principal.tenant > 0) || resource.n == 4"),
        FACTS,
    ),
    (
        forbid!("(if resource.flag then true else 9223372036854775807 + principal.tenant > 0) || resource.n == 4"),
        Nothing("true of some rows and an error on the others"),
    ),
    // Plain decisions.
    (
        "@id(\"a\") forbid (principal, action, resource is facts) when { resource.flag };",
        Nothing("nothing permits"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource);",
        Nothing("a forbid overrides"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource) when { principal.tenant > 0 };",
        Nothing("the forbid is true of every principal"),
    ),
    ("@id(\"a\") permit (principal, action, resource);", Everything("there is no condition")),
    (
        "@id(\"a\") permit (principal, action, resource);
         @id(\"b\") forbid (principal, action, resource) when { principal.tenant < 0 };",
        Everything("the forbid is false of every principal"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.flag };
         @id(\"b\") permit (principal, action, resource) when { principal.tenant > 0 };",
        Everything("one permit is true of every principal"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts) when { resource has n };",
        Everything("the column is NOT NULL"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts)
         when { resource has token && resource.token == \"6F9619FF-8B86-D011-B42D-00CF4FC964FF\" };",
        Nothing("no UUID is written in upper case"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts)
         when { resource has day && resource.day == datetime(\"2025-01-01T12:00:00Z\") };",
        Nothing("no day is an afternoon"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource == facts::\"03\");",
        Nothing("no number is written with a zero before it"),
    ),
    (
        "@id(\"a\") permit (principal, action, resource is facts)
         when { principal has scope && [principal.scope, \"x\"].contains(\"y\") };",
        Nothing("a set of constants without the constant"),
    ),
];

/// Every case: the policies, and what they must leave visible.
pub(super) static CASES: std::sync::LazyLock<Vec<&'static (&'static str, Visible)>> =
    std::sync::LazyLock::new(|| CONDITIONS.iter().chain(SETS).collect());
