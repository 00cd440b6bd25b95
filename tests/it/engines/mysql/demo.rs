//! `dialektai pull`, `guard`, `query` and `ask` on MariaDB: the demo's schema and seed, from a shell.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::servers::mariadb::Server;
use crate::world;

use super::site::execute;

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialektai"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for variable in ["DIALEKTAI_LOG", "DIALEKTAI_POLICIES", "DIALEKTAI_STORE"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn the_demo_is_pulled_guarded_and_asked() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut admin = server.connect("mysql").await;
    execute(&mut admin, "CREATE DATABASE demo; USE demo; SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        .await;
    for file in ["schema.mysql.sql", "seed.sql"] {
        let text = std::fs::read_to_string(world::root().join("fixtures/demo").join(file)).unwrap();
        execute(&mut admin, &text).await;
    }
    execute(
        &mut admin,
        "CREATE USER 'reader'@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON demo.* TO 'reader'@'%'",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/demo");
    std::fs::create_dir_all(&place).unwrap();
    let url = format!("mysql://reader:pw@127.0.0.1:{}/demo?ssl-mode=disabled", server.port);
    let settings = format!(
        "engine = \"mysql\"\nurl = \"{url}\"\ntenant_filter_column = \"customer_id\"\n\
         scope_filter_column = \"assigned_to\"\n"
    );
    std::fs::write(place.join("database.toml"), settings).unwrap();
    let (exit, output, errors) = run(folder.path(), &["pull", "demo"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    assert!(output.contains("7 relations") || output.contains("relations in"), "{output}");

    let query = |text: &'static str, more: &'static [&'static str]| {
        let mut arguments = vec!["query", "--database", "demo", "--tenant", "82", text];
        arguments.extend(more);
        run(folder.path(), &arguments)
    };
    let (exit, output, errors) = query("SELECT DISTINCT customer_id FROM tasks", &[]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    assert!(output.contains("82") && !output.contains("417"), "{output}");
    // Backslashes, quotes and non-ASCII went in and come out as they are.
    let (exit, output, _) = query("SELECT description FROM tasks WHERE title = 'Ship v1'", &[]);
    assert_eq!(exit, 0);
    assert!(
        output.contains(r"done_ish \ really") || output.contains(r"done_ish \\ really"),
        "{output}"
    );
}
