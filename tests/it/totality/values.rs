//! The rows: for each type its ends, and what is awkward about it.

use dialektai::guard::sql::Dialect;

use crate::live::Live;

/// A column: its name, its type in the catalog, its declared type, its collation, and its values as literals.
type Column =
    (&'static str, &'static str, &'static str, Option<&'static str>, &'static [&'static str]);

/// The columns of one engine.
pub(super) struct Values {
    dialect: Dialect,
    columns: &'static [Column],
}

/// Literals that are tried as operands.
const LITERALS: [&str; 8] =
    ["NULL", "0", "2", "2.5", "'a'", "'%\\'", "'2024-02-29'", "99999999999999999999"];

impl Values {
    pub(super) fn of(dialect: Dialect) -> Self {
        let columns = match dialect {
            Dialect::Sqlite => SQLITE,
            Dialect::Postgresql => POSTGRESQL,
            Dialect::Mysql => MARIADB,
            Dialect::Mssql => panic!("no SQL Server runs here"),
        };
        Self { dialect, columns }
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, ..)| *name)
    }

    /// Functions whose every call is refused or fenced for another reason than the list's.
    pub(super) fn unseen(&self) -> &'static [&'static str] {
        match self.dialect {
            // The server is older than the one, and the other means nothing without GROUP BY.
            Dialect::Postgresql => &["any_value", "grouping"],
            // Their arguments are no columns.
            Dialect::Mysql => &["date_add", "date_sub", "adddate", "subdate"],
            Dialect::Sqlite | Dialect::Mssql => &[],
        }
    }

    /// What may stand in a place: all columns in the first, and the more places there are, the fewer of them.
    pub(super) fn operands(&self, place: usize, places: usize) -> Vec<String> {
        let table = if place == 0 { "a" } else { "b" };
        let few = |name: &str| match (places, place) {
            (3, _) => ["n", "num", "f", "s", "d", "ts", "nd"].contains(&name),
            (_, 0) => true,
            _ => ["n", "num", "f", "b", "s", "nd", "d", "ts", "j", "arr", "t", "raw", "u", "un"]
                .contains(&name),
        };
        let columns = self.columns().filter(|name| few(name)).map(|name| format!("{table}.{name}"));
        let literals = LITERALS.iter().filter(|literal| {
            let few = ["NULL", "2", "'a'", "'2024-02-29'"].contains(literal);
            place == 0 && places == 1 || place > 0 && (places < 3 || few)
        });
        columns.chain(literals.map(|literal| (*literal).to_owned())).collect()
    }

    pub(super) fn catalog(&self) -> String {
        let schema = match self.dialect {
            Dialect::Sqlite => "main",
            Dialect::Postgresql => "public",
            Dialect::Mysql => "demo",
            Dialect::Mssql => "dbo",
        };
        let mut text = format!("default_schema = \"{schema}\"\n");
        for table in ["extremes", "vacant"] {
            text.push_str(&format!(
                "[[relation]]\nname = \"{table}\"\nprimary_key = [\"id\"]\ncolumns = [\n"
            ));
            text.push_str(
                "{ name = \"id\", type = \"integer\", declared = \"bigint\", nullable = false },\n",
            );
            for (name, column_type, declared, collation, _) in self.columns.iter().skip(1) {
                let collation =
                    collation.map_or(String::new(), |name| format!(", collation = \"{name}\""));
                text.push_str(&format!(
                    "{{ name = \"{name}\", type = \"{column_type}\", declared = \"{declared}\", nullable = true{collation} }},\n"
                ));
            }
            text.push_str("]\n");
        }
        text
    }

    /// Two tables of the same columns: one with the rows, and one without.
    pub(super) async fn fill(&self, live: &mut Live) {
        match self.dialect {
            Dialect::Postgresql => {
                let collation = "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level1', deterministic = false)";
                live.execute(collation).await;
            }
            // Dates that are none, as a server of other modes may have kept them.
            Dialect::Mysql => live.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'").await,
            Dialect::Sqlite | Dialect::Mssql => {}
        }
        let declared: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _, declared, collation, _)| match (self.dialect, collation) {
                (Dialect::Postgresql, Some(collation)) => {
                    format!("{name} {declared} COLLATE {collation}")
                }
                _ => format!("{name} {declared}"),
            })
            .collect();
        for table in ["extremes", "vacant"] {
            live.execute(&format!("CREATE TABLE {table} ({})", declared.join(", "))).await;
        }
        let rows = self.columns.iter().map(|(.., values)| values.len()).max().unwrap();
        for row in 0..=rows {
            let values: Vec<String> = self
                .columns
                .iter()
                .map(|(name, .., values)| match *name {
                    "id" => row.to_string(),
                    _ => values.get(row).copied().unwrap_or("NULL").to_owned(),
                })
                .collect();
            live.execute(&format!("INSERT INTO extremes VALUES ({})", values.join(", "))).await;
        }
    }
}

