//! `secantusd-rs`, which speaks MongoDB's protocol: a server of one's own in a temporary folder, on a free port.
//!
//! MongoDB's own server is in no package registry. This one says that it follows MongoDB 8; where it does not, the
//! tests that need it say so. It is a program of its own and no part of the build:
//! `cargo install secantus-mdb --version 0.5.3-beta.196 --locked --ignore-rust-version --root ~/.local/secantus`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bson::{Document, RawDocumentBuf, doc};
use mongodb::{Client, Database};

use super::left_out;

/// A server that is stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the program is: `DIALEKTAI_TEST_MONGODB`, then the PATH, then where `cargo install` was told to put it.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("DIALEKTAI_TEST_MONGODB") {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new(&home).join(".local/secantus/bin")])
        .map(|folder| folder.join("secantusd-rs"))
        .find(|path| path.is_file())
}

/// Starts it, and waits for the line in which it names its port. `port` 0 is any that is free.
async fn spawn(program: &Path, folder: &Path, port: u16, settings: &[&str]) -> (Child, u16) {
    let said = folder.join("said");
    let mut process = Command::new(program)
        // Without a file of settings it looks for one at home.
        .args(["--port", &port.to_string(), "--standalone", "--log-level", "WARNING"])
        .arg("--storage-path")
        .arg(folder.join("data"))
        .args(["--cache-size", "64M", "--log-file-max", "1MB"])
        .args(settings)
        .current_dir(folder)
        .env("HOME", folder)
        .stdout(Stdio::from(std::fs::File::create(&said).unwrap()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..400 {
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        if let Some((line, _)) = text.split_once('\n') {
            let port = line.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
            return (process, port.unwrap_or_else(|| panic!("no port in {line:?}")));
        }
        assert!(process.try_wait().unwrap().is_none(), "secantusd-rs stopped at once");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = process.kill();
    let _ = process.wait();
    panic!("secantusd-rs did not start");
}

impl Server {
    /// Starts a server, with further settings as `secantusd-rs` takes them; `None`, said aloud, where it is not
    /// installed.
    pub(crate) async fn start(settings: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            left_out("mongodb", "a server of MongoDB's protocol (secantusd-rs)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("dialektai-mongodb-").tempdir().unwrap();
        let (process, port) = spawn(&program, folder.path(), 0, settings).await;
        Some(Self { process, port, program, folder })
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again after `kill`, on the same data and port.
    pub(crate) async fn restart(&mut self, settings: &[&str]) {
        (self.process, _) = spawn(&self.program, self.folder.path(), self.port, settings).await;
    }

    /// Where it is, as `database.toml` says it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// A database of it, as one who may do everything.
    pub(crate) async fn database(&self, name: &str) -> Database {
        let client = Client::with_uri_str(self.url(name)).await.unwrap();
        client.database(name)
    }
}

/// Runs a command that must succeed.
pub(crate) async fn run(database: &Database, command: Document) -> Document {
    database.run_command(command.clone()).await.unwrap_or_else(|error| panic!("{error}: {command}"))
}

/// Adds documents to a collection, as they are. Nothing that a driver would add or take away.
pub(crate) async fn insert(database: &Database, collection: &str, documents: &[Document]) {
    for some in documents.chunks(500) {
        let answer = run(database, doc! { "insert": collection, "documents": some.to_vec() }).await;
        assert!(!answer.contains_key("writeErrors"), "{answer}");
    }
}

/// Every document that a `find` or an `aggregate` gives, over all batches; or the code and the text of its error.
pub(crate) async fn all(database: &Database, command: &Document) -> Result<Vec<Document>, String> {
    let raw = RawDocumentBuf::try_from(command).unwrap();
    let mut cursor =
        database.run_raw_cursor_command(raw).await.map_err(|error| error.to_string())?;
    let mut documents = Vec::new();
    while cursor.advance().await.map_err(|error| error.to_string())? {
        documents.push(Document::try_from(cursor.current()).unwrap());
    }
    Ok(documents)
}
