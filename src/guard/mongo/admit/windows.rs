//! The stages that look at neighbours: windows, gaps and buckets of equal size; and what is cut out of documents.
//!
//! They stand behind the filter of their collection, so their neighbours are the caller's own documents.

use bson::{Bson, Document};

use super::expression::sort;
use super::{Admit, data, document, string};
use crate::guard::mongo::command::{malformed, whole};
use crate::guard::mongo::names::{self, Window};
use crate::guard::mongo::shape::{Shape, is_path};
use crate::guard::{Refusal, RefusalCode};

impl Admit<'_> {
    /// <https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/>
    pub(super) fn windows(
        &mut self,
        fields: &Document,
        shape: &mut Shape<'_>,
    ) -> Result<(), Refusal> {
        const NAME: &str = "$setWindowFields";
        let output = document(fields.get("output").ok_or_else(|| malformed(NAME))?, NAME)?;
        for (key, value) in fields {
            match key.as_str() {
                "partitionBy" => {
                    self.expression(value, shape)?;
                }
                "sortBy" => {
                    sort(document(value, NAME)?, shape)?;
                }
                "output" => {}
                _ => return Err(malformed(NAME)),
            }
        }
        for (path, value) in output {
            if !is_path(path) {
                return Err(malformed(NAME));
            }
            self.window(document(value, NAME)?, shape)?;
        }
        output.keys().for_each(|path| shape.add(path));
        Ok(())
    }

    /// `{ $operator: .., window: .. }`
    fn window(&mut self, field: &Document, shape: &Shape<'_>) -> Result<(), Refusal> {
        const NAME: &str = "$setWindowFields";
        if let Some(window) = field.get("window") {
            bounds(document(window, NAME)?)?;
        }
        let mut operators = field.iter().filter(|(key, _)| *key != "window");
        let (Some((name, operand)), None) = (operators.next(), operators.next()) else {
            return Err(malformed(NAME));
        };
        match names::known(names::WINDOWS, name, RefusalCode::UnknownOperator)? {
            Window::Group => self.accumulator(name, operand, shape),
            Window::Of => self.expression(operand, shape).map(|_| ()),
            Window::Nothing if document(operand, name)?.is_empty() => Ok(()),
            Window::Nothing => Err(malformed(name)),
            Window::Named(keys) => {
                for (key, value) in document(operand, name)? {
                    match key.as_str() {
                        key if !keys.contains(&key) => return Err(malformed(name)),
                        "input" | "output" => {
                            self.expression(value, shape)?;
                        }
                        _ => data(value)?,
                    }
                }
                Ok(())
            }
        }
    }

    /// <https://www.mongodb.com/docs/manual/reference/operator/aggregation/fill/>
    pub(super) fn fill(&mut self, fields: &Document, shape: &mut Shape<'_>) -> Result<(), Refusal> {
        const NAME: &str = "$fill";
        let output = document(fields.get("output").ok_or_else(|| malformed(NAME))?, NAME)?;
        for (key, value) in fields {
            match key.as_str() {
                "partitionBy" => {
                    self.expression(value, shape)?;
                }
                "partitionByFields" => paths(value, shape, NAME)?,
                "sortBy" => {
                    sort(document(value, NAME)?, shape)?;
                }
                "output" => {}
                _ => return Err(malformed(NAME)),
            }
        }
        for (path, how) in output {
            let mut parts = document(how, NAME)?.iter();
            match (parts.next(), parts.next()) {
                (Some((key, value)), None) if key == "value" && is_path(path) => {
                    self.expression(value, shape)?;
                }
                (Some((key, Bson::String(method))), None)
                    if key == "method"
                        && ["linear", "locf"].contains(&method.as_str())
                        && is_path(path) => {}
                _ => return Err(malformed(NAME)),
            }
        }
        output.keys().for_each(|path| shape.add(path));
        Ok(())
    }

    /// <https://www.mongodb.com/docs/manual/reference/operator/aggregation/bucketAuto/>
    pub(super) fn bucket_auto(
        &mut self,
        fields: &Document,
        shape: &Shape<'_>,
    ) -> Result<(), Refusal> {
        const NAME: &str = "$bucketAuto";
        for (key, value) in fields {
            match key.as_str() {
                "groupBy" => {
                    self.expression(value, shape)?;
                }
                "buckets" if whole(value, NAME)? > 0 => {}
                "granularity" => {
                    string(value, NAME)?;
                }
                "output" => self.accumulators(document(value, NAME)?.iter(), shape)?,
                _ => return Err(malformed(NAME)),
            }
        }
        Ok(())
    }

    /// `$redact`: an expression that is looked at for the document and for those inside of it, each as the place where
    /// paths begin.
    pub(super) fn redact(&mut self, value: &Bson) -> Result<(), Refusal> {
        let visible = self.variables.len();
        self.variables.extend(["DESCEND", "PRUNE", "KEEP"].map(str::to_owned));
        let looked = self.expression(value, &Shape::Open);
        self.variables.truncate(visible);
        looked.map(|_| ())
    }
}

/// Where a window begins and ends.
fn bounds(window: &Document) -> Result<(), Refusal> {
    const NAME: &str = "window";
    let bound = |bound: &Bson| match bound {
        Bson::String(word) => word == "current" || word == "unbounded",
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => true,
        _ => false,
    };
    for (key, value) in window {
        match (key.as_str(), value) {
            ("documents" | "range", Bson::Array(both)) if both.iter().all(bound) => {}
            ("unit", Bson::String(unit)) if unit.bytes().all(|byte| byte.is_ascii_lowercase()) => {}
            _ => return Err(malformed(NAME)),
        }
    }
    Ok(())
}

/// An array of fields.
fn paths(value: &Bson, shape: &Shape<'_>, place: &str) -> Result<(), Refusal> {
    let paths = value.as_array().ok_or_else(|| malformed(place))?;
    paths.iter().try_for_each(|path| shape.find(string(path, place)?).map(|_| ()))
}

/// `$densify`: documents for the gaps in a field. How many it makes, the server limits.
/// <https://www.mongodb.com/docs/manual/reference/operator/aggregation/densify/>
pub(super) fn densify(fields: &Document, shape: &Shape<'_>) -> Result<(), Refusal> {
    const NAME: &str = "$densify";
    for (key, value) in fields {
        match key.as_str() {
            "field" => {
                shape.find(string(value, NAME)?)?;
            }
            "partitionByFields" => paths(value, shape, NAME)?,
            "range" => {
                let range = document(value, NAME)?;
                let known = ["step", "unit", "bounds"];
                if !range.keys().all(|key| known.contains(&key.as_str())) {
                    return Err(malformed(NAME));
                }
                range.values().try_for_each(data)?;
            }
            _ => return Err(malformed(NAME)),
        }
    }
    Ok(())
}
