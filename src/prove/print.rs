//! A filter as Cedar: the condition that is true on the rows that the filter keeps.
//!
//! An atom over NULL is unknown, and a row is kept where the whole is true. As `AND` and `OR` are all that stands above the
//! atoms, unknown may be read as false: each atom asks with `has` for what it reads.

use crate::catalog::{Column, ColumnName, Relation};
use crate::policy::Database;
use crate::policy::schema::{access, attribute, present, quoted};
use crate::predicate::{CmpOp, Hop, PatternElement, Predicate, Quantifier, RowFilter, Value};

/// Where a row is, seen from the resource.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) database: &'a Database,
    pub(super) relation: &'a Relation,
    /// `resource`, or `resource.task`.
    pub(super) path: &'a str,
}

/// The condition of no row.
pub(super) const NONE: &str = "false";

/// A filter over a relation as one condition. Says why where it has none.
pub(super) fn filter(place: Place<'_>, filter: &RowFilter) -> Result<String, String> {
    match filter {
        RowFilter::AllRows => Ok("true".to_owned()),
        RowFilter::NoRows => Ok(NONE.to_owned()),
        RowFilter::Where(predicate) => place.predicate(predicate),
    }
}

impl Place<'_> {
    fn predicate(self, predicate: &Predicate) -> Result<String, String> {
        match predicate {
            Predicate::And(operands) => self.joined(operands, " && "),
            Predicate::Or(operands) => self.joined(operands, " || "),
            Predicate::Compare { column, op, value } => {
                let (column, read) = self.read(column)?;
                Ok(self.guarded(&[column], &format!("{read} {} {}", operator(*op), literal(value))))
            }
            Predicate::CompareColumns { left, op, right } => {
                let ((left, read), (right, other)) = (self.read(left)?, self.read(right)?);
                Ok(self.guarded(&[left, right], &format!("{read} {} {other}", operator(*op))))
            }
            Predicate::In { column, values, negated } => {
                let (column, read) = self.read(column)?;
                let found = format!("[{}].contains({read})", literals(values));
                Ok(self.guarded(&[column], &asked(&found, *negated)))
            }
            Predicate::Like { column, pattern, negated } => {
                let (column, read) = self.read(column)?;
                let matched = format!("{read} like {}", pattern_text(pattern));
                Ok(self.guarded(&[column], &asked(&matched, *negated)))
            }
            Predicate::Elements { column, quantifier, values, negated } => {
                let (column, read) = self.read(column)?;
                let holds = match quantifier {
                    // Cedar's formulas have no empty set.
                    Quantifier::Some if values.is_empty() => "false".to_owned(),
                    Quantifier::Every if values.is_empty() => format!("{read}.isEmpty()"),
                    Quantifier::Some => format!("{read}.containsAny([{}])", literals(values)),
                    Quantifier::Every => format!("[{}].containsAll({read})", literals(values)),
                };
                Ok(self.guarded(&[column], &asked(&holds, *negated)))
            }
            Predicate::IsNull { column, negated } => {
                let column = self.column(column)?;
                Ok(asked(&self.has(column), !negated))
            }
            Predicate::Related { hop, predicate } => {
                let (path, parent) = self.parent(hop)?;
                let asked = Place { relation: parent, path: &path, ..self }.predicate(predicate)?;
                Ok(format!("({} && {asked})", self.has_parent(hop)))
            }
            Predicate::Parent { hop, negated } => {
                self.parent(hop)?;
                Ok(asked(&self.has_parent(hop), *negated))
            }
        }
    }

    fn joined(self, operands: &[Predicate], connective: &str) -> Result<String, String> {
        let operands: Result<Vec<String>, String> =
            operands.iter().map(|operand| self.predicate(operand)).collect();
        Ok(format!("({})", operands?.join(connective)))
    }

    fn column(&self, name: &ColumnName) -> Result<&Column, String> {
        let column = self.relation.column(name).filter(|column| column.is_attribute());
        column.ok_or_else(|| format!("`{name}` is no column that policies can read"))
    }

    /// The column, and the expression that reads it.
    fn read(&self, name: &ColumnName) -> Result<(&Column, String), String> {
        Ok((self.column(name)?, self.access(name)))
    }

    pub(super) fn access(&self, name: &ColumnName) -> String {
        self.at(&access(&self.database.settings, name))
    }

    /// Whether the column is there.
    pub(super) fn has(&self, column: &Column) -> String {
        self.at(&format!("resource has {}", present(&self.database.settings, &column.name)))
    }

    fn at(&self, expression: &str) -> String {
        let behind = expression.strip_prefix("resource").unwrap_or(expression);
        format!("{}{behind}", self.path)
    }

    /// The condition where the columns are there, and false where one is not.
    fn guarded(&self, columns: &[&Column], condition: &str) -> String {
        let may_lack = |column: &&&Column| column.nullable || column.name.as_str().contains('.');
        let guards = columns.iter().filter(may_lack).map(|column| self.has(column));
        let all: Vec<String> = guards.chain([condition.to_owned()]).collect();
        format!("({})", all.join(" && "))
    }

    pub(super) fn has_parent(&self, hop: &Hop) -> String {
        format!("{} has {}", self.path, attribute(&ColumnName::new(&hop.name)))
    }

    /// The path to a parent, and its relation.
    pub(super) fn parent(&self, hop: &Hop) -> Result<(String, &Relation), String> {
        let mut parents = self.database.hops_from(self.relation);
        let parent = parents.find(|(own, of)| own.name == hop.name && of.name == hop.parent);
        let (_, parent) = parent.ok_or_else(|| format!("`{}` leads nowhere", hop.name))?;
        let name = ColumnName::new(&hop.name);
        let behind = attribute(&name);
        let path = if behind == hop.name {
            format!("{}.{behind}", self.path)
        } else {
            format!("{}[{behind}]", self.path)
        };
        Ok((path, parent))
    }
}

fn asked(condition: &str, negated: bool) -> String {
    if negated { format!("!({condition})") } else { format!("({condition})") }
}

fn operator(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "==",
        CmpOp::Ne => "!=",
        CmpOp::Lt => "<",
        CmpOp::Le => "<=",
        CmpOp::Gt => ">",
        CmpOp::Ge => ">=",
    }
}

pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Long(value) => value.to_string(),
        Value::String(value) => quoted(value),
        Value::Bool(value) => value.to_string(),
        // Literals of instants end with the year 9999, instants do not.
        Value::Datetime(milliseconds) => {
            format!("datetime(\"1970-01-01\").offset(duration(\"{milliseconds}ms\"))")
        }
    }
}

fn literals(values: &[Value]) -> String {
    values.iter().map(literal).collect::<Vec<_>>().join(", ")
}

fn pattern_text(pattern: &[PatternElement]) -> String {
    let mut text = String::from("\"");
    for element in pattern {
        match element {
            PatternElement::AnyRun => text.push('*'),
            PatternElement::Char('*') => text.push_str("\\*"),
            PatternElement::Char(c) => {
                let one = quoted(&c.to_string());
                text.push_str(one.trim_start_matches('"').strip_suffix('"').unwrap_or(&one));
            }
        }
    }
    text.push('"');
    text
}