const TEXTS: &[&str] = &[
    "'abc'",
    "''",
    "' '",
    "'%'",
    "'\\'",
    "'x\\'",
    "'['",
    "'it''s \"quoted\"'",
    "'ÄÖÜß'",
    "'日本🚀'",
    "'-1'",
    "'1e400'",
    "'2024-02-30'",
    "'{\"a\": 1}'",
    "'NaN'",
];

const SQLITE: &[Column] = &[
    ("id", "integer", "INTEGER", None, &[]),
    (
        "n",
        "integer",
        "INTEGER",
        None,
        &[
            "0",
            "1",
            "-1",
            "9223372036854775807",
            "-9223372036854775807 - 1",
            "'abc'",
            "x'00ff'",
            "2.5",
        ],
    ),
    (
        "f",
        "float",
        "REAL",
        None,
        &["0.0", "-0.0", "1e308", "-1e308", "4.9e-324", "9e999", "-9e999", "'x'"],
    ),
    ("num", "decimal", "NUMERIC", None, &["0", "1.5", "-1.5", "1e400", "'1e5x'"]),
    ("b", "boolean", "BOOLEAN", None, &["0", "1", "2", "'yes'"]),
    ("s", "text", "TEXT", None, TEXTS),
    ("raw", "bytes", "BLOB", None, &["x''", "x'00'", "x'ff'", "x'c3'", "'text'", "5"]),
    (
        "d",
        "date",
        "DATE",
        None,
        &[
            "'2024-01-31'",
            "'0000-01-01'",
            "'9999-12-31'",
            "'-4713-11-24'",
            "'2024-02-30'",
            "''",
            "5373484.5",
            "-1",
            "1e300",
        ],
    ),
    (
        "ts",
        "timestamp",
        "TIMESTAMP",
        None,
        &[
            "'2024-01-31 10:20:30'",
            "'9999-12-31 23:59:59.999'",
            "'2024-01-31T24:00'",
            "'now'",
            "9223372036854775807",
        ],
    ),
];

