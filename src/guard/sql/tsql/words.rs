//! The names of Transact-SQL: which words are no names, and which names are no names that the guard can compare.

use super::super::dialect::in_capitals;
use crate::guard::{Refusal, RefusalCode};

/// The reserved words, sorted:
/// <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/reserved-keywords-transact-sql>.
///
/// A statement needs no semicolon before it, so after a FROM clause the bare word `SHUTDOWN` is no alias but the next
/// statement (rule C3).
const RESERVED: [&str; 186] = [
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BACKUP",
    "BEGIN",
    "BETWEEN",
    "BREAK",
    "BROWSE",
    "BULK",
    "BY",
    "CASCADE",
    "CASE",
    "CHECK",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTERED",
    "COALESCE",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "COMPUTE",
    "CONSTRAINT",
    "CONTAINS",
    "CONTAINSTABLE",
    "CONTINUE",
    "CONVERT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "CURSOR",
    "DATABASE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DENY",
    "DESC",
    "DISK",
    "DISTINCT",
    "DISTRIBUTED",
    "DOUBLE",
    "DROP",
    "DUMP",
    "ELSE",
    "END",
    "ERRLVL",
    "ESCAPE",
    "EXCEPT",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "EXIT",
    "EXTERNAL",
    "FETCH",
    "FILE",
    "FILLFACTOR",
    "FOR",
    "FOREIGN",
    "FREETEXT",
    "FREETEXTTABLE",
    "FROM",
    "FULL",
    "FUNCTION",
    "GO",
    "GOTO",
    "GRANT",
    "GROUP",
    "HAVING",
    "HOLDLOCK",
    "IDENTITY",
    "IDENTITYCOL",
    "IDENTITY_INSERT",
    "IF",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KILL",
    "LEFT",
    "LIKE",
    "LINENO",
    "LOAD",
    "MERGE",
    "NATIONAL",
    "NOCHECK",
    "NONCLUSTERED",
    "NOT",
    "NULL",
    "NULLIF",
    "OF",
    "OFF",
    "OFFSETS",
    "ON",
    "OPEN",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "OPENXML",
    "OPTION",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PERCENT",
    "PIVOT",
    "PLAN",
    "PRECISION",
    "PRIMARY",
    "PRINT",
    "PROC",
    "PROCEDURE",
    "PUBLIC",
    "RAISERROR",
    "READ",
    "READTEXT",
    "RECONFIGURE",
    "REFERENCES",
    "REPLICATION",
    "RESTORE",
    "RESTRICT",
    "RETURN",
    "REVERT",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "ROWCOUNT",
    "ROWGUIDCOL",
    "RULE",
    "SAVE",
    "SCHEMA",
    "SECURITYAUDIT",
    "SELECT",
    "SEMANTICKEYPHRASETABLE",
    "SEMANTICSIMILARITYDETAILSTABLE",
    "SEMANTICSIMILARITYTABLE",
    "SESSION_USER",
    "SET",
    "SETUSER",
    "SHUTDOWN",
    "SOME",
    "STATISTICS",
    "SYSTEM_USER",
    "TABLE",
    "TABLESAMPLE",
    "TEXTSIZE",
    "THEN",
    "TO",
    "TOP",
    "TRAN",
    "TRANSACTION",
    "TRIGGER",
    "TRUNCATE",
    "TRY_CONVERT",
    "TSEQUAL",
    "UNION",
    "UNIQUE",
    "UNPIVOT",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "USER",
    "VALUES",
    "VARYING",
    "VIEW",
    "WAITFOR",
    "WHEN",
    "WHERE",
    "WHILE",
    "WITH",
    "WITHIN",
    "WRITETEXT",
];

/// Whether the word, without brackets, is not a name. `GO` is one to the server, but not to the tools around it.
pub(in crate::guard::sql) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search_by(|reserved| in_capitals(reserved, word)).is_ok()
}

/// Refuses an identifier that SQL Server or its collations would take for something else than we do.
pub(in crate::guard::sql) fn check_name(value: &str, quoted: bool) -> Result<(), Refusal> {
    if !quoted && value.contains(['@', '#', '$']) {
        return Err(Refusal::unsupported(
            "a variable, a temporary table or a pseudocolumn",
            "read columns of tables, and write values as literals",
        ));
    }
    if !quoted && is_reserved(value) {
        return Err(Refusal::new(
            RefusalCode::Syntax,
            format!("`{value}` is a reserved word of SQL Server, not a name"),
            "write another name, or the same one in brackets",
        ));
    }
    if value.chars().any(is_treacherous) {
        return Err(Refusal::new(
            RefusalCode::Syntax,
            "a name holds a character that a collation may not tell from another, or from none",
            "use plain letters",
        ));
    }
    Ok(())
}

/// Refuses a name that the query gives itself, where the server's collation could take it for another one: of letters
/// beyond ASCII it decides which are the same (rule A12). A name of the catalog is compared with itself.
pub(in crate::guard::sql) fn check_alias(name: &str) -> Result<(), Refusal> {
    if name.is_ascii() && !name.starts_with(['@', '#']) {
        return Ok(());
    }
    Err(Refusal::unsupported(
        "a table alias or WITH name of other than ASCII characters",
        "name tables with plain letters; column aliases may have others",
    ))
}

/// Invisible characters, and the half-width and full-width forms of others.
fn is_treacherous(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_found() {
        assert!(RESERVED.is_sorted());
        for word in
            ["shutdown", "REVERT", "Checkpoint", "RECONFIGURE", "commit", "break", "go", "user"]
        {
            assert!(is_reserved(word), "{word}");
            assert!(check_name(word, false).is_err(), "{word}");
            assert!(check_name(word, true).is_ok(), "[{word}]");
        }
        for word in ["name", "status", "id", "limit", "offset", "date", "year", "day"] {
            assert!(!is_reserved(word), "{word}");
        }
    }

    #[test]
    fn names_that_could_be_another_are_refused() {
        for name in ["@x", "#tmp", "$action", "@@version", "a$b"] {
            assert!(check_name(name, false).is_err(), "{name}");
        }
        for name in ["\u{ff53}ecrets", "secrets\u{200b}", "e\u{301}"] {
            assert!(check_name(name, true).is_err(), "{name}");
        }
        assert!(check_name("Größe", true).is_ok());
        assert!(check_alias("Größe").is_err());
        assert!(check_alias("#t").is_err());
    }
}
