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
use crate::identity::DatabaseId;
use crate::policy::Database;
use crate::prove::{self, Answer, Difference, Example};

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

    fn answer(self, difference: &Difference) -> &Answer {
        match self {
            Self::Granted => &difference.granted,
            Self::Denied => &difference.denied,
        }
    }

    /// The answer in a word or two.
    fn word(self, difference: &Difference) -> &'static str {
        match (self.answer(difference), self) {
            (Answer::Proved, _) => "PROVED",
            (Answer::NotProved(_), _) => "NOT PROVED",
            (Answer::Refuted(_), Self::Granted) => "GRANTS",
            (Answer::Refuted(_), Self::Denied) => "DENIES",
        }
    }

    fn claim(self) -> &'static str {
        match self {
            Self::Granted => "grants nothing that the old policies did not",
            Self::Denied => "denies nothing that the old policies did not",
        }
    }
}

fn verdict(pairs: &[Pair<'_>], args: &DiffArgs) -> Result<(), Failed> {
    let count = |word: &str, asked: &[Asked]| {
        let all = pairs.iter().flat_map(|pair| &pair.differences);
        all.filter(|one| asked.iter().any(|asked| asked.word(one) == word)).count()
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
            if let (Answer::Proved, Answer::Proved) = (&difference.granted, &difference.denied) {
                let claim = "grants and denies what the old policies did";
                text.push_str(&format!("  PROVED {}: {claim}\n", difference.relation));
                continue;
            }
            for asked in Asked::BOTH {
                let head = format!("  {} {}", asked.word(difference), difference.relation);
                text.push_str(&match asked.answer(difference) {
                    Answer::Proved => format!("{head}: {}\n", asked.claim()),
                    Answer::NotProved(reason) => format!("{head}: {}; {reason}\n", asked.claim()),
                    Answer::Refuted(example) => {
                        format!(
                            "{head}: what the old policies did not\n{}",
                            pair.shown(asked, difference, example)
                        )
                    }
                });
            }
        }
    }
    let words = ["PROVED", "GRANTS", "DENIES", "NOT PROVED"];
    let all = pairs.iter().flat_map(|pair| &pair.differences);
    let found = all.flat_map(|one| Asked::BOTH.map(|asked| asked.word(one)));
    text.push_str(&example::counts(&words, &found.collect::<Vec<_>>()));
    text
}

impl Pair<'_> {
    /// The caller and the row, who allows it and who does not.
    fn shown(&self, asked: Asked, difference: &Difference, example: &Example) -> String {
        let own = example.verdict.clone().unwrap_or_default();
        let (reads, other) = match asked {
            Asked::Granted => ("may now read", self.old),
            Asked::Denied => ("could read", self.new),
        };
        let theirs = other.and_then(|other| example.verdict_of(other, &difference.relation));
        let theirs = theirs.unwrap_or_default();
        format!(
            "    caller: {}\n    {reads} {}\n{}{}{}",
            example::caller(example),
            example::row(example),
            example::by("permitted by", &own.deciding),
            example::by("on the other side forbidden by", &theirs.deciding),
            example::by("on the other side failed", &theirs.failed),
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
