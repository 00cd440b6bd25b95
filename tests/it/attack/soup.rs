//! Token soups: random lexical fragments, alone and in the places where a slip would let another query begin.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::alphabet::{ANYWHERE, COLUMNS, QUOTES, RELATIONS, WORDS};

/// What follows where a literal or a name is thought to go on.
const BREAKOUTS: [&str; 8] = [
    " UNION SELECT body FROM comments -- ",
    " UNION ALL SELECT password FROM users -- ",
    " UNION SELECT body FROM comments /* ",
    ", (SELECT max(password) FROM users) -- ",
    " FROM comments -- ",
    " OR 1 = 1 -- ",
    " UNION SELECT name FROM projects # ",
    " FROM users AS u, projects -- ",
];

pub(super) fn soup(rng: &mut ChaCha8Rng) -> String {
    match rng.random_range(0..8) {
        0 => fragments(rng, 14),
        1 => format!("SELECT {} FROM {}", fragments(rng, 5), fragments(rng, 5)),
        2 => {
            let (before, after) = (fragments(rng, 6), fragments(rng, 4));
            let (column, relation) = (pick(rng, &COLUMNS), pick(rng, &RELATIONS));
            format!("SELECT {before} UNION SELECT {column} FROM {relation} {after}")
        }
        3 => format!("SELECT name FROM projects WHERE {}", fragments(rng, 7)),
        4 => format!("SELECT * FROM {} {}", pick(rng, &RELATIONS), fragments(rng, 6)),
        _ => directed(rng),
    }
}

/// A literal, a name or a comment that perhaps ends before a query of foreign rows.
fn directed(rng: &mut ChaCha8Rng) -> String {
    const OPENERS: [&str; 14] =
        ["'", "'", "'", "'", "\"", "`", "[", "$$", "/*", "N'", "E'", "X'", "U&'", "_latin1'"];
    let quote = *pick(rng, &OPENERS);
    let close = match quote {
        "[" => "]",
        "/*" => "*/",
        "\"" | "`" | "$$" => quote,
        _ => "'",
    };
    let (first, second) = (inside(rng, close, 4), inside(rng, close, 3));
    let breakout = pick(rng, &BREAKOUTS);
    let literal = format!("{quote}{first}{breakout}{second}{close}");
    match rng.random_range(0..10) {
        0..=3 => format!("SELECT {literal}"),
        4 => format!("SELECT name AS {literal} FROM projects"),
        5 => format!("SELECT name FROM projects AS {literal}"),
        6 => format!("SELECT name FROM projects WHERE name = {literal}"),
        7 => format!("SELECT {quote}{first}{close}, {quote}{breakout}{close}"),
        8 => format!(
            "SELECT name FROM projects WHERE name LIKE {quote}{first}{close} ESCAPE {literal}"
        ),
        _ => format!("SELECT {quote}{first}{close} {literal} FROM projects"),
    }
}

/// Mostly what a literal may hold by the rule of doubled quotes, and backslashes, which some readers take for more.
fn inside(rng: &mut ChaCha8Rng, close: &str, most: usize) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(0..=most) {
        match rng.random_range(0..8) {
            0 | 1 => text.push_str(&format!("{close}{close}")),
            2 | 3 => text.push('\\'),
            4 => text.push_str("\\\\"),
            5 => text.push_str(&format!("{close}{close}{close}{close}")),
            _ => text.push_str(pick::<&str>(rng, &QUOTES)),
        }
    }
    text
}

/// Up to so many fragments, mostly with a space between them.
pub(super) fn fragments(rng: &mut ChaCha8Rng, most: usize) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(1..=most) {
        text.push_str(fragment(rng));
        if rng.random_ratio(7, 10) {
            text.push(' ');
        }
    }
    text
}

pub(super) fn fragment(rng: &mut ChaCha8Rng) -> &'static str {
    match rng.random_range(0..10) {
        0..=3 => pick::<&str>(rng, &ANYWHERE),
        4..=6 => pick::<&str>(rng, &WORDS),
        7 => pick::<&str>(rng, &RELATIONS),
        _ => pick::<&str>(rng, &COLUMNS),
    }
}

pub(super) fn pick<'t, T>(rng: &mut ChaCha8Rng, items: &'t [T]) -> &'t T {
    &items[rng.random_range(0..items.len())]
}
