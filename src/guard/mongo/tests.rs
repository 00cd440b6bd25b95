//! The gate behind the rewriter: bytes that are not the command are refused.

use bson::doc;

use super::*;

#[test]
fn bytes_that_are_another_command_are_refused() {
    let command = doc! { "find": "t", "filter": { "a": 1, "b": [1.0, "x"] } };
    assert!(read_back(&bytes(&command).unwrap(), &command).is_ok());
    for other in [
        doc! { "find": "t", "filter": { "b": [1.0, "x"], "a": 1 } },
        doc! { "filter": { "a": 1, "b": [1.0, "x"] }, "find": "t" },
        doc! { "find": "t", "filter": { "a": 1_i64, "b": [1.0, "x"] } },
        doc! { "find": "t", "filter": { "a": 1, "b": ["x", 1.0] } },
        doc! { "find": "t", "filter": { "a": 1, "b": [1.0] } },
        doc! { "find": "t" },
    ] {
        let refusal = read_back(&bytes(&other).unwrap(), &command).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::RoundTrip, "{other}");
    }
    assert!(bytes(&doc! { "a\0b": 1 }).is_err());
}
