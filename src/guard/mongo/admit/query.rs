//! Conditions: the language of `find` filters and of `$match`.

use bson::{Bson, Document};

use super::{Admit, Look, data, document, regex, string};
use crate::guard::mongo::command::{malformed, whole};
use crate::guard::mongo::names::{self, Query};
use crate::guard::mongo::shape::{Found, Shape};
use crate::guard::{Refusal, RefusalCode};

const GEOMETRY: &str = "a condition looks at places on a map";

/// The aliases of BSON types. <https://www.mongodb.com/docs/manual/reference/bson-types/>
const TYPES: [&str; 14] = [
    "double", "string", "object", "array", "binData", "objectId", "bool", "date", "null", "regex",
    "int", "long", "decimal", "number",
];

impl Admit<'_> {
    /// Looks at a condition on a document.
    pub(super) fn query(&mut self, query: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let mut look = Look::default();
        for (key, value) in query {
            look = look.and(match key.as_str() {
                "$and" | "$or" | "$nor" => self.connective(key, value, shape)?,
                "$expr" => self.expression(value, shape)?,
                key if key.starts_with('$') => {
                    names::known(names::QUERY, key, RefusalCode::UnknownOperator)?;
                    return Err(malformed(key));
                }
                path => self.condition(shape.find(path)?, path, value, shape)?,
            });
        }
        Ok(look)
    }

    fn connective(&mut self, name: &str, value: &Bson, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let operands = value.as_array().filter(|operands| !operands.is_empty());
        let operands = operands.ok_or_else(|| malformed(name))?;
        operands.iter().try_fold(Look::default(), |look, operand| {
            Ok(look.and(self.query(document(operand, name)?, shape)?))
        })
    }

    /// What is asked of the value at a path.
    fn condition(
        &mut self,
        found: Found,
        path: &str,
        value: &Bson,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        match value {
            Bson::Document(operators) if is_operators(operators) => {
                self.operators(found, path, operators, shape)
            }
            Bson::RegularExpression(pattern) => {
                Ok(regex::look(pattern.pattern.as_str()).and(Look::at(found)))
            }
            value => {
                data(value)?;
                Ok(Look::at(found))
            }
        }
    }

    fn operators(
        &mut self,
        found: Found,
        path: &str,
        operators: &Document,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        let mut look = Look::default();
        for (name, value) in operators {
            let kind = names::known(names::QUERY, name, RefusalCode::UnknownOperator)?;
            let own = match kind {
                // These see that something is there and not what.
                Query::Flag => {
                    super::is_flag(value).ok_or_else(|| malformed(name))?;
                    Look::default()
                }
                Query::Types => {
                    types(value, name)?;
                    Look::default()
                }
                Query::Elements => self.elements(found, path, value, shape)?,
                Query::Negated => match value {
                    Bson::Document(inner) if is_operators(inner) => {
                        self.operators(found, path, inner, shape)?
                    }
                    Bson::RegularExpression(_) => self.condition(found, path, value, shape)?,
                    _ => return Err(malformed(name)),
                },
                kind => operand(kind, name, value, operators)?.and(Look::at(found)),
            };
            look = look.and(own);
        }
        Ok(look)
    }

    /// `$elemMatch`: a condition on the documents of an array, or operators on its values.
    fn elements(
        &mut self,
        found: Found,
        path: &str,
        value: &Bson,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        let inner = document(value, "$elemMatch")?;
        if is_operators(inner) && !inner.keys().any(|key| ["$and", "$or", "$nor"].contains(&&**key))
        {
            return self.operators(found, path, inner, shape);
        }
        // `$expr` has no place inside.
        let mut look = Look::default();
        for (key, value) in inner {
            if key.starts_with('$') {
                return Err(Refusal::new(
                    RefusalCode::UnknownOperator,
                    format!("`{key}` is not supported inside of `$elemMatch`"),
                    "write conditions on fields",
                ));
            }
            let deeper = format!("{path}.{key}");
            look = look.and(self.condition(shape.find(&deeper)?, &deeper, value, shape)?);
        }
        Ok(look)
    }
}

/// Whether a document holds operators, as its first key decides.
fn is_operators(document: &Document) -> bool {
    document.keys().next().is_some_and(|key| key.starts_with('$'))
}

/// The operand of an operator that looks at the value.
fn operand(kind: Query, name: &str, value: &Bson, beside: &Document) -> Result<Look, Refusal> {
    let plain = |value: &Bson| match value {
        Bson::RegularExpression(_) => Err(malformed(name)),
        value => data(value),
    };
    match kind {
        Query::Value => plain(value).map(|()| Look::default()),
        Query::Values => {
            let items = value.as_array().ok_or_else(|| malformed(name))?;
            items.iter().try_for_each(plain).map(|()| Look::default())
        }
        Query::Members => {
            let items = value.as_array().ok_or_else(|| malformed(name))?;
            items.iter().try_fold(Look::default(), |look, item| match item {
                Bson::RegularExpression(pattern) => {
                    Ok(look.and(regex::look(pattern.pattern.as_str())))
                }
                item => data(item).map(|()| look),
            })
        }
        Query::Whole => whole(value, name).map(|_| Look::default()),
        Query::Modulo => match value.as_array().map(Vec::as_slice) {
            Some([divisor, remainder]) => {
                let divisor = whole(divisor, name)?;
                whole(remainder, name)?;
                if divisor == 0 { Err(malformed(name)) } else { Ok(Look::default()) }
            }
            Some(_) | None => Err(malformed(name)),
        },
        Query::Pattern => match value {
            Bson::String(pattern) if pattern.len() <= 512 && !pattern.contains('\0') => {
                Ok(regex::look(pattern))
            }
            Bson::RegularExpression(pattern) => Ok(regex::look(pattern.pattern.as_str())),
            _ => Err(malformed(name)),
        },
        Query::Options => {
            let options = string(value, name)?;
            let known = options.chars().all(|option| "ims".contains(option));
            if known && options.len() <= 3 && beside.contains_key("$regex") {
                Ok(Look::default())
            } else {
                Err(malformed(name))
            }
        }
        Query::Bits => match value {
            Bson::Array(positions) => {
                positions.iter().try_for_each(|position| whole(position, name).map(|_| ()))?;
                Ok(Look::default())
            }
            value => whole(value, name).map(|_| Look::default()),
        },
        Query::Geometry => {
            geometry(document(value, name)?)?;
            Ok(Look::fails(GEOMETRY))
        }
        // Looked at by the caller.
        Query::Flag | Query::Types | Query::Elements | Query::Negated => Err(malformed(name)),
    }
}

fn types(value: &Bson, name: &str) -> Result<(), Refusal> {
    match value {
        Bson::String(alias) if TYPES.contains(&alias.as_str()) => Ok(()),
        Bson::Int32(number) if (1..=19).contains(number) => Ok(()),
        Bson::Array(items) if !items.iter().any(|item| matches!(item, Bson::Array(_))) => {
            items.iter().try_for_each(|item| types(item, name))
        }
        _ => Err(malformed(name)),
    }
}

/// A shape: one key that names its kind, and numbers.
fn geometry(shape: &Document) -> Result<(), Refusal> {
    const KINDS: [&str; 5] = ["$geometry", "$box", "$polygon", "$center", "$centerSphere"];
    let mut fields = shape.iter();
    match (fields.next(), fields.next()) {
        (Some((kind, value)), None) if KINDS.contains(&kind.as_str()) => data(value),
        _ => Err(malformed("$geoWithin")),
    }
}
