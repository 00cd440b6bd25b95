//! Encryption: as the URL wants it, or a coded refusal.

use std::path::Path;
use std::process::Command;

use dialektai::engine::EngineError;

use super::site::{ask, database, engine};
use crate::servers::mongodb::Server;

/// An authority that nobody knows, and a certificate of it for `localhost`.
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
}

#[tokio::test]
async fn encryption_is_as_the_url_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let settings = ["--tls-cert-file", &cert, "--tls-key-file", &key];
    let Some(server) = Server::start(&settings).await else { return };
    let outcome = async |host: &str, options: &str| {
        let url = format!("mongodb://{host}:{}/shop?directConnection=true{options}", server.port);
        let database = database(&url, "");
        let engine = engine(&database).await?;
        ask(&engine, &database, 82, "db.n.find()").await.map(drop)
    };
    let trusted = format!("&tls=true&tlsCAFile={ca}");
    assert_eq!(outcome("localhost", &trusted).await, Ok(()));
    assert_eq!(outcome("localhost", "&tls=true&tlsAllowInvalidCertificates=true").await, Ok(()));
    // An authority that nobody knows; a certificate for another host; no file of authorities.
    assert_eq!(outcome("localhost", "&tls=true").await, Err(EngineError::Tls));
    assert_eq!(outcome("127.0.0.1", &trusted).await, Err(EngineError::Tls));
    let missing = "&tls=true&tlsCAFile=/nonexistent.pem";
    assert_eq!(outcome("localhost", missing).await, Err(EngineError::Tls));
    // Two that do not agree on whether to encrypt.
    assert_eq!(outcome("localhost", "").await, Err(EngineError::Unavailable));
}
