//! The types that values have, as far as a catalog tells them apart.

use bson::raw::RawBsonRef;
use bson::spec::BinarySubtype;

/// A value's BSON type; of numbers also whether it is whole.
/// <https://www.mongodb.com/docs/manual/reference/bson-types/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Int,
    /// A double or decimal that is a whole number.
    Whole,
    Double,
    Decimal,
    Bool,
    String,
    Date,
    ObjectId,
    Uuid,
    Binary,
    Object,
    Array,
    Null,
    /// Expressions, timestamps, what JavaScript alone has.
    Other,
}

impl Kind {
    pub(super) fn of(value: RawBsonRef<'_>) -> Self {
        match value {
            RawBsonRef::Int32(_) | RawBsonRef::Int64(_) => Self::Int,
            RawBsonRef::Double(value) if value.fract() == 0.0 => Self::Whole,
            RawBsonRef::Double(_) => Self::Double,
            RawBsonRef::Decimal128(_) => Self::Decimal,
            RawBsonRef::Boolean(_) => Self::Bool,
            RawBsonRef::String(_) => Self::String,
            RawBsonRef::DateTime(_) => Self::Date,
            RawBsonRef::ObjectId(_) => Self::ObjectId,
            RawBsonRef::Binary(binary) if binary.subtype == BinarySubtype::Uuid => Self::Uuid,
            RawBsonRef::Binary(_) => Self::Binary,
            RawBsonRef::Document(_) => Self::Object,
            RawBsonRef::Array(_) => Self::Array,
            RawBsonRef::Null => Self::Null,
            _ => Self::Other,
        }
    }

    /// The type's name in `$jsonSchema` and `$type`. `number` is any of the numbers.
    pub(super) fn named(name: &str) -> Vec<Self> {
        match name {
            "int" | "long" | "integer" => vec![Self::Int],
            "double" => vec![Self::Double],
            "decimal" => vec![Self::Decimal],
            "number" => vec![Self::Int, Self::Double, Self::Decimal],
            "bool" | "boolean" => vec![Self::Bool],
            "string" => vec![Self::String],
            "date" => vec![Self::Date],
            "objectId" => vec![Self::ObjectId],
            "binData" => vec![Self::Binary],
            "object" => vec![Self::Object],
            "array" => vec![Self::Array],
            "null" => vec![Self::Null],
            _ => vec![Self::Other],
        }
    }

    /// The type's name in a comment.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Whole => "double without a fraction",
            Self::Double => "double",
            Self::Decimal => "decimal",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Date => "date",
            Self::ObjectId => "objectId",
            Self::Uuid => "UUID",
            Self::Binary => "binData",
            Self::Object => "object",
            Self::Array => "array",
            Self::Null => "null",
            Self::Other => "another type",
        }
    }
}
