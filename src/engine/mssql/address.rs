//! Where a SQL Server is and who logs in there: from the `url` of a database.
//!
//! Three spellings are read: `sqlserver://user:password@host:port/database?key=value`, the driver's
//! `jdbc:sqlserver://..` and an ADO.NET string (`server=tcp:host,1433;user id=..`). Nothing of them enters a message.

use tiberius::{AuthMethod, Config, EncryptionLevel};

use crate::engine::EngineError;

/// The port where nothing else is said.
const PORT: u16 = 1433;

/// What the server's own lists of sessions call this program.
const APPLICATION: &str = "dialektai";

/// A server, a database of it and a login.
#[derive(Clone)]
pub(super) struct Address {
    /// Everything that the driver's handshake needs.
    pub(super) config: Config,
    /// The host, as the system resolves it.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// The database that the session must turn out to be in; none leaves it to the login.
    pub(super) database: Option<String>,
}

impl Address {
    /// Reads a URL.
    pub(super) fn parse(url: &str) -> Result<Self, EngineError> {
        let url = url.trim();
        let (mut config, database) = if let Some(rest) = strip_scheme(url) {
            Url::parse(rest)?.config()?
        } else {
            foreign(url)?
        };
        // No read of ours waits for the driver's own clocks: deadlines are the pool's.
        config.handshake_timeout(None);
        config.command_timeout(None);
        let place = config.get_addr();
        let (host, port) = place.rsplit_once(':').unwrap_or((place.as_str(), ""));
        Ok(Self { host: host.to_owned(), port: port.parse().unwrap_or(PORT), config, database })
    }
}

fn strip_scheme(url: &str) -> Option<&str> {
    ["sqlserver://", "mssql://"].iter().find_map(|scheme| url.strip_prefix(scheme))
}

fn unusable(why: &'static str) -> EngineError {
    EngineError::Url(why)
}

/// The driver's own two spellings. It says which database it found to the server only, so the session is not checked
/// for it.
fn foreign(url: &str) -> Result<(Config, Option<String>), EngineError> {
    let parsed = if url.starts_with("jdbc:") {
        Config::from_jdbc_string(url)
    } else if url.contains('=') {
        Config::from_ado_string(url)
    } else {
        return Err(unusable("it must be `sqlserver://USER:PASSWORD@HOST/DATABASE` or `env:NAME`"));
    };
    // The driver's message quotes the string, password and all.
    let mut config = parsed.map_err(|_| unusable("the connection string cannot be read"))?;
    config.application_name(APPLICATION);
    config.readonly(true);
    Ok((config, None))
}

/// The parts of a `sqlserver://` URL, decoded.
struct Url {
    user: String,
    password: String,
    host: String,
    port: u16,
    database: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Url {
    fn parse(rest: &str) -> Result<Self, EngineError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').ok_or(unusable("it names no user"))?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = host_and_port(place)?;
        let database = decode(path)?;
        let parameters = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?.to_ascii_lowercase().replace('_', ""), decode(value)?))
        });
        let url = Self {
            user: decode(user)?,
            password: decode(password)?,
            host: decode(host)?,
            port,
            database: (!database.is_empty()).then_some(database),
            parameters: parameters.collect::<Result<_, EngineError>>()?,
        };
        match () {
            () if url.user.is_empty() => Err(unusable("it names no user")),
            () if url.host.is_empty() => Err(unusable("it names no host")),
            () => Ok(url),
        }
    }

    fn config(self) -> Result<(Config, Option<String>), EngineError> {
        let mut config = Config::new();
        config.host(self.host);
        config.port(self.port);
        config.authentication(AuthMethod::sql_server(self.user, self.password));
        if let Some(database) = &self.database {
            config.database(database);
        }
        config.application_name(APPLICATION);
        config.encryption(EncryptionLevel::Required);
        config.readonly(true);
        let (mut trusts_any, mut authority) = (false, None);
        for (key, value) in self.parameters {
            match key.as_str() {
                "encrypt" => config.encryption(encryption(&value)?),
                "trustservercertificate" => trusts_any = truth(&value)?,
                "trustservercertificateca" => authority = Some(value),
                "hostnameincertificate" => config.hostname_in_certificate(value),
                "applicationname" => config.application_name(value),
                "applicationintent" => config.readonly(reads_only(&value)?),
                _ => return Err(unusable("it has a parameter that is not known")),
            }
        }
        // The driver panics on both.
        match (trusts_any, authority) {
            (false, None) => {}
            (true, None) => config.trust_cert(),
            (false, Some(path)) => config.trust_cert_ca(path),
            (true, Some(_)) => {
                return Err(unusable("it trusts every certificate and names an authority too"));
            }
        }
        Ok((config, self.database))
    }
}

