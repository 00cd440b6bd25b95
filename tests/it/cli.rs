//! The command, as a shell runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::http::case;

pub(crate) const TASKS: &str = "
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT NOT NULL);
    INSERT INTO tasks VALUES (1, 82, 'one'), (2, 82, 'two'), (3, 7, 'three');
";

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialektai"));
    command.args(arguments).current_dir(folder).env_remove("DIALEKTAI_LOG");
    command.env_remove("DIALEKTAI_POLICIES").env_remove("DIALEKTAI_STORE");
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    told(&command(folder, arguments).stdin(Stdio::null()).output().unwrap())
}

pub(crate) fn run_with_input(
    folder: &Path,
    arguments: &[&str],
    input: &[u8],
) -> (i32, String, String) {
    let mut command = command(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    told(&child.wait_with_output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let settings = "tenant_filter_column = \"customer_id\"\n";
    case::database(&folder.path().join("policies"), "acme", settings, TASKS).await;
    folder
}

#[tokio::test]
async fn pull_writes_a_folder_once_and_leaves_rules_alone() {
    let folder = folder().await;
    let acme = folder.path().join("policies/acme");
    let names = ["catalog.toml", "tenant.cedar"];
    for name in names {
        std::fs::remove_file(acme.join(name)).unwrap();
    }
    let (exit, output, errors) = run(folder.path(), &["pull", "acme"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    let read = |name: &str| std::fs::read_to_string(acme.join(name)).unwrap();
    let (catalog, schema, rules) =
        (read("catalog.toml"), read("schema.cedarschema"), read("tenant.cedar"));
    assert!(catalog.contains("name = \"tasks\"") && !schema.is_empty());

    // Someone edits everything: rules stay, the rest is written anew, and an entity type that was chosen is kept.
    let edited = format!("// mine\n{}", rules.replace("tasks", "todo"));
    std::fs::write(acme.join("tenant.cedar"), &edited).unwrap();
    let renamed = catalog.replace("name = \"tasks\"", "name = \"tasks\"\nentity_type = \"todo\"");
    std::fs::write(acme.join("catalog.toml"), &renamed).unwrap();
    std::fs::write(acme.join("schema.cedarschema"), "x").unwrap();
    let (exit, _, errors) = run(folder.path(), &["pull", "acme"]);
    assert_eq!((exit, errors.as_str()), (0, ""));
    assert_eq!(read("tenant.cedar"), edited);
    assert_eq!(read("catalog.toml"), renamed);
    assert!(read("schema.cedarschema").contains("todo"));

    std::fs::write(acme.join("tenant.cedar"), "permit (").unwrap();
    let (exit, _, errors) = run(folder.path(), &["pull", "acme"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("tenant.cedar"), "{errors}");
    let (exit, _, errors) = run(folder.path(), &["pull", "nope"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("nope/database.toml"), "{errors}");
    let mut files: Vec<_> =
        std::fs::read_dir(&acme).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let expected =
        ["catalog.toml", "data.sqlite", "database.toml", "schema.cedarschema", "tenant.cedar"];
    assert_eq!(files, expected);
}

#[tokio::test]
async fn guard_and_query_say_what_they_did_by_exit_code() {
    let folder = folder().await;
    let acme = |rest: &[&str]| {
        let mut arguments = vec![rest[0], "--database", "acme"];
        arguments.extend(&rest[1..]);
        run(folder.path(), &arguments)
    };
    let text = "SELECT title FROM tasks";
    let (exit, output, _) = acme(&["guard", "--tenant", "82", text]);
    assert_eq!(exit, 0);
    assert!(
        output.starts_with("SELECT title FROM tasks WHERE customer_id = 82\n-- runs as:\n"),
        "{output}"
    );
    assert!(output.lines().skip(1).all(|line| line.starts_with("--")), "{output}");
    let (exit, output, _) = acme(&["query", "--tenant", "82", text]);
    let rows: Json = serde_json::from_str(&output).unwrap();
    assert_eq!((exit, &rows["rows"]), (0, &json!([["one"], ["two"]])));
    let (exit, output, _) = acme(&["ask", "--tenant", "7", "How many tasks?"]);
    let answer: Json = serde_json::from_str(&output).unwrap();
    assert_eq!((exit, &answer["rows"]), (0, &json!([[1]])));

    let (exit, output, errors) = acme(&["guard", "--tenant", "82", "DELETE FROM tasks"]);
    assert_eq!((exit, output.as_str()), (3, ""));
    assert!(errors.starts_with("error[not_a_query]: "), "{errors}");
    let (exit, _, errors) = acme(&["query", "--tenant", "82", "--format", "json", "DELETE FROM x"]);
    let error: Json = serde_json::from_str(&errors).unwrap();
    assert_eq!(
        (exit, &error["outcome"], &error["code"]),
        (3, &json!("refused"), &json!("not_a_query"))
    );
    assert_eq!(acme(&["guard", text]).0, 1);
    assert_eq!(acme(&["guard", "--tenant", "082", text]).0, 1);
    assert_eq!(acme(&["guard", "--tenant", "82"]).0, 2);
    assert_eq!(acme(&["guard", "--tenant", "82", "--batch", text]).0, 2);

    // What would run can be said without the database; what runs cannot.
    std::fs::remove_file(folder.path().join("policies/acme/data.sqlite")).unwrap();
    assert_eq!(acme(&["guard", "--tenant", "82", text]).0, 0);
    assert_eq!(acme(&["query", "--tenant", "82", text]).0, 1);
}

#[tokio::test]
async fn batches_answer_every_line_in_order() {
    let folder = folder().await;
    let input = b"{\"id\": 1, \"query\": \"SELECT title FROM tasks\", \"tenant\": 82}\n\
        not json\n\
        {\"id\": {\"a\": null}, \"query\": \"DELETE FROM tasks\", \"tenant\": \"82\"}\n\
        \n\
        {\"id\": \"\xff\", \"query\": \"SELECT 1\"}\n\
        {\"id\": \"t\", \"query\": \"SELECT 1\", \"tenant\": 8.2}\n\
        {\"id\": \"u\", \"query\": \"SELECT 1\", \"tenant\": true}\n\
        {\"id\": \"v\", \"query\": \"SELECT 1\", \"user\": 1}\n\
        {\"id\": \"w\", \"query\": \"SELECT abs(-9223372036854775807 - 1)\"}\n\
        {\"id\": null, \"query\": \"SELECT title FROM tasks\", \"tenant\": null, \"scope\": null}";
    let arguments = ["query", "--database", "acme", "--tenant", "7", "--batch"];
    let (exit, output, errors) = run_with_input(folder.path(), &arguments, input);
    assert_eq!((exit, errors.as_str()), (0, ""));
    let lines: Vec<Json> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&Json, &str, &Json, &Json)> = lines
        .iter()
        .map(|line| (&line["id"], line["outcome"].as_str().unwrap(), &line["code"], &line["rows"]))
        .collect();
    let (null, bad) = (json!(null), json!("bad_request"));
    let (first, last) = (json!([["one"], ["two"]]), json!([["three"]]));
    let failed = json!("query_failed");
    assert_eq!(
        told,
        [
            (&json!(1), "guarded", &null, &first),
            (&null, "failed", &bad, &null),
            (&json!({"a": null}), "refused", &json!("not_a_query"), &null),
            (&null, "failed", &bad, &null),
            (&null, "failed", &bad, &null),
            (&json!("t"), "failed", &json!("invalid_tenant_id"), &null),
            (&json!("u"), "failed", &bad, &null),
            (&json!("v"), "failed", &bad, &null),
            (&json!("w"), "failed", &failed, &null),
            (&null, "guarded", &null, &last),
        ]
    );
    let arguments = ["guard", "--database", "acme", "--tenant", "7", "--batch"];
    let (_, output, _) = run_with_input(folder.path(), &arguments, input);
    let first: Json = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    let expected = [
        "id",
        "outcome",
        "text",
        "binds",
        "readable",
        "columns",
        "rows",
        "truncated",
        "code",
        "message",
    ];
    assert_eq!(keys, expected);
    assert_eq!(first["binds"], json!([{"type": "long", "value": 82}]));
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, output, _) = run(folder.path(), &["keys", "create", "--name", "backend"]);
    let secret = output.trim();
    assert!(exit == 0 && secret.starts_with("sk_") && secret.len() == 46, "{output}");
    let (_, list, _) = run(folder.path(), &["keys", "list"]);
    assert!(
        list.contains("backend") && list.contains("active") && !list.contains(secret),
        "{list}"
    );
    let id = list.split('\t').next().unwrap();
    assert_eq!(run(folder.path(), &["keys", "revoke", id]).0, 0);
    assert!(run(folder.path(), &["keys", "list"]).1.contains("revoked"));
    assert_eq!(run(folder.path(), &["keys", "revoke", "key_x"]).0, 1);
}

/// An installed binary, far from the repository: the demo comes up, answers, and ends when told.
#[cfg(unix)]
#[tokio::test]
async fn the_demo_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        command(folder.path(), &["demo", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line =
        |start: &str| lines.next().unwrap().unwrap().strip_prefix(start).unwrap().to_owned();
    let (address, key) = (line("listening on http://"), line("key: "));
    let body = r#"{"message":"Show all projects","database_id":"demo"}"#;
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST /api/v1/chat/message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         X-Tenant-Id: 82\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK") && reply.contains("customer_id = 82"), "{reply}");
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays behind");

    // The audit log tells of the request, and of no row.
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let events: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.iter().find(|event| event["target"] == "dialektai::audit").unwrap();
    assert_eq!(event["outcome"], "answered");
    assert_eq!(event["tenant"], "82");
    assert_eq!(event["query_before"], "SELECT * FROM projects");
    let title = "Website relaunch";
    assert!(reply.contains(title) && !log.contains(title), "{log}");
}

/// What is read, behind which filter, and which expression is to blame for a fence.
#[tokio::test]
async fn guard_explains() {
    let folder = folder().await;
    let query = "SELECT title FROM (SELECT abs(id) AS n, title FROM tasks) AS d WHERE n > 1";
    let guard = ["guard", "--database", "acme", "--tenant", "82", "--explain"];
    let (exit, text, errors) = run(folder.path(), &[&guard[..], &[query]].concat());
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    let told = text.split_once("-- reads:\n").unwrap().1;
    assert_eq!(
        told,
        "--   main.tasks AS tasks: filtered by customer_id = 82, fenced off from\n\
         --     abs(id): the smallest integer has no absolute value (over tasks)\n\
         --     n: the smallest integer has no absolute value (over d)\n"
    );
    let (exit, line, _) = run(folder.path(), &[&guard[..], &["--format", "json", query]].concat());
    assert_eq!(exit, 0);
    let told: Json = serde_json::from_str(&line).unwrap();
    let relation = &told["relations"][0];
    assert_eq!((&relation["relation"], &relation["fenced"]), (&json!("main.tasks"), &json!(true)));
    assert_eq!(relation["filter"], "customer_id = 82");
    assert_eq!(relation["hazards"][0]["expression"], "abs(id)");
    // Not asked, not told.
    let (_, line, _) = run(
        folder.path(),
        &["guard", "--database", "acme", "--tenant", "82", "--format", "json", query],
    );
    assert!(!line.contains("relations"), "{line}");
}

/// A folder of MongoDB, of which nothing is asked but its files.
#[tokio::test]
async fn guard_writes_commands_and_explains_them() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("policies/app");
    std::fs::create_dir_all(&app).unwrap();
    for name in ["database.toml", "catalog.toml", "shared.cedar", "tenant.cedar"] {
        let from = crate::world::root().join("fixtures/mongo/policies").join(name);
        std::fs::copy(from, app.join(name)).unwrap();
    }
    let guard = |rest: &[&str]| {
        let mut arguments = vec!["guard", "--database", "app", "--tenant", "82"];
        arguments.extend(rest);
        run(folder.path(), &arguments)
    };
    let query = "db.projects.aggregate([{ $match: { $expr: { $gt: [{ $divide: [1, '$budget'] }, 0] } } }, \
                 { $lookup: { from: 'countries', localField: 'country_code', foreignField: '_id', as: 'c' } }])";
    let (exit, output, errors) = guard(&["--explain", query]);
    assert_eq!((exit, errors.as_str()), (0, ""));
    assert!(output.starts_with("db.projects.aggregate(["), "{output}");
    assert!(output.contains("\n// runs as:\n//   {\"aggregate\":\"projects\""), "{output}");
    let (_, reads) = output.split_once("\n// reads:\n").unwrap();
    let expected = "//   app.projects in aggregate: filtered by { customer_id: 82 }, fenced off from\n\
                    //     an operator may fail on a value\n\
                    //   app.countries in pipeline[4].$lookup: every document may be read\n";
    assert_eq!(reads, expected);
    let (exit, output, _) = guard(&["--explain", "--format", "json", query]);
    let line: Json = serde_json::from_str(&output).unwrap();
    assert_eq!((exit, &line["dialect"], &line["binds"]), (0, &json!("mongodb"), &json!([])));
    let hazard = json!({"expression": null, "rule": "an operator may fail on a value", "over": []});
    assert_eq!(
        line["relations"],
        json!([
            {"relation": "app.projects", "place": "aggregate", "filter": "{ customer_id: 82 }", "fenced": true, "hazards": [hazard]},
            {"relation": "app.countries", "place": "pipeline[4].$lookup", "filter": null, "fenced": false, "hazards": []},
        ])
    );
    let (_, output, _) = guard(&["--format", "json", "db.projects.find({})"]);
    let line: Json = serde_json::from_str(&output).unwrap();
    assert_eq!(line["readable"], "db.projects.find({ customer_id: 82 })");
    assert!(line.get("relations").is_none());
    let (exit, _, errors) = guard(&["--explain", "db.secrets.find()"]);
    assert_eq!(exit, 3);
    assert!(errors.starts_with("error[unknown_relation]: "), "{errors}");
}
