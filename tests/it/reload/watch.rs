//! A server that notices by itself that its policies have changed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{FORBID, ask, until};
use crate::cli;
use crate::http::case;

/// What is promised.
const PROMISED: Duration = Duration::from_secs(2);
/// The other task is nobody's either.
const FORBID_TWO: &str = "@id(\"not-two\") forbid (principal, action == Action::\"read\", resource is tasks) \
    when { resource.title == \"two\" };\n";

/// A server as a process, which ends with the test.
struct Server {
    child: Child,
    address: String,
    key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    async fn start(folder: &Path) -> Self {
        let tenant = "tenant_filter_column = \"customer_id\"\n";
        case::database(&folder.join("policies"), "acme", tenant, cli::TASKS).await;
        let (_, key, _) = cli::run(folder, &["keys", "create"]);
        let mut command = cli::command(folder, &["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address, key: key.trim().to_owned() }
    }

    fn rows(&self) -> Json {
        let (status, reply) = ask(&self.address, &self.key);
        assert_eq!(status, 200, "{reply}");
        reply["rows"].clone()
    }

    /// The entry of the database in the list of all.
    fn entry(&self) -> Json {
        super::get(&self.address, &self.key, "/api/v1/databases")["databases"][0].clone()
    }
}

/// Changes something, and waits for what it leads to.
fn changed(what: &str, change: impl FnOnce(), mut holds: impl FnMut() -> bool) {
    change();
    let since = Instant::now();
    until(what, &mut holds);
    let took = since.elapsed();
    println!("{what}: {} ms", took.as_millis());
    assert!(took < PROMISED, "{what} took {took:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_notices_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let more = folder.path().join("policies/acme/more.cedar");
    let all = json!([["one"], ["two"]]);
    assert_eq!(server.rows(), all);
    let first = server.entry();
    assert_eq!(
        (&first["status"], &first["problem"], &first["codes"]),
        (&json!("ok"), &json!(null), &json!([]))
    );

    let write = |text: &str| std::fs::write(&more, text).unwrap();
    changed("the new rule", || write(FORBID), || server.rows() == json!([["two"]]));
    let second = server.entry();
    assert_ne!(second["policy_version"], first["policy_version"]);

    // A broken one is told, without a word of its text; the last good one keeps serving.
    let broken = "@id(\"x\") permit (principal, action, resource) when { resource.s3cret };";
    let told = || server.entry()["problem"] == "invalid_policies";
    changed("the broken one", || write(broken), told);
    let entry = server.entry();
    assert_eq!((&entry["status"], &entry["codes"]), (&json!("ok"), &json!(["policy_invalid"])));
    assert_eq!(entry["policy_version"], second["policy_version"]);
    assert!(!entry.to_string().contains("s3cret"), "{entry}");
    assert_eq!(server.rows(), json!([["two"]]));

    let gone = || std::fs::remove_file(&more).unwrap();
    changed("the mended one", gone, || server.rows() == all);
    let last = server.entry();
    assert_eq!(
        (&last["policy_version"], &last["problem"]),
        (&first["policy_version"], &json!(null))
    );
}

/// Files that go together change together where the folder is replaced at once: no answer is of one of them alone.
#[cfg(unix)]
#[tokio::test]
async fn files_that_go_together_change_together() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let policies = folder.path().join("policies");
    let (now, versions) = (policies.join("acme"), folder.path().join("versions"));
    std::fs::create_dir_all(versions.join("both")).unwrap();
    for file in std::fs::read_dir(&now).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), versions.join("both").join(file.file_name())).unwrap();
    }
    std::fs::write(versions.join("both/more.cedar"), FORBID).unwrap();
    std::fs::write(versions.join("both/other.cedar"), FORBID_TWO).unwrap();
    std::fs::rename(&now, versions.join("none")).unwrap();
    let point_to = |version: &str| {
        let next = folder.path().join("next");
        std::os::unix::fs::symlink(versions.join(version), &next).unwrap();
        std::fs::rename(&next, &now).unwrap();
    };
    point_to("none");

    let mut seen = BTreeSet::new();
    for turn in 0..6 {
        point_to(if turn % 2 == 0 { "both" } else { "none" });
        let expected = if turn % 2 == 0 { "[]" } else { "[[\"one\"],[\"two\"]]" };
        let since = Instant::now();
        // Some turns are quicker than the server looks.
        while since.elapsed() < Duration::from_millis(if turn < 4 { 300 } else { 2_000 }) {
            seen.insert(server.rows().to_string());
        }
        if turn >= 4 {
            assert_eq!(server.rows().to_string(), expected);
        }
    }
    let whole = ["[[\"one\"],[\"two\"]]", "[]"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(whole));
}
