//! Policies as they are put to the solver: with the facts about callers, and with our law on forbids that fail.

use std::sync::Arc;

use cedar_policy::pst::{
    self, BinaryOp, Clause, EntityOrSlot, Expr, ResourceConstraint, StaticPolicy, Template,
    UnaryOp, Var,
};
use cedar_policy::{Effect, EntityTypeName, Policy, PolicyId, PolicySet, RequestEnv};

use crate::catalog::{ColumnName, PRINCIPAL_TYPE, Relation};
use crate::identity::{ClaimValue, Principal, TenantId, TenantIdType};
use crate::policy::schema::{attribute, quoted};
use crate::policy::settings::Settings;

/// The one kind of request that there is for a relation.
pub(super) fn environment(relation: &Relation) -> Result<RequestEnv, String> {
    let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| error.to_string());
    let action = "Action::\"read\"".parse().map_err(|error| format!("{error}"))?;
    Ok(RequestEnv::new(name(PRINCIPAL_TYPE)?, action, name(&relation.entity_type)?))
}

/// What is true of every caller that the settings let in. It may be true of others: a proof then speaks of more callers
/// than there are, never of fewer.
pub(super) fn callers(settings: &Settings) -> String {
    let tenant = match (settings.requires_organization_scoping, settings.tenant_id_type) {
        (false, _) => "true",
        (true, TenantIdType::Integer) => "principal.tenant > 0",
        (true, TenantIdType::Uuid | TenantIdType::String) => "principal.tenant != \"\"",
    };
    format!("({tenant}) && (if principal has scope then principal.scope != \"\" else true)")
}

/// The same as a set.
pub(super) fn condition(effect: &str, when: &str, condition: &str) -> Result<PolicySet, String> {
    let policy = ours(effect, when, condition)?;
    PolicySet::from_policies([policy]).map_err(|error| error.to_string())
}

/// That the caller is this one.
pub(super) fn pinned(settings: &Settings, principal: &Principal) -> String {
    let tenant = match &principal.tenant {
        _ if !settings.requires_organization_scoping => "true".to_owned(),
        Some(TenantId::Integer(id)) => format!("principal.tenant == {id}"),
        Some(TenantId::Uuid(id) | TenantId::String(id)) => {
            format!("principal.tenant == {}", quoted(id))
        }
        None => "false".to_owned(),
    };
    let scope = match &principal.scope {
        Some(scope) => {
            format!("principal has scope && principal.scope == {}", quoted(scope.as_str()))
        }
        None => "!(principal has scope)".to_owned(),
    };
    let mut known = format!("({tenant}) && ({scope})");
    for name in settings.claims.keys() {
        let own = principal.claims.iter().find(|(own, _)| own == name);
        let attribute = attribute(&ColumnName::new(name));
        known.push_str(&match own {
            Some((_, value)) => {
                let value = claim(&format!("principal[{}]", quoted(name)), value);
                format!(" && (principal has {attribute} && {value})")
            }
            None => format!(" && !(principal has {attribute})"),
        });
    }
    known
}

/// That the claims which are empty sets are, of which there is no literal to be written out.
pub(super) fn empty_claims(principal: &Principal) -> String {
    let empty = principal.claims.iter().filter(|(_, value)| match value {
        ClaimValue::Strings(members) => members.is_empty(),
        ClaimValue::Integers(members) => members.is_empty(),
        ClaimValue::String(_) | ClaimValue::Integer(_) | ClaimValue::Boolean(_) => false,
    });
    let known = empty.map(|(name, _)| {
        let has = attribute(&ColumnName::new(name));
        format!("(principal has {has} && principal[{}].isEmpty())", quoted(name))
    });
    std::iter::once("true".to_owned()).chain(known).collect::<Vec<_>>().join(" && ")
}

/// That a claim has this value.
fn claim(read: &str, value: &ClaimValue) -> String {
    let set = |members: Vec<String>| match members.as_slice() {
        // Cedar's formulas have no empty set.
        [] => format!("{read}.isEmpty()"),
        members => format!("{read} == [{}]", members.join(", ")),
    };
    match value {
        ClaimValue::String(text) => format!("{read} == {}", quoted(text)),
        ClaimValue::Integer(number) => format!("{read} == {number}"),
        ClaimValue::Boolean(flag) => format!("{read} == {flag}"),
        ClaimValue::Strings(members) => set(members.iter().map(|text| quoted(text)).collect()),
        ClaimValue::Integers(members) => set(members.iter().map(ToString::to_string).collect()),
    }
}

