//! Commands that the rewriter never makes: each fixture's with one thing wrong.

mod shown;

use std::path::Path;

use bson::raw::RawDocumentBuf;
use bson::raw::cstr;
use bson::{Bson, Document, doc};

use super::verify;
use crate::catalog::{Catalog, ColumnName};
use crate::guard::mongo::{CommandKind, MongoCommand, guard_mongo};
use crate::predicate::{CmpOp, Predicate, PredicateSet, RowFilter, Value};

fn compare(column: &str, value: Value) -> Predicate {
    Predicate::Compare { column: ColumnName::new(column), op: CmpOp::Eq, value }
}

fn world() -> (Catalog, PredicateSet) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo/policies");
    let catalog = Catalog::parse(&std::fs::read_to_string(folder.join("catalog.toml")).unwrap());
    let catalog = catalog.unwrap();
    let filters = catalog
        .relations
        .iter()
        .map(|relation| {
            let tenant = compare("customer_id", Value::Long(82));
            let filter = match relation.name.name.as_str() {
                "countries" => RowFilter::AllRows,
                "comments" | "secrets" => RowFilter::NoRows,
                // Strings are compared, so every command carries a collation.
                "employees" => RowFilter::Where(
                    tenant.and(compare("assigned_to", Value::String("ann".to_owned()))),
                ),
                _ => RowFilter::Where(tenant),
            };
            (relation.name.clone(), filter)
        })
        .collect();
    (catalog, filters)
}

fn commands() -> Vec<MongoCommand> {
    let (catalog, filters) = world();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo/ok");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let guarded = guard_mongo(&text, &catalog, &filters);
            guarded.unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display())).0
        })
        .collect()
}

/// Every tree in which one node is replaced by one of those that `edit` gives for it.
fn edits(tree: &Bson, edit: &dyn Fn(&Bson) -> Vec<Bson>) -> Vec<Bson> {
    let mut trees = edit(tree);
    match tree {
        Bson::Document(document) => {
            for (key, value) in document {
                for edited in edits(value, edit) {
                    let mut whole = document.clone();
                    whole.insert(key, edited);
                    trees.push(whole.into());
                }
            }
        }
        Bson::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for edited in edits(item, edit) {
                    let mut whole = items.clone();
                    whole[index] = edited;
                    trees.push(whole.into());
                }
            }
        }
        _ => {}
    }
    trees
}

fn verified(command: &Bson, fence: bool) -> bool {
    let (catalog, filters) = world();
    let bytes = command.as_document().unwrap().to_vec().unwrap();
    verify(&RawDocumentBuf::from_bytes(bytes).unwrap(), &catalog, &filters, fence).is_ok()
}

/// Makes each edit to each fixture's command, and asks that none is verified; and that there were some.
#[track_caller]
fn none_passes(least: usize, edit: &dyn Fn(&Bson) -> Vec<Bson>) {
    let mut made = 0;
    for command in commands() {
        let fence = command.fence.is_some();
        let whole = Bson::Document(Document::try_from(command.command()).unwrap());
        assert!(verified(&whole, fence));
        for edited in edits(&whole, edit) {
            made += 1;
            assert!(!verified(&edited, fence), "{} as {edited}", command.readable());
        }
    }
    assert!(made >= least, "only {made} edits were made");
}

fn equals(number: i32) -> Bson {
    doc! { "$eq": number }.into()
}

#[test]
fn another_tenant_is_seen() {
    none_passes(60, &|node| {
        if *node == equals(82) {
            vec![equals(99), doc! { "$ne": 82 }.into(), doc! { "$gte": 82 }.into()]
        } else {
            Vec::new()
        }
    });
}

#[test]
fn an_array_is_seen() {
    let guard: Bson = doc! { "$not": { "$type": "array" } }.into();
    none_passes(60, &|node| {
        if *node == guard { vec![doc! { "$exists": true }.into()] } else { Vec::new() }
    });
}

#[test]
fn a_missing_stage_is_seen() {
    let removable = |stage: &Bson| {
        let stage = stage.as_document();
        stage.is_some_and(|stage| {
            let filter =
                stage.get("$match").is_some_and(|own| own.to_string().contains("\"$not\""));
            let fence = stage.get("$limit") == Some(&Bson::Int64(i64::MAX));
            let listed = stage.get("$project").is_some_and(|own| {
                own.as_document()
                    .is_some_and(|own| own.len() > 2 && own.contains_key("customer_id"))
            });
            filter || fence || listed
        })
    };
    none_passes(60, &|node| match node {
        Bson::Array(stages) => stages
            .iter()
            .enumerate()
            .filter(|(_, stage)| removable(stage))
            .flat_map(|(index, _)| {
                let mut without = stages.clone();
                let stage = without.remove(index);
                // Appended is not prepended.
                let mut late = without.clone();
                late.push(stage);
                if late == *stages {
                    vec![without.into()]
                } else {
                    vec![without.into(), late.into()]
                }
            })
            .collect(),
        _ => Vec::new(),
    });
}

