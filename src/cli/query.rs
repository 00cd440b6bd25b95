//! `dialektai query`: the rows of a guarded query.

use std::path::Path;

use super::{QueryArgs, batch, load, output};
use crate::audit::Record;
use crate::http::wire::Table;
use crate::service::{self, Served};
use batch::Work;
use output::Failed;

pub(super) async fn run(policies: &Path, args: QueryArgs) -> Result<(), Failed> {
    let (database, folder) = load(policies, &args.caller.database)?;
    let served = Served::open(database, &folder).await;
    if let Some(problem) = served.problem() {
        return Err(problem.into());
    }
    let Some(text) = args.query else {
        return batch::run(Work::Run(&served), &args.caller).await;
    };
    let principal = args.caller.identify(&served.database.settings)?;
    let (_, rows) = service::query(&served, &principal, &text, Record::begin("cli")).await?;
    output::json(&Table::from(rows))
}
