//! What differs between SQL dialects in spelling.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::LazyLock;

use sqlparser::keywords::ALL_KEYWORDS;

use super::tsql;

/// An SQL dialect; what differs between dialects is data on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgresql,
    /// MySQL and MariaDB: what both read alike.
    Mysql,
    /// Microsoft SQL Server: Transact-SQL.
    Mssql,
}

/// The `sql_mode` that MySQL texts are printed for, set and verified when a connection is opened; compare it as a set,
/// since servers list modes in an order of their own (<https://mariadb.com/kb/en/sql-mode/>).
///
/// Literals are printed with every quote and every backslash doubled: under `NO_BACKSLASH_ESCAPES` they would end at
/// the same place and only hold other values (rule H7). A division by zero is NULL without a warning, `||` is never
/// printed, and a column that its group does not determine is an error.
pub const MYSQL_SQL_MODE: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES";

/// Keywords of the parser that no engine reserves and that people name columns after: printed bare.
const PLAIN_KEYWORDS: [&str; 26] = [
    "CODE",
    "COMMENT",
    "CONTENT",
    "COUNT",
    "DATA",
    "DESCRIPTION",
    "DOMAIN",
    "EMAIL",
    "HOURS",
    "ID",
    "LABEL",
    "LEVEL",
    "MAIN",
    "LANGUAGE",
    "LOCATION",
    "NAME",
    "NAMES",
    "OWNER",
    "PRIORITY",
    "REGION",
    "ROLE",
    "SOURCE",
    "STATUS",
    "TITLE",
    "TYPE",
    "VALUE",
];

/// The session that SQL Server texts are printed for. Its engine sends these on every new connection, and checks them.
///
/// They decide how a text is read (`QUOTED_IDENTIFIER`: what a double quote begins), what a comparison gives
/// (`ANSI_NULLS`, `CONCAT_NULL_YIELDS_NULL`: the guard's own filters rely on both), what an error is (`ARITHABORT`,
/// `ANSI_WARNINGS`, `XACT_ABORT`), and how `'2024-01-31'` becomes a date (`LANGUAGE`, `DATEFORMAT`: of the orders that
/// SQL Server knows, `mdy`, that of `us_english`, is one that reads it as year, month, day for every date type).
/// <https://learn.microsoft.com/en-us/sql/t-sql/statements/set-statements-transact-sql>
pub const MSSQL_SESSION: [&str; 16] = [
    "SET ANSI_NULLS ON",
    "SET QUOTED_IDENTIFIER ON",
    "SET ANSI_PADDING ON",
    "SET ANSI_WARNINGS ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET ARITHABORT ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET XACT_ABORT ON",
    "SET IMPLICIT_TRANSACTIONS OFF",
    "SET LANGUAGE us_english",
    "SET DATEFORMAT mdy",
    "SET DATEFIRST 7",
    "SET TEXTSIZE 2147483647",
    "SET ROWCOUNT 0",
    "SET NOCOUNT ON",
    "SET FMTONLY OFF",
];

