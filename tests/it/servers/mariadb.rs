//! MariaDB of Debian's packages: a server of one's own in a temporary folder, on a free port.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};

use super::{account, free_port, is_root, left_out};

/// A server that is stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn spawn(program: &Path, data: &Path, port: u16, settings: &[&str]) -> Child {
    let mut command = Command::new(program);
    // `--no-defaults` must stand first.
    command.arg("--no-defaults");
    if is_root() {
        command.arg("--user=mysql");
    }
    command
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", data.join("s").display()))
        .arg(format!("--pid-file={}", data.join("p").display()))
        // A server that starts clears its folder of temporary tables, another server's too.
        .arg(format!("--tmpdir={}", data.display()))
        .args([&format!("--port={port}"), "--bind-address=127.0.0.1", "--skip-name-resolve"])
        .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"])
        .args(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Server {
    /// Starts a server, with further settings as `mariadbd` takes them; `None`, said aloud, where MariaDB is not
    /// installed. `root` has no password over TCP.
    pub(crate) async fn start(settings: &[&str]) -> Option<Self> {
        let (Some(install), Some(daemon)) = (program("mariadb-install-db"), program("mariadbd"))
        else {
            left_out("mariadb", "MariaDB");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("dialektai-mariadb-").tempdir().unwrap();
        let data = folder.path().join("data");
        let mut made = Command::new(install);
        made.args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--innodb-flush-log-at-trx-commit=0"])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--tmpdir={}", folder.path().display()));
        if is_root() {
            let (user, group) = account("mysql");
            chown(folder.path(), Some(user), Some(group)).unwrap();
            made.arg("--user=mysql");
        }
        let made = made.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let server = Self { process: spawn(&daemon, &data, port, settings), port, folder };
        server.wait().await;
        Some(server)
    }

    /// Until it answers.
    pub(crate) async fn wait(&self) {
        for _ in 0..200 {
            if self.options("mysql").connect().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("MariaDB did not start");
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again after `kill`, on the same data and port.
    pub(crate) async fn restart(&mut self, settings: &[&str]) {
        let data = self.folder.path().join("data");
        self.process = spawn(&program("mariadbd").unwrap(), &data, self.port, settings);
        self.wait().await;
    }

    /// How to connect as the superuser.
    pub(crate) fn options(&self, database: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("root")
            .database(database)
            .ssl_mode(MySqlSslMode::Disabled)
    }

    /// A connection as the superuser.
    pub(crate) async fn connect(&self, database: &str) -> MySqlConnection {
        self.options(database).connect().await.unwrap()
    }
}
