//! `dialektai test`: the tests that live with the policies.

mod junit;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::check::all;
use super::output::{self, Failed};
use super::{Format, folder};
use crate::identity::DatabaseId;
use crate::policy::Database;
use crate::suite::{Coverage, Ran, Snapshots, Stage, Suite};
use report::{Fate, Outcome, Report};

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
    /// Writes the rewritten queries that differ from their snapshots into the snapshots.
    #[arg(long)]
    accept: bool,
    /// Leaves out tests of a live database that does not answer, which fail otherwise.
    #[arg(long)]
    skip_unreachable: bool,
    /// Fails where less than this of rules, relations, columns and branches of filters was exercised in a folder.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    min_coverage: Option<u8>,
    /// Writes the outcome as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How the outcome is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

pub(super) async fn run(policies: &Path, args: TestArgs) -> Result<(), Failed> {
    let folders = if args.databases.is_empty() {
        all(policies)?
    } else {
        let named = args.databases.iter().map(|id| Ok((id.to_string(), folder(policies, id)?)));
        named.collect::<Result<BTreeMap<_, _>, Failed>>()?
    };
    let mut report = Report::default();
    for (id, folder) in folders {
        let before = report.outcomes.len();
        let coverage = one(&id, &folder, &args, &mut report.outcomes).await?;
        if args.require_tests && report.outcomes.len() == before {
            return Err(Failed::new("no_tests", format!("`{id}` has no tests that would run")));
        }
        if report.outcomes.len() > before {
            report.coverage.push((id, coverage));
        }
    }
    match args.format {
        Format::Text => output::line(&report.as_text())?,
        Format::Json => output::json(&report.as_document())?,
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::print(&report.outcomes))?;
    }
    verdict(&report, &args)
}

fn verdict(report: &Report, args: &TestArgs) -> Result<(), Failed> {
    let failed = report.count(Fate::Failed);
    if report.outcomes.iter().any(Outcome::is_unread) {
        return Err(Failed::new("invalid_tests", "tests that cannot be read did not run"));
    }
    if failed > 0 {
        let all = report.outcomes.len();
        return Err(Failed::new("tests_failed", format!("{failed} of {all} failed")));
    }
    let Some(least) = args.min_coverage else { return Ok(()) };
    match report.coverage.iter().find(|(_, coverage)| coverage.percent() < usize::from(least)) {
        Some((id, coverage)) => {
            let found = coverage.percent();
            let message = format!("the tests of `{id}` exercise {found} %, and must {least} %");
            Err(Failed::new("coverage_too_low", message))
        }
        None => Ok(()),
    }
}

/// Runs every file of `tests/`, in the order of the names.
async fn one(
    id: &str,
    folder: &Path,
    args: &TestArgs,
    outcomes: &mut Vec<Outcome>,
) -> Result<Coverage, Failed> {
    let database = Database::load(folder)
        .map_err(|error| Failed::new("invalid_policies", error.to_string()))?;
    let mut stage = Stage::new(&database, folder, args.skip_unreachable);
    for path in files(&folder.join("tests"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = File { database: id.to_owned(), name: format!("tests/{name}") };
        let text = std::fs::read_to_string(&path)?;
        match Suite::parse(&text, &database) {
            Ok(suite) => file.run(&path, &suite, args, &mut stage, outcomes).await?,
            Err(errors) => outcomes.extend(
                errors
                    .into_iter()
                    .map(|error| file.outcome(error.line, None, Ran::from(vec![error.message]))),
            ),
        }
    }
    Ok(stage.coverage)
}

/// One file of tests.
struct File {
    database: String,
    name: String,
}

impl File {
    async fn run(
        &self,
        path: &Path,
        suite: &Suite,
        args: &TestArgs,
        stage: &mut Stage<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), Failed> {
        let path = path.with_extension("snap");
        let kept = if path.is_file() { std::fs::read_to_string(&path)? } else { String::new() };
        let mut snapshots = Snapshots::parse(&kept);
        for test in &suite.tests {
            if args.filter.as_ref().is_some_and(|filter| !test.name.contains(filter)) {
                continue;
            }
            let mut ran = suite.run(test, stage).await;
            if let Some(printed) = &ran.printed {
                if args.accept {
                    snapshots.accept(&test.name, printed);
                } else {
                    ran.differences.extend(snapshots.differences(&test.name, printed));
                }
            }
            outcomes.push(self.outcome(Some(test.line), Some(test.name.clone()), ran));
        }
        if args.accept {
            snapshots.retain(|name| suite.tests.iter().any(|test| test.keeps(name)));
            accept(&path, &snapshots, &kept)?;
        }
        Ok(())
    }

    fn outcome(&self, line: Option<usize>, name: Option<String>, ran: Ran) -> Outcome {
        let fate = match (ran.skipped.is_some(), ran.differences.is_empty()) {
            (_, false) => Fate::Failed,
            (true, true) => Fate::Skipped,
            (false, true) => Fate::Passed,
        };
        let (database, file) = (self.database.clone(), self.name.clone());
        let differences = ran.differences;
        Outcome { database, file, line, name, fate, skipped: ran.skipped, differences }
    }
}

/// Writes a file of snapshots that would change; one that would be empty goes away.
fn accept(path: &Path, snapshots: &Snapshots, before: &str) -> Result<(), Failed> {
    let text = snapshots.print();
    if snapshots.is_empty() {
        if path.is_file() {
            std::fs::remove_file(path)?;
        }
    } else if text != before {
        std::fs::write(path, text)?;
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
