//! What a refusal offers in place of a name that is not there, in words that a language model can act on.
//!
//! INVARIANT (default deny): nothing is offered, and nothing is compared with, but what the caller may read. So a name
//! that is hidden from the caller and one that does not exist get the same words.

use super::Dialect;
use super::scope::Binding;
use super::tree::Name;
use crate::catalog::Catalog;
use crate::predicate::{PredicateSet, RowFilter};

/// The most names that a hint lists.
const MAX_LISTED: usize = 16;
/// The most names that one is compared with: a refusal costs no more than a query.
const MAX_COMPARED: usize = 2_000;

/// A hint for a column that nothing in sight has. `bindings` are the tables in sight, the innermost first.
pub(super) fn column(wanted: &[Name], bindings: &[&Binding], dialect: Dialect) -> String {
    const TEXTS: &str = "write text values in single quotes";
    let Some((name, table)) = wanted.split_last() else { return TEXTS.to_owned() };
    let written = |binding: &Binding, column: &Name| {
        let column = dialect.quoted(column.as_str());
        match &binding.name {
            Some(table) if bindings.len() > 1 => {
                format!("{}.{column}", dialect.quoted(table.as_str()))
            }
            Some(_) | None => column,
        }
    };
    let own = |binding: &&&Binding| match table {
        [table] => binding.name.as_ref() == Some(table),
        _ => true,
    };
    let named: Vec<(&str, String)> = bindings
        .iter()
        .filter(own)
        .flat_map(|binding| binding.columns.iter().map(move |column| (binding, column)))
        .filter_map(|(binding, column)| column.name.as_ref().map(|name| (binding, name)))
        .map(|(binding, column)| (column.as_str(), written(binding, column)))
        .take(MAX_COMPARED)
        .collect();
    let near = nearest(name.as_str(), &named, Near::Parts);
    if !near.is_empty() {
        return format!("write {}; {TEXTS}", either(&near));
    }
    if let ([table], true) = (table, named.is_empty()) {
        let tables: Vec<(&str, String)> = bindings
            .iter()
            .filter_map(|binding| binding.name.as_ref())
            .map(|name| (name.as_str(), dialect.quoted(name.as_str())))
            .collect();
        let near = nearest(table.as_str(), &tables, Near::Parts);
        let offered = if near.is_empty() { listed(&tables) } else { Some(either(&near)) };
        return match offered {
            Some(offered) => {
                format!("write a table of the FROM clause before the column: {offered}")
            }
            None => "name the table in a FROM clause first".to_owned(),
        };
    }
    match listed(&named) {
        Some(columns) => format!("name one of the columns here: {columns}; {TEXTS}"),
        None => format!("name a column that exists; {TEXTS}"),
    }
}

/// A hint for a relation that does not exist, or that the caller may not read. `ctes` are the names of WITH in sight.
pub(super) fn relation<'a>(
    wanted: &[Name],
    ctes: impl Iterator<Item = &'a Name>,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> String {
    let Some(name) = wanted.last() else { return "name a relation".to_owned() };
    let readable =
        catalog.relations.iter().filter(|relation| match filters.filter_for(&relation.name) {
            RowFilter::AllRows | RowFilter::Where(_) => true,
            RowFilter::NoRows => false,
        });
    let ctes: Vec<String> = ctes.map(|name| name.as_str().to_owned()).collect();
    let ctes = ctes.iter().map(|name| (name.as_str(), dialect.quoted(name)));
    let relations = readable.map(|relation| {
        let name = dialect.quoted(&relation.name.name);
        let written = if relation.name.schema == catalog.default_schema {
            name
        } else {
            format!("{}.{name}", dialect.quoted(&relation.name.schema))
        };
        (relation.name.name.as_str(), written)
    });
    let known: Vec<(&str, String)> = ctes.chain(relations).take(MAX_COMPARED).collect();
    let near = nearest(name.as_str(), &known, Near::Parts);
    if !near.is_empty() {
        return format!("query {}", either(&near));
    }
    match listed(&known) {
        Some(relations) => format!("query one of the relations that exist: {relations}"),
        None => "query a relation that exists, under its own name".to_owned(),
    }
}

/// A hint for a function that is not on the dialect's list, of which `known` are the names.
pub(super) fn function<'a>(
    wanted: &str,
    known: impl Iterator<Item = &'a str>,
    dialect: Dialect,
) -> String {
    let usual = equivalent(&wanted.to_ascii_lowercase(), dialect);
    if let Some(usual) = usual {
        return format!("use {usual}");
    }
    let known: Vec<(&str, String)> =
        known.map(|name| (name, name.to_owned())).take(MAX_COMPARED).collect();
    let near = nearest(wanted, &known, Near::Letters);
    if near.is_empty() {
        "use another function, or compute the value outside the query".to_owned()
    } else {
        format!("use {}, or compute the value outside the query", either(&near))
    }
}

