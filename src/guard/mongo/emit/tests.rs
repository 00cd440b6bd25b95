//! Conditions against the law of [`Predicate::evaluate`], on a small matcher with MongoDB's rules for arrays, missing
//! values and types. The oracle on a server is the judge; this says at once which atom is wrong.

use super::*;
use crate::catalog::Catalog;
use crate::predicate::Row;

const CATALOG: &str = r#"
default_schema = "app"
[[relation]]
name = "c"
columns = [
    { name = "k", type = "integer", nullable = true },
    { name = "l", type = "integer", nullable = true },
    { name = "s", type = "text", nullable = true },
    { name = "d", type = "document", nullable = true },
    { name = "d.k", type = "integer", nullable = true },
    { name = "u", type = "uuid", nullable = true },
    { name = "o", type = "objectid", nullable = true },
    { name = "t", type = "timestamptz", nullable = true },
    { name = "tags", type = "text", nullable = true, array = true },
    { name = "n", type = "integer", nullable = true, array = true },
    { name = "d.n", type = "integer", nullable = true, array = true },
]
"#;

const OPERATORS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];

fn relation() -> Relation {
    Catalog::parse(CATALOG).unwrap().relations.remove(0)
}

fn name(column: &str) -> ColumnName {
    ColumnName::new(column)
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(value) => Some(f64::from(*value)),
        Bson::Double(value) => Some(*value),
        _ => None,
    }
}

/// What is at a path, through arrays; `None` where nothing is.
fn at(value: &Bson, path: &[&str]) -> Vec<Option<Bson>> {
    let Some((first, rest)) = path.split_first() else {
        let elements = value.as_array().cloned().unwrap_or_default();
        return elements.into_iter().map(Some).chain([Some(value.clone())]).collect();
    };
    match value {
        Bson::Document(document) => match document.get(first) {
            Some(value) => match value {
                Bson::Array(items) if !rest.is_empty() => {
                    items.iter().flat_map(|item| at(item, rest)).collect()
                }
                value => at(value, rest),
            },
            None => vec![None],
        },
        _ => vec![None],
    }
}

