//! The gate behind the rewriter: bytes that are not the command are refused.

use bson::oid::ObjectId;
use bson::raw::cstr;
use bson::{Binary, Bson, DateTime, Regex, doc, spec::BinarySubtype};

use super::tree::{Encoded, Tree};
use super::*;

fn encode(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

#[test]
fn bytes_that_are_another_command_are_refused() {
    let (own, name) = (doc! { "a": 1, "b": [1.0, "x"] }, Bson::from("t"));
    let kept = Encoded::new(own.clone()).unwrap();
    let both = Tree::Array(vec![Tree::Kept(&kept), Tree::OwnDocument(&own)]);
    let filter = Tree::field("$and", both);
    let command = Tree::Document(vec![
        ("find", Tree::Own(&name)),
        ("filter", filter),
        ("limit", 5_i64.into()),
    ]);
    let with = |first: Document, second: Document| {
        doc! { "find": "t", "filter": { "$and": [first, second] }, "limit": 5_i64 }
    };
    let read_back = |other: &Document| command.is_document(&encode(other));

    let written = with(own.clone(), own.clone());
    assert!(read_back(&written));
    assert_eq!(command.value(), Bson::Document(written.clone()));
    assert_eq!(command.encode().unwrap(), encode(&written));
    for other in [
        doc! { "b": [1.0, "x"], "a": 1 },
        doc! { "a": 1_i64, "b": [1.0, "x"] },
        doc! { "a": 1, "b": ["x", 1.0] },
        doc! { "a": 1, "b": [1.0] },
        doc! { "a": 1, "b": [1.0, "x", 2] },
        doc! { "a": 1 },
        doc! { "a": 1, "b": [1.0, "x"], "c": 1 },
    ] {
        assert!(!read_back(&with(own.clone(), other.clone())), "own: {other}");
        assert!(!read_back(&with(other.clone(), own.clone())), "kept: {other}");
    }
    for other in [
        doc! { "find": "u", "filter": { "$and": [&own, &own] }, "limit": 5_i64 },
        doc! { "find": "t", "filter": { "$and": [&own, &own] }, "limit": 6_i64 },
        doc! { "find": "t", "filter": { "$or": [&own, &own] }, "limit": 5_i64 },
        doc! { "find": "t", "filter": { "$and": [&own] }, "limit": 5_i64 },
        doc! { "find": "t", "filter": { "$and": [&own, &own, &own] }, "limit": 5_i64 },
        doc! { "filter": { "$and": [&own, &own] }, "find": "t", "limit": 5_i64 },
        doc! { "find": "t", "filter": { "$and": [&own, &own] } },
    ] {
        assert!(!read_back(&other), "{other}");
    }
}

#[test]
fn bytes_are_those_that_bson_writes() {
    let regex = Regex { pattern: cstr!("^a").into(), options: cstr!("i").into() };
    let binary = Binary { subtype: BinarySubtype::Uuid, bytes: vec![7; 16] };
    let values = doc! {
        "int": 1, "long": -2_i64, "double": -0.0, "text": "ü\u{0}\"", "empty": "", "yes": true, "none": Bson::Null,
        "id": ObjectId::from_bytes([1; 12]), "date": DateTime::from_millis(-1), "regex": regex, "binary": binary,
        "decimal": Bson::Decimal128("1.50".parse().unwrap()), "document": { "a": { "": [] } }, "array": [1, [{ "b": {} }], "c"],
        "many": (0..120).map(Bson::from).collect::<Vec<_>>(),
    };
    let own: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), Tree::Own(value))).collect();
    let made = values.iter().map(|(key, value)| (key.as_str(), Tree::Made(value.clone())));
    let nested = vec![Tree::OwnDocument(&values), Tree::Document(made.collect())];
    let tree = Tree::Document(vec![("own", Tree::Document(own)), ("all", Tree::Array(nested))]);
    let expected = encode(&doc! { "own": &values, "all": [&values, &values] });
    assert_eq!(tree.encode().unwrap(), expected);
    assert!(tree.is_document(&expected));

    for nul in [
        doc! { "a\0b": 1 },
        doc! { "a": { "b\0": Bson::Null } },
        doc! { "a": ["x", { "\0": 1.5 }] },
    ] {
        assert!(Tree::field("filter", Tree::OwnDocument(&nul)).encode().is_err(), "{nul}");
    }
}
