//! Where a server is, and who the engine is there: the URL of `database.toml`.
//!
//! The driver takes what it does not know in silence: a misspelt `ssl-mode` would be an open connection, and a missing
//! user would be `root`. So the URL is read here first.

use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::mysql::MySqlConnectOptions;

use crate::engine::EngineError;

const FORM: &str = "it must be `mysql://USER:PASSWORD@HOST:PORT/DATABASE`";

/// Reads a URL. Its text is in no error: it holds a password.
pub(super) fn read(url: &str) -> Result<MySqlConnectOptions, EngineError> {
    let rest = ["mysql://", "mariadb://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or(EngineError::Url(FORM))?;
    if rest.contains('#') {
        return Err(EngineError::Url("a `#` in it must be written as `%23`"));
    }
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (server, database) = place.split_once('/').unwrap_or((place, ""));
    let (login, host) = server.rsplit_once('@').unwrap_or(("", server));
    if login.split(':').next().unwrap_or_default().is_empty() {
        return Err(EngineError::Url("it names no user"));
    }
    if host.split(':').next().unwrap_or_default().is_empty() {
        return Err(EngineError::Url("it names no host"));
    }
    if database.is_empty() {
        return Err(EngineError::Url("it names no database"));
    }
    if database.contains('/') {
        return Err(EngineError::Url("it names more than one database"));
    }
    let mut seen = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if !["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"].contains(&name) {
            return Err(EngineError::Url(
                "it may have `ssl-mode`, `ssl-ca`, `ssl-cert` and `ssl-key`, and no other parameter",
            ));
        }
        if seen.contains(&name) {
            return Err(EngineError::Url("it has a parameter twice"));
        }
        seen.push(name);
    }
    let options = MySqlConnectOptions::from_str(url).map_err(|_| {
        EngineError::Url(
            "it is not a URL, or `ssl-mode` is not one of `disabled`, `preferred`, `required`, `verify_ca` and `verify_identity`",
        )
    })?;
    Ok(options
        // What the driver would set is set, and verified, by `session`.
        .set_names(false)
        .timezone(None)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        // The one statement of a connection, so that its columns are known without asking twice.
        .statement_cache_capacity(1)
        .disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_everything() {
        let options = read("mysql://ann:p%40ss@db.example:3307/shop%2Done?ssl-mode=required");
        let options = options.unwrap();
        assert_eq!(options.get_host(), "db.example");
        assert_eq!(options.get_port(), 3307);
        assert_eq!(options.get_username(), "ann");
        assert_eq!(options.get_database(), Some("shop-one"));
        assert!(matches!(options.get_ssl_mode(), sqlx::mysql::MySqlSslMode::Required));
    }

    #[test]
    fn what_the_driver_would_guess_is_refused() {
        for (url, says) in [
            ("postgres://ann@h/d", "it must be"),
            ("mysql:ann@h/d", "it must be"),
            ("mysql://h/d", "no user"),
            ("mysql://:pw@h/d", "no user"),
            ("mysql://ann@/d", "no host"),
            ("mysql://ann@:3306/d", "no host"),
            ("mysql://ann@h", "no database"),
            ("mysql://ann@h/", "no database"),
            ("mysql://ann@h/?ssl-mode=required", "no database"),
            ("mysql://ann@h/d/e", "more than one"),
            ("mysql://ann:a#b@h/d", "%23"),
            ("mysql://ann@h/d?sslmode=required", "no other parameter"),
            ("mysql://ann@h/d?ssl_mode=required", "no other parameter"),
            ("mysql://ann@h/d?socket=/tmp/s", "no other parameter"),
            ("mysql://ann@h/d?ssl-mode=require", "not one of"),
            ("mysql://ann@h/d?ssl-mode=required&ssl-mode=disabled", "twice"),
            ("mysql://ann@h:port/d", "not a URL"),
        ] {
            let refused = read(url).map(drop).unwrap_err();
            let EngineError::Url(text) = refused else { panic!("{url}: {refused}") };
            assert!(text.contains(says), "{url}: {text}");
            assert!(!text.contains("ann"), "{url}: {text}");
        }
    }
}
