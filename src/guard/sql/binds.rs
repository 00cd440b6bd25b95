//! What travels beside the text of a query.

use std::fmt;

use crate::predicate::Value;

/// What stands for one placeholder.
#[derive(Clone, PartialEq, Eq)]
pub enum Bind {
    /// A constant of a filter.
    Value(Value),
    /// A half of the database's mask key, as the text of 128 hexadecimal digits.
    // INVARIANT (secrets): the guard does not have the key, so nothing that shows what it made can show it. The engine puts
    // it here when the query runs.
    MaskKey(KeyHalf),
}

/// The two blocks of 64 bytes that HMAC-SHA-256 makes of its key: <https://www.rfc-editor.org/rfc/rfc2104#section-2>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHalf {
    /// The key XOR 0x36, which is hashed before the text.
    Inner,
    /// The key XOR 0x5c, which is hashed before that hash.
    Outer,
}

impl KeyHalf {
    /// What people see in its place.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Inner => "<mask key, inner>",
            Self::Outer => "<mask key, outer>",
        }
    }
}

/// A value as the value itself.
impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::MaskKey(half) => f.write_str(half.shown()),
        }
    }
}

impl From<Value> for Bind {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}
