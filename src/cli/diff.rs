//! `dialektai diff`: what new policies grant that old ones did not, and what they deny. Needs no live database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Format;
use super::example::{self, ExampleEntry, number};
use super::output::{self, Failed};
use super::side::{self, Side};
use crate::catalog::ColumnName;
use crate::identity::DatabaseId;
use crate::policy::Database;
use crate::prove::{self, Answer, ColumnDifference, Difference, Example};

#[derive(Args)]
pub(super) struct DiffArgs {
    /// The old policies: a folder, `REVISION:PATH`, or a git revision of the policy folder.
    #[arg(value_name = "OLD")]
    old: String,
    /// The new policies, named in the same ways.
    #[arg(value_name = "NEW")]
    new: String,
    /// The folders' names; without one, every folder.
    #[arg(value_name = "DATABASE")]
    databases: Vec<DatabaseId>,
    /// How the answers are written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Fails unless it is proved that nothing is newly granted.
    #[arg(long)]
    require: bool,
    /// Fails unless it is proved that nothing is newly granted and nothing newly denied.
    #[arg(long)]
    same: bool,
    /// The seconds that the solver has for each question.
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
}

/// The databases of one name on both sides.
struct Pair<'a> {
    id: String,
    old: Option<&'a Database>,
    new: Option<&'a Database>,
    differences: Vec<Difference>,
}

pub(super) fn run(policies: &Path, args: &DiffArgs) -> Result<(), Failed> {
    let (old, new) = (side::read(&args.old, policies)?, side::read(&args.new, policies)?);
    let mut pairs = pairs(&old, &new, args)?;
    for pair in &mut pairs {
        pair.differences = prove::diff(pair.old, pair.new, Duration::from_secs(args.timeout))?;
    }
    match args.format {
        Format::Text => output::line(&as_text(&pairs))?,
        Format::Json => output::json(&Document::from(pairs.as_slice()))?,
    }
    verdict(&pairs, args)
}

fn pairs<'a>(old: &'a Side, new: &'a Side, args: &DiffArgs) -> Result<Vec<Pair<'a>>, Failed> {
    let mut by_id: BTreeMap<String, (Option<&Database>, Option<&Database>)> = BTreeMap::new();
    match (old, new) {
        // Two folders are two versions of one database, whatever they are called.
        (Side::One(old), Side::One(new)) => {
            by_id.insert(new.id.to_string(), (Some(old), Some(new)));
        }
        (Side::Many(old), Side::Many(new)) => {
            for (id, database) in old {
                by_id.entry(id.clone()).or_default().0 = Some(database);
            }
            for (id, database) in new {
                by_id.entry(id.clone()).or_default().1 = Some(database);
            }
        }
        (Side::One(_), Side::Many(_)) | (Side::Many(_), Side::One(_)) => {
            let message =
                "one side is the folder of a database, the other a folder of such folders";
            return Err(Failed::new("no_databases", message));
        }
    }
    for id in &args.databases {
        if !by_id.contains_key(id.as_str()) {
            let message = format!("neither side has `{id}/database.toml`");
            return Err(Failed::new("unknown_database", message));
        }
    }
    let asked =
        |id: &str| args.databases.is_empty() || args.databases.iter().any(|one| one.as_str() == id);
    let asked = by_id.into_iter().filter(|(id, _)| asked(id));
    Ok(asked.map(|(id, (old, new))| Pair { id, old, new, differences: Vec::new() }).collect())
}

/// What was asked of a relation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Granted,
    Denied,
}

impl Asked {
    const BOTH: [Self; 2] = [Self::Granted, Self::Denied];

    /// What became of the rows, and of each column that either side masks.
    fn answers(self, difference: &Difference) -> Vec<(Option<&ColumnName>, &Answer)> {
        let rows = match self {
            Self::Granted => &difference.granted,
            Self::Denied => &difference.denied,
        };
        let columns = difference.columns.iter().map(|one| match self {
            Self::Granted => (Some(&one.column), &one.granted),
            Self::Denied => (Some(&one.column), &one.denied),
        });
        std::iter::once((None, rows)).chain(columns).collect()
    }

