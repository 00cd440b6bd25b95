//! Policies with something else in the place of some of their expressions.

use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy::pst::{self, BinaryOp, Clause, Expr, StaticPolicy, Var};

use crate::catalog::ColumnName;
use crate::identity::{ClaimValue, Principal, TenantId};
use crate::policy::schema::COLUMNS;
use crate::policy::settings::Settings;

/// What stands in the place of an expression, where something does.
pub(super) type Instead<'a> = &'a dyn Fn(&Expr) -> Option<Expr>;

/// A policy with these clauses before its own, of which the expressions are replaced.
pub(super) fn replaced(
    policy: &Policy,
    mut clauses: Vec<Clause>,
    instead: Instead<'_>,
) -> Result<Policy, String> {
    let failed = |error: pst::PstConstructionError| error.to_string();
    let body = policy.to_pst().map_err(failed)?.body().clone();
    for clause in body.clauses() {
        clauses.push(match clause {
            Clause::When(expr) => Clause::When(within(expr, instead)?),
            Clause::Unless(expr) => Clause::Unless(within(expr, instead)?),
        });
    }
    let body = body.try_with_clauses(clauses).map_err(failed)?;
    let body = StaticPolicy::try_from(body).map_err(|error| error.to_string())?;
    Policy::from_pst(pst::Policy::Static(body)).map_err(failed)
}

fn within(expr: &Arc<Expr>, instead: Instead<'_>) -> Result<Arc<Expr>, String> {
    if let Some(other) = instead(expr) {
        return Ok(Arc::new(other));
    }
    let part = |expr: &Arc<Expr>| within(expr, instead);
    Ok(Arc::new(match &**expr {
        Expr::Literal(_) | Expr::Var(_) => return Ok(expr.clone()),
        Expr::HasAttr { expr, attrs } => Expr::HasAttr { expr: part(expr)?, attrs: attrs.clone() },
        Expr::UnaryOp { op, expr } => Expr::UnaryOp { op: *op, expr: part(expr)? },
        Expr::BinaryOp { op, left, right } => {
            Expr::BinaryOp { op: *op, left: part(left)?, right: part(right)? }
        }
        Expr::GetAttr { expr, attr } => Expr::GetAttr { expr: part(expr)?, attr: attr.clone() },
        Expr::Like { expr, pattern } => Expr::Like { expr: part(expr)?, pattern: pattern.clone() },
        Expr::Is { expr, entity_type, in_expr } => Expr::Is {
            expr: part(expr)?,
            entity_type: entity_type.clone(),
            in_expr: in_expr.as_ref().map(part).transpose()?,
        },
        Expr::IfThenElse { cond, then_expr, else_expr } => Expr::IfThenElse {
            cond: part(cond)?,
            then_expr: part(then_expr)?,
            else_expr: part(else_expr)?,
        },
        Expr::Set(members) => Expr::Set(members.iter().map(part).collect::<Result<_, _>>()?),
        _ => return Err("a construct in which nothing is replaced".to_owned()),
    }))
}

/// A policy as it reads for one caller and a query that touches these columns: what is known is written out.
///
/// Said as conditions, claims and columns that are sets take the solver many times as long.
pub(super) fn known(
    policy: &Policy,
    settings: &Settings,
    principal: &Principal,
    touched: &[ColumnName],
) -> Result<Policy, String> {
    replaced(policy, Vec::new(), &|expr| match expr {
        Expr::GetAttr { expr: of, attr } if is(of, &Var::Principal) => {
            match attribute(settings, principal, attr) {
                Known::Value(value) => Some(value),
                Known::Absent | Known::Unwritten => None,
            }
        }
        Expr::HasAttr { expr: of, attrs } if is(of, &Var::Principal) && attrs.tail.is_empty() => {
            match attribute(settings, principal, &attrs.head) {
                Known::Absent => Some(Expr::Literal(pst::Literal::Bool(false))),
                Known::Value(_) => Some(Expr::Literal(pst::Literal::Bool(true))),
                // What is read all the same is still behind its `has`.
                Known::Unwritten => None,
            }
        }
        Expr::BinaryOp { op: BinaryOp::Contains, left, right } if is_columns(left) => {
            Some(Expr::Literal(pst::Literal::Bool(touches(right, touched)?)))
        }
        Expr::BinaryOp { op: BinaryOp::ContainsAny, left, right } if is_columns(left) => {
            let Expr::Set(names) = &**right else { return None };
            let found: Option<Vec<bool>> =
                names.iter().map(|name| touches(name, touched)).collect();
            Some(Expr::Literal(pst::Literal::Bool(found?.contains(&true))))
        }
        _ => None,
    })
}

fn is(expr: &Expr, var: &Var) -> bool {
    matches!(expr, Expr::Var(own) if own == var)
}

fn is_columns(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr: of, attr } if is(of, &Var::Context) && attr == COLUMNS)
}

fn touches(name: &Expr, touched: &[ColumnName]) -> Option<bool> {
    match name {
        Expr::Literal(pst::Literal::String(name)) => {
            Some(touched.iter().any(|column| column.as_str() == name.as_str()))
        }
        _ => None,
    }
}

/// What is known of a caller's attribute.
enum Known {
    Absent,
    /// It is an empty set, of which there is no literal in Cedar's formulas.
    Unwritten,
    Value(Expr),
}

fn attribute(settings: &Settings, principal: &Principal, name: &str) -> Known {
    let long = |value: i64| Expr::Literal(pst::Literal::Long(value));
    let text = |value: &str| Expr::Literal(pst::Literal::String(value.into()));
    let set = |members: Vec<Expr>| {
        if members.is_empty() {
            Known::Unwritten
        } else {
            Known::Value(Expr::Set(members.into_iter().map(Arc::new).collect()))
        }
    };
    match name {
        "tenant" if settings.requires_organization_scoping => match &principal.tenant {
            Some(TenantId::Integer(id)) => Known::Value(long(*id)),
            Some(TenantId::Uuid(id) | TenantId::String(id)) => Known::Value(text(id)),
            None => Known::Absent,
        },
        "scope" => match &principal.scope {
            Some(scope) => Known::Value(text(scope.as_str())),
            None => Known::Absent,
        },
        name => match principal.claims.iter().find(|(own, _)| *own == name) {
            Some((_, ClaimValue::String(value))) => Known::Value(text(value)),
            Some((_, ClaimValue::Integer(value))) => Known::Value(long(*value)),
            Some((_, ClaimValue::Boolean(value))) => {
                Known::Value(Expr::Literal(pst::Literal::Bool(*value)))
            }
            Some((_, ClaimValue::Strings(members))) => {
                set(members.iter().map(|one| text(one)).collect())
            }
            Some((_, ClaimValue::Integers(members))) => {
                set(members.iter().map(|one| long(*one)).collect())
            }
            None => Known::Absent,
        },
    }
}
