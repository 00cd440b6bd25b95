//! Queries of one shape and any size, up to what the caps let through.

/// A family of queries.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// About the largest size that the caps let through.
    pub(crate) most: usize,
    pub(crate) write: fn(usize) -> String,
}

pub(crate) const SHAPES: [Shape; 8] = [
    Shape { name: "values in $in", most: 3_900, write: in_list },
    Shape { name: "branches of $or", most: 900, write: or_chain },
    Shape { name: "fields of a document", most: 1_900, write: fields },
    Shape { name: "computed fields", most: 700, write: computed },
    Shape { name: "stages", most: 56, write: stages },
    Shape { name: "branches of $facet", most: 50, write: facet },
    Shape { name: "joins", most: 10, write: joins },
    Shape { name: "nested values", most: 28, write: nested },
];

fn each(size: usize, separator: &str, part: impl Fn(usize) -> String) -> String {
    (0..size).map(part).collect::<Vec<_>>().join(separator)
}

fn in_list(size: usize) -> String {
    format!("db.tasks.find({{ _id: {{ $in: [{}] }} }})", each(size, ", ", |n| n.to_string()))
}

fn or_chain(size: usize) -> String {
    let branches = each(size, ", ", |n| format!("{{ priority: {n} }}"));
    format!("db.tasks.find({{ $or: [{branches}] }})")
}

fn fields(size: usize) -> String {
    let fields = each(size, ", ", |n| format!("field_{n}: {n}"));
    format!("db.projects.find({{ meta: {{ {fields} }} }})")
}

fn computed(size: usize) -> String {
    let fields = each(size, ", ", |n| format!("f{n}: {{ $add: ['$priority', {n}] }}"));
    format!("db.tasks.aggregate([{{ $addFields: {{ {fields} }} }}])")
}

fn stages(size: usize) -> String {
    let stages = each(size, ", ", |n| format!("{{ $match: {{ priority: {{ $ne: {n} }} }} }}"));
    format!("db.tasks.aggregate([{stages}])")
}

fn facet(size: usize) -> String {
    let branches = each(size, ", ", |n| format!("b{n}: [{{ $match: {{ priority: {n} }} }}]"));
    format!("db.tasks.aggregate([{{ $facet: {{ {branches} }} }}])")
}

fn joins(size: usize) -> String {
    let joins = each(size, ", ", |n| {
        format!(
            "{{ $lookup: {{ from: 'tasks', localField: '_id', foreignField: 'project_id', as: 't{n}' }} }}"
        )
    });
    format!("db.projects.aggregate([{joins}])")
}

/// As many times a value that is nested as deep as `size`.
fn nested(size: usize) -> String {
    let value = |_| format!("{}1{}", "[".repeat(size), "]".repeat(size));
    format!("db.projects.find({{ $or: [{{ meta: [{}] }}] }})", each(40, ", ", value))
}
