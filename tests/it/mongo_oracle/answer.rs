//! Running commands, as they are and guarded, and what comes back.

use bson::{Bson, Document, RawDocumentBuf, doc};
use dialektai::guard::mongo::{CommandKind, MongoCommand, Reply};
use mongodb::Database;
use mongodb::error::{Error, ErrorKind};

use crate::servers::mongodb::{insert, run};

use super::seed::Seed;

/// Documents, values, or one number; or the code of an error, and what the server says of it.
pub(crate) type Answer = Result<Vec<Bson>, Failure>;

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// Fills a database.
pub(crate) async fn fill(database: &Database, seed: &Seed) {
    for (collection, stored) in seed {
        let documents: Vec<Document> = stored.iter().map(|own| own.document.clone()).collect();
        insert(database, collection, &documents).await;
        // A collection without documents is there, too.
        if documents.is_empty() {
            run(database, doc! { "create": collection }).await;
        }
    }
}

/// Runs a command that the guard has not seen.
pub(crate) async fn plain(database: &Database, command: &Document) -> Answer {
    let mut command = command.clone();
    let (kind, reply) = match command.keys().next().unwrap().as_str() {
        "find" => (CommandKind::Find, Reply::Documents),
        "count" => (CommandKind::Count, Reply::Count),
        "distinct" => (CommandKind::Distinct, Reply::Values),
        _ => (CommandKind::Aggregate, Reply::Documents),
    };
    if kind == CommandKind::Aggregate {
        command.insert("cursor", doc! {});
    }
    let raw = RawDocumentBuf::try_from(&command).unwrap();
    answer(database, raw, kind, reply).await.map_err(|error| failure(&error, database))
}

/// Runs a guarded command: the very bytes.
pub(crate) async fn guarded(database: &Database, command: &MongoCommand) -> Answer {
    let raw = command.command().clone();
    let ran = answer(database, raw, command.kind(), command.reply()).await;
    ran.map_err(|error| failure(&error, database))
}

async fn answer(
    database: &Database,
    raw: RawDocumentBuf,
    kind: CommandKind,
    reply: Reply,
) -> Result<Vec<Bson>, Error> {
    let documents = match kind {
        CommandKind::Find | CommandKind::Aggregate => {
            let mut cursor = database.run_raw_cursor_command(raw).await?;
            let mut documents = Vec::new();
            while cursor.advance().await? {
                documents.push(Document::try_from(cursor.current()).unwrap());
            }
            documents
        }
        CommandKind::Count | CommandKind::Distinct => vec![database.run_raw_command(raw).await?],
    };
    Ok(match (reply, kind) {
        (Reply::Documents, _) => documents.into_iter().map(Bson::Document).collect(),
        (Reply::Count, _) => {
            let number = documents.first().map_or(Bson::Int32(0), |own| own["n"].clone());
            let number = number.as_i64().or_else(|| number.as_i32().map(i64::from)).unwrap();
            vec![Bson::Int64(number)]
        }
        (Reply::Values, _) => documents[0].get_array("values").unwrap().clone(),
    })
}

fn failure(error: &Error, database: &Database) -> Failure {
    let ErrorKind::Command(command) = error.kind.as_ref() else { panic!("{error}") };
    // Copies on one server have names of their own.
    let message = command.message.replace(database.name(), "DATABASE");
    Failure { code: command.code, message }
}

/// An answer in which no order counts: not that of documents, nor that of an array's elements.
pub(crate) fn unordered(answer: &[Bson]) -> Vec<String> {
    let mut shown: Vec<String> =
        answer.iter().map(|value| format!("{:?}", settled(value))).collect();
    shown.sort();
    shown
}

fn settled(value: &Bson) -> Bson {
    match value {
        Bson::Array(items) => {
            let mut items: Vec<Bson> = items.iter().map(settled).collect();
            items.sort_by_key(|item| format!("{item:?}"));
            Bson::Array(items)
        }
        Bson::Document(document) => Bson::Document(
            document.iter().map(|(key, value)| (key.clone(), settled(value))).collect(),
        ),
        value => value.clone(),
    }
}

/// A command as extended JSON, as a client writes it.
pub(crate) fn json(value: &Bson) -> String {
    let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    match value {
        Bson::Document(document) => {
            let fields: Vec<String> = document
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), json(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Bson::Array(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(", "))
        }
        Bson::String(text) => quoted(text),
        Bson::Boolean(flag) => flag.to_string(),
        Bson::Null => "null".to_owned(),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => format!("{{\"$numberLong\": \"{number}\"}}"),
        Bson::Double(number) => format!("{{\"$numberDouble\": \"{number:?}\"}}"),
        Bson::Decimal128(number) => format!("{{\"$numberDecimal\": \"{number}\"}}"),
        Bson::DateTime(date) => {
            format!("{{\"$date\": {{\"$numberLong\": \"{}\"}}}}", date.timestamp_millis())
        }
        Bson::RegularExpression(regex) => format!(
            "{{\"$regularExpression\": {{\"pattern\": {}, \"options\": {}}}}}",
            quoted(regex.pattern.as_str()),
            quoted(regex.options.as_str()),
        ),
        other => panic!("the generator writes no {other:?}"),
    }
}

/// A key as the SQL engines show it: whole numbers in their digits.
pub(crate) fn key(value: &Bson) -> String {
    match value {
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => format!("{number:.0}"),
        Bson::Decimal128(number) => number.to_string(),
        Bson::String(text) => text.clone(),
        other => panic!("no key: {other:?}"),
    }
}