/// What another engine's function is called here.
fn equivalent(name: &str, dialect: Dialect) -> Option<&'static str> {
    use Dialect::{Mssql, Mysql, Postgresql, Sqlite};
    Some(match (name, dialect) {
        ("strftime" | "date_format" | "format", Postgresql) => {
            "to_char(x, 'YYYY-MM') for a text, or date_trunc('month', x) for a date"
        }
        ("strftime" | "to_char", Mysql) => "date_format(x, '%Y-%m')",
        ("date_format" | "to_char", Sqlite) => "strftime('%Y-%m', x)",
        ("strftime" | "date_format" | "to_char", Mssql) => "format(x, 'yyyy-MM')",
        ("date_trunc" | "datetrunc", Sqlite) => "date(x, 'start of month')",
        ("date_trunc" | "datetrunc", Mysql) => "date_format(x, '%Y-%m-01')",
        ("date_trunc", Mssql) => "datetrunc(month, x)",
        ("datetrunc", Postgresql) => "date_trunc('month', x)",
        ("year" | "month" | "day" | "hour" | "quarter" | "week", Postgresql) => {
            "extract(year from x), or month, day, hour, quarter, week"
        }
        ("year" | "month" | "day" | "hour" | "date_part" | "quarter" | "week", Sqlite) => {
            "CAST(strftime('%Y', x) AS INTEGER), or '%m', '%d', '%H'"
        }
        ("date_part", Mysql) => "extract(YEAR FROM x)",
        ("date_part" | "hour" | "quarter" | "week", Mssql) => "datepart(hour, x)",
        ("datediff" | "timestampdiff" | "age", Sqlite) => "julianday(a) - julianday(b)",
        ("datediff" | "timestampdiff" | "julianday", Postgresql) => {
            "a - b: dates give days, timestamps an interval"
        }
        ("julianday" | "age", Mysql) => "datediff(a, b), or timestampdiff(MONTH, a, b)",
        ("julianday" | "timestampdiff" | "age", Mssql) => "datediff(day, a, b)",
        ("dateadd" | "date_add" | "date_sub" | "adddate", Postgresql) => {
            "x + INTERVAL '7 days', or x - INTERVAL '7 days'"
        }
        ("dateadd" | "date_add" | "date_sub" | "adddate", Sqlite) => "date(x, '+7 days')",
        ("dateadd", Mysql) => "x + INTERVAL 7 DAY",
        ("date_add" | "date_sub" | "adddate", Mssql) => "dateadd(day, 7, x)",
        ("getdate" | "sysdate" | "sysdatetime" | "curdate", Postgresql) => "now(), or CURRENT_DATE",
        ("getdate" | "now" | "sysdate" | "curdate", Sqlite) => "datetime('now'), or date('now')",
        ("getdate" | "sysdate" | "sysdatetime", Mysql) => "now(), or curdate()",
        ("now" | "curdate" | "sysdate", Mssql) => "getdate()",
        ("isnull" | "ifnull", Postgresql) | ("isnull", Sqlite) | ("ifnull", Mssql) | ("nvl", _) => {
            "coalesce(a, b)"
        }
        ("if" | "iif", Postgresql) => "CASE WHEN a THEN b ELSE c END",
        ("if", Sqlite) => "iif(a, b, c)",
        ("iif", Mysql) => "if(a, b, c)",
        ("if", Mssql) => "iif(a = 1, b, c)",
        ("group_concat" | "listagg", Postgresql)
        | ("group_concat" | "listagg" | "array_agg", Mssql) => "string_agg(x, ', ')",
        ("string_agg" | "listagg", Mysql) => "group_concat(x SEPARATOR ', ')",
        ("listagg", Sqlite) => "group_concat(x, ', ')",
        ("array_agg", Sqlite) => "json_group_array(x)",
        ("array_agg", Mysql) => "json_arrayagg(x)",
        ("len", Postgresql) | ("len" | "char_length" | "character_length", Sqlite) => "length(x)",
        ("len", Mysql) => "char_length(x)",
        ("length" | "char_length", Mssql) => "len(x)",
        ("charindex" | "locate" | "instr", Postgresql) => "strpos(text, part)",
        ("charindex" | "strpos", Mysql) => "locate(part, text)",
        ("charindex" | "locate" | "strpos", Sqlite) => "instr(text, part)",
        ("instr" | "locate" | "strpos", Mssql) => "charindex(part, text)",
        ("ceil", Mssql) => "ceiling(x)",
        ("substr", Mssql) => "substring(x, start, length)",
        ("stdev", Postgresql | Mysql) => "stddev(x)",
        ("stddev", Mssql) => "stdev(x)",
        ("rand" | "random" | "newid" | "uuid" | "gen_random_uuid", _) => {
            "an ORDER BY of columns: the same query must give the same rows"
        }
        _ => return None,
    })
}

