//! The static check: what a policy says about the resource must be expressible as a filter, whoever asks.
//!
//! Runs once at load, over the policy as it was written, and lists every construct that it refuses. What does not
//! mention the resource may be anything: partial evaluation folds it to a value or an error.

pub(super) mod columns;
mod construct;
pub(super) mod masks;
mod reach;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::pst::{
    BinaryOp, Clause, EntityOrSlot, EntityUID, Expr, Literal, PrincipalConstraint,
    ResourceConstraint, Template, UnaryOp, Var,
};

use super::related::Hops;
use crate::catalog::{
    Catalog, CedarType, Column, ColumnName, ColumnType, PRINCIPAL_TYPE, Relation, ancestors,
};
pub use construct::Construct;
pub(super) use reach::{
    Reach, attributes, follows_key, reach, reads, reads_claims, seen_from_parent,
};

/// A construct that was found, as Cedar prints it.
pub(super) struct Finding {
    pub(super) shown: String,
    pub(super) construct: Construct,
}

/// Everything in a policy that has no exact filter.
pub(super) fn check(policy: &Template, catalog: &Catalog, hops: &Hops) -> Vec<Finding> {
    let relations = relations_of(&policy.resource, catalog);
    let mut check = Check { catalog, hops, relations, findings: Vec::new() };
    check.principal(&policy.principal);
    check.resource(&policy.resource);
    for clause in policy.clauses() {
        match clause {
            Clause::When(expr) | Clause::Unless(expr) => check.condition(expr),
        }
    }
    check.findings
}

/// The relations that a scope constraint leaves.
fn relations_of<'a>(constraint: &ResourceConstraint, catalog: &'a Catalog) -> Vec<&'a Relation> {
    let named = entity_type_of(constraint);
    let applies = |relation: &&Relation| {
        named.as_ref().is_none_or(|entity_type| &relation.entity_type == entity_type)
    };
    catalog.relations.iter().filter(applies).collect()
}

/// The one entity type that a policy's scope allows, where it allows only one.
pub(super) fn entity_type_of(constraint: &ResourceConstraint) -> Option<String> {
    match constraint {
        ResourceConstraint::Any
        | ResourceConstraint::Eq(EntityOrSlot::Slot(_))
        | ResourceConstraint::In(EntityOrSlot::Slot(_)) => None,
        ResourceConstraint::Is(entity_type) | ResourceConstraint::IsIn(entity_type, _) => {
            Some(entity_type.to_string())
        }
        ResourceConstraint::Eq(EntityOrSlot::Entity(uid))
        | ResourceConstraint::In(EntityOrSlot::Entity(uid)) => Some(uid.ty.to_string()),
    }
}

/// Whether a policy reads `principal.scope` or asks for it.
pub(super) fn reads_scope(policy: &Template) -> bool {
    policy.clauses().iter().any(|clause| {
        let (Clause::When(expr) | Clause::Unless(expr)) = clause;
        any(expr, &|expr| match expr {
            Expr::GetAttr { expr, attr } => is_var(expr, &Var::Principal) && attr == "scope",
            Expr::HasAttr { expr, attrs } => is_var(expr, &Var::Principal) && attrs.head == "scope",
            _ => false,
        })
    })
}

/// The paths that a policy reads or asks for, from the resource on.
pub(super) fn paths_of(policy: &Template) -> BTreeSet<Vec<String>> {
    let found = RefCell::new(BTreeSet::new());
    for clause in policy.clauses() {
        let (Clause::When(expr) | Clause::Unless(expr)) = clause;
        any(expr, &|expr| {
            let (of, asked) = match expr {
                Expr::GetAttr { .. } => (expr, Vec::new()),
                Expr::HasAttr { expr, attrs } => {
                    (&**expr, attrs.iter().map(ToString::to_string).collect())
                }
                _ => return false,
            };
            if let Some(path) = attributes(of) {
                let path = path.into_iter().map(ToOwned::to_owned).chain(asked);
                found.borrow_mut().insert(path.collect());
            }
            false
        });
    }
    found.into_inner()
}

