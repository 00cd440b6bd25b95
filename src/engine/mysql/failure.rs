//! The server's errors by number, and the driver's by kind. Their texts are logged at debug level only: they quote
//! values, names and hosts.

use std::io::ErrorKind;

use sqlx::mysql::MySqlDatabaseError;

use crate::engine::EngineError;

/// Why a statement failed.
pub(super) fn of_query(error: &sqlx::Error) -> EngineError {
    tracing::debug!(%error, "the database reported an error");
    match error {
        sqlx::Error::Database(_) => number(error).map_or(EngineError::Failed, by_number),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => EngineError::Unavailable,
        sqlx::Error::Tls(_) => EngineError::Tls,
        _ => EngineError::Failed,
    }
}

/// The server's number of an error that is its own.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

/// Why a connection could not be opened.
pub(super) fn of_connect(error: &sqlx::Error) -> EngineError {
    let failure = match (error, of_query(error)) {
        // The driver hands on what TLS says as input and output that make no sense.
        (sqlx::Error::Io(io), _) if io.kind() == ErrorKind::InvalidData => EngineError::Tls,
        // A file of certificates that is not there; a key without its certificate.
        (sqlx::Error::Io(io), _) if io.kind() == ErrorKind::NotFound => EngineError::Tls,
        (sqlx::Error::Configuration(_), _) => EngineError::Tls,
        // No query ran, so none failed or took too long.
        (_, EngineError::Failed | EngineError::Timeout) => EngineError::Unavailable,
        (_, failure) => failure,
    };
    tracing::error!(error = %failure, "the database could not be reached");
    failure
}

/// Numbers as in <https://mariadb.com/kb/en/mariadb-error-code-reference/> and
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>; those below 1000 come from the
/// server's own files.
fn by_number(number: u16) -> EngineError {
    match number {
        // ER_LOCK_WAIT_TIMEOUT, ER_QUERY_INTERRUPTED, ER_STATEMENT_TIMEOUT (MariaDB), ER_QUERY_TIMEOUT (MySQL)
        1205 | 1317 | 1969 | 3024 => EngineError::Timeout,
        // EE_WRITE and EE_DISK_FULL, ER_DISK_FULL, ER_ERROR_ON_WRITE, ER_RECORD_FILE_FULL
        3 | 20 | 1021 | 1026 | 1114 => EngineError::Full,
        // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED
        1040 | 1203 | 1226 => EngineError::Busy,
        // EE_OUTOFMEMORY, ER_OUTOFMEMORY, ER_OUT_OF_SORTMEMORY, ER_OUT_OF_RESOURCES
        5 | 1037 | 1038 | 1041 => EngineError::Memory,
        // ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_HOST_NOT_PRIVILEGED, ER_NOT_SUPPORTED_AUTH_MODE,
        // ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_MUST_CHANGE_PASSWORD and its login, ER_ACCOUNT_HAS_BEEN_LOCKED of
        // MySQL and of MariaDB
        1044 | 1045 | 1130 | 1251 | 1698 | 1820 | 1862 | 3118 | 4151 => EngineError::Login,
        // ER_SECURE_TRANSPORT_REQUIRED
        3159 => EngineError::Tls,
        // ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN to ER_SHUTDOWN_COMPLETE, ER_ABORTING_CONNECTION, ER_NET_READ_ERROR to
        // ER_NET_WRITE_INTERRUPTED, ER_NEW_ABORTING_CONNECTION, ER_CONNECTION_KILLED, the clients' own 2006 and 2013,
        // ER_CLIENT_INTERACTION_TIMEOUT
        1053 | 1077..=1079 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
            EngineError::Unavailable
        }
        _ => EngineError::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_codes() {
        for (number, code) in [
            (1969, "query_timeout"),
            (3024, "query_timeout"),
            (1317, "query_timeout"),
            (1040, "database_busy"),
            (1203, "database_busy"),
            (1226, "database_busy"),
            (1021, "database_full"),
            (1114, "database_full"),
            (3, "database_full"),
            (1038, "query_out_of_memory"),
            (1045, "database_login_failed"),
            (1698, "database_login_failed"),
            (3159, "database_tls_failed"),
            (1053, "database_unavailable"),
            (1927, "database_unavailable"),
            (1064, "query_failed"),
            (1690, "query_failed"),
            (1792, "query_failed"),
        ] {
            assert_eq!(by_number(number).code(), code, "{number}");
        }
    }
}
