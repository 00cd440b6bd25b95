//! The functions that an operator adds in `database.toml`: of the database's own, by schema and name.

use super::super::totality::{Analysis, Kind};
use super::super::tree::Name;
use super::{Dialect, left_out, lookup};
use crate::catalog::AddedFunction;

/// The schemas that hold the server's own functions, or functions of a session.
const RESERVED: [&str; 8] = [
    "information_schema",
    "pg_catalog",
    "pg_temp",
    "pg_toast",
    "mysql",
    "performance_schema",
    "sys",
    "master",
];

/// Whether an operator may add this function.
///
/// # Errors
///
/// Why not: it is the server's own, or has the name of a function that the guard knows.
pub fn may_be_added(dialect: Dialect, schema: &str, name: &str) -> Result<(), &'static str> {
    let reserved = RESERVED.iter().any(|own| own.eq_ignore_ascii_case(schema))
        || schema.to_ascii_lowercase().starts_with("pg_");
    if reserved {
        return Err("the schema is the server's own");
    }
    if let Some(why) = left_out::reason(name) {
        return Err(why);
    }
    if lookup(name, dialect).is_some() {
        return Err("a function of this name is on the list already");
    }
    Ok(())
}

/// The added function of exactly these names.
pub(in super::super) fn added<'f>(
    functions: &'f [AddedFunction],
    schema: &Name,
    name: &Name,
) -> Option<&'f AddedFunction> {
    functions
        .iter()
        .find(|function| function.schema == schema.as_str() && function.name == name.as_str())
}

/// What is known of a call: what the operator says, and that the result may be of any length.
pub(in super::super) fn judge(function: &AddedFunction, args: &[Analysis]) -> Analysis {
    let kind = function.returns.map_or(Kind::Unknown, Kind::Known);
    let fails = (!function.total).then_some("a function that was added may fail");
    let grown = args
        .iter()
        .any(|arg| arg.grown)
        .then_some("a text built from built texts may grow too long");
    Analysis { grown: true, ..Analysis::of_parts(kind, args).or_fails(fails).or_fails(grown) }
}
