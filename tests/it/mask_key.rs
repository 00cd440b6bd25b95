//! The secret of masks by `hash`: it masks, it is asked for, and nothing shows it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::cli;
use crate::live::postgresql::execute;
use crate::reload::exchange;
use crate::servers::postgresql::Server;

const SECRET: &str = "correct-horse-battery-staple-correct-horse";

const TABLES: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, phone VARCHAR(20));
    CREATE INDEX ON users (customer_id);
    INSERT INTO users VALUES (1, 82, 'gr\u{fc}n \u{1f511}'), (2, 82, NULL), (3, 82, ''), (4, 7, '555-0101');
    CREATE ROLE reader LOGIN; GRANT SELECT ON users TO reader;";

const RULES: &str = r#"@id("tenant") @mask("hash") @columns("phone")
permit (principal, action == Action::"read", resource is users)
when { resource.customer_id == principal.tenant };
"#;

const TESTS: &str = r#"
[[rows.users]]
id = 1
customer_id = 82
phone = "x"

[[test]]
name = "other columns"
tenant = 82
query = "SELECT id FROM users"
rows = [{ id = 1 }]

[[test]]
name = "as it is rewritten"
tenant = 82
query = "SELECT phone FROM users"
rewritten = "SELECT phone FROM (SELECT hash(base.phone) AS phone FROM users AS base WHERE base.customer_id = 82) AS users"
"#;

const OF_ROWS: &str = r#"
[[test]]
name = "on rows"
tenant = 82
query = "SELECT phone FROM users"
rows = [{ phone = "x" }]
"#;

