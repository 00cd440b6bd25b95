//! Which regular expressions cannot run away.
//!
//! The server gives up on a pattern that backtracks too often, and that is an error, which tells of the text. A pattern
//! that tries a bounded number of ways at each place cannot.

use super::Look;

const REGEX: &str = "a regular expression may give up on a long text";

/// Whether matching the pattern may fail.
pub(super) fn look(pattern: &str) -> Look {
    if is_tame(pattern) { Look::default() } else { Look::fails(REGEX) }
}

/// How many characters may be optional: each doubles the ways to try at a place.
const MAX_OPTIONAL: usize = 4;

/// Literal characters, classes, anchors and alternatives: no repetition, no group, and few that are optional.
fn is_tame(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    let mut optional = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' | '+' | '{' | '(' | ')' => return false,
            '?' if optional == MAX_OPTIONAL => return false,
            '?' => optional += 1,
            '\\' => match chars.next() {
                Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'A' | 'z' | 'Z') => {}
                Some(escaped) if escaped.is_ascii_punctuation() => {}
                Some(_) | None => return false,
            },
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_tame;

    #[test]
    fn only_bounded_patterns_are_tame() {
        for tame in ["", "abc", "^a.c$", "[a-z]\\d", "a\\.b\\*", "a|b", "colou?r"] {
            assert!(is_tame(tame), "{tame}");
        }
        assert!(is_tame("a?a?a?a?aaaa"));
        assert!(!is_tame("a?a?a?a?a?aaaaa"));
        for wild in ["a*", "^(a+)+$", "a{2,}", "(?i)a", "\\1", "a\\", "\\Qa", ".*"] {
            assert!(!is_tame(wild), "{wild}");
        }
    }
}