    /// The answer in a word or two.
    fn word(self, answer: &Answer) -> &'static str {
        match (answer, self) {
            (Answer::Proved, _) => "PROVED",
            (Answer::NotProved(_), _) => "NOT PROVED",
            (Answer::Refuted(_), Self::Granted) => "GRANTS",
            (Answer::Refuted(_), Self::Denied) => "DENIES",
        }
    }

    fn claim(self, column: Option<&ColumnName>) -> String {
        match (self, column) {
            (Self::Granted, None) => "grants nothing that the old policies did not".to_owned(),
            (Self::Denied, None) => "denies nothing that the old policies did not".to_owned(),
            (Self::Granted, Some(column)) => {
                format!("shows nothing of `{column}` that the old policies masked")
            }
            (Self::Denied, Some(column)) => {
                format!("masks nothing of `{column}` that the old policies showed")
            }
        }
    }

    fn found(self, column: Option<&ColumnName>) -> String {
        match (self, column) {
            (_, None) => "what the old policies did not".to_owned(),
            (Self::Granted, Some(column)) => format!("more of `{column}` than the old policies"),
            (Self::Denied, Some(column)) => {
                format!("some of `{column}` that the old policies showed")
            }
        }
    }
}

fn verdict(pairs: &[Pair<'_>], args: &DiffArgs) -> Result<(), Failed> {
    let count = |word: &str, asked: &[Asked]| {
        let all = pairs.iter().flat_map(|pair| &pair.differences);
        let says = |asked: &Asked, one: &Difference| {
            asked.answers(one).into_iter().any(|(_, answer)| asked.word(answer) == word)
        };
        all.filter(|one| asked.iter().any(|asked| says(asked, one))).count()
    };
    let granted = count("GRANTS", &[Asked::Granted]);
    if granted > 0 {
        return Err(Failed::new("newly_granted", number(granted, "relation")));
    }
    let denied = count("DENIES", &[Asked::Denied]);
    if args.same && denied > 0 {
        return Err(Failed::new("newly_denied", number(denied, "relation")));
    }
    let asked: &[Asked] = if args.same { &Asked::BOTH } else { &[Asked::Granted] };
    let open = count("NOT PROVED", asked);
    if (args.require || args.same) && open > 0 {
        return Err(Failed::not_proved(number(open, "relation")));
    }
    Ok(())
}

fn as_text(pairs: &[Pair<'_>]) -> String {
    let mut text = String::new();
    for pair in pairs {
        text.push_str(&format!("{}\n", pair.id));
        for difference in &pair.differences {
            let open = Asked::BOTH.into_iter().flat_map(|asked| asked.answers(difference));
            if open.into_iter().all(|(_, answer)| matches!(answer, Answer::Proved)) {
                let claim = "grants and denies what the old policies did";
                text.push_str(&format!("  PROVED {}: {claim}\n", difference.relation));
                continue;
            }
            for asked in Asked::BOTH {
                for (column, answer) in asked.answers(difference) {
                    let head = format!("  {} {}", asked.word(answer), difference.relation);
                    let claim = asked.claim(column);
                    text.push_str(&match answer {
                        Answer::Proved => format!("{head}: {claim}\n"),
                        Answer::NotProved(reason) => format!("{head}: {claim}; {reason}\n"),
                        Answer::Refuted(example) => {
                            let found = asked.found(column);
                            let shown = pair.shown(asked, difference, column, example);
                            format!("{head}: {found}\n{shown}")
                        }
                    });
                }
            }
        }
    }
    let words = ["PROVED", "GRANTS", "DENIES", "NOT PROVED"];
    let all = pairs.iter().flat_map(|pair| &pair.differences);
    let found = all.flat_map(|one| {
        Asked::BOTH.into_iter().flat_map(|asked| {
            asked.answers(one).into_iter().map(move |(_, answer)| asked.word(answer))
        })
    });
    text.push_str(&example::counts(&words, &found.collect::<Vec<_>>()));
    text
}

impl Pair<'_> {
    /// The caller and the row, who allows it and who does not, or what is shown of the column by whom.
    fn shown(
        &self,
        asked: Asked,
        difference: &Difference,
        column: Option<&ColumnName>,
        example: &Example,
    ) -> String {
        let own = example.verdict.clone().unwrap_or_default();
        let (reads, other) = match asked {
            Asked::Granted => ("may now read", self.old),
            Asked::Denied => ("could read", self.new),
        };
        let theirs = other.and_then(|other| example.verdict_of(other, &difference.relation));
        let theirs = theirs.unwrap_or_default();
        let reads = match column {
            None => reads.to_owned(),
            Some(column) => format!("{reads} more of `{column}` in"),
        };
        let others = match column {
            None => format!(
                "{}{}",
                example::by("on the other side forbidden by", &theirs.deciding),
                example::by("on the other side failed", &theirs.failed),
            ),
            Some(_) => example::by("on the other side masked by", &theirs.deciding),
        };
        format!(
            "    caller: {}\n    {reads} {}\n{}{others}",
            example::caller(example),
            example::row(example),
            example::by("permitted by", &own.deciding),
        )
    }
}

/// `--format json`: one document, always every key.
#[derive(Serialize)]
struct Document<'a> {
    databases: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    old_version: Option<&'a str>,
    new_version: Option<&'a str>,
    relations: Vec<RelationEntry>,
}

