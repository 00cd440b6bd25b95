//! Declared types: what a database calls a column's type, and what the catalog calls it.

use crate::catalog::ColumnType;

/// The catalog's type for a type as SQLite declares it: words that people mean something by, then the affinity rules
/// of <https://www.sqlite.org/datatype3.html> section 3.1.
pub fn sqlite_type(declared: &str) -> ColumnType {
    let declared = declared.trim().to_ascii_uppercase();
    let word = declared.split('(').next().unwrap_or_default().trim_end();
    match word {
        "" | "ANY" | "POINT" => return ColumnType::Other,
        "DATE" => return ColumnType::Date,
        "DATETIME" | "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => return ColumnType::Timestamp,
        "TIME" => return ColumnType::Time,
        "INTERVAL" => return ColumnType::Interval,
        "UUID" | "GUID" => return ColumnType::Uuid,
        "JSON" | "JSONB" => return ColumnType::Json,
        _ => {}
    }
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    if has(&["BOOL"]) {
        ColumnType::Boolean
    } else if has(&["INT"]) {
        ColumnType::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        ColumnType::Text
    } else if has(&["BLOB"]) {
        ColumnType::Bytes
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        ColumnType::Float
    } else if has(&["DECIMAL", "NUMERIC"]) {
        ColumnType::Decimal
    } else {
        ColumnType::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_first_then_affinity() {
        for (declared, expected) in [
            ("INTEGER", ColumnType::Integer),
            ("unsigned big int", ColumnType::Integer),
            ("BOOLEAN", ColumnType::Boolean),
            ("bool", ColumnType::Boolean),
            ("VARCHAR(255)", ColumnType::Text),
            ("native character (70)", ColumnType::Text),
            ("CLOB", ColumnType::Text),
            ("text", ColumnType::Text),
            ("BLOB", ColumnType::Bytes),
            ("", ColumnType::Other),
            ("ANY", ColumnType::Other),
            ("DOUBLE PRECISION", ColumnType::Float),
            ("REAL", ColumnType::Float),
            ("DECIMAL(10,5)", ColumnType::Decimal),
            ("NUMERIC", ColumnType::Decimal),
            ("DATE", ColumnType::Date),
            ("DATETIME", ColumnType::Timestamp),
            ("TIMESTAMP", ColumnType::Timestamp),
            ("TIMESTAMPTZ", ColumnType::Other),
            ("UUID", ColumnType::Uuid),
            ("JSON", ColumnType::Json),
            ("INTERVAL", ColumnType::Interval),
        ] {
            assert_eq!(sqlite_type(declared), expected, "{declared}");
        }
    }
}
