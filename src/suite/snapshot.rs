//! Rewritten queries that are kept in a file beside the tests, for people to review.
//!
//! `tests/isolation.snap` holds those of `tests/isolation.toml`: a line with the test's name, then the text, each line of it
//! four spaces in. Nothing of the machine or of the time is in it.

use std::collections::BTreeMap;

/// What stands before each line of a text.
const INDENT: &str = "    ";

/// The texts of one file, by the names of their tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshots {
    texts: BTreeMap<String, String>,
}

impl Snapshots {
    /// Reads a file, whatever ends its lines.
    pub fn parse(text: &str) -> Self {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut name: Option<String> = None;
        for line in text.lines() {
            match (line.strip_prefix(INDENT), &name) {
                (Some(line), Some(name)) => {
                    let text = texts.entry(name.clone()).or_default();
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(line);
                }
                (None, _) if !line.trim().is_empty() => name = Some(line.to_owned()),
                (Some(_) | None, _) => {}
            }
        }
        Self { texts }
    }

    /// The text of a test.
    pub fn get(&self, test: &str) -> Option<&str> {
        self.texts.get(test).map(String::as_str)
    }

    /// Takes a text for a test.
    pub fn accept(&mut self, test: &str, printed: &str) {
        self.texts.insert(test.to_owned(), printed.to_owned());
    }

    /// Keeps the texts of these tests only.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.texts.retain(|name, _| is_kept(name));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The file, in the order of the names.
    pub fn print(&self) -> String {
        let sections = self.texts.iter().map(|(name, text)| {
            let lines: Vec<String> = text.lines().map(|line| format!("{INDENT}{line}\n")).collect();
            format!("{name}\n{}", lines.concat())
        });
        sections.collect::<Vec<_>>().join("\n")
    }

    /// What differs from the text of a test, as lines that begin with `-`, `+` or a space.
    pub fn differences(&self, test: &str, found: &str) -> Vec<String> {
        match self.get(test) {
            None => vec![
                "there is no snapshot yet: `--accept` takes this".to_owned(),
                format!("+ {}", found.lines().collect::<Vec<_>>().join("\n+ ")),
            ],
            Some(kept) => diff(kept, found),
        }
    }
}

/// The lines that differ, between those that are equal at both ends.
pub(super) fn diff(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    if before == after {
        return Vec::new();
    }
    let head = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let shorter = before.len().min(after.len()) - head;
    let ends = before.iter().rev().zip(after.iter().rev());
    let tail = ends.take(shorter).take_while(|(one, other)| one == other).count();
    let middle = |lines: &[&str], mark: char| -> Vec<String> {
        let length = lines.len() - head - tail;
        lines.iter().skip(head).take(length).map(|line| format!("{mark} {line}")).collect()
    };
    let mut lines: Vec<String> = before.iter().take(head).map(|line| format!("  {line}")).collect();
    lines.extend(middle(&before, '-'));
    lines.extend(middle(&after, '+'));
    lines.extend(before.iter().skip(before.len() - tail).map(|line| format!("  {line}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let mut snapshots = Snapshots::default();
        snapshots.accept("b", "SELECT 1");
        snapshots.accept("a # b", "SELECT 'x\n    y'\nFROM t");
        let text = snapshots.print();
        assert_eq!(text, "a # b\n    SELECT 'x\n        y'\n    FROM t\n\nb\n    SELECT 1\n");
        assert_eq!(Snapshots::parse(&text), snapshots);
        assert_eq!(Snapshots::parse(&text.replace('\n', "\r\n")), snapshots);
    }

    #[test]
    fn equal_ends_are_left_alone() {
        assert_eq!(diff("a\nb\nc", "a\nx\ny\nc"), ["  a", "- b", "+ x", "+ y", "  c"]);
        assert_eq!(diff("a\na", "a"), ["  a", "- a"]);
        assert!(diff("a", "a").is_empty());
    }
}