/// The block of HMAC.
fn half(pad: u8) -> Vec<u8> {
    let padded = SECRET.bytes().chain(std::iter::repeat(0)).take(64);
    padded.map(|byte| byte ^ pad).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn hmac(text: &str) -> String {
    let inside = Sha256::digest([half(0x36), text.as_bytes().to_vec()].concat());
    hex(&Sha256::digest([half(0x5c), inside.to_vec()].concat()))
}

/// That a text shows neither the secret nor what is bound of it, in no spelling.
fn tells_nothing(text: &str, of: &str) {
    for bytes in [SECRET.as_bytes().to_vec(), half(0x36), half(0x5c)] {
        // Half of it is too much, and ends on no byte of a longer group in base64.
        let part = &bytes[..18];
        let mut spellings = vec![hex(part), hex(part).to_uppercase(), format!("{part:?}")];
        spellings.push(String::from_utf8(part.to_vec()).unwrap());
        spellings.push(STANDARD.encode(part));
        spellings.extend([STANDARD_NO_PAD.encode(part), URL_SAFE_NO_PAD.encode(part)]);
        for spelling in spellings {
            let spelling = spelling.trim_matches(['[', ']']);
            assert!(!text.contains(spelling), "{of} shows {spelling}");
        }
    }
}

struct Case {
    server: Server,
    folder: tempfile::TempDir,
}

impl Case {
    async fn new() -> Option<Self> {
        let server = Server::start(&[]).await?;
        execute(&mut server.connect("postgres").await, TABLES).await;
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("policies/app");
        std::fs::create_dir_all(app.join("tests")).unwrap();
        let settings = "engine = \"postgresql\"\nurl = \"env:APP_URL\"\nmask_key = \"env:APP_KEY\"\n\
            tenant_filter_column = \"customer_id\"\n";
        for (name, text) in
            [("database.toml", settings), ("tenant.cedar", RULES), ("tests/a.toml", TESTS)]
        {
            std::fs::write(app.join(name), text).unwrap();
        }
        let case = Self { server, folder };
        // To read a schema, nobody needs the secret.
        let (exit, output) = case.run(None, &["pull", "app"]);
        assert_eq!(exit, 0, "{output}");
        Some(case)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The exit code, and all that is written, with everything logged that can be.
    fn run(&self, secret: Option<&str>, arguments: &[&str]) -> (i32, String) {
        let mut command = cli::command(self.path(), arguments);
        command.env_remove("APP_KEY").env("DIALEKTAI_LOG", "trace").stdin(Stdio::null());
        if let Some(secret) = secret {
            command.env("APP_KEY", secret);
        }
        let output = command.env("APP_URL", self.url()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let text = text.concat();
        tells_nothing(&text, &format!("{arguments:?}"));
        (output.status.code().unwrap(), text)
    }

    fn url(&self) -> String {
        format!("postgres://reader@127.0.0.1:{}/postgres?sslmode=disable", self.server.port)
    }
}

#[test]
fn what_would_tell_is_noticed() {
    let found = |text: String| std::panic::catch_unwind(|| tells_nothing(&text, "a text")).is_err();
    assert!(found(format!("a {SECRET} b")) && found(hex(SECRET.as_bytes())));
    assert!(found(STANDARD.encode(SECRET)) && found(STANDARD.encode(half(0x5c))));
    assert!(found(format!("{:?}", half(0x36))) && found(hex(&half(0x5c))));
    assert!(!found(format!("<mask key, inner> {}", hmac("x"))));
}

#[tokio::test]
async fn no_command_shows_the_key() {
    let Some(case) = Case::new().await else { return };
    let batch = case.path().join("batch");
    std::fs::write(&batch, "{\"query\": \"SELECT phone FROM users\"}\n").unwrap();
    let caller = ["--database", "app", "--tenant", "82"];
    let select = "SELECT id, phone FROM users ORDER BY id";
    let with = |command: &str, more: &[&'static str]| {
        [&[command][..], &caller[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = |secret: Option<&str>, arguments: &[String]| {
        case.run(secret, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let offline = [
        with("guard", &[select]),
        with("guard", &["--explain", "--format", "json", select]),
        with("explain", &["users"]),
        with("explain", &["--format", "json", select]),
    ];
    for arguments in &offline {
        let (exit, known) = run(Some(SECRET), arguments);
        let (without, unknown) = run(None, arguments);
        assert_eq!((exit, without), (0, 0), "{known}");
        // What would run is the same wherever it is asked.
        assert_eq!(timeless(&known), timeless(&unknown));
        assert!(known.contains("hash(base.phone)"), "{known}");
    }
    let (_, guarded) = run(Some(SECRET), &offline[0]);
    assert!(guarded.contains(r#"{"type":"mask_key","value":"<mask key, inner>"}"#), "{guarded}");

    let (exit, output) = run(Some(SECRET), &with("query", &[select]));
    assert_eq!(exit, 0, "{output}");
    let seen = [hmac("gr\u{fc}n \u{1f511}"), hmac("")];
    for expected in [
        format!("[[1,\"{}\"],[2,null],[3,\"{}\"]]", seen[0], seen[1]),
        "\"row_count\":3".to_owned(),
    ] {
        assert!(output.replace([' ', '\n'], "").contains(&expected), "{output}");
    }
    assert_eq!(run(Some(SECRET), &with("ask", &["Show all users"])).0, 0);
    assert_eq!(run(Some(SECRET), &with("explain", &["--row", "1", "users"])).0, 0);
    let of_folder: [&[&str]; 8] = [
        &["check", "app"],
        &["check", "app", "--format", "json"],
        &["check", "app", "--offline"],
        &["check", "app", "--role"],
        &["test", "app"],
        &["schema", "app"],
        &["functions", "--database", "app"],
        &["rls", "app"],
    ];
    for arguments in of_folder {
        let (exit, output) = case.run(Some(SECRET), arguments);
        // Native policies cannot mask.
        assert_eq!(exit, i32::from(arguments[0] == "rls"), "{arguments:?}: {output}");
    }
    #[cfg(feature = "prove")]
    if crate::prove::has_solver() {
        for arguments in [&["prove", "app"][..], &["diff", "policies", "policies"]] {
            assert_eq!(case.run(Some(SECRET), arguments).0, 0, "{arguments:?}");
            assert_eq!(case.run(None, arguments).0, 0, "{arguments:?}");
        }
    }
}

/// Without times and ids of a log.
fn timeless(text: &str) -> String {
    text.lines().filter(|line| !line.contains("dialektai::") && !line.contains("Z ")).collect()
}

#[tokio::test]
async fn without_the_key_nothing_runs_and_all_else_does() {
    let Some(case) = Case::new().await else { return };
    for offline in [&["check", "app", "--offline"][..], &["test", "app"]] {
        let (exit, output) = case.run(None, offline);
        assert_eq!(exit, 0, "{output}");
    }
    for (secret, why) in [
        (None, "the environment variable is not set"),
        (Some("short"), "the secret is shorter than 32 bytes"),
        (Some("0123456789012345678901234567890"), "the secret is shorter than 32 bytes"),
    ] {
        let (exit, output) = case.run(secret, &["check", "app"]);
        assert_eq!(exit, 1, "{output}");
        assert!(output.contains("error[mask_key_unusable]") && output.contains(why), "{output}");
        assert!(!output.contains("0123456789"), "{output}");
        let query = ["query", "--database", "app", "--tenant", "82", "SELECT id FROM users"];
        let (exit, output) = case.run(secret, &query);
        assert!(exit != 0 && output.contains("error[database_refused]"), "{output}");
    }
    // What rows of a file cannot show is no success.
    std::fs::write(case.path().join("policies/app/tests/a.toml"), format!("{TESTS}{OF_ROWS}"))
        .unwrap();
    let (exit, output) = case.run(None, &["test", "app"]);
    assert_eq!(exit, 1, "{output}");
    for expected in ["a mask by `hash`, for which SQLite has no function", "database = \"live\""] {
        assert!(output.contains(expected), "{output}");
    }
    let live = OF_ROWS.replace("tenant = 82", "tenant = 82\ndatabase = \"live\"");
    let live = live.replace("SELECT phone FROM users", "SELECT phone FROM users WHERE id = 3");
    let live = format!("{TESTS}{}", live.replace("\"x\"", &format!("\"{}\"", hmac(""))));
    std::fs::write(case.path().join("policies/app/tests/a.toml"), live).unwrap();
    let (exit, output) = case.run(Some(SECRET), &["test", "app"]);
    assert_eq!(exit, 0, "{output}");
}

#[tokio::test]
async fn no_answer_and_no_log_of_the_service_shows_the_key() {
    let Some(case) = Case::new().await else { return };
    let (_, key, _) = cli::run(case.path(), &["keys", "create"]);
    let arguments = ["serve", "--no-watch", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let mut command = cli::command(case.path(), &arguments);
    command.env("APP_KEY", SECRET).env("APP_URL", case.url()).env("DIALEKTAI_LOG", "trace");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = child.stderr.take().unwrap();
    // It must be read while it is written.
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = first.strip_prefix("listening on http://").unwrap();
    let query = "SELECT id, phone FROM users ORDER BY id";
    for (path, body) in [
        ("/api/v1/guard", json!({"database_id": "app", "query": query})),
        ("/api/v1/query", json!({"database_id": "app", "query": query})),
        (
            "/api/v1/query",
            json!({"database_id": "app", "query": "SELECT 1 / (id - id) FROM users"}),
        ),
        ("/api/v1/guard", json!({"database_id": "app", "query": "SELECT nothing FROM users"})),
        ("/api/v1/chat/message", json!({"database_id": "app", "message": "Show all users"})),
    ] {
        let (head, reply) = send(address, key.trim(), "POST", path, &body.to_string());
        tells_nothing(&format!("{head}{reply}"), path);
        if body["query"] == query {
            let reply: Json = serde_json::from_str(&reply).unwrap();
            let shown = json!({"type": "mask_key", "value": "<mask key, outer>"});
            assert!(reply["query"]["binds"].as_array().unwrap().contains(&shown), "{reply}");
            if path == "/api/v1/query" {
                assert_eq!(reply["rows"][2], json!([3, hmac("")]), "{reply}");
            }
        }
    }
    for path in ["/api/v1/databases", "/metrics"] {
        let (head, reply) = send(address, key.trim(), "GET", path, "");
        tells_nothing(&format!("{head}{reply}"), path);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let log = log.join().unwrap().unwrap();
    assert!(log.contains("dialektai::audit") && log.contains("sha256"), "{log}");
    tells_nothing(&log, "the log");
}

fn send(address: &str, key: &str, method: &str, path: &str, body: &str) -> (String, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nX-Tenant-Id: 82\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(address, &request)
}
