//! Composition for MongoDB: an intent as shell text, the way a person would write it.
//!
//! An answer has the columns that the SQL of the same question gives, in the same order. Where a path would name one,
//! `address.city`, it is called `address_city`, since a point in a name would make a document.

use crate::catalog::{Column, ColumnType, Relation};
use crate::predicate::CmpOp;

use super::intent::{Condition, Function, Group, Intent, Literal, Order, Place, Selection, Test};
use super::lexicon::Link;

/// The most collections of an overview. The guard joins no more of them to the first.
const MAX_COLLECTIONS: usize = 11;
/// The longest pattern that the guard lets through, in bytes.
const MAX_PATTERN: usize = 512;

/// Writes an intent as shell text. `None` for what the guard would find too large.
pub(super) fn compose(intent: &Intent<'_>) -> Option<String> {
    match intent {
        Intent::Overview(relations) => overview(relations),
        Intent::List { selection, columns, order, limit } => {
            list(selection, columns, order.as_ref(), *limit)
        }
        Intent::Count { selection, group: None } => {
            let filter = conditions(selection)?;
            Some(format!("{}.countDocuments({filter})", collection(selection.relation)))
        }
        Intent::Count { selection, group: Some(group) } => {
            let value = Value { name: "count".to_owned(), of: None, nullable: false };
            by_group(&value, selection, group)
        }
        Intent::Aggregate { function, column, selection, group } => {
            let name = shown(&format!("{}_{}", function.word(column), column.name));
            let of = Some((*function, *column));
            let value = Value { name, of, nullable: column.nullable };
            match group {
                Some(group) => by_group(&value, selection, group),
                None => in_all(&value, column, selection),
            }
        }
    }
}

/// A number that is computed.
struct Value<'c> {
    name: String,
    /// Of which column; a count has none.
    of: Option<(Function, &'c Column)>,
    nullable: bool,
}

impl Value<'_> {
    fn accumulator(&self) -> String {
        let Some((function, column)) = self.of else { return "{ $sum: 1 }".to_owned() };
        let operator = match function {
            Function::Sum => "$sum",
            Function::Average => "$avg",
            Function::Minimum => "$min",
            Function::Maximum => "$max",
        };
        format!("{{ {operator}: {} }}", read(column.name.as_str()))
    }

    /// The column whose sum is 0 where it has no value at all, which is no value in SQL.
    fn emptied(&self) -> Option<&Column> {
        match self.of {
            Some((Function::Sum, column)) if self.nullable => Some(column),
            Some(_) | None => None,
        }
    }
}

/// A count of nothing gives no document, a facet always gives one.
fn overview(relations: &[&Relation]) -> Option<String> {
    let (first, others) = relations.split_first()?;
    if relations.len() > MAX_COLLECTIONS {
        return None;
    }
    let counted = |relation: &Relation| {
        let name = text(&relation.name.name);
        format!(
            "{{ $facet: {{ found: [{{ $count: 'count' }}] }} }}, {{ $set: {{ found: {{ $first: '$found' }} }} }}, \
             {{ $project: {{ name: {{ $literal: {name} }}, count: {{ $ifNull: ['$found.count', 0] }} }} }}"
        )
    };
    let mut stages = vec![counted(first)];
    for relation in others {
        let name = text(&relation.name.name);
        let pipeline = counted(relation);
        stages.push(format!("{{ $unionWith: {{ coll: {name}, pipeline: [{pipeline}] }} }}"));
    }
    Some(aggregate(first, &stages))
}

fn list(
    selection: &Selection<'_>,
    columns: &[&Column],
    order: Option<&Order<'_>>,
    limit: Option<u32>,
) -> Option<String> {
    let relation = selection.relation;
    let filter = conditions(selection)?;
    let mut projection = Vec::new();
    for column in columns {
        let name = column.name.as_str();
        // A document and its field are one path, of which the longer one is too much.
        let inside = |other: &&&Column| name.starts_with(&format!("{}.", other.name));
        if !columns.iter().any(|other| inside(&other)) {
            projection.push(format!("{}: 1", key(name)));
        }
    }
    if !columns.is_empty() && !columns.iter().any(|column| column.name.as_str() == "_id") {
        projection.push("_id: 0".to_owned());
    }
    let projection = projection.join(", ");
    if let Some(column) = order.and_then(|order| last(order)) {
        return Some(ordered(relation, column, &filter, &projection, limit));
    }
    let mut query = format!("{}.find({filter}", collection(relation));
    if !projection.is_empty() {
        query.push_str(&format!(", {{ {projection} }}"));
    }
    query.push(')');
    if let Some(order) = order {
        let keys = order_by(relation, order);
        if !keys.is_empty() {
            query.push_str(&format!(".sort({{ {} }})", keys.join(", ")));
        }
    }
    if let Some(limit) = limit {
        query.push_str(&format!(".limit({limit})"));
    }
    Some(query)
}