struct Check<'a> {
    catalog: &'a Catalog,
    hops: &'a Hops,
    relations: Vec<&'a Relation>,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn find(&mut self, shown: &impl fmt::Display, construct: Construct) {
        self.findings.push(Finding { shown: shown.to_string(), construct });
    }

    fn principal(&mut self, constraint: &PrincipalConstraint) {
        match constraint {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
            PrincipalConstraint::Eq(named)
            | PrincipalConstraint::In(named)
            | PrincipalConstraint::IsIn(_, named) => match named {
                EntityOrSlot::Entity(uid) => self.find(uid, Construct::PrincipalId),
                EntityOrSlot::Slot(_) => self.find(&"?principal", Construct::Slot),
            },
        }
    }

    fn resource(&mut self, constraint: &ResourceConstraint) {
        match constraint {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
            ResourceConstraint::Eq(named)
            | ResourceConstraint::In(named)
            | ResourceConstraint::IsIn(_, named) => match named {
                EntityOrSlot::Entity(uid) => self.row(uid),
                EntityOrSlot::Slot(_) => self.find(&"?resource", Construct::Slot),
            },
        }
    }

    /// A row named by its key.
    fn row(&mut self, uid: &EntityUID) {
        let named = uid.ty.to_string();
        let relation = self.catalog.relations.iter().find(|found| found.entity_type == named);
        match relation {
            Some(relation) if key_column(relation).is_some() => {}
            Some(_) => self.find(uid, Construct::KeylessRelation),
            None if named == PRINCIPAL_TYPE => self.find(uid, Construct::PrincipalId),
            None => self.find(uid, Construct::EntityLiteral),
        }
    }

    /// An expression whose value is the truth of a filter.
    fn condition(&mut self, expr: &Expr) {
        if !mentions_resource(expr) {
            return self.constant(expr);
        }
        match expr {
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.condition(expr),
            Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, left, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                self.condition(cond);
                self.condition(then_expr);
                self.condition(else_expr);
            }
            Expr::HasAttr { expr: of, attrs }
                if is_var(of, &Var::Resource) && self.leads(&attrs.head) => {}
            atom => match reach(atom, &|name| self.leads(name)) {
                Reach::Own => self.atom(atom),
                Reach::Several => self.find(atom, Construct::SeveralRows),
                Reach::Through(name) => self.through(atom, name),
            },
        }
    }

    /// A condition that is no connective and looks at the row at hand.
    fn atom(&mut self, expr: &Expr) {
        match expr {
            Expr::UnaryOp { op: UnaryOp::IsEmpty, expr: of } if self.is_array(of) => {}
            Expr::GetAttr { .. } => self.operand(expr),
            Expr::HasAttr { expr: of, attrs } => {
                let document = column_name(of).is_some_and(|of| self.is_document(of.as_str()));
                let path = attrs.tail.is_empty() || self.is_document(attrs.head.as_str());
                if !path || !(is_var(of, &Var::Resource) || document) {
                    self.find(expr, self.related_row(expr));
                }
            }
            Expr::Like { expr: of, .. } => {
                self.operand(of);
                if let Some(column) = column_name(of)
                    && self.types_of(&column).contains(&ColumnType::Uuid)
                {
                    self.find(expr, Construct::UuidPattern);
                }
            }
            Expr::Is { expr: of, in_expr, .. } => {
                if !is_var(of, &Var::Resource) {
                    self.find(expr, Construct::RelatedRow);
                }
                if let Some(ancestors) = in_expr {
                    self.rows(ancestors);
                }
            }
            Expr::BinaryOp { op, left, right } => self.binary(expr, *op, left, right),
            _ => {
                let construct = operand_construct(expr);
                self.find(expr, construct);
            }
        }
    }

    /// Whether an attribute of this name leads to a parent.
    fn leads(&self, name: &str) -> bool {
        self.relations.iter().any(|relation| self.hops.named(&relation.name, name).is_some())
    }

    /// A condition of the parent.
    fn through(&mut self, expr: &Expr, name: &str) {
        let followed = self.relations.iter().filter_map(|of| self.hops.named(&of.name, name));
        let mut parents: Vec<&'a Relation> =
            followed.filter_map(|followed| self.hops.parent(&followed.hop)).collect();
        parents.dedup_by_key(|parent| &parent.name);
        let seen = seen_from_parent(expr, name);
        let mut there =
            Check { catalog: self.catalog, hops: self.hops, relations: parents, findings: vec![] };
        // Cedar folds the type of a row that is known, and not whether there is a row.
        if matches!(seen, Expr::Is { .. }) {
            there.find(expr, Construct::RelatedRow);
        }
        there.condition(&seen);
        for Finding { construct, .. } in there.findings {
            self.find(expr, construct);
        }
    }

    /// Why what an attribute leads to cannot be asked about.
    fn related_row(&self, expr: &Expr) -> Construct {
        let path = match expr {
            Expr::HasAttr { expr, .. } => attributes(expr),
            other => attributes(other),
        };
        let first = path.as_deref().and_then(|path| path.first().copied());
        let why = first.and_then(|name| {
            let mut relations = self.relations.iter();
            relations.find_map(|relation| self.hops.unfollowed(&relation.name, name))
        });
        why.map_or(Construct::RelatedRow, Construct::Unfollowed)
    }

    fn binary(&mut self, whole: &Expr, op: BinaryOp, left: &Expr, right: &Expr) {
        match op {
            BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::In if is_var(left, &Var::Resource) => {
                self.rows(right);
            }
            BinaryOp::Eq | BinaryOp::NotEq if is_var(right, &Var::Resource) => self.rows(left),
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Contains
            | BinaryOp::ContainsAny
            | BinaryOp::ContainsAll
                if self.is_array(left) || self.is_array(right) =>
            {
                self.beside_array(whole, op, left, right);
            }
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Less
            | BinaryOp::LessEq
            | BinaryOp::Greater
            | BinaryOp::GreaterEq => {
                self.operand(left);
                self.operand(right);
                self.same_types(whole, left, right);
            }
            BinaryOp::In => self.find(whole, Construct::Hierarchy),
            BinaryOp::Contains => {
                match left {
                    Expr::Set(items) => {
                        for item in items {
                            self.operand(item);
                            self.same_types(whole, item, right);
                        }
                    }
                    other => self.operand(other),
                }
                self.operand(right);
            }
            _ => {
                let construct = operand_construct(whole);
                self.find(whole, construct);
            }
        }
    }

    /// An array and a constant. Only an array can contain, where the other side is one.
    fn beside_array(&mut self, whole: &Expr, op: BinaryOp, left: &Expr, right: &Expr) {
        let (array, other) = if self.is_array(left) { (left, right) } else { (right, left) };
        if mentions_resource(other) || (op == BinaryOp::Contains && !self.is_array(left)) {
            return self.find(whole, Construct::ArrayOperand);
        }
        self.operand(array);
        self.constant(other);
    }

    /// Whether a relation has an array of values at the path, which is a set.
    fn is_array(&self, expr: &Expr) -> bool {
        let Some(path) = column_name(expr) else { return false };
        let found = self.relations.iter().filter_map(|relation| relation.column(&path));
        found.into_iter().any(|column| column.elements().is_some())
    }

    /// A side of a comparison: a column, or something that folds to a constant.
    fn operand(&mut self, expr: &Expr) {
        if !mentions_resource(expr) {
            self.constant(expr);
            return;
        }
        match column_name(expr) {
            Some(column) if self.is_document(column.as_str()) => {
                self.find(expr, Construct::Record);
            }
            Some(column) if !ancestors(column.as_str()).all(|above| self.is_document(above)) => {
                self.find(expr, self.related_row(expr));
            }
            Some(_) => {}
            None => {
                let construct = operand_construct(expr);
                self.find(expr, construct);
            }
        }
    }

    /// Whether a relation has a document at the path, whose fields are columns.
    fn is_document(&self, path: &str) -> bool {
        self.relations.iter().filter_map(|relation| relation.at_path(path)).any(Column::is_document)
    }

    /// The right side of `resource ==` and `resource in`: one row or a set of them.
    fn rows(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(Literal::EntityUID(uid)) => self.row(uid),
            Expr::Set(items) => {
                for item in items {
                    self.rows(item);
                }
            }
            other => self.find(other, Construct::ResourceValue),
        }
    }

    /// Folds to a value or an error, unless it looks into a row that is not in hand.
    fn constant(&mut self, expr: &Expr) {
        let named = |expr: &Expr| match expr {
            Expr::Literal(Literal::EntityUID(uid)) => uid.ty.to_string() != "Action",
            _ => false,
        };
        if any(expr, &named) {
            let principal = any(expr, &|expr| match expr {
                Expr::Literal(Literal::EntityUID(uid)) => uid.ty.to_string() == PRINCIPAL_TYPE,
                _ => false,
            });
            let construct =
                if principal { Construct::PrincipalId } else { Construct::EntityLiteral };
            self.find(expr, construct);
        }
    }

    /// Columns are compared in the database, so they must be of one type there and not only in Cedar.
    fn same_types(&mut self, whole: &Expr, left: &Expr, right: &Expr) {
        let (Some(left), Some(right)) = (column_name(left), column_name(right)) else { return };
        let mixed = self.relations.iter().any(|relation| {
            match (relation.column(&left), relation.column(&right)) {
                (Some(left), Some(right)) => {
                    left.cedar() == right.cedar() && left.column_type != right.column_type
                }
                _ => false,
            }
        });
        if mixed {
            self.find(whole, Construct::MixedColumns);
        }
    }

    fn types_of(&self, column: &ColumnName) -> Vec<ColumnType> {
        let columns = self.relations.iter().filter_map(|relation| relation.column(column));
        columns.map(|column| column.column_type).collect()
    }
}

