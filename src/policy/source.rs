//! The text of one `*.cedar` file, cut into its policies, each with its place.

use std::ops::Range;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Policy, PolicySet};
use miette::Diagnostic;

use super::place::{Place, Text};
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
    /// Where the part of the file starts that Cedar read it from: the places that Cedar reports are counted from there.
    base: usize,
}

/// A file that was parsed, and what is wrong with it so far.
pub(super) struct SourceFile {
    text: Arc<Text>,
    pub(super) policies: Vec<SourcePolicy>,
    pub(super) problems: Vec<Problem>,
}

impl SourceFile {
    /// Parses a file on its own, so that every place that Cedar reports is a place in it. Where it does not parse, each
    /// statement is parsed on its own, so that one mistake hides no other.
    pub(super) fn parse(path: String, text: &str) -> Self {
        let mut file = Self {
            text: Arc::new(Text::new(path, text)),
            policies: Vec::new(),
            problems: Vec::new(),
        };
        // Comments are blanked, so that a policy that was commented out is not taken for a live one.
        let code = without_comments(text);
        let statements = statements(&code);
        let (fitting, too_long): (Vec<_>, Vec<_>) =
            statements.into_iter().partition(|statement| statement.len() <= MAX_POLICY_BYTES);
        for statement in &too_long {
            let end = statement.start + code.get(statement.clone()).map_or(0, first_line);
            file.report(statement.start..end, Reason::TooLong, None);
        }
        if too_long.is_empty() {
            match PolicySet::from_str(text) {
                Ok(set) => {
                    file.cut(&set, &code, 0);
                    return file;
                }
                Err(errors) if fitting.len() < 2 => {
                    errors.iter().for_each(|error| file.unreadable(error, 0));
                    return file;
                }
                Err(_) => {}
            }
        }
        for statement in fitting {
            let base = statement.start;
            let Some(part) = code.get(statement) else { continue };
            match PolicySet::from_str(part) {
                Ok(set) => file.cut(&set, part, base),
                Err(errors) => errors.iter().for_each(|error| file.unreadable(error, base)),
            }
        }
        file
    }

    fn report(&mut self, bytes: Range<usize>, reason: Reason, help: Option<String>) {
        self.problems.push(Problem { help, ..Problem::at(self.text.place(bytes), reason) });
    }

    fn unreadable(&mut self, error: &dyn Diagnostic, base: usize) {
        let (place, label) = self.label(error, base);
        let reason = match label {
            Some(label) => Reason::Syntax(format!("{error}: {label}")),
            None => Reason::Syntax(error.to_string()),
        };
        let help = error.help().map(|help| help.to_string());
        let place = place.unwrap_or_else(|| self.text.place(base..base));
        self.problems.push(Problem { help, ..Problem::at(place, reason) });
    }

    /// Finds the policies of `set`, which were read from `code`, a part of the file.
    fn cut(&mut self, set: &PolicySet, code: &str, base: usize) {
        let policies = set.policies().map(|policy| {
            let text = policy.to_cedar().unwrap_or_default();
            (place(policy.id().as_ref()), text, Some(policy.clone()))
        });
        let templates = set
            .templates()
            .map(|template| (place(template.id().as_ref()), template.to_cedar(), None));
        let mut statements: Vec<_> = policies.chain(templates).collect();
        statements.sort_by_key(|(place, ..)| *place);
        let mut from = 0;
        for (_, statement, policy) in statements {
            let text = without_comments(&statement);
            let rest = code.get(from..).unwrap_or_default();
            let found = from + rest.find(&text).unwrap_or(0);
            from = found + text.len();
            let offset = base + found;
            if let Some(policy) = policy {
                let id = policy.annotation("id").filter(|id| !id.is_empty()).map(str::to_owned);
                self.policies.push(SourcePolicy { id, policy, offset, text, base });
            } else {
                let head = head(&text);
                self.report(offset + head.start..offset + head.end, Reason::Template, None);
            }
        }
    }

    /// What a policy applies to: from `permit` or `forbid` to the end of its scope.
    pub(super) fn head(&self, policy: &SourcePolicy) -> Place {
        let Range { start, end } = head(&policy.text);
        self.text.place(policy.offset + start..policy.offset + end)
    }

    /// A problem in a policy as a whole.
    pub(super) fn problem(&self, policy: &SourcePolicy, reason: Reason) -> Problem {
        Self::problem_at(policy, self.head(policy), reason)
    }

    /// A problem with a policy's `@id`.
    pub(super) fn problem_of_id(&self, policy: &SourcePolicy, reason: Reason) -> Problem {
        let annotation = policy.text.find("@id").and_then(|start| {
            let rest = policy.text.get(start..)?;
            Some(policy.offset + start..policy.offset + start + rest.find(')')? + 1)
        });
        let place = annotation.map_or_else(|| self.head(policy), |bytes| self.text.place(bytes));
        Self::problem_at(policy, place, reason)
    }