/// The column of an order in which documents without a value would come first, and should come last.
fn last<'c>(order: &Order<'c>) -> Option<&'c Column> {
    order.column.filter(|column| column.nullable && !order.descending)
}

/// Documents with a value in ascending order, and then the others.
fn ordered(
    relation: &Relation,
    column: &Column,
    filter: &str,
    projection: &str,
    limit: Option<u32>,
) -> String {
    let name = column.name.as_str();
    let last = free(relation, "last");
    let mut stages = Vec::new();
    if filter != "{}" {
        stages.push(format!("{{ $match: {filter} }}"));
    }
    let missing = format!("{{ $eq: [{{ $ifNull: [{}, null] }}, null] }}", read(name));
    stages.push(format!("{{ $set: {{ {last}: {missing} }} }}"));
    let mut keys = vec![format!("{last}: 1")];
    keys.extend(order_by(relation, &Order { column: Some(column), descending: false }));
    stages.push(format!("{{ $sort: {{ {} }} }}", keys.join(", ")));
    if let Some(limit) = limit {
        stages.push(format!("{{ $limit: {limit} }}"));
    }
    stages.push(if projection.is_empty() {
        format!("{{ $unset: '{last}' }}")
    } else {
        format!("{{ $project: {{ {projection} }} }}")
    });
    aggregate(relation, &stages)
}

/// The keys of an order, with the primary key last so that equal documents come in one order only.
fn order_by(relation: &Relation, order: &Order<'_>) -> Vec<String> {
    let ordered = order.column.map(|column| &column.name);
    let direction = if order.descending { -1 } else { 1 };
    let first = ordered.map(|name| format!("{}: {direction}", key(name.as_str())));
    let ties = relation.primary_key.iter().filter(|key| Some(*key) != ordered);
    first.into_iter().chain(ties.map(|own| format!("{}: 1", key(own.as_str())))).collect()
}

/// One number; no document where there is nothing to compute it from.
fn in_all(value: &Value<'_>, column: &Column, selection: &Selection<'_>) -> Option<String> {
    let mut terms = terms(selection)?;
    if value.nullable {
        terms.push((column.name.as_str().to_owned(), "{ $ne: null }".to_owned()));
    }
    let mut stages = Vec::new();
    if !terms.is_empty() {
        stages.push(format!("{{ $match: {} }}", joined(&terms)));
    }
    let (name, accumulator) = (key(&value.name), value.accumulator());
    stages.push(format!("{{ $group: {{ _id: null, {name}: {accumulator} }} }}"));
    stages.push("{ $unset: '_id' }".to_owned());
    Some(aggregate(selection.relation, &stages))
}

/// One number for each group, the largest first.
fn by_group(value: &Value<'_>, selection: &Selection<'_>, group: &Group<'_>) -> Option<String> {
    let relation = selection.relation;
    let mut stages = Vec::new();
    let filter = conditions(selection)?;
    if filter != "{}" {
        stages.push(format!("{{ $match: {filter} }}"));
    }
    let (by, label, label_of) = match group {
        Group::Column(column) => {
            let path = column.name.as_str();
            if column.array {
                let path = read(path);
                stages.push(format!(
                    "{{ $unwind: {{ path: {path}, preserveNullAndEmptyArrays: true }} }}"
                ));
            }
            (or_null(path, column.nullable), shown(path), read("_id"))
        }
        Group::Link(link) => {
            let found = free(relation, "found");
            stages.extend(join(link, &found));
            // Two documents of one name are two groups.
            let mut by: Vec<String> = link
                .on
                .iter()
                .enumerate()
                .map(|(at, (theirs, _))| format!("key{at}: {}", read(&format!("{found}.{theirs}"))))
                .collect();
            by.push(format!("label: {}", read(&format!("{found}.{}", link.label.name))));
            (format!("{{ {} }}", by.join(", ")), shown(&link.noun), or_null("_id.label", true))
        }
    };
    let name =
        if value.name == label { format!("{}_value", value.name) } else { value.name.clone() };
    let (name, label) = (key(&name), key(&label));
    let mut computed = read("value");
    let mut also = String::new();
    if let Some(column) = value.emptied() {
        let empty = format!("{{ $eq: [{}, null] }}", or_null(column.name.as_str(), true));
        also = format!(", values: {{ $sum: {{ $cond: [{empty}, 0, 1] }} }}");
        computed = format!("{{ $cond: [{{ $eq: ['$values', 0] }}, null, {computed}] }}");
    }
    let accumulator = value.accumulator();
    stages.push(format!("{{ $group: {{ _id: {by}, value: {accumulator}{also} }} }}"));
    stages.push(format!("{{ $project: {{ _id: 0, {label}: {label_of}, {name}: {computed} }} }}"));
    stages.push(format!("{{ $sort: {{ {name}: -1, {label}: 1 }} }}"));
    Some(aggregate(relation, &stages))
}

