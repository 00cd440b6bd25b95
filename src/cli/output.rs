//! What a command leaves behind: lines on standard output, an error on standard error, an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::Format;
use crate::engine::EngineError;
use crate::service::{Denial, Failure, InvalidClaims, NotServed};
use crate::store::StoreError;

/// A command that did not do what was asked.
pub(super) struct Failed {
    code: &'static str,
    message: String,
    hint: Option<String>,
    exit: Exit,
}

/// How a process ends; 0 is success and 2, by clap, wrong usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    Failed = 1,
    Refused = 3,
    /// `check` found nothing wrong and could not look everywhere; `prove --require` did not prove everything.
    Unreachable = 4,
    /// Whoever read the output has left: not worth a word.
    Silent = 0,
}

#[derive(Serialize)]
struct FailedLine<'a> {
    outcome: &'static str,
    code: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Failed {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// A database that could not be looked at, where nothing else is wrong.
    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, ..Self::new("database_unavailable", message) }
    }

    /// A claim that is neither proved nor refuted, where proofs are required.
    #[cfg(feature = "prove")]
    pub(super) fn not_proved(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, ..Self::new("not_proved", message) }
    }

    /// The outcome as batches and JSON errors call it.
    pub(super) fn outcome(&self) -> &'static str {
        match self.exit {
            Exit::Refused => "refused",
            Exit::Failed | Exit::Unreachable | Exit::Silent => "failed",
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Writes the error and ends the process.
    pub(super) fn report(self, format: Format) -> ExitCode {
        let code = ExitCode::from(self.exit as u8);
        if self.exit == Exit::Silent {
            return code;
        }
        let text = match format {
            Format::Text => {
                let hint = self.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                format!("error[{}]: {}{hint}", self.code, self.message)
            }
            Format::Json => {
                let line = FailedLine {
                    outcome: self.outcome(),
                    code: self.code,
                    error: &self.message,
                    hint: self.hint.as_deref(),
                };
                serde_json::to_string(&line).unwrap_or_default()
            }
        };
        // Nothing is left to tell it to.
        drop(writeln!(io::stderr().lock(), "{text}"));
        code
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        let exit =
            if error.kind() == io::ErrorKind::BrokenPipe { Exit::Silent } else { Exit::Failed };
        Self { exit, ..Self::new("io_error", error.to_string()) }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        let failed = Self::new(failure.code(), message);
        match failure {
            Failure::Refused(refusal) => {
                Self { hint: Some(refusal.hint.into_owned()), exit: Exit::Refused, ..failed }
            }
            Failure::NotServed(reason) => Self { hint: hint(reason), ..failed },
            Failure::Engine(_) | Failure::Policy(_) => failed,
        }
    }
}

impl From<NotServed> for Failed {
    fn from(reason: NotServed) -> Self {
        Failure::from(reason).into()
    }
}

fn hint(reason: NotServed) -> Option<String> {
    match reason {
        NotServed::InvalidPolicies | NotServed::CheckFailed => {
            Some("`dialektai check` says what is amiss".to_owned())
        }
        NotServed::Unreachable(_) => None,
    }
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::new("store", error.to_string())
    }
}

impl From<Denial> for Failed {
    fn from(denial: Denial) -> Self {
        // The HTTP texts name headers, which a shell does not have.
        let message = match &denial {
            Denial::TenantRequired => "this database needs a tenant".to_owned(),
            Denial::InvalidTenant(expected) => {
                format!("the tenant must be {}", expected.describe())
            }
            Denial::ScopingNotEnabled => "this database has no tenants".to_owned(),
            Denial::InvalidScope => "the scope must be 1 to 256 printable characters".to_owned(),
            Denial::InvalidClaims(InvalidClaims::Form) => {
                "the claims must be one JSON object of up to 8 KiB, each claim once".to_owned()
            }
            Denial::InvalidClaims(InvalidClaims::Undeclared) => {
                "a claim is not declared under `[claims]` of this database".to_owned()
            }
            Denial::InvalidClaims(InvalidClaims::Type { name, expected }) => {
                format!("the claim `{name}` must be {}", expected.describe())
            }
        };
        Self::new(denial.code(), message)
    }
}

/// Writes a line to standard output at once.
pub(super) fn line(text: &str) -> Result<(), Failed> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Writes a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failed> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failed::new("internal_error", error.to_string()))?;
    line(&text)
}
