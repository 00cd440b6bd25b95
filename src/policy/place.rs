//! Where in a file something stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A file's text, which places point into.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// The file's path, as the folder was named.
    path: String,
    content: String,
    /// The same as it may be shown: lines that could hold a secret are blank.
    shown: String,
    /// Where each line starts.
    starts: Vec<usize>,
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    text: Arc<Text>,
    bytes: Range<usize>,
}

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Text {
    /// The text of a file that holds no secret.
    pub(super) fn new(path: impl Into<String>, content: &str) -> Self {
        Self::shown_as(path.into(), content, content.to_owned())
    }

    /// The text of a `database.toml`, of which only lines are shown that cannot hold the address and so a password.
    // INVARIANT (no secret is shown): a line is shown only where it begins with a key that names none.
    pub(super) fn settings(path: impl Into<String>, content: &str) -> Self {
        let mut shown = String::with_capacity(content.len());
        for line in content.split_inclusive('\n') {
            if may_be_shown(line) {
                shown.push_str(line);
            } else {
                let ends = line.ends_with('\n');
                shown.extend(std::iter::repeat_n(' ', line.len() - usize::from(ends)));
                shown.extend(ends.then_some('\n'));
            }
        }
        Self::shown_as(path.into(), content, shown)
    }

    fn shown_as(path: String, content: &str, shown: String) -> Self {
        let breaks = content.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        Self { path, content: content.to_owned(), shown, starts }
    }

    /// The file's path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A part of the text; what is beyond its end is cut off.
    pub(super) fn place(self: &Arc<Self>, bytes: Range<usize>) -> Place {
        let within = |at: usize| {
            let mut at = at.min(self.content.len());
            while !self.content.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (within(bytes.start), within(bytes.end));
        Place { text: Arc::clone(self), bytes: start..end.max(start) }
    }

    /// The first line that sets a key, without white space and comment.
    pub(super) fn key(self: &Arc<Self>, key: &str) -> Option<Place> {
        let sets = |line: &str| {
            let rest = line.trim_start().trim_start_matches('"').strip_prefix(key)?;
            rest.trim_start_matches('"').trim_start().starts_with('=').then_some(())
        };
        self.line(|line| sets(line).is_some())
    }

    /// The first line with a word in it, without white space and comment.
    pub(super) fn line(self: &Arc<Self>, is: impl Fn(&str) -> bool) -> Option<Place> {
        let mut start = 0;
        for line in self.content.split_inclusive('\n') {
            if is(line) {
                let indent = line.len() - line.trim_start().len();
                let code = line.split_once('#').map_or(line, |(code, _)| code).trim_end();
                return Some(self.place(start + indent..start + code.len()));
            }
            start += line.len();
        }
        None
    }

    fn position(&self, at: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.content.get(start..at).unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }
}

impl Place {
    /// Where it begins.
    pub fn start(&self) -> Position {
        self.text.position(self.bytes.start)
    }

    /// Where it ends: the first character after it.
    pub fn end(&self) -> Position {
        self.text.position(self.bytes.end)
    }

    /// The file's path.
    pub fn path(&self) -> &str {
        self.text.path()
    }

    /// What stands there.
    pub fn content(&self) -> &str {
        self.text.content.get(self.bytes.clone()).unwrap_or_default()
    }

    /// The lines that it is in, as they may be shown: the number of the first, their text, and the place's bytes in that.
    /// `None` where they could hold a secret.
    pub fn excerpt(&self) -> Option<(usize, &str, Range<usize>)> {
        let first = self.start().line;
        let from = self.text.starts.get(first.saturating_sub(1)).copied()?;
        let rest = self.text.shown.get(self.bytes.end..)?;
        let to = self.bytes.end + rest.find('\n').unwrap_or(rest.len());
        let lines = self.text.shown.get(from..to)?;
        let blank = |text: &str| text.trim().is_empty();
        if blank(lines) && !blank(self.text.content.get(from..to)?) {
            return None;
        }
        Some((first, lines, self.bytes.start - from..self.bytes.end - from))
    }
}

/// The text is the whole file, which no log needs.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.start();
        write!(f, "{}:{line}:{column}", self.path())
    }
}

/// Whether a line of a `database.toml` begins with a key whose value is no secret, and holds nothing like an address.
fn may_be_shown(line: &str) -> bool {
    const KEYS: [&str; 19] = [
        "[",
        "arguments",
        "bytes",
        "engine",
        "milliseconds",
        "name",
        "reason",
        "requires_organization_scoping",
        "returns",
        "rows",
        "scope_columns",
        "scope_filter_column",
        "shared_relations",
        "tenant_columns",
        "tenant_filter_column",
        "tenant_id_type",
        "total",
        "unscoped_relations",
        "claims",
    ];
    let code = line.trim_start();
    let address = ["://", "@", "password", "pwd", "url"];
    KEYS.iter().any(|key| code.starts_with(key))
        && !address.iter().any(|sign| code.to_ascii_lowercase().contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = Arc::new(Text::new("a", "é1\n\n  ab\n"));
        let place = text.place(7..8);
        assert_eq!(
            (place.start(), place.end()),
            (Position { line: 3, column: 3 }, Position { line: 3, column: 4 })
        );
        assert_eq!((place.content(), place.to_string().as_str()), ("a", "a:3:3"));
        assert_eq!(place.excerpt(), Some((3, "  ab", 2..3)));
        let place = text.place(1..999);
        assert_eq!(
            place.start(),
            Position { line: 1, column: 1 },
            "no place begins inside a character"
        );
        assert_eq!(place.end(), Position { line: 4, column: 1 });
    }

    #[test]
    fn a_line_that_may_hold_a_password_is_not_shown() {
        let content = "engine = \"mysql\"\nurl = \"mysql://a:s3cret@h/d\"\nnot = \"s3cret\"\nrows = 0 # zero\n";
        let text = Arc::new(Text::settings("database.toml", content));
        assert_eq!(text.shown.len(), content.len());
        assert!(!text.shown.contains("s3cret") && text.shown.contains("rows"));
        let place = text.key("url").unwrap();
        assert_eq!((place.start().line, place.excerpt()), (2, None));
        let place = text.key("rows").unwrap();
        assert_eq!(place.excerpt(), Some((4, "rows = 0 # zero", 0..8)));
        assert_eq!(text.key("row"), None);
    }
}
