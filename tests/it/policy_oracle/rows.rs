//! The rows that filters are tried on: what policies, databases and text comparison get wrong.

use dialektai::catalog::ColumnName;
use dialektai::predicate::{Row, Value};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// 2025-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_735_689_600_000;

/// A row of `facts`, column by column in the order of the catalog.
struct Fact {
    customer_id: Option<i64>,
    n: i64,
    m: Option<i64>,
    name: &'static str,
    nick: Option<&'static str>,
    flags: (bool, Option<bool>),
    at: i64,
    until: Option<i64>,
    day: Option<i64>,
    token: Option<&'static str>,
    odd: (Option<&'static str>, Option<i64>),
}

const PLAIN: Fact = Fact {
    customer_id: Some(82),
    n: 5,
    m: Some(5),
    name: "ann",
    nick: Some("ann"),
    flags: (true, Some(true)),
    at: NEW_YEAR,
    until: Some(NEW_YEAR),
    day: Some(NEW_YEAR),
    token: Some("6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    odd: (Some("odd"), Some(1)),
};

const EMPTY: Fact = Fact {
    customer_id: None,
    m: None,
    nick: None,
    flags: (false, None),
    until: None,
    day: None,
    token: None,
    odd: (None, None),
    ..PLAIN
};

const FACTS: [Fact; 29] = [
    PLAIN,
    EMPTY,
    Fact { customer_id: Some(82), name: "Ann", ..EMPTY },
    Fact { customer_id: Some(1), n: 6, ..PLAIN },
    Fact { customer_id: Some(1), m: None, nick: Some(""), ..PLAIN },
    Fact { customer_id: Some(i64::MAX), n: i64::MAX, m: Some(i64::MIN), ..PLAIN },
    Fact { customer_id: Some(i64::MIN), n: i64::MIN, m: Some(i64::MAX), ..PLAIN },
    Fact { customer_id: Some(0), n: 0, m: Some(0), name: "", nick: None, ..PLAIN },
    Fact { customer_id: Some(-82), n: -1, m: Some(-5), name: "a", ..PLAIN },
    Fact { n: 4, m: Some(4), flags: (false, Some(false)), ..PLAIN },
    Fact { n: 4, m: Some(6), flags: (true, None), ..PLAIN },
    Fact { n: 6, m: Some(4), flags: (false, Some(true)), ..PLAIN },
    Fact { name: "100%_x", nick: Some("100%"), odd: (Some("a'b\"c"), None), ..PLAIN },
    Fact { name: "100a_x", nick: Some("a_b"), odd: (None, Some(2)), ..PLAIN },
    Fact { name: "a\\b", nick: Some("\\"), ..PLAIN },
    Fact { name: "it's", nick: Some("'; --"), ..PLAIN },
    Fact { name: "a*b", nick: Some("*"), ..PLAIN },
    Fact { name: "ann ", nick: Some("Ann"), flags: (false, Some(false)), ..PLAIN },
    Fact { name: "\u{e4}nn", nick: Some("a\u{308}nn"), ..PLAIN },
    Fact { name: "\u{c4}NN", nick: Some("\u{1f600}"), ..PLAIN },
    Fact { name: "a!b[x]", nick: Some("!"), odd: (Some("ann"), Some(82)), ..PLAIN },
    Fact { name: "ANN\u{3000}", nick: Some("\u{1f601}"), odd: (Some("odd "), None), ..PLAIN },
    Fact { name: "ann\t", nick: Some("a\u{200b}nn"), odd: (Some("ODD"), None), ..PLAIN },
    Fact { name: "line\nbreak", nick: None, customer_id: None, ..PLAIN },
    Fact { at: NEW_YEAR - 1, until: None, day: Some(NEW_YEAR - DAY), ..PLAIN },
    Fact { at: NEW_YEAR + 1, until: Some(NEW_YEAR - 1), day: Some(NEW_YEAR + DAY), ..PLAIN },
    Fact { at: 0, until: Some(-1), day: Some(0), token: None, ..PLAIN },
    Fact { at: i64::MIN, until: Some(i64::MAX), day: Some(-DAY), ..PLAIN },
    Fact {
        at: i64::MAX,
        until: Some(i64::MIN),
        token: Some("00000000-0000-0000-0000-000000000000"),
        customer_id: None,
        ..PLAIN
    },
];

fn row(values: Vec<(&str, Option<Value>)>) -> Row {
    let present = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
    present.map(|(name, value)| (ColumnName::new(name), value)).collect()
}

/// Relation, key and values of every row.
pub(super) fn rows() -> Vec<(&'static str, String, Row)> {
    let text = |text: &str| Value::String(text.to_owned());
    let mut rows = Vec::new();
    for (id, fact) in (1_i64..).zip(&FACTS) {
        let values = vec![
            ("id", Some(Value::Long(id))),
            ("customer_id", fact.customer_id.map(Value::Long)),
            ("n", Some(Value::Long(fact.n))),
            ("m", fact.m.map(Value::Long)),
            ("name", Some(text(fact.name))),
            ("nick", fact.nick.map(text)),
            ("flag", Some(Value::Bool(fact.flags.0))),
            ("maybe", fact.flags.1.map(Value::Bool)),
            ("at", Some(Value::Datetime(fact.at))),
            ("until", fact.until.map(Value::Datetime)),
            ("day", fact.day.map(Value::Datetime)),
            ("token", fact.token.map(text)),
            ("odd name", fact.odd.0.map(text)),
            ("in", fact.odd.1.map(Value::Long)),
        ];
        rows.push(("facts", id.to_string(), row(values)));
    }
    for (code, name) in [("ann", "ann"), ("Ann", "red"), ("", "none"), ("a\"b\\", "100%_x")] {
        let values = vec![("code", Some(text(code))), ("name", Some(text(name)))];
        rows.push(("labels", code.to_owned(), row(values)));
    }
    for (left, right, customer) in [(1, 1, 82), (1, 2, 1), (2, 1, i64::MAX)] {
        let values = vec![
            ("left", Some(Value::Long(left))),
            ("right", Some(Value::Long(right))),
            ("customer_id", Some(Value::Long(customer))),
        ];
        rows.push(("pairs", format!("{left}:{right}"), row(values)));
    }
    rows
}
