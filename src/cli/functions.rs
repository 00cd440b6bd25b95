//! `dialektai functions`: what a query may be made of. Needs no live database.

mod mongo;

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::output::{self, Failed};
use super::{Format, load};
use crate::catalog::AddedFunction;
use crate::guard::Language;
use crate::guard::sql::{CAST_TARGETS, Dialect, FORMS, LeftOut, Listed, left_out, listed};
use crate::identity::DatabaseId;
use crate::service;

#[derive(Args)]
pub(super) struct FunctionsArgs {
    /// The dialect.
    #[arg(long, value_name = "DIALECT", required_unless_present = "database")]
    dialect: Option<DialectName>,
    /// The database, a folder's name: its dialect, and the functions that its operator added.
    #[arg(long, value_name = "ID", conflicts_with = "dialect")]
    database: Option<DatabaseId>,
    /// How the lists are written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum DialectName {
    Sqlite,
    Postgresql,
    Mysql,
    Sqlserver,
    Mongodb,
}

/// Whose lists are asked for.
enum Lists {
    Sql(Dialect, Vec<AddedFunction>),
    Mongo,
}

/// `--format json`: one document, always every key.
#[derive(Serialize)]
struct Document<'a> {
    dialect: &'static str,
    functions: Vec<FunctionEntry>,
    added: Vec<AddedEntry<'a>>,
    operators: Vec<FormEntry>,
    cast_targets: &'static [&'static str],
    left_out: Vec<LeftOutEntry>,
}

#[derive(Serialize)]
struct FunctionEntry {
    name: &'static str,
    kind: &'static str,
    least_arguments: usize,
    most_arguments: Option<usize>,
    returns: &'static str,
    may_fail: Option<&'static str>,
    asks: Option<&'static str>,
    stable: Option<&'static str>,
    chapter: &'static str,
    source: &'static str,
}

#[derive(Serialize)]
struct AddedEntry<'a> {
    name: String,
    least_arguments: usize,
    most_arguments: usize,
    returns: Option<&'static str>,
    total: bool,
    reason: &'a str,
}

#[derive(Serialize)]
struct FormEntry {
    form: String,
    may_fail: Option<&'static str>,
}

#[derive(Serialize)]
struct LeftOutEntry {
    names: &'static [&'static str],
    why: &'static str,
}

pub(super) fn run(policies: &Path, args: FunctionsArgs) -> Result<(), Failed> {
    let FunctionsArgs { dialect, database, format } = args;
    let lists = match (dialect, database) {
        (Some(name), _) => name.lists(),
        (None, Some(id)) => {
            let (database, _) = load(policies, &id)?;
            match service::language(database.settings.engine) {
                Language::Sql(dialect) => Lists::Sql(dialect, database.settings.functions),
                Language::Mongo => Lists::Mongo,
            }
        }
        (None, None) => return Err(Failed::new("no_dialect", "name a dialect or a database")),
    };
    match (format, lists) {
        (Format::Text, Lists::Sql(dialect, added)) => {
            output::line(as_text(dialect, &added).trim_end())
        }
        (Format::Json, Lists::Sql(dialect, added)) => output::json(&Document::of(dialect, &added)),
        (Format::Text, Lists::Mongo) => output::line(mongo::as_text().trim_end()),
        (Format::Json, Lists::Mongo) => output::json(&mongo::document()),
    }
}

impl DialectName {
    fn lists(self) -> Lists {
        let dialect = match self {
            Self::Sqlite => Dialect::Sqlite,
            Self::Postgresql => Dialect::Postgresql,
            Self::Mysql => Dialect::Mysql,
            Self::Sqlserver => Dialect::Mssql,
            Self::Mongodb => return Lists::Mongo,
        };
        Lists::Sql(dialect, Vec::new())
    }
}

/// A line for each function, under the titles of the manual's pages.
fn as_text(dialect: Dialect, added: &[AddedFunction]) -> String {
    let mut text = String::new();
    let mut chapter = "";
    for function in listed(dialect) {
        if function.chapter != chapter {
            chapter = function.chapter;
            text.push_str(&format!("\n{chapter} <{}>\n", function.source));
        }
        text.push_str(&format!("  {}", signature(&function)));
        if let Some(why) = function.fails {
            text.push_str(&format!("  (may fail: {why})"));
        }
        text.push('\n');
    }
    if !added.is_empty() {
        text.push_str("\nAdded by the operator\n");
    }
    for AddedFunction { schema, name, arguments, returns, total, reason } in added {
        let count = count(arguments.0, Some(arguments.1));
        let returns = returns.map_or("depends", |returns| returns.name());
        let total = if *total { "promised to be total" } else { "may fail" };
        text.push_str(&format!("  {schema}.{name}({count}) -> {returns}  ({total}; {reason})\n"));
    }
    text.push_str("\nOperators and tests\n");
    for form in FORMS.iter().filter(|form| form.dialects.contains(&dialect)) {
        text.push_str(&format!("  {}\n", shown(form.template)));
    }
    text.push_str(&format!("\nTypes of CAST\n  {}\n", cast_targets(dialect).join(", ")));
    text.push_str("\nLooked at and left out\n");
    for LeftOut { names, why } in left_out(dialect) {
        text.push_str(&format!("  {}: {why}\n", names.join(", ")));
    }
    text
}

fn signature(function: &Listed) -> String {
    let (least, most) = function.arguments;
    format!("{}({}) -> {}, {}", function.name, count(least, most), function.returns, function.kind)
}

/// How many arguments, in as few characters as can be.
fn count(least: usize, most: Option<usize>) -> String {
    match most {
        Some(most) if most == least => least.to_string(),
        Some(most) => format!("{least} to {most}"),
        None => format!("{least} or more"),
    }
}

/// A template with names for its operands.
fn shown(template: &str) -> String {
    template.replace("{0}", "a").replace("{1}", "b").replace("{2}", "c")
}

fn cast_targets(dialect: Dialect) -> &'static [&'static str] {
    let targets = CAST_TARGETS.iter().find(|targets| targets.dialect == dialect);
    targets.map_or(&[], |targets| targets.types)
}

impl<'a> Document<'a> {
    fn of(dialect: Dialect, added: &'a [AddedFunction]) -> Self {
        let forms = FORMS.iter().filter(|form| form.dialects.contains(&dialect));
        Self {
            dialect: dialect.name(),
            functions: listed(dialect).map(FunctionEntry::from).collect(),
            added: added.iter().map(AddedEntry::from).collect(),
            operators: forms
                .map(|form| FormEntry { form: shown(form.template), may_fail: form.fails })
                .collect(),
            cast_targets: cast_targets(dialect),
            left_out: left_out(dialect)
                .iter()
                .map(|LeftOut { names, why }| LeftOutEntry { names, why })
                .collect(),
        }
    }
}

impl From<Listed> for FunctionEntry {
    fn from(function: Listed) -> Self {
        let Listed { name, kind, arguments, returns, fails, takes, stable, chapter, source } =
            function;
        Self {
            name,
            kind,
            least_arguments: arguments.0,
            most_arguments: arguments.1,
            returns,
            may_fail: fails,
            asks: takes,
            stable,
            chapter,
            source,
        }
    }
}

impl<'a> From<&'a AddedFunction> for AddedEntry<'a> {
    fn from(function: &'a AddedFunction) -> Self {
        Self {
            name: format!("{}.{}", function.schema, function.name),
            least_arguments: function.arguments.0,
            most_arguments: function.arguments.1,
            returns: function.returns.map(crate::catalog::ColumnType::name),
            total: function.total,
            reason: &function.reason,
        }
    }
}
