//! Tests of commands, which run on a live database alone.

use std::fs;

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::json;
use crate::cli::run;
use crate::servers::mongodb::{Server, insert};
use crate::world::root;

const TESTS: &str = r#"
[[rows.papers]]
_id = "64b7f0c2a1d3e4f506172801"
owner = { tenant = 82 }
title = "Own"

[[rows.papers]]
_id = "64b7f0c2a1d3e4f506172802"
owner = { tenant = 7 }
readers = [82]
labels = ["draft"]
title = "A draft"

[[test]]
name = "a draft is read by its owner"
tenant = 82
relation = "papers"
visible = ["64b7f0c2a1d3e4f506172801"]
hidden = ["64b7f0c2a1d3e4f506172802"]

[[test]]
name = "what is seen of the library"
tenant = 82
database = "live"
relation = "papers"
visible = ["64b7f0c2a1d3e4f506172801", "64b7f0c2a1d3e4f506172803"]

[[test]]
name = "own papers and shared ones"
tenant = 82
database = "live"
query = "db.papers.find({}, {title: 1, _id: 0}).sort({title: 1})"
rows = [{ title = "Own" }, { title = "Shared" }]
ordered = true

[[test]]
name = "nothing of a draft is counted"
tenant = 82
database = "live"
query = '{"aggregate": "papers", "pipeline": [{"$group": {"_id": "$owner.tenant", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}], "cursor": {}}'
rows = [{ _id = 7, n = 1 }, { _id = 82, n = 1 }]

[[test]]
name = "a field that is not listed is none"
tenant = 82
database = "live"
query = "db.papers.find({secret: 'x'})"
refused = "unknown_column"
"#;

#[tokio::test]
async fn commands_are_tested_on_a_live_database() {
    let Some(server) = Server::start(&[]).await else { return };
    let id = |last: u8| ObjectId::parse_str(format!("64b7f0c2a1d3e4f5061728{last:02}")).unwrap();
    let days = vec![DateTime::from_millis(0)];
    let papers = [
        doc! { "_id": id(1), "owner": { "tenant": 82 }, "title": "Own", "review": { "days": days } },
        doc! { "_id": id(2), "owner": { "tenant": 7 }, "readers": [82], "labels": ["draft"], "title": "A draft" },
        doc! { "_id": id(3), "owner": { "tenant": 7 }, "readers": [5, 82], "title": "Shared", "secret": "x" },
        doc! { "_id": id(4), "owner": { "tenant": 7 }, "title": "Foreign" },
    ];
    insert(&server.database("library").await, "papers", &papers).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/demo");
    fs::create_dir_all(place.join("tests")).unwrap();
    let library = root().join("fixtures/documents/library");
    for name in ["catalog.toml", "readers.cedar"] {
        fs::copy(library.join(name), place.join(name)).unwrap();
    }
    let settings = fs::read_to_string(library.join("database.toml")).unwrap();
    let own = settings.replace("env:LIBRARY_DATABASE_URL", &server.url("library"));
    assert_ne!(own, settings);
    fs::write(place.join("database.toml"), own).unwrap();
    fs::write(place.join("tests/papers.toml"), TESTS).unwrap();
    let (exit, output, errors) = run(folder.path(), &["test", "demo"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    assert!(output.ends_with("5 passed, 0 failed\n"), "{output}");

    // A rule too few shows in the live rows, in those of the file, and in what is counted.
    let rules = fs::read_to_string(place.join("readers.cedar")).unwrap();
    let (kept, draft) = rules.split_at(rules.find("// A draft").unwrap());
    assert!(draft.contains("forbid"));
    fs::write(place.join("readers.cedar"), kept).unwrap();
    let (exit, document, _) = json(folder.path());
    assert_eq!(exit, 1, "{document}");
    assert_eq!(
        super::failed(&document),
        [
            "a draft is read by its owner",
            "what is seen of the library",
            "own papers and shared ones",
            "nothing of a draft is counted"
        ],
        "{document}"
    );
}
