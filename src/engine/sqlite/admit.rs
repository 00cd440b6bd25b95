//! A second lock on the door: the guard prints one query, and this refuses whatever does not look like one.
//!
//! A read-only SQLite connection still runs ATTACH and PRAGMA. Neither begins like a query, and a second statement
//! needs a semicolon, so this needs no parser. It never replaces the guard.

/// Whether the text begins like a query and holds no second statement.
pub(super) fn is_one_query(text: &str) -> bool {
    let word: String = text
        .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '(')
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let query = ["SELECT", "WITH", "VALUES"].iter().any(|start| word.eq_ignore_ascii_case(start));
    query && !has_stray_punctuation(text)
}

/// A semicolon, a comment or a NUL outside quotes; or a quote that does not end.
fn has_stray_punctuation(text: &str) -> bool {
    let mut inside: Option<char> = None;
    let mut before = ' ';
    for c in text.chars() {
        if c == '\0' {
            return true;
        }
        match inside {
            Some(quote) if c == quote => inside = None,
            Some(_) => {}
            None => match c {
                '\'' | '"' | '`' => inside = Some(c),
                '[' => inside = Some(']'),
                ';' => return true,
                '-' if before == '-' => return true,
                '*' if before == '/' => return true,
                _ => {}
            },
        }
        before = c;
    }
    inside.is_some()
}

#[cfg(test)]
mod tests {
    use super::is_one_query;

    #[test]
    fn admits_queries_and_nothing_else() {
        for text in [
            "SELECT 1",
            "  with x AS (SELECT 1) SELECT * FROM x",
            "VALUES (1)",
            "(SELECT 1)",
            "SELECT ';' , \";\", `;`, [;] , 'it''s; -- /*'",
            "SELECT 1 - -1 / 2 * 3",
        ] {
            assert!(is_one_query(text), "{text}");
        }
        for text in [
            "",
            "ATTACH 'x' AS y",
            "PRAGMA query_only = OFF",
            "VACUUM INTO 'x'",
            "EXPLAIN SELECT 1",
            "SELECT 1;",
            "SELECT 1; ATTACH 'x' AS y",
            "SELECT 1 -- x",
            "SELECT /* x */ 1",
            "SELECT 'open",
            "SELECT 1\0; DROP TABLE x",
            "SELECTED",
        ] {
            assert!(!is_one_query(text), "{text}");
        }
    }
}
