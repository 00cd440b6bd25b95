//! `dialektai pull`, `guard`, `query` and `ask` on PostgreSQL: the demo's own schema and seed, from a shell.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::site::{PASSWORD, ROLE, execute, url};
use crate::servers::postgresql::Server;

fn run(folder: &Path, address: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dialektai"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DIALEKTAI_LOG")
        .env_remove("DIALEKTAI_POLICIES")
        .env_remove("DIALEKTAI_STORE")
        .env("SHOP_URL", address)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_demo_is_pulled_guarded_and_asked() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut admin = server.connect("postgres").await;
    execute(&mut admin, &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")).await;
    execute(&mut admin, "CREATE DATABASE shop").await;
    let mut admin = server.connect("shop").await;
    for file in ["schema.sql", "seed.sql"] {
        let path = crate::world::root().join("fixtures/demo").join(file);
        execute(&mut admin, &std::fs::read_to_string(path).unwrap()).await;
    }
    execute(&mut admin, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")).await;

    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/shop");
    std::fs::create_dir_all(&place).unwrap();
    let settings = "engine = \"postgresql\"\nurl = \"env:SHOP_URL\"\n\
                    tenant_filter_column = \"customer_id\"\n";
    std::fs::write(place.join("database.toml"), settings).unwrap();
    let address = url(server.port, PASSWORD, "sslmode=disable");
    let shop = |arguments: &[&str]| run(folder.path(), &address, arguments);

    let (exit, output, errors) = shop(&["pull", "shop"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    let pulled = std::fs::read_to_string(place.join("catalog.toml")).unwrap();
    let task = "{ name = \"created_at\", type = \"timestamp\", declared = \"timestamp without time zone\", nullable = false }";
    assert!(pulled.contains(task), "{pulled}");
    // A second time nothing changes.
    let (exit, output, errors) = shop(&["pull", "shop"]);
    assert!(exit == 0 && !output.contains("wrote"), "{output}{errors}");

    let text = "SELECT name FROM projects ORDER BY name LIMIT 3";
    let (exit, output, _) = shop(&["guard", "--database", "shop", "--tenant", "82", text]);
    assert!(exit == 0 && output.contains("WHERE customer_id = 82"), "{output}");
    let (exit, output, _) = shop(&["query", "--database", "shop", "--tenant", "82", text]);
    let rows: Json = serde_json::from_str(&output).unwrap();
    assert_eq!((exit, &rows["row_count"]), (0, &json!(3)), "{output}");
    let own = "SELECT count(*) AS n FROM tasks WHERE customer_id <> 82";
    let (_, output, _) = shop(&["query", "--database", "shop", "--tenant", "82", own]);
    let rows: Json = serde_json::from_str(&output).unwrap();
    assert_eq!(rows["rows"], json!([[0]]));
    assert_eq!(rows["columns"], json!([{"name": "n", "type": "integer"}]));
    for tenant in ["82", "7"] {
        let arguments = ["ask", "--database", "shop", "--tenant", tenant, "How many tasks?"];
        let (exit, output, errors) = shop(&arguments);
        assert_eq!(exit, 0, "{errors}");
        let answer: Json = serde_json::from_str(&output).unwrap();
        let sql = format!("SELECT count(*) FROM tasks WHERE customer_id = {tenant}");
        let expected = super::site::number(&mut admin, &sql).await;
        assert_eq!(answer["rows"], json!([[expected]]), "{output}");
    }

    // The address goes nowhere, whatever is wrong with it.
    for (part, wrong) in
        [("/shop?", "/gone?"), ("sslmode", "sslm0de"), ("disable", "require"), ("postgres:", "pg:")]
    {
        let address = address.replace(part, wrong);
        let (exit, output, errors) = run(folder.path(), &address, &["pull", "shop"]);
        assert!(exit != 0 && !format!("{output}{errors}").contains("s3cret"), "{output}{errors}");
    }
}