/// Another stage in the place of the filter or of the fence, or a fence that keeps less.
#[test]
fn another_stage_is_seen() {
    none_passes(50, &|node| match node {
        Bson::Document(stage) if stage.get("$limit") == Some(&Bson::Int64(i64::MAX)) => {
            vec![doc! { "$limit": 5_i64 }.into(), doc! { "$skip": i64::MAX }.into()]
        }
        Bson::Document(stage) => match stage.get("$match") {
            Some(filter) if filter.to_string().contains("\"$not\"") => {
                vec![doc! { "$addFields": filter.clone() }.into()]
            }
            Some(_) | None => Vec::new(),
        },
        _ => Vec::new(),
    });
}

/// A distance that is written over the tenant's key, and shown as such.
#[test]
fn a_distance_in_the_place_of_the_key_is_seen() {
    let near = commands().into_iter().find(|command| command.text().contains("$geoNear"));
    let mut command = Document::try_from(near.unwrap().command()).unwrap();
    let mut stages = command.get_array("pipeline").unwrap().clone();
    let [first, .., projection, _] = stages.as_mut_slice() else { panic!() };
    let first = first.as_document_mut().unwrap().get_document_mut("$geoNear").unwrap();
    let distance = first.insert("distanceField", "customer_id").unwrap();
    let projection = projection.as_document_mut().unwrap().get_document_mut("$project").unwrap();
    projection.remove(distance.as_str().unwrap());
    command.insert("pipeline", stages);
    assert!(!verified(&command.into(), false));
}

