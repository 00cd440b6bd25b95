//! What is made of samples, validators and privileges; on a server in `tests/it/check/mongodb.rs`.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Decimal128};

use super::*;
use crate::engine::{Power, Role};

fn name() -> RelationName {
    RelationName { schema: "app".to_owned(), name: "c".to_owned() }
}

/// The lines of the columns as `pull` writes them for these documents, without what is the same in each.
fn lines(documents: &[Document], options: &Document) -> Vec<String> {
    let mut seen = Seen::default();
    for document in documents {
        seen.add(&RawDocumentBuf::try_from(document).unwrap(), 0);
    }
    let mut remarks = Remarks::default();
    let promise = validator::promise(options);
    let relation = Relation {
        name: name(),
        kind: RelationKind::Table,
        entity_type: "c".to_owned(),
        columns: columns::columns(&name(), &seen, promise.as_ref(), &mut remarks),
        primary_key: vec![ColumnName::new("_id")],
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    };
    let relations = vec![relation];
    let catalog =
        Catalog { default_schema: "app".to_owned(), relations, functions: Arc::default() };
    let text = catalog.annotated(&remarks);
    let read = Catalog::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(read, catalog, "{text}");
    let written = crate::catalog::read(&text).unwrap_or_else(|_| panic!("{text}"));
    assert!(crate::catalog::check_documents(&written, true).is_empty());
    let lines = text.lines().skip_while(|line| !line.starts_with("columns")).skip(1);
    lines
        .take_while(|line| *line != "]")
        .map(|line| line.trim().replace("{ name = ", "").replace(" of the sample", ""))
        .collect()
}

/// The line of the field `f`, which all the documents may have.
#[track_caller]
fn field(values: impl IntoIterator<Item = Bson>, expected: &str) {
    let documents: Vec<Document> =
        values.into_iter().map(|value| doc! { "_id": 1, "f": value }).collect();
    let lines = lines(&documents, &doc! {});
    let line = lines.iter().find(|line| line.contains("\"f\"")).unwrap();
    assert_eq!(line, expected);
}

#[test]
fn a_type_is_listed_where_one_holds_every_value() {
    let text = || Bson::from("x");
    let uuid = |subtype| Bson::Binary(Binary { subtype, bytes: vec![7; 16] });
    for (value, expected) in [
        (Bson::Int32(1), "integer"),
        (Bson::Int64(1), "integer"),
        (Bson::Double(1.5), "float"),
        (Bson::Decimal128("1.5".parse::<Decimal128>().unwrap()), "decimal"),
        (Bson::Boolean(true), "boolean"),
        (text(), "text"),
        (Bson::DateTime(DateTime::from_millis(0)), "timestamptz"),
        (Bson::ObjectId(ObjectId::new()), "objectid"),
        (uuid(BinarySubtype::Uuid), "uuid"),
        (uuid(BinarySubtype::Generic), "bytes"),
    ] {
        field(
            [value.clone(), value.clone()],
            &format!("\"f\", type = \"{expected}\", nullable = true }},  # in all 2"),
        );
        let array = Bson::from(vec![value.clone(), value]);
        let expected = format!("\"f\", type = \"{expected}\", nullable = true, array = true }},");
        field([array, Bson::Array(Vec::new())], &format!("{expected}  # in all 2"));
    }
    let expect = |rest: &str| format!("\"f\", {rest}");
    for (values, expected) in [
        (
            vec![Bson::Int32(1), Bson::Double(2.0)],
            "type = \"integer\", nullable = true },  # also as double; in all 2",
        ),
        (
            vec![Bson::Int32(1), Bson::Double(2.5)],
            "type = \"float\", nullable = true },  # in all 2",
        ),
        (
            vec![Bson::Int32(1), text()],
            "type = \"other\", nullable = true },  # int or string: no policy reads it; in all 2",
        ),
        (
            vec![text(), vec![text()].into()],
            "type = \"other\", nullable = true },  # array or string: no policy reads it; in all 2",
        ),
        (vec![text(), Bson::Null], "type = \"text\", nullable = true },  # in 1 of 2"),
        (vec![Bson::Null], "type = \"other\", nullable = true },  # only null; in 0 of 1"),
        (
            vec![Bson::Array(Vec::new())],
            "type = \"other\", nullable = true, array = true },  # only empty arrays; in all 1",
        ),
        (
            vec![vec![text(), Bson::Null].into()],
            "type = \"other\", nullable = true, array = true },  # an array of null or string; in all 1",
        ),
        (
            vec![Bson::Timestamp(bson::Timestamp { time: 1, increment: 1 })],
            "type = \"other\", nullable = true },  # another type: no policy reads it; in all 1",
        ),
    ] {
        field(values, &expect(expected));
    }
}

