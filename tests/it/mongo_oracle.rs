//! The oracles on a server that speaks MongoDB's protocol.

use bson::doc;

use crate::servers::mongodb::{Server, all, insert, run};

/// The server itself: it holds what it is told, past the first batch, and through a crash.
#[tokio::test]
async fn the_server_answers_and_starts_again() {
    // What was written last need not be there after a crash otherwise.
    let settings = ["--sync-on-commit"];
    let Some(mut server) = Server::start(&settings).await else { return };
    let database = server.database("smoke").await;
    let documents: Vec<_> = (0..700_i64).map(|n| doc! { "_id": n, "of": n % 7 }).collect();
    insert(&database, "numbers", &documents).await;
    let find = doc! { "find": "numbers", "filter": { "of": 3_i64 }, "batchSize": 10 };
    assert_eq!(all(&database, &find).await.unwrap().len(), 100);
    let wrong = doc! { "aggregate": "numbers", "pipeline": [{ "$nonesuch": 1 }], "cursor": {} };
    assert!(all(&database, &wrong).await.unwrap_err().contains("40324"));
    server.kill();
    server.restart(&settings).await;
    let database = server.database("smoke").await;
    let count = run(&database, doc! { "count": "numbers", "query": {} }).await;
    assert_eq!(count.get_i32("n").unwrap(), 700);
}
