//! Cedar's own verdict on one row, by its ordinary evaluator. Shares nothing with lowering: filters are tested against it.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, Entity, Request,
    RestrictedExpression, Schema,
};

use crate::catalog::{Column, ColumnName, Relation, ancestors};
use crate::predicate::{Row, Value};

use super::Rules;
use super::evaluate::uid;
use super::schema::ACTION;

/// Whether the caller may read the row. A row that cannot be an entity of the derived schema is not authorized.
pub(super) fn is_authorized(
    rules: &Rules,
    schema: &Schema,
    relation: &Relation,
    caller: Entity,
    key: &str,
    row: &Row,
) -> bool {
    verdict(rules, schema, relation, caller, key, row).unwrap_or(false)
}

fn verdict(
    rules: &Rules,
    schema: &Schema,
    relation: &Relation,
    caller: Entity,
    key: &str,
    row: &Row,
) -> Option<bool> {
    if row.keys().any(|column| relation.column(column).is_none()) {
        return None;
    }
    let attributes = attributes(relation, row, "")?;
    let resource = uid(&relation.entity_type, key)?;
    let row = Entity::new(resource.clone(), attributes, HashSet::new()).ok()?;
    let principal = caller.uid();
    let entities = Entities::from_entities([caller, row], Some(schema)).ok()?;
    let action = uid("Action", ACTION)?;
    let request = Request::new(principal, action, resource, Context::empty(), Some(schema)).ok()?;
    let response = Authorizer::new().is_authorized(&request, &rules.all, &entities);
    // INVARIANT (a forbid that errors denies): Cedar reports the error and decides without the policy.
    let forbid_failed = response.diagnostics().errors().any(|error| {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        let policy = rules.all.policy(error.policy_id());
        policy.is_none_or(|policy| policy.effect() == Effect::Forbid)
    });
    Some(response.decision() == Decision::Allow && !forbid_failed)
}

/// The columns of a document as attributes: `a.b` is the attribute `b` of the record `a`, which is there where the row
/// has a value for `a` itself, whatever it is.
fn attributes(
    relation: &Relation,
    row: &Row,
    inside: &str,
) -> Option<HashMap<String, RestrictedExpression>> {
    let mut attributes = HashMap::new();
    for column in &relation.columns {
        let name = column.name.as_str();
        let above = ancestors(name).last().filter(|above| {
            relation.column(&ColumnName::new(*above)).is_some_and(Column::is_document)
        });
        if !row.contains_key(&column.name) {
            continue;
        }
        let own = match above {
            Some(above) if format!("{above}.") == inside => name.strip_prefix(inside)?,
            None if inside.is_empty() => name,
            Some(_) | None => continue,
        };
        let value = if column.is_document() {
            let fields = self::attributes(relation, row, &format!("{name}."))?;
            RestrictedExpression::new_record(fields).ok()?
        } else if column.array {
            let elements = row.set(&column.name)?.iter().map(constant);
            RestrictedExpression::new_set(elements.collect::<Option<Vec<_>>>()?)
        } else {
            constant(row.get(&column.name)?)?
        };
        attributes.insert(own.to_owned(), value);
    }
    Some(attributes)
}

fn constant(value: &Value) -> Option<RestrictedExpression> {
    match value {
        Value::Long(value) => Some(RestrictedExpression::new_long(*value)),
        Value::String(value) => Some(RestrictedExpression::new_string(value.clone())),
        Value::Bool(value) => Some(RestrictedExpression::new_bool(*value)),
        // Cedar's literals of instants end with the year 9999, its instants do not.
        Value::Datetime(milliseconds) => {
            format!("datetime(\"1970-01-01\").offset(duration(\"{milliseconds}ms\"))").parse().ok()
        }
    }
}
