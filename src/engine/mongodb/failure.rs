//! The server's errors by number, and the driver's by kind. Their texts are logged at debug level only: they quote
//! values, names and hosts.

use std::io;

use mongodb::error::{Error, ErrorKind};

use crate::engine::EngineError;

/// `Unauthorized`: the login may not do this; or there was none where the server wants one.
const UNAUTHORIZED: i32 = 13;

/// Why a command failed.
///
/// `has_login` says whether the URL names one, and `last_heard` why a server could not be reached when the driver tried
/// last: while it finds none, that is all it knows.
pub(super) fn of_command(
    error: &Error,
    has_login: bool,
    last_heard: Option<EngineError>,
) -> EngineError {
    tracing::debug!(%error, "the database reported an error");
    match error.kind.as_ref() {
        ErrorKind::Command(command) if command.code == UNAUTHORIZED && !has_login => {
            EngineError::Login
        }
        ErrorKind::Command(command) => by_number(command.code),
        ErrorKind::ServerSelection { .. } => {
            of_connect(last_heard.unwrap_or(EngineError::Unavailable))
        }
        _ => by_kind(error),
    }
}

/// Why a server could not be reached.
pub(super) fn of_heartbeat(error: &Error) -> EngineError {
    tracing::debug!(%error, "a server of the database could not be reached");
    match by_kind(error) {
        // No query ran, so none failed or took too long.
        EngineError::Failed | EngineError::Timeout => EngineError::Unavailable,
        failure => failure,
    }
}

/// Notes that no connection could be opened.
pub(super) fn of_connect(failure: EngineError) -> EngineError {
    tracing::error!(error = %failure, "the database could not be reached");
    failure
}

/// Whether the same command may succeed at once on another connection: this one was gone, or led to a server that is
/// about to go, or is not the primary any more.
pub(super) fn may_pass(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        ErrorKind::ConnectionPoolCleared { .. } => true,
        ErrorKind::Command(command) => by_number(command.code) == EngineError::Unavailable,
        _ => false,
    }
}

fn by_kind(error: &Error) -> EngineError {
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => EngineError::Login,
        ErrorKind::InvalidTlsConfig { .. } => EngineError::Tls,
        // How the TLS library reports a certificate that it does not accept.
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => EngineError::Tls,
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::Shutdown => EngineError::Unavailable,
        _ => EngineError::Failed,
    }
}

/// Numbers as in <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>.
fn by_number(number: i32) -> EngineError {
    match number {
        // LockTimeout, MaxTimeMSExpired, CursorKilled, ExceededTimeLimit, Interrupted
        24 | 50 | 237 | 262 | 11601 => EngineError::Timeout,
        // ExceededMemoryLimit, QueryExceededMemoryLimitNoDiskUseAllowed
        146 | 292 => EngineError::Memory,
        // OutOfDiskSpace
        14031 => EngineError::Full,
        // LockBusy, TemporarilyUnavailable, IngressRequestRateLimitExceeded
        46 | 365 | 462 => EngineError::Busy,
        // UserNotFound, AuthenticationFailed, MechanismUnavailable, ReauthenticationRequired, AtlasError
        11 | 18 | 334 | 391 | 8000 => EngineError::Login,
        // HostUnreachable, HostNotFound, CursorNotFound, NetworkTimeout, ShutdownInProgress,
        // FailedToSatisfyReadPreference, ReadConcernMajorityNotAvailableYet, PrimarySteppedDown, SocketException,
        // NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk,
        // NotPrimaryOrSecondary
        6 | 7 | 43 | 89 | 91 | 133 | 134 | 189 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436 => {
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
            (50, "query_timeout"),
            (262, "query_timeout"),
            (11601, "query_timeout"),
            (146, "query_out_of_memory"),
            (292, "query_out_of_memory"),
            (14031, "database_full"),
            (46, "database_busy"),
            (18, "database_login_failed"),
            (8000, "database_login_failed"),
            (91, "database_unavailable"),
            (189, "database_unavailable"),
            (13436, "database_unavailable"),
            (13, "query_failed"),
            (2, "query_failed"),
            (40324, "query_failed"),
            (16608, "query_failed"),
        ] {
            assert_eq!(by_number(number).code(), code, "{number}");
        }
    }

    #[test]
    fn a_driver_that_finds_no_server_says_why() {
        let refused = Error::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(of_heartbeat(&refused), EngineError::Unavailable);
        let certificate = Error::from(io::Error::from(io::ErrorKind::InvalidData));
        assert_eq!(of_heartbeat(&certificate), EngineError::Tls);
        assert_eq!(of_heartbeat(&Error::custom("?")), EngineError::Unavailable);
        assert_eq!(of_command(&Error::custom("?"), true, None), EngineError::Failed);
    }
}
