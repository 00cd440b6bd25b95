//! The claims of a caller that the solver found.

use std::collections::BTreeMap;

use cedar_policy::{Entity, EvalResult};

use super::example::value;
use crate::identity::{ClaimType, ClaimValue, Claims};
use crate::predicate::Value;

/// Those that an entity has of the declared ones.
pub(super) fn read(principal: &Entity, declared: &BTreeMap<String, ClaimType>) -> Claims {
    let found = |name: &String, claim_type: &ClaimType| {
        let found = principal.attr(name)?.ok()?;
        let members = |found: &EvalResult| match found {
            EvalResult::Set(members) => members.iter().map(value).collect::<Option<Vec<Value>>>(),
            _ => None,
        };
        Some(match claim_type {
            ClaimType::String => ClaimValue::String(text(value(&found)?)?),
            ClaimType::Integer => ClaimValue::Integer(number(&value(&found)?)?),
            ClaimType::Boolean => match value(&found)? {
                Value::Bool(flag) => ClaimValue::Boolean(flag),
                Value::Long(_) | Value::String(_) | Value::Datetime(_) => return None,
            },
            ClaimType::Strings => {
                ClaimValue::Strings(members(&found)?.into_iter().map(text).collect::<Option<_>>()?)
            }
            ClaimType::Integers => ClaimValue::Integers(
                members(&found)?
                    .into_iter()
                    .map(|member| number(&member))
                    .collect::<Option<_>>()?,
            ),
        })
    };
    let claims = declared.iter().filter_map(|(name, of)| Some((name.clone(), found(name, of)?)));
    claims.collect()
}

/// Whether a caller can have them: the solver does not know what is printable, nor how many members there may be.
pub(super) fn can_be(claims: &Claims, declared: &BTreeMap<String, ClaimType>) -> bool {
    claims.iter().all(|(name, value)| declared.get(name).is_some_and(|of| value.is(*of)))
}

/// Every text and number that they hold.
pub(super) fn values(claims: &Claims) -> Vec<Value> {
    let of = |(_, claim): (&str, &ClaimValue)| match claim {
        ClaimValue::String(text) => vec![Value::String(text.clone())],
        ClaimValue::Integer(number) => vec![Value::Long(*number)],
        ClaimValue::Boolean(_) => Vec::new(),
        ClaimValue::Strings(members) => members.iter().cloned().map(Value::String).collect(),
        ClaimValue::Integers(members) => members.iter().copied().map(Value::Long).collect(),
    };
    claims.iter().flat_map(of).collect()
}

/// The same with one value in place of another.
pub(super) fn renamed(claims: &Claims, from: &Value, to: &Value) -> Claims {
    let with = |own: Value| if own == *from { to.clone() } else { own };
    let renamed = |claim: &ClaimValue| {
        Some(match claim {
            ClaimValue::String(own) => ClaimValue::String(text(with(Value::String(own.clone())))?),
            ClaimValue::Integer(own) => ClaimValue::Integer(number(&with(Value::Long(*own)))?),
            ClaimValue::Boolean(own) => ClaimValue::Boolean(*own),
            ClaimValue::Strings(members) => {
                let members = members.iter().cloned().map(Value::String);
                ClaimValue::Strings(members.map(|own| text(with(own))).collect::<Option<_>>()?)
            }
            ClaimValue::Integers(members) => {
                let members = members.iter().copied().map(Value::Long);
                ClaimValue::Integers(members.map(|own| number(&with(own))).collect::<Option<_>>()?)
            }
        })
    };
    let kept = |(name, claim): (&str, &ClaimValue)| {
        (name.to_owned(), renamed(claim).unwrap_or_else(|| claim.clone()))
    };
    claims.iter().map(kept).collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Long(_) | Value::Bool(_) | Value::Datetime(_) => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Long(number) => Some(*number),
        Value::String(_) | Value::Bool(_) | Value::Datetime(_) => None,
    }
}