/// `a, b or c`, each as code.
fn either(names: &[&str]) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let before = match index {
            0 => "",
            last if last + 1 == names.len() => " or ",
            _ => ", ",
        };
        text.push_str(&format!("{before}`{name}`"));
    }
    text
}

/// The names one after another, unless there are none or too many to be read.
fn listed(names: &[(&str, String)]) -> Option<String> {
    let written: Vec<&str> = names.iter().map(|(_, written)| written.as_str()).collect();
    (1..=MAX_LISTED).contains(&written.len()).then(|| written.join(", "))
}

/// What makes two names near.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    /// A few letters.
    Letters,
    /// That, or one is a part of the other, as `name` of `project_name`.
    Parts,
}

/// At most three names that could have been meant, each as it is written, the nearest first.
fn nearest<'a>(wanted: &str, names: &'a [(&str, String)], by: Near) -> Vec<&'a str> {
    let wanted = plain(wanted);
    let allowed = (wanted.len() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .iter()
        .filter_map(|(name, written)| {
            let name = plain(name);
            let part = |whole: &[char], part: &[char]| {
                by == Near::Parts
                    && part.len() > 2
                    && whole.windows(part.len()).any(|window| window == part)
            };
            let distance = if part(&name, &wanted) || part(&wanted, &name) {
                usize::from(name != wanted)
            } else {
                distance(&wanted, &name, allowed)?
            };
            (distance <= allowed).then_some((distance, written.as_str()))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, written)| written).collect()
}

/// A name without what people get wrong in it: case and underscores.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).take(64).collect()
}

/// How many characters must be added, dropped, exchanged or replaced; `None` where the lengths alone differ by more
/// than `allowed`.
fn distance(left: &[char], right: &[char], allowed: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > allowed {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (index, l) in left.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(index + 1);
        for (column, r) in right.iter().enumerate() {
            let [diagonal, above] = row.get(column..column + 2)? else { return None };
            let kept = diagonal + usize::from(l != r);
            let mut best = kept.min(above + 1).min(next.last()? + 1);
            let swapped =
                column.checked_sub(1).filter(|at| previous == Some(r) && right.get(*at) == Some(l));
            if let Some(at) = swapped {
                best = best.min(before.get(at)? + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(l);
    }
    row.last().copied()
}

#[cfg(test)]
mod tests {
    use super::super::functions;
    use super::*;

    fn near<'a>(wanted: &str, names: &'a [(&str, String)]) -> Vec<&'a str> {
        nearest(wanted, names, Near::Parts)
    }

    #[test]
    fn near_names_are_found() {
        let names: Vec<(&str, String)> =
            ["customer_id", "name", "status", "due_on", "created_at", "title"]
                .map(|name| (name, name.to_owned()))
                .to_vec();
        for (wanted, found) in [
            ("customerId", "customer_id"),
            ("customer", "customer_id"),
            ("nmae", "name"),
            ("names", "name"),
            ("stauts", "status"),
            ("DUE_ON", "due_on"),
            ("create_at", "created_at"),
        ] {
            assert_eq!(near(wanted, &names).first(), Some(&found), "{wanted}");
        }
        for wanted in ["x", "salary", "password_hash", ""] {
            assert!(near(wanted, &names).is_empty(), "{wanted}");
        }
    }

    /// Every function that another engine is known for leads to one of this engine's list.
    #[test]
    fn equivalents_are_on_the_list() {
        let dialects = [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];
        let foreign: Vec<&str> = dialects.into_iter().flat_map(functions::names).collect();
        let more = ["nvl", "listagg", "len", "sysdate", "curdate", "strftime", "rand", "dateadd"];
        let mut offered = 0;
        for dialect in dialects {
            let unknown = |name: &&&str| functions::lookup(name, dialect).is_none();
            for name in foreign.iter().chain(&more).filter(unknown) {
                let Some(text) = equivalent(name, dialect) else { continue };
                let called = text.split_once('(').map(|(name, _)| name.to_owned());
                let plain =
                    called.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
                let special = ["extract", "CAST"];
                if let Some(called) = plain.filter(|name| !special.contains(&name.as_str())) {
                    assert!(
                        functions::lookup(&called, dialect).is_some(),
                        "{dialect:?} {name}: {text}"
                    );
                    offered += 1;
                }
            }
        }
        assert!(offered > 30, "{offered}");
    }

    #[test]
    fn distances_are_as_by_hand() {
        let distance = |l: &str, r: &str| distance(&plain(l), &plain(r), 9);
        for (left, right, far) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(left, right), Some(far), "{left} {right}");
            assert_eq!(distance(right, left), Some(far), "{right} {left}");
        }
    }
}
