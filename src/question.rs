//! Questions: from a person's words to a [`Proposal`], the text of a query that nothing trusts.
//!
//! The generator that is built in needs no model. It reads a small grammar over the names in the catalog:
//!
//! ```text
//! question ─► words ─► grammar, with the lexicon of what is readable ─► intent ─► compose, commands ─► Proposal
//! ```
//!
//! It never guesses. Every word of a question is accounted for, or the answer is a list of questions that would be
//! understood. And it knows only the relations that the caller may read, so that one that is denied and one that does
//! not exist get the same answer.
//!
//! Nothing here filters rows, and nothing has to: a proposal runs only after the guard has rewritten it.

mod words;
mod cursor;
mod lexicon;
mod intent;
mod value;
mod condition;
mod grammar;
mod quote;
mod compose;
mod commands;
mod suggest;
mod answer;

use crate::catalog::Catalog;
use crate::guard::Language;
use crate::predicate::PredicateSet;

pub use answer::{Noun, Outcome, Summary, answer_text};

use intent::Intent;
use lexicon::Lexicon;

/// What a caller can ask about.
#[derive(Debug, Clone, Copy)]
pub struct Readable<'a> {
    /// The database.
    pub catalog: &'a Catalog,
    /// The caller's filters: a relation without rows does not exist.
    pub filters: &'a PredicateSet,
    /// The column that holds the tenant, `tenant_filter_column`: joins compare it as well as the key.
    pub tenant_column: Option<&'a str>,
}

/// The text of a query for the guard, and what to say of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Untrusted SQL, or shell text of MongoDB.
    pub text: String,
    /// What its result will hold.
    pub summary: Summary,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understanding {
    /// It asks for this.
    Query(Proposal),
    /// Some of it could not be accounted for.
    NotUnderstood {
        /// Questions that would be understood; empty only where nothing is readable.
        suggestions: Vec<String>,
    },
}

/// Reads a question, without a model, into a query of a language.
pub fn propose(question: &str, language: Language, readable: &Readable<'_>) -> Understanding {
    match understand(question, language, &Lexicon::new(readable)) {
        Some(proposal) => Understanding::Query(proposal),
        None => Understanding::NotUnderstood {
            suggestions: suggest::suggest(readable, language, Some(question)),
        },
    }
}

/// Questions to begin with, that are understood in a language.
pub fn suggestions(readable: &Readable<'_>, language: Language) -> Vec<String> {
    suggest::suggest(readable, language, None)
}

fn understand(question: &str, language: Language, lexicon: &Lexicon<'_>) -> Option<Proposal> {
    let words = words::tokens(question)?;
    let intent: Intent<'_> = grammar::parse(lexicon, &words)?;
    let text = match language {
        Language::Sql(dialect) => compose::compose(&intent, lexicon, dialect),
        Language::Mongo => commands::compose(&intent)?,
    };
    Some(Proposal { text, summary: answer::summary(&intent) })
}
