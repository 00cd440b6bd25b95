//! The stages that read a collection: joins, unions, walks along references, and what is near.

use bson::{Bson, Document};

use super::stages::field_name;
use super::{Admit, MAX_JOINS, data, document, string};
use crate::catalog::{ColumnType, Relation, RelationKind};
use crate::guard::mongo::command::{inner, malformed, whole};
use crate::guard::mongo::emit;
use crate::guard::mongo::shape::{Found, Shape, is_path};
use crate::guard::mongo::touch::Touch;
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::RowFilter;

/// The most hops of a `$graphLookup`.
const MAX_HOPS: i64 = 100;

impl<'a> Admit<'a> {
    fn joined(&mut self, from: &Bson, place: &str) -> Result<&'a Relation, Refusal> {
        self.joins += 1;
        if self.joins > MAX_JOINS {
            return Err(Refusal::new(
                RefusalCode::TooLarge,
                format!("the query joins more than {MAX_JOINS} times"),
                "shorten the query",
            ));
        }
        match from {
            Bson::String(name) => self.relation(name),
            // `{db, coll}` is another database.
            _ => Err(Refusal::unsupported(
                format!("`{place}` of something other than a collection of this database"),
                "name a collection",
            )),
        }
    }

    /// A pipeline without a collection: `$documents` makes what it reads.
    fn made(&mut self, stages: &[&Document]) -> Result<(), Refusal> {
        let Some((first, rest)) = stages.split_first() else {
            return Err(malformed("pipeline"));
        };
        let documents = first.get("$documents").ok_or_else(|| {
            Refusal::unsupported(
                "a pipeline without a collection",
                "name a collection, or begin with `$documents`",
            )
        })?;
        let documents = documents.as_array().ok_or_else(|| malformed("$documents"))?;
        documents.iter().try_for_each(data)?;
        self.stages += 1;
        self.pipeline(rest, Shape::Open, None).map(|_| ())
    }

    pub(super) fn lookup(
        &mut self,
        fields: &Document,
        shape: &mut Shape<'a>,
    ) -> Result<(), Refusal> {
        const NAME: &str = "$lookup";
        let keys = ["from", "localField", "foreignField", "let", "pipeline", "as"];
        if !fields.keys().all(|key| keys.contains(&key.as_str())) {
            return Err(malformed(NAME));
        }
        let target = fields.get("from").map(|from| self.joined(from, "from")).transpose()?;
        match (fields.get("localField"), fields.get("foreignField"), target) {
            (Some(local), Some(foreign), Some(target)) => {
                shape.find(string(local, NAME)?)?;
                looked_up(target, string(foreign, NAME)?)?;
                self.unmasked(target, foreign.as_str())?;
            }
            (None, None, _) if fields.contains_key("pipeline") => {}
            _ => return Err(malformed(NAME)),
        }
        let visible = self.variables.len();
        if let Some(variables) = fields.get("let") {
            let variables = document(variables, NAME)?;
            for value in variables.values() {
                self.expression(value, shape)?;
            }
            variables.keys().try_for_each(|name| self.variable(name))?;
        }
        if let Some(stages) = fields.get("pipeline") {
            let stages = inner(stages)?;
            match target {
                Some(target) => {
                    self.pipeline(&stages, Shape::of(target), Some(target))?;
                }
                None => self.made(&stages)?,
            }
        }
        self.variables.truncate(visible);
        let name = string(fields.get("as").ok_or_else(|| malformed(NAME))?, NAME)?;
        if !is_path(name) {
            return Err(malformed(NAME));
        }
        shape.add(name);
        Ok(())
    }

    pub(super) fn union_with(&mut self, value: &Bson) -> Result<(), Refusal> {
        const NAME: &str = "$unionWith";
        let Bson::Document(fields) = value else {
            return self.joined(value, NAME).map(|_| ());
        };
        if !fields.keys().all(|key| key == "coll" || key == "pipeline") {
            return Err(malformed(NAME));
        }
        let target = fields.get("coll").map(|from| self.joined(from, "coll")).transpose()?;
        let stages = fields.get("pipeline").map(inner).transpose()?.unwrap_or_default();
        match target {
            Some(target) => self.pipeline(&stages, Shape::of(target), Some(target)).map(|_| ()),
            None => self.made(&stages),
        }
    }

    pub(super) fn graph_lookup(
        &mut self,
        fields: &Document,
        shape: &mut Shape<'a>,
    ) -> Result<(), Refusal> {
        const NAME: &str = "$graphLookup";
        let required = |key: &str| fields.get(key).ok_or_else(|| malformed(NAME));
        let target = self.joined(required("from")?, "from")?;
        if target.kind == RelationKind::View {
            return Err(Refusal::unsupported("`$graphLookup` over a view", "use `$lookup`"));
        }
        // What it finds is cut to the listed fields afterwards, which is done for whole fields only.
        if target.columns.iter().any(|column| column.column_type == ColumnType::Document) {
            return Err(Refusal::unsupported(
                "`$graphLookup` over documents with fields that are listed one by one",
                "use `$lookup`",
            ));
        }
        self.unmasked(target, None)?;
        // It sees whole documents.
        let columns = target.columns.iter().map(|column| &column.name);
        if let RowFilter::Where(predicate) = &*self.filters.filter_touching(&target.name, columns)
            && emit::compares_columns(predicate)
        {
            return Err(Refusal::unsupported(
                "`$graphLookup` over a collection whose rule compares two fields",
                "use `$lookup`",
            ));
        }
        self.expression(required("startWith")?, shape)?;
        looked_up(target, string(required("connectFromField")?, NAME)?)?;
        looked_up(target, string(required("connectToField")?, NAME)?)?;
        field_name(string(required("as")?, NAME)?, NAME)?;
        for (key, value) in fields {
            match key.as_str() {
                "from" | "startWith" | "connectFromField" | "connectToField" | "as" => {}
                "maxDepth" => {
                    if whole(value, key)? > MAX_HOPS {
                        return Err(malformed(key));
                    }
                }
                "depthField" => own_field(string(value, NAME)?, target, NAME)?,
                "restrictSearchWithMatch" => {
                    let query = document(value, NAME)?;
                    self.unfenced(query, target, NAME)?;
                }
                _ => return Err(malformed(NAME)),
            }
        }
        shape.add(string(required("as")?, NAME)?);
        Ok(())
    }

    pub(super) fn geo_near(
        &mut self,
        fields: &Document,
        relation: &'a Relation,
    ) -> Result<Shape<'a>, Refusal> {
        const NAME: &str = "$geoNear";
        let required = |key: &str| fields.get(key).ok_or_else(|| malformed(NAME));
        // Without it the server takes whatever index there is, and that may be on a field that is not listed.
        looked_up(relation, string(required("key")?, NAME)?)?;
        self.unmasked(relation, None)?;
        let distance = string(required("distanceField")?, NAME)?;
        required("near")?;
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("distanceField", Bson::String(name)) => own_field(name, relation, NAME)?,
                ("near", value) => data(value)?,
                ("query", Bson::Document(query)) => self.unfenced(query, relation, NAME)?,
                ("key", _)
                | ("spherical", Bson::Boolean(_))
                | (
                    "maxDistance" | "minDistance" | "distanceMultiplier",
                    Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_),
                ) => {}
                _ => return Err(malformed(NAME)),
            }
        }
        let mut shape = Shape::of(relation);
        shape.add(distance);
        Ok(shape)
    }

    /// That the server looks at no value of a masked field by itself, before the mask is there: at none of this path, or at
    /// none at all.
    // INVARIANT (isolation): what is looked up by is compared as it is stored.
    fn unmasked(&self, relation: &Relation, path: Option<&str>) -> Result<(), Refusal> {
        let source = self.sources.get(&relation.name.name)?.filter(|source| source.is_masked());
        let Some(source) = source else { return Ok(()) };
        let masked = match path {
            Some(path) => {
                let mut touch = Touch::new(relation);
                touch.name(path);
                source.shows_masks(&touch)
            }
            None => true,
        };
        if masked {
            return Err(Refusal::unsupported(
                "a search by fields of which some values are masked",
                "use `$lookup` with `let` and a `pipeline`, or `$match`",
            ));
        }
        Ok(())
    }

    /// A condition that stands beside the filter, where no fence can be put between the two.
    fn unfenced(
        &mut self,
        query: &Document,
        relation: &'a Relation,
        place: &str,
    ) -> Result<(), Refusal> {
        let look = self.query(query, &Shape::of(relation))?;
        if look.fails.is_some() || look.whole || query.contains_key("$expr") {
            return Err(Refusal::unsupported(
                format!("a condition in `{place}` that may fail or sees whole documents"),
                "put it into a `$match` of its own",
            ));
        }
        Ok(())
    }
}

/// A field that documents are looked up by, before anything is dropped from them.
fn looked_up(relation: &Relation, path: &str) -> Result<(), Refusal> {
    match Shape::of(relation).find(path)? {
        Found::Value => Ok(()),
        Found::Document => Err(Refusal::unsupported(
            "a lookup by a whole document",
            "look up by one of its fields",
        )),
    }
}

/// The name of a field that is written into documents of a collection, which must not be one of theirs.
fn own_field(name: &str, relation: &Relation, place: &str) -> Result<(), Refusal> {
    field_name(name, place)?;
    let taken = relation.columns.iter().any(|column| {
        let column = column.name.as_str();
        column.split('.').next() == Some(name)
    });
    if taken || name == "_id" {
        return Err(Refusal::unsupported(
            format!("`{name}`, a field of the collection, for what `{place}` computes"),
            "choose another name",
        ));
    }
    Ok(())
}
