//! The MongoDB guard: what it makes of each fixture, pinned, and what no fixture can hold.

mod lists;
pub(crate) mod useful;

use std::path::Path;
use std::sync::LazyLock;

use dialektai::guard::mongo::{MongoCommand, guard_mongo};
use dialektai::guard::{Guarded, Refusal};
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};

use crate::world;

/// The database of the fixtures.
pub(crate) fn database() -> Database {
    let folder = world::root().join("fixtures/mongo/policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let policies =
        ["shared.cedar", "tenant.cedar"].map(|name| (name.to_owned(), read(name))).to_vec();
    let (settings, catalog) = (read("database.toml"), read("catalog.toml"));
    Database::from_sources("app".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap()
}

fn guard(query: &str, principal: &Principal) -> Result<Guarded<MongoCommand>, Refusal> {
    static DATABASE: LazyLock<Database> = LazyLock::new(database);
    let database = &*DATABASE;
    let filters = database.predicates_for(principal).unwrap();
    guard_mongo(query, &database.catalog, &filters)
}

pub(crate) fn describe(command: &MongoCommand) -> String {
    let fence = command.fence().map_or(String::new(), |why| format!("\n\nfenced: {why}"));
    let json: serde_json::Value = serde_json::from_str(command.text()).unwrap();
    let json = serde_json::to_string_pretty(&json).unwrap();
    // One line a value: what is typed says so in three lines otherwise.
    let short = ["$numberInt", "$numberLong", "$oid", "$numberDouble", "$numberDecimal", "$uuid"];
    let mut lines: Vec<String> = Vec::new();
    let mut rest = json.lines().peekable();
    while let Some(line) = rest.next() {
        let mut line = line.to_owned();
        if let Some(next) = rest.peek()
            && short.iter().any(|name| next.trim_start().starts_with(&format!("\"{name}\"")))
        {
            line.push_str(rest.next().unwrap().trim());
            line.push_str(rest.next().unwrap().trim());
        }
        lines.push(line);
    }
    format!("{}\n\n{:?}: {}{fence}", command.readable(), command.reply(), lines.join("\n"))
}

/// Guards the query of one fixture and compares the result with its snapshot. The folder says what must happen.
fn check(path: &Path, principal: &Principal, suffix: &str) {
    let query = std::fs::read_to_string(path).unwrap();
    let outcome = guard(&query, principal);
    let refused = path.parent().unwrap().ends_with("refused");
    let (kind, text) = match &outcome {
        Ok(guarded) => ("rewrite", describe(guarded.query())),
        Err(refusal) => (
            "refusals",
            format!("{}\n{}\nhint: {}", refusal.code.as_str(), refusal.message, refusal.hint),
        ),
    };
    assert_eq!(outcome.is_err(), refused, "{}: {text}", path.display());
    let case = format!("{}{suffix}", path.file_stem().unwrap().to_str().unwrap());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots").join(kind).join("mongodb"));
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.set_description(query.chars().take(400).collect::<String>().trim().to_owned());
    settings.bind(|| insta::assert_snapshot!(case, text));
}

#[test]
fn mongodb_rewritings() {
    insta::glob!("../../fixtures/mongo/ok", "*.js*", |path| {
        check(path, &world::principal(82, None), "");
    });
}

#[test]
fn mongodb_refusals() {
    insta::glob!("../../fixtures/mongo/refused", "*.js*", |path| {
        check(path, &world::principal(82, None), "");
    });
}

/// The vendor's page, both examples.
#[test]
fn the_documented_queries_come_out_as_printed() {
    let readable = |principal: &Principal, query: &str| {
        guard(query, principal).unwrap().query().readable().to_owned()
    };
    assert_eq!(
        readable(&world::principal(82, None), "db.projects.find({})"),
        "db.projects.find({ customer_id: 82 })",
    );
    assert_eq!(
        readable(&world::principal(82, Some("user-john-456")), "db.tasks.find()"),
        "db.tasks.find({\n  customer_id: 82,\n  assigned_to: 'user-john-456'\n})",
    );
}

/// A collection that the caller may not read and one that does not exist: the same answer, but for the name asked for.
#[test]
fn denied_and_missing_collections_are_the_same() {
    let refuse =
        |name: &str| guard(&format!("db.{name}.find()"), &world::principal(82, None)).unwrap_err();
    let (denied, missing) = (refuse("comments"), refuse("nonesuch"));
    assert_eq!(denied.code, missing.code);
    assert_eq!(denied.message.replace("comments", "nonesuch"), missing.message);
    assert_eq!(denied.hint, missing.hint);
}

/// No text, however deep, takes the process down. On a stack as small as that of a thread.
#[test]
fn bombs_are_refused() {
    let bombs = || {
        for depth in [33, 1_000, 20_000, 60_000] {
            for (open, close) in [("[", "]"), ("{a:", "}"), ("{\"a\":", "}"), ("ObjectId(", ")")] {
                let nest = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                for text in [
                    nest.clone(),
                    open.repeat(depth),
                    format!("db.projects.find({{a: {nest}}})"),
                    format!("db.projects.aggregate({nest})"),
                    format!("{{\"find\": \"projects\", \"filter\": {{\"name\": {nest}}}}}"),
                ] {
                    assert!(guard(&text, &world::principal(82, None)).is_err());
                }
            }
        }
    };
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(bombs).unwrap().join().unwrap();
}
