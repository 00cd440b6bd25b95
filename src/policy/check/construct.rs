//! What has no exact filter, in words, and what to write instead.

use std::fmt;

use super::super::related::Unfollowed;

/// A construct that has no exact filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Construct {
    /// `+ - *` or unary minus over a column.
    Arithmetic,
    /// A function or method of an extension type over a column.
    ExtensionCall,
    /// `resource.a.b` where `a` is no key to another row.
    RelatedRow,
    /// `resource.a.b` where `a` is a key that is no attribute.
    Unfollowed(Unfollowed),
    /// `resource.a.b == resource.c`.
    SeveralRows,
    /// `containsAll`, `containsAny`, `isEmpty`.
    SetOperation,
    /// An array of values beside another column.
    ArrayOperand,
    /// A set of columns as an operand.
    SetValue,
    /// A record of columns.
    Record,
    /// `hasTag`, `getTag`.
    Tag,
    /// `if` as an operand of a comparison.
    ConditionalOperand,
    /// A boolean expression as an operand of a comparison.
    BooleanOperand,
    /// An entity other than on the right of `resource ==` or `resource in`.
    EntityLiteral,
    /// `principal == Principal::".."`.
    PrincipalId,
    /// An entity of a relation whose rows have no usable key.
    KeylessRelation,
    /// `in` with the resource elsewhere than on its left.
    Hierarchy,
    /// `resource` itself, as a value.
    ResourceValue,
    /// Two columns of different types in the database.
    MixedColumns,
    /// `like` over a UUID.
    UuidPattern,
    /// A template's slot.
    Slot,
    /// `context.columns` in a permit.
    ColumnsPermit,
    /// `context` in another form than `context.columns.contains("c")`.
    ColumnsForm,
    /// A construct that this version does not know.
    Unknown,
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfollowed(why) => return why.fmt(f),
            Self::SeveralRows => "compares columns of two rows",
            Self::Arithmetic => "does arithmetic on a column",
            Self::ExtensionCall => "calls a function on a column",
            Self::RelatedRow => "follows a column to another row",
            Self::SetOperation => "compares sets that hold a column",
            Self::ArrayOperand => "compares an array with something other than constants",
            Self::SetValue => "uses a set that holds a column as a value",
            Self::Record => "builds a record from a column",
            Self::Tag => "reads a tag",
            Self::ConditionalOperand => "uses `if` as an operand",
            Self::BooleanOperand => "uses a condition as an operand",
            Self::EntityLiteral => "names a row outside of `resource ==` and `resource in`",
            Self::PrincipalId => "names a principal",
            Self::KeylessRelation => {
                "names a row of a relation without a primary key of one column that is a NOT NULL integer, text or UUID"
            }
            Self::Hierarchy => "asks for the ancestors of something other than `resource`",
            Self::ResourceValue => "uses `resource` as a value",
            Self::MixedColumns => "compares columns of different types",
            Self::UuidPattern => "matches a UUID against a pattern",
            Self::Slot => "uses a template's slot",
            Self::ColumnsPermit => "asks in a permit which columns a query touches",
            Self::ColumnsForm => "asks of `context` something other than whether columns are touched",
            Self::Unknown => "is not known to this version",
        })
    }
}

impl Construct {
    /// What to write instead.
    pub(in crate::policy) fn hint(self) -> &'static str {
        match self {
            Self::Arithmetic => "move the arithmetic to the side without a column, as a constant",
            Self::ExtensionCall => "compare the column itself with a constant",
            Self::RelatedRow => {
                "follow a foreign key of one column: `resource.task.title` where `catalog.toml` lists one of `task_id`"
            }
            Self::Unfollowed(why) => why.hint(),
            Self::SeveralRows => "compare each column with a constant, or with the principal",
            Self::SetOperation => "write one `contains` for each column",
            Self::ArrayOperand => {
                "compare arrays with constants, or with what the principal has, by `contains`, `containsAny`, `containsAll`, `isEmpty` or `==`"
            }
            Self::SetValue | Self::Record => "compare the columns one by one",
            Self::Tag => "rows have columns and no tags",
            Self::ConditionalOperand => "put the comparison into both branches of the `if`",
            Self::BooleanOperand => "join the conditions by `&&`, `||` and `!`",
            Self::EntityLiteral => {
                "write `resource == relation::\"key\"` with `resource` on the left"
            }
            Self::PrincipalId => {
                "callers have no id: compare `principal.tenant` or `principal.scope`"
            }
            Self::KeylessRelation => "compare a column instead",
            Self::Hierarchy => "rows have no ancestors: write `resource == relation::\"key\"`",
            Self::ResourceValue => "name a column of the resource",
            Self::MixedColumns => "compare columns of one type",
            Self::UuidPattern => "compare the UUID as a whole, by `==`",
            Self::Slot => "write the value itself",
            Self::ColumnsPermit => {
                "touching a column must never show more: write a `forbid` for whom it is hidden from"
            }
            Self::ColumnsForm => {
                "write `forbid (..) when { context.columns.contains(\"c\") && .. }`, or `containsAny([\"c\", \"d\"])`"
            }
            Self::Unknown => {
                "write it with `==`, `<`, `like`, `has`, `contains`, `&&`, `||`, `!` and `if`"
            }
        }
    }
}