const POSTGRESQL: &[Column] = &[
    ("id", "integer", "bigint", None, &[]),
    ("n", "integer", "integer", None, &["0", "1", "-1", "2147483647", "-2147483648"]),
    ("small", "integer", "smallint", None, &["0", "1", "-1", "32767", "'-32768'"]),
    (
        "big",
        "integer",
        "bigint",
        None,
        &["0", "1", "-1", "9223372036854775807", "'-9223372036854775808'"],
    ),
    (
        "num",
        "decimal",
        "numeric",
        None,
        &[
            "0",
            "1.5",
            "-1.5",
            "1e400",
            "-1e400",
            "1e-400",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "1e100000",
        ],
    ),
    (
        "f",
        "float",
        "double precision",
        None,
        &["0", "'-0'", "1e308", "-1e308", "4.9e-324", "'NaN'", "'Infinity'", "'-Infinity'"],
    ),
    ("r", "float", "real", None, &["0", "3e38", "-3e38", "1e-45", "'NaN'", "'Infinity'"]),
    ("b", "boolean", "boolean", None, &["true", "false"]),
    ("s", "text", "text", None, TEXTS),
    ("nd", "text", "text", Some("folded"), TEXTS),
    ("raw", "bytes", "bytea", None, &["''", "'\\x00'", "'\\xff'", "'\\xc328'"]),
    (
        "d",
        "date",
        "date",
        None,
        &[
            "'2024-01-31'",
            "'4714-11-24 BC'",
            "'5874897-12-31'",
            "'infinity'",
            "'-infinity'",
            "'0001-01-01'",
        ],
    ),
    (
        "ts",
        "timestamp",
        "timestamp without time zone",
        None,
        &[
            "'2024-01-31 10:20:30.123456'",
            "'4714-11-24 00:00:00 BC'",
            "'294276-12-31 23:59:59.999999'",
            "'infinity'",
            "'-infinity'",
        ],
    ),
    (
        "tz",
        "timestamptz",
        "timestamp with time zone",
        None,
        &[
            "'2024-01-31 10:20:30.123456Z'",
            "'4714-11-24 00:00:00Z BC'",
            "'294276-12-31 23:59:59.999999Z'",
            "'infinity'",
            "'-infinity'",
        ],
    ),
    ("t", "time", "time without time zone", None, &["'00:00'", "'24:00'", "'12:34:56.789'"]),
    (
        "iv",
        "interval",
        "interval",
        None,
        &[
            "'1 day'",
            "'-178000000 years'",
            "'178000000 years'",
            "'2147483647 days'",
            "'-2147483648 days -1 us'",
        ],
    ),
    (
        "u",
        "uuid",
        "uuid",
        None,
        &["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    ),
    (
        "j",
        "json",
        "jsonb",
        None,
        &[
            "'{}'",
            "'[]'",
            "'null'",
            "'\"a\"'",
            "'1e400'",
            "'{\"a\": {\"b\": [1, null]}}'",
            "'[[1], \"a\"]'",
            "'{\"\": \"ü\"}'",
        ],
    ),
    (
        "js",
        "json",
        "json",
        None,
        &[
            "'{\"a\": \"\\u0000\"}'",
            "'\"\\ud800\"'",
            "'{}'",
            "'[]'",
            "'{\"a\": 1, \"a\": 2}'",
            "'1e999999'",
        ],
    ),
    (
        "arr",
        "other",
        "integer[]",
        None,
        &["'{}'", "'{1,2}'", "'{{1,2},{3,4}}'", "'{NULL}'", "'[5:6]={1,2}'"],
    ),
    ("tags", "other", "text[]", None, &["'{}'", "'{a,b}'", "'{{a},{b}}'", "'{NULL}'"]),
    ("ip", "other", "inet", None, &["'0.0.0.0/0'", "'::1'", "'255.255.255.255'"]),
];

const MARIADB: &[Column] = &[
    ("id", "integer", "bigint", None, &[]),
    ("n", "integer", "int", None, &["0", "1", "-1", "2147483647", "-2147483648"]),
    (
        "big",
        "integer",
        "bigint",
        None,
        &["0", "1", "-1", "9223372036854775807", "-9223372036854775808"],
    ),
    ("un", "integer", "bigint unsigned", None, &["0", "1", "18446744073709551615"]),
    (
        "num",
        "decimal",
        "decimal(65, 2)",
        None,
        &[
            "0",
            "1.5",
            "-1.5",
            "999999999999999999999999999999999999999999999999999999999999999.99",
            "-999999999999999999999999999999999999999999999999999999999999999.99",
        ],
    ),
    ("f", "float", "double", None, &["0", "1.7e308", "-1.7e308", "4.9e-324", "2.5"]),
    ("b", "boolean", "tinyint(1)", None, &["0", "1", "2", "-128"]),
    ("s", "text", "varchar(200)", None, TEXTS),
    (
        "nd",
        "text",
        "varchar(50) CHARACTER SET latin1",
        Some("latin1_swedish_ci"),
        &["'abc'", "''", "'é'", "'-1'", "'\\'"],
    ),
    ("raw", "bytes", "varbinary(20)", None, &["''", "x'00'", "x'ff'", "x'c328'"]),
    (
        "d",
        "date",
        "date",
        None,
        &[
            "'2024-01-31'",
            "'0000-00-00'",
            "'9999-12-31'",
            "'2024-00-10'",
            "'0001-01-01'",
            "'0000-01-01'",
        ],
    ),
    (
        "ts",
        "timestamp",
        "datetime(6)",
        None,
        &[
            "'2024-01-31 10:20:30.123456'",
            "'0000-00-00 00:00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'2024-00-10 00:00:00'",
            "'0001-01-01 00:00:00'",
        ],
    ),
    (
        "tz",
        "timestamptz",
        "timestamp NULL",
        None,
        &["'2024-01-31 10:20:30'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "0"],
    ),
    (
        "t",
        "time",
        "time(6)",
        None,
        &["'00:00:00'", "'838:59:59'", "'-838:59:59'", "'12:34:56.789'"],
    ),
    (
        "u",
        "uuid",
        "uuid",
        None,
        &["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    ),
    ("j", "json", "longtext", None, &["'{}'", "'[]'", "'null'", "'not json'", "'{\"a\": 1}'"]),
];
