//! Further attributes of a caller, as `[claims]` of `database.toml` declares them: roles, departments, a clearance.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::is_printable_id;

/// The most members of a claim that is a set.
pub const MAX_CLAIM_MEMBERS: usize = 256;

/// What a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ClaimType {
    /// 1 to 256 printable characters.
    #[serde(rename = "string")]
    String,
    /// A 64-bit integer.
    #[serde(rename = "integer")]
    Integer,
    /// `true` or `false`.
    #[serde(rename = "boolean")]
    Boolean,
    /// Up to 256 strings, of which none is there twice.
    #[serde(rename = "set of string")]
    Strings,
    /// Up to 256 integers, of which none is there twice.
    #[serde(rename = "set of integer")]
    Integers,
}

impl ClaimType {
    /// What a claim of the type must be, as the end of the sentence "must be ..".
    pub fn describe(self) -> &'static str {
        match self {
            Self::String => "a string of 1 to 256 printable characters",
            Self::Integer => "a whole number of 64 bits",
            Self::Boolean => "true or false",
            Self::Strings => "an array of up to 256 strings, each of 1 to 256 printable characters",
            Self::Integers => "an array of up to 256 whole numbers of 64 bits",
        }
    }

    /// Its name in Cedar's schemas.
    pub fn cedar_name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Integer => "Long",
            Self::Boolean => "Bool",
            Self::Strings => "Set<String>",
            Self::Integers => "Set<Long>",
        }
    }
}

/// The value of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum ClaimValue {
    /// A text, compared byte by byte.
    String(String),
    /// A number.
    Integer(i64),
    /// A flag.
    Boolean(bool),
    /// Texts without order.
    Strings(BTreeSet<String>),
    /// Numbers without order.
    Integers(BTreeSet<i64>),
}

impl ClaimValue {
    /// Whether it is a value of this type, within the type's bounds.
    pub fn is(&self, claim_type: ClaimType) -> bool {
        match (self, claim_type) {
            (Self::String(text), ClaimType::String) => is_printable_id(text),
            (Self::Integer(_), ClaimType::Integer) | (Self::Boolean(_), ClaimType::Boolean) => true,
            (Self::Strings(members), ClaimType::Strings) => {
                members.len() <= MAX_CLAIM_MEMBERS
                    && members.iter().all(|member| is_printable_id(member))
            }
            (Self::Integers(members), ClaimType::Integers) => members.len() <= MAX_CLAIM_MEMBERS,
            (
                Self::String(_)
                | Self::Integer(_)
                | Self::Boolean(_)
                | Self::Strings(_)
                | Self::Integers(_),
                _,
            ) => false,
        }
    }
}

/// The claims of a caller, by name. What is not there is absent, as in `principal has roles`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Claims(BTreeMap<String, ClaimValue>);

impl Claims {
    /// Each name and its value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, ClaimValue)> for Claims {
    fn from_iter<T: IntoIterator<Item = (String, ClaimValue)>>(claims: T) -> Self {
        Self(claims.into_iter().collect())
    }
}
