//! The same for columns that are hidden, on all documents or on some, and for masks.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalog::RelationName;
use crate::predicate::{Mask, Masked};

fn changing() -> (Catalog, PredicateSet) {
    let (catalog, mut filters) = world();
    let name =
        |name: &str| RelationName { schema: catalog.default_schema.clone(), name: name.to_owned() };
    let columns = |names: &[&str]| -> BTreeSet<ColumnName> {
        names.iter().map(|name| ColumnName::new(*name)).collect()
    };
    let rows = |column: &str, value| RowFilter::Where(compare(column, value));
    filters.hide(name("projects"), columns(&["meta", "address.zip"]));
    filters.leave(
        name("projects"),
        BTreeMap::from([
            (ColumnName::new("budget"), rows("archived", Value::Bool(false))),
            (ColumnName::new("address.city"), rows("status", Value::String("open".to_owned()))),
        ]),
    );
    filters.leave(
        name("countries"),
        BTreeMap::from([(
            ColumnName::new("population"),
            rows("name", Value::String("x".to_owned())),
        )]),
    );
    let masked = Masked {
        clear: rows("priority", Value::Long(1)),
        stricter: vec![(compare("priority", Value::Long(2)), Mask::Null)],
        otherwise: Mask::Last4,
    };
    filters.mask(name("tasks"), BTreeMap::from([(ColumnName::new("title"), masked)]));
    let masked = Masked { clear: RowFilter::NoRows, stricter: Vec::new(), otherwise: Mask::Null };
    filters.mask(name("places"), BTreeMap::from([(ColumnName::new("location"), masked)]));
    (catalog, filters)
}

/// Each with whether the filter of `budget` is there.
const QUERIES: [(&str, bool); 14] = [
    ("db.projects.find()", true),
    ("db.projects.find({}, { name: 1 })", false),
    ("db.projects.find({ budget: 1 }, { name: 1 })", true),
    ("db.projects.countDocuments({ name: 'x' })", false),
    ("db.projects.distinct('name', { status: 'x' })", false),
    ("db.projects.distinct('name', { $expr: { $eq: ['$budget', 1] } })", true),
    ("db.projects.distinct('budget')", true),
    ("db.countries.distinct('name')", false),
    ("db.countries.distinct('name', { $and: [{ name: 'x' }, { population: 1 }] })", false),
    ("db.countries.aggregate([{ $group: { _id: '$name' } }])", false),
    (
        "db.countries.aggregate([{ $graphLookup: { from: 'countries', startWith: '$name', connectFromField: 'name', connectToField: 'name', as: 'c' } }])",
        false,
    ),
    (
        "db.countries.aggregate([{ $lookup: { from: 'projects', localField: 'name', foreignField: 'budget', pipeline: [{ $project: { name: 1 } }], as: 'p' } }])",
        true,
    ),
    ("db.tasks.find({ title: 'x' })", false),
    (
        "db.tasks.aggregate([{ $match: { $expr: { $gt: [{ $divide: [1, '$priority'] }, 0] } } }, { $unionWith: 'projects' }])",
        true,
    ),
];

fn verified(command: &Bson, fence: bool) -> bool {
    let (catalog, filters) = changing();
    let bytes = command.as_document().unwrap().to_vec().unwrap();
    verify(&RawDocumentBuf::from_bytes(bytes).unwrap(), &catalog, &filters, fence).is_ok()
}

fn commands() -> Vec<MongoCommand> {
    let (catalog, filters) = changing();
    QUERIES
        .into_iter()
        .map(|(query, touches)| {
            let guarded = guard_mongo(query, &catalog, &filters);
            let command = guarded.unwrap_or_else(|refusal| panic!("{query}: {refusal}")).0;
            assert_eq!(command.text().contains("\"archived\":{\"$eq\""), touches, "{query}");
            command
        })
        .collect()
}

#[track_caller]
fn none_passes(least: usize, edit: &dyn Fn(&Bson) -> Vec<Bson>) {
    let mut made = 0;
    for command in commands() {
        let fence = command.fence.is_some();
        let whole = Bson::Document(Document::try_from(command.command()).unwrap());
        assert!(verified(&whole, fence));
        for edited in edits(&whole, edit).into_iter().filter(|edited| *edited != whole) {
            made += 1;
            assert!(!verified(&edited, fence), "{} as {edited}", command.readable());
        }
    }
    assert!(made >= least, "only {made} edits were made");
}

fn projected(node: &Bson) -> Option<Document> {
    let project = node.as_document()?.get_document("$project").ok()?;
    // The guard's own, and not the query's.
    (project.contains_key("customer_id")
        || project.contains_key("_id") && project.contains_key("name"))
    .then(|| project.clone())
    .filter(|project| project.len() > 2 || project.contains_key("_id"))
}

/// A field that is let through, and not its filter.
#[test]
fn a_field_without_its_filter_is_seen() {
    none_passes(15, &|node| {
        let Some(project) = projected(node) else { return Vec::new() };
        ["budget", "address.city", "population", "meta", "address.zip", "address", "password_hash"]
            .into_iter()
            .filter(|name| !project.contains_key(*name))
            .map(|name| {
                let mut wider = project.clone();
                wider.insert(name, 1);
                doc! { "$project": wider }.into()
            })
            .collect()
    });
    // And its filter left out where it is let through.
    none_passes(8, &|node| match node {
        Bson::Array(parts) => (0..parts.len())
            .filter(|at| {
                ["archived", "status", "name"].iter().any(|name| {
                    let part =
                        parts[*at].as_document().and_then(|part| part.get_document(name).ok());
                    part.is_some_and(|part| part.contains_key("$eq"))
                })
            })
            .map(|at| {
                let mut fewer = parts.clone();
                fewer.remove(at);
                fewer.into()
            })
            .collect(),
        _ => Vec::new(),
    });
}

