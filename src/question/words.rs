//! Words: a question taken apart, and when two words count as the same.

/// The longest question that is read, in characters. Longer ones are not questions people ask.
const MAX_CHARS: usize = 1_000;
/// The most words, which bounds the time that the rules can take between them.
const MAX_TOKENS: usize = 64;

/// One piece of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word or a number, as it was written, and its parts in lower case: `Time-Entries` is `time`, `entries`.
    Word {
        /// As written, for values.
        text: String,
        /// For names and keywords.
        parts: Vec<String>,
    },
    /// Text in quotes: always a value, never a name or a keyword.
    Quoted(String),
    /// A comma.
    Comma,
    /// `=`, `!=`, `<>`, `<`, `<=`, `>` or `>=`.
    Operator(&'static str),
}

/// Takes a question apart. `None` where it holds something that no rule of the grammar could ever account for: a
/// control character, an open quote, punctuation in the middle of a sentence.
pub(super) fn tokens(question: &str) -> Option<Vec<Token>> {
    if question.chars().count() > MAX_CHARS {
        return None;
    }
    let sentence = question.trim().trim_end_matches(['?', '!', '.', ' ']);
    let chars: Vec<char> = sentence.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        if c.is_whitespace() {
            at += 1;
        } else if c == ',' {
            tokens.push(Token::Comma);
            at += 1;
        } else if let Some(close) = closing_quote(c) {
            let (text, end) = quoted(&chars, at + 1, close)?;
            tokens.push(Token::Quoted(text));
            at = end;
        } else if let Some(operator) = operator(c, next) {
            tokens.push(Token::Operator(operator));
            at += operator.len();
        } else {
            let (text, end) = word(&chars, at)?;
            tokens.push(Token::Word { parts: name_parts(&text), text });
            at = end;
        }
    }
    (tokens.len() <= MAX_TOKENS).then_some(tokens)
}

fn closing_quote(open: char) -> Option<char> {
    match open {
        '\'' | '"' => Some(open),
        '“' => Some('”'),
        '‘' => Some('’'),
        _ => None,
    }
}

/// Text up to the closing quote; a doubled quote stands for one.
fn quoted(chars: &[char], from: usize, close: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = from;
    loop {
        let c = *chars.get(at)?;
        let next = chars.get(at + 1).copied();
        if c == close && next == Some(close) {
            at += 1;
        } else if c == close {
            // A quote that ends in the middle of a word did not open a value: `'n'Djamena`.
            let ends = next.is_none_or(|c| c.is_whitespace() || c == ',');
            return ends.then_some((text, at + 1));
        }
        if is_unreadable(c) {
            return None;
        }
        text.push(c);
        at += 1;
    }
}

fn operator(c: char, next: Option<char>) -> Option<&'static str> {
    match (c, next) {
        ('!', Some('=')) => Some("!="),
        ('<', Some('>')) => Some("<>"),
        ('<', Some('=')) => Some("<="),
        ('>', Some('=')) => Some(">="),
        ('<', _) => Some("<"),
        ('>', _) => Some(">"),
        ('=', _) => Some("="),
        _ => None,
    }
}

fn word(chars: &[char], from: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = from;
    while let Some(&c) = chars.get(at) {
        let inner = !text.is_empty() && chars.get(at + 1).is_some_and(|c| is_word_char(*c));
        if !(is_word_char(c) || (inner && matches!(c, '\'' | '’' | ':' | '/'))) {
            break;
        }
        text.push(c);
        at += 1;
    }
    let ends = chars.get(at).is_none_or(|c| {
        c.is_whitespace()
            || matches!(c, ',' | '=' | '<' | '>')
            || operator(*c, chars.get(at + 1).copied()).is_some()
    });
    (ends && !text.is_empty()).then_some((text, at))
}

/// Control characters, and those that reorder the text around them: a query that holds one does not read as it runs.
fn is_unreadable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a word is made of: letters of any script, with their marks and joiners, and the signs of ids, addresses and
/// numbers.
fn is_word_char(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+' | '%' | '#')
    } else {
        !c.is_whitespace() && !is_unreadable(c) && !matches!(c, '“' | '”' | '‘' | '’')
    }
}

/// The words of a name, in lower case: `time_entries`, `timeEntries` and `Time-Entries` are all `time`, `entries`.
pub(super) fn name_parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut previous_lower = false;
    for c in name.chars() {
        let boundary = matches!(c, '_' | '-' | ' ' | '.');
        if (boundary || (previous_lower && c.is_uppercase())) && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        if c == '’' {
            part.push('\'');
        } else if !boundary {
            part.extend(c.to_lowercase());
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// Whether two words are the same up to number: `task` and `tasks`, `countries` and `country`.
pub(super) fn same_word(left: &str, right: &str) -> bool {
    left == right || is_plural(left, right) || is_plural(right, left)
}

/// Whether `plural` is the plural of `singular`.
fn is_plural(singular: &str, plural: &str) -> bool {
    const IRREGULAR: [(&str, &str); 4] =
        [("person", "people"), ("child", "children"), ("man", "men"), ("woman", "women")];
    let ies = |stem: &str| plural.strip_suffix("ies") == Some(stem);
    plural.strip_suffix('s') == Some(singular)
        || plural.strip_suffix("es") == Some(singular)
        || singular.strip_suffix('y').is_some_and(ies)
        || IRREGULAR.contains(&(singular, plural))
}

/// The singular of a plural, for sentences: `countries` gives `country`.
pub(super) fn singular(word: &str) -> String {
    if word == "people" {
        return "person".to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes", "uses"] {
        if word.ends_with(ending) {
            return word.strip_suffix("es").unwrap_or(word).to_owned();
        }
    }
    let uncounted = word.ends_with("ss") || word.ends_with("us") || word.ends_with("is");
    if uncounted { word.to_owned() } else { word.strip_suffix('s').unwrap_or(word).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_values_and_doubled_quotes_hold_quotes() {
        let quoted = |text: &str| Some(vec![Token::Quoted(text.to_owned())]);
        assert_eq!(tokens("'it''s, = \" here'"), quoted("it's, = \" here"));
        assert_eq!(tokens("“Acme” ?"), quoted("Acme"));
        for open in [
            "'Acme",
            "'Acme' s'",
            "name is 'a'b",
            "'a\u{0}b'",
            "a;b",
            "(a)",
            "a -- \u{1}",
            "'\u{202e}'",
        ] {
            assert_eq!(tokens(open), None, "{open:?}");
        }
    }

    #[test]
    fn names_are_compared_word_by_word() {
        for name in ["time_entries", "timeEntries", "Time-Entries", "time entries"] {
            assert_eq!(name_parts(name), ["time", "entries"], "{name}");
        }
        for (left, right) in [("task", "tasks"), ("countries", "country"), ("status", "statuses")] {
            assert!(same_word(left, right) && same_word(right, left), "{left} {right}");
        }
        for (left, right) in [("new", "knew"), ("task", "ask"), ("status", "stat")] {
            assert!(!same_word(left, right), "{left} {right}");
        }
        for (plural, expected) in [
            ("countries", "country"),
            ("statuses", "status"),
            ("status", "status"),
            ("tasks", "task"),
        ] {
            assert_eq!(singular(plural), expected);
        }
    }
}
