//! An explanation for people.

use super::{Document, PolicyEntry, QueryEntry, RelationEntry, row::RowEntry};

pub(super) fn text(document: &Document<'_>) -> String {
    let mut lines = Vec::new();
    if let Some(query) = &document.query {
        rewritten(query, &mut lines);
    }
    for entry in &document.relations {
        relation(entry, &mut lines);
    }
    if let Some(row) = &document.row {
        verdict(row, &mut lines);
    }
    lines.join("\n")
}

fn rewritten(query: &QueryEntry, lines: &mut Vec<String>) {
    lines.push(format!("the query, for {}:", query.dialect));
    lines.extend(query.readable.lines().map(|line| format!("  {line}")));
    lines.push("runs as:".to_owned());
    lines.extend(query.text.lines().map(|line| format!("  {line}")));
    for (index, bind) in query.binds.iter().enumerate() {
        let shown = serde_json::to_string(bind).unwrap_or_default();
        lines.push(format!("  {}: {shown}", index + 1));
    }
    lines.push(String::new());
}

fn relation(entry: &RelationEntry, lines: &mut Vec<String>) {
    let rows = match (entry.rows, &entry.filter) {
        ("all", _) => "every row".to_owned(),
        ("none", _) => "no row: it does not exist for this caller".to_owned(),
        (_, Some(filter)) => format!("the rows where {filter}"),
        (_, None) => "some rows".to_owned(),
    };
    lines.push(format!("{}: {rows}", entry.relation));
    if entry.policies.is_empty() {
        lines.push("  no policy applies".to_owned());
    }
    for policy in &entry.policies {
        lines.push(one(policy));
        if let Some(condition) = &policy.condition {
            lines.push(format!("      {condition}"));
        }
    }
    for (word, columns) in [("hidden", &entry.hidden_columns), ("masked", &entry.masked_columns)] {
        if !columns.is_empty() {
            lines.push(format!("  {word} columns: {}", columns.join(", ")));
        }
    }
    for emitted in &entry.emitted {
        lines.push(format!("  {}:", emitted.dialect));
        match (&emitted.text, &emitted.refused) {
            (Some(text), _) => lines.extend(text.lines().map(|line| format!("    {line}"))),
            (None, refused) => {
                lines.push(format!("    refused: {}", refused.as_deref().unwrap_or_default()));
            }
        }
    }
}

fn one(policy: &PolicyEntry) -> String {
    let PolicyEntry { id, effect, place, residual, condition } = policy;
    let place = place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let says = match (residual, condition) {
        (_, Some(_)) => "the rows where",
        (residual, None) => residual,
    };
    format!("  {effect} `{id}`{place}: {says}")
}

fn verdict(row: &RowEntry, lines: &mut Vec<String>) {
    let RowEntry { key, found, visible, deciding, failed } = row;
    lines.push(String::new());
    if !found {
        lines.push(format!("row {key}: there is none"));
        return;
    }
    let word = if *visible { "visible" } else { "hidden" };
    let by = match (visible, deciding.as_slice()) {
        (false, []) => "no permit applies".to_owned(),
        (_, deciding) => format!("decided by {}", deciding.join(", ")),
    };
    lines.push(format!("row {key}: {word}: {by}"));
    if !failed.is_empty() {
        lines.push(format!("  failed: {}", failed.join(", ")));
    }
    lines.push("  Cedar, the filter and the database with the filter say the same".to_owned());
}
