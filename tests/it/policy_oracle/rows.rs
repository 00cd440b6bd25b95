//! The rows that filters are tried on: what policies, databases and text comparison get wrong.

use dialektai::catalog::ColumnName;
use dialektai::predicate::{Parent, Row, Value};

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

/// What the keys of a row of `facts` name: rows that are there, rows that are not, the row itself, and nothing.
fn keys(id: i64) -> Vec<(&'static str, Option<Value>)> {
    const LABELS: [Option<&str>; 9] = [
        Some("ann"),
        Some("Ann"),
        Some("ann "),
        None,
        Some("ANN"),
        Some(""),
        Some("nobody"),
        Some("a\"b\\"),
        Some("\u{e4}nn"),
    ];
    let boss = match id % 5 {
        0 => None,
        1 => Some(id),
        2 => Some(999),
        back => Some(id - back + 2),
    };
    let label = LABELS[usize::try_from(id).unwrap() % LABELS.len()];
    vec![
        ("boss_id", boss.map(Value::Long)),
        ("label_code", label.map(|label| Value::String(label.to_owned()))),
        ("account_id", Some(Value::Long(id % 6 + 1))),
        (
            "backup_id",
            [None, Some(2), Some(5), Some(6), Some(3), Some(1), Some(4)]
                [usize::try_from(id).unwrap() % 7]
                .map(Value::Long),
        ),
    ]
}

/// Name, relation, column and the parent's column of every foreign key, by the relation that has it.
const KEYS: [(&str, &str, &str, &str, &str); 6] = [
    ("facts", "boss", "boss_id", "facts", "id"),
    ("facts", "label", "label_code", "labels", "code"),
    ("facts", "account", "account_id", "accounts", "id"),
    ("facts", "the backup", "backup_id", "accounts", "id"),
    ("accounts", "place", "region", "regions", "number"),
    ("accounts", "parent", "parent_id", "accounts", "id"),
];

/// The row with its parents, as far as policies go.
fn with_parents(
    all: &[(&'static str, String, Row)],
    (relation, row): (&str, &Row),
    depth: usize,
) -> Row {
    let mut row = row.clone();
    if depth == 0 {
        return row;
    }
    for (_, name, column, parent, key) in KEYS.iter().filter(|(of, ..)| *of == relation) {
        let Some(value) = row.get(&ColumnName::new(*column)).cloned() else { continue };
        let found = all
            .iter()
            .find(|(of, _, row)| of == parent && row.get(&ColumnName::new(*key)) == Some(&value));
        if let Some((of, key, found)) = found {
            let row_of_parent = with_parents(all, (of, found), depth - 1);
            row.insert_parent(*name, Parent { key: key.clone(), row: row_of_parent });
        }
    }
    row
}

/// Relation, key and values of every row, with the parents that its keys name.
pub(crate) fn rows() -> Vec<(&'static str, String, Row)> {
    let all = alone();
    all.iter()
        .map(|(relation, key, row)| {
            (*relation, key.clone(), with_parents(&all, (relation, row), 4))
        })
        .collect()
}

fn alone() -> Vec<(&'static str, String, Row)> {
    let text = |text: &str| Value::String(text.to_owned());
    let mut rows = Vec::new();
    for (id, fact) in (1_i64..).zip(&FACTS) {
        let mut values = vec![
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
        values.extend(keys(id));
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
    // The regions of accounts 3 and 4 are not there, though the catalog says that they must be.
    for (id, customer, name, open, credit, region, parent) in [
        (1, Some(82), "ann", true, Some(5), 1, None),
        (2, Some(1), "Ann", false, None, 2, Some(1)),
        (3, None, "", true, Some(0), 9, Some(3)),
        (4, Some(82), "ann ", false, Some(i64::MAX), -9, Some(99)),
        (5, Some(i64::MAX), "100%_x", true, None, 1, Some(4)),
    ] {
        let values = vec![
            ("id", Some(Value::Long(id))),
            ("customer_id", customer.map(Value::Long)),
            ("name", Some(text(name))),
            ("open", Some(Value::Bool(open))),
            ("credit", credit.map(Value::Long)),
            ("region", Some(Value::Long(region))),
            ("parent_id", parent.map(Value::Long)),
        ];
        rows.push(("accounts", id.to_string(), row(values)));
    }
    for (code, number, manager) in [("eu", 1, Some("ann")), ("EU", 2, None), ("none", 3, Some(""))]
    {
        let values = vec![
            ("code", Some(text(code))),
            ("number", Some(Value::Long(number))),
            ("manager", manager.map(text)),
        ];
        rows.push(("regions", code.to_owned(), row(values)));
    }
    rows
}
