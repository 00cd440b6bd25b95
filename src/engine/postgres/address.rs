//! Where a PostgreSQL server is: the `url` of `database.toml`.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::engine::EngineError;

/// How the engine calls itself in `pg_stat_activity` and in the server's log.
const APPLICATION: &str = "dialektai";

/// The parameters that a URL may carry. `options` is not among them: it could change how texts are read.
const PARAMETERS: [&str; 10] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
];

/// Reads `postgres://user:password@host:port/database?sslmode=...`
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>). What it leaves out is taken
/// from the environment as libpq does. No error and no log quotes it, since it holds a password.
pub(super) fn read(url: &str) -> Result<PgConnectOptions, EngineError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(EngineError::Url("it must be `postgres://...` or `env:NAME`"));
    }
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let parameters = parameters.split_once('#').map_or(parameters, |(before, _)| before);
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !PARAMETERS.contains(&name) {
            return Err(EngineError::Url("it has a parameter that is not known"));
        }
    }
    let options: PgConnectOptions =
        url.parse().map_err(|_| EngineError::Url("it is no well-formed `postgres://` address"))?;
    Ok(options
        .application_name(APPLICATION)
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_repeated() {
        let options = read("postgresql://me:s%40cret@db.example:6000/shop?sslmode=verify-full");
        let options = options.unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("db.example", 6000));
        assert_eq!((options.get_username(), options.get_database()), ("me", Some("shop")));
        assert_eq!(options.get_application_name(), Some(APPLICATION));
        for url in [
            "mysql://me:secret@host/db",
            "me:secret@host",
            "",
            "postgres://me:secret@host:port/db",
            "postgres://me:secret@host/db?sslmode=secret",
            "postgres://me:secret@host/db?passwd=secret",
            "postgres://me:secret@host/db?options=-c%20search_path%3Dsecret",
            "postgres://me:secret@host/db?options[search_path]=secret",
            "postgres://me:secret@host/db?sslmode=require&secret",
        ] {
            let error = read(url).unwrap_err();
            assert!(matches!(error, EngineError::Url(_)), "{url}");
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
