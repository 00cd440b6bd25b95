//! Who asks, and of which database: parsed once, at the edge, and comparable ever after.

mod claims;

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

pub use claims::{ClaimType, ClaimValue, Claims, MAX_CLAIM_MEMBERS};

/// The longest scope id and string tenant id, in characters.
const MAX_ID_CHARS: usize = 256;

/// How a database's tenants are named. Set by `tenant_id_type` in `database.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantIdType {
    /// ASCII digits, 1 to 2^63-1, no sign and no leading zero.
    #[default]
    Integer,
    /// The hyphenated form of RFC 9562 section 4, in either case; kept in lower case.
    Uuid,
    /// 1 to 256 printable characters.
    String,
}

impl TenantIdType {
    /// What a valid id is, as the end of the sentence "Must be ...".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Integer => "a positive integer",
            Self::Uuid => "a UUID",
            Self::String => "a non-empty string",
        }
    }

    /// The word that `database.toml` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Uuid => "uuid",
            Self::String => "string",
        }
    }
}

/// The customer whose rows a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TenantId {
    /// A positive 64-bit integer.
    Integer(i64),
    /// A UUID in lower-case hyphenated form.
    Uuid(String),
    /// Any other printable name, compared byte by byte.
    String(String),
}

impl TenantId {
    /// Reads a tenant id in exactly one spelling, so that two spellings never name one tenant.
    pub fn parse(text: &str, id_type: TenantIdType) -> Result<Self, InvalidTenantId> {
        let invalid = InvalidTenantId { expected: id_type };
        match id_type {
            TenantIdType::Integer => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                if !digits || text.starts_with('0') {
                    return Err(invalid);
                }
                text.parse().map(Self::Integer).map_err(|_| invalid)
            }
            TenantIdType::Uuid => {
                let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
                let uuid =
                    uuid::Uuid::try_parse(text).ok().filter(|_| hyphenated).ok_or(invalid)?;
                Ok(Self::Uuid(uuid.hyphenated().to_string()))
            }
            TenantIdType::String => {
                if is_printable_id(text) {
                    Ok(Self::String(text.to_owned()))
                } else {
                    Err(invalid)
                }
            }
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => write!(f, "{id}"),
            Self::Uuid(id) | Self::String(id) => f.write_str(id),
        }
    }
}

/// A tenant id that is not of the database's `tenant_id_type`. Carries no part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid tenant id: must be {}", expected.describe())]
pub struct InvalidTenantId {
    /// The type that was asked for.
    pub expected: TenantIdType,
}

/// A narrower owner of rows inside a tenant: a user, a department.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopeId(String);

impl ScopeId {
    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScopeId {
    type Err = InvalidScopeId;

    fn from_str(text: &str) -> Result<Self, InvalidScopeId> {
        if is_printable_id(text) { Ok(Self(text.to_owned())) } else { Err(InvalidScopeId) }
    }
}

/// A scope id that is empty, too long or not printable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid scope id: must be 1 to {MAX_ID_CHARS} printable characters")]
pub struct InvalidScopeId;

/// Printable: no control character, no leading or trailing space (which one engine would pad away and another not).
fn is_printable_id(text: &str) -> bool {
    let chars = text.chars().count();
    (1..=MAX_ID_CHARS).contains(&chars)
        && !text.chars().any(char::is_control)
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
}

/// Who asks. Built from a verified source only: a secret key's headers, a signed token, or the operator's shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The tenant; absent only for databases that do not require organization scoping.
    pub tenant: Option<TenantId>,
    /// The scope inside the tenant, where the caller named one.
    pub scope: Option<ScopeId>,
    /// What else is known of the caller.
    pub claims: Claims,
}

impl Principal {
    /// A caller without claims.
    pub fn new(tenant: Option<TenantId>, scope: Option<ScopeId>) -> Self {
        Self { tenant, scope, claims: Claims::default() }
    }

    /// The same caller with these claims.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self { claims, ..self }
    }
}

/// The name of a database: the name of its folder under `policies/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseId(String);

impl DatabaseId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseId {
    type Err = InvalidDatabaseId;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDatabaseId)
        }
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A database id that cannot be the name of a folder under `policies/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid database id: must be 1 to 64 ASCII letters, digits, `-` or `_`")]
pub struct InvalidDatabaseId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_tenants_have_one_spelling() {
        assert_eq!(TenantId::parse("82", TenantIdType::Integer), Ok(TenantId::Integer(82)));
        let largest = "9223372036854775807";
        assert_eq!(
            TenantId::parse(largest, TenantIdType::Integer),
            Ok(TenantId::Integer(i64::MAX))
        );
        let refused = [
            "",
            "0",
            "-1",
            "+82",
            "8 2",
            " 82",
            "82 ",
            "082",
            "8.2e1",
            "82.0",
            "0x52",
            "８２",
            "9223372036854775808",
            "customer-82",
        ];
        for text in refused {
            assert!(TenantId::parse(text, TenantIdType::Integer).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn uuid_tenants_are_hyphenated_and_lower_case() {
        let upper = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
        let parsed = TenantId::parse(upper, TenantIdType::Uuid).unwrap();
        assert_eq!(parsed, TenantId::Uuid(upper.to_lowercase()));
        for text in
            ["", "82", "6f9619ff8b86d011b42d00cf4fc964ff", "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}"]
        {
            assert!(TenantId::parse(text, TenantIdType::Uuid).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn string_ids_are_printable() {
        assert!(TenantId::parse("acme", TenantIdType::String).is_ok());
        assert!("user-john-456".parse::<ScopeId>().is_ok());
        let too_long = "x".repeat(MAX_ID_CHARS + 1);
        for text in ["", " a", "a ", "a\0b", "a\nb", too_long.as_str()] {
            assert!(TenantId::parse(text, TenantIdType::String).is_err(), "{text:?} was accepted");
            assert!(text.parse::<ScopeId>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn database_ids_are_folder_names() {
        assert!("demo".parse::<DatabaseId>().is_ok());
        for text in ["", ".", "..", "a/b", "a\\b", "dé", "a b"] {
            assert!(text.parse::<DatabaseId>().is_err(), "{text:?} was accepted");
        }
    }
}
