//! Residuals that partial evaluation hardly ever leaves, lowered all the same.

use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy::pst::Clause;

use super::*;
use crate::catalog::{Catalog, RelationName};

const CATALOG: &str = r#"
default_schema = "main"

[[relation]]
name = "t"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "name", type = "text", nullable = false },
    { name = "other", type = "text", nullable = false },
    { name = "day", type = "date", nullable = false },
    { name = "at", type = "timestamp", nullable = false },
]

[[relation]]
name = "u"
columns = [{ name = "id", type = "integer", nullable = false }]
"#;

/// Noon of the first day.
const NOON: &str = "datetime(\"1970-01-01\").offset(duration(\"43200000ms\"))";

/// A condition as a policy has it.
fn condition(text: &str) -> Expr {
    let policy = format!("permit (principal, action, resource) when {{ {text} }};");
    let policy = Policy::parse(None, policy).unwrap().to_pst().unwrap();
    match policy.body().clauses().as_slice() {
        [Clause::When(condition)] => condition.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn lowered(condition: &Expr, want: bool) -> Option<RowFilter> {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "t".to_owned() };
    lower(condition, want, catalog.relation(&name).unwrap(), &Hops::default(), "p").ok()
}

fn compared(column: &str, op: CmpOp, value: Value) -> Predicate {
    Predicate::Compare { column: ColumnName::new(column), op, value }
}

#[test]
fn an_error_on_the_left_is_an_error() {
    for (op, right, deciding) in [(BinaryOp::Or, "true", true), (BinaryOp::And, "false", false)] {
        let (left, right) = (Arc::new(Expr::ResidualError), Arc::new(condition(right)));
        let whole = Expr::BinaryOp { op, left, right };
        for want in [true, false] {
            assert_eq!(lowered(&whole, want), Some(RowFilter::NoRows), "{op:?} {deciding} {want}");
        }
    }
}

#[test]
fn other_types_are_other_rows() {
    for other in ["resource is u", "resource == u::\"1\"", "resource in [u::\"1\", u::\"2\"]"] {
        let other = condition(other);
        assert_eq!(lowered(&other, true), Some(RowFilter::NoRows), "{other:?}");
        assert_eq!(lowered(&other, false), Some(RowFilter::AllRows), "{other:?}");
    }
    assert_eq!(lowered(&condition("resource is t"), true), Some(RowFilter::AllRows));
    let own = RowFilter::Where(compared("id", CmpOp::Eq, Value::Long(1)));
    assert_eq!(lowered(&condition("resource == t::\"1\""), true), Some(own));
    assert_eq!(lowered(&condition("resource == t::\"01\""), true), Some(RowFilter::NoRows));
}

#[test]
fn what_a_database_compares_otherwise_is_refused() {
    for text in
        ["resource.day == resource.at", "resource.name < \"x\"", "resource.name <= resource.other"]
    {
        assert_eq!(lowered(&condition(text), true), None, "{text}");
        assert_eq!(lowered(&condition(text), false), None, "{text}");
    }
}

#[test]
fn a_value_of_another_type_is_in_no_set() {
    let contains = condition("[\"x\", \"y\"].contains(resource.id)");
    assert_eq!(lowered(&contains, true), Some(RowFilter::NoRows));
    assert_eq!(lowered(&contains, false), Some(RowFilter::AllRows));
}

#[test]
fn a_set_without_a_value_has_it_in_no_member() {
    let contains = condition("[resource.name, resource.other].contains(\"x\")");
    let x = || Value::String("x".to_owned());
    let without = compared("name", CmpOp::Ne, x()).and(compared("other", CmpOp::Ne, x()));
    assert_eq!(lowered(&contains, false), Some(RowFilter::Where(without)));
    let with = compared("name", CmpOp::Eq, x()).or(compared("other", CmpOp::Eq, x()));
    assert_eq!(lowered(&contains, true), Some(RowFilter::Where(with)));
}

#[test]
fn days_lie_between_the_midnights_of_an_instant() {
    let midnight = || Value::Datetime(0);
    for (op, expected) in [("<", CmpOp::Le), ("<=", CmpOp::Le), (">", CmpOp::Gt), (">=", CmpOp::Gt)]
    {
        let filter = lowered(&condition(&format!("resource.day {op} {NOON}")), true);
        assert_eq!(filter, Some(RowFilter::Where(compared("day", expected, midnight()))), "{op}");
    }
    let equal = condition(&format!("resource.day == {NOON}"));
    assert_eq!(lowered(&equal, true), Some(RowFilter::NoRows));
    assert_eq!(lowered(&equal, false), Some(RowFilter::AllRows));
}
