//! The rules with the principal left open: what `current_setting` and `SESSION_CONTEXT` can say in its place.
//!
//! A row is taken together with its reader: `principal.tenant` and `principal.scope` become columns that every relation
//! has, and lowering does the rest as it always does. A comparison between such a column and one of the relation then
//! becomes a comparison with a constant that stands for the setting, because comparisons with constants are exact and
//! stay on the index.

use std::sync::Arc;

use cedar_policy::pst::{Clause, Expr, Var};
use cedar_policy::{Policy, PolicyId, PolicySet};

use crate::catalog::{CedarType, Column, ColumnName, ColumnType, Relation};
use crate::predicate::{CmpOp, Predicate, RowFilter, Value};

use super::check::{follows_key, is_var, reads_claims};
use super::evaluate::{Partial, context};
use super::lower::lower;
use super::related::Hops;
use super::schema::tenant_type;
use super::simplify::simplify;
use super::{Database, Unsupported};

/// The condition of a native policy sees of another relation what that one's own policies let through, and not all of it.
/// <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>
const RELATED: &str = "a related row, which a native policy would read through the policies of that row's own relation";

/// What a rule knows of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `principal.tenant`
    Tenant,
    /// `principal.scope`
    Scope,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 64-bit integers.
    Integer,
    /// Texts, byte by byte.
    Text,
    /// UUIDs, of which the attribute may be one in its canonical spelling.
    Uuid,
}

/// A rule on one relation, with the reader's attributes as [`Symbol`]s.
#[derive(Debug, Clone)]
pub struct SymbolicRule {
    /// The policy's `@id`.
    pub policy: String,
    /// Whether it forbids; a row must then be kept by this one too.
    pub forbids: bool,
    /// The rows that a permit allows, or that a forbid leaves.
    pub filter: RowFilter,
}

/// An attribute as a column that the relation seems to have, and as the constant that stands for it.
#[derive(Debug, Clone)]
pub struct Symbol {
    /// Which attribute.
    pub attribute: Attribute,
    /// What it is compared as.
    pub form: Form,
    /// The column of [`Database::with_symbols`].
    pub column: Column,
    /// In comparisons with the relation's own columns.
    pub constant: Value,
}

impl Symbol {
    fn new(attribute: Attribute, form: Form) -> Self {
        let (name, number, text, uuid) = match attribute {
            Attribute::Tenant => (
                "principal.tenant",
                7_205_759_403_792_794,
                "\u{1f511} principal.tenant",
                "b0d6a1de-5a1f-4c0e-8d1a-1e4e7a1e0001",
            ),
            Attribute::Scope => (
                "principal.scope",
                7_205_759_403_792_795,
                "\u{1f511} principal.scope",
                "b0d6a1de-5a1f-4c0e-8d1a-1e4e7a1e0002",
            ),
        };
        let (column_type, constant) = match form {
            Form::Integer => (ColumnType::Integer, Value::Long(number)),
            // Beyond ASCII, so that nothing is emitted that holds for ASCII only.
            Form::Text => (ColumnType::Text, Value::String(text.to_owned())),
            Form::Uuid => (ColumnType::Uuid, Value::String(uuid.to_owned())),
        };
        let name = match form {
            Form::Integer | Form::Text => ColumnName::new(name),
            Form::Uuid => ColumnName::new(format!("{name} as uuid")),
        };
        let declared = String::new();
        let column =
            Column { name, column_type, declared, nullable: true, collation: None, array: false };
        Self { attribute, form, column, constant }
    }
}

