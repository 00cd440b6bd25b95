//! The gate behind the rewriter: bytes that are not the command are refused.

use bson::{Bson, doc};

use super::tree::{Encoded, Tree, encode};
use super::*;

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
    let read_back = |other: &Document| command.is_document(&encode(other).unwrap());

    let written = with(own.clone(), own.clone());
    assert!(read_back(&written));
    assert_eq!(command.value(), Bson::Document(written.clone()));
    assert_eq!(command.encode().unwrap(), encode(&written).unwrap());
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
    assert!(encode(&doc! { "a\0b": 1 }).is_err());
}
