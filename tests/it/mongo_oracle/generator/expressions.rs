//! Expressions: what stages compute. Most fail on no value; some do on some, which asks for a fence.

use bson::{Bson, doc};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Generator;
use super::fields::{Kind, Shape};

impl Generator {
    /// An expression of any kind, and its kind.
    pub(super) fn expression(&mut self, shape: &Shape, depth: usize) -> (Bson, Kind) {
        match self.random.random_range(0..8) {
            0..=2 => (self.number(shape, depth), Kind::Number),
            3 | 4 => (self.text(shape, depth), Kind::Text),
            5 => (self.flag(shape, depth), Kind::Flag),
            6 => match shape.fields.choose(&mut self.random) {
                Some(field) => (format!("${}", field.path).into(), field.kind),
                None => (Bson::Null, Kind::Any),
            },
            _ => match self.random.random_range(0..4) {
                0 => ("$$ROOT".into(), Kind::Any),
                1 => {
                    let (value, _) = self.expression(shape, depth.saturating_sub(1));
                    (doc! { "inner": value, "one": "x" }.into(), Kind::Any)
                }
                2 => (self.array(shape), Kind::Any),
                _ => (doc! { "$mergeObjects": ["$$ROOT", { "more": true }] }.into(), Kind::Any),
            },
        }
    }

    /// A field of a kind, as an expression: mostly one with which arithmetic does not fail.
    fn read(&mut self, shape: &Shape, kind: Kind) -> Option<Bson> {
        let fields = shape.of_kind(&[kind]);
        let sound: Vec<_> = fields.iter().filter(|field| field.sound).collect();
        let field = if !sound.is_empty() && self.random.random_bool(0.97) {
            sound.choose(&mut self.random).map(|field| **field)
        } else if self.random.random_bool(0.1) {
            fields.choose(&mut self.random).copied()
        } else {
            None
        };
        field.map(|field| format!("${}", field.path).into())
    }

    fn number(&mut self, shape: &Shape, depth: usize) -> Bson {
        let leaf = self.read(shape, Kind::Number).unwrap_or(Bson::Int32(7));
        if depth == 0 {
            return if self.random.random_bool(0.7) { leaf } else { Bson::Int32(3) };
        }
        match self.random.random_range(0..14) {
            0 => doc! { "$add": [leaf, self.number(shape, depth - 1)] }.into(),
            1 => doc! { "$subtract": [leaf, 1] }.into(),
            2 => doc! { "$abs": { "$mod": [leaf, 10] } }.into(),
            3 => doc! { "$strLenCP": self.text(shape, depth - 1) }.into(),
            4 => doc! { "$cond": [self.flag(shape, depth - 1), leaf, 0] }.into(),
            5 => doc! { "$ifNull": [leaf, 0] }.into(),
            6 => match self.read(shape, Kind::Instant) {
                Some(date) => doc! { "$year": date }.into(),
                None => leaf,
            },
            7 => doc! { "$size": { "$ifNull": [self.array(shape), []] } }.into(),
            8 => doc! { "$max": [leaf, 2] }.into(),
            // Fails where the number is 7.
            9 if self.random.random_bool(0.2) => {
                doc! { "$divide": [1, { "$subtract": [leaf, 7] }] }.into()
            }
            10 => doc! { "$indexOfCP": [self.text(shape, 0), "e"] }.into(),
            11 => doc! { "$toInt": { "$cond": [self.flag(shape, 0), "5", 6] } }.into(),
            _ => leaf,
        }
    }

    fn text(&mut self, shape: &Shape, depth: usize) -> Bson {
        let leaf = match self.read(shape, Kind::Text) {
            Some(field) => doc! { "$ifNull": [field, "none"] }.into(),
            None => Bson::String("none".to_owned()),
        };
        if depth == 0 {
            return leaf;
        }
        match self.random.random_range(0..8) {
            0 => doc! { "$concat": [leaf, "-", self.text(shape, depth - 1)] }.into(),
            1 => doc! { "$toLower": leaf }.into(),
            2 => doc! { "$substrCP": [leaf, 0, 4] }.into(),
            3 => doc! { "$toString": { "$strLenCP": leaf } }.into(),
            4 => match self.read(shape, Kind::Instant) {
                Some(date) => doc! { "$dateToString": { "date": date, "format": "%Y-%m" } }.into(),
                None => leaf,
            },
            5 => doc! { "$trim": { "input": leaf } }.into(),
            6 => {
                let (case, then) = (self.flag(shape, 0), leaf.clone());
                doc! { "$switch": { "branches": [{ "case": case, "then": then }], "default": "" } }
                    .into()
            }
            _ => leaf,
        }
    }

    /// A truth value.
    pub(super) fn flag(&mut self, shape: &Shape, depth: usize) -> Bson {
        let Some(field) = shape.fields.choose(&mut self.random).cloned() else {
            return Bson::Boolean(true);
        };
        let path = format!("${}", field.path);
        let sample = doc! { "$literal": self.sample(&field) };
        let operator =
            *["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"].choose(&mut self.random).unwrap();
        match self.random.random_range(0..12) {
            0 if depth > 0 => {
                let name = *["$and", "$or"].choose(&mut self.random).unwrap();
                doc! { name: [self.flag(shape, depth - 1), self.flag(shape, depth - 1)] }.into()
            }
            1 if depth > 0 => doc! { "$not": [self.flag(shape, depth - 1)] }.into(),
            2 => doc! { "$in": [path, [sample, Bson::Null]] }.into(),
            3 => doc! { "$isArray": [path] }.into(),
            4 if depth > 0 => {
                doc! { operator: [self.number(shape, depth - 1), self.number(shape, 0)] }.into()
            }
            5 if depth > 0 => {
                let input = self.text(shape, depth - 1);
                doc! { "$regexMatch": { "input": input, "regex": "[aeiou]" } }.into()
            }
            6 => doc! { "$eq": [{ "$type": path }, "missing"] }.into(),
            7 if depth > 0 => {
                let within = doc! { operator: ["$$x", path] };
                doc! { "$let": { "vars": { "x": sample }, "in": within } }.into()
            }
            8 => match self.variables.choose(&mut self.random) {
                Some(name) => doc! { operator: [path, format!("$${name}")] }.into(),
                None => doc! { operator: [path, sample] }.into(),
            },
            _ => doc! { operator: [path, sample] }.into(),
        }
    }

    /// An array, or nothing.
    fn array(&mut self, shape: &Shape) -> Bson {
        let Some(field) = shape
            .of_kind(&[Kind::Values, Kind::Documents])
            .choose(&mut self.random)
            .map(|field| format!("${}", field.path))
        else {
            return vec![Bson::Int32(1), Bson::Int32(2)].into();
        };
        // What is no array is none.
        let input = doc! { "$cond": [{ "$isArray": [&field] }, &field, []] };
        match self.random.random_range(0..4) {
            0 => {
                let cond = doc! { "$ne": ["$$e", "red"] };
                doc! { "$filter": { "input": input, "as": "e", "cond": cond } }.into()
            }
            1 => doc! { "$map": { "input": input, "as": "e", "in": ["$$e", 1] } }.into(),
            2 => doc! { "$slice": [input, 1] }.into(),
            _ => input.into(),
        }
    }
}
