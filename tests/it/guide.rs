//! `docs/policies.md`: every example in it is run.
//!
//! What becomes of a block is told by its language, and by what it holds:
//!
//! | block | |
//! |---|---|
//! | `cedar` | loads, as the only policies of a folder |
//! | `toml` with tests | passes, in a copy of a folder |
//! | `toml`, other | is read: as settings, as a catalog, or as part of one |
//! | `console` | each command gives the lines below it; `..` stands for any lines |
//! | `sql` | its settings are those of the scripts that `dialektai rls` prints |
//! | `json` | is read |
//! | `lua`, `cedarschema` | `lua` is only shown; a schema holds the block |
//!
//! `<!-- on: FOLDER -->` before a block names its folder, which is the demo's otherwise. `<!-- in: app -->` runs commands
//! beside a new folder `policies/app`, whose `database.toml` is the guide's first block.

use std::fs;
use std::path::Path;
use std::process::Command;

use dialektai::catalog::Catalog;
use dialektai::policy::settings::Settings;
use dialektai::policy::{Database, Sources};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::prove::has_solver;
use crate::world::root;

/// A fenced block.
struct Block {
    line: usize,
    language: String,
    /// The comments before it: `on` and `in`.
    notes: Vec<(String, String)>,
    text: String,
}

impl Block {
    fn note(&self, name: &str) -> Option<&str> {
        self.notes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn folder(&self) -> &str {
        self.note("on").unwrap_or("policies/demo")
    }
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/policies.md")).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut notes, mut open): (Vec<(String, String)>, Option<Block>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match open.take() {
            Some(block) if line == "```" => blocks.push(block),
            Some(mut block) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            None => {
                let note = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                if let Some((name, value)) = note.and_then(|note| note.split_once(": ")) {
                    notes.push((name.to_owned(), value.to_owned()));
                } else if let Some(language) = line.strip_prefix("```") {
                    let (language, notes) = (language.to_owned(), std::mem::take(&mut notes));
                    open = Some(Block { line: number + 1, language, notes, text: String::new() });
                } else if !line.is_empty() {
                    notes.clear();
                }
            }
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

fn of_language(language: &str) -> Vec<Block> {
    let all = blocks(&guide());
    all.into_iter().filter(|block| block.language == language).collect()
}

/// Nothing is only there to be looked at, but for the set-up of an editor that does not run here.
#[test]
fn every_block_is_run() {
    let known = ["cedar", "cedarschema", "console", "json", "lua", "sql", "toml"];
    let all = blocks(&guide());
    assert!(all.len() > 20, "{}", all.len());
    for block in &all {
        let (line, language) = (block.line, &block.language);
        assert!(known.contains(&language.as_str()), "line {line}: nothing runs `{language}`");
    }
    assert!(all.iter().filter(|block| block.language == "lua").count() <= 1);
}

/// The sources of a folder without its policies, and without what only these can satisfy.
fn bare(folder: &str) -> Sources {
    let read = |name: &str| fs::read_to_string(root().join(folder).join(name)).unwrap();
    let settings: Vec<String> = read("database.toml")
        .lines()
        .filter(|line| !line.starts_with("scope_filter") && !line.starts_with("unscoped"))
        .map(str::to_owned)
        .collect();
    Sources { settings: settings.join("\n"), catalog: read("catalog.toml"), policies: Vec::new() }
}

#[test]
fn policies_load() {
    for block in of_language("cedar") {
        let mut sources = bare(block.folder());
        sources.policies.push(("guide.cedar".to_owned(), block.text));
        let loaded = Database::from_sources("guide".parse().unwrap(), &sources);
        assert!(loaded.is_ok(), "line {}: {}", block.line, loaded.err().unwrap());
    }
}

#[test]
fn settings_catalogs_and_tests_are_read() {
    for block in of_language("toml") {
        let (line, text) = (block.line, &block.text);
        let starts = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
        if starts("[[test]]") {
            passes(&block);
        } else if starts("default_schema") {
            Catalog::parse(text).unwrap_or_else(|error| panic!("line {line}: {error}"));
        } else if starts("{ name") || starts("foreign_keys") {
            let columns = if starts("foreign_keys") {
                format!(
                    "columns = [{{ name = \"label_code\", type = \"text\", nullable = true }}]\n{text}"
                )
            } else {
                format!("columns = [\n{text}\n]")
            };
            let text = format!("default_schema = \"main\"\n[[relation]]\nname = \"x\"\n{columns}");
            Catalog::parse(&text).unwrap_or_else(|error| panic!("line {line}: {error}"));
        } else {
            let rest = "engine = \"postgresql\"\nurl = \"env:X\"\ntenant_filter_column = \"customer_id\"\n";
            let text = if starts("engine") { text.clone() } else { format!("{rest}{text}") };
            Settings::parse(&text).unwrap_or_else(|error| panic!("line {line}: {error}"));
        }
    }
}

/// A copy of a folder with these tests and no others.
fn passes(block: &Block) {
    let temporary = tempfile::tempdir().unwrap();
    let to = temporary.path().join("policies/guide");
    fs::create_dir_all(to.join("tests")).unwrap();
    for entry in fs::read_dir(root().join(block.folder())).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::write(to.join("tests/guide.toml"), &block.text).unwrap();
    let (exit, output, errors) = crate::cli::run(temporary.path(), &["test"]);
    assert_eq!(exit, 0, "line {}: {output}{errors}", block.line);
}

/// `policies/app` of somebody who begins: the guide's first block, and a database.
async fn beginning() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("policies/app");
    fs::create_dir_all(&app).unwrap();
    let first = blocks(&guide()).into_iter().find(|block| block.language == "toml").unwrap();
    fs::write(app.join("database.toml"), first.text).unwrap();
    let options =
        SqliteConnectOptions::new().filename(app.join("app.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    for script in ["schema.sql", "seed.sql"] {
        let text = fs::read_to_string(root().join("fixtures/demo").join(script)).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a database to begin with")]
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }
    folder
}

#[tokio::test]
async fn commands_give_what_the_guide_shows() {
    let app = beginning().await;
    for block in of_language("console") {
        let folder = if block.note("in").is_some() { app.path() } else { root() };
        let needs_solver =
            block.text.contains("dialektai prove") || block.text.contains("dialektai diff");
        if needs_solver && !has_solver() {
            continue;
        }
        let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
        for line in block.text.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command.to_owned(), Vec::new())),
                None => commands.last_mut().expect("a command comes first").1.push(line),
            }
        }
        for (command, expected) in commands {
            let found = run(folder, &command);
            assert!(is_shown(&expected, &found), "line {}: `{command}` gives\n{found}", block.line);
        }
    }
}

