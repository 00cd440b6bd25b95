//! `dialektai pull`, `query` and `guard` on MongoDB, from a shell.

use bson::doc;
use serde_json::{Value as Json, json};

use crate::cli::{run, run_with_input};
use crate::servers::mongodb::{Server, insert};

#[tokio::test]
async fn a_database_is_pulled_guarded_and_queried() {
    let Some(server) = Server::start(&[]).await else { return };
    let task = |id: i32, tenant: i64, title: &str| doc! { "_id": id, "customer_id": tenant, "title": title };
    let tasks = [task(1, 82, "one"), task(2, 82, "two"), task(3, 7, "three")];
    insert(&server.database("app").await, "tasks", &tasks).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/app");
    std::fs::create_dir_all(&place).unwrap();
    let settings = format!(
        "engine = \"mongodb\"\nurl = \"{}\"\ntenant_filter_column = \"customer_id\"\n",
        server.url("app")
    );
    std::fs::write(place.join("database.toml"), settings).unwrap();
    let told = |arguments: &[&str]| {
        let (exit, output, errors) = run(folder.path(), arguments);
        assert_eq!((exit, errors.as_str()), (0, ""), "{arguments:?}: {output}");
        output
    };
    told(&["pull", "app"]);
    let caller = ["--database", "app", "--tenant", "82"];
    let with = |first: &'static str, last: &'static str| {
        let mut arguments = vec![first];
        arguments.extend(caller);
        arguments.push(last);
        arguments
    };
    let output = told(&with("query", "db.tasks.find({}, { title: 1, _id: 0 })"));
    let table: Json = serde_json::from_str(&output).unwrap();
    assert_eq!(table["rows"], json!([["one"], ["two"]]));

    let shown = told(&with("guard", "db.tasks.find()"));
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("db.tasks.find({ customer_id: 82 })"));
    assert_eq!(lines.next(), Some("// runs as:"));
    assert!(lines.next().unwrap().starts_with(r#"//   {"find":"tasks","filter":{"$and":["#));
    assert_eq!(lines.next(), None);

    // A batch answers every line, whatever becomes of the others.
    let input = "{\"id\": 1, \"query\": \"db.tasks.countDocuments()\"}\n\
                 {\"id\": 2, \"query\": \"db.tasks.drop()\"}\n\
                 {\"id\": 3, \"query\": \"db.tasks.find().sort({ _id: -1 })\", \"tenant\": 7}\n";
    let mut arguments = vec!["query"];
    arguments.extend(caller);
    arguments.push("--batch");
    let (exit, output, _) = run_with_input(folder.path(), &arguments, input.as_bytes());
    assert_eq!(exit, 0);
    let lines: Vec<Json> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<Json> = lines
        .iter()
        .map(|line| json!([line["id"], line["outcome"], line["code"], line["rows"]]))
        .collect();
    assert_eq!(
        brief,
        [
            json!([1, "guarded", null, [[2]]]),
            json!([2, "refused", "not_a_query", null]),
            json!([3, "guarded", null, [[3, 7, "three"]]]),
        ]
    );

    let (exit, _, errors) = run(folder.path(), &with("query", "db.secrets.find()"));
    assert_eq!(exit, 3);
    assert!(errors.contains("unknown_relation"), "{errors}");
}