/// The column whose canonical text is the id of a relation's entities: a NOT NULL primary key of one column.
pub(super) fn key_column(relation: &Relation) -> Option<&Column> {
    let [name] = relation.primary_key.as_slice() else { return None };
    let column = relation.column(name)?;
    let usable = match column.cedar() {
        Some(CedarType::Long | CedarType::String) => !column.nullable,
        Some(CedarType::Bool | CedarType::Datetime) | None => false,
    };
    usable.then_some(column)
}

/// `resource.column`, or the path of `resource.document.field`.
pub(super) fn column_name(expr: &Expr) -> Option<ColumnName> {
    match expr {
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) => {
            Some(ColumnName::new(attr.as_str()))
        }
        // An attribute with a dot in its name is no path.
        Expr::GetAttr { expr, attr } if !attr.contains('.') => {
            column_name(expr).map(|document| ColumnName::new(format!("{document}.{attr}")))
        }
        _ => None,
    }
}

pub(super) fn is_var(expr: &Expr, var: &Var) -> bool {
    matches!(expr, Expr::Var(found) if found == var)
}

fn mentions_resource(expr: &Expr) -> bool {
    any(expr, &|expr| match expr {
        Expr::Var(var) => *var == Var::Resource,
        // What is not known is taken to mention it, so that it is looked at and refused.
        other => children(other).is_none(),
    })
}

