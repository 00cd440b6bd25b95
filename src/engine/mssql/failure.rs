//! The server's errors by number, and the driver's by kind.
//!
//! Numbers are those of `sys.messages`:
//! <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>.

use std::io::ErrorKind;

use tiberius::error::Error;

use crate::engine::EngineError;

/// Severities from here on end the connection.
const FATAL: u8 = 20;

/// An error of a statement. The text is logged at debug level only: it quotes values.
pub(super) fn of_statement(error: &Error) -> EngineError {
    tracing::debug!(%error, "the database reported an error");
    match error {
        Error::Server(token) => of_number(token.code(), token.class()),
        Error::Io { .. } | Error::Routing { .. } => EngineError::Unavailable,
        Error::Tls(_) => EngineError::Tls,
        // What the server sent is not what the driver can read: half a surrogate pair, an unknown code page or type.
        _ => EngineError::Failed,
    }
}

/// An error on the way to a session.
pub(super) fn of_login(error: &Error) -> EngineError {
    tracing::debug!(%error, "no session with the database");
    match error {
        Error::Server(token) => match of_number(token.code(), token.class()) {
            EngineError::Failed => EngineError::Login,
            told => told,
        },
        // The driver's TLS library reports what is wrong with bytes and certificates as invalid data.
        Error::Tls(_) | Error::Io { kind: ErrorKind::InvalidData, .. } => EngineError::Tls,
        // The driver has no other way to say that one side wants encryption and the other has none.
        Error::Protocol(text) if text.contains("encryption level") => EngineError::Tls,
        _ => EngineError::Unavailable,
    }
}

fn of_number(number: u32, severity: u8) -> EngineError {
    match number {
        // Wrong password, untrusted domain, disabled, locked, expired, to be changed, single user; the database cannot
        // be opened by this login, or is closed to this address.
        18456
        | 18452
        | 18461
        | 18470
        | 18486..=18488
        | 4060
        | 4064
        | 916
        | 40532
        | 40615
        | 40914 => EngineError::Login,
        // A lock was not given in time.
        1222 => EngineError::Timeout,
        // Chosen as the victim of a deadlock.
        1205 => EngineError::Busy,
        // No room in a file group, the log, the version store; the size quota is reached; no user connections left.
        1101 | 1105 | 3967 | 9002 | 40544 | 17809 => EngineError::Full,
        // No memory for the query, none in the pool, and waiting for it took too long.
        701 | 802 | 8645 | 8651 | 8657 | 8902 | 41805 => EngineError::Memory,
        // Shut down, paused, upgrading, starting; the database is starting, offline, recovering, restoring or moves;
        // the service is busy, fails over or throttles; the session was killed.
        596
        | 6005
        | 17142
        | 17197
        | 18401
        | 922..=927
        | 941
        | 942
        | 945
        | 952
        | 976
        | 978
        | 979
        | 982
        | 983
        | 4221
        | 10922
        | 10928
        | 10929
        | 10936
        | 40143
        | 40166
        | 40197
        | 40501
        | 40540
        | 40613
        | 42108
        | 42109
        | 49918..=49920 => EngineError::Unavailable,
        _ if severity >= FATAL => EngineError::Unavailable,
        _ => EngineError::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_codes() {
        for (number, severity, code) in [
            (18456, 14, "database_login_failed"),
            (4060, 11, "database_login_failed"),
            (1222, 16, "query_timeout"),
            (1205, 13, "database_busy"),
            (9002, 17, "database_full"),
            (1105, 17, "database_full"),
            (701, 17, "query_out_of_memory"),
            (8645, 17, "query_out_of_memory"),
            (40613, 17, "database_unavailable"),
            (10928, 20, "database_unavailable"),
            (823, 24, "database_unavailable"),
            (8134, 16, "query_failed"),
            (229, 14, "query_failed"),
        ] {
            assert_eq!(of_number(number, severity).code(), code, "{number}");
        }
    }
}
