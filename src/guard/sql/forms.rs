//! What an expression may be made of besides functions: operators, tests, and the types of a cast, by dialect.
//!
//! `admit` and `types` decide; this is the same as a reader sees it, and a test asks the guard about every line of it.
//! `{0}`, `{1}` and `{2}` stand for operands.

use super::Dialect;

/// One form that an expression may have.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// As it is written.
    pub template: &'static str,
    /// The dialects that have it; refused in the others.
    pub dialects: &'static [Dialect],
    /// Where it may fail depending on the values of a row, which puts a fence around the relations.
    pub fails: Option<&'static str>,
}

/// The types that CAST may name.
#[derive(Debug, Clone, Copy)]
pub struct CastTargets {
    /// The dialect.
    pub dialect: Dialect,
    /// As they are written in a query.
    pub types: &'static [&'static str],
    /// The page of the manual that describes them.
    pub source: &'static str,
    /// Which casts are total; every other one puts a fence around the relations.
    pub total: &'static str,
}

const EVERY: &[Dialect] = &Dialect::ALL;
const SQLITE: &[Dialect] = &[Dialect::Sqlite];
const POSTGRESQL: &[Dialect] = &[Dialect::Postgresql];
const MYSQL: &[Dialect] = &[Dialect::Mysql];
const BUT_SQLITE: &[Dialect] = &[Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];
const BUT_MSSQL: &[Dialect] = &[Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql];
const TWO: &[Dialect] = &[Dialect::Sqlite, Dialect::Postgresql];
const EXTRACTING: &[Dialect] = &[Dialect::Postgresql, Dialect::Mysql];

const CONVERTS: Option<&str> =
    Some("unless both are of types that compare without a conversion; never on SQLite");
const TRUTH: Option<&str> = Some("unless it is a truth value; never on SQLite");
const OVERFLOWS: Option<&str> = Some("may overflow or divide by zero; never on SQLite");
const BITS: Option<&str> = Some("unless it is known to be a whole number; never on SQLite");
const PATTERN: Option<&str> = Some("the pattern may be invalid");
const LIKES: Option<&str> =
    Some("unless the pattern is a literal that does not end in its escape character");
const JSON: Option<&str> =
    Some("unless the value is `jsonb` and what is looked for is a literal; always on SQLite");
const ONE_TYPE: Option<&str> = Some(
    "where the values are of types that may need a conversion to become one; never on SQLite and MySQL",
);

const fn form(
    template: &'static str,
    dialects: &'static [Dialect],
    fails: Option<&'static str>,
) -> Form {
    Form { template, dialects, fails }
}

/// Operators and tests: <https://www.postgresql.org/docs/current/functions.html>,
/// <https://sqlite.org/lang_expr.html>, <https://dev.mysql.com/doc/refman/8.4/en/non-typed-operators.html>,
/// <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/operators-transact-sql>.
pub const FORMS: &[Form] = &[
    form("{0} = {1}", EVERY, CONVERTS),
    form("{0} <> {1}", EVERY, CONVERTS),
    form("{0} < {1}", EVERY, CONVERTS),
    form("{0} <= {1}", EVERY, CONVERTS),
    form("{0} > {1}", EVERY, CONVERTS),
    form("{0} >= {1}", EVERY, CONVERTS),
    form("{0} <=> {1}", MYSQL, CONVERTS),
    form("{0} IS DISTINCT FROM {1}", TWO, CONVERTS),
    form("{0} IS NOT DISTINCT FROM {1}", TWO, CONVERTS),
    form("{0} BETWEEN {1} AND {2}", EVERY, CONVERTS),
    form("{0} IN ({1}, {2})", EVERY, CONVERTS),
    form("{0} = ANY (ARRAY[{1}, {2}])", POSTGRESQL, CONVERTS),
    form("{0} IS NULL", EVERY, None),
    form("{0} IS NOT NULL", EVERY, None),
    form("{0} = 1 AND {1} IS NULL", EVERY, CONVERTS),
    form("{0} = 1 OR {1} IS NULL", EVERY, CONVERTS),
    form("NOT ({0} = {1})", EVERY, CONVERTS),
    form("{0} IS TRUE", BUT_MSSQL, TRUTH),
    form("CASE WHEN {0} IS NULL THEN {1} ELSE {2} END", EVERY, ONE_TYPE),
    form("CASE {0} WHEN {1} THEN 1 ELSE 0 END", EVERY, CONVERTS),
    form("{0} + {1}", EVERY, OVERFLOWS),
    form("{0} - {1}", EVERY, OVERFLOWS),
    form("{0} * {1}", EVERY, OVERFLOWS),
    form("{0} / {1}", EVERY, OVERFLOWS),
    form("{0} % {1}", EVERY, OVERFLOWS),
    form("{0} DIV {1}", MYSQL, OVERFLOWS),
    form("{0} ^ {1}", POSTGRESQL, OVERFLOWS),
    form("- {0}", EVERY, Some("the smallest number has no opposite; never on SQLite")),
    form("+ {0}", EVERY, None),
    form("~ {0}", EVERY, BITS),
    form("{0} & {1}", EVERY, BITS),
    form("{0} | {1}", EVERY, BITS),
    form("{0} << {1}", BUT_MSSQL, BITS),
    form("{0} >> {1}", BUT_MSSQL, BITS),
    form(
        "{0} || {1}",
        TWO,
        Some("where the values may be arrays, or texts that were built of built texts"),
    ),
    form("{0} LIKE {1}", EVERY, LIKES),
    form("{0} LIKE 'a!%' ESCAPE '!'", EVERY, CONVERTS),
    form("{0} ILIKE {1}", POSTGRESQL, LIKES),
    form("{0} GLOB {1}", SQLITE, PATTERN),
    form("{0} REGEXP {1}", MYSQL, PATTERN),
    form("{0} ~ {1}", POSTGRESQL, PATTERN),
    form("{0} ~* {1}", POSTGRESQL, PATTERN),
    form("{0} !~ {1}", POSTGRESQL, PATTERN),
    form("{0} !~* {1}", POSTGRESQL, PATTERN),
    form("{0} -> {1}", TWO, JSON),
    form("{0} ->> {1}", TWO, JSON),
    form("{0} #> {1}", POSTGRESQL, JSON),
    form("{0} #>> {1}", POSTGRESQL, JSON),
    form("{0} @> {1}", POSTGRESQL, JSON),
    form("{0} <@ {1}", POSTGRESQL, JSON),
    form("{0} ? {1}", POSTGRESQL, JSON),
    form("{0} ?| {1}", POSTGRESQL, JSON),
    form("{0} ?& {1}", POSTGRESQL, JSON),
    form("ARRAY[{0}, {1}]", POSTGRESQL, ONE_TYPE),
    form("EXTRACT(year FROM {0})", EXTRACTING, Some("unless the value is a timestamp")),
    form("EXTRACT(hour FROM {0})", EXTRACTING, Some("unless the value is a timestamp")),
    form(
        "{0} AT TIME ZONE {1}",
        &[Dialect::Postgresql, Dialect::Mssql],
        Some("the zone may be unknown"),
    ),
    form("{0} = ALL (SELECT 1 UNION SELECT 2)", BUT_SQLITE, CONVERTS),
];

