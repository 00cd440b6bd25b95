//! Masks on documents, one after another: a value is clear on the very documents on which Cedar applies a permit that does
//! not mask it, whatever the fields hold that the permit reads; and what `last4` makes of every type.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc};
use dialektai::catalog::RelationName;
use dialektai::guard::mongo::guard_mongo;
use dialektai::policy::{Database, Sources};

use super::answer;
use super::rows::{CATALOG, CONDITIONS, documents};
use crate::servers::mongodb::{Server, insert};
use crate::world;

const SETTINGS: &str = "engine = \"mongodb\"\nurl = \"env:URL\"\nrequires_organization_scoping = true\n\
    tenant_filter_column = \"customer_id\"\n";

fn policies(rules: &str) -> Database {
    let sources = Sources {
        settings: SETTINGS.to_owned(),
        catalog: CATALOG.to_owned(),
        policies: vec![("case.cedar".to_owned(), rules.to_owned())],
    };
    Database::from_sources("rows".parse().unwrap(), &sources)
        .unwrap_or_else(|error| panic!("{error}\n{rules}"))
}

async fn shown(database: &mongodb::Database, policies: &Database, query: &str) -> Vec<Document> {
    let filters = policies.predicates_for(&world::principal(82, None)).unwrap();
    let guarded = guard_mongo(query, &policies.catalog, &filters).unwrap();
    let found = answer::guarded(database, guarded.query()).await;
    let found = found.unwrap_or_else(|error| panic!("{error:?}: {}", guarded.query().text()));
    found.into_iter().map(|own| own.as_document().unwrap().clone()).collect()
}

#[tokio::test]
async fn values_are_clear_where_cedar_says() {
    let Some(server) = Server::start(&[]).await else { return };
    let database = server.database("rows").await;
    let mut documents = documents();
    // One field among others is there, null or missing: nothing of that is to be seen where it is masked.
    for (number, (document, ..)) in documents.iter_mut().enumerate() {
        let id = document.remove("_id").unwrap();
        let mut labelled = doc! { "_id": id };
        if number % 3 > 0 {
            labelled
                .insert("label", if number % 3 == 1 { Bson::from("label") } else { Bson::Null });
        }
        labelled.extend(document.clone());
        *document = labelled;
    }
    let numbers = [f64::NAN, f64::NEG_INFINITY, f64::INFINITY, 4.5];
    for (id, number) in (9_000_i64..).zip(numbers) {
        let odd = doc! { "_id": id, "customer_id": 82, "m": 5, "n": number, "label": "label" };
        let row = documents[0].1.clone();
        documents.push((odd, row, true));
    }
    let stored: Vec<Document> = documents.iter().map(|(own, ..)| own.clone()).collect();
    insert(&database, "things", &stored).await;
    let relation = RelationName { schema: "app".to_owned(), name: "things".to_owned() };
    let caller = world::principal(82, None);
    let (mut clear, mut masked) = (0, 0);
    for condition in CONDITIONS {
        let rules = format!(
            "@id(\"all\") @mask(\"null\") @columns(\"label\") permit (principal, action, resource);\n\
             @id(\"p\") permit (principal, action, resource) when {{ {condition} }};"
        );
        let policies = policies(&rules);
        // The same as a filter, where it is no mask's condition: they agree on documents that break the catalog, too.
        let rows = self::policies(&format!(
            "@id(\"p\") permit (principal, action, resource) when {{ {condition} }};"
        ));
        let kept = shown(&database, &rows, "db.things.find({}, {_id: 1})").await;
        let found = shown(&database, &policies, "db.things.aggregate([{$sort: {_id: 1}}])").await;
        assert_eq!(found.len(), documents.len());
        for (document, row, breaks) in &documents {
            let id = &document["_id"];
            let of = |found: &[Document]| found.iter().find(|own| own["_id"] == *id).cloned();
            let found = of(&found).unwrap();
            let applies = if *breaks {
                of(&kept).is_some()
            } else {
                let key = answer::key(id);
                let verdict = policies.verdict(&caller, &relation, &key, row, &[]).unwrap();
                verdict.deciding.iter().any(|own| own == "p")
            };
            let expected = if applies { document.get("label").cloned() } else { Some(Bson::Null) };
            assert_eq!(found.get("label"), expected.as_ref(), "{condition}\n{document}");
            // Its place in the document tells nothing either.
            if expected.is_some() {
                assert_eq!(found.keys().last().map(String::as_str), Some("label"), "{found}");
            }
            if applies { clear += 1 } else { masked += 1 }
        }
        // And a query sees what is shown.
        let seen = shown(&database, &policies, "db.things.find({label: 'label'}, {_id: 1})").await;
        let expected =
            found.iter().filter(|own| own.get("label") == Some(&Bson::from("label"))).count();
        assert_eq!(seen.len(), expected, "{condition}");
    }
    assert!(clear > 300 && masked > 300, "{clear} {masked}");
}

