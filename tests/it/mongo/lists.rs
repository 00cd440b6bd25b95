//! The lists of stages and operators as readers see them: `docs/operators.md` is written from them, and every line is what
//! the guard does.

use std::fmt::Write as _;

use dialektai::guard::RefusalCode;
use dialektai::guard::mongo::{Chapter, ListedName, chapters};

use crate::world;

const INTRODUCTION: &str = "\
# What a MongoDB query may be made of

Written from the lists in `src/guard/mongo/names` by `tests/it/mongo/lists.rs`; `DIALEKTAI_BLESS=1 cargo test --test it
mongo::lists` writes it anew. `dialektai functions --dialect mongodb` prints the same.

What is not here is refused, in the place of its chapter. A condition with a name that is *marked* may fail, or give up, on
a document: it puts a fence around the collections of the query, so that it never looks at a document that the caller may
not read. Outside of conditions a mark means nothing.
";

fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    for Chapter { title, source, names } in chapters() {
        let shown = |name: &ListedName| {
            let mark = if name.may_fail { "*" } else { "" };
            format!("`{}`{mark}", name.name)
        };
        let allowed = names.iter().filter(|name| name.refused.is_none()).map(shown);
        write!(text, "\n## {title}\n\n<{source}>\n\n{}\n", allowed.collect::<Vec<_>>().join(", "))
            .unwrap();
        let mut refused: Vec<((&str, &str), Vec<String>)> = Vec::new();
        for name in &names {
            let Some(why) = name.refused else { continue };
            match refused.iter_mut().find(|(own, _)| *own == why) {
                Some((_, names)) => names.push(shown(name)),
                None => refused.push((why, vec![shown(name)])),
            }
        }
        if !refused.is_empty() {
            text.push_str("\n| looked at and left out | why | instead |\n|---|---|---|\n");
        }
        for ((why, instead), names) in refused {
            writeln!(text, "| {} | {why} | {instead} |", names.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn docs_are_those_of_the_lists_of_mongodb() {
    let path = world::root().join("docs/operators.md");
    let page = page();
    if std::env::var_os("DIALEKTAI_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/operators.md is stale: run with DIALEKTAI_BLESS=1");
}

/// Every name that is refused is, by its reason, wherever it could stand.
#[test]
fn what_is_left_out_of_mongodb_is_refused() {
    for Chapter { title, names, .. } in chapters() {
        for name in names {
            let ListedName { name, refused, .. } = name;
            let Some((why, instead)) = refused else { continue };
            let query = match title {
                "Stages" => format!("db.projects.aggregate([{{ '{name}': {{}} }}])"),
                "Conditions" => format!("db.projects.find({{ name: {{ '{name}': 1 }} }})"),
                "Expressions" => format!("db.projects.find({{ $expr: {{ '{name}': 1 }} }})"),
                "Accumulators of groups" => {
                    format!(
                        "db.projects.aggregate([{{ $group: {{ _id: 1, x: {{ '{name}': 1 }} }} }}])"
                    )
                }
                "Operators of `$setWindowFields`" => format!(
                    "db.projects.aggregate([{{ $setWindowFields: {{ output: {{ x: {{ '{name}': 1 }} }} }} }}])"
                ),
                "Fields of `find`" => format!(r#"{{"find": "projects", "{name}": 1}}"#),
                "Fields of `aggregate`" => {
                    format!(r#"{{"aggregate": "projects", "pipeline": [], "{name}": 1}}"#)
                }
                "Fields of `count`" => format!(r#"{{"count": "projects", "{name}": 1}}"#),
                "Fields of `distinct`" => {
                    format!(r#"{{"distinct": "projects", "key": "name", "{name}": 1}}"#)
                }
                other => panic!("{other}"),
            };
            let refusal = super::guard(&query, &world::principal(82, None)).unwrap_err();
            assert!(refusal.message.contains(why), "{query}: {refusal}");
            assert!(refusal.hint == instead || title.starts_with("Fields"), "{query}: {refusal:?}");
            let code = match title {
                "Stages" => RefusalCode::UnknownStage,
                _ if title.starts_with("Fields") => RefusalCode::Unsupported,
                _ => RefusalCode::UnknownOperator,
            };
            assert_eq!(refusal.code, code, "{query}: {refusal}");
        }
    }
}
