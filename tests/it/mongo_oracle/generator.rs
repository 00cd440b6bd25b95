//! Random commands that are well formed against the catalog: every stage and every form of join that the guard lets
//! through, joins and facets at depth, conditions that compare with everybody's values.
//!
//! Left out, since `secantusd-rs` has none of it: `$documents` where no collection is named, `$text`, search stages.
//! Where a path of an expression leads through an array of documents it sees nothing, and MongoDB an array of what is
//! inside; both sides of a comparison see the same.
//! What the answer is without a total order is nobody's promise, so `$limit` and `$skip` stand after one.

mod conditions;
mod expressions;
mod fields;
mod joins;

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use dialektai::catalog::Catalog;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::seed::Seed;
use fields::{Kind, Shape};

/// How deep pipelines nest.
const DEPTH: usize = 3;

pub(crate) struct Generator {
    random: ChaCha8Rng,
    tables: BTreeMap<String, Shape>,
    /// The variables of the joins around a place.
    variables: Vec<String>,
    /// How many joins a query has, which multiply its documents.
    joins: usize,
}

impl Generator {
    pub(crate) fn new(catalog: &Catalog, seed: &Seed, names: &[&str], number: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(number);
        let tables = fields::tables(catalog, seed, names);
        Self { random, tables, variables: Vec::new(), joins: 0 }
    }

    fn table(&mut self) -> (String, Shape) {
        let names: Vec<&String> = self.tables.keys().collect();
        let name = (*names.choose(&mut self.random).unwrap()).clone();
        let shape = self.tables[&name].clone();
        (name, shape)
    }

    /// One command, `find`, `aggregate`, `count` or `distinct`.
    pub(crate) fn command(&mut self) -> Document {
        self.joins = 0;
        let (name, mut shape) = self.table();
        match self.random.random_range(0..20) {
            0..=2 => self.find(&name, &shape),
            3 => doc! { "count": name, "query": self.condition(&shape, 2) },
            4 => {
                let key = shape.fields.choose(&mut self.random).unwrap().path.clone();
                doc! { "distinct": name, "key": key, "query": self.condition(&shape, 1) }
            }
            _ => {
                let pipeline = self.pipeline(&mut shape, DEPTH);
                doc! { "aggregate": name, "pipeline": pipeline }
            }
        }
    }

    fn find(&mut self, name: &str, shape: &Shape) -> Document {
        let mut find = doc! { "find": name, "filter": self.condition(shape, 2) };
        match self.random.random_range(0..4) {
            0 => {
                find.insert("projection", self.projection(&mut shape.clone()));
            }
            1 => {
                let path = shape.fields.choose(&mut self.random).unwrap().path.clone();
                find.insert("projection", doc! { path: 1, "_id": 0 });
            }
            _ => {}
        }
        if self.random.random_bool(0.5) {
            find.insert("sort", self.order(shape));
            if self.random.random_bool(0.6) {
                find.insert("skip", self.random.random_range(0..3));
                find.insert("limit", self.random.random_range(1..6));
            }
        }
        find
    }

    /// A total order, where `_id` tells documents apart.
    fn order(&mut self, shape: &Shape) -> Document {
        let scalar = [Kind::Number, Kind::Text, Kind::Flag, Kind::Instant];
        let mut order = Document::new();
        if let Some(field) = shape.of_kind(&scalar).choose(&mut self.random) {
            order.insert(&field.path, self.random.random_range(0..2) * 2 - 1);
        }
        if !order.contains_key("_id") {
            order.insert("_id", 1);
        }
        order
    }

    /// A pipeline over documents of a shape, which becomes that of what it gives.
    fn pipeline(&mut self, shape: &mut Shape, depth: usize) -> Vec<Document> {
        let count = self.random.random_range(if depth == DEPTH { 1..=5 } else { 0..=3 });
        let mut stages = Vec::new();
        for _ in 0..count {
            self.stage(shape, depth, &mut stages);
        }
        stages
    }

