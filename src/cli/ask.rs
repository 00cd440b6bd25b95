//! `dialektai ask`: a question and its answer.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::{CallerArgs, load, output};
use crate::audit::Record;
use crate::http::wire::{Query, Table};
use crate::service::{self, Answer, Served};
use output::Failed;

#[derive(Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    pub(super) caller: CallerArgs,
    /// The question.
    #[arg(value_name = "QUESTION")]
    question: String,
}

#[derive(Serialize)]
struct AnswerLine {
    answer: Option<String>,
    query: Option<Query>,
    #[serde(flatten)]
    table: Table,
    suggestions: Vec<String>,
}

pub(super) async fn run(policies: &Path, args: AskArgs) -> Result<(), Failed> {
    let (database, folder) = load(policies, &args.caller.database)?;
    let principal = args.caller.identify(&database.settings)?;
    let served = Served::open(database, &folder).await;
    let record = Record::begin("cli");
    output::json(&match service::answer(&served, &principal, &args.question, record).await? {
        Answer::Rows { text, query, rows } => AnswerLine {
            answer: Some(text),
            query: Some(Query::from(query.as_ref())),
            table: Table::from(rows),
            suggestions: Vec::new(),
        },
        Answer::NotUnderstood { suggestions } => {
            AnswerLine { answer: None, query: None, table: Table::default(), suggestions }
        }
    })
}