impl Database {
    /// The attributes of this database's principals, in every form that they are compared in.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        if self.settings.requires_organization_scoping {
            match tenant_type(self.settings.tenant_id_type) {
                CedarType::Long => symbols.push(Symbol::new(Attribute::Tenant, Form::Integer)),
                CedarType::String | CedarType::Bool | CedarType::Datetime => {
                    symbols.push(Symbol::new(Attribute::Tenant, Form::Text));
                    symbols.push(Symbol::new(Attribute::Tenant, Form::Uuid));
                }
            }
        }
        symbols.push(Symbol::new(Attribute::Scope, Form::Text));
        symbols.push(Symbol::new(Attribute::Scope, Form::Uuid));
        symbols
    }

    /// The relation as if each row also held its reader's attributes.
    pub fn with_symbols(&self, relation: &Relation) -> Relation {
        let mut relation = relation.clone();
        relation.columns.extend(self.symbols().into_iter().map(|symbol| symbol.column));
        relation
    }

    /// What each policy says of a relation, whoever reads. Empty where none permits anything.
    ///
    /// # Errors
    ///
    /// A policy that looks at the principal in a way that has no exact form here.
    pub fn symbolic_rules(&self, relation: &Relation) -> Result<Vec<SymbolicRule>, Unsupported> {
        super::on_a_big_stack(|| self.rules_of(relation))
    }

    /// Whether a permit that can apply to a relation masks a column of it.
    fn masks_any(&self, relation: &Relation) -> bool {
        let own = self.rules.by_entity_type.get(&relation.entity_type);
        let mut policies =
            std::iter::once(&self.rules.shared).chain(own).flat_map(PolicySet::policies);
        policies.any(|policy| {
            let masks = self.rules.masks.get(&self.rules.place(policy.id()));
            masks.is_some_and(|masks| masks.keys().any(|name| relation.column(name).is_some()))
        })
    }

    fn rules_of(&self, relation: &Relation) -> Result<Vec<SymbolicRule>, Unsupported> {
        let failed = |construct: String| Unsupported { policy: "*".to_owned(), construct };
        let symbols = self.symbols();
        if symbols.iter().any(|symbol| relation.column(&symbol.column.name).is_some()) {
            return Err(failed(
                "a column that is called like an attribute of the principal".into(),
            ));
        }
        // INVARIANT (exact or refused): native row policies know nothing of the columns that a query touches.
        if relation.columns.iter().any(|column| self.rules.columns.contains(&column.name)) {
            return Err(failed("`context.columns`".to_owned()));
        }
        // INVARIANT (exact or refused): a native policy shows a row as it is.
        if self.masks_any(relation) {
            return Err(failed("`@mask`".to_owned()));
        }
        let symbolic =
            Symbolic { relation: self.with_symbols(relation), symbols, hops: &self.hops };
        let context = context([]).map_err(failed)?;
        let partial = Partial::of_anybody(&self.schema, relation, Some(context))?;
        let mut rules = Vec::new();
        let own = self.rules.by_entity_type.get(&relation.entity_type);
        for policies in std::iter::once(&self.rules.shared).chain(own) {
            let response = partial.evaluate(policies, &self.schema)?;
            // INVARIANT (a forbid that errors denies): nothing is permitted then.
            if response.true_forbids().next().is_some() || response.error_forbids().next().is_some()
            {
                return Ok(Vec::new());
            }
            for id in response.true_permits() {
                rules.push((self.rules.place(id), rule(id, false, symbolic.reader())));
            }
            for id in response.residual_permits() {
                let filter = symbolic.residual(response.get_policy(id), id, true)?;
                rules.push((self.rules.place(id), rule(id, false, filter)));
            }
            for id in response.residual_forbids() {
                let filter = symbolic.residual(response.get_policy(id), id, false)?;
                rules.push((self.rules.place(id), rule(id, true, filter)));
            }
        }
        rules.sort_by_key(|(place, _)| *place);
        let rules: Vec<SymbolicRule> = rules.into_iter().map(|(_, rule)| rule).collect();
        let closed = |rule: &SymbolicRule| rule.filter == RowFilter::NoRows;
        let permitted = rules.iter().any(|rule| !rule.forbids && !closed(rule));
        if !permitted || rules.iter().any(|rule| rule.forbids && closed(rule)) {
            return Ok(Vec::new());
        }
        let says_something = |rule: &SymbolicRule| match rule.filter {
            RowFilter::AllRows => !rule.forbids,
            RowFilter::NoRows => rule.forbids,
            RowFilter::Where(_) => true,
        };
        Ok(rules.into_iter().filter(says_something).collect())
    }
}

fn rule(id: &PolicyId, forbids: bool, filter: RowFilter) -> SymbolicRule {
    let id: &str = id.as_ref();
    SymbolicRule { policy: id.to_owned(), forbids, filter }
}

struct Symbolic<'a> {
    relation: Relation,
    symbols: Vec<Symbol>,
    hops: &'a Hops,
}