#[derive(Serialize)]
struct RelationEntry {
    relation: String,
    granted: AnswerEntry,
    denied: AnswerEntry,
    /// Those that either side masks, on rows that both let a caller read.
    columns: Vec<ColumnEntry>,
}

#[derive(Serialize)]
struct ColumnEntry {
    column: String,
    granted: AnswerEntry,
    denied: AnswerEntry,
}

#[derive(Serialize)]
struct AnswerEntry {
    answer: &'static str,
    reason: Option<String>,
    example: Option<ExampleEntry>,
}

impl<'a> From<&'a [Pair<'a>]> for Document<'a> {
    fn from(pairs: &'a [Pair<'a>]) -> Self {
        let databases = pairs.iter().map(|pair| Entry {
            id: &pair.id,
            old_version: pair.old.map(Database::version),
            new_version: pair.new.map(Database::version),
            relations: pair.differences.iter().map(RelationEntry::from).collect(),
        });
        Self { databases: databases.collect() }
    }
}

impl From<&Difference> for RelationEntry {
    fn from(difference: &Difference) -> Self {
        Self {
            relation: difference.relation.to_string(),
            granted: AnswerEntry::from(&difference.granted),
            denied: AnswerEntry::from(&difference.denied),
            columns: difference.columns.iter().map(ColumnEntry::from).collect(),
        }
    }
}

impl From<&ColumnDifference> for ColumnEntry {
    fn from(difference: &ColumnDifference) -> Self {
        Self {
            column: difference.column.to_string(),
            granted: AnswerEntry::from(&difference.granted),
            denied: AnswerEntry::from(&difference.denied),
        }
    }
}

/// A refuted answer is one where something is newly granted, or newly denied.
impl From<&Answer> for AnswerEntry {
    fn from(answer: &Answer) -> Self {
        let (answer, reason, example) = match answer {
            Answer::Proved => ("proved", None, None),
            Answer::NotProved(reason) => ("not_proved", Some(reason.to_string()), None),
            Answer::Refuted(example) => ("refuted", None, Some(ExampleEntry::from(&**example))),
        };
        Self { answer, reason, example }
    }
}
