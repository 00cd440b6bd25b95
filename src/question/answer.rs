//! The answer: one plain sentence that says what a result holds.

use super::intent::{Group, Intent};
use super::words::{name_parts, singular};

/// What a proposal's result will hold, so that a sentence can be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summary {
    /// Rows of one kind.
    Rows(Noun),
    /// One row with one number: how many there are.
    Count(Noun),
    /// One row with one value, such as `total budget`; NULL where there is nothing to add up.
    Value(String),
    /// One row for each group.
    Groups {
        /// What is counted or added up: `tasks`, `total hours`.
        what: String,
        /// What a group is: `project`.
        per: String,
    },
    /// One row for each relation, with how many rows it has.
    Overview,
}

/// A word for rows, in both numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noun {
    /// `time entry`
    pub one: String,
    /// `time entries`
    pub many: String,
}

impl Noun {
    /// Rows of which nothing is known: those of a query that was not built in.
    pub fn rows() -> Self {
        Self { one: "row".to_owned(), many: "rows".to_owned() }
    }

    fn of(relation: &str) -> Self {
        let mut words = name_parts(relation);
        let many = words.join(" ");
        if let Some(last) = words.last_mut() {
            *last = singular(last);
        }
        Self { one: words.join(" "), many }
    }
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The rows in hand.
    pub rows: usize,
    /// Whether there were more, which a limit cut off.
    pub truncated: bool,
    /// The only cell of a result of one row and one column, as it is shown; `None` for NULL and for other results.
    pub only: Option<&'a str>,
}

/// One sentence for the reply.
pub fn answer_text(summary: &Summary, outcome: &Outcome<'_>) -> String {
    let Outcome { rows, truncated, only } = *outcome;
    match summary {
        Summary::Rows(noun) => match (rows, truncated) {
            // Even the first row can be over a limit of bytes: no row in hand does not mean that none matched.
            (0, true) => format!("Some {} match, but the first is too large to show.", noun.many),
            (0, false) => format!("No {} match.", noun.many),
            (1, true) => format!("Showing only the first {}; there are more.", noun.one),
            (1, false) => format!("Found 1 {}.", noun.one),
            (rows, true) => format!("Showing the first {rows} {}; there are more.", noun.many),
            (rows, false) => format!("Found {rows} {}.", noun.many),
        },
        Summary::Count(noun) => match only {
            Some("0") => format!("There are no {}.", noun.many),
            Some("1") => format!("There is 1 {}.", noun.one),
            Some(count) => format!("There are {count} {}.", noun.many),
            None => "There is no answer.".to_owned(),
        },
        Summary::Value(name) => match only {
            Some(value) => format!("{}: {value}.", capitalised(name)),
            None => format!("There is no {name}: no row has a value."),
        },
        Summary::Groups { what, per } => match (rows, truncated) {
            (0, _) => "No rows match.".to_owned(),
            (rows, true) => format!("Showing {what} per {per}, the first {rows}; there are more."),
            (_, false) => format!("Showing {what} per {per}."),
        },
        Summary::Overview => {
            "Here is all the data there is, with the number of rows of each kind.".to_owned()
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What the result of an intent will hold.
pub(super) fn summary(intent: &Intent<'_>) -> Summary {
    match intent {
        Intent::Overview(_) => Summary::Overview,
        Intent::List { selection, .. } => Summary::Rows(Noun::of(&selection.relation.name.name)),
        Intent::Count { selection, group } => {
            let noun = Noun::of(&selection.relation.name.name);
            match group {
                None => Summary::Count(noun),
                Some(group) => Summary::Groups {
                    what: format!("the number of {}", noun.many),
                    per: group_name(group),
                },
            }
        }
        Intent::Aggregate { function, column, group, .. } => {
            let function = function.word(column);
            let value = format!("{function} {}", name_parts(column.name.as_str()).join(" "));
            match group {
                None => Summary::Value(value),
                Some(group) => {
                    Summary::Groups { what: format!("the {value}"), per: group_name(group) }
                }
            }
        }
    }
}

fn group_name(group: &Group<'_>) -> String {
    match group {
        Group::Column(column) => name_parts(column.name.as_str()).join(" "),
        Group::Link(link) => name_parts(&link.noun).join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_no_more_than_is_known() {
        let tasks = Noun::of("time_entries");
        let said = |summary: &Summary, rows, truncated, only| {
            answer_text(summary, &Outcome { rows, truncated, only })
        };
        let listed = Summary::Rows(tasks.clone());
        assert_eq!(said(&listed, 12, false, None), "Found 12 time entries.");
        assert_eq!(said(&listed, 1, false, None), "Found 1 time entry.");
        assert_eq!(said(&listed, 0, false, None), "No time entries match.");
        assert_eq!(
            said(&listed, 1000, true, None),
            "Showing the first 1000 time entries; there are more."
        );
        assert!(said(&listed, 0, true, None).starts_with("Some time entries match"));
        let counted = Summary::Count(tasks);
        assert_eq!(said(&counted, 1, false, Some("7")), "There are 7 time entries.");
        assert_eq!(said(&counted, 1, false, Some("1")), "There is 1 time entry.");
        assert_eq!(said(&counted, 1, false, Some("0")), "There are no time entries.");
        let total = Summary::Value("total budget".to_owned());
        assert_eq!(said(&total, 1, false, Some("12")), "Total budget: 12.");
        assert_eq!(said(&total, 1, false, None), "There is no total budget: no row has a value.");
    }
}
