//! What a double answers.

use std::time::Duration;

use super::requests::Login;
use super::tokens;
use super::types::{self, Type};

/// One step of an answer. What is not yet sent goes out before a pause, and at the end.
#[derive(Clone)]
pub(crate) enum Step {
    Tokens(Vec<u8>),
    /// Unless the client sends an attention before.
    Pause(Duration),
    /// For good, unless the client sends an attention.
    Hang,
    /// Closes the connection.
    Cut,
}

/// Whether a double encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    No,
    Yes,
}

/// Who may log in where, and what is answered to which text.
pub(crate) struct Script {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) database: &'static str,
    pub(crate) encryption: Encryption,
    /// Never says a word.
    pub(crate) silent: bool,
    /// Does not acknowledge an attention.
    pub(crate) deaf: bool,
    /// Bytes of a packet that the double sends.
    pub(crate) packet: usize,
    /// Instead of accepting a login.
    pub(crate) refusal: Option<Vec<u8>>,
    /// Makes a session say something else of itself than what it was set to.
    pub(crate) misreport: fn(&mut Told),
    /// What is answered to a text that holds the first part; the first that fits.
    pub(crate) answers: Vec<(&'static str, Vec<Step>)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            user: "reader",
            password: "p@ss word",
            database: "shop",
            encryption: Encryption::No,
            silent: false,
            deaf: false,
            packet: 4096,
            refusal: None,
            misreport: |_| {},
            answers: Vec::new(),
        }
    }
}

/// The settings of a session, as it says of itself.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) options: i32,
    pub(crate) language: &'static str,
    pub(crate) date_first: i32,
    pub(crate) lock_timeout: i32,
    pub(crate) text_size: i32,
    pub(crate) transactions: i32,
    pub(crate) date_format: &'static str,
    pub(crate) isolation: i16,
    pub(crate) database: &'static str,
    pub(crate) collation: &'static str,
}

impl Default for Told {
    fn default() -> Self {
        // As a login finds them that says it is an ODBC driver.
        Self {
            options: 0x1438,
            language: "Deutsch",
            date_first: 1,
            lock_timeout: -1,
            text_size: -1,
            transactions: 0,
            date_format: "dmy",
            isolation: 2,
            database: "shop",
            collation: "SQL_Latin1_General_CP1_CI_AS",
        }
    }
}

impl Told {
    /// Obeys the SET statements that the engine sends, and no others.
    fn obey(&mut self, batch: &str) {
        for statement in batch.split(';').map(str::trim) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let number = || words[2].parse().unwrap();
            match words.get(1).copied() {
                Some("LANGUAGE") => {
                    assert_eq!(words[2], "us_english");
                    (self.language, self.date_format, self.date_first) = ("us_english", "?", 7);
                }
                Some("DATEFORMAT") => {
                    assert_eq!(words[2], "mdy");
                    self.date_format = "mdy";
                }
                Some("DATEFIRST") => self.date_first = number(),
                Some("LOCK_TIMEOUT") => self.lock_timeout = number(),
                Some("TEXTSIZE") => self.text_size = number(),
                _ => self.switch(&words),
            }
        }
    }

    fn switch(&mut self, words: &[&str]) {
        let (Some((state, names)), Some(&"SET")) = (words.split_last(), words.first()) else {
            return;
        };
        for name in &names[1..] {
            let bit = match name.trim_end_matches(',') {
                "IMPLICIT_TRANSACTIONS" => 0x2,
                "ANSI_WARNINGS" => 0x8,
                "ANSI_PADDING" => 0x10,
                "ANSI_NULLS" => 0x20,
                "ARITHABORT" => 0x40,
                "ARITHIGNORE" => 0x80,
                "QUOTED_IDENTIFIER" => 0x100,
                "NOCOUNT" => 0x200,
                "CONCAT_NULL_YIELDS_NULL" => 0x1000,
                "NUMERIC_ROUNDABORT" => 0x2000,
                "XACT_ABORT" => 0x4000,
                _ => continue,
            };
            match *state {
                "ON" => self.options |= bit,
                "OFF" => self.options &= !bit,
                other => panic!("{other}"),
            }
        }
    }

    fn tokens(&self) -> Vec<u8> {
        let int = || types::nullable(0x26, 4);
        let all: Vec<(&str, Type)> = vec![
            ("", int()),
            ("", types::nvarchar()),
            ("", int()),
            ("", int()),
            ("", int()),
            ("", int()),
            ("date_format", types::nvarchar()),
            ("transaction_isolation_level", types::fixed(0x34)),
            ("", types::nvarchar()),
            ("", types::nvarchar()),
        ];
        let values = [
            types::int(self.options),
            types::text(self.language),
            types::int(self.date_first),
            types::int(self.lock_timeout),
            types::int(self.text_size),
            types::int(self.transactions),
            types::text(self.date_format),
            self.isolation.to_le_bytes().to_vec(),
            types::text(self.database),
            types::text(self.collation),
        ];
        [tokens::columns(&all), tokens::row(&values), tokens::done()].concat()
    }
}

