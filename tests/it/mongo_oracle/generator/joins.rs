//! Stages that read a collection of their own.

use bson::{Bson, Document, doc};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Generator;
use super::fields::{Kind, Shape};

/// Keys that refer to each other, of whichever tenant.
const KEYS: [(&str, &str); 6] = [
    ("project_id", "_id"),
    ("_id", "project_id"),
    ("task_id", "_id"),
    ("country_code", "code"),
    ("customer_id", "customer_id"),
    ("leads", "_id"),
];

impl Generator {
    /// Fields to join by: keys where there are any, or any two.
    fn keys(&mut self, local: &Shape, foreign: &Shape) -> Option<(String, String)> {
        let has = |shape: &Shape, path: &str| shape.fields.iter().any(|own| own.path == path);
        let known: Vec<_> =
            KEYS.iter().filter(|(own, other)| has(local, own) && has(foreign, other)).collect();
        if let Some((own, other)) = known.choose(&mut self.random)
            && self.random.random_bool(0.8)
        {
            return Some(((*own).to_owned(), (*other).to_owned()));
        }
        let own = local.fields.choose(&mut self.random)?.path.clone();
        let scalar = [Kind::Number, Kind::Text, Kind::Flag, Kind::Instant, Kind::Values];
        let other = foreign.of_kind(&scalar).choose(&mut self.random)?.path.clone();
        Some((own, other))
    }

    /// All forms: by two fields, by two fields and a pipeline, by variables, by nothing.
    pub(super) fn lookup(&mut self, shape: &mut Shape, depth: usize, stages: &mut Vec<Document>) {
        self.joins += 1;
        let (from, mut inner) = self.table();
        let mut lookup = doc! { "from": from };
        let keys = self.keys(shape, &inner);
        let known = self.variables.len();
        match (self.random.random_range(0..5), keys) {
            (0 | 1, Some((local, foreign))) => {
                lookup.insert("localField", local);
                lookup.insert("foreignField", foreign);
            }
            (2, Some((local, foreign))) => {
                lookup.insert("localField", local);
                lookup.insert("foreignField", foreign);
                lookup.insert("pipeline", self.pipeline(&mut inner, depth - 1));
            }
            (3, Some((local, foreign))) => {
                // One name of the guard's own might be, and one that hides another.
                let name = *["v", "tenant", "row"].choose(&mut self.random).unwrap();
                lookup.insert("let", doc! { name: format!("${local}") });
                self.variables.push(name.to_owned());
                let by = doc! { "$eq": [format!("${foreign}"), format!("$${name}")] };
                let mut pipeline = vec![doc! { "$match": { "$expr": by } }];
                pipeline.extend(self.pipeline(&mut inner, depth - 1));
                lookup.insert("pipeline", pipeline);
            }
            _ => {
                let mut pipeline = self.pipeline(&mut inner, depth - 1);
                if inner.keyed {
                    pipeline.push(doc! { "$sort": self.order(&inner) });
                    pipeline.push(doc! { "$limit": 5 });
                }
                lookup.insert("pipeline", pipeline);
            }
        }
        self.variables.truncate(known);
        let name = *["joined", "others", "status"].choose(&mut self.random).unwrap();
        lookup.insert("as", name);
        stages.push(doc! { "$lookup": lookup });
        shape.add(name, Kind::Documents, Vec::new());
        for field in inner.fields.iter().take(4) {
            let path = format!("{name}.{}", field.path);
            shape.add(&path, Kind::Any, field.samples.clone());
        }
    }

    pub(super) fn union_with(
        &mut self,
        shape: &mut Shape,
        depth: usize,
        stages: &mut Vec<Document>,
    ) {
        self.joins += 1;
        let (from, mut inner) = self.table();
        stages.push(match self.random.random_range(0..3) {
            0 => doc! { "$unionWith": from },
            1 => doc! { "$unionWith": { "coll": from } },
            _ => {
                let pipeline = self.pipeline(&mut inner, depth - 1);
                doc! { "$unionWith": { "coll": from, "pipeline": pipeline } }
            }
        });
        // Two collections have the same keys.
        shape.keyed = false;
        let both: Vec<String> = inner.fields.iter().map(|field| field.path.clone()).collect();
        shape.fields.iter_mut().for_each(|field| field.sound = false);
        shape.fields.retain(|field| both.contains(&field.path));
    }

    /// From user to user along `leads`, or from countries and projects to their users, through other tenants' if the
    /// guard lets it.
    pub(super) fn graph_lookup(&mut self, shape: &mut Shape, stages: &mut Vec<Document>) {
        self.joins += 1;
        let Some(inner) = self.tables.get("users").cloned() else { return };
        let numbers = shape.of_kind(&[Kind::Number, Kind::Values]);
        let Some(start) = numbers.choose(&mut self.random).map(|own| format!("${}", own.path))
        else {
            return;
        };
        let mut walk = doc! {
            "from": "users", "startWith": start,
            "connectFromField": "leads", "connectToField": "_id", "as": "reached",
        };
        if self.random.random_bool(0.5) {
            walk.insert("maxDepth", self.random.random_range(0..4));
        }
        if self.random.random_bool(0.5) {
            walk.insert("depthField", "hops");
        }
        if self.random.random_bool(0.4) {
            let field = inner.fields.choose(&mut self.random).unwrap();
            let (path, sample) = (field.path.clone(), self.sample(&field.clone()));
            walk.insert("restrictSearchWithMatch", doc! { path: { "$ne": sample } });
        }
        stages.push(doc! { "$graphLookup": walk });
        shape.add("reached", Kind::Documents, Vec::new());
        shape.add("reached.name", Kind::Any, vec![Bson::String("John Carter".to_owned())]);
    }
}
