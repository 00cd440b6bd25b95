//! PostgreSQL of Debian's packages: a server of one's own in a temporary folder, on a free port.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::{account, free_port, is_root, left_out};

/// A server that is stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    settings: Vec<String>,
    programs: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where Debian keeps the programs, newest version last; or the PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.sort();
    folders
        .into_iter()
        .rfind(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A command as a user that PostgreSQL accepts: it refuses to run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn spawn(programs: &Path, data: &Path, port: u16, settings: &[String]) -> Child {
    command(&programs.join("postgres"))
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
        .args(["-c", "unix_socket_directories="])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Server {
    /// Starts a server, with further settings as `postgres -c` takes them; `None`, said aloud, where PostgreSQL is not
    /// installed.
    pub(crate) async fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            left_out("postgresql", "PostgreSQL");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("dialektai-postgresql-").tempdir().unwrap();
        if is_root() {
            let (user, group) = account("postgres");
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "-D",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let process = spawn(&programs, &data, port, &settings);
        let mut server = Self { process, port, settings, programs, folder };
        server.ready().await;
        Some(server)
    }

    /// Stops the server at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Sends a signal to the server, and to its processes of these numbers.
    pub(crate) fn signal(&self, name: &str, processes: &[i64]) {
        let mut command = Command::new("kill");
        command.arg(name).arg(self.process.id().to_string());
        command.args(processes.iter().map(ToString::to_string));
        assert!(command.status().unwrap().success());
    }

    /// Starts a server that was stopped, at the same place.
    pub(crate) async fn start_again(&mut self) {
        let data = self.folder.path().join("data");
        self.process = spawn(&self.programs, &data, self.port, &self.settings);
        self.ready().await;
    }

    /// A file of the data folder. The server reads some of them only when it is started.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("data").join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        if is_root() {
            let (user, group) = account("postgres");
            chown(&path, Some(user), Some(group)).unwrap();
        }
    }

    async fn ready(&mut self) {
        for _ in 0..200 {
            if self.options("postgres").connect().await.is_ok() {
                return;
            }
            // After a crash the server waits for what is left of it to go away, and gives up.
            if self.process.try_wait().unwrap().is_some() {
                let data = self.folder.path().join("data");
                self.process = spawn(&self.programs, &data, self.port, &self.settings);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("PostgreSQL did not start");
    }

    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// A connection as the superuser.
    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        self.options(database).connect().await.unwrap()
    }
}
