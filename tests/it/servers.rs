//! Database servers for tests: each test starts what it needs, in a temporary folder and on a free port, and stops it.
//!
//! A server whose programs are not installed is left out, and the test says so; unless `DIALEKTAI_TEST_REQUIRE` names it.

pub(crate) mod mariadb;
pub(crate) mod mongodb;
pub(crate) mod postgresql;
pub(crate) mod tds;

use std::net::TcpListener;
use std::process::Command;

/// Says what is left out, or fails where nothing may be.
pub(crate) fn left_out(name: &str, title: &str) {
    let required = std::env::var("DIALEKTAI_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|required| required == name),
        "{title} is required and not installed"
    );
    eprintln!("left out: {title} is not installed, so what needs it was not run");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    id(&["-u"]) == 0
}

/// User and group of an account.
fn account(name: &str) -> (u32, u32) {
    (id(&["-u", name]), id(&["-g", name]))
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
