//! Quoting: names and constants as every dialect reads them.

use super::intent::Literal;
use crate::guard::sql::Dialect;

/// An identifier, bare where every dialect reads it as itself.
pub(super) fn identifier(name: &str, dialect: Dialect) -> String {
    if matches!(dialect, Dialect::Mysql | Dialect::Mssql) {
        return dialect.quoted(name);
    }
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && RESERVED.binary_search(&name).is_err() {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A constant. INVARIANT (quoting): text from a question enters SQL here and in no other place, with every quote
/// doubled, and on MySQL every backslash; numbers were checked to be digits.
pub(super) fn literal(literal: &Literal, dialect: Dialect) -> String {
    match (literal, dialect) {
        (Literal::Number(digits), _) => digits.clone(),
        (Literal::Text(text), Dialect::Mysql) => {
            format!("'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
        }
        (Literal::Text(text), _) => {
            // SQL Server would put a plain text into the code page of its database first.
            let national = dialect == Dialect::Mssql && !text.is_ascii();
            let prefix = if national { "N" } else { "" };
            format!("{prefix}'{}'", text.replace('\'', "''"))
        }
        (Literal::Bool(value), Dialect::Mssql) => u8::from(*value).to_string(),
        (Literal::Bool(true), _) => "TRUE".to_owned(),
        (Literal::Bool(false), _) => "FALSE".to_owned(),
    }
}

/// Words that SQLite or PostgreSQL do not read as a name, sorted.
const RESERVED: [&str; 125] = [
    "add",
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "autoincrement",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "if",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "offset",
    "oid",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "raise",
    "references",
    "regexp",
    "returning",
    "right",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bare_only_where_that_is_the_same_name() {
        assert!(RESERVED.is_sorted());
        for (name, expected) in [
            ("projects", "projects"),
            ("name2_x", "name2_x"),
            ("Projects", "\"Projects\""),
            ("order", "\"order\""),
            ("2fa", "\"2fa\""),
            ("a b", "\"a b\""),
            ("a\"; --", "\"a\"\"; --\""),
            ("", "\"\""),
        ] {
            assert_eq!(identifier(name, Dialect::Sqlite), expected);
        }
    }

    #[test]
    fn quotes_are_doubled() {
        for (text, expected) in
            [("", "''"), ("'", "''''"), ("a'; --", "'a''; --'"), ("\\'", "'\\'''")]
        {
            assert_eq!(literal(&Literal::Text(text.to_owned()), Dialect::Sqlite), expected);
        }
    }

    #[test]
    fn mysql_has_its_own_quotes() {
        for (name, expected) in
            [("projects", "projects"), ("dual", "`dual`"), ("a`b", "`a``b`"), ("a\"b", "`a\"b`")]
        {
            assert_eq!(identifier(name, Dialect::Mysql), expected);
        }
        let hostile = Literal::Text("\\' OR 1".to_owned());
        assert_eq!(literal(&hostile, Dialect::Mysql), "'\\\\'' OR 1'");
    }

    #[test]
    fn sql_server_has_its_own_quotes() {
        for (name, expected) in
            [("projects", "projects"), ("revert", "[revert]"), ("a]b", "[a]]b]"), ("Ä", "[Ä]")]
        {
            assert_eq!(identifier(name, Dialect::Mssql), expected);
        }
        let text = |text: &str| literal(&Literal::Text(text.to_owned()), Dialect::Mssql);
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("é'"), "N'é'''");
        assert_eq!(literal(&Literal::Bool(true), Dialect::Mssql), "1");
    }
}
