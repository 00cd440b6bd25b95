//! What a condition looks at: the row at hand, or the row that one of its keys leads to.

use std::sync::Arc;

use cedar_policy::pst::{Expr, Var};

use super::{any, children, is_var};

/// Where the attributes are that an expression reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Reach<'e> {
    /// In the row at hand, or nowhere.
    Own,
    /// All of them in the parent by this key.
    Through(&'e str),
    /// In several rows.
    Several,
}

/// Where an expression looks, if attributes of these names lead to parents.
pub(in crate::policy) fn reach<'e>(expr: &'e Expr, leads: &dyn Fn(&str) -> bool) -> Reach<'e> {
    let (mut through, mut own) = (Vec::new(), false);
    visit(expr, leads, &mut through, &mut own);
    through.sort_unstable();
    through.dedup();
    match (through.as_slice(), own) {
        ([], _) => Reach::Own,
        ([only], false) => Reach::Through(only),
        _ => Reach::Several,
    }
}

fn visit<'e>(
    expr: &'e Expr,
    leads: &dyn Fn(&str) -> bool,
    through: &mut Vec<&'e str>,
    own: &mut bool,
) {
    match expr {
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) && leads(attr) => {
            through.push(attr.as_str());
        }
        Expr::Var(Var::Resource) => *own = true,
        other => {
            for part in children(other).unwrap_or_default() {
                visit(part, leads, through, own);
            }
        }
    }
}

/// Whether an expression, or one beneath it, looks at a parent or asks for one.
pub(in crate::policy) fn follows_key(expr: &Expr, leads: &dyn Fn(&str) -> bool) -> bool {
    any(expr, &|expr| match expr {
        Expr::GetAttr { expr, attr } => is_var(expr, &Var::Resource) && leads(attr),
        Expr::HasAttr { expr, attrs } => is_var(expr, &Var::Resource) && leads(&attrs.head),
        _ => false,
    })
}

/// The expression as the parent has it: `resource.task.title` is `resource.title` there.
pub(in crate::policy) fn seen_from_parent(expr: &Expr, name: &str) -> Expr {
    let part = |expr: &Arc<Expr>| Arc::new(seen_from_parent(expr, name));
    match expr {
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) && attr == name => {
            Expr::Var(Var::Resource)
        }
        Expr::GetAttr { expr, attr } => Expr::GetAttr { expr: part(expr), attr: attr.clone() },
        Expr::HasAttr { expr, attrs } => Expr::HasAttr { expr: part(expr), attrs: attrs.clone() },
        Expr::Like { expr, pattern } => Expr::Like { expr: part(expr), pattern: pattern.clone() },
        Expr::UnaryOp { op, expr } => Expr::UnaryOp { op: *op, expr: part(expr) },
        Expr::BinaryOp { op, left, right } => {
            Expr::BinaryOp { op: *op, left: part(left), right: part(right) }
        }
        Expr::Is { expr, entity_type, in_expr } => Expr::Is {
            expr: part(expr),
            entity_type: entity_type.clone(),
            in_expr: in_expr.as_ref().map(part),
        },
        Expr::IfThenElse { cond, then_expr, else_expr } => Expr::IfThenElse {
            cond: part(cond),
            then_expr: part(then_expr),
            else_expr: part(else_expr),
        },
        Expr::Set(items) => Expr::Set(items.iter().map(part).collect()),
        Expr::Record(fields) => {
            Expr::Record(fields.iter().map(|(name, field)| (name.clone(), part(field))).collect())
        }
        // What is left reads no attribute.
        _ => expr.clone(),
    }
}

/// The attributes from `resource` on: `["task", "title"]` of `resource.task.title`.
pub(in crate::policy) fn attributes(expr: &Expr) -> Option<Vec<&str>> {
    match expr {
        Expr::Var(Var::Resource) => Some(Vec::new()),
        Expr::GetAttr { expr, attr } => {
            let mut path = attributes(expr)?;
            path.push(attr.as_str());
            Some(path)
        }
        _ => None,
    }
}

/// Whether the expression, or one beneath it, reads attributes from `resource` on that are as asked.
pub(in crate::policy) fn reads(expr: &Expr, is: &dyn Fn(&[&str]) -> bool) -> bool {
    any(expr, &|expr| attributes(expr).is_some_and(|path| !path.is_empty() && is(&path)))
}

/// Whether an expression, or one beneath it, looks at the principal other than at its tenant and scope.
pub(in crate::policy) fn reads_claims(expr: &Expr) -> bool {
    let claim = |name: &str| !["tenant", "scope"].contains(&name);
    any(expr, &|expr| match expr {
        Expr::GetAttr { expr, attr } => is_var(expr, &Var::Principal) && claim(attr),
        Expr::HasAttr { expr, attrs } => is_var(expr, &Var::Principal) && claim(&attrs.head),
        _ => false,
    })
}
