//! Column types: what SQL Server calls them and what the catalog calls them.

use super::queries::ListedColumn;
use crate::catalog::ColumnType;

/// The catalog's type. What SQL Server cannot compare with `=` (`text`, `xml`, spatial types and so on) is `other`,
/// and so is a type that is not known here.
/// <https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql>
pub(super) fn column_type(name: &str) -> ColumnType {
    match name {
        "tinyint" | "smallint" | "int" | "bigint" => ColumnType::Integer,
        "bit" => ColumnType::Boolean,
        "decimal" | "numeric" | "money" | "smallmoney" => ColumnType::Decimal,
        "real" | "float" => ColumnType::Float,
        "char" | "varchar" | "nchar" | "nvarchar" | "sysname" => ColumnType::Text,
        "binary" | "varbinary" | "timestamp" | "rowversion" => ColumnType::Bytes,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "smalldatetime" | "datetime" | "datetime2" => ColumnType::Timestamp,
        "datetimeoffset" => ColumnType::Timestamptz,
        "uniqueidentifier" => ColumnType::Uuid,
        "json" => ColumnType::Json,
        _ => ColumnType::Other,
    }
}

/// The type as a CREATE TABLE would say it.
pub(super) fn declared(column: &ListedColumn) -> String {
    let name = column.type_name.as_str();
    let length = |bytes_each: i16| match column.max_length {
        -1 => "max".to_owned(),
        bytes => (bytes / bytes_each).to_string(),
    };
    match name {
        // What SQL Server calls `timestamp` is no time.
        "timestamp" => "rowversion".to_owned(),
        "sysname" => "nvarchar(128)".to_owned(),
        "char" | "varchar" | "binary" | "varbinary" => format!("{name}({})", length(1)),
        "nchar" | "nvarchar" => format!("{name}({})", length(2)),
        "decimal" | "numeric" => format!("{name}({},{})", column.precision, column.scale),
        "time" | "datetime2" | "datetimeoffset" => format!("{name}({})", column.scale),
        _ => name.to_owned(),
    }
}
