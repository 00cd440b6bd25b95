//! Two catalogs as one, so that the policies of both sides are formulas over the same rows.
//!
//! A row of the merged catalog has every column that either side lists, whether that side knows it or not, and lacks what
//! either lets it lack. To a side it is a row if it has what that side requires. Of a column that the side does not know
//! `has` is false, and a query that touches it is refused.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{self, Expr, Var};
use cedar_policy::{Effect, Policy, Schema};

use super::replace::replaced;
use super::{Proof, encode};
use crate::catalog::{Catalog, Column, ColumnName, Relation, RelationName};
use crate::policy::Database;
use crate::policy::schema::{present, quoted};

/// Every relation of both sides, under one schema.
pub(super) struct Merged {
    schema: Schema,
    relations: BTreeMap<RelationName, Relation>,
    /// Why the relations of one name are two, where they are.
    apart: BTreeMap<RelationName, String>,
    /// What policies of either side ask for in `context.columns`.
    asked: BTreeSet<ColumnName>,
}

impl Merged {
    pub(super) fn of(old: &Database, new: &Database) -> Result<Self, String> {
        let mut relations = BTreeMap::new();
        let mut apart = BTreeMap::new();
        for relation in old.catalog.relations.iter().chain(&new.catalog.relations) {
            relations.insert(relation.name.clone(), relation.clone());
        }
        for before in &old.catalog.relations {
            let Some(after) = new.catalog.relation(&before.name) else { continue };
            match merged(before, after) {
                Ok(relation) => {
                    relations.insert(relation.name.clone(), relation);
                }
                Err(why) => {
                    apart.insert(before.name.clone(), why);
                }
            }
        }
        let catalog =
            Catalog { relations: relations.values().cloned().collect(), ..new.catalog.clone() };
        let schema = new.schema_of(&catalog)?;
        let asked = old.columns_asked().union(new.columns_asked()).cloned().collect();
        Ok(Self { schema, relations, apart, asked })
    }

    pub(super) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }

    /// A side's policies on a relation; `None` where the side does not have it.
    pub(super) fn side<'a>(
        &'a self,
        database: Option<&'a Database>,
        relation: &'a Relation,
    ) -> Result<Option<Proof<'a>>, String> {
        if let Some(why) = self.apart.get(&relation.name) {
            return Err(why.clone());
        }
        let Some(database) = database else { return Ok(None) };
        let Some(own) = database.catalog.relation(&relation.name) else { return Ok(None) };
        self.check_related(database, own)?;
        let mut proof = Proof { relation, schema: &self.schema, ..Proof::new(database, own) };
        let adapted =
            proof.policies.iter().map(|policy| self.adapted(policy, database, own, relation));
        proof.policies = adapted.collect::<Result<_, _>>()?;
        Ok(Some(proof))
    }

    /// What policies say of related rows is compared only where both sides mean the same rows.
    fn check_related(&self, database: &Database, relation: &Relation) -> Result<(), String> {
        let leads = |path: &Vec<String>| {
            path.first().is_some_and(|first| database.hop(relation, first).is_some())
        };
        if !database.paths_on(relation).iter().any(leads) {
            return Ok(());
        }
        let mut reached = vec![relation];
        let mut next = 0;
        while let Some(relation) = reached.get(next).copied() {
            next += 1;
            if self.relations.get(&relation.name) != Some(relation) {
                return Err(format!("a rule leads to `{}`, which differs", relation.name));
            }
            for (_, parent) in database.hops_from(relation) {
                if !reached.iter().any(|other| other.name == parent.name) {
                    reached.push(parent);
                }
            }
        }
        Ok(())
    }

    /// A policy of a side, over the rows of both.
    fn adapted(
        &self,
        policy: &Policy,
        database: &Database,
        own: &Relation,
        merged: &Relation,
    ) -> Result<Policy, String> {
        let mut guards = Vec::new();
        for column in &own.columns {
            let name = &column.name;
            let optional = merged.column(name).is_some_and(|merged| merged.nullable);
            if column.is_attribute() && !column.nullable && optional {
                guards.push(format!("resource has {}", present(&database.settings, name)));
            }
        }
        // INVARIANT (no widening): a column that a side does not list is one that it shows nobody.
        let listed = merged.columns.iter().map(|column| &column.name);
        let unknown: BTreeSet<&ColumnName> =
            listed.chain(&self.asked).filter(|name| own.column(name).is_none()).collect();
        if policy.effect() == Effect::Permit {
            guards.extend(
                unknown
                    .iter()
                    .map(|name| format!("!context.columns.contains({})", quoted(name.as_str()))),
            );
        }
        let lacks = |path: &str| {
            let name = ColumnName::new(path);
            merged.column(&name).is_some() && own.column(&name).is_none()
        };
        if guards.is_empty() && own == merged {
            return Ok(policy.clone());
        }
        guarded(policy, &guards, &lacks)
    }
}

fn merged(before: &Relation, after: &Relation) -> Result<Relation, String> {
    if before == after {
        return Ok(after.clone());
    }
    if before.entity_type != after.entity_type {
        return Err("its entity type differs".to_owned());
    }
    if before.primary_key != after.primary_key {
        return Err("its primary key differs".to_owned());
    }
    let mut columns = Vec::new();
    for column in &after.columns {
        columns.push(match before.column(&column.name) {
            Some(other) => one_of(other, column)?,
            None => column.clone(),
        });
    }
    for column in &before.columns {
        if after.column(&column.name).is_none() {
            columns.push(column.clone());
        }
    }
    // A rule that follows one of its keys is not compared.
    Ok(Relation { columns, foreign_keys: Vec::new(), ..after.clone() })
}

fn one_of(before: &Column, after: &Column) -> Result<Column, String> {
    let name = &after.name;
    if before.column_type != after.column_type || before.array != after.array {
        return Err(format!("the type of its column `{name}` differs"));
    }
    // Whether a field is there is asked inside of its document, which may not be there itself.
    if before.nullable != after.nullable && name.as_str().contains('.') {
        return Err(format!("only one side requires `{name}`"));
    }
    Ok(Column { nullable: before.nullable || after.nullable, ..after.clone() })
}

/// The policy where the guards hold too, and `has` is false of what is lacking.
fn guarded(
    policy: &Policy,
    guards: &[String],
    lacks: &dyn Fn(&str) -> bool,
) -> Result<Policy, String> {
    let failed = |error: pst::PstConstructionError| error.to_string();
    let mut clauses = Vec::new();
    for guard in guards {
        let guard = encode::ours("permit", "when", guard)?.to_pst().map_err(failed)?;
        clauses.extend(guard.body().clauses().iter().cloned());
    }
    replaced(policy, clauses, &|expr| lacking(expr, lacks))
}

/// `false` in the place of a `has` of a column that is lacking.
fn lacking(expr: &Expr, lacks: &dyn Fn(&str) -> bool) -> Option<Expr> {
    let Expr::HasAttr { expr, attrs } = expr else { return None };
    let mut path = path(expr);
    let mut lacking = false;
    for attr in attrs.iter() {
        path = path.map(
            |path| {
                if path.is_empty() { attr.to_string() } else { format!("{path}.{attr}") }
            },
        );
        lacking |= path.as_deref().is_some_and(lacks);
    }
    lacking.then_some(Expr::Literal(pst::Literal::Bool(false)))
}

/// The path from the resource on, empty for itself.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var(Var::Resource) => Some(String::new()),
        Expr::GetAttr { expr, attr } => {
            let above = path(expr)?;
            Some(if above.is_empty() { attr.to_string() } else { format!("{above}.{attr}") })
        }
        _ => None,
    }
}