/// Words that MySQL or MariaDB reserve and that the parser does not know, sorted.
const MYSQL_RESERVED: [&str; 48] = [
    "accessible",
    "day_hour",
    "day_microsecond",
    "day_minute",
    "day_second",
    "delete_domain_id",
    "do_domain_ids",
    "dual",
    "enclosed",
    "exit",
    "hour_microsecond",
    "hour_minute",
    "hour_second",
    "ignore_domain_ids",
    "infile",
    "int1",
    "int3",
    "io_after_gtids",
    "io_before_gtids",
    "iterate",
    "leave",
    "library",
    "linear",
    "loop",
    "manual",
    "master_bind",
    "master_demote_to_replica",
    "master_demote_to_slave",
    "master_ssl_verify_server_cert",
    "middleint",
    "minute_microsecond",
    "minute_second",
    "optionally",
    "outfile",
    "page_checksum",
    "parse_vcol_expr",
    "ref_system_id",
    "repeat",
    "resignal",
    "second_microsecond",
    "signal",
    "sql_cache",
    "ssl",
    "starting",
    "undo",
    "utc_date",
    "varcharacter",
    "year_month",
];

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Postgresql, Self::Mysql, Self::Mssql];

    /// The dialect's name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Mssql => "sqlserver",
        }
    }

    /// The quotes around an identifier; inside, the closing one is doubled. SQLite takes a double-quoted name that it does not find for a text (rule F8), so backticks are used there.
    pub(super) fn identifier_quotes(self) -> (char, char) {
        match self {
            Self::Sqlite | Self::Mysql => ('`', '`'),
            Self::Postgresql => ('"', '"'),
            Self::Mssql => ('[', ']'),
        }
    }

    /// A name as a statement for people writes it: bare where nothing can be meant but the name.
    pub fn quoted(self, name: &str) -> String {
        if self.is_plain_name(name) {
            return name.to_owned();
        }
        let (open, close) = self.identifier_quotes();
        let doubled = name.replace(close, &format!("{close}{close}"));
        format!("{open}{doubled}{close}")
    }

    /// The longest identifier, in bytes: PostgreSQL cuts a longer one, which then is another name (rule A9). MySQL and
    /// SQL Server count characters; a byte is never less.
    pub(super) fn max_name_bytes(self) -> usize {
        match self {
            Self::Sqlite => 255,
            Self::Postgresql => 63,
            Self::Mysql => 64,
            Self::Mssql => 128,
        }
    }

    /// The placeholder of bind `number`, counted from 1. MySQL's have no numbers: the printer keeps them.
    pub(super) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Mysql => "?".to_owned(),
            Self::Postgresql => format!("${number}"),
            Self::Mssql => format!("@P{number}"),
        }
    }

    /// The number of a placeholder that `placeholder` wrote, and that `text` has numbered where the dialect does not.
    pub(super) fn read_placeholder(self, text: &str) -> Option<usize> {
        let digits = match self {
            Self::Sqlite | Self::Mysql => text.strip_prefix('?'),
            Self::Postgresql => text.strip_prefix('$'),
            Self::Mssql => text.strip_prefix("@P"),
        };
        digits?.parse().ok()
    }

    /// Whether a name needs no quotes: a plain word, in the case that the dialect keeps, that is no keyword.
    pub(super) fn is_plain_name(self, name: &str) -> bool {
        let first = |c: char| {
            let keeps_case = matches!(self, Self::Sqlite | Self::Mssql);
            c.is_ascii_lowercase() || c == '_' || (keeps_case && c.is_ascii_uppercase())
        };
        let shape = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
        if !shape {
            return false;
        }
        let keyword = is_keyword(name);
        let reserved = match self {
            Self::Mssql => tsql::is_reserved(name),
            Self::Mysql => MYSQL_RESERVED.binary_search(&name).is_ok() || name.starts_with("utc_"),
            Self::Sqlite | Self::Postgresql => false,
        };
        let plain = || PLAIN_KEYWORDS.iter().any(|plain| plain.eq_ignore_ascii_case(name));
        !reserved && (!keyword || plain())
    }
}

/// Whether the parser knows a name as a keyword. Asked of every name that is printed.
fn is_keyword(name: &str) -> bool {
    /// No keyword is longer.
    const LONGEST: usize = 64;
    static KEYWORDS: LazyLock<HashSet<&[u8]>> =
        LazyLock::new(|| ALL_KEYWORDS.iter().map(|keyword| keyword.as_bytes()).collect());
    let mut capitals = [0; LONGEST];
    let Some(capitals) = capitals.get_mut(..name.len()) else { return false };
    capitals.copy_from_slice(name.as_bytes());
    capitals.make_ascii_uppercase();
    KEYWORDS.contains(&*capitals)
}

/// Compares a keyword with a name as if that were written in capitals.
pub(super) fn in_capitals(keyword: &str, name: &str) -> Ordering {
    keyword.bytes().cmp(name.bytes().map(|byte| byte.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_known() {
        for keyword in ALL_KEYWORDS {
            assert!(is_keyword(keyword) && is_keyword(&keyword.to_lowercase()), "{keyword}");
        }
        assert!(!is_keyword("customer_id") && !is_keyword(&"x".repeat(65)));
    }

    #[test]
    fn only_plain_words_are_bare() {
        for name in ["projects", "customer_id", "_x1", "name", "status"] {
            assert!(Dialect::Postgresql.is_plain_name(name), "{name}");
        }
        for name in [
            "",
            "1a",
            "select",
            "order",
            "user",
            "current_role",
            "a b",
            "a\"b",
            "Größe",
            "rowid x",
            "a$",
        ] {
            assert!(!Dialect::Sqlite.is_plain_name(name), "{name}");
        }
        assert!(MYSQL_RESERVED.is_sorted());
        for name in ["dual", "utc_timestamp", "rank", "groups", "year_month", "a$"] {
            assert!(!Dialect::Mysql.is_plain_name(name), "{name}");
        }
        assert!(Dialect::Sqlite.is_plain_name("AlbumId"));
        assert!(
            !Dialect::Postgresql.is_plain_name("AlbumId"),
            "unquoted, PostgreSQL would fold it"
        );
    }
}
