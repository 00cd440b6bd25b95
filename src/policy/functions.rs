//! `[[functions]]` of `database.toml`: functions of the database's own that the operator lets queries call.
//!
//! The guard knows nothing of such a function but what stands there. What is checked is that the entry cannot be meant
//! otherwise than it reads: a name of one schema and one function, which is not the server's own.

use serde::Deserialize;

use super::settings::EngineKind;
use crate::catalog::{AddedFunction, ColumnType};
use crate::guard::sql::{Dialect, may_be_added};

/// The most arguments of a function that can be added.
const MAX_ARGUMENTS: usize = 32;

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFunction {
    name: String,
    arguments: Count,
    returns: Option<ColumnType>,
    #[serde(default)]
    total: bool,
    reason: String,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Count {
    Exactly(usize),
    Between([usize; 2]),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionProblem {
    /// SQLite and MongoDB keep no functions in a database.
    #[error("{0} keeps no functions in a database, so none can be added")]
    Engine(&'static str),
    /// Not a schema and a name.
    #[error(
        "`name` must be a schema and a name, as `app.fiscal_quarter`, of letters, digits and `_`"
    )]
    Name,
    /// PostgreSQL folds what is not quoted.
    #[error("`name` must be in lower case, which PostgreSQL folds names to")]
    Case,
    /// The server's own schema, or a name that is dangerous on some server.
    #[error("it may not be added: {0}")]
    Refused(&'static str),
    /// The entry is there twice.
    #[error("it is listed twice")]
    Twice,
    /// The least is more than the most, or the most too many.
    #[error("`arguments` must be a number, or [least, most], of at most {MAX_ARGUMENTS}")]
    Arguments,
    /// An empty reason.
    #[error("`reason` must say why queries may call it")]
    Reason,
}

/// Checks the entries. An error names the entry as it is written.
pub(super) fn check(
    raw: Vec<RawFunction>,
    engine: EngineKind,
) -> Result<Vec<AddedFunction>, (String, FunctionProblem)> {
    let mut functions: Vec<AddedFunction> = Vec::new();
    for entry in raw {
        let written = entry.name.clone();
        let function = one(entry, engine).map_err(|problem| (written.clone(), problem))?;
        let same = |other: &AddedFunction| {
            other.schema.eq_ignore_ascii_case(&function.schema)
                && other.name.eq_ignore_ascii_case(&function.name)
        };
        if functions.iter().any(same) {
            return Err((written, FunctionProblem::Twice));
        }
        functions.push(function);
    }
    Ok(functions)
}

fn one(raw: RawFunction, engine: EngineKind) -> Result<AddedFunction, FunctionProblem> {
    let RawFunction { name, arguments, returns, total, reason } = raw;
    let dialect = match engine {
        EngineKind::Postgresql => Dialect::Postgresql,
        EngineKind::Mysql => Dialect::Mysql,
        EngineKind::Sqlserver => Dialect::Mssql,
        EngineKind::Sqlite => return Err(FunctionProblem::Engine("SQLite")),
        EngineKind::Mongodb => return Err(FunctionProblem::Engine("MongoDB")),
    };
    let (schema, name) = name.split_once('.').ok_or(FunctionProblem::Name)?;
    if ![schema, name].into_iter().all(is_plain) {
        return Err(FunctionProblem::Name);
    }
    if dialect == Dialect::Postgresql && [schema, name].iter().any(|part| has_capitals(part)) {
        return Err(FunctionProblem::Case);
    }
    may_be_added(dialect, schema, name).map_err(FunctionProblem::Refused)?;
    let (least, most) = match arguments {
        Count::Exactly(count) => (count, count),
        Count::Between([least, most]) => (least, most),
    };
    if least > most || most > MAX_ARGUMENTS {
        return Err(FunctionProblem::Arguments);
    }
    if reason.trim().is_empty() {
        return Err(FunctionProblem::Reason);
    }
    let (schema, name) = (schema.to_owned(), name.to_owned());
    Ok(AddedFunction { schema, name, arguments: (least, most), returns, total, reason })
}

/// A word that no engine reads as more than one name, and that none cuts.
fn is_plain(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.len() <= 63
        && name.starts_with(first)
        && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn has_capitals(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::settings::{Settings, SettingsError};

    fn parse(engine: &str, entry: &str) -> Result<Vec<AddedFunction>, SettingsError> {
        let text = format!(
            "engine = \"{engine}\"\nurl = \"env:U\"\nrequires_organization_scoping = false\n[[functions]]\n{entry}\n"
        );
        Settings::parse(&text).map(|settings| settings.functions)
    }

    fn problem(engine: &str, entry: &str) -> String {
        parse(engine, entry).unwrap_err().to_string()
    }

    #[test]
    fn an_entry_is_read_whole() {
        let functions = parse(
            "postgresql",
            "name = \"app.fiscal_quarter\"\narguments = [1, 2]\nreturns = \"text\"\ntotal = true\nreason = \"immutable\"",
        );
        let expected = AddedFunction {
            schema: "app".to_owned(),
            name: "fiscal_quarter".to_owned(),
            arguments: (1, 2),
            returns: Some(ColumnType::Text),
            total: true,
            reason: "immutable".to_owned(),
        };
        assert_eq!(functions, Ok(vec![expected]));
        let functions =
            parse("sqlserver", "name = \"dbo.Net\"\narguments = 1\nreason = \"r\"").unwrap();
        assert_eq!(functions[0].arguments, (1, 1));
        assert!(!functions[0].total, "no promise is made by silence");
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused() {
        let rest = "arguments = 1\nreason = \"r\"";
        for (name, words) in [
            ("fiscal_quarter", "a schema and a name"),
            ("other.app.f", "a schema and a name"),
            ("app.f(", "a schema and a name"),
            ("app.\\\"f\\\"", "a schema and a name"),
            ("app.", "a schema and a name"),
            ("App.f", "lower case"),
            ("pg_catalog.pg_read_file", "the server's own"),
            ("pg_temp.f", "the server's own"),
            ("information_schema.f", "the server's own"),
            ("app.lower", "on the list already"),
            ("app.query_to_xml", "runs a text as SQL"),
            ("app.pg_read_file", "reads or writes files"),
            ("app.load_file", "reads or writes files"),
            ("app.xp_cmdshell", "runs a text as SQL"),
            ("app.dblink_exec", "runs a text as SQL"),
        ] {
            let message = problem("postgresql", &format!("name = \"{name}\"\n{rest}"));
            assert!(message.contains(words), "{name}: {message}");
        }
        for name in ["sys.f", "INFORMATION_SCHEMA.f", "dbo.sp_executesql", "dbo.OpenRowset"] {
            let message = problem("sqlserver", &format!("name = \"{name}\"\n{rest}"));
            assert!(message.contains("may not be added"), "{name}: {message}");
        }
        for name in
            ["mysql.f", "performance_schema.f", "sys.format_bytes", "demo.LOAD_FILE", "demo.SLEEP"]
        {
            let message = problem("mysql", &format!("name = \"{name}\"\n{rest}"));
            assert!(message.contains("may not be added"), "{name}: {message}");
        }
        assert!(
            problem("sqlite", &format!("name = \"main.f\"\n{rest}")).contains("SQLite keeps no")
        );
    }

    #[test]
    fn counts_and_reasons_are_checked() {
        for (entry, words) in [
            ("arguments = [2, 1]\nreason = \"r\"", "[least, most]"),
            ("arguments = 33\nreason = \"r\"", "[least, most]"),
            ("arguments = 1\nreason = \"  \"", "must say why"),
            ("arguments = 1", "missing field `reason`"),
            ("reason = \"r\"", "missing field `arguments`"),
            ("arguments = 1\nreason = \"r\"\nvolatile = true", "unknown field `volatile`"),
        ] {
            let message = problem("mysql", &format!("name = \"app.f\"\n{entry}"));
            assert!(message.contains(words), "{entry}: {message}");
        }
        let twice = "name = \"app.f\"\narguments = 1\nreason = \"r\"\n[[functions]]\nname = \"app.F\"\narguments = 1\nreason = \"r\"";
        assert!(problem("mysql", twice).contains("twice"));
    }
}
