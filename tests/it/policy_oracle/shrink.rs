//! A disagreement made small: policies are dropped and conditions cut for as long as filter and verdict disagree.
#![expect(clippy::string_slice, reason = "the slices are cut where Cedar's own spans are")]

/// The most texts that are tried.
const MAX_TRIES: usize = 600;

/// The shortest text that was found for which `disagreement` says something, and what it says.
pub(super) fn shrink(
    text: &str,
    first: String,
    disagreement: &mut dyn FnMut(&str) -> Option<String>,
) -> (String, String) {
    let (mut text, mut said) = (text.to_owned(), first);
    let mut tries = 0;
    'smaller: loop {
        for candidate in smaller(&text) {
            tries += 1;
            if tries > MAX_TRIES {
                break 'smaller;
            }
            if let Some(again) = disagreement(&candidate) {
                (text, said) = (candidate, again);
                continue 'smaller;
            }
        }
        break;
    }
    (text, said)
}

/// Texts with less in them, the shortest first. Not every one is a policy set.
fn smaller(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found: Vec<String> = (0..lines.len())
        .map(|gone| {
            let kept = lines.iter().enumerate().filter(|(index, _)| *index != gone);
            kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        })
        .collect();
    for (open, c) in text.char_indices() {
        let Some(inside) = (matches!(c, '(' | '{')).then(|| group(&text[open..])).flatten() else {
            continue;
        };
        let (before, after) = (&text[..open], &text[open + inside.len() + 2..]);
        let parts = parts(inside).into_iter().chain(["true", "false"]);
        found.extend(parts.map(|part| match c {
            '{' => format!("{before}{{ {part} }}{after}"),
            _ if part.contains(' ') => format!("{before}({part}){after}"),
            _ => format!("{before}{part}{after}"),
        }));
    }
    found.retain(|candidate| candidate.len() < text.len());
    found.sort_by_key(String::len);
    found.dedup();
    found
}

/// What stands between an opening bracket, with which the text begins, and its closing one.
fn group(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '{' if !quoted => depth += 1,
            ')' | '}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return text.get(1..at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The operands of a condition, and what stands in the brackets of a lone one.
fn parts(condition: &str) -> Vec<&str> {
    const BETWEEN: [&str; 4] = [" && ", " || ", " then ", " else "];
    let condition = condition.trim();
    let condition = condition.strip_prefix("if ").unwrap_or(condition);
    let (mut depth, mut start) = (0_usize, 0);
    let mut parts = Vec::new();
    for (at, c) in condition.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && at >= start => {
                let rest = &condition[at..];
                if let Some(word) = BETWEEN.iter().find(|word| rest.starts_with(**word)) {
                    parts.push(&condition[start..at]);
                    start = at + word.len();
                }
            }
            _ => {}
        }
    }
    parts.push(&condition[start..]);
    let bare = condition.strip_prefix('!').unwrap_or(condition);
    if let Some(inside) = group(bare).filter(|inside| inside.len() + 2 == bare.len()) {
        parts.push(inside);
    }
    parts
}

#[test]
fn what_disagrees_is_cut_down_to_what_matters() {
    let text = "@id(\"a\") permit (principal, action, resource is facts) when { (resource.n == 5 && (if resource.flag then !(resource.n == 4) else true)) };\n\
                @id(\"b\") forbid (principal, action, resource is facts) when { true };";
    let mut wrong = |text: &str| {
        let policy =
            text.contains("(principal, action, resource is facts)") && text.contains("@id(\"");
        (policy && text.contains("resource.n == 4")).then(|| "disagrees".to_owned())
    };
    let (small, said) = shrink(text, String::new(), &mut wrong);
    assert_eq!(
        small,
        "@id(\"a\") permit (principal, action, resource is facts) when { resource.n == 4 };"
    );
    assert_eq!(said, "disagrees");
}
