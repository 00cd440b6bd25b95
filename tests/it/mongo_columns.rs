//! Columns of documents that are hidden or masked: hidden and absent are one, and what runs is pinned. The documents are
//! compared in `mongo_oracle`.

use std::fmt::Write as _;

use dialektai::guard::Refusal;
use dialektai::guard::mongo::{MongoCommand, guard_mongo};
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};

use crate::world::{principal, root};

/// The fixtures' database with further rules, and without the lines of its catalog that hold some words.
fn database(rules: &str, left_out: &[&str]) -> Database {
    let folder = root().join("fixtures/mongo/policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let policies = vec![
        ("shared.cedar".to_owned(), read("shared.cedar")),
        ("tenant.cedar".to_owned(), read("tenant.cedar")),
        ("columns.cedar".to_owned(), rules.to_owned()),
    ];
    let lines: Vec<String> = read("catalog.toml")
        .lines()
        .filter(|line| !left_out.iter().any(|words| line.contains(words)))
        // A key of a column that is not listed is none.
        .filter(|line| !line.starts_with("primary_key"))
        .map(ToOwned::to_owned)
        .collect();
    let sources = Sources { settings: read("database.toml"), catalog: lines.join("\n"), policies };
    Database::from_sources("app".parse().unwrap(), &sources)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn guard(database: &Database, caller: &Principal, query: &str) -> Result<MongoCommand, Refusal> {
    let filters = database.predicates_for(caller).unwrap();
    guard_mongo(query, &database.catalog, &filters).map(|guarded| guarded.query().clone())
}

fn fixtures() -> Vec<String> {
    let mut files = Vec::new();
    for folder in ["ok", "refused"] {
        let folder = std::fs::read_dir(root().join("fixtures/mongo").join(folder)).unwrap();
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// What names columns in ways of its own.
const NAMING: [&str; 24] = [
    "db.projects.find({ budget: 1 })",
    "db.projects.find({}, { budget: 1 })",
    "db.projects.find({}, { budget: 0 })",
    "db.projects.find({}, { _id: 1 })",
    "db.projects.find({ 'address.zip': '1010' })",
    "db.projects.find({ address: { $exists: true } })",
    "db.projects.find({ 'address.city': 'Wien' })",
    "db.projects.find().sort({ budget: 1 })",
    "db.projects.find().sort({ _id: 1 })",
    "db.projects.find({ $expr: { $gt: ['$budget', 1] } })",
    "db.projects.distinct('budget')",
    "db.projects.distinct('address.zip', { status: 'open' })",
    "db.projects.countDocuments({ budget: { $gt: 1 } })",
    "db.projects.aggregate([{ $group: { _id: '$budget', n: { $sum: 1 } } }])",
    "db.projects.aggregate([{ $set: { budget: 1 } }, { $match: { budget: 1 } }])",
    "db.projects.aggregate([{ $unset: 'budget' }])",
    "db.projects.aggregate([{ $project: { all: '$$ROOT' } }])",
    "db.projects.aggregate([{ $project: { zip: '$$ROOT.address.zip' } }])",
    "db.projects.aggregate([{ $unionWith: 'projects' }, { $sortByCount: '$budget' }])",
    "db.tasks.aggregate([{ $lookup: { from: 'projects', localField: 'project_id', foreignField: '_id', as: 'p' } }])",
    "db.tasks.aggregate([{ $lookup: { from: 'projects', localField: 'project_id', foreignField: 'budget', as: 'p' } }])",
    "db.tasks.aggregate([{ $unwind: '$steps' }, { $match: { 'steps.done': true } }])",
    "db.employees.aggregate([{ $graphLookup: { from: 'employees', startWith: '$_id', connectFromField: 'manager_id', connectToField: 'name', as: 'c' } }])",
    "db.places.aggregate([{ $geoNear: { near: [1, 2], key: 'location', distanceField: 'budget' } }])",
];

/// Law 3: hidden and absent are one, to the byte and to the word.
#[test]
fn a_hidden_field_is_answered_as_one_that_does_not_exist() {
    let caller = principal(82, None);
    for (hidden, lines) in [
        (
            r#""budget", "meta", "address.zip", "steps.done", "manager_id""#,
            &["\"budget\"", "\"meta\"", "\"address.zip\"", "\"steps.done\"", "\"manager_id\""][..],
        ),
        (r#""_id", "address", "location""#, &["\"_id\"", "\"address", "\"location\""]),
        (
            r#""address.zip", "address.city", "steps", "name""#,
            &["\"address", "\"steps", "\"name\","],
        ),
    ] {
        let rule = format!(
            "@id(\"h\") forbid (principal, action, resource) when {{ context.columns.containsAny([{hidden}]) }};"
        );
        let (hiding, without) = (database(&rule, &[]), database("", lines));
        let (mut answered, mut refused) = (0, 0);
        for query in fixtures().iter().map(String::as_str).chain(NAMING) {
            match (guard(&hiding, &caller, query), guard(&without, &caller, query)) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found.text(), expected.text(), "{query}");
                    assert_eq!(found.readable(), expected.readable(), "{query}");
                    answered += 1;
                }
                (Err(found), Err(expected)) => {
                    assert_eq!(found, expected, "{query}");
                    refused += 1;
                }
                (found, expected) => panic!("{query}\n{found:?}\n{expected:?}"),
            }
        }
        assert!(answered > 30 && refused > 100, "{hidden}: {answered} {refused}");
    }
}

/// A collection of which nothing is left is none.
#[test]
fn a_collection_whose_fields_are_all_hidden_does_not_exist() {
    let rule = "@id(\"h\") forbid (principal, action, resource is countries)
        when { context.columns.containsAny([\"_id\", \"name\", \"population\"]) };";
    let database = database(rule, &[]);
    let caller = principal(82, None);
    let found = guard(&database, &caller, "db.countries.find()").unwrap_err();
    let missing = guard(&database, &caller, "db.nonesuch.find()").unwrap_err();
    assert_eq!(found.code, missing.code);
    assert_eq!(found.message.replace("countries", "nonesuch"), missing.message);
}

const CHANGES: &str = r#"
@id("budgets")
forbid (principal, action, resource is projects)
when { context.columns.contains("budget") && resource.archived };

@id("cities")
forbid (principal, action, resource is projects)
when { context.columns.contains("address.city") && resource.status == "secret" };

@id("codes")
forbid (principal, action, resource is countries)
when { context.columns.contains("_id") && resource.name == "x" };

@id("names")
forbid (principal, action, resource is employees)
when { context.columns.contains("name") && resource has manager_id };

@id("titles")
@mask("last4, null")
@columns("title, owner")
permit (principal, action, resource is tasks)
when { resource.customer_id == 82 };

@id("places")
@mask("null")
@columns("location")
permit (principal, action, resource is places)
when { resource.customer_id == 82 };
"#;

/// The tenant's own rule shows everything, so it is left out where something is masked.
fn changing() -> Database {
    let folder = root().join("fixtures/mongo/policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let tenant = read("tenant.cedar").replacen(
        "permit (principal, action == Action::\"read\", resource)\nwhen { resource has customer_id",
        "permit (principal, action == Action::\"read\", resource)\nwhen { !(resource is tasks) && !(resource is places) && resource has customer_id",
        1,
    );
    let clear = "@id(\"mine\") permit (principal, action, resource is tasks)
        when { resource.customer_id == 82 && resource.priority < 2 };\n";
    let sources = Sources {
        settings: read("database.toml"),
        catalog: read("catalog.toml"),
        policies: vec![
            ("shared.cedar".to_owned(), read("shared.cedar")),
            ("tenant.cedar".to_owned(), tenant),
            ("columns.cedar".to_owned(), format!("{CHANGES}{clear}")),
        ],
    };
    Database::from_sources("app".parse().unwrap(), &sources)
        .unwrap_or_else(|error| panic!("{error}"))
}

const PINNED: [&str; 18] = [
    "db.projects.find({})",
    "db.projects.find({}, { name: 1 })",
    "db.projects.find({}, { budget: 0 })",
    "db.projects.find({ budget: { $gt: 5 } }, { name: 1 }).sort({ name: 1 }).limit(3)",
    "db.projects.countDocuments()",
    "db.projects.countDocuments({ budget: 5 })",
    "db.projects.distinct('name')",
    "db.projects.distinct('name', { budget: 5 })",
    "db.projects.aggregate([{ $group: { _id: '$status', n: { $sum: 1 } } }])",
    "db.projects.aggregate([{ $facet: { a: [{ $count: 'n' }], b: [{ $sortByCount: '$status' }] } }])",
    "db.tasks.aggregate([{ $lookup: { from: 'projects', localField: 'project_id', foreignField: 'budget', pipeline: [{ $project: { name: 1 } }], as: 'p' } }])",
    "db.tasks.find({ title: '7788' })",
    "db.tasks.find({}, { status: 1 })",
    "db.tasks.countDocuments({ owner: null })",
    "db.tasks.distinct('status')",
    "db.tasks.aggregate([{ $match: { $expr: { $gt: [{ $divide: [1, '$priority'] }, 0] } } }])",
    "db.employees.aggregate([{ $graphLookup: { from: 'employees', startWith: '$_id', connectFromField: 'manager_id', connectToField: '_id', as: 'c' } }])",
    "db.countries.find()",
];

#[test]
fn changed_columns_are_rewritten_as_pinned() {
    let database = changing();
    let mut text = String::new();
    for query in PINNED {
        let command = guard(&database, &principal(82, None), query)
            .unwrap_or_else(|refusal| panic!("{refusal}: {query}"));
        let (readable, json) = (command.readable(), command.text());
        writeln!(text, "{query}\n\n{readable}\n\n{json}\n\n----").unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/rewrite/mongodb"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("changed_columns", text));
}

/// What the server would compare before the mask is there.
#[test]
fn masked_fields_are_not_searched_by() {
    let database = changing();
    for query in [
        "db.tasks.distinct('title')",
        "db.tasks.distinct('status', { title: 'x' })",
        "db.tasks.distinct('status', { $expr: { $eq: ['$owner', 1] } })",
        "db.projects.aggregate([{ $lookup: { from: 'tasks', localField: 'name', foreignField: 'title', as: 't' } }])",
        "db.projects.aggregate([{ $graphLookup: { from: 'places', startWith: '$name', connectFromField: 'name', connectToField: 'name', as: 't' } }])",
        "db.places.aggregate([{ $geoNear: { near: [1, 2], key: 'location', distanceField: 'far' } }])",
    ] {
        // Where nothing is masked it is a query.
        guard(&self::database("", &[]), &principal(82, None), query)
            .unwrap_or_else(|refusal| panic!("{refusal}: {query}"));
        let refusal = guard(&database, &principal(82, None), query).unwrap_err();
        assert_eq!(refusal.code.as_str(), "unsupported", "{query}: {refusal}");
        assert!(refusal.message.contains("masked"), "{query}: {refusal}");
    }
}

/// Words of the filters that touching a field brings with it.
const MARKS: [(&str, &str); 3] = [
    ("budget", "\"archived\":{\"$eq\":false}"),
    ("city", "\"status\":{\"$ne\":\"secret\"}"),
    ("code", "\"name\":{\"$ne\":\"x\"}"),
];

/// Queries, each with what it touches of that.
const TOUCHING: [(&str, &str); 44] = [
    ("db.projects.find()", "budget city"),
    ("db.projects.find({}, { name: 1 })", ""),
    ("db.projects.find({}, { name: 1, budget: 1 })", "budget"),
    ("db.projects.find({}, { budget: 0 })", "city"),
    ("db.projects.find({}, { address: 0 })", "budget"),
    ("db.projects.find({}, { 'address.zip': 1 })", ""),
    ("db.projects.find({ 'address.0.city': 'x' }, { name: 1 })", "city"),
    ("db.projects.find({ address: { $exists: true } }, { name: 1 })", "city"),
    ("db.projects.find({ $or: [{ name: 'x' }, { budget: 1 }] }, { name: 1 })", "budget"),
    ("db.projects.find({ $expr: { $gt: ['$budget', 1] } }, { name: 1 })", "budget"),
    ("db.projects.find({}, { name: 1 }).sort({ budget: 1 })", "budget"),
    ("db.projects.find({}, { x: '$budget' })", "budget"),
    ("db.projects.countDocuments()", ""),
    ("db.projects.countDocuments({ name: 'x' })", ""),
    ("db.projects.countDocuments({ budget: 1 })", "budget"),
    ("db.projects.distinct('name')", ""),
    ("db.projects.distinct('budget')", "budget"),
    ("db.projects.distinct('address.city')", "city"),
    ("db.projects.distinct('name', { budget: 1 })", "budget"),
    ("db.projects.aggregate([])", "budget city"),
    ("db.projects.aggregate([{ $count: 'n' }])", ""),
    ("db.projects.aggregate([{ $unset: 'budget' }])", "city"),
    ("db.projects.aggregate([{ $unset: ['budget', 'address'] }, { $match: { budget: 1 } }])", ""),
    ("db.projects.aggregate([{ $project: { name: 1 } }, { $match: { budget: 1 } }])", ""),
    ("db.projects.aggregate([{ $project: { 'address.x': '$name' } }])", "city"),
    ("db.projects.aggregate([{ $project: { address: { zip: 1 } } }])", ""),
    ("db.projects.aggregate([{ $set: { x: '$budget' } }, { $count: 'n' }])", "budget"),
    ("db.projects.aggregate([{ $set: { 'address.x': 1 } }, { $count: 'n' }])", "city"),
    ("db.projects.aggregate([{ $sort: { budget: 1 } }, { $limit: 3 }, { $count: 'n' }])", "budget"),
    ("db.projects.aggregate([{ $group: { _id: '$status', n: { $sum: '$budget' } } }])", "budget"),
    (
        "db.projects.aggregate([{ $group: { _id: '$status', all: { $push: '$$ROOT' } } }])",
        "budget city",
    ),
    (
        "db.projects.aggregate([{ $group: { _id: '$status', all: { $push: '$$ROOT.address.city' } } }])",
        "city",
    ),
    (
        "db.projects.aggregate([{ $group: { _id: 1, top: { $top: { sortBy: { budget: 1 }, output: '$name' } } } }])",
        "budget",
    ),
    ("db.projects.aggregate([{ $group: { _id: { $literal: '$budget' } } }])", ""),
    (
        "db.projects.aggregate([{ $facet: { a: [{ $count: 'n' }], b: [{ $sortByCount: '$budget' }] } }])",
        "budget",
    ),
    ("db.projects.aggregate([{ $facet: { a: [{ $limit: 1 }] } }])", "budget city"),
    ("db.projects.aggregate([{ $redact: '$$KEEP' }, { $count: 'n' }])", "budget city"),
    ("db.projects.aggregate([{ $unwind: '$address.city' }, { $count: 'n' }])", "city"),
    (
        "db.projects.aggregate([{ $lookup: { from: 'employees', localField: 'budget', foreignField: '_id', pipeline: [{ $count: 'n' }], as: 'e' } }, { $count: 'n' }])",
        "budget",
    ),
    (
        "db.projects.aggregate([{ $lookup: { from: 'employees', let: { b: '$budget' }, pipeline: [{ $count: 'n' }], as: 'e' } }, { $count: 'n' }])",
        "budget",
    ),
    (
        "db.employees.aggregate([{ $lookup: { from: 'projects', localField: '_id', foreignField: 'budget', pipeline: [{ $count: 'n' }], as: 'p' } }])",
        "budget",
    ),
    (
        "db.tasks.aggregate([{ $graphLookup: { from: 'countries', startWith: '$title', connectFromField: 'name', connectToField: 'name', as: 'c' } }, { $count: 'n' }])",
        "code",
    ),
    ("db.countries.find({}, { name: 1 })", "code"),
    ("db.countries.find({}, { name: 1, _id: 0 })", ""),
];

#[test]
fn what_a_query_touches_decides() {
    let database = changing();
    for (query, expected) in TOUCHING {
        let command = guard(&database, &principal(82, None), query)
            .unwrap_or_else(|refusal| panic!("{refusal}: {query}"));
        let touched: Vec<&str> = MARKS
            .iter()
            .filter(|(_, words)| command.text().contains(words))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(touched.join(" "), expected, "{query}\n{}", command.text());
    }
}

/// No collation of a collection's calls another name the one of a mask's condition, or of a rule over a field.
#[test]
fn strings_are_compared_byte_by_byte() {
    for rule in [
        "",
        "@id(\"a\") forbid (principal, action, resource is countries)
            when { context.columns.contains(\"name\") && resource.name == \"x\" };",
        "@id(\"a\") @mask(\"null\") @columns(\"population\") permit (principal, action, resource is countries);
            @id(\"b\") permit (principal, action, resource is countries) when { resource.name == \"x\" };",
        "@id(\"a\") @mask(\"null\") @columns(\"population\") permit (principal, action, resource is countries) when { resource.name == \"x\" };
            @id(\"b\") @mask(\"last4\") @columns(\"name\") permit (principal, action, resource is countries);",
    ] {
        let folder = root().join("fixtures/mongo/policies");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let open = if rule.contains("permit") { "" } else { "@id(\"o\") permit (principal, action, resource is countries);" };
        let sources = Sources {
            settings: read("database.toml"),
            catalog: read("catalog.toml"),
            policies: vec![("a.cedar".to_owned(), format!("{SCOPE}{open}{rule}"))],
        };
        let database = Database::from_sources("app".parse().unwrap(), &sources)
            .unwrap_or_else(|error| panic!("{error}"));
        let command = guard(&database, &principal(82, None), "db.countries.find()").unwrap();
        assert_eq!(command.text().contains("\"locale\""), !rule.is_empty(), "{rule}");
    }
}

/// Without which a database that has a scope does not load.
const SCOPE: &str =
    "@id(\"s\") forbid (principal, action, resource) when { principal has scope };\n";