#[test]
fn a_weaker_condition_is_seen() {
    none_passes(20, &|node| match node {
        Bson::Document(document) => match document.get("$and") {
            Some(Bson::Array(operands)) if document.to_string().contains("\"$not\"") => {
                let mut replaced = document.clone();
                replaced.insert("extra", 1);
                vec![doc! { "$or": operands.clone() }.into(), replaced.into(), doc! {}.into()]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    });
}

#[test]
fn a_hidden_field_is_seen() {
    none_passes(60, &|node| match node {
        Bson::Document(document)
            if document.contains_key("customer_id")
                && document.get("name") == Some(&Bson::Int32(1)) =>
        {
            let mut wider = document.clone();
            wider.insert("password_hash", 1);
            let mut other = document.clone();
            other.insert("name", "$password_hash");
            vec![wider.into(), other.into()]
        }
        _ => Vec::new(),
    });
}

/// What `$graphLookup` found, cut to other names, or not at all.
#[test]
fn a_walk_that_is_not_cut_is_seen() {
    none_passes(4, &|node| match node {
        Bson::Document(document) if document.contains_key("$literal") => {
            let Some(Bson::Array(names)) = document.get("$literal") else { return Vec::new() };
            let wider: Vec<Bson> = names.iter().cloned().chain(["salary".into()]).collect();
            vec![doc! { "$literal": wider }.into(), doc! { "$objectToArray": "$$row" }.into()]
        }
        Bson::Document(document) if document.contains_key("restrictSearchWithMatch") => {
            let mut open = document.clone();
            open.remove("restrictSearchWithMatch");
            vec![open.into()]
        }
        Bson::Document(document)
            if document
                .get_document("$map")
                .is_ok_and(|map| map.get_str("as").is_ok_and(|name| name == "row")) =>
        {
            vec![Bson::String("$chain".to_owned()), doc! { "$literal": 1 }.into()]
        }
        _ => Vec::new(),
    });
}

#[test]
fn what_geo_near_writes_is_seen() {
    none_passes(3, &|node| match node {
        Bson::Document(document) if document.contains_key("distanceField") => {
            let with = |key: &str, value: &str| {
                let mut with = document.clone();
                with.insert(key, value);
                with.into()
            };
            let mut unkeyed = document.clone();
            unkeyed.remove("key");
            vec![
                with("distanceField", "customer_id"),
                with("includeLocs", "customer_id"),
                with("key", "home"),
                unkeyed.into(),
            ]
        }
        _ => Vec::new(),
    });
}

#[test]
fn another_collection_is_seen() {
    none_passes(60, &|node| match node {
        Bson::Document(document) => ["find", "aggregate", "count", "distinct", "from", "coll"]
            .into_iter()
            .filter(|key| matches!(document.get(key), Some(Bson::String(_))))
            .flat_map(|key| {
                ["secrets", "comments", "nonesuch", "system.profile"].map(|name| {
                    let mut other = document.clone();
                    other.insert(key, name);
                    other.into()
                })
            })
            .collect(),
        _ => Vec::new(),
    });
}

#[test]
fn what_has_no_business_is_seen() {
    let smuggled = [
        doc! { "$lookup": { "from": "secrets", "pipeline": [], "as": "s" } },
        doc! { "$function": { "body": "", "args": [], "lang": "js" } },
        doc! { "$unionWith": "secrets" },
        doc! { "$where": "1" },
        doc! { "$out": "x" },
    ];
    none_passes(150, &|node| match node {
        Bson::String(text) if text.starts_with('$') => {
            let code = Bson::JavaScriptCode("1".to_owned());
            smuggled.iter().cloned().map(Bson::Document).chain([code]).collect()
        }
        _ => Vec::new(),
    });
    none_passes(100, &|node| match node {
        Bson::Array(stages)
            if stages.iter().any(|stage| {
                stage.as_document().is_some_and(|stage| stage.contains_key("$project"))
            }) =>
        {
            smuggled
                .iter()
                .map(|stage| stages.iter().cloned().chain([stage.clone().into()]).collect())
                .collect()
        }
        _ => Vec::new(),
    });
}

#[test]
fn fields_of_commands_are_seen() {
    none_passes(100, &|node| match node {
        Bson::Document(document) if document.contains_key("collation") => {
            let without = |key: &str| {
                let mut without = document.clone();
                without.remove(key);
                without.into()
            };
            let with = |key: &str, value: Bson| {
                let mut with = document.clone();
                with.insert(key, value);
                with.into()
            };
            vec![
                without("collation"),
                with("collation", doc! { "locale": "en", "strength": 1 }.into()),
                with("hint", "x".into()),
                with("let", doc! { "t": 99 }.into()),
                with("$db", "admin".into()),
                with("min", doc! {}.into()),
            ]
        }
        _ => Vec::new(),
    });
}

/// What is not fenced off although a condition may fail.
#[test]
fn a_fence_that_is_missing_is_seen() {
    let unfenced = commands().into_iter().filter(|command| command.fence.is_none());
    let beside = unfenced.filter(|command| command.kind != CommandKind::Aggregate);
    let mut seen = 0;
    for command in beside {
        let whole = Bson::Document(Document::try_from(command.command()).unwrap());
        assert!(!verified(&whole, true), "{}", command.readable());
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} commands");
}

#[test]
fn what_find_and_distinct_name_is_seen() {
    none_passes(5, &|node| match node {
        Bson::Document(document) => ["sort", "key"]
            .into_iter()
            .filter(|key| document.contains_key(key) && !document.contains_key("near"))
            .map(|key| {
                let mut other = document.clone();
                let hidden = doc! { "password_hash": 1 };
                other.insert(
                    key,
                    if key == "key" { "password_hash".into() } else { Bson::from(hidden) },
                );
                other.into()
            })
            .collect(),
        _ => Vec::new(),
    });
}

/// A key that stands twice: the server reads both, and what looks at the first only is deceived.
#[test]
fn a_key_that_stands_twice_is_seen() {
    let (catalog, filters) = world();
    let verified = |names: &[&str], queries: usize| {
        let mut query = RawDocumentBuf::new();
        for name in names {
            query.append(cstr!("name"), *name);
        }
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("count"), "countries");
        for _ in 0..queries {
            command.append(cstr!("query"), query.clone());
        }
        let simple = RawDocumentBuf::try_from(&doc! { "locale": "simple" }).unwrap();
        command.append(cstr!("collation"), simple);
        verify(&command, &catalog, &filters, false).is_ok()
    };
    assert!(verified(&["a"], 1));
    assert!(!verified(&["a", "b"], 1));
    assert!(!verified(&["a"], 2));
}

/// What is kept with filters was made of a catalog, and is good for no other.
#[test]
fn filters_of_another_catalog_are_seen() {
    let (catalog, filters) = world();
    let guard = |catalog: &Catalog| guard_mongo("db.countries.find()", catalog, &filters);
    let command = guard(&catalog).unwrap();
    let mut other = catalog.clone();
    for relation in &mut other.relations {
        relation.columns.truncate(1);
    }
    assert!(guard(&other).is_err());
    let raw = command.0.command();
    assert!(verify(raw, &catalog, &filters, false).is_ok());
    assert!(verify(raw, &other, &filters, false).is_err());
}