/// The number that a double gives every transaction.
pub(crate) const TRANSACTION: u64 = 0x35_0000_0001;

impl Script {
    /// Whether a login is accepted, and what is said to it.
    pub(super) fn login(&self, login: &Login) -> (bool, Vec<u8>) {
        let refused = |number, text: &str| {
            (false, [tokens::error(number, 14, text), tokens::done()].concat())
        };
        if let Some(refusal) = &self.refusal {
            return (false, refusal.clone());
        }
        if login.user != self.user || login.password != self.password {
            return refused(18456, "Login failed for user 'reader'.");
        }
        if !login.database.is_empty() && login.database != self.database {
            return refused(4060, "Cannot open database \"other\" requested by the login.");
        }
        let tokens = [
            tokens::database_changed(self.database),
            tokens::info(5701, "Changed database context to 'shop'."),
            tokens::login_accepted(),
            tokens::packet_size(4096),
            tokens::done(),
        ];
        (true, tokens.concat())
    }

    pub(super) fn batch(&self, text: &str, told: &mut Told) -> Vec<Step> {
        if let Some((_, steps)) = self.answers.iter().find(|(part, _)| text.contains(part)) {
            return steps.clone();
        }
        if text.contains("SET LANGUAGE") {
            told.obey(text);
            (self.misreport)(told);
            vec![Step::Tokens([tokens::info(5703, "Changed language."), tokens::done()].concat())]
        } else if text.contains("@@OPTIONS") {
            vec![Step::Tokens(told.tokens())]
        } else if text == "BEGIN TRANSACTION" {
            let begun = tokens::transaction_begun(TRANSACTION);
            vec![Step::Tokens([begun, tokens::done()].concat())]
        } else {
            nothing_scripted()
        }
    }

    pub(super) fn call(&self, text: &str) -> Vec<Step> {
        let answer = self.answers.iter().find(|(part, _)| text.contains(part));
        answer.map_or_else(nothing_scripted, |(_, steps)| steps.clone())
    }
}

fn nothing_scripted() -> Vec<Step> {
    failure(208, 16)
}

/// An error, and no rows.
pub(crate) fn failure(number: i32, severity: u8) -> Vec<Step> {
    let error = tokens::error(number, severity, "the value 'secret-of-99' is at fault");
    vec![Step::Tokens([error, tokens::done()].concat())]
}

/// A whole answer.
pub(crate) fn rows(columns: &[(&str, Type)], rows: &[Vec<Vec<u8>>]) -> Vec<Step> {
    let rows: Vec<u8> = rows.iter().flat_map(|row| tokens::row(row)).collect();
    vec![Step::Tokens([tokens::columns(columns), rows, tokens::done()].concat())]
}