/// An outer join, so that documents whose key names nothing readable are still counted.
fn join(link: &Link<'_>, found: &str) -> [String; 2] {
    let from = text(&link.target.name.name);
    let pairs: Vec<_> = link.on.iter().chain(&link.tenant).collect();
    let lookup = match pairs.as_slice() {
        [(theirs, ours)] => {
            format!("localField: {}, foreignField: {}", text(ours.as_str()), text(theirs.as_str()))
        }
        pairs => {
            let ours = pairs.iter().enumerate();
            let variables: Vec<String> =
                ours.map(|(at, (_, ours))| format!("key{at}: {}", read(ours.as_str()))).collect();
            let theirs = pairs.iter().enumerate();
            let equal: Vec<String> = theirs
                .map(|(at, (theirs, _))| {
                    format!("{{ $eq: [{}, '$$key{at}'] }}", read(theirs.as_str()))
                })
                .collect();
            format!(
                "let: {{ {} }}, pipeline: [{{ $match: {{ $expr: {{ $and: [{}] }} }} }}]",
                variables.join(", "),
                equal.join(", ")
            )
        }
    };
    [
        format!("{{ $lookup: {{ from: {from}, {lookup}, as: '{found}' }} }}"),
        format!("{{ $unwind: {{ path: '${found}', preserveNullAndEmptyArrays: true }} }}"),
    ]
}

fn conditions(selection: &Selection<'_>) -> Option<String> {
    terms(selection).map(|terms| joined(&terms))
}

/// Conditions as keys and what is asked of them.
fn terms(selection: &Selection<'_>) -> Option<Vec<(String, String)>> {
    selection.conditions.iter().map(term).collect()
}

/// In one document; where two are on one field, in an `$and`.
fn joined(terms: &[(String, String)]) -> String {
    let written: Vec<String> =
        terms.iter().map(|(name, asked)| format!("{}: {asked}", key(name))).collect();
    let twice = |(at, (name, _)): (usize, &(String, String))| {
        terms.iter().skip(at + 1).any(|(other, _)| other == name)
    };
    if terms.iter().enumerate().any(twice) {
        let each: Vec<String> = written.iter().map(|term| format!("{{ {term} }}")).collect();
        return format!("{{ $and: [{}] }}", each.join(", "));
    }
    if written.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", written.join(", ")) }
}

fn term(condition: &Condition<'_>) -> Option<(String, String)> {
    let column = condition.column;
    let name = column.name.as_str().to_owned();
    let value = |literal: &Literal| literal_of(column, literal);
    let asked = match &condition.test {
        Test::Compare(CmpOp::Eq, equal) => value(equal),
        // What is missing is not equal to it.
        Test::Compare(op, other) => format!("{{ {}: {} }}", comparison(*op), value(other)),
        Test::OneOf(values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("{{ $in: [{}] }}", values.join(", "))
        }
        Test::Between(low, high) => format!("{{ $gte: {}, $lte: {} }}", value(low), value(high)),
        Test::Within { from: Some(from), before: Some(before), negated: true } => {
            let (from, before, name) = (value(from), value(before), key(&name));
            let missing =
                if column.nullable { format!(", {{ {name}: null }}") } else { String::new() };
            let outside = format!(
                "[{{ {name}: {{ $lt: {from} }} }}, {{ {name}: {{ $gte: {before} }} }}{missing}]"
            );
            return Some(("$or".to_owned(), outside));
        }
        Test::Within { from, before, .. } => {
            let from = from.as_ref().map(|from| format!("$gte: {}", value(from)));
            let before = before.as_ref().map(|before| format!("$lt: {}", value(before)));
            let bounds: Vec<String> = from.into_iter().chain(before).collect();
            if bounds.is_empty() {
                "{ $ne: null }".to_owned()
            } else {
                format!("{{ {} }}", bounds.join(", "))
            }
        }
        Test::Like(place, piece) => pattern(*place, piece)?,
        Test::Empty { negated } => {
            let texts = column.column_type == ColumnType::Text;
            match (texts, column.nullable, negated) {
                (true, true, false) => "{ $in: [null, ''] }".to_owned(),
                (true, false, false) => "''".to_owned(),
                (true, _, true) => "{ $nin: [null, ''] }".to_owned(),
                (false, _, false) => "null".to_owned(),
                (false, _, true) => "{ $ne: null }".to_owned(),
            }
        }
        Test::Null { negated: false } => "null".to_owned(),
        Test::Null { negated: true } => "{ $ne: null }".to_owned(),
    };
    Some((name, asked))
}