#[tokio::test]
async fn the_last_four_characters_are_those_of_long_texts() {
    let Some(server) = Server::start(&[]).await else { return };
    let database = server.database("rows").await;
    let bytes = Binary { subtype: BinarySubtype::Generic, bytes: vec![7; 16] };
    let cases: Vec<(Option<Bson>, Bson)> = vec![
        (Some("555-0101-7788".into()), "7788".into()),
        (Some("12345678".into()), "5678".into()),
        (Some("1234567".into()), Bson::Null),
        (Some("".into()), Bson::Null),
        (Some("gr\u{fc}n \u{1f4a1}\u{1f511}x\u{e9}z".into()), "\u{1f511}x\u{e9}z".into()),
        (
            Some("\u{1f511}\u{1f511}\u{1f511}\u{1f511}\u{1f511}\u{1f511}\u{1f511}".into()),
            Bson::Null,
        ),
        (Some("ab  cd    ".into()), "    ".into()),
        (Some("$customer_id".into()), "r_id".into()),
        (Some(12_345_678_i64.into()), Bson::Null),
        (Some(Bson::Double(1.5)), Bson::Null),
        (Some(Bson::Boolean(true)), Bson::Null),
        (Some(Bson::DateTime(DateTime::from_millis(0))), Bson::Null),
        (Some(Bson::ObjectId(ObjectId::from_bytes([1; 12]))), Bson::Null),
        (Some(Bson::Binary(bytes)), Bson::Null),
        (Some(vec!["123456789"].into()), Bson::Null),
        (Some(doc! { "a": "123456789" }.into()), Bson::Null),
        (Some(Bson::Null), Bson::Null),
        (None, Bson::Null),
    ];
    let stored: Vec<Document> = (0_i32..)
        .zip(&cases)
        .map(|(id, (label, _))| {
            let mut document = doc! { "_id": id, "customer_id": 82 };
            document.extend(label.clone().map(|label| ("label".to_owned(), label)));
            document
        })
        .collect();
    insert(&database, "things", &stored).await;
    let policies = policies(
        "@id(\"all\") @mask(\"last4\") @columns(\"label\") permit (principal, action, resource)
         when { resource.customer_id == principal.tenant };",
    );
    let found = shown(&database, &policies, "db.things.find({}).sort({_id: 1})").await;
    let found: Vec<_> = found.iter().map(|own| own["label"].clone()).collect();
    // A constant that reads like a path is none.
    let clear = self::policies(
        "@id(\"all\") @mask(\"null\") @columns(\"label\") permit (principal, action, resource);
         @id(\"p\") permit (principal, action, resource) when { resource has label && resource.label == \"$label\" };",
    );
    let seen = shown(&database, &clear, "db.things.find()").await;
    assert!(seen.iter().all(|own| own["label"] == Bson::Null), "{seen:?}");
    let expected: Vec<_> = cases.into_iter().map(|(_, shown)| shown).collect();
    assert_eq!(found, expected);
}
