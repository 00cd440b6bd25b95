//! What the engines spell differently, as data.

use dialektai::guard::sql::Dialect;

use super::Ty::{self, Big, Bool, Date, Int, Real, Text};

/// An engine whose queries are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    Sqlite,
    Postgresql,
    Mysql,
}

impl Flavor {
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Sqlite,
            Dialect::Postgresql => Self::Postgresql,
            Dialect::Mysql => Self::Mysql,
            Dialect::Mssql => panic!("no SQL Server runs here"),
        }
    }

    /// The types of result columns, by weight.
    pub(super) fn types(self) -> &'static [Ty] {
        match self {
            Self::Sqlite => &[Int, Big, Text, Text, Real, Int],
            Self::Postgresql => &[Int, Big, Text, Text, Real, Int, Bool, Date],
            Self::Mysql => &[Int, Big, Text, Text, Real, Int, Date],
        }
    }

    /// What may stand behind a key of ORDER BY.
    pub(super) fn orders(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite | Self::Postgresql => {
                &["", " ASC", " DESC", " DESC NULLS LAST", " NULLS FIRST"]
            }
            Self::Mysql => &["", " ASC", " DESC"],
        }
    }

    pub(super) fn set_operations(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["UNION", "UNION ALL", "INTERSECT", "EXCEPT"],
            Self::Postgresql | Self::Mysql => &[
                "UNION",
                "UNION ALL",
                "UNION DISTINCT",
                "INTERSECT",
                "EXCEPT",
                "INTERSECT ALL",
                "EXCEPT ALL",
            ],
        }
    }

    pub(super) fn joins(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite | Self::Postgresql => {
                &["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN", "FULL JOIN"]
            }
            Self::Mysql => &["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN"],
        }
    }

    pub(super) fn using_joins(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite | Self::Postgresql => &["JOIN", "LEFT JOIN", "FULL JOIN"],
            Self::Mysql => &["JOIN", "LEFT JOIN"],
        }
    }

    /// The schema of the demo's relations, as a query may name it.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Sqlite => "main",
            Self::Postgresql => "public",
            Self::Mysql => crate::world::DEMO_SCHEMA,
        }
    }

    /// Functions of two values of one type that give one of that type.
    pub(super) fn conditionals(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["coalesce", "ifnull", "nullif", "min", "max"],
            Self::Postgresql => &["coalesce", "nullif", "greatest", "least"],
            Self::Mysql => &["coalesce", "ifnull", "nullif", "greatest", "least"],
        }
    }

    /// Whether a derived table may name columns of the query around the one it stands in.
    pub(super) fn derived_sees_outer(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgresql => true,
            Self::Mysql => false,
        }
    }

    /// Whether ON sees what stands before a comma.
    pub(super) fn comma_is_a_join(self) -> bool {
        match self {
            Self::Sqlite => true,
            Self::Postgresql | Self::Mysql => false,
        }
    }

    /// Whether `IN (SELECT ..)` takes a LIMIT.
    pub(super) fn in_takes_limit(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgresql => true,
            Self::Mysql => false,
        }
    }

    /// Whether `IN (SELECT ..)` takes a SELECT without FROM. It stops the whole of MariaDB where its column is of a CTE
    /// or a derived table, so the guard refuses it and nobody asks for it (<https://github.com/MariaDB/server/pull/5441>
    /// is about its kind).
    pub(super) fn in_takes_no_from(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgresql => true,
            Self::Mysql => false,
        }
    }
}
