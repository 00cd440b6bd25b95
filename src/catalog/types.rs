//! The types that the catalog tells apart, and the Cedar types that stand for them.

use serde::{Deserialize, Serialize};

/// A column's type, as far as the guard and the policies tell types apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers of up to 64 bits.
    Integer,
    /// Binary floating point.
    Float,
    /// Exact decimals.
    Decimal,
    /// Truth values; on SQLite the integers 0 and 1.
    Boolean,
    /// Character strings without padding.
    Text,
    /// Byte strings.
    Bytes,
    /// A calendar day; on SQLite text `YYYY-MM-DD`.
    Date,
    /// A date and time without zone, read as UTC; on SQLite text `YYYY-MM-DD HH:MM:SS[.fff]`.
    Timestamp,
    /// An instant.
    Timestamptz,
    /// A time of day.
    Time,
    /// A span of time.
    Interval,
    /// A UUID.
    Uuid,
    /// JSON text or binary JSON; on MongoDB a document whose fields are not listed.
    Json,
    /// MongoDB: a document whose fields are listed as columns of their own, `address` as `address.city`.
    Document,
    /// MongoDB: an ObjectId; in policies its 24 hexadecimal digits in lower case.
    ObjectId,
    /// Anything else: can be selected, not compared by policies.
    Other,
}

impl ColumnType {
    /// The word that `catalog.toml` and answers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Time => "time",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Document => "document",
            Self::ObjectId => "objectid",
            Self::Other => "other",
        }
    }

    /// The Cedar type that stands for this one in the derived schema; `None` keeps the column out of policies.
    pub fn cedar(self) -> Option<CedarType> {
        match self {
            Self::Integer => Some(CedarType::Long),
            Self::Boolean => Some(CedarType::Bool),
            Self::Text | Self::Uuid | Self::ObjectId => Some(CedarType::String),
            Self::Date | Self::Timestamp | Self::Timestamptz => Some(CedarType::Datetime),
            Self::Float
            | Self::Decimal
            | Self::Bytes
            | Self::Time
            | Self::Interval
            | Self::Json
            | Self::Document
            | Self::Other => None,
        }
    }
}

/// The Cedar types that a column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CedarType {
    /// `Long`
    Long,
    /// `String`
    String,
    /// `Bool`
    Bool,
    /// `datetime`
    Datetime,
}

impl CedarType {
    /// The type's name in a Cedar schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Long => "Long",
            Self::String => "String",
            Self::Bool => "Bool",
            Self::Datetime => "datetime",
        }
    }
}
