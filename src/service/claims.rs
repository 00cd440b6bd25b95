//! The claims of a caller from JSON: `{"roles": ["analyst"], "clearance": 3}`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value as Json;

use crate::identity::{ClaimType, ClaimValue, Claims};

/// The longest text of claims, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Claims that are not taken, and so nobody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// Not an object, or one that says something twice.
    #[error("Must be one JSON object of up to 8 KiB, each claim once.")]
    Form,
    /// A name that `database.toml` does not declare.
    #[error("A claim is not declared under [claims] of this database.")]
    Undeclared,
    /// A declared claim of another type.
    #[error("The claim `{name}` must be {}.", expected.describe())]
    Type {
        /// As `database.toml` declares it.
        name: String,
        /// What it is there.
        expected: ClaimType,
    },
}

/// Reads the claims of a caller against those that the database declares.
///
/// # Errors
///
/// Whatever is not exactly a value of a declared claim: a claim that was dropped could be one that a rule denies by.
pub(super) fn read(
    text: &str,
    declared: &BTreeMap<String, ClaimType>,
) -> Result<Claims, InvalidClaims> {
    if text.len() > MAX_BYTES {
        return Err(InvalidClaims::Form);
    }
    let Fields(fields) = serde_json::from_str(text).map_err(|_| InvalidClaims::Form)?;
    let mut claims = BTreeMap::new();
    for (name, json) in fields {
        let expected = *declared.get(&name).ok_or(InvalidClaims::Undeclared)?;
        let Some(value) = value(json, expected).filter(|value| value.is(expected)) else {
            return Err(InvalidClaims::Type { name, expected });
        };
        // INVARIANT (one meaning): of two values of one claim neither is taken.
        if claims.insert(name, value).is_some() {
            return Err(InvalidClaims::Form);
        }
    }
    Ok(claims.into_iter().collect())
}

fn value(json: Json, expected: ClaimType) -> Option<ClaimValue> {
    Some(match (json, expected) {
        (Json::String(text), ClaimType::String) => ClaimValue::String(text),
        (Json::Number(number), ClaimType::Integer) => ClaimValue::Integer(number.as_i64()?),
        (Json::Bool(flag), ClaimType::Boolean) => ClaimValue::Boolean(flag),
        (Json::Array(members), ClaimType::Strings) => {
            let text = |member| match member {
                Json::String(text) => Some(text),
                _ => None,
            };
            ClaimValue::Strings(members.into_iter().map(text).collect::<Option<_>>()?)
        }
        (Json::Array(members), ClaimType::Integers) => {
            let number = |member: Json| member.as_i64();
            ClaimValue::Integers(members.into_iter().map(number).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The fields of an object as they were written: `serde_json` keeps the last of two.
struct Fields(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, ClaimType> {
        let types = [
            ("name", ClaimType::String),
            ("level", ClaimType::Integer),
            ("auditor", ClaimType::Boolean),
            ("roles", ClaimType::Strings),
            ("projects", ClaimType::Integers),
        ];
        types.map(|(name, claim_type)| (name.to_owned(), claim_type)).into()
    }

    #[test]
    fn claims_of_every_type_are_read() {
        let text = r#"{"roles": ["b", "a", "b"], "projects": [], "name": "ü", "level": -9223372036854775808, "auditor": false}"#;
        let expected: Claims = [
            ("name", ClaimValue::String("ü".to_owned())),
            ("level", ClaimValue::Integer(i64::MIN)),
            ("auditor", ClaimValue::Boolean(false)),
            ("roles", ClaimValue::Strings(["a", "b"].map(str::to_owned).into())),
            ("projects", ClaimValue::Integers([].into())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        assert_eq!(read(text, &declared()), Ok(expected));
        assert_eq!(read("{}", &declared()), Ok(Claims::default()));
    }

    #[test]
    fn what_is_not_declared_or_of_another_type_is_refused() {
        let members = |count| format!(r#"{{"projects": {:?}}}"#, (0..count).collect::<Vec<i32>>());
        assert!(read(&members(256), &declared()).is_ok());
        let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(257));
        let many = members(257);
        let of_type = [
            r#"{"level": "3"}"#,
            r#"{"level": 3.0}"#,
            r#"{"level": 9223372036854775808}"#,
            r#"{"level": null}"#,
            r#"{"name": 3}"#,
            r#"{"name": ""}"#,
            r#"{"name": " a"}"#,
            r#"{"name": "a\u0000"}"#,
            r#"{"auditor": 1}"#,
            r#"{"auditor": "true"}"#,
            r#"{"roles": "admin"}"#,
            r#"{"roles": ["a", 1]}"#,
            r#"{"roles": [["a"]]}"#,
            r#"{"roles": {"$ne": null}}"#,
            r#"{"projects": [1.5]}"#,
            &long,
            &many,
        ];
        for text in of_type {
            let refused = read(text, &declared());
            assert!(matches!(refused, Err(InvalidClaims::Type { .. })), "{text}: {refused:?}");
        }
        assert_eq!(read(r#"{"role": "admin"}"#, &declared()), Err(InvalidClaims::Undeclared));
        let padded = format!("{}{{}}", " ".repeat(MAX_BYTES));
        for text in [
            "",
            "null",
            "[]",
            "{",
            "{} {}",
            r#"{"level": 1, "level": 1}"#,
            r#"{"level": 1, "\u006cevel": 2}"#,
            &padded,
        ] {
            assert_eq!(read(text, &declared()), Err(InvalidClaims::Form), "{text}");
        }
    }
}
