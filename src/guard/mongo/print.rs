//! Commands as text: extended JSON for machines, shell text for people.

use bson::spec::BinarySubtype;
use bson::{Bson, Document, Uuid};

use super::command::{Body, Request};

/// The most characters of a nested value that stays on its line.
const LINE: usize = 72;

/// A command as canonical extended JSON, but for numbers of 32 bits, which are plain: so they are read, and most of a
/// projection is numbers.
/// <https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/>
pub(super) fn json(command: &Document) -> String {
    let mut text = String::new();
    json_document(command, &mut text);
    text
}

fn json_document(document: &Document, text: &mut String) {
    text.push('{');
    for (index, (key, value)) in document.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        json_string(key, text);
        text.push(':');
        json_value(value, text);
    }
    text.push('}');
}

fn json_value(value: &Bson, text: &mut String) {
    let mut wrap = |name: &str, inner: &str| {
        text.push_str("{\"");
        text.push_str(name);
        text.push_str("\":");
        json_string(inner, text);
        text.push('}');
    };
    match value {
        Bson::Document(document) => json_document(document, text),
        Bson::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                json_value(item, text);
            }
            text.push(']');
        }
        Bson::String(string) => json_string(string, text),
        Bson::Boolean(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Bson::Null => text.push_str("null"),
        Bson::Int32(number) => text.push_str(&number.to_string()),
        Bson::Int64(number) => wrap("$numberLong", &number.to_string()),
        Bson::Double(number) => wrap("$numberDouble", &double(*number)),
        Bson::Decimal128(number) => wrap("$numberDecimal", &number.to_string()),
        Bson::ObjectId(id) => wrap("$oid", &id.to_hex()),
        Bson::DateTime(date) => {
            text.push_str("{\"$date\":");
            json_value(&Bson::Int64(date.timestamp_millis()), text);
            text.push('}');
        }
        Bson::RegularExpression(regex) => {
            text.push_str("{\"$regularExpression\":{\"pattern\":");
            json_string(regex.pattern.as_str(), text);
            text.push_str(",\"options\":");
            json_string(regex.options.as_str(), text);
            text.push_str("}}");
        }
        Bson::Binary(binary) if binary.subtype == BinarySubtype::Uuid => {
            wrap("$uuid", &uuid(&binary.bytes));
        }
        // Not read, so not written: what comes of it does not read back.
        _ => text.push_str("undefined"),
    }
}

/// As extended JSON and the shell write it.
fn double(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    format!("{number:?}")
}

fn uuid(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map(|bytes| Uuid::from_bytes(bytes).to_string()).unwrap_or_default()
}

fn json_string(string: &str, text: &mut String) {
    text.push('"');
    if string.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
        text.push_str(string);
        text.push('"');
        return;
    }
    for c in string.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}

/// A request as shell text.
pub(super) fn shell(request: &Request) -> String {
    let mut text = String::from("db.");
    if request.collection.split('.').all(is_identifier) {
        text.push_str(&request.collection);
    } else {
        text.push_str("getCollection(");
        quoted(&request.collection, &mut text);
        text.push(')');
    }
    let argument = |document: &Document, text: &mut String| fields(document, 0, true, text);
    match &request.body {
        Body::Find(find) => {
            text.push_str(if find.one { ".findOne(" } else { ".find(" });
            argument(&find.filter, &mut text);
            if let Some(projection) = &find.projection {
                text.push_str(", ");
                argument(projection, &mut text);
            }
            text.push(')');
            if let Some(sort) = &find.sort {
                text.push_str(".sort(");
                argument(sort, &mut text);
                text.push(')');
            }
            if let Some(skip) = find.skip {
                text.push_str(&format!(".skip({skip})"));
            }
            if let Some(limit) = find.limit.filter(|_| !find.one) {
                text.push_str(&format!(".limit({limit})"));
            }
        }
        Body::Aggregate(stages) => {
            text.push_str(".aggregate([");
            for (index, stage) in stages.iter().enumerate() {
                text.push_str(if index > 0 { ",\n  " } else { "\n  " });
                fields(stage, 1, false, &mut text);
            }
            text.push_str(if stages.is_empty() { "])" } else { "\n])" });
        }
        Body::Count(count) => {
            text.push_str(".countDocuments(");
            argument(&count.query, &mut text);
            let options: Vec<String> = [("skip", count.skip), ("limit", count.limit)]
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| format!("{name}: {value}")))
                .collect();
            if !options.is_empty() {
                text.push_str(&format!(", {{ {} }}", options.join(", ")));
            }
            text.push(')');
        }
        Body::Distinct { key, query } => {
            text.push_str(".distinct(");
            quoted(key, &mut text);
            text.push_str(", ");
            argument(query, &mut text);
            text.push(')');
        }
    }
    text
}

