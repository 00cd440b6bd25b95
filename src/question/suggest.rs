//! Suggestions: questions that are certainly understood, offered in place of a guess.

use crate::catalog::Relation;
use crate::guard::Language;

use super::cursor::Cursor;
use super::lexicon::{Lexicon, is_amount, is_categorical, is_key, label, moment};
use super::words::{Token, name_parts, tokens};
use super::{Readable, understand};

/// How many are offered at most.
const MAX: usize = 6;
/// How many of them are about a relation that the question names.
const MAX_NAMED: usize = 4;
/// How many relations are looked at: a database of thousands is not written out to offer six questions.
const MAX_RELATIONS: usize = 20;

/// Questions to offer: about the relations that `question` names, then about any.
pub(super) fn suggest(
    readable: &Readable<'_>,
    language: Language,
    question: Option<&str>,
) -> Vec<String> {
    let lexicon = Lexicon::new(readable);
    let understood = |text: &String| understand(text, language, &lexicon).is_some();
    let mut offered: Vec<String> = Vec::new();
    let mut offer = |candidates: Vec<String>, most: usize| {
        for candidate in candidates.into_iter().filter(understood) {
            if offered.len() < most && !offered.contains(&candidate) {
                offered.push(candidate);
            }
        }
    };
    let words = question.and_then(tokens).unwrap_or_default();
    for relation in named(&lexicon, &words) {
        offer(about(&lexicon, relation), MAX_NAMED);
    }
    offer(vec!["Show all data".to_owned()], MAX);
    let all: Vec<Vec<String>> =
        lexicon.relations().take(MAX_RELATIONS).map(|relation| about(&lexicon, relation)).collect();
    // A different kind of question for each relation in turn, so that the few that fit show what can be asked.
    let kinds = all.iter().map(Vec::len).max().unwrap_or(0);
    for turn in 0..kinds {
        let kind = |(at, about): (usize, &Vec<String>)| about.get((at + turn) % kinds).cloned();
        offer(all.iter().enumerate().filter_map(kind).collect(), MAX);
    }
    offered
}

/// The relations that a question names, wherever it does.
fn named<'c>(lexicon: &Lexicon<'c>, words: &[Token]) -> Vec<&'c Relation> {
    let cursor = Cursor::new(words);
    let mut found: Vec<&Relation> = Vec::new();
    for at in 0..words.len() {
        if let Some((relation, _)) = lexicon.relation_at(cursor.skip(at))
            && !found.contains(&relation)
        {
            found.push(relation);
        }
    }
    found
}

/// What can be asked about one relation, the plainest first.
fn about(lexicon: &Lexicon<'_>, relation: &Relation) -> Vec<String> {
    let name = name_parts(&relation.name.name).join(" ");
    let words = |column: &crate::catalog::Column| name_parts(column.name.as_str()).join(" ");
    let mut questions = vec![format!("Show all {name}"), format!("How many {name} are there?")];
    let mut columns = relation.columns.iter().filter(|column| {
        let named = label(relation).is_some_and(|label| label.name == column.name);
        is_categorical(column) && !named && !is_key(relation, column) && !lexicon.is_tenant(column)
    });
    // A status or a kind says more than the first text that happens to be there.
    let telling = ["status", "state", "type", "kind", "category", "region", "role"];
    let told = columns.clone().find(|column| telling.contains(&column.name.as_str()));
    if let Some(column) = told.or_else(|| columns.next()) {
        questions.push(format!("How many {name} are there per {}?", words(column)));
    }
    if moment(relation).is_some() {
        questions.push(format!("Show the newest 5 {name}"));
    }
    if let Some(column) = relation.columns.iter().find(|column| is_amount(relation, column)) {
        questions.push(format!("What is the total {} of {name}?", words(column)));
    }
    questions
}
