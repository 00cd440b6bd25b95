//! Queries of one shape and any size, up to what the caps let through.

/// A family of queries.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// About the largest size that the caps let through.
    pub(crate) most: usize,
    pub(crate) write: fn(usize) -> String,
}

pub(crate) const SHAPES: [Shape; 8] = [
    Shape { name: "select list", most: 1_900, write: select_list },
    Shape { name: "aliases in ORDER BY", most: 990, write: aliases },
    Shape { name: "AND chain", most: 384, write: and_chain },
    Shape { name: "IN list", most: 3_900, write: in_list },
    Shape { name: "UNION ALL chain", most: 384, write: union_chain },
    Shape { name: "join chain", most: 64, write: join_chain },
    Shape { name: "WITH chain", most: 320, write: with_chain },
    Shape { name: "nested subqueries", most: 32, write: nested },
];

fn each(size: usize, separator: &str, part: impl Fn(usize) -> String) -> String {
    (0..size).map(part).collect::<Vec<_>>().join(separator)
}

fn select_list(size: usize) -> String {
    format!("SELECT {} FROM tasks AS t", each(size, ", ", |_| "t.title".to_owned()))
}

fn aliases(size: usize) -> String {
    let items = each(size, ", ", |n| format!("t.id AS a{n}"));
    format!("SELECT {items} FROM tasks AS t ORDER BY {}", each(size, ", ", |n| format!("a{n}")))
}

fn and_chain(size: usize) -> String {
    format!("SELECT id FROM tasks WHERE {}", each(size, " AND ", |n| format!("priority <> {n}")))
}

fn in_list(size: usize) -> String {
    format!("SELECT id FROM tasks WHERE id IN ({})", each(size, ", ", |n| n.to_string()))
}

fn union_chain(size: usize) -> String {
    each(size, " UNION ALL ", |n| format!("SELECT id, title FROM tasks WHERE priority = {n}"))
}

fn join_chain(size: usize) -> String {
    let joins = each(size - 1, " ", |n| {
        format!("JOIN tasks AS t{} ON t{}.id = t{n}.project_id", n + 1, n + 1)
    });
    format!("SELECT t0.id FROM tasks AS t0 {joins}")
}

fn with_chain(size: usize) -> String {
    let ctes = each(size, ", ", |n| match n {
        0 => "c0 AS (SELECT id, title FROM tasks)".to_owned(),
        n => format!("c{n} AS (SELECT id, title FROM c{} WHERE id <> {n})", n - 1),
    });
    format!("WITH {ctes} SELECT id, title FROM c{}", size - 1)
}

fn nested(size: usize) -> String {
    let mut query = "SELECT id, title FROM tasks".to_owned();
    for n in 1..size {
        query = format!("SELECT d{n}.id, d{n}.title FROM ({query}) AS d{n} WHERE d{n}.id <> {n}");
    }
    query
}
