//! What annotations mean: `@mask` and `@columns` say which columns a permit grants masked, `@id` is a policy's name, and all
//! others are words for people.

use std::collections::BTreeMap;

use cedar_policy::pst::{Effect, Template};
use cedar_policy::{Effect as Kind, Policy};

use super::super::settings::EngineKind;
use super::columns::changes;
use super::relations_of;
use crate::catalog::{Catalog, Column, ColumnName, ColumnType};
use crate::predicate::Mask;

const MASK: &str = "mask";
const COLUMNS: &str = "columns";

/// An annotation that cannot be upheld, and why.
pub(in crate::policy) struct BadAnnotation {
    pub(in crate::policy) name: String,
    pub(in crate::policy) why: String,
}

/// The columns that a permit grants masked, each with its mask. Empty where [`check`] found something.
pub(in crate::policy) fn masks(policy: &Policy) -> BTreeMap<ColumnName, Mask> {
    match (policy.annotation(MASK), policy.annotation(COLUMNS)) {
        (Some(masks), Some(columns)) if policy.effect() == Kind::Permit => {
            read(masks, columns).unwrap_or_default()
        }
        _ => BTreeMap::new(),
    }
}

/// Whether a permit masks a column by what needs a key, and could with one.
pub(in crate::policy) fn needs_key(policy: &Policy, engine: EngineKind) -> bool {
    no_hash(engine).is_none() && masks(policy).values().any(|mask| *mask == Mask::Hash)
}

/// The annotations of a policy that must not be passed over.
// INVARIANT (exact or refused): a permit whose mask nobody upholds would show what it says is masked.
pub(in crate::policy) fn check(
    policy: &Policy,
    written: &Template,
    catalog: &Catalog,
    engine: EngineKind,
) -> Vec<BadAnnotation> {
    let bad = |name: &str, why: String| BadAnnotation { name: name.to_owned(), why };
    let names = policy.annotations().map(|(name, _)| name);
    let mut found: Vec<BadAnnotation> = names
        .filter(|name| ![MASK, COLUMNS].contains(name) && reads_like_ours(name))
        .map(|name| bad(name, "which reads like one that masks columns".to_owned()))
        .collect();
    let (masks, columns) = match (policy.annotation(MASK), policy.annotation(COLUMNS)) {
        (None, None) => return found,
        (Some(_), None) => {
            found.push(bad(MASK, "and no `@columns` that says of what".to_owned()));
            return found;
        }
        (None, Some(_)) => {
            found.push(bad(COLUMNS, "and no `@mask` for them".to_owned()));
            return found;
        }
        (Some(masks), Some(columns)) => (masks, columns),
    };
    if written.effect != Effect::Permit {
        found.push(bad(MASK, "and grants nothing that could be masked".to_owned()));
    }
    match read(masks, columns) {
        Err((name, why)) => found.push(bad(name, why)),
        Ok(masked) => {
            if masked.values().any(|mask| *mask == Mask::Hash)
                && let Some(why) = no_hash(engine)
            {
                found.push(bad(MASK, why.to_owned()));
            }
            for (name, mask) in masked {
                let whys = of_column(&name, mask, written, catalog, engine);
                found.extend(whys.map(|(annotation, why)| bad(annotation, why)));
            }
        }
    }
    found
}

/// One mask for all columns, or one for each; or which of the two cannot be read, and why.
fn read(masks: &str, columns: &str) -> Result<BTreeMap<ColumnName, Mask>, (&'static str, String)> {
    let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
    let masks = masks.split(',').map(str::trim).map(|word| {
        let known = Mask::ALL.into_iter().find(|mask| mask.name() == word);
        known.ok_or_else(|| {
            (MASK, format!("and `{word}` is no mask: there are `null`, `hash` and `last4`"))
        })
    });
    let masks: Vec<Mask> = masks.collect::<Result<_, _>>()?;
    if masks.len() != 1 && masks.len() != columns.len() {
        let why = "with neither one mask for all columns nor one for each".to_owned();
        return Err((MASK, why));
    }
    let mut read = BTreeMap::new();
    for (column, mask) in columns.into_iter().zip(masks.into_iter().cycle()) {
        if column.is_empty() {
            return Err((COLUMNS, "with a name that is empty".to_owned()));
        }
        if read.insert(ColumnName::new(column), mask).is_some() {
            return Err((COLUMNS, format!("with `{column}` twice")));
        }
    }
    Ok(read)
}