/// Why an expression over the resource is not an operand, nor a condition.
fn operand_construct(expr: &Expr) -> Construct {
    match expr {
        Expr::Var(_) => Construct::ResourceValue,
        Expr::Slot(_) => Construct::Slot,
        Expr::GetAttr { .. } => Construct::RelatedRow,
        Expr::HasAttr { .. } | Expr::Like { .. } | Expr::Is { .. } => Construct::BooleanOperand,
        Expr::IfThenElse { .. } => Construct::ConditionalOperand,
        Expr::Set(_) => Construct::SetValue,
        Expr::Record(_) => Construct::Record,
        Expr::UnaryOp { op, .. } => match op {
            UnaryOp::Not => Construct::BooleanOperand,
            UnaryOp::Neg => Construct::Arithmetic,
            UnaryOp::IsEmpty => Construct::SetOperation,
            _ => Construct::ExtensionCall,
        },
        Expr::BinaryOp { op, .. } => match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => Construct::Arithmetic,
            BinaryOp::ContainsAll | BinaryOp::ContainsAny => Construct::SetOperation,
            BinaryOp::GetTag | BinaryOp::HasTag => Construct::Tag,
            BinaryOp::In => Construct::Hierarchy,
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Less
            | BinaryOp::LessEq
            | BinaryOp::Greater
            | BinaryOp::GreaterEq
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Contains => Construct::BooleanOperand,
            BinaryOp::IsInRange
            | BinaryOp::Offset
            | BinaryOp::DurationSince
            | BinaryOp::DecimalLessThan
            | BinaryOp::DecimalLessEq
            | BinaryOp::DecimalGreater
            | BinaryOp::DecimalGreaterEq => Construct::ExtensionCall,
            _ => Construct::Unknown,
        },
        _ => Construct::Unknown,
    }
}

/// Whether an expression or one beneath it is as asked.
fn any(expr: &Expr, is: &dyn Fn(&Expr) -> bool) -> bool {
    is(expr) || children(expr).is_some_and(|parts| parts.into_iter().any(|part| any(part, is)))
}

/// The parts of an expression; `None` where the expression is of a kind that this version does not know.
fn children(expr: &Expr) -> Option<Vec<&Expr>> {
    Some(match expr {
        Expr::Literal(_) | Expr::Var(_) | Expr::Slot(_) | Expr::ResidualError => Vec::new(),
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => {
            let ancestors = in_expr.as_deref();
            std::iter::once(&**expr).chain(ancestors).collect()
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(|item| &**item).collect(),
        Expr::Record(fields) => fields.values().map(|field| &**field).collect(),
        _ => return None,
    })
}
