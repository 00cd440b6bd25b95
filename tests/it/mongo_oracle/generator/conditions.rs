//! Conditions, in the language of `find` and `$match`.

use bson::{Bson, Document, Regex, doc};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Generator;
use super::fields::{Field, Kind, Shape};

impl Generator {
    /// A condition on the documents of a place. `depth` is how far it may nest.
    pub(super) fn condition(&mut self, shape: &Shape, depth: usize) -> Document {
        match self.random.random_range(0..10) {
            0 | 1 if depth > 0 => {
                let name = *["$and", "$or", "$nor"].choose(&mut self.random).unwrap();
                let count = self.random.random_range(1..=3);
                let parts: Vec<Document> =
                    (0..count).map(|_| self.condition(shape, depth - 1)).collect();
                doc! { name: parts }
            }
            2 if depth > 0 => doc! { "$expr": self.flag(shape, 2) },
            3 if depth > 0 => {
                let mut both = self.condition(shape, 0);
                for (key, value) in self.condition(shape, 0) {
                    both.insert(key, value);
                }
                both
            }
            _ => {
                let Some(field) = shape.fields.choose(&mut self.random).cloned() else {
                    return doc! {};
                };
                let test = self.test(&field);
                doc! { field.path: test }
            }
        }
    }

    /// What is asked of one field.
    fn test(&mut self, field: &Field) -> Bson {
        let sample = self.sample(field);
        match self.random.random_range(0..16) {
            0..=2 => sample,
            3 => doc! { "$ne": sample }.into(),
            4 => doc! { "$gt": sample }.into(),
            5 => doc! { "$lte": sample }.into(),
            6 => doc! { "$gte": sample, "$ne": self.sample(field) }.into(),
            7 => doc! { "$in": [sample, self.sample(field), Bson::Null] }.into(),
            8 => doc! { "$nin": [sample, self.sample(field)] }.into(),
            9 => doc! { "$exists": self.random.random_bool(0.5) }.into(),
            10 => {
                let types = ["string", "number", "array", "null", "object", "date", "bool", "int"];
                doc! { "$type": *types.choose(&mut self.random).unwrap() }.into()
            }
            11 => doc! { "$not": { "$eq": sample } }.into(),
            12 if field.kind == Kind::Number => {
                doc! { "$mod": [self.random.random_range(2..5), 1] }.into()
            }
            13 => match field.kind {
                Kind::Values => doc! { "$all": [sample] }.into(),
                Kind::Documents => {
                    doc! { "$elemMatch": { "done": self.random.random_bool(0.5) } }.into()
                }
                _ => doc! { "$lt": sample }.into(),
            },
            14 => match field.kind {
                Kind::Values => doc! { "$elemMatch": { "$gte": sample } }.into(),
                Kind::Documents => doc! { "$size": self.random.random_range(0..3) }.into(),
                Kind::Text => self.pattern(),
                _ => doc! { "$eq": sample }.into(),
            },
            _ => match field.kind {
                Kind::Text => doc! { "$not": self.pattern() }.into(),
                _ => doc! { "$size": self.random.random_range(0..3) }.into(),
            },
        }
    }

    /// Some that cannot run away, and some that could, which ask for a fence.
    fn pattern(&mut self) -> Bson {
        let patterns = ["^A", "e$", "a|o", "the", "[0-9]", "^.*e.*$", "(a|e)+", "x?", "82"];
        let pattern = (*patterns.choose(&mut self.random).unwrap()).try_into().unwrap();
        let options = (*["", "i"].choose(&mut self.random).unwrap()).try_into().unwrap();
        Bson::RegularExpression(Regex { pattern, options })
    }

    /// A value to compare a field with: anybody's, or one that nobody has.
    pub(super) fn sample(&mut self, field: &Field) -> Bson {
        if self.random.random_bool(0.85)
            && let Some(sample) = field.samples.choose(&mut self.random)
            && !matches!(sample, Bson::Document(_) | Bson::Array(_))
        {
            return sample.clone();
        }
        match field.kind {
            Kind::Number => Bson::Int32(self.random.random_range(-1..100)),
            Kind::Flag => Bson::Boolean(self.random.random_bool(0.5)),
            Kind::Text | Kind::Instant | Kind::Values => Bson::String("e".to_owned()),
            Kind::Documents | Kind::Document | Kind::Any => Bson::Null,
        }
    }
}