fn comparison(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "$eq",
        CmpOp::Ne => "$ne",
        CmpOp::Lt => "$lt",
        CmpOp::Le => "$lte",
        CmpOp::Gt => "$gt",
        CmpOp::Ge => "$gte",
    }
}

/// A search that ignores case. `\z`, since `$` also matches before a line break at the end.
fn pattern(place: Place, piece: &str) -> Option<String> {
    let mut pattern = String::new();
    for c in piece.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    let pattern = match place {
        Place::Anywhere => pattern,
        Place::Start => format!("^{pattern}"),
        Place::End => format!("{pattern}\\z"),
    };
    (pattern.len() <= MAX_PATTERN).then(|| format!("RegExp({}, 'i')", text(&pattern)))
}

/// A constant as the column's BSON type has it. INVARIANT (quoting): text from a question enters commands here and in
/// patterns, through [`text`]; numbers were checked to be digits.
fn literal_of(column: &Column, literal: &Literal) -> String {
    match (literal, column.column_type) {
        (Literal::Number(digits), ColumnType::Decimal) => format!("NumberDecimal('{digits}')"),
        (Literal::Number(digits), ColumnType::Integer) => match digits.parse::<i64>() {
            Ok(number) if number.unsigned_abs() <= 1 << 53 => number.to_string(),
            Ok(_) | Err(_) => format!("NumberLong('{digits}')"),
        },
        (Literal::Number(digits), _) => format!("Double('{digits}')"),
        (
            Literal::Text(day),
            ColumnType::Timestamptz | ColumnType::Timestamp | ColumnType::Date,
        ) => {
            format!("ISODate({})", text(day))
        }
        (Literal::Text(uuid), ColumnType::Uuid) => format!("UUID({})", text(uuid)),
        (Literal::Text(plain), _) => text(plain),
        (Literal::Bool(flag), _) => flag.to_string(),
    }
}

fn aggregate(relation: &Relation, stages: &[String]) -> String {
    format!("{}.aggregate([{}])", collection(relation), stages.join(", "))
}

fn collection(relation: &Relation) -> String {
    let name = relation.name.name.as_str();
    if is_plain(name) { format!("db.{name}") } else { format!("db.getCollection({})", text(name)) }
}

/// A field as an expression.
fn read(path: &str) -> String {
    text(&format!("${path}"))
}

/// A field as an expression, or null where it is missing: the two are one group.
fn or_null(path: &str, nullable: bool) -> String {
    if nullable { format!("{{ $ifNull: [{}, null] }}", read(path)) } else { read(path) }
}

/// What a column is called in an answer.
fn shown(path: &str) -> String {
    if path == "_id" { "id".to_owned() } else { path.replace('.', "_") }
}

/// A name that no field of a collection has.
fn free(relation: &Relation, name: &str) -> String {
    let mut name = name.to_owned();
    while relation
        .columns
        .iter()
        .any(|column| column.name.as_str().split('.').next() == Some(&name))
    {
        name.push('_');
    }
    name
}

/// A key of a document.
fn key(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { text(name) }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

/// A string of the shell.
fn text(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_in_their_quotes() {
        for (plain, expected) in [
            ("", "''"),
            ("a", "'a'"),
            ("it's", "'it\\'s'"),
            ("\\'}); db.x", "'\\\\\\'}); db.x'"),
            ("a\nb", "'a\\u000ab'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(text(plain), expected);
        }
        assert_eq!(
            pattern(Place::End, "a.b/'"),
            Some("RegExp('a\\\\.b\\\\/\\\\\\'\\\\z', 'i')".into())
        );
        assert_eq!(pattern(Place::Anywhere, &"x".repeat(513)), None);
    }
}
