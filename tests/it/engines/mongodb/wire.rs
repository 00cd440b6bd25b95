//! What is really sent: a wire that somebody listens to.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bson::RawDocumentBuf;
use dialektai::engine::{Engine, EngineError};
use dialektai::guard::mongo::guard_mongo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::site::{ask, database, fill};
use crate::servers::mongodb::Server;
use crate::world;

/// The code of `OP_MSG`. <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg>
const OP_MSG: i32 = 2013;

/// What the engine and the driver may add to a guarded command.
const ADDED: [&str; 6] =
    ["batchSize", "maxTimeMS", "$db", "lsid", "$clusterTime", "$readPreference"];

/// Stands between a client and a server.
#[derive(Clone, Default)]
struct Wire {
    /// What each connection of the client has sent.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many of the next commands are cut off together with their connection, before the server hears of them.
    cuts: Arc<AtomicUsize>,
}

impl Wire {
    /// Listens, and hands on what it hears to a server; gives its own port.
    async fn listen(&self, server: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(wire.clone().connect(client, server));
            }
        });
        own
    }

    async fn connect(self, client: TcpStream, server: u16) {
        let place = {
            let mut heard = self.heard.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back =
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            let sent = &bytes[..count];
            let is_find = sent.windows(5).any(|word| word == b"find\0");
            if is_find && self.cuts.fetch_update(SEQ, SEQ, |left| left.checked_sub(1)).is_ok() {
                break;
            }
            self.heard.lock().unwrap()[place].extend_from_slice(sent);
            if to_server.write_all(sent).await.is_err() {
                break;
            }
        }
        back.abort();
    }
}

const SEQ: Ordering = Ordering::SeqCst;

/// The bodies of the messages of one connection.
fn bodies(mut bytes: &[u8]) -> Vec<RawDocumentBuf> {
    let number = |bytes: &[u8]| i32::from_le_bytes(bytes[..4].try_into().unwrap());
    let mut bodies = Vec::new();
    while bytes.len() >= 16 {
        let (message, rest) = bytes.split_at(usize::try_from(number(bytes)).unwrap());
        // Four bytes of flags, and one that says that a body follows.
        if number(&message[12..]) == OP_MSG {
            let body = &message[21..];
            let length = usize::try_from(number(body)).unwrap();
            bodies.push(RawDocumentBuf::from_bytes(body[..length].to_vec()).unwrap());
        }
        bytes = rest;
    }
    bodies
}

#[tokio::test]
async fn what_is_sent_is_what_the_guard_wrote() {
    let Some(server) = Server::start(&[]).await else { return };
    fill(&server).await;
    let wire = Wire::default();
    let port = wire.listen(server.port).await;
    let url = format!("mongodb://127.0.0.1:{port}/shop?directConnection=true");
    let database = database(&url, "rows = 1500");
    let engine = Engine::open(&database.settings, Path::new(".")).await.unwrap();
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let mut expected = Vec::new();
    for query in [
        "db.n.find({ i: { $gt: 5 } }, { i: 1 }).sort({ i: -1 })",
        "db.n.aggregate([{ $group: { _id: '$kind', all: { $sum: 1 } } }])",
        "db.n.find({ $expr: { $gt: [{ $divide: [1, '$i'] }, 5] } })",
        "db.n.countDocuments({ i: { $gt: 5 } })",
        "db.n.distinct('tags')",
    ] {
        let guarded = guard_mongo(query, &database.catalog, &filters).unwrap();
        drop(engine.command(&guarded).await);
        expected.push(guarded.query().command().clone());
    }
    let sent: Vec<RawDocumentBuf> =
        wire.heard.lock().unwrap().iter().flat_map(|bytes| bodies(bytes)).collect();
    for expected in &expected {
        let (name, collection) = expected.iter().next().unwrap().unwrap();
        let same = |sent: &&RawDocumentBuf| {
            let mut own = RawDocumentBuf::new();
            let mut added = Vec::new();
            for element in *sent {
                let (key, value) = element.unwrap();
                if key == "cursor" && name == "aggregate" {
                    let cursor = value.as_document().unwrap();
                    assert!(cursor.iter().all(|field| field.unwrap().0 == "batchSize"));
                    own.append(key, RawDocumentBuf::new());
                } else if ADDED.contains(&key.as_str()) {
                    added.push(key.as_str());
                } else {
                    own.append(key, value);
                }
            }
            own == *expected && added.contains(&"maxTimeMS") && added.contains(&"$db")
        };
        let found = sent.iter().find(same);
        assert!(found.is_some(), "{name} {collection:?} was not sent as it is");
        assert_eq!(found.unwrap().get_str("$db").unwrap(), "shop");
    }
    // Beside them, the driver greets the server, reads on, and closes what it opened.
    let mut others: Vec<&str> = sent
        .iter()
        .map(|body| body.iter().next().unwrap().unwrap().0.as_str())
        .filter(|name| !["find", "aggregate", "count", "distinct"].contains(name))
        .collect();
    others.sort_unstable();
    others.dedup();
    let known = ["getMore", "hello", "isMaster", "killCursors", "endSessions"];
    assert!(others.iter().all(|name| known.contains(name)), "{others:?}");
    assert!(others.contains(&"getMore"), "{others:?}");
}

/// A connection that turns out to be gone is replaced, once: nothing has been read.
#[tokio::test]
async fn a_command_whose_connection_is_gone_is_sent_once_more() {
    let Some(server) = Server::start(&[]).await else { return };
    fill(&server).await;
    let wire = Wire::default();
    let port = wire.listen(server.port).await;
    let url = format!("mongodb://127.0.0.1:{port}/shop?directConnection=true");
    let database = database(&url, "");
    let engine = Engine::open(&database.settings, Path::new(".")).await.unwrap();
    let query = "db.n.find({ i: { $lt: 9 } })";
    for (cuts, expected) in
        [(0, Ok(5)), (1, Ok(5)), (2, Err(EngineError::Unavailable)), (0, Ok(5)), (1, Ok(5))]
    {
        wire.cuts.store(cuts, SEQ);
        let rows = ask(&engine, &database, 82, query).await.map(|rows| rows.rows.len());
        assert_eq!(rows, expected, "{cuts} cuts");
        assert_eq!(wire.cuts.load(SEQ), 0);
    }
}
