//! Problems point at what is wrong, and no problem hides another.

use super::*;

/// Code, place, policy, and what stands there, of every problem.
fn found(settings: &str, catalog: &str, policies: &[(&str, &str)]) -> Vec<String> {
    let error = load(settings, catalog, policies).err().unwrap();
    let line = |problem: &Problem| {
        let place = problem.place.as_ref();
        let stands = place.map_or("-", |place| place.content());
        let policy = problem.policy.as_deref().unwrap_or("-");
        let location = problem.location().replace("policies/x/", "");
        format!("{} {location} {policy}: {stands}", problem.reason.code())
    };
    error.problems().iter().map(line).collect()
}

#[test]
fn every_kind_of_policy_problem_is_underlined() {
    let text = r#"@id("syntax")
permit (principal, action, resource) when { resource.id = 1 };

// forbid (principal, action, resource) when { resource.titel == 1 };
@id("typo; permit (")
permit (principal, action, resource is projects)
when { resource.id == 1 && resource.titel == "é" };

@id("null") forbid (principal, action, resource is projects)
when { (resource.id == 2) || resource.assigned_to == "ann" };

@id("sum")
forbid (principal, action, resource is projects) when { ( resource.id+1 ) > 3 };
permit (principal, action, resource);
@id("sum") permit (principal, action, resource);
@id("slot") permit (principal == ?principal, action, resource);
@id("never") forbid (principal, action, resource) when { principal has scope && resource has nothing };
@id("open") permit (principal, action, resource
"#;
    let problems = found(SETTINGS, CATALOG, &[("a.cedar", text)]);
    assert_eq!(
        problems,
        [
            "policy_syntax a.cedar:2:45 -: resource.id = 1",
            "policy_invalid a.cedar:7:28 typo; permit (: resource.titel",
            "policy_unguarded_null a.cedar:10:30 null: resource.assigned_to",
            "policy_inexpressible a.cedar:13:59 sum: resource.id+1",
            "policy_without_id a.cedar:14:1 -: permit (principal, action, resource)",
            "policy_id_taken a.cedar:15:1 sum: @id(\"sum\")",
            "policy_template a.cedar:16:13 -: permit (principal == ?principal, action, resource)",
            "policy_impossible a.cedar:17:14 never: forbid (principal, action, resource)",
            "policy_syntax a.cedar:18:48 -: ",
        ]
    );
}

#[test]
fn a_file_that_does_not_parse_hides_no_other() {
    let settings =
        SETTINGS.replace("\"assigned_to\"", "\"owner\"").replace("\"customer_id\"", "\"tenant\"");
    let policies = [
        ("a.cedar", "permit"),
        ("b.cedar", "@id(\"b\") forbid (principal, action, resource) when { resource.titel };"),
    ];
    assert_eq!(
        found(&settings, CATALOG, &policies),
        [
            "policy_syntax a.cedar:1:7 -: ",
            "policy_invalid b.cedar:1:54 b: resource.titel",
            "tenant_column_missing database.toml:5:1 -: tenant_filter_column = \"tenant\"",
            "scope_column_missing database.toml:7:1 -: scope_filter_column = \"owner\"",
            "scope_unused database.toml:7:1 -: scope_filter_column = \"owner\"",
        ]
    );
    // Both files are looked at to their ends, and what can be said of policies without them is said.
    let settings = "engine = \"sqlite\"\nurl = \"sqlite:x\"\nscope_filter_column = \"\" # none\n[limits]\nrows = 0\n";
    let catalog = CATALOG
        .replace("primary_key = [\"id\"]", "primary_key = [\"key\"]\nunique = [[\"a\"], [\"b\"]]")
        .replace("name = \"tasks\"", "name = \"projects\"")
        .replace("schema = \"shared\"\n", "schema = \"shared\"\nentity_type = \"projects\"\n");
    assert_eq!(
        found(settings, &catalog, &policies[..1]),
        [
            "policy_syntax a.cedar:1:7 -: ",
            "invalid_catalog catalog.toml:5:8 -: \"projects\"",
            "invalid_catalog catalog.toml:5:8 -: \"projects\"",
            "invalid_catalog catalog.toml:5:8 -: \"projects\"",
            "invalid_catalog catalog.toml:18:8 -: \"projects\"",
            "invalid_catalog catalog.toml:22:8 -: \"currencies\"",
            "invalid_settings database.toml:1:1 -: engine = \"sqlite\"",
            "invalid_settings database.toml:3:1 -: scope_filter_column = \"\"",
            "invalid_settings database.toml:5:1 -: rows = 0",
        ]
    );
}

#[test]
fn catalogs_and_settings_that_are_no_toml_say_where() {
    for (settings, catalog, expected) in [
        (
            SETTINGS.replace("= true", "= maybe").as_str(),
            CATALOG,
            "invalid_settings database.toml:4:33 -: maybe",
        ),
        (
            SETTINGS.replace("scope_", "scop_").as_str(),
            CATALOG,
            "invalid_settings database.toml:7:1 -: scop_filter_column",
        ),
        (
            SETTINGS,
            CATALOG.replace("\"decimal\"", "\"money\"").as_str(),
            "invalid_catalog catalog.toml:13:30 -: \"money\"",
        ),
        (
            SETTINGS,
            CATALOG.replace("name = \"tasks\"", "name = \"tasks\"\nentity_type = \"a b\"").as_str(),
            "invalid_entity_type catalog.toml:17:8 -: \"tasks\"",
        ),
    ] {
        assert_eq!(found(settings, catalog, &[]), [expected]);
    }
}

/// Cedar goes through its types in an order that is another each time.
#[test]
fn of_equally_near_names_the_first_is_hinted_at() {
    let relations: Vec<String> = ('a'..='h')
        .map(|last| {
            format!(
                "[[relation]]\nname = \"rows_{last}\"\ncolumns = [{{ name = \"customer_id\", type = \"integer\", nullable = false }}]\n"
            )
        })
        .collect();
    let catalog = format!("default_schema = \"public\"\n{}", relations.join(""));
    let settings =
        "engine = \"postgresql\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\n";
    let policy = "@id(\"a\") permit (principal, action, resource is rows_);";
    for _ in 0..20 {
        let error = load(settings, &catalog, &[("a.cedar", policy)]).err().unwrap().to_string();
        assert!(error.contains("did you mean `rows_a`?"), "{error}");
    }
}