fn host_and_port(place: &str) -> Result<(&str, u16), EngineError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) =
                bracketed.split_once(']').ok_or(unusable("its host cannot be read"))?;
            (host, rest.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port =
        port.map_or(Ok(PORT), |port| port.parse().map_err(|_| unusable("its port is no number")));
    Ok((host, port?))
}

/// `true` encrypts everything, `false` the login only: SQL Server has a certificate of its own for that at least.
fn encryption(value: &str) -> Result<EncryptionLevel, EngineError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "mandatory" | "required" => Ok(EncryptionLevel::Required),
        "false" | "no" | "optional" => Ok(EncryptionLevel::Off),
        // The driver's own word for sending even the password as it is.
        "danger_plaintext" => Ok(EncryptionLevel::NotSupported),
        _ => Err(unusable("`encrypt` must be `true`, `false` or `danger_plaintext`")),
    }
}

fn truth(value: &str) -> Result<bool, EngineError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(unusable("`trust_server_certificate` must be `true` or `false`")),
    }
}

fn reads_only(value: &str) -> Result<bool, EngineError> {
    match value.to_ascii_lowercase().as_str() {
        "readonly" => Ok(true),
        "readwrite" => Ok(false),
        _ => Err(unusable("`application_intent` must be `readonly` or `readwrite`")),
    }
}

/// Takes back percent-encoding (RFC 3986 section 2.1).
fn decode(text: &str) -> Result<String, EngineError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
            let (high, low) = (digit(rest.next()), digit(rest.next()));
            let value = high.zip(low).map(|(high, low)| high * 16 + low);
            value
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(unusable("a `%` is not followed by two digits"))?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_decoded() {
        let url = "sqlserver://reader:p%40ss:w%2Ford@[::1]:1444/My%20Shop?encrypt=true&trust_server_certificate=yes";
        let address = Address::parse(url).unwrap();
        assert_eq!((&*address.host, address.port), ("::1", 1444));
        assert_eq!(address.database.as_deref(), Some("My Shop"));
        let parsed = Url::parse(strip_scheme(url).unwrap()).unwrap();
        assert_eq!((&*parsed.user, &*parsed.password), ("reader", "p@ss:w/ord"));
        let plain = Address::parse("mssql://a:b@db.example").unwrap();
        assert_eq!((&*plain.host, plain.port, plain.database), ("db.example", 1433, None));
        assert!(Address::parse("server=tcp:db,1440;user id=a;password=b;database=c").is_ok());
        let jdbc = "jdbc:sqlserver://db:1440;user=a;password=b;databaseName=c";
        assert_eq!(Address::parse(jdbc).unwrap().port, 1440);
    }

    #[test]
    fn what_cannot_be_read_is_said_without_the_url() {
        for url in [
            "",
            "postgres://a:b@c",
            "sqlserver://db",
            "sqlserver://:secret@db",
            "sqlserver://a:secret@",
            "sqlserver://a:secret@db:port",
            "sqlserver://a:secret@db:99999",
            "sqlserver://a:secret@[::1",
            "sqlserver://a:se%zzcret@db",
            "sqlserver://a:secret@db?encrypt=perhaps",
            "sqlserver://a:secret@db?instance=x",
            "sqlserver://a:secret@db?trust_server_certificate=1",
            "sqlserver://a:secret@db?application_intent=write",
            "sqlserver://a:secret@db?trust_server_certificate=true&trust_server_certificate_ca=/x",
            "jdbc:nothing:secret",
            "server=;;=secret='",
        ] {
            let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(matches!(error, EngineError::Url(_)), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
