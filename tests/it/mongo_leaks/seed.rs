//! Documents of tenant 82 that the fixtures' conditions find, and of others that they would find as well: copies under
//! other tenants, copies whose every text says whose they are, and some on which operators fail.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Decimal128, Document, doc};

/// The ids of documents that are not tenant 82's.
const FOREIGN_ID: i64 = 770_000;

/// The documents of each collection: all, or what tenant 82 may read.
pub(super) fn collections(own: bool) -> Vec<(&'static str, Vec<Document>)> {
    let mut collections = vec![("countries", countries())];
    for (name, documents) in [
        ("projects", projects()),
        ("tasks", tasks()),
        ("employees", employees()),
        ("places", places()),
    ] {
        let documents = if own { documents } else { among_others(name, &documents) };
        collections.push((name, documents));
    }
    if !own {
        let denied =
            |id: i64| doc! { "_id": id, "task_id": 1_i64, "body": "DENIED", "value": "DENIED" };
        collections.push(("comments", vec![denied(1), denied(FOREIGN_ID + 1)]));
        collections.push(("secrets", vec![denied(1)]));
    }
    collections
}

fn countries() -> Vec<Document> {
    vec![
        doc! { "_id": "IT", "name": "Italy", "population": 59_000_000_i64 },
        doc! { "_id": "MT", "name": "Malta", "population": 500_000_i64 },
        doc! { "_id": "XX", "name": "Nowhere", "population": Bson::Null },
    ]
}

fn day(year: i32, month: u8, day: u8) -> DateTime {
    DateTime::builder().year(year).month(month).day(day).build().unwrap()
}

fn decimal(text: &str) -> Decimal128 {
    text.parse().unwrap()
}

fn projects() -> Vec<Document> {
    let project = |id: i64, name: &str, status: &str, budget: Bson| {
        doc! {
            "_id": id, "customer_id": 82_i64, "name": name, "status": status, "budget": budget,
            "country_code": "IT", "started_at": day(2024, 2, 29), "archived": id % 2 == 0,
            "tags": ["a", "b", "long one"], "address": { "city": "Rome", "zip": "00100" },
            "meta": { "anything": { "goes": 1 } },
        }
    };
    let bare = doc! { "_id": 9_i64, "customer_id": 82_i64, "name": "bare", "status": "done", "archived": false };
    let mut projects = vec![
        project(7, "a'bé", "active", decimal("1500.50").into()),
        project(82, "x", "active", decimal("0.25").into()),
        project(8, "$customer_id", "a", decimal("12").into()),
        project(10, "abcdef", "b", Bson::Null),
        project(11, "aaaa", "active", decimal("2000").into()),
        bare,
    ];
    // Enough of them for `.skip(5)`.
    projects.extend((20..28).map(|id| project(id, "more", "active", decimal("1001").into())));
    if let Some(rome) = projects.get_mut(3) {
        rome.insert("address", doc! { "city": "Rome" });
    }
    projects
}

fn tasks() -> Vec<Document> {
    let owner = ObjectId::parse_str("507f1f77bcf86cd799439011").unwrap();
    let task = |id: i64, project: i64, status: &str| {
        doc! {
            "_id": id, "project_id": project, "customer_id": 82_i64, "title": "Abc", "status": status,
            "priority": 1_i64, "assigned_to": "ann", "owner": owner,
            "steps": [{ "name": "x", "done": true }, { "name": "y", "done": false }],
        }
    };
    vec![task(1, 7, "open"), task(2, 7, "done"), task(3, 82, "open"), task(4, 9, "open")]
}

fn employees() -> Vec<Document> {
    let employee = |id: i64, name: &str, manager: Bson| {
        doc! { "_id": id, "customer_id": 82_i64, "name": name, "manager_id": manager, "assigned_to": "ann" }
    };
    vec![
        employee(1, "first", Bson::Null),
        employee(2, "second", 1_i64.into()),
        employee(3, "third", 2_i64.into()),
        // Its manager is somebody else's.
        employee(4, "fourth", (FOREIGN_ID + 1).into()),
    ]
}

fn places() -> Vec<Document> {
    let place = |name: &str, at: [f64; 2]| {
        doc! {
            "customer_id": 82_i64, "name": name,
            "location": { "type": "Point", "coordinates": [at[0], at[1]] },
        }
    };
    vec![place("x", [1.0, 2.0]), place("x", [1.001, 2.001]), place("far", [50.0, 2.0])]
}

/// Each document, then as others have it; in all of them a field that no catalog lists.
fn among_others(name: &str, own: &[Document]) -> Vec<Document> {
    let mut all = Vec::new();
    let mut id = FOREIGN_ID;
    for document in own {
        let others: [(Option<Bson>, bool); 6] = [
            (Some(7_i64.into()), false),
            (Some(99_i64.into()), true),
            (Some("82".into()), true),
            (Some(vec![82_i64, 7].into()), true),
            (Some(Bson::Null), true),
            (None, true),
        ];
        all.push(document.clone());
        for (tenant, marked) in others {
            id += 1;
            let mut other = document.clone();
            if document.contains_key("_id") {
                other.insert("_id", id);
            }
            match tenant {
                Some(tenant) => drop(other.insert("customer_id", tenant)),
                None => drop(other.remove("customer_id")),
            }
            all.push(if marked { mark(other) } else { other });
        }
    }
    for document in &mut all {
        document.insert("salary", "UNLISTED");
        if let Some(Bson::Document(address)) = document.get_mut("address") {
            address.insert("door", "UNLISTED");
        }
    }
    all.extend(poison(name, id));
    all
}

/// Every text says whose it is.
fn mark(document: Document) -> Document {
    document.into_iter().map(|(key, value)| (key, marked(value))).collect()
}

fn marked(value: Bson) -> Bson {
    match value {
        Bson::String(text) if text == "Point" => Bson::String(text),
        Bson::String(text) => Bson::String(format!("{text} FOREIGN")),
        Bson::Document(document) => Bson::Document(mark(document)),
        Bson::Array(items) => Bson::Array(items.into_iter().map(marked).collect()),
        value => value,
    }
}

/// Documents of tenant 7 on which operators fail.
fn poison(name: &str, id: i64) -> Vec<Document> {
    match name {
        "projects" => vec![
            doc! { "_id": id + 1, "customer_id": 7_i64, "name": "secret", "budget": decimal("0"), "status": "active" },
            doc! { "_id": id + 2, "customer_id": 7_i64, "name": 5, "budget": "FOREIGN", "status": 1, "tags": "FOREIGN",
            "started_at": "FOREIGN", "address": "FOREIGN", "archived": "FOREIGN" },
            doc! { "_id": id + 3, "customer_id": 7_i64, "name": format!("{}!", "a".repeat(40)), "status": "active" },
        ],
        "tasks" => vec![
            doc! { "_id": id + 1, "customer_id": 7_i64, "project_id": 7_i64, "title": 5, "priority": "FOREIGN", "steps": 1 },
        ],
        _ => Vec::new(),
    }
}
