//! The lists of MongoDB: names by the place where they may stand, and why others may not.

use serde::Serialize;

use crate::guard::mongo::{Chapter, ListedName, chapters};

/// `--format json`: one document, always every key.
#[derive(Serialize)]
pub(super) struct Document {
    dialect: &'static str,
    chapters: Vec<ChapterEntry>,
}

#[derive(Serialize)]
struct ChapterEntry {
    title: &'static str,
    source: &'static str,
    names: Vec<&'static str>,
    /// Those of `names` that fence the collections of a query off where a condition has them.
    may_fail: Vec<&'static str>,
    left_out: Vec<LeftOutEntry>,
}

#[derive(Serialize)]
struct LeftOutEntry {
    name: &'static str,
    why: &'static str,
    instead: &'static str,
}

pub(super) fn document() -> Document {
    Document { dialect: "mongodb", chapters: chapters().into_iter().map(entry).collect() }
}

fn entry(Chapter { title, source, names }: Chapter) -> ChapterEntry {
    let allowed = |name: &&ListedName| name.refused.is_none();
    let may_fail = names.iter().filter(|name| name.may_fail).map(|name| name.name).collect();
    let left_out = names
        .iter()
        .filter_map(|name| {
            let (why, instead) = name.refused?;
            Some(LeftOutEntry { name: name.name, why, instead })
        })
        .collect();
    let names = names.iter().filter(allowed).map(|name| name.name).collect();
    ChapterEntry { title, source, names, may_fail, left_out }
}

/// A line for each name, under the titles of the manual's pages.
pub(super) fn as_text() -> String {
    let mut text = String::new();
    for Chapter { title, source, names } in chapters() {
        text.push_str(&format!("\n{title} <{source}>\n"));
        for ListedName { name, refused, may_fail } in names {
            match refused {
                Some((why, instead)) => {
                    text.push_str(&format!("  not {name}: {why}; {instead}\n"));
                }
                None if may_fail => text.push_str(&format!("  {name}  (may fail)\n")),
                None => text.push_str(&format!("  {name}\n")),
            }
        }
    }
    text
}