impl Symbolic<'_> {
    /// Whoever has a tenant, where tenants are told apart.
    // INVARIANT (default deny): a reader whose tenant is not set is nobody, and no permit is for it.
    fn reader(&self) -> RowFilter {
        let tenant = self
            .symbols
            .iter()
            .find(|symbol| symbol.attribute == Attribute::Tenant && symbol.form != Form::Uuid);
        tenant.map_or(RowFilter::AllRows, |symbol| {
            let column = symbol.column.name.clone();
            RowFilter::Where(Predicate::IsNull { column, negated: true })
        })
    }

    /// As for a principal in hand, with its attributes as columns.
    fn residual(
        &self,
        policy: Option<Policy>,
        id: &PolicyId,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let id: &str = id.as_ref();
        let unsupported = |construct: &str| Unsupported {
            policy: id.to_owned(),
            construct: construct.to_owned(),
        };
        let policy = policy.ok_or_else(|| unsupported("a residual that is missing"))?;
        let policy = policy.to_pst().map_err(|error| unsupported(&error.to_string()))?;
        let [Clause::When(condition)] = policy.body().clauses().as_slice() else {
            return Err(unsupported("a residual of another form"));
        };
        let leads = |name: &str| self.hops.named(&self.relation.name, name).is_some();
        if follows_key(condition, &leads) {
            return Err(unsupported(RELATED));
        }
        // INVARIANT (exact or refused): nothing sets a claim in the database.
        if reads_claims(condition) {
            return Err(unsupported("a claim, of which the database's settings say nothing"));
        }
        let filter = lower(&self.joined(condition), want, &self.relation, self.hops, id)?;
        let filter = if want { self.reader().and(filter) } else { filter };
        match simplify(filter) {
            RowFilter::Where(predicate) => {
                let predicate = self.compared(predicate).map_err(unsupported)?;
                Ok(RowFilter::Where(predicate))
            }
            filter @ (RowFilter::AllRows | RowFilter::NoRows) => Ok(filter),
        }
    }

    /// The expression with the principal's attributes read from the row.
    fn joined(&self, expr: &Expr) -> Expr {
        let part = |expr: &Arc<Expr>| Arc::new(self.joined(expr));
        match expr {
            Expr::UnaryOp { op, expr } => Expr::UnaryOp { op: *op, expr: part(expr) },
            Expr::BinaryOp { op, left, right } => {
                let uuid = [left, right].into_iter().any(|side| self.is_uuid_column(side));
                let side = |expr: &Arc<Expr>| match attribute(expr, uuid) {
                    Some(column) => Arc::new(column),
                    None => part(expr),
                };
                Expr::BinaryOp { op: *op, left: side(left), right: side(right) }
            }
            Expr::GetAttr { .. } => attribute(expr, false).unwrap_or_else(|| expr.clone()),
            Expr::HasAttr { expr: of, attrs } if is_var(of, &Var::Principal) => {
                let mut attrs = attrs.clone();
                attrs.head = format!("principal.{}", attrs.head).into();
                Expr::HasAttr { expr: Arc::new(Expr::Var(Var::Resource)), attrs }
            }
            Expr::Like { expr, pattern } => {
                Expr::Like { expr: part(expr), pattern: pattern.clone() }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => Expr::IfThenElse {
                cond: part(cond),
                then_expr: part(then_expr),
                else_expr: part(else_expr),
            },
            Expr::Set(members) => Expr::Set(members.iter().map(part).collect()),
            // What is left holds no attribute that lowering would take.
            _ => expr.clone(),
        }
    }

    fn is_uuid_column(&self, expr: &Expr) -> bool {
        let Expr::GetAttr { expr, attr } = expr else { return false };
        let column = self.relation.column(&ColumnName::new(attr.as_str()));
        is_var(expr, &Var::Resource)
            && column.is_some_and(|column| column.column_type == ColumnType::Uuid)
    }

    /// Comparisons of a symbol's column with one of the relation, as comparisons with the symbol's constant.
    fn compared(&self, predicate: Predicate) -> Result<Predicate, &'static str> {
        const TAKEN: &str = "a constant that stands for the principal here";

        let all = |operands: Vec<Predicate>| {
            operands.into_iter().map(|operand| self.compared(operand)).collect::<Result<_, _>>()
        };
        // INVARIANT (exact or refused): a constant of the policy is never taken for a symbol.
        let taken = |value: &Value| self.symbols.iter().any(|symbol| &symbol.constant == value);
        match predicate {
            Predicate::And(operands) => Ok(Predicate::And(all(operands)?)),
            Predicate::Or(operands) => Ok(Predicate::Or(all(operands)?)),
            Predicate::Compare { value, .. } if taken(&value) => Err(TAKEN),
            Predicate::In { values, .. } | Predicate::Elements { values, .. }
                if values.iter().any(taken) =>
            {
                Err(TAKEN)
            }
            Predicate::CompareColumns { left, op, right } => {
                match (self.symbol(&left), self.symbol(&right)) {
                    (None, None) => Ok(Predicate::CompareColumns { left, op, right }),
                    (None, Some(symbol)) => with_symbol(left, op, symbol),
                    (Some(symbol), None) => with_symbol(right, op.mirror(), symbol),
                    (Some(_), Some(_)) => Err("a comparison of the principal with itself"),
                }
            }
            Predicate::Compare { .. }
            | Predicate::In { .. }
            | Predicate::Like { .. }
            | Predicate::Elements { .. }
            | Predicate::IsNull { .. } => Ok(predicate),
            Predicate::Related { .. } | Predicate::Parent { .. } => Err(RELATED),
        }
    }

    fn symbol(&self, column: &ColumnName) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| &symbol.column.name == column)
    }
}

fn with_symbol(column: ColumnName, op: CmpOp, symbol: &Symbol) -> Result<Predicate, &'static str> {
    // An attribute that is no UUID is NULL as one, which is unequal to nothing.
    if symbol.form == Form::Uuid && op != CmpOp::Eq {
        return Err("a UUID that is not the principal's");
    }
    Ok(Predicate::Compare { column, op, value: symbol.constant.clone() })
}

/// `principal.a` as `resource["principal.a"]`.
fn attribute(expr: &Expr, uuid: bool) -> Option<Expr> {
    let Expr::GetAttr { expr, attr } = expr else { return None };
    if !is_var(expr, &Var::Principal) {
        return None;
    }
    let suffix = if uuid { " as uuid" } else { "" };
    let attr = format!("principal.{attr}{suffix}").into();
    Some(Expr::GetAttr { expr: Arc::new(Expr::Var(Var::Resource)), attr })
}
