//! The commands that may be asked for, and their fields: an allow-list, for shell text and for extended JSON.

use bson::{Bson, Document};

use super::Reply;
use super::names::{self, Field, Name};
use super::text::Written;
use crate::guard::{Refusal, RefusalCode};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) collection: String,
    pub(super) body: Body,
}

/// One command with everything of it that is let through.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Find(Find),
    Aggregate(Vec<Document>),
    Count(Count),
    Distinct { key: String, query: Document },
}

/// A `find`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Find {
    pub(super) filter: Document,
    pub(super) projection: Option<Document>,
    pub(super) sort: Option<Document>,
    pub(super) skip: Option<i64>,
    pub(super) limit: Option<i64>,
    /// Asked for as `findOne`, whose limit is 1.
    pub(super) one: bool,
}

/// A `count`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Count {
    pub(super) query: Document,
    pub(super) skip: Option<i64>,
    pub(super) limit: Option<i64>,
}

impl Request {
    pub(super) fn reply(&self) -> Reply {
        match self.body {
            Body::Find(_) | Body::Aggregate(_) => Reply::Documents,
            Body::Count(_) => Reply::Count,
            Body::Distinct { .. } => Reply::Values,
        }
    }
}

/// Takes apart what was written.
pub(super) fn read(written: Written) -> Result<Request, Refusal> {
    let request = match written {
        Written::Shell { collection, method, args, chain } => {
            Request { body: call(&method, args, chain)?, collection }
        }
        Written::Json(command) => json(command)?,
    };
    if request.collection.is_empty() {
        return Err(Refusal::unsupported("a command without a collection", "name a collection"));
    }
    Ok(request)
}

fn call(method: &str, args: Vec<Bson>, chain: Vec<(String, Vec<Bson>)>) -> Result<Body, Refusal> {
    let mut args = args.into_iter();
    let (first, second, third) = (args.next(), args.next(), args.next());
    let body = match (method, third) {
        ("find" | "findOne", None) => {
            let one = method == "findOne";
            let filter = document(first, method)?;
            let projection = second.map(|value| document(Some(value), method)).transpose()?;
            let limit = one.then_some(1);
            let projection = projection.filter(|projection| !projection.is_empty());
            Body::Find(Find { filter, projection, limit, one, ..Find::default() })
        }
        ("aggregate", None) => {
            let options = document(second, method)?;
            // A second one would take the place of the first.
            if options.contains_key("pipeline") {
                return Err(malformed(method));
            }
            Given::default().all(names::AGGREGATE, options)?;
            Body::Aggregate(pipeline(first.unwrap_or(Bson::Array(Vec::new())))?)
        }
        ("countDocuments" | "count" | "estimatedDocumentCount", None) if second.is_none() => {
            Body::Count(Count { query: document(first, method)?, ..Count::default() })
        }
        ("distinct", None) => match first {
            Some(Bson::String(key)) => Body::Distinct { key, query: document(second, method)? },
            Some(_) | None => return Err(malformed("distinct")),
        },
        (
            "find"
            | "findOne"
            | "aggregate"
            | "countDocuments"
            | "count"
            | "estimatedDocumentCount"
            | "distinct",
            _,
        ) => {
            return Err(Refusal::unsupported(format!("options of `{method}`"), "leave them out"));
        }
        _ => return Err(not_a_query(method)),
    };
    chain.into_iter().try_fold(body, chained)
}

/// A method on the cursor. None may be called twice: the shell keeps the last.
fn chained(mut body: Body, (method, args): (String, Vec<Bson>)) -> Result<Body, Refusal> {
    let shown = || format!("`.{method}`");
    let twice = || Refusal::unsupported(format!("{} twice", shown()), "call it once");
    match (&mut body, method.as_str(), args.as_slice()) {
        (Body::Find(_) | Body::Aggregate(_), "toArray" | "pretty" | "allowDiskUse", [])
        | (Body::Find(_) | Body::Aggregate(_), "batchSize", [Bson::Int32(_)]) => {}
        (Body::Find(find), "sort", [Bson::Document(sort)]) => {
            if find.sort.replace(sort.clone()).is_some() {
                return Err(twice());
            }
        }
        (Body::Find(find), "project" | "projection", [Bson::Document(projection)]) => {
            if find.projection.replace(projection.clone()).is_some() {
                return Err(twice());
            }
        }
        (Body::Find(find), "limit", [limit]) if !find.one => {
            let twice = find.limit.is_some().then(twice);
            find.limit = Some(whole(limit, "limit")?);
            twice.map_or(Ok(()), Err)?;
        }
        (Body::Find(find), "skip", [skip]) if !find.one => {
            let twice = find.skip.is_some().then(twice);
            find.skip = Some(whole(skip, "skip")?);
            twice.map_or(Ok(()), Err)?;
        }
        (Body::Find(find), "count" | "size", []) => {
            if find.skip.is_some() || find.limit.is_some() {
                return Err(Refusal::unsupported(
                    "`.count` after `.skip` or `.limit`",
                    "use `aggregate` with `$skip`, `$limit` and `$count`",
                ));
            }
            body = Body::Count(Count { query: find.filter.clone(), ..Count::default() });
        }
        _ => {
            return Err(Refusal::unsupported(
                format!("{} in this place", shown()),
                "use `.sort`, `.skip`, `.limit`, `.project` and `.count`, each once, on `find`",
            ));
        }
    }
    Ok(body)
}

