//! Cedar's own verdict on one row, by its ordinary evaluator. Shares nothing with lowering: filters are tested against it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use cedar_policy::{
    AuthorizationError, Authorizer, Decision, Effect, Entities, Entity, EntityUid, PolicyId,
    Request, RestrictedExpression, Schema,
};

use crate::catalog::{Column, ColumnName, Relation, ancestors};
use crate::predicate::{Row, Value};

use super::Rules;
use super::evaluate::{context, uid};
use super::related::{Followed, Hops};
use super::schema::ACTION;

/// What Cedar says of one row, and which policies made it say so, by their `@id`s in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the row may be read: permitted, and no forbid failed.
    pub allowed: bool,
    /// The policies that decided: permits where some are satisfied and no forbid is, otherwise forbids.
    pub deciding: Vec<String>,
    /// The policies that failed on it.
    pub failed: Vec<String>,
}

/// What the verdict rests on.
#[derive(Clone, Copy)]
pub(super) struct Oracle<'a> {
    pub(super) rules: &'a Rules,
    pub(super) schema: &'a Schema,
    pub(super) hops: &'a Hops,
}

/// Rows as entities.
#[derive(Default)]
struct Known {
    entities: BTreeMap<EntityUid, Entity>,
    /// The same, with something in place of each required parent that is missing, which is all that the schema may mind.
    complete: Vec<Entity>,
}

impl Oracle<'_> {
    /// What the caller may do with the row; `None` for a row that cannot be an entity of the derived schema. A required
    /// parent may be missing, and then the attribute is absent, which is an error to read.
    pub(super) fn verdict(
        self,
        relation: &Relation,
        caller: Entity,
        key: &str,
        row: &Row,
        touched: &[ColumnName],
    ) -> Option<Verdict> {
        let resource = uid(&relation.entity_type, key)?;
        let principal = caller.uid();
        let Known { entities, mut complete } = self.entities(relation, key, row)?;
        complete.push(caller.clone());
        Entities::from_entities(complete, Some(self.schema)).ok()?;
        let entities =
            Entities::from_entities(entities.into_values().chain([caller]), None).ok()?;
        let action = uid("Action", ACTION)?;
        let context = context(touched).ok()?;
        let request = Request::new(principal, action, resource, context, Some(self.schema)).ok()?;
        let rules = &self.rules.all;
        let response = Authorizer::new().is_authorized(&request, rules, &entities);
        // INVARIANT (a forbid that errors denies): Cedar reports the error and decides without the policy.
        let forbid_failed = response.diagnostics().errors().any(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let policy = rules.policy(error.policy_id());
            policy.is_none_or(|policy| policy.effect() == Effect::Forbid)
        });
        let allowed = response.decision() == Decision::Allow && !forbid_failed;
        let sorted = |ids: Vec<&PolicyId>| {
            let mut ids: Vec<String> = ids.into_iter().map(ToString::to_string).collect();
            ids.sort();
            ids
        };
        let failed = response.diagnostics().errors().map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            error.policy_id()
        });
        let failed = sorted(failed.collect());
        Some(Verdict {
            allowed,
            deciding: sorted(response.diagnostics().reason().collect()),
            failed,
        })
    }

    /// The row and all its parents, nearest first: a row may be an ancestor of its own.
    fn entities(self, relation: &Relation, key: &str, row: &Row) -> Option<Known> {
        let mut known = Known::default();
        let mut waiting = VecDeque::from([(relation, key, row)]);
        while let Some((relation, key, row)) = waiting.pop_front() {
            let own = uid(&relation.entity_type, key)?;
            if known.entities.contains_key(&own) {
                continue;
            }
            if row.keys().any(|column| relation.column(column).is_none()) {
                return None;
            }
            let mut attributes = attributes(relation, row, "")?;
            let mut stand_ins = HashMap::new();
            for Followed { hop, required } in self.hops.from(&relation.name) {
                let of = self.hops.parent(hop)?;
                if let Some(parent) = row.parent(&hop.name) {
                    let named = uid(&of.entity_type, &parent.key)?;
                    attributes
                        .insert(hop.name.clone(), RestrictedExpression::new_entity_uid(named));
                    waiting.push_back((of, &parent.key, &parent.row));
                } else if *required {
                    let nobody = RestrictedExpression::new_entity_uid(uid(&of.entity_type, "")?);
                    stand_ins.insert(hop.name.clone(), nobody);
                }
            }
            stand_ins.extend(attributes.clone());
            let entity = |attributes| Entity::new(own.clone(), attributes, HashSet::new()).ok();
            known.complete.push(entity(stand_ins)?);
            known.entities.insert(own.clone(), entity(attributes)?);
        }
        Some(known)
    }
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
