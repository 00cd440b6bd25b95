//! An explanation for people.

use super::relation::{HiddenColumn, MaskedColumn, PolicyEntry, RelationEntry, Rows};
use super::{Document, QueryEntry, row::RowEntry};
use crate::suite::word;

pub(super) fn text(document: &Document<'_>) -> String {
    let mut lines = Vec::new();
    if !document.claims.is_empty() {
        let claims = serde_json::to_string(document.claims).unwrap_or_default();
        lines.push(format!("claims {claims}"));
        lines.push(String::new());
    }
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
    let rows = words(&entry.rows, "every row", "no row: it does not exist for this caller");
    lines.push(format!("{}: {rows}", entry.relation));
    if entry.policies.is_empty() {
        lines.push("  no policy applies".to_owned());
    }
    for policy in &entry.policies {
        lines.extend(one(policy).into_iter().map(|line| format!("  {line}")));
    }
    for column in &entry.hidden_columns {
        hidden(column, lines);
    }
    for column in &entry.masked_columns {
        masked(column, lines);
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

fn words(rows: &Rows, all: &str, none: &str) -> String {
    match (rows.rows, &rows.filter) {
        ("all", _) => all.to_owned(),
        ("none", _) => none.to_owned(),
        (_, Some(filter)) => format!("the rows where {filter}"),
        (_, None) => "some rows".to_owned(),
    }
}

fn one(policy: &PolicyEntry) -> Vec<String> {
    let PolicyEntry { id, effect, place, residual, condition } = policy;
    let place = place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let says = match (residual, condition) {
        (_, Some(_)) => "the rows where",
        (residual, None) => residual,
    };
    let mut lines = vec![format!("{effect} `{id}`{place}: {says}")];
    lines.extend(condition.as_ref().map(|condition| format!("    {condition}")));
    lines
}

fn hidden(column: &HiddenColumn, lines: &mut Vec<String>) {
    let HiddenColumn { column, rows, policies } = column;
    let rows = match rows.rows {
        "none" => "hidden".to_owned(),
        _ => format!("a query that touches it reads {}", words(rows, "every row", "no row")),
    };
    lines.push(format!("  column `{column}`: {rows}"));
    for policy in policies {
        lines.extend(one(policy).into_iter().map(|line| format!("    {line}")));
    }
}

fn masked(column: &MaskedColumn, lines: &mut Vec<String>) {
    lines.push(format!("  column `{}` shows:", column.column));
    for shown in &column.shows {
        let what = match shown.shows {
            "value" => "its value".to_owned(),
            mask => format!("the mask `{mask}`"),
        };
        let rows = match (shown.rows.rows, column.shows.len()) {
            ("all", 1) => "every row".to_owned(),
            _ => words(&shown.rows, "every other row", "no row"),
        };
        lines.push(format!("    {what} on {rows}"));
    }
}

fn verdict(row: &RowEntry, lines: &mut Vec<String>) {
    let RowEntry { key, found, visible, deciding, failed, hidden_columns, masked_columns } = row;
    lines.push(String::new());
    if !found {
        lines.push(format!("row {key}: there is none"));
        return;
    }
    let word = word(*visible);
    let by = match (visible, deciding.as_slice()) {
        (false, []) => "no permit applies".to_owned(),
        (_, deciding) => format!("decided by {}", deciding.join(", ")),
    };
    lines.push(format!("row {key}: {word}: {by}"));
    if !failed.is_empty() {
        lines.push(format!("  failed: {}", failed.join(", ")));
    }
    if !hidden_columns.is_empty() {
        let columns = hidden_columns.join(", ");
        lines.push(format!("  not to a query that touches {columns}"));
    }
    for (column, mask) in masked_columns {
        lines.push(format!("  `{column}` shows the mask `{mask}`"));
    }
    lines.push("  Cedar, the filter and the database with the filter say the same".to_owned());
}