    fn stage(&mut self, shape: &mut Shape, depth: usize, stages: &mut Vec<Document>) {
        match self.random.random_range(0..26) {
            0..=4 => stages.push(doc! { "$match": self.condition(shape, 2) }),
            5 | 6 => stages.push(doc! { "$project": self.projection(shape) }),
            7 | 8 => self.set(shape, stages),
            9 => {
                if let Some(path) = self.scalar(shape) {
                    shape.remove(&path);
                    shape.keyed &= path != "_id";
                    stages.push(doc! { "$unset": path });
                }
            }
            10 | 11 => self.group(shape, stages),
            12 | 13 if shape.keyed => {
                stages.push(doc! { "$sort": self.order(shape) });
                if self.random.random_bool(0.3) {
                    stages.push(doc! { "$skip": self.random.random_range(1..3) });
                }
                stages.push(doc! { "$limit": self.random.random_range(1..20) });
            }
            14 => self.unwind(shape, stages),
            15 => self.tally(shape, stages),
            16 => self.replace(shape, stages),
            17 | 18 if depth > 0 => self.facet(shape, depth, stages),
            19..=22 if depth > 0 && self.joins < 4 => self.lookup(shape, depth, stages),
            23 | 24 if depth > 0 && self.joins < 4 => self.union_with(shape, depth, stages),
            25 if self.joins < 4 => self.graph_lookup(shape, stages),
            _ => stages.push(doc! { "$match": self.condition(shape, 1) }),
        }
    }

    fn scalar(&mut self, shape: &Shape) -> Option<String> {
        let whole = |path: &String| !path.contains('.');
        let paths: Vec<String> = shape.fields.iter().map(|own| own.path.clone()).collect();
        paths.into_iter().filter(whole).collect::<Vec<_>>().choose(&mut self.random).cloned()
    }

    /// Fields that are kept or dropped, or computed.
    fn projection(&mut self, shape: &mut Shape) -> Document {
        let mut projection = Document::new();
        let drops = self.random.random_bool(0.2);
        for _ in 0..self.random.random_range(1..4) {
            if let Some(path) = self.scalar(shape).filter(|path| path != "_id") {
                projection.insert(path, i32::from(!drops));
            }
        }
        if drops && !projection.is_empty() {
            projection.keys().for_each(|path| shape.remove(path));
            return projection;
        }
        let kept: Vec<_> = shape
            .fields
            .iter()
            .filter(|own| {
                let top = own.path.split('.').next().unwrap();
                top == "_id" || projection.contains_key(top)
            })
            .cloned()
            .collect();
        if self.random.random_bool(0.4) || projection.is_empty() {
            let (value, kind) = self.expression(shape, 2);
            // A number would say that a field is kept.
            let number = matches!(value, Bson::Int32(_));
            projection
                .insert("made", if number { doc! { "$literal": value }.into() } else { value });
            shape.fields = kept;
            shape.add("made", kind, Vec::new());
        } else {
            shape.fields = kept;
        }
        projection
    }

    fn set(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        let (value, kind) = self.expression(shape, 2);
        // Also the tenant's own column, which is not looked at any more.
        let name = *["made", "more", "status", "customer_id", "nested.deep"]
            .choose(&mut self.random)
            .unwrap();
        let stage = *["$set", "$addFields"].choose(&mut self.random).unwrap();
        stages.push(doc! { stage: { name: value } });
        shape.add(name, kind, Vec::new());
    }

    fn group(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        let key = match self.random.random_range(0..4) {
            0 => Bson::Null,
            1 => self.expression(shape, 1).0,
            _ => self.scalar(shape).map_or(Bson::Null, |path| format!("${path}").into()),
        };
        let mut group = doc! { "_id": key };
        let mut made = Shape { fields: Vec::new(), keyed: true };
        made.add("_id", Kind::Any, Vec::new());
        for name in ["first", "second"].into_iter().take(self.random.random_range(1..=2)) {
            let (value, _) = self.expression(shape, 1);
            let (accumulator, kind) = match self.random.random_range(0..8) {
                0 | 1 => (doc! { "$sum": value }, Kind::Number),
                2 => (doc! { "$avg": value }, Kind::Number),
                3 => (doc! { "$min": value }, Kind::Any),
                4 => (doc! { "$max": value }, Kind::Any),
                5 => (doc! { "$addToSet": value }, Kind::Values),
                6 => (doc! { "$push": value }, Kind::Values),
                _ => (doc! { "$sum": 1 }, Kind::Number),
            };
            group.insert(name, accumulator);
            made.add(name, kind, Vec::new());
        }
        *shape = made;
        stages.push(doc! { "$group": group });
    }

