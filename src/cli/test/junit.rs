//! The outcome as JUnit XML, which CI servers show: a suite for each file, a case for each test.

use super::report::{Fate, Outcome};

/// The whole document.
pub(super) fn print(outcomes: &[Outcome]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let of_a_file =
        |one: &Outcome, other: &Outcome| one.database == other.database && one.file == other.file;
    for suite in outcomes.chunk_by(of_a_file) {
        let Some(first) = suite.first() else { continue };
        let count = |fate| suite.iter().filter(|outcome| outcome.fate == fate).count();
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
            escaped(&format!("{}/{}", first.database, first.file)),
            suite.len(),
            count(Fate::Failed),
            count(Fate::Skipped),
        ));
        text.extend(suite.iter().map(case));
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(outcome: &Outcome) -> String {
    let line = outcome.line.map(|line| format!(" line=\"{line}\"")).unwrap_or_default();
    let start = format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\"{line}",
        escaped(&outcome.database),
        escaped(outcome.name()),
        escaped(&outcome.file),
    );
    let lines: Vec<&str> = outcome.lines().collect();
    let inside = match outcome.fate {
        Fate::Passed => return format!("{start}/>\n"),
        Fate::Failed => format!(
            "<failure message=\"{}\">{}</failure>",
            escaped(lines.first().copied().unwrap_or_default()),
            escaped(&lines.join("\n")),
        ),
        Fate::Skipped => {
            format!("<skipped message=\"{}\"/>", escaped(outcome.skipped.as_deref().unwrap_or("")))
        }
    };
    format!("{start}>\n      {inside}\n    </testcase>\n")
}

/// Text inside an element or an attribute. Characters that XML has no form for are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
