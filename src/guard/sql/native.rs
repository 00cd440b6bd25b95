//! Conditions of native row-level security: a predicate in the database's own words, with settings of the session in
//! place of the principal. `rls` makes scripts of them; no query of the service holds one.

use super::Dialect;
use super::emit::{Emit, Given, Values};
use super::print::expression;
use super::tree::{Arguments, BinaryOp, Expr, Function, Literal, Name, SqlType};
use crate::catalog::{Catalog, ColumnName, Relation};
use crate::guard::Refusal;
use crate::predicate::{Predicate, Value};

/// The alias under which SQL Server's predicate functions know the row and its reader.
pub const ROW: &str = "r";

/// What a setting is read as. An empty setting is none: NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// A 64-bit integer; the database refuses to read any other text as one.
    Integer,
    /// A text.
    Text,
    /// A text that is a UUID in its canonical spelling, and NULL for any other.
    Uuid,
}

/// A setting of the session, and what stands for it in a predicate.
#[derive(Debug, Clone)]
pub struct Setting {
    /// `dialektai.tenant` on PostgreSQL, a key of the session context on SQL Server.
    pub name: &'static str,
    /// How it is read.
    pub read: Read,
    /// The column that stands for it.
    pub column: ColumnName,
    /// The constant that stands for it.
    pub constant: Value,
}

/// The condition under which a row of the relation is visible.
///
/// # Errors
///
/// A predicate that the dialect cannot express exactly.
pub fn condition(
    dialect: Dialect,
    relation: &Relation,
    predicate: &Predicate,
    settings: &[Setting],
) -> Result<String, Refusal> {
    let mut given = Given::default();
    let row = Name::new(ROW);
    for setting in settings {
        let column = Expr::Column(vec![row.clone(), Name::new(setting.column.as_str())]);
        match (dialect, setting.read) {
            (Dialect::Postgresql, _) => {
                given.columns.push((setting.column.clone(), current_setting(setting)));
                given.values.push((setting.constant.clone(), current_setting(setting)));
            }
            (Dialect::Mssql, Read::Integer | Read::Text) => {
                given.values.push((setting.constant.clone(), column));
            }
            (Dialect::Sqlite | Dialect::Mysql, _) | (Dialect::Mssql, Read::Uuid) => {
                if mentions(predicate, setting) {
                    let what = format_args!("`{}` as a {:?}", setting.name, setting.read);
                    return Err(Refusal::unsupported(what, "compare it with a text column"));
                }
            }
        }
    }
    let qualifier = (dialect == Dialect::Mssql).then_some(&row);
    // No relation but this one is read.
    let catalog =
        Catalog { default_schema: String::new(), relations: vec![], functions: [].into() };
    let mut emit = Emit {
        dialect,
        catalog: &catalog,
        relation,
        qualifier,
        above: &[],
        values: Values::Native(&given),
    };
    expression(&emit.predicate(predicate)?, dialect).map(|printed| printed.text)
}

/// A setting as SQL Server's predicate functions read it.
pub fn session_context(setting: &Setting) -> String {
    let (key, target) = match setting.read {
        Read::Integer => (setting.name, "BIGINT"),
        Read::Text | Read::Uuid => (setting.name, "NVARCHAR(4000)"),
    };
    format!("CAST(NULLIF(CAST(SESSION_CONTEXT(N'{key}') AS NVARCHAR(4000)), N'') AS {target})")
}

/// A name as the dialect quotes it.
///
/// # Errors
///
/// None of names that a catalog holds; a name that cannot be printed.
pub fn quoted(dialect: Dialect, name: &str) -> Result<String, Refusal> {
    expression(&Expr::Column(vec![Name::new(name)]), dialect).map(|printed| printed.text)
}

/// Whether the setting's column or constant is in the predicate.
fn mentions(predicate: &Predicate, setting: &Setting) -> bool {
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            operands.iter().any(|operand| mentions(operand, setting))
        }
        Predicate::Compare { column, value, .. } => {
            column == &setting.column || value == &setting.constant
        }
        Predicate::In { column, values, .. } | Predicate::Elements { column, values, .. } => {
            column == &setting.column || values.contains(&setting.constant)
        }
        Predicate::CompareColumns { left, right, .. } => {
            left == &setting.column || right == &setting.column
        }
        Predicate::Like { column, .. } | Predicate::IsNull { column, .. } => {
            column == &setting.column
        }
        Predicate::Related { .. } | Predicate::Parent { .. } => false,
    }
}

/// `NULLIF(current_setting('dialektai.tenant', TRUE), '')`: `TRUE` makes a setting that was never made NULL.
/// <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET>
fn current_setting(setting: &Setting) -> Expr {
    let text = |text: &str| Expr::Literal(Literal::String(text.to_owned()));
    let current =
        call("current_setting", vec![text(setting.name), Expr::Literal(Literal::Bool(true))]);
    let set = call("nullif", vec![current, text("")]);
    match setting.read {
        Read::Text => set,
        Read::Integer => cast(set, "BIGINT"),
        Read::Uuid => {
            const CANONICAL: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
            let (left, right) = (Box::new(set.clone()), Box::new(text(CANONICAL)));
            let canonical = Expr::Binary { op: BinaryOp::Regex, left, right };
            Expr::Case { operand: None, branches: vec![(canonical, set)], otherwise: None }
        }
    }
}

fn call(name: &'static str, args: Vec<Expr>) -> Expr {
    Expr::Function(Box::new(Function {
        name,
        distinct: false,
        args: Arguments::List(args),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter: None,
        over: None,
    }))
}

fn cast(expr: Expr, name: &'static str) -> Expr {
    Expr::Cast { expr: Box::new(expr), to: SqlType { name, modifiers: (None, None) } }
}