/// Why a column cannot be masked so: no relation of the policy has it, or one has it as a type that does not allow it.
fn of_column(
    name: &ColumnName,
    mask: Mask,
    written: &Template,
    catalog: &Catalog,
    engine: EngineKind,
) -> Option<(&'static str, String)> {
    let relations = relations_of(&written.resource, catalog);
    let mut columns =
        relations.iter().filter_map(|relation| Some((relation, relation.column(name)?)));
    let mut columns = columns.by_ref().peekable();
    if columns.peek().is_none() {
        let why = format!("with `{name}`, which no relation has that the policy applies to");
        return Some((COLUMNS, why));
    }
    let (relation, column) = columns.find(|(_, column)| !takes(column, mask, engine))?;
    if engine == EngineKind::Mongodb && !is_field(column) {
        let why = "is `_id`, in a document, or a document that is listed field by field";
        return Some((COLUMNS, format!("with `{name}`, which in `{}` {why}", relation.name)));
    }
    let why = match mask {
        Mask::Null => "has a type that does not stay itself in an expression",
        Mask::Hash => match engine {
            EngineKind::Mysql => "is no plain text of `utf8mb4`, whose type a hash could have",
            EngineKind::Sqlite
            | EngineKind::Postgresql
            | EngineKind::Sqlserver
            | EngineKind::Mongodb => "is no plain text, whose type a hash could have",
        },
        Mask::Last4 => "is no plain text, of which the last characters could be shown",
    };
    Some((COLUMNS, format!("with `{name}`, which in `{}` {why}", relation.name)))
}

/// Whether a projection of MongoDB's can put something else in a field's place, as a whole, and leave everything else as it
/// is. `_id` comes first in a document whatever is asked for.
fn is_field(column: &Column) -> bool {
    let name = column.name.as_str();
    name != "_id" && !name.contains('.') && column.column_type != ColumnType::Document
}

/// Why a database cannot hash a column with a key, where it cannot.
fn no_hash(engine: EngineKind) -> Option<&'static str> {
    match engine {
        EngineKind::Postgresql | EngineKind::Mysql | EngineKind::Sqlserver => None,
        EngineKind::Sqlite => Some("and SQLite has no function that makes a `hash`"),
        EngineKind::Mongodb => Some("and MongoDB has no operator that makes a `hash` with a key"),
    }
}

/// Whether what a mask makes of a column compares, sorts and reads as the column itself does.
fn takes(column: &Column, mask: Mask, engine: EngineKind) -> bool {
    let declared = column.declared.to_ascii_lowercase();
    let base = declared.split('(').next().unwrap_or_default().trim();
    // An ENUM is sorted by its labels' places, a BIT is no number: as results of CASE they are text and number. MariaDB groups
    // TINYTEXT out of a CASE as one value, widens FLOAT, and forgets ZEROFILL and that a text was JSON.
    let changed = ["enum", "set", "bit", "year", "tinytext", "float"];
    let kept = engine != EngineKind::Mysql
        || !(changed.contains(&base)
            || declared.contains("zerofill")
            || column.column_type == ColumnType::Json);
    let text = column.column_type == ColumnType::Text
        && match engine {
            EngineKind::Sqlite | EngineKind::Mongodb => true,
            // `char(n)` and `citext` compare otherwise, and an enum holds its labels only.
            EngineKind::Postgresql => ["", "text", "character varying", "varchar"].contains(&base),
            EngineKind::Mysql => {
                let texts = ["", "char", "varchar", "text", "mediumtext", "longtext"];
                texts.contains(&base)
            }
            // The padding of CHAR is not part of its value, and TEXT has no length.
            EngineKind::Sqlserver => ["", "varchar", "nvarchar"].contains(&base),
        };
    let kept = kept && (engine != EngineKind::Mongodb || is_field(column));
    match mask {
        Mask::Null => kept,
        // As text of another character set it would not meet the column's own in one expression.
        Mask::Hash => {
            let unicode = |collation: &String| collation.starts_with("utf8mb4_");
            let alike =
                engine != EngineKind::Mysql || column.collation.as_ref().is_some_and(unicode);
            kept && text && alike
        }
        Mask::Last4 => kept && text && !column.array,
    }
}

/// `@masks`, `@Mask`, `@msak`, `@masked_columns`: a slip of the pen must not take a mask away.
fn reads_like_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let shuffled = |ours: &str| letters(&name) == letters(ours);
    // One letter in place of another makes other words of `mask`: `@task`, `@mark`. As a slip of the pen it leaves `@columns`
    // alone, which is refused. So does a first letter that is missing: `@ask`.
    let shorter = name.len() < MASK.len() && name.starts_with('m') && changes(&name, MASK) <= 1;
    ["mask", "column"].into_iter().any(|stem| name.contains(stem))
        || [MASK, COLUMNS].into_iter().any(shuffled)
        || shorter
        || changes(&name, COLUMNS) <= 1
}