#[test]
fn documents_are_told_apart_by_their_fields() {
    let documents = [
        doc! { "_id": 1, "a": { "b": { "c": 1 }, "d": "x" }, "l": [{ "n": 1 }, { "n": "x" }], "$x": 1 },
        doc! { "_id": 2, "a": { "d": Bson::Null }, "l": [], "m": { "1": 1, "2": 2 }, "e": {} },
    ];
    assert_eq!(
        lines(&documents, &doc! {}),
        [
            "\"_id\", type = \"integer\", nullable = false },  # in all 2",
            "\"a\", type = \"document\", nullable = true },  # in all 2",
            "\"a.b\", type = \"document\", nullable = true },  # in 1 of 2",
            "\"a.b.c\", type = \"integer\", nullable = true },  # in all 1",
            "\"a.d\", type = \"text\", nullable = true },  # in 1 of 2",
            "\"e\", type = \"document\", nullable = true },  # in 1 of 2",
            "\"l\", type = \"document\", nullable = true, array = true },  # in all 2",
            "\"l.n\", type = \"other\", nullable = true },  # int or string: no policy reads it; in all 2",
            "# \"m\", type = \"json\", nullable = true },  # names in it are many, or no names: `json` shows all of it; in 1 of 2",
        ],
    );
    // Too deep, and too many.
    let mut deep = doc! { "x": 1 };
    for _ in 0..100 {
        deep = doc! { "d": deep };
    }
    let wide: Document = (0..101).map(|n| (format!("k{n}"), Bson::Int32(n))).collect();
    let lines = lines(&[doc! { "_id": 1, "d": deep, "w": wide }], &doc! {});
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines.iter().filter(|line| line.starts_with("# ")).count() == 2, "{lines:?}");
}

/// A field is required where a validator says so of every write and no document of the sample says otherwise.
#[test]
fn a_validator_makes_fields_required() {
    let schema = doc! {
        "bsonType": "object",
        "required": ["k", "n", "a", "odd"],
        "properties": {
            "k": { "bsonType": ["int", "long"] },
            "n": { "bsonType": ["string", "null"] },
            "a": { "bsonType": "object", "required": ["b"], "properties": { "b": { "type": "boolean" } } },
            "t": { "bsonType": "array", "items": { "bsonType": "string" } },
            "odd": { "bsonType": "string" },
            "u": {},
        },
    };
    let documents =
        [doc! { "_id": "x", "k": 1, "n": "x", "a": { "b": true }, "t": [], "odd": "x" }];
    let expected = |required: bool| {
        let nullable = !required;
        vec![
            "\"_id\", type = \"text\", nullable = false },  # in all 1".to_owned(),
            format!("\"a\", type = \"document\", nullable = {nullable} }},  # in all 1"),
            format!("\"a.b\", type = \"boolean\", nullable = {nullable} }},  # in all 1"),
            format!("\"k\", type = \"integer\", nullable = {nullable} }},  # in all 1"),
            "\"n\", type = \"text\", nullable = true },  # in all 1".to_owned(),
            format!("\"odd\", type = \"text\", nullable = {nullable} }},  # in all 1"),
            "\"t\", type = \"text\", nullable = true, array = true },  # in all 1".to_owned(),
        ]
    };
    let upheld = [
        doc! { "validator": { "$jsonSchema": &schema } },
        doc! { "validator": { "$and": [{ "x": 1 }, { "$jsonSchema": &schema }] } },
        doc! {
            "validator": { "$jsonSchema": &schema },
            "validationLevel": "strict", "validationAction": "error",
        },
    ];
    for options in upheld {
        let found = lines(&documents, &options);
        assert_eq!(found[..7], expected(true), "{options}");
        assert_eq!(found[7], "\"u\", type = \"other\", nullable = true },  # only null; in 0 of 1");
    }
    let lax = [
        doc! { "validator": { "$jsonSchema": &schema }, "validationLevel": "moderate" },
        doc! { "validator": { "$jsonSchema": &schema }, "validationAction": "warn" },
        doc! { "validator": { "$or": [{ "$jsonSchema": &schema }] } },
    ];
    for options in lax {
        let found = lines(&documents, &options);
        assert_eq!(found[..6], expected(false)[..6], "{options}");
        assert!(found[6].contains("only empty arrays"), "{}", found[6]);
    }
    // Older documents need not be what the validator says.
    let older = doc! { "_id": 2, "k": "x", "odd": "x", "a": { "b": 1 } };
    let found =
        lines(&[documents[0].clone(), older], &doc! { "validator": { "$jsonSchema": schema } });
    for (line, expected) in [
        (1, "\"a\", type = \"document\", nullable = false"),
        (2, "\"a.b\", type = \"other\", nullable = false"),
        (3, "\"k\", type = \"other\", nullable = false"),
    ] {
        assert!(found[line].starts_with(expected), "{}", found[line]);
    }
}

