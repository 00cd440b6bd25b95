//! Commands as text: canonical extended JSON for machines, shell text for people.

use bson::spec::BinarySubtype;
use bson::{Bson, Document, Uuid};

use super::command::{Body, Request};

/// The most characters of a nested value that stays on its line.
const LINE: usize = 72;

/// A command as canonical extended JSON.
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
        text.push_str(&format!("{{\"{name}\":"));
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
        Bson::Int32(number) => wrap("$numberInt", &number.to_string()),
        Bson::Int64(number) => wrap("$numberLong", &number.to_string()),
        Bson::Double(number) => wrap("$numberDouble", &format!("{number:?}")),
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

fn uuid(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map(|bytes| Uuid::from_bytes(bytes).to_string()).unwrap_or_default()
}

fn json_string(string: &str, text: &mut String) {
    text.push('"');
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
    let name = &request.collection;
    let plain = name.split('.').all(is_identifier);
    let mut text =
        if plain { format!("db.{name}") } else { format!("db.getCollection({})", quoted(name)) };
    let argument = |document: &Document| shown(&Bson::Document(document.clone()), 0, true);
    match &request.body {
        Body::Find(find) => {
            text.push_str(if find.one { ".findOne(" } else { ".find(" });
            text.push_str(&argument(&find.filter));
            if let Some(projection) = &find.projection {
                text.push_str(", ");
                text.push_str(&argument(projection));
            }
            text.push(')');
            if let Some(sort) = &find.sort {
                text.push_str(&format!(".sort({})", argument(sort)));
            }
            if let Some(skip) = find.skip {
                text.push_str(&format!(".skip({skip})"));
            }
            if let Some(limit) = find.limit.filter(|_| !find.one) {
                text.push_str(&format!(".limit({limit})"));
            }
        }
        Body::Aggregate(stages) => {
            let stages: Vec<String> = stages
                .iter()
                .map(|stage| format!("  {}", shown(&Bson::Document(stage.clone()), 1, false)))
                .collect();
            if stages.is_empty() {
                text.push_str(".aggregate([])");
            } else {
                text.push_str(&format!(".aggregate([\n{}\n])", stages.join(",\n")));
            }
        }
        Body::Count(count) => {
            text.push_str(&format!(".countDocuments({}", argument(&count.query)));
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
            text.push_str(&format!(".distinct({}, {})", quoted(key), argument(query)));
        }
    }
    text
}

/// A value: on one line where it is short, and where it is an argument has one field at most.
fn shown(value: &Bson, indent: usize, argument: bool) -> String {
    let line = inline(value);
    let several = argument && value.as_document().is_some_and(|fields| fields.len() > 1);
    if !several && line.chars().count() <= LINE {
        return line;
    }
    let inner = "  ".repeat(indent + 1);
    let outer = "  ".repeat(indent);
    match value {
        Bson::Document(fields) if !fields.is_empty() => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| {
                    format!("{inner}{}: {}", name(key), shown(value, indent + 1, false))
                })
                .collect();
            format!("{{\n{}\n{outer}}}", fields.join(",\n"))
        }
        Bson::Array(items) if !items.is_empty() => {
            let items: Vec<String> = items
                .iter()
                .map(|item| format!("{inner}{}", shown(item, indent + 1, false)))
                .collect();
            format!("[\n{}\n{outer}]", items.join(",\n"))
        }
        _ => line,
    }
}

pub(super) fn inline(value: &Bson) -> String {
    match value {
        Bson::Document(fields) if fields.is_empty() => "{}".to_owned(),
        Bson::Document(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", name(key), inline(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Bson::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Bson::String(text) => quoted(text),
        Bson::Boolean(flag) => flag.to_string(),
        Bson::Null => "null".to_owned(),
        Bson::Int32(number) => number.to_string(),
        // What the shell would round it does not read as a number.
        Bson::Int64(number) if number.unsigned_abs() <= 1 << 53 => number.to_string(),
        Bson::Int64(number) => format!("NumberLong('{number}')"),
        Bson::Double(number) => format!("{number:?}"),
        Bson::Decimal128(number) => format!("NumberDecimal('{number}')"),
        Bson::ObjectId(id) => format!("ObjectId('{}')", id.to_hex()),
        Bson::DateTime(date) => match date.try_to_rfc3339_string() {
            Ok(text) => format!("ISODate('{text}')"),
            Err(_) => format!("new Date({})", date.timestamp_millis()),
        },
        Bson::RegularExpression(regex) => {
            let pattern = regex.pattern.as_str();
            if pattern.is_empty() || pattern.contains('/') || pattern.contains(char::is_control) {
                format!("RegExp({}, '{}')", quoted(pattern), regex.options)
            } else {
                format!("/{pattern}/{}", regex.options)
            }
        }
        Bson::Binary(binary) => format!("UUID('{}')", uuid(&binary.bytes)),
        _ => "undefined".to_owned(),
    }
}

fn name(key: &str) -> String {
    if is_identifier(key) { key.to_owned() } else { quoted(key) }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