fn run(folder: &Path, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_dialektai")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", binary.display()))
        .env_remove("DIALEKTAI_POLICIES")
        .env_remove("DIALEKTAI_STORE")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether these lines are the output, where `..` stands for any lines.
fn is_shown(expected: &[&str], found: &str) -> bool {
    let found: Vec<&str> = found.trim_end().lines().collect();
    let mut at = 0;
    let mut anywhere = false;
    for line in expected {
        if line.trim() == ".." {
            anywhere = true;
            continue;
        }
        let rest = found.get(at..).unwrap_or_default();
        let place = if anywhere { rest.iter().position(|own| own == line) } else { Some(0) };
        match place {
            Some(place) if rest.get(place) == Some(line) => at += place + 1,
            Some(_) | None => return false,
        }
        anywhere = false;
    }
    anywhere || at == found.len()
}

#[test]
fn scripts_know_the_settings() {
    for block in of_language("sql") {
        for (engine, schema, names) in [
            ("postgresql", "public", ["dialektai.tenant", "dialektai.scope"]),
            ("sqlserver", "dbo", ["N'tenant'", "N'scope'"]),
        ] {
            let mut sources = bare("policies/demo");
            sources.settings = sources.settings.replace("\"sqlite\"", &format!("\"{engine}\""));
            sources.catalog = sources.catalog.replace("\"main\"", &format!("\"{schema}\""));
            for name in ["shared.cedar", "tenant.cedar"] {
                let text = fs::read_to_string(root().join("policies/demo").join(name)).unwrap();
                sources.policies.push((name.to_owned(), text));
            }
            let database = Database::from_sources("demo".parse().unwrap(), &sources).unwrap();
            let script = dialektai::rls::script(&database).unwrap().text;
            let said = names.iter().filter(|name| block.text.contains(*name));
            let said: Vec<_> = said.collect();
            assert!(!said.is_empty(), "line {}", block.line);
            assert!(
                said.iter().all(|name| script.contains(*name)),
                "line {}: {script}",
                block.line
            );
        }
    }
}

#[test]
fn editors_read_what_they_are_shown() {
    for block in of_language("json") {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
        assert!(read.is_ok(), "line {}", block.line);
    }
    for block in of_language("cedarschema") {
        let name = Path::new(block.folder()).file_name().unwrap().to_str().unwrap();
        let schema = run(root(), &format!("dialektai schema {name}"));
        assert!(schema.contains(&block.text), "line {}: {schema}", block.line);
    }
}
