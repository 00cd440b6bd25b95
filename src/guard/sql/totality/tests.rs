//! What the analysis says of the parts that several dialects share.

use super::*;
use crate::catalog::ColumnName;

/// <https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC>
#[test]
fn a_collation_of_its_own_makes_every_comparison_one_that_may_fail() {
    let column = |collation: Option<&str>| Column {
        name: ColumnName::new("name"),
        column_type: ColumnType::Text,
        declared: "text".to_owned(),
        nullable: false,
        collation: collation.map(str::to_owned),
        array: false,
    };
    let text = Analysis::total(Kind::Known(ColumnType::Text));
    for (collation, fails) in [(None, false), (Some("ignore_case"), true)] {
        let own = Analysis::total(Dialect::Postgresql.kind_of(&column(collation)));
        let found = Dialect::Postgresql.comparison_fails(&own, &text).is_some();
        assert_eq!(found, fails, "{collation:?}");
    }
    let elsewhere = Dialect::Sqlite.kind_of(&column(Some("NOCASE")));
    assert_eq!(elsewhere, Kind::Known(ColumnType::Text));
}
