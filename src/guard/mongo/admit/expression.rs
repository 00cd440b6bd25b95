//! Expressions: what stages compute, and `$expr`.

use bson::{Bson, Document};

use super::{Admit, Look, data, document, string};
use crate::guard::mongo::command::malformed;
use crate::guard::mongo::names::{self, Accumulator, Form, Operator};
use crate::guard::mongo::shape::{Found, Shape};
use crate::guard::{Refusal, RefusalCode};

const PARTIAL: &str = "an operator may fail on a value";
const NO_DEFAULT: &str = "`$switch` without a default fails where no branch is taken";

impl Admit<'_> {
    /// Looks at an expression over a document.
    pub(super) fn expression(&mut self, value: &Bson, shape: &Shape<'_>) -> Result<Look, Refusal> {
        match value {
            Bson::String(text) => match (text.strip_prefix("$$"), text.strip_prefix('$')) {
                (Some(variable), _) => self.variable_read(variable, shape),
                (None, Some(path)) => Ok(Look::at(shape.find(path)?)),
                (None, None) => Ok(Look::default()),
            },
            Bson::Array(items) => self.all(items, shape),
            Bson::Document(document) => {
                let mut fields = document.iter();
                match (fields.next(), fields.next()) {
                    (Some((name, operand)), None) if name.starts_with('$') => {
                        self.operator(name, operand, shape)
                    }
                    _ => self.object(document, shape),
                }
            }
            value => data(value).map(|()| Look::default()),
        }
    }

    fn all<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v Bson>,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        values
            .into_iter()
            .try_fold(Look::default(), |look, value| Ok(look.and(self.expression(value, shape)?)))
    }

    /// A document whose fields are computed.
    fn object(&mut self, fields: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
        if let Some(key) = fields.keys().find(|key| key.starts_with('$') || key.contains('.')) {
            return Err(Refusal::new(
                RefusalCode::UnknownOperator,
                format!("`{key}` cannot be a field of a computed document"),
                "give each operator a document of its own",
            ));
        }
        self.all(fields.iter().map(|(_, value)| value), shape)
    }

    /// `$$name` or `$$name.path`.
    fn variable_read(&self, text: &str, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let (name, path) = text.split_once('.').map_or((text, None), |(n, p)| (n, Some(p)));
        match (name, path) {
            ("ROOT" | "CURRENT", None) => Ok(Look { fails: None, whole: true }),
            ("ROOT" | "CURRENT", Some(path)) => {
                // The document of a variable is that of the place.
                Ok(Look::at(shape.find(path)?))
            }
            ("REMOVE" | "NOW", None) => Ok(Look::default()),
            // A variable's fields are those of a value that was looked at where it was made.
            (name, _) if self.variables.iter().any(|known| known == name) => Ok(Look::default()),
            (name, _) => Err(Refusal::new(
                RefusalCode::UnknownOperator,
                format!("the variable `$${name}` is not known here"),
                "use `let` to define variables, or `$$ROOT`, `$$NOW` and `$$REMOVE`",
            )),
        }
    }

    fn operator(&mut self, name: &str, operand: &Bson, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let known = names::known(names::EXPRESSIONS, name, RefusalCode::UnknownOperator)?;
        let Operator { form, total } = known;
        let own = if total { Look::default() } else { Look::fails(PARTIAL) };
        let inner = match form {
            Form::Args => self.expression_list(operand, shape)?,
            Form::Named(keys) => self.named(document(operand, name)?, keys, name, shape)?,
            Form::Dated => match operand {
                Bson::Document(parts) if parts.contains_key("date") => {
                    self.named(parts, &["date", "timezone"], name, shape)?
                }
                other => self.expression_list(other, shape)?,
            },
            Form::Literal => {
                data(operand)?;
                Look::default()
            }
            Form::Let => self.let_in(document(operand, name)?, shape)?,
            Form::Map => self.over(document(operand, name)?, &["in"], name, shape)?,
            Form::Filter => self.over(document(operand, name)?, &["cond", "limit"], name, shape)?,
            Form::Reduce => self.reduce(document(operand, name)?, shape)?,
            Form::Cond => match operand {
                Bson::Document(parts) if !parts.keys().any(|key| key.starts_with('$')) => {
                    self.named(parts, &["if", "then", "else"], name, shape)?
                }
                other => self.expression_list(other, shape)?,
            },
            Form::Switch => self.switch(document(operand, name)?, shape)?,
            Form::In => {
                let list = match operand.as_array().map(Vec::as_slice) {
                    Some([_, Bson::Array(_)]) => Look::default(),
                    // Fails where it is no array.
                    Some([_, _]) => Look::fails(PARTIAL),
                    Some(_) | None => return Err(malformed(name)),
                };
                self.expression_list(operand, shape)?.and(list)
            }
            Form::SortArray => {
                let parts = document(operand, name)?;
                let mut look = Look::default();
                for (key, value) in parts {
                    look = look.and(match key.as_str() {
                        "input" => self.expression(value, shape)?,
                        "sortBy" => match value {
                            Bson::Document(by) => sort(by, &Shape::Open)?,
                            value => data(value).map(|()| Look::default())?,
                        },
                        _ => return Err(malformed(name)),
                    });
                }
                look
            }
        };
        Ok(own.and(inner))
    }

    /// The operands of an operator: one, or an array of them.
    fn expression_list(&mut self, value: &Bson, shape: &Shape<'_>) -> Result<Look, Refusal> {
        match value {
            Bson::Array(items) => self.all(items, shape),
            value => self.expression(value, shape),
        }
    }

    fn named(
        &mut self,
        parts: &Document,
        keys: &[&str],
        name: &str,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        if !parts.keys().all(|key| keys.contains(&key.as_str())) {
            return Err(malformed(name));
        }
        self.all(parts.iter().map(|(_, value)| value), shape)
    }

    /// Looks at expressions in which some variables are known.
    fn with_variables<T>(
        &mut self,
        names: &[&str],
        look: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let visible = self.variables.len();
        let looked =
            names.iter().try_for_each(|name| self.variable(name)).and_then(|()| look(self));
        self.variables.truncate(visible);
        looked
    }

    fn let_in(&mut self, parts: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let (Some(Bson::Document(variables)), Some(within)) = (parts.get("vars"), parts.get("in"))
        else {
            return Err(malformed("$let"));
        };
        if parts.len() != 2 {
            return Err(malformed("$let"));
        }
        let values = self.all(variables.iter().map(|(_, value)| value), shape)?;
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        let within = self.with_variables(&names, |admit| admit.expression(within, shape))?;
        Ok(values.and(within))
    }

    /// `$map` and `$filter`: an input, a variable for its elements, and expressions over that.
    fn over(
        &mut self,
        parts: &Document,
        inner: &[&str],
        name: &str,
        shape: &Shape<'_>,
    ) -> Result<Look, Refusal> {
        let variable = parts.get("as").map_or(Ok("this"), |value| string(value, name))?;
        let mut look = Look::default();
        for (key, value) in parts {
            look = look.and(match key.as_str() {
                "as" => Look::default(),
                "input" => self.expression(value, shape)?,
                key if inner.contains(&key) => {
                    self.with_variables(&[variable], |admit| admit.expression(value, shape))?
                }
                _ => return Err(malformed(name)),
            });
        }
        Ok(look)
    }

    fn reduce(&mut self, parts: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let mut look = Look::default();
        for (key, value) in parts {
            look = look.and(match key.as_str() {
                "input" | "initialValue" => self.expression(value, shape)?,
                "in" => {
                    self.with_variables(&["this", "value"], |admit| admit.expression(value, shape))?
                }
                _ => return Err(malformed("$reduce")),
            });
        }
        Ok(look)
    }

    fn switch(&mut self, parts: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
        let mut look = match parts.get("default") {
            Some(value) => self.expression(value, shape)?,
            None => Look::fails(NO_DEFAULT),
        };
        for (key, value) in parts {
            match (key.as_str(), value) {
                ("default", _) => {}
                ("branches", Bson::Array(branches)) => {
                    for branch in branches {
                        let branch = document(branch, "$switch")?;
                        look = look.and(self.named(branch, &["case", "then"], "$switch", shape)?);
                    }
                }
                _ => return Err(malformed("$switch")),
            }
        }
        Ok(look)
    }

    /// The fields that groups compute, as the values of a document.
    pub(super) fn accumulators<'v>(
        &mut self,
        fields: impl Iterator<Item = (&'v String, &'v Bson)>,
        shape: &Shape<'_>,
    ) -> Result<(), Refusal> {
        for (field, value) in fields {
            if field.starts_with('$') || field.contains('.') {
                return Err(malformed("$group"));
            }
            let accumulator = document(value, "$group")?;
            let mut parts = accumulator.iter();
            let (Some((name, operand)), None) = (parts.next(), parts.next()) else {
                return Err(malformed("$group"));
            };
            self.accumulator(name, operand, shape)?;
        }
        Ok(())
    }

    /// One accumulator of a group or of a window.
    pub(super) fn accumulator(
        &mut self,
        name: &str,
        operand: &Bson,
        shape: &Shape<'_>,
    ) -> Result<(), Refusal> {
        match names::known(names::ACCUMULATORS, name, RefusalCode::UnknownOperator)? {
            Accumulator::Of => {
                self.expression(operand, shape)?;
            }
            Accumulator::Nothing => {
                if !document(operand, name)?.is_empty() {
                    return Err(malformed(name));
                }
            }
            Accumulator::Named(keys) => {
                for (key, value) in document(operand, name)? {
                    if !keys.contains(&key.as_str()) {
                        return Err(malformed(name));
                    } else if key == "sortBy" {
                        sort(document(value, name)?, shape)?;
                    } else {
                        self.expression(value, shape)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The keys of an order: paths, each up or down.
pub(super) fn sort(by: &Document, shape: &Shape<'_>) -> Result<Look, Refusal> {
    let mut look = Look::default();
    for (path, direction) in by {
        let direction = match direction {
            Bson::Int32(1 | -1) | Bson::Int64(1 | -1) => true,
            Bson::Double(number) => (number.abs() - 1.0).abs() == 0.0,
            _ => false,
        };
        if !direction {
            return Err(Refusal::unsupported(
                format!("an order of `{path}` that is neither 1 nor -1"),
                "order by fields, each 1 or -1",
            ));
        }
        let found = shape.find(path)?;
        look = look.and(Look { fails: None, whole: found == Found::Document });
    }
    Ok(look)
}
