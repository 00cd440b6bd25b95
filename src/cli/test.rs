//! `dialektai test`: the tests that live with the policies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::check::all;
use super::output::{self, Failed};
use super::{Format, folder};
use crate::identity::DatabaseId;
use crate::policy::Database;
use crate::suite::Suite;

#[derive(Args)]
pub(super) struct TestArgs {
    /// The folders' names; without one, every folder.
    #[arg(value_name = "DATABASE")]
    databases: Vec<DatabaseId>,
    /// Runs only the tests whose name holds this.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Makes a folder without tests count as an error.
    #[arg(long)]
    require_tests: bool,
    /// How the outcome is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// What became of one test, or of a file that cannot be read.
#[derive(Serialize)]
struct Outcome {
    database: String,
    file: String,
    line: Option<usize>,
    /// Of a test; a file that cannot be read has none.
    name: Option<String>,
    passed: bool,
    differences: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    passed: usize,
    failed: usize,
    tests: &'a [Outcome],
}

pub(super) fn run(policies: &Path, args: &TestArgs) -> Result<(), Failed> {
    let folders = if args.databases.is_empty() {
        all(policies)?
    } else {
        let named = args.databases.iter().map(|id| Ok((id.to_string(), folder(policies, id)?)));
        named.collect::<Result<BTreeMap<_, _>, Failed>>()?
    };
    let mut outcomes = Vec::new();
    for (id, folder) in folders {
        let before = outcomes.len();
        one(&id, &folder, args.filter.as_deref(), &mut outcomes)?;
        if args.require_tests && outcomes.len() == before {
            return Err(Failed::new("no_tests", format!("`{id}` has no tests that would run")));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let passed = outcomes.len() - failed;
    match args.format {
        Format::Text => output::line(&as_text(&outcomes, passed, failed))?,
        Format::Json => output::json(&Document { passed, failed, tests: &outcomes })?,
    }
    let unread = outcomes.iter().filter(|outcome| outcome.name.is_none()).count();
    match (failed, unread) {
        (0, _) => Ok(()),
        (_, 0) => {
            Err(Failed::new("tests_failed", format!("{failed} of {} failed", outcomes.len())))
        }
        (..) => Err(Failed::new("invalid_tests", "tests that cannot be read did not run")),
    }
}

/// Runs every file of `tests/`, in the order of the names.
fn one(
    id: &str,
    folder: &Path,
    filter: Option<&str>,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failed> {
    let database = Database::load(folder)
        .map_err(|error| Failed::new("invalid_policies", error.to_string()))?;
    for path in files(&folder.join("tests"))? {
        let file = format!("tests/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let text = std::fs::read_to_string(&path)?;
        let outcome = |line, name, differences: Vec<String>| Outcome {
            database: id.to_owned(),
            file: file.clone(),
            line,
            name,
            passed: differences.is_empty(),
            differences,
        };
        match Suite::parse(&text, &database) {
            Ok(suite) => {
                let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
                outcomes.extend(suite.tests.iter().filter(|test| wanted(&test.name)).map(|test| {
                    let differences = suite.run(test, &database);
                    outcome(Some(test.line), Some(test.name.clone()), differences)
                }));
            }
            Err(errors) => outcomes.extend(
                errors.into_iter().map(|error| outcome(error.line, None, vec![error.message])),
            ),
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn as_text(outcomes: &[Outcome], passed: usize, failed: usize) -> String {
    let mut text = String::new();
    for Outcome { database, file, line, name, passed, differences } in outcomes {
        let place = line.map_or(String::new(), |line| format!(":{line}"));
        let word = if *passed { "ok" } else { "FAILED" };
        let name = name.as_deref().unwrap_or("cannot be read");
        text.push_str(&format!("{word} {database}/{file}{place}: {name}\n"));
        for difference in differences.iter().flat_map(|difference| difference.lines()) {
            text.push_str(&format!("    {difference}\n"));
        }
    }
    text.push_str(&format!("{passed} passed, {failed} failed"));
    text
}
