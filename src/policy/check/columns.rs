//! What a policy may ask of `context.columns`: to hide columns from a principal, on every row or on some.
//!
//! A policy that names the context is a `forbid`; its conditions are joined by `&&`; one of them asks whether columns are
//! touched, and the others may ask anything. So touching more columns never shows more, and each column takes rows away by
//! itself, whatever else a query touches.

use std::collections::BTreeSet;

use cedar_policy::pst::{BinaryOp, Clause, Effect, Expr, Literal, Template, Var};

use crate::catalog::{Catalog, ColumnName};

use super::super::schema::COLUMNS;
use super::{Construct, Finding, any, is_var, relations_of};

/// A column that `context.columns` is asked for and that no relation of the policy's scope has.
pub(in crate::policy) struct NoColumn {
    pub(in crate::policy) name: ColumnName,
    /// One that there is and that reads alike.
    pub(in crate::policy) near: Option<ColumnName>,
}

/// The columns that a policy asks for in `context.columns`.
pub(in crate::policy) fn named(policy: &Template) -> BTreeSet<ColumnName> {
    let asking = conditions(policy);
    asking.into_iter().filter_map(|(expr, _)| tested(expr)).flatten().collect()
}

/// Columns that a policy asks for and that do not exist.
pub(in crate::policy) fn missing(policy: &Template, catalog: &Catalog) -> Vec<NoColumn> {
    let relations = relations_of(&policy.resource, catalog);
    let columns: Vec<&ColumnName> = relations
        .iter()
        .flat_map(|relation| relation.columns.iter().map(|column| &column.name))
        .collect();
    let absent = named(policy).into_iter().filter(|name| !columns.contains(&name));
    let near = |name: &ColumnName| {
        let distance = |column: &&ColumnName| changes(name.as_str(), column.as_str());
        let nearest = columns.iter().copied().min_by_key(distance)?;
        (distance(&nearest) <= 1 + name.as_str().len() / 4).then(|| nearest.clone())
    };
    absent.map(|name| NoColumn { near: near(&name), name }).collect()
}

/// What a policy asks of its context and must not.
pub(in crate::policy) fn check(policy: &Template) -> Vec<Finding> {
    let asking = conditions(policy);
    let Some((first, _)) = asking.first() else { return Vec::new() };
    let find = |expr: &Expr, construct| Finding { shown: expr.to_string(), construct };
    let mut findings = Vec::new();
    if policy.effect != Effect::Forbid && tested(first).is_some() {
        findings.push(find(first, Construct::ColumnsPermit));
    }
    for (index, (expr, holds)) in asking.iter().enumerate() {
        // Two of them would hide columns together that each alone leaves in sight.
        if index > 0 || !holds || tested(expr).is_none() {
            findings.push(find(expr, Construct::ColumnsForm));
        }
    }
    findings
}

/// The conditions of a policy that name the context, each with whether it must hold.
fn conditions(policy: &Template) -> Vec<(&Expr, bool)> {
    let mut all = Vec::new();
    for clause in policy.clauses() {
        match clause {
            Clause::When(expr) => conjuncts(expr, &mut all),
            Clause::Unless(expr) => all.push((&**expr, false)),
        }
    }
    all.retain(|(expr, _)| any(expr, &|expr| is_var(expr, &Var::Context)));
    all
}

fn conjuncts<'a>(expr: &'a Expr, all: &mut Vec<(&'a Expr, bool)>) {
    match expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            conjuncts(left, all);
            conjuncts(right, all);
        }
        other => all.push((other, true)),
    }
}

/// The columns of which one must be touched, where a condition asks that and nothing else.
fn tested(expr: &Expr) -> Option<BTreeSet<ColumnName>> {
    let Expr::BinaryOp { op, left, right } = expr else { return None };
    if *op == BinaryOp::Or {
        let mut columns = tested(left)?;
        columns.extend(tested(right)?);
        return Some(columns);
    }
    let Expr::GetAttr { expr: of, attr } = &**left else { return None };
    if !is_var(of, &Var::Context) || attr != COLUMNS {
        return None;
    }
    let name = |expr: &Expr| match expr {
        Expr::Literal(Literal::String(name)) => Some(ColumnName::new(name.as_str())),
        _ => None,
    };
    match (op, &**right) {
        (BinaryOp::Contains, one) => Some(BTreeSet::from([name(one)?])),
        (BinaryOp::ContainsAny, Expr::Set(names)) => names.iter().map(|one| name(one)).collect(),
        _ => None,
    }
}

/// How many letters must be changed, put in or left out to make one word the other.
pub(in crate::policy) fn changes(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.chars().enumerate() {
        let mut line = vec![row + 1];
        for ((other, diagonal), over) in right.iter().zip(&above).zip(above.iter().skip(1)) {
            let beside = line.last().copied().unwrap_or_default();
            let kept = diagonal + usize::from(*other != letter);
            line.push(kept.min(over + 1).min(beside + 1));
        }
        above = line;
    }
    above.last().copied().unwrap_or_default()
}