fn compares(op: &str, left: &Bson, right: &Bson) -> bool {
    let order = match (number(left), number(right), left, right) {
        (Some(left), Some(right), _, _) => left.partial_cmp(&right),
        (_, _, Bson::String(left), Bson::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    order.is_some_and(|order| match op {
        "$eq" => order.is_eq(),
        "$lt" => order.is_lt(),
        "$lte" => order.is_le(),
        "$gt" => order.is_gt(),
        "$gte" => order.is_ge(),
        _ => panic!("{op}"),
    })
}

fn operator_matches(document: &Bson, path: &str, op: &str, operand: &Bson) -> bool {
    let path: Vec<&str> = path.split('.').collect();
    let found = at(document, &path);
    let any = |test: &dyn Fn(&Bson) -> bool| found.iter().flatten().any(test);
    let missing = found.contains(&None);
    match (op, operand) {
        ("$eq", Bson::Null) => missing || any(&|value| *value == Bson::Null),
        ("$ne" | "$nin", _) => {
            let inner = if op == "$ne" { "$eq" } else { "$in" };
            !operator_matches(document, &path.join("."), inner, operand)
        }
        ("$in", Bson::Array(items)) => {
            items.iter().any(|item| any(&|value| compares("$eq", value, item)))
        }
        ("$type", Bson::String(name)) => any(&|value| match name.as_str() {
            "number" => number(value).is_some(),
            "string" => matches!(value, Bson::String(_)),
            "object" => matches!(value, Bson::Document(_)),
            "array" => matches!(value, Bson::Array(_)),
            _ => panic!("{name}"),
        }),
        // Elements are looked at one by one, and as they are.
        ("$elemMatch", Bson::Document(inner)) => found.iter().flatten().any(|value| {
            value.as_array().is_some_and(|elements| {
                elements.iter().any(|element| element_matches(element, inner))
            })
        }),
        ("$size", Bson::Int32(size)) => any(&|value| {
            value.as_array().is_some_and(|elements| Ok(elements.len()) == usize::try_from(*size))
        }),
        ("$not", Bson::Document(inner)) => !inner
            .iter()
            .all(|(op, operand)| operator_matches(document, &path.join("."), op, operand)),
        (op, operand) => any(&|value| compares(op, value, operand)),
    }
}

fn element_matches(element: &Bson, operators: &Document) -> bool {
    operators.iter().all(|(op, operand)| match (op.as_str(), operand) {
        ("$not", Bson::Document(inner)) => !element_matches(element, inner),
        ("$nin", Bson::Array(items)) => !items.iter().any(|item| compares("$eq", element, item)),
        ("$type", Bson::String(name)) => match name.as_str() {
            "number" => number(element).is_some(),
            "string" => matches!(element, Bson::String(_)),
            _ => panic!("{name}"),
        },
        _ => panic!("{op}"),
    })
}

fn matches(condition: &Document, document: &Bson) -> bool {
    condition.iter().all(|(key, value)| match (key.as_str(), value) {
        ("$and", Bson::Array(all)) => {
            all.iter().all(|one| matches(one.as_document().unwrap(), document))
        }
        ("$or", Bson::Array(any)) => {
            any.iter().any(|one| matches(one.as_document().unwrap(), document))
        }
        ("$expr", Bson::Document(expr)) => {
            let (op, fields) = expr.iter().next().unwrap();
            let field = |index: usize| {
                let path = fields.as_array().unwrap()[index].as_str().unwrap();
                document.as_document().unwrap().get(path.trim_start_matches('$')).cloned()
            };
            match (field(0), field(1)) {
                // In expressions nothing equals a missing value but another.
                (Some(left), Some(right)) if op == "$ne" => !compares("$eq", &left, &right),
                (Some(left), Some(right)) => compares(op, &left, &right),
                _ => op == "$ne",
            }
        }
        (path, Bson::Document(operators)) => {
            operators.iter().all(|(op, operand)| operator_matches(document, path, op, operand))
        }
        (path, value) => operator_matches(document, path, "$eq", value),
    })
}

/// What a row has for a value: a number, nothing, or that no row can have it.
type Meaning = Result<Option<i64>, ()>;

/// Values for a column of numbers.
fn values() -> Vec<(Option<Bson>, Meaning)> {
    vec![
        (None, Ok(None)),
        (Some(Bson::Null), Ok(None)),
        (Some(Bson::Int32(5)), Ok(Some(5))),
        (Some(Bson::Int32(6)), Ok(Some(6))),
        (Some(Bson::Int32(7)), Ok(Some(7))),
        (Some(Bson::Double(5.0)), Ok(Some(5))),
        (Some(Bson::String("5".into())), Err(())),
        (Some(Bson::Boolean(true)), Err(())),
        (Some(doc! { "x": 5 }.into()), Err(())),
        (Some(vec![Bson::Int32(5)].into()), Err(())),
        (Some(vec![Bson::Int32(5), Bson::Null, Bson::Int32(7)].into()), Err(())),
        (Some(Bson::Array(Vec::new())), Err(())),
    ]
}

fn predicates(column: &str) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    for op in OPERATORS {
        predicates.push(Predicate::Compare { column: name(column), op, value: Value::Long(6) });
    }
    for negated in [false, true] {
        predicates.push(Predicate::IsNull { column: name(column), negated });
        let values = vec![Value::Long(5), Value::Long(7)];
        predicates.push(Predicate::In { column: name(column), values, negated });
    }
    for index in 0..predicates.len() {
        let other = predicates[(index * 7 + 3) % predicates.len()].clone();
        predicates.push(predicates[index].clone().and(other.clone()));
        predicates.push(predicates[index].clone().or(other));
    }
    predicates
}

fn check(predicate: &Predicate, document: &Document, row: Result<&Row, &()>) {
    let condition = condition(predicate, &relation()).unwrap();
    let matched = matches(&condition, &document.clone().into());
    let expected = row.is_ok_and(|row| predicate.evaluate(row) == Some(true));
    assert_eq!(matched, expected, "{predicate:?} on {document} by {condition}");
}

#[test]
fn atoms_follow_the_law() {
    for (value, meaning) in values() {
        let document: Document = value.map(|value| ("k".to_owned(), value)).into_iter().collect();
        let row = meaning.map(|number| {
            number.map(|number| (name("k"), Value::Long(number))).into_iter().collect::<Row>()
        });
        for predicate in predicates("k") {
            check(&predicate, &document, row.as_ref());
        }
    }
}

#[test]
fn atoms_on_nested_fields_follow_the_law() {
    for (value, meaning) in values() {
        let inner: Document = value.map(|value| ("k".to_owned(), value)).into_iter().collect();
        let row = meaning.map(|number| {
            number.map(|number| (name("d.k"), Value::Long(number))).into_iter().collect::<Row>()
        });
        for predicate in predicates("d.k") {
            check(&predicate, &doc! { "d": inner.clone() }, row.as_ref());
            // A document that is there twice is not there.
            check(&predicate, &doc! { "d": [inner.clone()] }, Err(&()));
            check(&predicate, &doc! { "d": [inner.clone(), {}] }, Err(&()));
        }
    }
    for predicate in predicates("d.k") {
        check(&predicate, &doc! {}, Ok(&Row::new()));
        check(&predicate, &doc! { "d": Bson::Null }, Ok(&Row::new()));
        // A value in the document's place is no document without the field.
        check(&predicate, &doc! { "d": 5 }, Err(&()));
        check(&predicate, &doc! { "d": "k" }, Err(&()));
    }
}

/// What a row has for an array: its elements, nothing, or that no row can have it.
type Elements = Result<Option<Vec<i64>>, ()>;

/// Values for an array of numbers.
fn arrays() -> Vec<(Option<Bson>, Elements)> {
    let numbers = |numbers: &[i32]| Some(Bson::from(numbers.to_vec()));
    let with = |other: Bson| Some(Bson::Array(vec![Bson::Int32(5), other]));
    vec![
        (None, Ok(None)),
        (Some(Bson::Null), Ok(None)),
        (numbers(&[]), Ok(Some(vec![]))),
        (numbers(&[5]), Ok(Some(vec![5]))),
        (numbers(&[5, 5, 7]), Ok(Some(vec![5, 7]))),
        (numbers(&[8]), Ok(Some(vec![8]))),
        (numbers(&[5, 8, 5]), Ok(Some(vec![5, 8]))),
        (with(Bson::Double(7.0)), Ok(Some(vec![5, 7]))),
        (Some(Bson::Int32(5)), Err(())),
        (Some(Bson::String("5".into())), Err(())),
        (Some(doc! { "0": 5 }.into()), Err(())),
        (with(Bson::Null), Err(())),
        (with(Bson::String("5".into())), Err(())),
        (with(doc! { "n": 5 }.into()), Err(())),
        (with(vec![Bson::Int32(5)].into()), Err(())),
        (Some(Bson::Array(vec![vec![Bson::Int32(5)].into()])), Err(())),
        (Some(Bson::Array(vec![Bson::Null])), Err(())),
    ]
}

#[test]
fn atoms_on_arrays_follow_the_law() {
    for (value, meaning) in arrays() {
        for column in ["n", "d.n"] {
            let inner: Document =
                value.clone().map(|value| ("n".to_owned(), value)).into_iter().collect();
            let document = if column == "n" {
                inner
            } else {
                doc! { "d": inner }
            };
            let row = meaning.clone().map(|elements| {
                let mut row = Row::new();
                if let Some(elements) = elements {
                    row.insert_set(name(column), elements.into_iter().map(Value::Long));
                }
                row
            });
            let mut predicates = Vec::new();
            for negated in [false, true] {
                predicates.push(Predicate::IsNull { column: name(column), negated });
                for quantifier in [Quantifier::Some, Quantifier::Every] {
                    for values in [&[][..], &[5], &[5, 7], &[9]] {
                        let values = values.iter().copied().map(Value::Long).collect();
                        let column = name(column);
                        predicates.push(Predicate::Elements {
                            column,
                            quantifier,
                            values,
                            negated,
                        });
                    }
                }
            }
            for predicate in predicates {
                check(&predicate, &document, row.as_ref());
                // A document that is there twice is not there.
                if let Some(inner) = document.get("d") {
                    check(&predicate, &doc! { "d": [inner.clone()] }, Err(&()));
                    check(&predicate, &doc! { "d": [inner.clone(), {}] }, Err(&()));
                }
            }
        }
    }
}

#[test]
fn columns_are_compared_where_both_are_there() {
    for (left, left_means) in values() {
        for (right, right_means) in values() {
            let pairs = [("k", left.clone()), ("l", right)];
            let document: Document = pairs
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            let row: Result<Row, ()> = match (left_means, right_means) {
                (Ok(left), Ok(right)) => Ok([("k", left), ("l", right)]
                    .into_iter()
                    .filter_map(|(column, number)| Some((name(column), Value::Long(number?))))
                    .collect()),
                _ => Err(()),
            };
            for op in OPERATORS {
                let predicate = Predicate::CompareColumns { left: name("k"), op, right: name("l") };
                check(&predicate, &document, row.as_ref());
            }
        }
    }
}

#[test]
fn constants_have_the_type_of_their_column() {
    let emitted = |column: &str, value: Value| {
        let predicate = Predicate::Compare { column: name(column), op: CmpOp::Eq, value };
        condition(&predicate, &relation()).map(|condition| condition.to_string())
    };
    let text = |text: &str| Value::String(text.to_owned());
    let uuid = "b0d6a1de-5a1f-4c0e-8d1a-1e4e7a1e0001";
    assert!(emitted("u", text(uuid)).unwrap().contains("Binary"));
    assert!(emitted("o", text("507f1f77bcf86cd799439011")).unwrap().contains("ObjectId"));
    assert!(emitted("t", Value::Datetime(0)).unwrap().contains("DateTime"));
    for (column, value) in [
        ("u", text("x")),
        ("o", text("x")),
        ("k", text("5")),
        ("s", Value::Long(5)),
        ("tags", text("x")),
        ("d", text("x")),
        ("missing", Value::Long(5)),
    ] {
        assert!(emitted(column, value).is_err(), "{column}");
    }
}

#[test]
fn patterns_are_anchored_and_escaped() {
    let emitted = |pattern: &str| {
        let element = |c| match c {
            '*' => PatternElement::AnyRun,
            '+' => PatternElement::Char('*'),
            c => PatternElement::Char(c),
        };
        let Bson::RegularExpression(regex) =
            regex(&pattern.chars().map(element).collect::<Vec<_>>()).unwrap()
        else {
            panic!()
        };
        assert_eq!(regex.options.as_str(), "s");
        regex.pattern.as_str().to_owned()
    };
    for (pattern, expected) in [
        ("", "\\A\\z"),
        ("a.b+\n$é*", "\\Aa\\.b\\*\\x0a\\$é.*\\z"),
        ("*", "\\A.*\\z"),
        ("**", "\\A.*\\z"),
        ("*a", "\\A.*a\\z"),
        ("*a*", "\\A.*a.*\\z"),
        ("x*a*", "\\Ax.*a.*\\z"),
        // Each of these would be tried in as many places as the text has.
        ("*a*b", "\\A(?>.*?a).*b\\z"),
        ("*a*b*", "\\A(?>.*?a)(?>.*?b).*\\z"),
        ("x*a**.*y", "\\Ax(?>.*?a)(?>.*?\\.).*y\\z"),
    ] {
        assert_eq!(emitted(pattern), expected, "{pattern}");
    }
}

#[test]
fn strings_ask_for_the_simple_collation() {
    let compare = |value| Predicate::Compare { column: name("s"), op: CmpOp::Eq, value };
    assert!(compares_strings(&compare(Value::String("acme".into()))));
    assert!(!compares_strings(&compare(Value::Long(1))));
    let holds = |values| {
        let (column, quantifier) = (name("tags"), Quantifier::Every);
        Predicate::Elements { column, quantifier, values, negated: false }
    };
    assert!(compares_strings(&holds(vec![Value::String("x".into())])));
    assert!(!compares_strings(&holds(Vec::new())));
    assert!(compares_strings(&compare(Value::Long(1)).or(compare(Value::String("x".into())))));
}