/// Writes a document: on one line where it is short, and where it is an argument has one field at most.
fn fields(document: &Document, indent: usize, argument: bool, text: &mut String) {
    let start = text.len();
    let line = |text: &mut String| line_fields(document, start + LINE * 4, text);
    if (argument && document.len() > 1) || !on_one_line(text, line) {
        text.push('{');
        for (index, (key, value)) in document.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            break_line(text, indent + 1);
            name(key, text);
            text.push_str(": ");
            shown(value, indent + 1, text);
        }
        break_line(text, indent);
        text.push('}');
    }
}

/// Writes a value: on one line where it is short.
fn shown(value: &Bson, indent: usize, text: &mut String) {
    let start = text.len();
    match value {
        Bson::Document(document) => fields(document, indent, false, text),
        Bson::Array(items) => {
            if !on_one_line(text, |text| line(value, start + LINE * 4, text)) {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    break_line(text, indent + 1);
                    shown(item, indent + 1, text);
                }
                break_line(text, indent);
                text.push(']');
            }
        }
        // What has no parts stays on its line.
        value => {
            line(value, usize::MAX, text);
        }
    }
}

/// Writes something that fits on one line, or nothing. No more of what is long is written than tells that it is.
fn on_one_line(text: &mut String, line: impl FnOnce(&mut String) -> bool) -> bool {
    let start = text.len();
    let whole = line(text);
    let short = text.get(start..).is_some_and(|line| line.chars().count() <= LINE);
    if !whole || !short {
        text.truncate(start);
    }
    whole && short
}

fn break_line(text: &mut String, indent: usize) {
    text.push('\n');
    (0..indent).for_each(|_| text.push_str("  "));
}

fn line_fields(document: &Document, end: usize, text: &mut String) -> bool {
    if document.is_empty() {
        text.push_str("{}");
        return true;
    }
    text.push_str("{ ");
    for (index, (key, value)) in document.iter().enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        name(key, text);
        text.push_str(": ");
        if !line(value, end, text) {
            return false;
        }
    }
    text.push_str(" }");
    text.len() <= end
}

/// A value on one line.
pub(super) fn inline(value: &Bson) -> String {
    let mut text = String::new();
    line(value, usize::MAX, &mut text);
    text
}

/// Writes a value on one line, and stops after a part of it beyond `end`: then it is `false`.
fn line(value: &Bson, end: usize, text: &mut String) -> bool {
    match value {
        Bson::Document(document) => return line_fields(document, end, text),
        Bson::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                if !line(item, end, text) {
                    return false;
                }
            }
            text.push(']');
        }
        Bson::String(string) => quoted(string, text),
        Bson::Boolean(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Bson::Null => text.push_str("null"),
        Bson::Int32(number) => text.push_str(&number.to_string()),
        // What the shell would round it does not read as a number.
        Bson::Int64(number) if number.unsigned_abs() <= 1 << 53 => {
            text.push_str(&number.to_string());
        }
        Bson::Int64(number) => text.push_str(&format!("NumberLong('{number}')")),
        Bson::Double(number) => text.push_str(&double(*number)),
        Bson::Decimal128(number) => text.push_str(&format!("NumberDecimal('{number}')")),
        Bson::ObjectId(id) => text.push_str(&format!("ObjectId('{}')", id.to_hex())),
        Bson::DateTime(date) => text.push_str(&match date.try_to_rfc3339_string() {
            Ok(text) => format!("ISODate('{text}')"),
            Err(_) => format!("new Date({})", date.timestamp_millis()),
        }),
        Bson::RegularExpression(regex) => {
            let pattern = regex.pattern.as_str();
            if pattern.is_empty() || pattern.contains('/') || pattern.contains(char::is_control) {
                text.push_str("RegExp(");
                quoted(pattern, text);
                text.push_str(&format!(", '{}')", regex.options));
            } else {
                text.push_str(&format!("/{pattern}/{}", regex.options));
            }
        }
        Bson::Binary(binary) => text.push_str(&format!("UUID('{}')", uuid(&binary.bytes))),
        _ => text.push_str("undefined"),
    }
    text.len() <= end
}

fn name(key: &str, text: &mut String) {
    if is_identifier(key) {
        text.push_str(key);
    } else {
        quoted(key, text);
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

fn quoted(string: &str, text: &mut String) {
    text.push('\'');
    for c in string.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('\'');
}