    fn unwind(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        let arrays = shape.of_kind(&[Kind::Values, Kind::Documents]);
        let Some(field) = arrays.choose(&mut self.random).map(|field| (*field).clone()) else {
            return;
        };
        let path = format!("${}", field.path);
        stages.push(match self.random.random_range(0..3) {
            0 => doc! { "$unwind": path },
            1 => doc! { "$unwind": { "path": path, "preserveNullAndEmptyArrays": true } },
            _ => doc! { "$unwind": { "path": path, "includeArrayIndex": "place" } },
        });
        shape.keyed = false;
        if field.kind == Kind::Values {
            shape.add(&field.path, Kind::Any, field.samples);
        }
    }

    /// Counts: of all, of each value, of each range.
    fn tally(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        let mut made = Shape { fields: Vec::new(), keyed: true };
        match self.random.random_range(0..3) {
            0 => {
                stages.push(doc! { "$count": "many" });
                made.keyed = false;
                made.add("many", Kind::Number, Vec::new());
            }
            1 => {
                let path = self.scalar(shape).unwrap_or_else(|| "_id".to_owned());
                stages.push(doc! { "$sortByCount": format!("${path}") });
                made.add("_id", Kind::Any, Vec::new());
                made.add("count", Kind::Number, Vec::new());
            }
            _ => {
                let by = shape.of_kind(&[Kind::Number]);
                let Some(by) = by.choose(&mut self.random).map(|own| format!("${}", own.path))
                else {
                    return;
                };
                let boundaries: Vec<Bson> = [-10, 0, 3, 50_000].map(Bson::Int32).to_vec();
                stages.push(doc! { "$bucket": {
                    "groupBy": by, "boundaries": boundaries, "default": "other",
                    "output": { "many": { "$sum": 1 }, "who": { "$addToSet": "$_id" } },
                } });
                made.add("_id", Kind::Any, Vec::new());
                made.add("many", Kind::Number, Vec::new());
                made.add("who", Kind::Values, Vec::new());
            }
        }
        *shape = made;
    }

    fn replace(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        let inside = shape.of_kind(&[Kind::Document]);
        let root = match inside.choose(&mut self.random).map(|field| format!("${}", field.path)) {
            Some(path) if self.random.random_bool(0.5) => {
                shape.fields.clear();
                shape.keyed = false;
                doc! { "$ifNull": [path, { "nothing": 1 }] }
            }
            Some(_) | None => {
                let (value, kind) = self.expression(shape, 1);
                shape.add("made", kind, Vec::new());
                doc! { "$mergeObjects": ["$$ROOT", { "made": value }] }
            }
        };
        stages.push(if self.random.random_bool(0.5) {
            doc! { "$replaceWith": root }
        } else {
            doc! { "$replaceRoot": { "newRoot": root } }
        });
    }

    fn facet(&mut self, shape: &mut Shape, depth: usize, stages: &mut Vec<Document>) {
        let mut facet = Document::new();
        let mut made = Shape { fields: Vec::new(), keyed: false };
        for name in ["left", "right"].into_iter().take(self.random.random_range(1..=2)) {
            // A branch has no facets.
            let branch = self.pipeline(&mut shape.clone(), depth - 1);
            let flat = |stage: &Document| !stage.contains_key("$facet");
            facet.insert(name, branch.into_iter().take_while(flat).collect::<Vec<_>>());
            made.add(name, Kind::Documents, Vec::new());
        }
        *shape = made;
        stages.push(doc! { "$facet": facet });
    }
}
