//! Texts that mean one thing here and another to somebody else.

use bson::{Bson, doc};

use super::*;

fn argument(text: &str) -> Result<Bson, Refusal> {
    match parse(&format!("db.c.find({text})"))? {
        Written::Shell { mut args, .. } => Ok(args.remove(0)),
        Written::Json(_) => panic!("{text}"),
    }
}

fn json(text: &str) -> Result<Document, Refusal> {
    parse_json(text, Author::Proposal)
}

#[test]
fn numbers_are_never_rounded() {
    for (text, value) in [
        ("82", Bson::Int32(82)),
        ("-0", Bson::Double(-0.0)),
        ("2147483648", Bson::Int64(2_147_483_648)),
        ("9007199254740993", Bson::Int64(9_007_199_254_740_993)),
        ("-9223372036854775808", Bson::Int64(i64::MIN)),
        ("1.5", Bson::Double(1.5)),
        ("1e2", Bson::Double(100.0)),
        ("NumberLong(82)", Bson::Int64(82)),
        ("NumberLong('9007199254740993')", Bson::Int64(9_007_199_254_740_993)),
        ("NumberInt(82)", Bson::Int32(82)),
        ("new Date(0)", Bson::DateTime(bson::DateTime::from_millis(0))),
        ("ISODate('1970-01-01')", Bson::DateTime(bson::DateTime::from_millis(0))),
        ("ISODate('1970-01-01T00:00:00.001Z')", Bson::DateTime(bson::DateTime::from_millis(1))),
        ("ISODate('1970-01-01T01:00:00+01:00')", Bson::DateTime(bson::DateTime::from_millis(0))),
    ] {
        assert_eq!(argument(text), Ok(value), "{text}");
    }
    for text in [
        "9223372036854775808",
        "NumberLong('9223372036854775808')",
        "NumberLong(1.5)",
        "NumberLong('0x10')",
        "NumberInt('2147483648')",
        "1e999",
        "0x10",
        "010",
        "1.",
        ".5",
        "1_000",
        "10n",
        "--1",
        "+1",
        "Infinity",
        "NaN",
        "ISODate('yesterday')",
        "ISODate('2024-01-01T00:00:00.0001Z')",
        "ObjectId('x')",
        "UUID('b0d6a1de5a1f4c0e8d1a1e4e7a1e0001')",
        "NumberDecimal('12345678901234567890123456789012345')",
    ] {
        assert!(argument(text).is_err(), "{text}");
    }
}

#[test]
fn keys_are_given_once_and_keep_their_order() {
    assert_eq!(argument("{ b: 1, 'a': 2, \"c\": 3, }"), Ok(doc! { "b": 1, "a": 2, "c": 3 }.into()));
    let Ok(Bson::Document(read)) = argument("{ b: 1, a: 2 }") else { panic!() };
    assert_eq!(read.keys().collect::<Vec<_>>(), ["b", "a"]);
    for text in ["{ a: 1, a: 1 }", "{ x: [{ a: 1, 'a': 2 }] }", "{ a: 1, '\\u0061': 2 }"] {
        assert!(argument(text).is_err(), "{text}");
    }
    assert!(json(r#"{"a": {"b": 1, "\u0062": 1}}"#).is_err());
}

#[test]
fn extended_json_is_decoded_once() {
    assert_eq!(json(r#"{"a": {"$numberLong": "5"}}"#), Ok(doc! { "a": 5_i64 }));
    assert_eq!(
        json(r#"{"a": {"$date": {"$numberLong": "0"}}}"#),
        Ok(doc! { "a": bson::DateTime::from_millis(0) }),
    );
    for text in [
        r#"{"a": {"$numberLong": 5}}"#,
        r#"{"a": {"$numberLong": "5", "b": 1}}"#,
        r#"{"a": {"$date": 5}}"#,
        r#"{"a": {"$code": "1"}}"#,
        r#"{"a": {"$minKey": 1}}"#,
        r#"{"a": {"$binary": {"base64": "", "subType": "00"}}}"#,
        r#"{"a": 1,}"#,
        r#"{"a": 1} 2"#,
        "{a: 1}",
        "[1]",
    ] {
        assert!(json(text).is_err(), "{text}");
    }
    // In the shell these are keys, and no operators either.
    assert_eq!(argument("{ a: { $oid: 'x' } }"), Ok(doc! { "a": { "$oid": "x" } }.into()));
}

#[test]
fn what_is_no_literal_is_no_value() {
    for text in [
        "x",
        "a + b",
        "f()",
        "() => 1",
        "function () {}",
        "{ ...a }",
        "{ [a]: 1 }",
        "{ get a() { return 1 } }",
        "{ a }",
        "`x`",
        "[,]",
        "1 2",
        "Code('x')",
        "DBRef('c', 1)",
        "Symbol('x')",
        "BinData(0, '')",
        "ObjectId()",
        "new Date()",
        "'a\u{0}b'",
        "{ '': 1 }",
        "{ 'a\\u0000': 1 }",
        "{ __proto__: 1 }",
        "/a/g",
        "/a/ii",
        "/a",
        "'\\x41'",
        "'\\ud800'",
        "\u{feff}1",
    ] {
        assert!(argument(text).is_err(), "{text}");
    }
}

#[test]
fn comments_and_slashes_are_told_apart() {
    let regex = |text: &str| match argument(text) {
        Ok(Bson::RegularExpression(regex)) => regex.pattern.as_str().to_owned(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(regex("/* no */ /a[/]b\\/c\\d/ // yes\n"), "a[/]b/c\\d");
    assert_eq!(regex("/a/ /* ) */"), "a");
    assert!(argument("/* open").is_err());
    // The comment ends there in JavaScript, and what ends it is no white space here.
    assert!(argument("// one\u{2028} 1").is_err());
}

#[test]
fn collections_are_named_in_three_ways() {
    for text in ["db.a.b.find()", "db['a.b'].find()", "db.getCollection('a.b').find();"] {
        let Ok(Written::Shell { collection, method, .. }) = parse(text) else { panic!("{text}") };
        assert_eq!((collection.as_str(), method.as_str()), ("a.b", "find"));
    }
    for text in ["a.find()", "db", "db.a", "db.a.find", "db.a.find()()", "db.a.find(); db.b.find()"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}
