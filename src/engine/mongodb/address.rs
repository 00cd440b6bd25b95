//! Where a MongoDB deployment is, and who the engine is there: the URL of `database.toml`.
//!
//! The driver takes options that change what a command means, and databases of the server's own. So the URL is read
//! here first.

use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;

use super::failure;
use crate::engine::EngineError;

const FORM: &str = "it must be `mongodb://USER:PASSWORD@HOST:PORT/DATABASE` or `env:NAME`";

/// How the engine calls itself in the server's log and its list of operations.
const APPLICATION: &str = "dialektai";

/// The options that a URL may carry, in lower case: how the servers are found and reached, and who asks there.
/// <https://www.mongodb.com/docs/manual/reference/connection-string-options/>
const OPTIONS: [&str; 16] = [
    "appname",
    "authmechanism",
    "authsource",
    "connecttimeoutms",
    "directconnection",
    "heartbeatfrequencyms",
    "localthresholdms",
    "maxstalenessseconds",
    "readpreference",
    "readpreferencetags",
    "replicaset",
    "serverselectiontimeoutms",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
];

/// Options about writes, which hosting services put into the URLs that they give away. Nothing is written here.
const OF_WRITES: [&str; 4] = ["journal", "retrywrites", "w", "wtimeoutms"];

/// Databases of the server's own.
const OF_THE_SERVER: [&str; 3] = ["admin", "config", "local"];

/// What a URL says.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) options: ClientOptions,
    /// The one database whose collections are read.
    pub(super) database: String,
}

/// Reads a URL. Its text is in no error: it holds a password. One of `mongodb+srv` asks the DNS.
pub(super) async fn read(url: &str) -> Result<Address, EngineError> {
    let rest = ["mongodb://", "mongodb+srv://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let (_, parameters) = rest.ok_or(EngineError::Url(FORM))?.split_once('?').unwrap_or_default();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase();
        if !OPTIONS.contains(&name.as_str()) && !OF_WRITES.contains(&name.as_str()) {
            return Err(EngineError::Url("it has an option that is not known"));
        }
    }
    let mut options = ClientOptions::parse(url).await.map_err(|error| match *error.kind {
        ErrorKind::DnsResolve { .. } => failure::of_connect(EngineError::Unavailable),
        _ => EngineError::Url("it is no well-formed `mongodb://` address"),
    })?;
    let Some(database) = options.default_database.clone() else {
        return Err(EngineError::Url("it names no database"));
    };
    if database.contains('.') || OF_THE_SERVER.contains(&database.as_str()) {
        return Err(EngineError::Url("it names a database that cannot be served"));
    }
    options.app_name.get_or_insert_with(|| APPLICATION.to_owned());
    Ok(Address { options, database })
}

#[cfg(test)]
mod tests {
    use mongodb::options::{ServerAddress, Tls};

    use super::*;

    #[tokio::test]
    async fn a_url_names_everything() {
        let url = "mongodb://ann:p%40ss@db.example:27018/shop?tls=true&authSource=admin&retryWrites=true&w=majority";
        let Address { options, database } = read(url).await.unwrap();
        assert_eq!(database, "shop");
        let [ServerAddress::Tcp { host, port }] = options.hosts.as_slice() else { panic!() };
        assert_eq!((host.as_str(), *port), ("db.example", Some(27018)));
        let credential = options.credential.unwrap();
        assert_eq!(credential.username.as_deref(), Some("ann"));
        assert_eq!(credential.source.as_deref(), Some("admin"));
        assert!(matches!(options.tls, Some(Tls::Enabled(_))));
        assert_eq!(options.app_name.as_deref(), Some(APPLICATION));
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_refused_without_the_url() {
        for (url, says) in [
            ("", "it must be"),
            ("mysql://ann:secret@h/d", "it must be"),
            ("ann:secret@h/d", "it must be"),
            ("mongodb://ann:secret@h", "no database"),
            ("mongodb://ann:secret@h/", "no database"),
            ("mongodb://ann:secret@h/?tls=true", "no database"),
            ("mongodb://ann:secret@h/admin", "cannot be served"),
            ("mongodb://ann:secret@h/local", "cannot be served"),
            ("mongodb://ann:secret@h/config", "cannot be served"),
            ("mongodb://ann:secret@h/shop.tasks", "cannot be served"),
            ("mongodb://ann:secret@h/d?readConcernLevel=majority", "not known"),
            ("mongodb://ann:secret@h/d?compressors=zlib", "not known"),
            ("mongodb://ann:secret@h/d?loadBalanced=true", "not known"),
            ("mongodb://ann:secret@h/d?tls=true&TLS=true", "well-formed"),
            ("mongodb://ann:secret@h/d?tls=secret", "well-formed"),
            ("mongodb://ann:secret@h:port/d", "well-formed"),
            ("mongodb://ann:se:c@ret@h/d", "well-formed"),
            ("mongodb+srv://ann:secret@h:27017/d", "well-formed"),
        ] {
            let refused = read(url).await.map(drop).unwrap_err();
            let EngineError::Url(text) = refused else { panic!("{url}: {refused}") };
            assert!(text.contains(says), "{url}: {text}");
            assert!(!text.contains("secret"), "{url}: {text}");
        }
    }
}