fn json(command: Document) -> Result<Request, Refusal> {
    let mut fields = command.into_iter();
    let Some((name, collection)) = fields.next() else {
        return Err(not_a_query("an empty document"));
    };
    let table = match name.as_str() {
        "find" => names::FIND,
        "aggregate" => names::AGGREGATE,
        "count" => names::COUNT,
        "distinct" => names::DISTINCT,
        other => return Err(not_a_query(other)),
    };
    let Bson::String(collection) = collection else {
        return Err(Refusal::unsupported(
            format!("`{name}` of something other than a collection"),
            "name a collection",
        ));
    };
    let mut given = Given::default();
    given.all(table, fields)?;
    let Given { filter, projection, sort, skip, limit, pipeline, key } = given;
    let filter = filter.unwrap_or_default();
    let body = match name.as_str() {
        "find" => Body::Find(Find { filter, projection, sort, skip, limit, one: false }),
        "aggregate" => Body::Aggregate(pipeline.ok_or_else(|| malformed("aggregate"))?),
        "count" => Body::Count(Count { query: filter, skip, limit }),
        _ => Body::Distinct { key: key.ok_or_else(|| malformed("distinct"))?, query: filter },
    };
    Ok(Request { collection, body })
}

/// The fields of a command that are let through.
#[derive(Default)]
struct Given {
    filter: Option<Document>,
    projection: Option<Document>,
    sort: Option<Document>,
    skip: Option<i64>,
    limit: Option<i64>,
    pipeline: Option<Vec<Document>>,
    key: Option<String>,
}

impl Given {
    /// Keeps every field of a command, or none where one is not let through.
    fn all(
        &mut self,
        table: &'static [Name<Field>],
        fields: impl IntoIterator<Item = (String, Bson)>,
    ) -> Result<(), Refusal> {
        for (field, value) in fields {
            match names::find(table, &field) {
                Some(Name { verdict: Ok(kind), .. }) => self.keep(*kind, &field, value)?,
                Some(Name { verdict: Err(reason), .. }) => {
                    return Err(Refusal::new(
                        RefusalCode::Unsupported,
                        format!("the field `{field}` is not supported, {}", reason.why),
                        "leave it out",
                    ));
                }
                None => {
                    return Err(Refusal::unsupported(
                        format!("the field `{field}`"),
                        "leave it out",
                    ));
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, kind: Field, field: &str, value: Bson) -> Result<(), Refusal> {
        match kind {
            Field::Filter => self.filter = Some(document(Some(value), field)?),
            Field::Projection => {
                let projection = document(Some(value), field)?;
                self.projection = Some(projection).filter(|projection| !projection.is_empty());
            }
            Field::Sort => {
                self.sort = Some(document(Some(value), field)?).filter(|sort| !sort.is_empty());
            }
            Field::Skip => self.skip = Some(whole(&value, field)?),
            Field::Limit => self.limit = Some(whole(&value, field)?).filter(|limit| *limit != 0),
            Field::Pipeline => self.pipeline = Some(pipeline(value)?),
            Field::Key => match value {
                Bson::String(key) => self.key = Some(key),
                _ => return Err(malformed(field)),
            },
            // How many documents travel at a time is the engine's to say.
            Field::Dropped => match value {
                Bson::Int32(_) | Bson::Int64(_) | Bson::Boolean(_) => {}
                Bson::Document(cursor)
                    if cursor.iter().all(|(key, value)| {
                        key == "batchSize" && matches!(value, Bson::Int32(_) | Bson::Int64(_))
                    }) => {}
                _ => return Err(malformed(field)),
            },
        }
        Ok(())
    }
}

fn document(value: Option<Bson>, field: &str) -> Result<Document, Refusal> {
    match value {
        None => Ok(Document::new()),
        Some(Bson::Document(document)) => Ok(document),
        Some(_) => Err(malformed(field)),
    }
}

/// A number that is neither negative nor fractional.
pub(super) fn whole(value: &Bson, field: &str) -> Result<i64, Refusal> {
    let value = match value {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        _ => None,
    };
    value.filter(|value| *value >= 0).ok_or_else(|| malformed(field))
}

/// The stages of a pipeline, not yet looked at.
fn pipeline(value: Bson) -> Result<Vec<Document>, Refusal> {
    inner(&value)?;
    let Bson::Array(stages) = value else { return Err(malformed("pipeline")) };
    let stage = |stage| match stage {
        Bson::Document(stage) => Ok(stage),
        _ => Err(malformed("pipeline")),
    };
    stages.into_iter().map(stage).collect()
}

/// The stages of a pipeline inside of another, not yet looked at.
pub(super) fn inner(value: &Bson) -> Result<Vec<&Document>, Refusal> {
    let Bson::Array(stages) = value else { return Err(malformed("pipeline")) };
    let one_key = |stage: &Bson| stage.as_document().is_some_and(|stage| stage.len() == 1);
    if !stages.iter().all(one_key) {
        return Err(Refusal::new(
            RefusalCode::Syntax,
            "a stage of a pipeline is not a document with one key",
            "write each stage as `{ $stage: .. }`",
        ));
    }
    Ok(stages.iter().filter_map(Bson::as_document).collect())
}

/// A value that is not of the form that its place asks for.
pub(super) fn malformed(place: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Syntax,
        format!("`{place}` has not the form that MongoDB gives it"),
        "see MongoDB's manual",
    )
}

fn not_a_query(name: &str) -> Refusal {
    Refusal::new(
        RefusalCode::NotAQuery,
        format!("`{name}` is not a query"),
        "use find, findOne, aggregate, countDocuments or distinct",
    )
}