/// What is promised and not there is optional all the same: the document is older than the validator.
#[test]
fn a_sample_that_says_otherwise_makes_a_field_optional() {
    let schema = doc! {
        "required": ["k", "n"],
        "properties": { "k": { "bsonType": "int" }, "n": { "bsonType": "int" } },
    };
    let options = doc! { "validator": { "$jsonSchema": schema } };
    let documents = [doc! { "_id": 1, "k": 1, "n": 1 }, doc! { "_id": 2, "n": Bson::Null }];
    assert_eq!(
        lines(&documents, &options)[1..],
        [
            "\"k\", type = \"integer\", nullable = true },  # in 1 of 2",
            "\"n\", type = \"integer\", nullable = true },  # in 1 of 2",
        ],
    );
}

#[test]
fn an_empty_collection_has_its_key() {
    assert_eq!(
        lines(&[], &doc! {}),
        ["\"_id\", type = \"other\", nullable = false },  # no document was seen"],
    );
}

fn role(user: bool, roles: &[&str], privileges: &[(Document, &[&str])]) -> Role {
    let users = if user { vec![doc! { "user": "app", "db": "app" }] } else { Vec::new() };
    let roles: Vec<Document> =
        roles.iter().map(|role| doc! { "role": *role, "db": "app" }).collect();
    let privileges: Vec<Document> = privileges
        .iter()
        .map(|(resource, actions)| doc! { "resource": resource, "actions": actions.to_vec() })
        .collect();
    let status = doc! { "authInfo": {
        "authenticatedUsers": users,
        "authenticatedUserRoles": roles,
        "authenticatedUserPrivileges": privileges,
    } };
    let columns = columns::columns(&name(), &Seen::default(), None, &mut Remarks::default());
    let relation = Relation {
        name: name(),
        kind: RelationKind::Table,
        entity_type: "c".to_owned(),
        columns,
        primary_key: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    };
    role::read(&status, "app", &[relation])
}

#[test]
fn a_role_is_told_by_what_it_may_do() {
    let of = |collection: &str| doc! { "db": "app", "collection": collection };
    let powers = |resource: Document, actions: &[&str]| {
        role(true, &["reader"], &[(of("c"), &["find"]), (resource, actions)]).powers
    };
    assert_eq!(role(true, &["reader"], &[(of("c"), &["find"])]).powers, []);
    assert_eq!(powers(of(""), &["find", "listCollections", "listIndexes"]), []);
    assert_eq!(role(false, &[], &[]).powers, [Power::Superuser]);
    assert_eq!(role(true, &["root", "dbOwner"], &[]).powers, [Power::Superuser]);
    let owner = role(true, &["dbOwner", "read"], &[]).powers;
    assert_eq!(owner, [Power::Grants, Power::Creates, Power::Writes(vec![name()])]);
    assert_eq!(role(true, &["clusterMonitor"], &[]).powers, [Power::ReadsElsewhere]);
    assert_eq!(role(true, &["read"], &[]).powers, []);
    assert_eq!(powers(doc! { "anyResource": true }, &["anyAction"]), [Power::Superuser]);
    assert_eq!(powers(of(""), &["createIndex"]), [Power::Creates]);
    assert_eq!(powers(of(""), &["grantRole"]), [Power::Grants]);
    assert_eq!(powers(doc! { "cluster": true }, &["inprog"]), [Power::ReadsElsewhere]);
    assert_eq!(powers(doc! { "db": "", "collection": "" }, &["find"]), [Power::ReadsElsewhere]);
    assert_eq!(powers(doc! { "db": "b", "collection": "" }, &["find"]), [Power::ReadsElsewhere]);
    assert_eq!(powers(of(""), &["insert"]), [Power::Writes(vec![name()])]);
    let other = RelationName { schema: "app".to_owned(), name: "log".to_owned() };
    assert_eq!(powers(of("log"), &["update"]), [Power::Writes(vec![other])]);
    assert_eq!(
        role(true, &[], &[]).grants,
        [
            r#"db.getSiblingDB("app").runCommand({"createRole":"dialektai_reader","privileges":[{"resource":{"db":"app","collection":"c"},"actions":["find"]}],"roles":[]})"#
        ],
    );
}