/// The types of a cast. A type that is not here is refused: an unknown one could bring functions of its own.
pub const CAST_TARGETS: &[CastTargets] = &[
    CastTargets {
        dialect: Dialect::Sqlite,
        types: &[
            "INTEGER",
            "BIGINT",
            "REAL",
            "DOUBLE PRECISION",
            "NUMERIC",
            "DECIMAL(10, 2)",
            "TEXT",
            "VARCHAR(20)",
            "BLOB",
            "BOOLEAN",
            "DATE",
        ],
        source: "https://sqlite.org/lang_expr.html#castexpr",
        total: "all of them: a cast only applies an affinity",
    },
    CastTargets {
        dialect: Dialect::Postgresql,
        types: &[
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "REAL",
            "DOUBLE PRECISION",
            "NUMERIC",
            "NUMERIC(10, 2)",
            "TEXT",
            "VARCHAR",
            "VARCHAR(20)",
            "BOOLEAN",
            "UUID",
            "JSON",
            "JSONB",
            "INTERVAL",
            "DATE",
            "TIME",
            "TIMESTAMP",
            "TIMESTAMPTZ",
        ],
        source: "https://www.postgresql.org/docs/current/sql-createcast.html",
        total: "a literal to anything; anything of a known type to TEXT; a whole number to BIGINT, NUMERIC or DOUBLE PRECISION; a timestamp to DATE",
    },
    CastTargets {
        dialect: Dialect::Mysql,
        types: &[
            "SIGNED",
            "UNSIGNED",
            "DOUBLE",
            "DECIMAL(20, 2)",
            "CHAR",
            "CHAR(20)",
            "BINARY",
            "DATE",
            "DATETIME",
            "DATETIME(3)",
            "TIME",
        ],
        source: "https://dev.mysql.com/doc/refman/8.4/en/cast-functions.html",
        total: "a date or timestamp to DATE or DATETIME; a number, date or text to CHAR; a text to BINARY; a truth value to SIGNED; a number to DOUBLE",
    },
    CastTargets {
        dialect: Dialect::Mssql,
        types: &[
            "TINYINT",
            "SMALLINT",
            "INT",
            "BIGINT",
            "BIT",
            "DECIMAL(20, 2)",
            "FLOAT",
            "REAL",
            "MONEY",
            "CHAR(20)",
            "NCHAR(20)",
            "VARCHAR(20)",
            "VARCHAR(MAX)",
            "NVARCHAR(20)",
            "NVARCHAR(MAX)",
            "DATE",
            "TIME",
            "DATETIME",
            "DATETIME2",
            "SMALLDATETIME",
            "DATETIMEOFFSET",
            "UNIQUEIDENTIFIER",
        ],
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql",
        total: "TRY_CAST and TRY_CONVERT; what has room for every value of the type that it is cast from",
    },
];
