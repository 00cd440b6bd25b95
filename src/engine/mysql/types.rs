//! Declared types: what the catalog calls a type as `information_schema.COLUMNS` declares it.

use crate::catalog::ColumnType;

/// The catalog's type for a `COLUMN_TYPE`: `bigint(20) unsigned`, `tinyint(1)`, `enum('a','b')`.
pub(super) fn column_type(declared: &str) -> ColumnType {
    let declared = declared.to_ascii_lowercase();
    // The one type that means a truth value, to the servers and to nearly everyone.
    if declared == "tinyint(1)" {
        return ColumnType::Boolean;
    }
    match declared.split(['(', ' ']).next().unwrap_or_default() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => ColumnType::Integer,
        "float" | "double" => ColumnType::Float,
        "decimal" => ColumnType::Decimal,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            ColumnType::Text
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            ColumnType::Bytes
        }
        "date" => ColumnType::Date,
        "datetime" => ColumnType::Timestamp,
        // Kept in UTC and shown in the zone of the session.
        "timestamp" => ColumnType::Timestamptz,
        "time" => ColumnType::Time,
        "uuid" => ColumnType::Uuid,
        "json" => ColumnType::Json,
        _ => ColumnType::Other,
    }
}

/// Whether unequal strings never compare equal under a collation: byte by byte, and without padding. `utf8mb4_bin` is
/// not such a one: it compares `'a'` and `'a '` as equal.
/// <https://mariadb.com/kb/en/supported-character-sets-and-collations/>
pub(super) fn is_exact(collation: &str) -> bool {
    ["utf8mb4_nopad_bin", "utf8mb3_nopad_bin", "utf8mb4_0900_bin"].contains(&collation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_word() {
        for (declared, expected) in [
            ("tinyint(1)", ColumnType::Boolean),
            ("tinyint(1) unsigned", ColumnType::Integer),
            ("tinyint(4)", ColumnType::Integer),
            ("tinyint unsigned", ColumnType::Integer),
            ("bigint(20) unsigned zerofill", ColumnType::Integer),
            ("int", ColumnType::Integer),
            ("year(4)", ColumnType::Integer),
            ("bit(1)", ColumnType::Other),
            ("float unsigned", ColumnType::Float),
            ("double(8,2)", ColumnType::Float),
            ("decimal(65,30)", ColumnType::Decimal),
            ("varchar(20)", ColumnType::Text),
            ("enum('date','time')", ColumnType::Text),
            ("set('a')", ColumnType::Text),
            ("longtext", ColumnType::Text),
            ("varbinary(16)", ColumnType::Bytes),
            ("datetime(6)", ColumnType::Timestamp),
            ("timestamp", ColumnType::Timestamptz),
            ("time(3)", ColumnType::Time),
            ("uuid", ColumnType::Uuid),
            ("inet6", ColumnType::Other),
            ("json", ColumnType::Json),
            ("point", ColumnType::Other),
            ("vector(3)", ColumnType::Other),
        ] {
            assert_eq!(column_type(declared), expected, "{declared}");
        }
    }

    #[test]
    fn only_unpadded_bytes_are_exact() {
        assert!(is_exact("utf8mb4_nopad_bin") && is_exact("utf8mb4_0900_bin"));
        for collation in ["utf8mb4_bin", "utf8mb4_general_ci", "latin1_nopad_bin", "binary"] {
            assert!(!is_exact(collation), "{collation}");
        }
    }
}