/// A field that is lost by mistake, and one that is chosen twice.
#[test]
fn another_choice_of_fields_is_seen() {
    none_passes(10, &|node| {
        let Some(project) = projected(node) else { return Vec::new() };
        ["customer_id", "name", "_id"]
            .into_iter()
            .filter(|name| project.contains_key(*name))
            .map(|name| {
                let mut fewer = project.clone();
                fewer.remove(name);
                doc! { "$project": fewer }.into()
            })
            .collect()
    });
}

#[test]
fn a_mask_that_is_another_is_seen() {
    none_passes(8, &|node| {
        let Some(project) = projected(node) else { return Vec::new() };
        let Some(mask) = project.get("title") else { return Vec::new() };
        let whole = |shown: Bson| {
            let mut other = project.clone();
            other.insert("title", shown);
            Bson::Document(doc! { "$project": other })
        };
        let cond = mask.as_document().unwrap().get_array("$cond").unwrap();
        let clear = doc! { "$cond": [true, cond[1].clone(), cond[2].clone()] };
        let twisted = doc! { "$cond": [cond[0].clone(), cond[2].clone(), cond[1].clone()] };
        let mut missing = project.clone();
        missing.remove("title");
        let mut copied = project.clone();
        copied.insert("status", "$title");
        vec![
            whole(1.into()),
            whole("$title".into()),
            whole(clear.into()),
            whole(twisted.into()),
            doc! { "$project": missing }.into(),
            doc! { "$project": copied }.into(),
        ]
    });
}

/// Commands that look at documents before anything is masked or dropped.
#[test]
fn what_looks_at_stored_fields_is_seen() {
    let (catalog, filters) = changing();
    let encoded = |name: &str| {
        let query = format!("db.{name}.aggregate([])");
        let command = guard_mongo(&query, &catalog, &filters).unwrap().0;
        let command = Document::try_from(command.command()).unwrap();
        let first = command.get_array("pipeline").unwrap()[0].as_document().unwrap().clone();
        first.get_document("$match").unwrap().clone()
    };
    let collation = doc! { "locale": "simple" };
    let (tasks, projects) = (encoded("tasks"), encoded("projects"));
    for command in [
        doc! { "find": "tasks", "filter": &tasks, "projection": { "title": 1 }, "collation": &collation },
        doc! { "find": "tasks", "filter": &tasks, "projection": { "status": 1 }, "collation": &collation },
        doc! { "find": "projects", "filter": &projects, "projection": { "budget": 1 }, "collation": &collation },
        doc! { "count": "tasks", "query": &tasks, "collation": &collation },
        doc! { "count": "projects", "query": &projects, "collation": &collation },
        doc! { "distinct": "tasks", "key": "title", "query": &tasks, "collation": &collation },
        doc! { "distinct": "tasks", "key": "status", "query": { "$and": [&tasks, { "title": "x" }] }, "collation": &collation },
        doc! { "distinct": "countries", "key": "population", "query": {}, "collation": &collation },
        doc! { "distinct": "countries", "key": "name", "query": { "population": 1 }, "collation": &collation },
    ] {
        assert!(!verified(&command.clone().into(), false), "{command}");
    }
    let plain =
        doc! { "distinct": "tasks", "key": "status", "query": &tasks, "collation": &collation };
    assert!(verified(&plain.into(), false));
    // A lookup by what is masked, and by what is hidden somewhere without its filter.
    for (local, from) in [("title", "tasks"), ("budget", "projects")] {
        let query = format!(
            "db.countries.aggregate([{{ $lookup: {{ from: '{from}', localField: 'name', foreignField: 'status', pipeline: [{{ $group: {{ _id: '$status' }} }}], as: 'x' }} }}])"
        );
        let command = guard_mongo(&query, &catalog, &filters).unwrap().0;
        let mut command = Bson::Document(Document::try_from(command.command()).unwrap());
        assert!(verified(&command, false));
        let edited = edits(&command, &|node| match node {
            Bson::Document(fields) if fields.contains_key("foreignField") => {
                let mut other = fields.clone();
                other.insert("foreignField", local);
                vec![other.into()]
            }
            _ => Vec::new(),
        });
        command = edited.into_iter().next().unwrap();
        assert!(!verified(&command, false), "{command}");
    }
}

/// A walk over a collection that has masked fields, as it is where nothing is masked.
#[test]
fn a_walk_along_masked_fields_is_seen() {
    let (catalog, filters) = world();
    let query = "db.employees.aggregate([{ $graphLookup: { from: 'places', startWith: '$name', connectFromField: 'name', connectToField: 'name', as: 'c' } }])";
    let command = guard_mongo(query, &catalog, &filters).unwrap().0;
    let command = Bson::Document(Document::try_from(command.command()).unwrap());
    assert!(super::verified(&command, false));
    assert!(!verified(&command, false));
}
