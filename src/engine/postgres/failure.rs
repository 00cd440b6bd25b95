//! The driver's errors by SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). Their texts are
//! logged at debug level only: they quote values.

use std::io::ErrorKind;

use crate::engine::EngineError;

/// Why a query, or a connection that was open, failed.
pub(super) fn of_query(error: &sqlx::Error) -> EngineError {
    tracing::debug!(%error, "the database reported an error");
    match error {
        sqlx::Error::Database(error) => {
            error.code().map_or(EngineError::Failed, |code| by_state(&code))
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => EngineError::Unavailable,
        _ => EngineError::Failed,
    }
}

/// Why a connection could not be opened.
pub(super) fn of_connect(error: &sqlx::Error) -> EngineError {
    tracing::debug!(%error, "the database could not be reached");
    let failure = match error {
        sqlx::Error::Tls(_) => EngineError::Tls,
        // How the TLS library reports a certificate it does not accept.
        sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => EngineError::Tls,
        sqlx::Error::Database(error) => match error.code().map(|code| by_state(&code)) {
            Some(EngineError::Failed) | None => EngineError::Unavailable,
            Some(failure) => failure,
        },
        _ => EngineError::Unavailable,
    };
    tracing::error!(error = %failure, "the database could not be reached");
    failure
}

fn by_state(state: &str) -> EngineError {
    match state {
        // statement_timeout and cancel; transaction_timeout
        "57014" | "25P04" => EngineError::Timeout,
        "53200" => EngineError::Memory,
        // connections; locks
        "53300" | "55P03" => EngineError::Busy,
        // disk; `temp_file_limit`
        _ if state.starts_with("53") => EngineError::Full,
        _ if state.starts_with("28") => EngineError::Login,
        // the server ended an idle transaction
        "25P03" => EngineError::Unavailable,
        // the server is going down, starting, or dropped the database; lost connections; disk errors
        _ if state.starts_with("57P") || state.starts_with("08") || state.starts_with("58") => {
            EngineError::Unavailable
        }
        _ => EngineError::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_codes() {
        for (state, expected) in [
            ("57014", EngineError::Timeout),
            ("53100", EngineError::Full),
            ("53400", EngineError::Full),
            ("53200", EngineError::Memory),
            ("53300", EngineError::Busy),
            ("28P01", EngineError::Login),
            ("28000", EngineError::Login),
            ("57P01", EngineError::Unavailable),
            ("57P03", EngineError::Unavailable),
            ("08006", EngineError::Unavailable),
            ("22012", EngineError::Failed),
            ("42501", EngineError::Failed),
            ("", EngineError::Failed),
        ] {
            assert_eq!(by_state(state), expected, "{state}");
        }
    }
}