/// One policy, under a name that no `@id` is.
pub(super) fn ours(effect: &str, when: &str, condition: &str) -> Result<Policy, String> {
    let text = format!("{effect} (principal, action, resource) {when} {{ {condition} }};");
    Policy::parse(Some(PolicyId::new("\nours")), text).map_err(|error| error.to_string())
}

/// The policies, closed to those who are no callers by this condition.
///
/// Cedar skips a forbid that fails; here it denies. So each permit also asks that those forbids be false that may fail:
/// where one fails the permit fails with it, and permits nothing.
// INVARIANT (a forbid that errors denies): the proof is about what this program does, not about Cedar.
pub(super) fn strict(
    policies: &[Policy],
    failing: &[&Policy],
    callers: &str,
) -> Result<PolicySet, String> {
    let forbids: Vec<&Policy> =
        failing.iter().copied().filter(|policy| policy.effect() == Effect::Forbid).collect();
    let mut all = vec![ours("forbid", "unless", callers)?];
    for policy in policies {
        all.push(match policy.effect() {
            Effect::Permit if !forbids.is_empty() => unless(policy, &forbids)?,
            Effect::Permit | Effect::Forbid => policy.clone(),
        });
    }
    PolicySet::from_policies(all).map_err(|error| error.to_string())
}

/// A permit as a forbid: what it would have permitted is forbidden, and where it fails nothing is.
pub(super) fn forbidding(permit: &Policy) -> Result<Policy, String> {
    let failed = |error: pst::PstConstructionError| error.to_string();
    let mut body = permit.to_pst().map_err(failed)?.body().clone();
    body.effect = pst::Effect::Forbid;
    let body = StaticPolicy::try_from(body).map_err(|error| error.to_string())?;
    Policy::from_pst(pst::Policy::Static(body)).map_err(failed)
}

fn unless(permit: &Policy, forbids: &[&Policy]) -> Result<Policy, String> {
    let failed = |error: pst::PstConstructionError| error.to_string();
    let body = |policy: &Policy| policy.to_pst().map(|policy| policy.body().clone());
    let permit = body(permit).map_err(failed)?;
    let mut clauses = Vec::new();
    for forbid in forbids {
        clauses.push(Clause::Unless(whole(&body(forbid).map_err(failed)?)?));
    }
    clauses.extend(permit.clauses().iter().cloned());
    let permit = permit.try_with_clauses(clauses).map_err(failed)?;
    let permit = StaticPolicy::try_from(permit).map_err(|error| error.to_string())?;
    Policy::from_pst(pst::Policy::Static(permit)).map_err(failed)
}

/// A policy's scope and clauses as one expression. Of principals and actions there is one kind each.
fn whole(policy: &Template) -> Result<Arc<Expr>, String> {
    let mut whole = scope(&policy.resource)?;
    for clause in policy.clauses() {
        let own = match clause {
            Clause::When(expr) => expr.clone(),
            Clause::Unless(expr) => {
                Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: expr.clone() })
            }
        };
        whole = Arc::new(Expr::BinaryOp { op: BinaryOp::And, left: whole, right: own });
    }
    Ok(whole)
}

fn scope(constraint: &ResourceConstraint) -> Result<Arc<Expr>, String> {
    let resource = || Arc::new(Expr::Var(Var::Resource));
    let entity = |named: &EntityOrSlot| match named {
        EntityOrSlot::Entity(uid) => {
            Ok(Arc::new(Expr::Literal(pst::Literal::EntityUID(uid.clone()))))
        }
        EntityOrSlot::Slot(_) => Err("a template is no policy".to_owned()),
    };
    let binary = |op, right| Expr::BinaryOp { op, left: resource(), right };
    let is = |entity_type: &pst::EntityType, in_expr| Expr::Is {
        expr: resource(),
        entity_type: entity_type.clone(),
        in_expr,
    };
    Ok(Arc::new(match constraint {
        ResourceConstraint::Any => Expr::Literal(pst::Literal::Bool(true)),
        ResourceConstraint::Is(entity_type) => is(entity_type, None),
        ResourceConstraint::Eq(named) => binary(BinaryOp::Eq, entity(named)?),
        ResourceConstraint::In(named) => binary(BinaryOp::In, entity(named)?),
        ResourceConstraint::IsIn(entity_type, named) => is(entity_type, Some(entity(named)?)),
    }))
}