    /// A problem in a construct of a policy that Cedar prints as `shown`.
    pub(super) fn problem_in(&self, policy: &SourcePolicy, shown: &str, reason: Reason) -> Problem {
        // Conditions first, as `resource` and `principal` are also words of every scope.
        let body = policy.text.find('{').unwrap_or(0);
        let found = find_code(policy.text.get(body..).unwrap_or_default(), shown)
            .map(|found| body + found.start..body + found.end)
            .or_else(|| find_code(&policy.text, shown));
        let place = match found {
            Some(found) => self.text.place(policy.offset + found.start..policy.offset + found.end),
            None => self.head(policy),
        };
        Self::problem_at(policy, place, reason)
    }

    /// A problem that Cedar found in a policy.
    pub(super) fn problem_of(
        &self,
        policy: &SourcePolicy,
        diagnostic: &dyn Diagnostic,
        reason: Reason,
    ) -> Problem {
        let (place, _) = self.label(diagnostic, policy.base);
        let place = place.unwrap_or_else(|| self.head(policy));
        let help = diagnostic.help().map(|help| help.to_string());
        Problem { help, ..Self::problem_at(policy, place, reason) }
    }

    fn problem_at(policy: &SourcePolicy, place: Place, reason: Reason) -> Problem {
        Problem { policy: policy.id.clone(), ..Problem::at(place, reason) }
    }

    /// The place that a diagnostic of Cedar points at, and what it says there.
    fn label(&self, diagnostic: &dyn Diagnostic, base: usize) -> (Option<Place>, Option<String>) {
        match diagnostic.labels().and_then(|mut labels| labels.next()) {
            Some(label) => {
                let start = base + label.offset();
                let place = self.text.place(start..start + label.len());
                (Some(place), label.label().map(str::to_owned))
            }
            None => (None, None),
        }
    }
}

/// Cedar numbers the statements of a file `policy0`, `policy1` and so on.
fn place(id: &str) -> Option<usize> {
    id.strip_prefix("policy").and_then(|digits| digits.parse().ok())
}

/// The statements of a text without comments, each with its semicolon and without the white space before it.
fn statements(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (offset, c) in code.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            ';' if !in_string => {
                found.push(start..offset + 1);
                start = offset + 1;
            }
            c if c.is_whitespace() && offset == start => start += c.len_utf8(),
            _ => {}
        }
    }
    if start < code.len() {
        found.push(start..code.len());
    }
    found
}

/// From `permit` or `forbid` to the end of the scope; of a text without either, the first line.
fn head(text: &str) -> Range<usize> {
    let mut from = 0;
    // Annotations come first, each with a string at most.
    while let Some(rest) = text.get(from..) {
        let start = from + (rest.len() - rest.trim_start().len());
        if !text.get(start..).unwrap_or_default().starts_with('@') {
            let end = text.get(start..).and_then(|rest| rest.find(')'));
            return start..end.map_or(start + first_line(text), |end| start + end + 1);
        }
        let Some(end) = end_of_annotation(text.get(start..).unwrap_or_default()) else { break };
        from = start + end;
    }
    0..first_line(text)
}

/// Behind `@name` or `@name("..")`.
fn end_of_annotation(text: &str) -> Option<usize> {
    let open = text.find('(')?;
    let name = text.find(|c: char| c != '@' && !c.is_alphanumeric() && c != '_')?;
    if !text.get(name..open)?.trim().is_empty() {
        return Some(name);
    }
    let (mut in_string, mut escaped) = (false, false);
    for (offset, c) in text.char_indices().skip_while(|(offset, _)| *offset < open) {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            ')' if !in_string => return Some(offset + 1),
            _ => {}
        }
    }
    None
}

fn first_line(text: &str) -> usize {
    text.lines().next().unwrap_or_default().trim_end().len()
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
fn find_code(text: &str, shown: &str) -> Option<Range<usize>> {
    let counts = |c: &char| !c.is_whitespace() && !matches!(c, '(' | ')');
    let wanted: String = shown.chars().filter(counts).collect();
    let (mut dense, mut offsets) = (String::new(), Vec::new());
    for (offset, c) in text.char_indices().filter(|(_, c)| counts(c)) {
        dense.push(c);
        offsets.extend(std::iter::repeat_n(offset..offset + c.len_utf8(), c.len_utf8()));
    }
    let first = dense.find(&wanted)?;
    let start = offsets.get(first)?.start;
    let mut end = offsets.get(first + wanted.len().checked_sub(1)?)?.end;
    // What was opened inside is closed inside.
    let opened = |end: usize| {
        let found = text.get(start..end).unwrap_or_default();
        found.matches('(').count() > found.matches(')').count()
    };
    while opened(end)
        && let Some(next) = text.get(end..).and_then(|rest| rest.find(')'))
    {
        end += next + 1;
    }
    Some(start..end)
}
