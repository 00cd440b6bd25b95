//! Sets: those that a policy writes, and arrays of values, which are sets to policies.
//!
//! An array is compared with constants only. It is asked about element by element, so each atom is unknown where the
//! array is missing or holds what it should not, and the connectives above it are those of the conditions that it
//! stands for: `tags.containsAll(["a", "b"])` is `tags.contains("a") && tags.contains("b")`.

use cedar_policy::pst::Expr;

use super::{Lowering, Possible, Term, membership, possible};
use crate::catalog::Column;
use crate::policy::Unsupported;
use crate::policy::check::column_name;
use crate::predicate::{Predicate, Quantifier, RowFilter, Value};

impl<'a> Lowering<'a> {
    /// The column that an expression reads, where it is an array of values.
    pub(super) fn array(&self, expr: &Expr) -> Option<&'a Column> {
        let column = self.column(column_name(expr)?.as_str())?;
        column.elements().is_some().then_some(column)
    }

    /// `left.contains(right)`: one of the set's members equals the operand.
    pub(super) fn contains(
        &self,
        left: &Expr,
        right: &Expr,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        if let Some(array) = self.array(left) {
            let member = self.constant(right)?;
            return Ok(elements(array, Quantifier::Some, vec![member], want));
        }
        let Expr::Set(members) = left else {
            return Err(self.unsupported("`contains` of something other than a set"));
        };
        let members: Vec<Term<'a>> =
            members.iter().map(|member| self.term(member)).collect::<Result<_, _>>()?;
        let operand = self.term(right)?;
        let constants: Option<Vec<Value>> = members
            .iter()
            .map(|member| match member {
                Term::Constant(value) => Some(value.clone()),
                Term::Column(_) => None,
            })
            .collect();
        if let (Term::Column(column), Some(values)) = (&operand, constants) {
            return Ok(membership(column, values, want));
        }
        self.equals_one(&members, &operand, want)
    }

    /// `left.containsAny(right)`, which is `right.containsAny(left)`: they share an element.
    pub(super) fn contains_any(
        &self,
        left: &Expr,
        right: &Expr,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        match (self.array(left), self.array(right)) {
            (Some(array), None) => {
                Ok(elements(array, Quantifier::Some, self.constants(right)?, want))
            }
            (None, Some(array)) => {
                Ok(elements(array, Quantifier::Some, self.constants(left)?, want))
            }
            (Some(_), Some(_)) | (None, None) => Err(self.unsupported("`containsAny` of columns")),
        }
    }

    /// `left.containsAll(right)`: every element of the right is one of the left.
    pub(super) fn contains_all(
        &self,
        left: &Expr,
        right: &Expr,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        match (self.array(left), self.array(right)) {
            (Some(array), None) => Ok(holds_each(array, self.constants(right)?, want)),
            (None, Some(array)) => {
                Ok(elements(array, Quantifier::Every, self.constants(left)?, want))
            }
            (Some(_), Some(_)) | (None, None) => Err(self.unsupported("`containsAll` of columns")),
        }
    }

    /// `array.isEmpty()`: every element is among none.
    pub(super) fn is_empty(&self, expr: &Expr, want: bool) -> Result<RowFilter, Unsupported> {
        match self.array(expr) {
            Some(array) => Ok(elements(array, Quantifier::Every, Vec::new(), want)),
            None => Err(self.unsupported("`isEmpty` of something other than a column")),
        }
    }

    /// `array == [..]`: each has every element of the other.
    pub(super) fn same_elements(
        &self,
        left: &Expr,
        right: &Expr,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let (array, set) = match (self.array(left), self.array(right)) {
            (Some(array), None) => (array, right),
            (None, Some(array)) => (array, left),
            (Some(_), Some(_)) | (None, None) => {
                return Err(self.unsupported("a comparison of two arrays"));
            }
        };
        let values = self.constants(set)?;
        let each = holds_each(array, values.clone(), want);
        let none_else = elements(array, Quantifier::Every, values, want);
        Ok(if want { each.and(none_else) } else { each.or(none_else) })
    }

    fn constants(&self, expr: &Expr) -> Result<Vec<Value>, Unsupported> {
        let Expr::Set(members) = expr else {
            return Err(self.unsupported("an array beside something other than a constant set"));
        };
        members.iter().map(|member| self.constant(member)).collect()
    }

    fn constant(&self, expr: &Expr) -> Result<Value, Unsupported> {
        match self.term(expr)? {
            Term::Constant(value) => Ok(value),
            Term::Column(_) => Err(self.unsupported("an array beside another column")),
        }
    }
}

/// That an array holds each of some values. With no values it holds them all, as far as it is an array.
fn holds_each(array: &Column, values: Vec<Value>, want: bool) -> RowFilter {
    let filters = values
        .into_iter()
        .map(|value| elements(array, Quantifier::Some, vec![value], want))
        .reduce(if want { RowFilter::and } else { RowFilter::or });
    filters.unwrap_or_else(|| elements(array, Quantifier::Some, Vec::new(), !want))
}

/// Whether elements are among the values, of which only those count that an element can have.
fn elements(array: &Column, quantifier: Quantifier, values: Vec<Value>, want: bool) -> RowFilter {
    let element = Column { array: false, ..array.clone() };
    let mut values: Vec<Value> = values
        .into_iter()
        .filter_map(|value| match possible(&element, value) {
            Possible::Value(value) => Some(value),
            Possible::Never | Possible::DayBefore(_) => None,
        })
        .collect();
    values.sort();
    values.dedup();
    if want && values.is_empty() && quantifier == Quantifier::Some {
        return RowFilter::NoRows;
    }
    let column = array.name.clone();
    RowFilter::Where(Predicate::Elements { column, quantifier, values, negated: !want })
}
