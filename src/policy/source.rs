//! The text of one `*.cedar` file, cut into its policies, each with its place.

use std::str::FromStr as _;

use cedar_policy::{Policy, PolicySet};
use miette::Diagnostic;

use super::problem::{Problem, Reason};

/// The longest policy that is read. Cedar walks policies recursively, so length bounds the stack.
pub(super) const MAX_POLICY_BYTES: usize = 16 * 1024;

/// One policy of a file, as it was written.
pub(super) struct SourcePolicy {
    /// Its `@id`, where it has one.
    pub(super) id: Option<String>,
    /// Under the id that Cedar made up.
    pub(super) policy: Policy,
    /// Where its text starts in the file.
    offset: usize,
    /// Its text without comments.
    text: String,
}

/// A file that was parsed, and what is wrong with it so far.
pub(super) struct SourceFile {
    path: String,
    text: String,
    pub(super) policies: Vec<SourcePolicy>,
    pub(super) problems: Vec<Problem>,
}

impl SourceFile {
    /// Parses a file on its own, so that every place that Cedar reports is a place in it.
    pub(super) fn parse(path: String, text: &str) -> Self {
        let mut file =
            Self { path, text: text.to_owned(), policies: Vec::new(), problems: Vec::new() };
        if let Some(offset) = too_long(text) {
            let line = Some(file.line_at(offset));
            let reason = Reason::TooLong;
            file.problems.push(Problem { file: file.path.clone(), line, policy: None, reason });
            return file;
        }
        match PolicySet::from_str(text) {
            Ok(set) => file.cut(&set),
            Err(errors) => {
                for error in errors.iter() {
                    let (line, label) = file.label(error);
                    let reason = match label {
                        Some(label) => Reason::Syntax(format!("{error}: {label}")),
                        None => Reason::Syntax(error.to_string()),
                    };
                    file.problems.push(Problem {
                        file: file.path.clone(),
                        line,
                        policy: None,
                        reason,
                    });
                }
            }
        }
        file
    }

    fn cut(&mut self, set: &PolicySet) {
        let policies = set.policies().map(|policy| {
            let text = policy.to_cedar().unwrap_or_default();
            (place(policy.id().as_ref()), text, Some(policy.clone()))
        });
        let templates = set
            .templates()
            .map(|template| (place(template.id().as_ref()), template.to_cedar(), None));
        let mut statements: Vec<_> = policies.chain(templates).collect();
        statements.sort_by_key(|(place, ..)| *place);
        // Comments are blanked, so that a policy that was commented out is not taken for a live one.
        let code = without_comments(&self.text);
        let mut from = 0;
        for (_, statement, policy) in statements {
            let text = without_comments(&statement);
            let rest = code.get(from..).unwrap_or_default();
            let offset = from + rest.find(&text).unwrap_or(0);
            from = offset + text.len();
            if let Some(policy) = policy {
                let id = policy.annotation("id").filter(|id| !id.is_empty()).map(str::to_owned);
                self.policies.push(SourcePolicy { id, policy, offset, text });
            } else {
                let line = Some(self.line_at(offset));
                let file = self.path.clone();
                let reason = Reason::Template;
                self.problems.push(Problem { file, line, policy: None, reason });
            }
        }
    }

    /// Where a policy starts.
    pub(super) fn place(&self, policy: &SourcePolicy) -> String {
        format!("{}:{}", self.path, self.line_at(policy.offset))
    }

    /// A problem in a policy as a whole.
    pub(super) fn problem(&self, policy: &SourcePolicy, reason: Reason) -> Problem {
        self.problem_at(policy, Some(self.line_at(policy.offset)), reason)
    }

    /// A problem in a construct of a policy that Cedar prints as `shown`.
    pub(super) fn problem_in(&self, policy: &SourcePolicy, shown: &str, reason: Reason) -> Problem {
        // Conditions first, as `resource` and `principal` are also words of every scope.
        let body = policy.text.find('{').unwrap_or(0);
        let within = find_code(policy.text.get(body..).unwrap_or_default(), shown)
            .map(|found| body + found)
            .or_else(|| find_code(&policy.text, shown))
            .unwrap_or(0);
        self.problem_at(policy, Some(self.line_at(policy.offset + within)), reason)
    }

    /// A problem that Cedar found in a policy.
    pub(super) fn problem_of(
        &self,
        policy: &SourcePolicy,
        diagnostic: &dyn Diagnostic,
        reason: Reason,
    ) -> Problem {
        let (line, _) = self.label(diagnostic);
        self.problem_at(policy, line.or(Some(self.line_at(policy.offset))), reason)
    }

    fn problem_at(&self, policy: &SourcePolicy, line: Option<usize>, reason: Reason) -> Problem {
        Problem { file: self.path.clone(), line, policy: policy.id.clone(), reason }
    }

    /// The place that a diagnostic of Cedar points at, and what it says there.
    fn label(&self, diagnostic: &dyn Diagnostic) -> (Option<usize>, Option<String>) {
        match diagnostic.labels().and_then(|mut labels| labels.next()) {
            Some(label) => (Some(self.line_at(label.offset())), label.label().map(str::to_owned)),
            None => (None, None),
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        line_at(&self.text, offset)
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The line of the first line that starts with a key, as `database.toml` writes its settings.
pub(super) fn line_of_key(text: &str, key: &str) -> Option<usize> {
    text.lines().position(|line| line.trim_start().starts_with(key)).map(|index| index + 1)
}

/// Cedar numbers the statements of a file `policy0`, `policy1` and so on.
fn place(id: &str) -> Option<usize> {
    id.strip_prefix("policy").and_then(|digits| digits.parse().ok())
}

/// Where a statement starts that is longer than it may be.
fn too_long(text: &str) -> Option<usize> {
    let mut start = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, c) in without_comments(text).char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            ';' if !in_string => start = offset + 1,
            c if c.is_whitespace() && offset == start => start += c.len_utf8(),
            _ => {}
        }
        if offset - start.min(offset) > MAX_POLICY_BYTES {
            return Some(start);
        }
    }
    None
}

/// The text with every byte of a comment as a space, so that places stay.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let (mut in_string, mut in_comment) = (false, false);
    while let Some(c) = chars.next() {
        if in_comment && c != '\n' {
            code.extend(std::iter::repeat_n(' ', c.len_utf8()));
            continue;
        }
        in_comment = false;
        match c {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                code.push(c);
                code.extend(chars.next());
                continue;
            }
            '/' if !in_string && chars.peek() == Some(&'/') => {
                in_comment = true;
                code.push(' ');
                continue;
            }
            _ => {}
        }
        code.push(c);
    }
    code
}

/// Where code is found in other code, spaces and parentheses aside: Cedar prints both its own way.
fn find_code(text: &str, shown: &str) -> Option<usize> {
    let counts = |c: &char| !c.is_whitespace() && !matches!(c, '(' | ')');
    let wanted: String = shown.chars().filter(counts).collect();
    let (mut dense, mut offsets) = (String::new(), Vec::new());
    for (offset, c) in text.char_indices().filter(|(_, c)| counts(c)) {
        dense.push(c);
        offsets.extend(std::iter::repeat_n(offset, c.len_utf8()));
    }
    offsets.get(dense.find(&wanted)?).copied()
}
