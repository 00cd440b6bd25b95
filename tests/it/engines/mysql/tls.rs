//! Encryption: as the URL wants it, or a coded refusal.

use std::path::Path;
use std::process::Command;

use dialektai::engine::EngineError;

use super::site::{PASSWORD, Site, USER, execute, introspect, settings, url};
use crate::servers::mariadb::Server;

/// An authority that nobody knows, and a certificate of it for `localhost`, readable for every account.
fn certificate(folder: &Path) {
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").unwrap();
    for command in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.csr",
        "x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
    ] {
        let made = Command::new("openssl").args(command.split(' ')).current_dir(folder).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    for (path, mode) in [(folder.to_owned(), 0o755), (folder.join("key.pem"), 0o644)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
}

#[tokio::test]
async fn encryption_is_as_the_url_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let options = [format!("--ssl-cert={cert}"), format!("--ssl-key={key}")];
    let Some(server) = Server::start(&[&options[0], &options[1]]).await else { return };
    let script = "CREATE FUNCTION cipher() RETURNS TEXT RETURN \
                  (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher');
                  CREATE VIEW ciphers AS SELECT cipher() AS shown; CREATE TABLE n (i INT)";
    let site = Site::on(server, script, "", "ssl-mode=required").await;
    let port = site.server.port;
    let http = site.http().await;
    let (_, fields) = http.query("SELECT shown FROM ciphers").await;
    assert!(fields["rows"].get().contains("TLS_"), "{fields:?}");

    let look = |address: String| async move { introspect(&settings(&address, "")).await.map(drop) };
    let at =
        |host: &str, parameters: &str| url(port, PASSWORD, parameters).replace("127.0.0.1", host);
    for (host, parameters, expected) in [
        ("127.0.0.1", "ssl-mode=disabled".to_owned(), Ok(())),
        ("127.0.0.1", "ssl-mode=preferred".to_owned(), Ok(())),
        ("127.0.0.1", String::new(), Ok(())),
        // Nobody known vouches for it.
        ("localhost", "ssl-mode=verify_ca".to_owned(), Err(EngineError::Tls)),
        ("localhost", "ssl-mode=verify_identity".to_owned(), Err(EngineError::Tls)),
        ("localhost", format!("ssl-mode=verify_ca&ssl-ca={ca}"), Ok(())),
        ("localhost", format!("ssl-mode=verify_identity&ssl-ca={ca}"), Ok(())),
        // It is for another name.
        ("127.0.0.1", format!("ssl-mode=verify_identity&ssl-ca={ca}"), Err(EngineError::Tls)),
        ("localhost", "ssl-mode=required&ssl-ca=/nowhere".to_owned(), Ok(())),
        ("localhost", "ssl-mode=verify_ca&ssl-ca=/nowhere".to_owned(), Err(EngineError::Tls)),
    ] {
        assert_eq!(look(at(host, &parameters)).await, expected, "{host} {parameters}");
    }

    // The server wants it, and the URL does not.
    let mut admin = site.admin().await;
    execute(&mut admin, &format!("ALTER USER '{USER}'@'%' REQUIRE SSL")).await;
    assert_eq!(look(at("127.0.0.1", "ssl-mode=disabled")).await, Err(EngineError::Login));
    assert_eq!(look(at("127.0.0.1", "ssl-mode=required")).await, Ok(()));
    execute(&mut admin, &format!("ALTER USER '{USER}'@'%' REQUIRE NONE")).await;
    execute(&mut admin, "SET GLOBAL require_secure_transport = 1").await;
    // MariaDB calls that a wrong login too.
    assert_eq!(look(at("127.0.0.1", "ssl-mode=disabled")).await, Err(EngineError::Login));
    assert_eq!(look(at("127.0.0.1", "ssl-mode=required")).await, Ok(()));
}
