//! One class of bypass, as `fixtures/bypass/<row>-<title>.toml` tells it.

use std::path::PathBuf;
use std::sync::OnceLock;

use dialektai::guard::sql::Dialect;
use dialektai::identity::Principal;
use dialektai::policy::Database;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::{rewrite, world};

/// A row of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixture {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub(super) stem: String,
    pub(super) id: String,
    pub(super) class: String,
    pub(super) attack: String,
    pub(super) defence: String,
    #[serde(default, rename = "case")]
    pub(super) cases: Vec<Case>,
    /// Tests elsewhere, for what is no matter of one query.
    #[serde(default)]
    pub(super) shown: Vec<Shown>,
    /// Reasons why there is nothing to attack.
    #[serde(default)]
    pub(super) absent: Vec<Absent>,
}

/// One query, and what must become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(deserialize_with = "dialects")]
    pub(super) dialects: Vec<Dialect>,
    pub(super) query: String,
    pub(super) verdict: Verdict,
    /// Of a refusal.
    pub(super) code: Option<String>,
    /// The caller: tenant 82 without a scope, unless it says otherwise.
    tenant: Option<i64>,
    scope: Option<String>,
    /// What the engine does where nothing guards: the proof that the attack is real.
    pub(super) unguarded: Option<Unguarded>,
    /// What a careless guard would make of the query; run instead of it to see what `unguarded` says.
    pub(super) naive: Option<String>,
    /// What the engine does with the guarded text once the fence is taken out of it: the proof that a filter alone would
    /// not do.
    pub(super) unfenced: Option<Unguarded>,
    /// Statements that make what the attack needs, on copies of the case's own.
    pub(super) setup: Option<String>,
    /// Whether the text changes data or the session, so that it needs copies of its own.
    #[serde(default)]
    writes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Rewritten,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unguarded {
    /// Rows, an error, a warning or the session quote what only other tenants' rows hold.
    Leaks,
    /// The answer is not the one that the tenant's own copy gives: enough to ask yes or no.
    Tells,
    /// Some table holds something else afterwards.
    Changes,
}

impl Unguarded {
    /// As the table says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Leaks => "leaks",
            Self::Tells => "tells",
            Self::Changes => "changes",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// `module::of::tests::name`, in `tests/it` or `src`.
    pub(super) test: String,
    pub(super) how: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Absent {
    pub(super) why: String,
}

impl Case {
    pub(super) fn principal(&self) -> Principal {
        world::principal(self.tenant.unwrap_or(82), self.scope.as_deref())
    }

    /// Whether it may not be run on what others read.
    pub(super) fn needs_copies(&self) -> bool {
        self.writes || self.setup.is_some() || self.unguarded == Some(Unguarded::Changes)
    }
}

/// The dialects by their names.
pub(super) const DIALECTS: [Dialect; 4] =
    [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];

fn dialects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Dialect>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let find = |name: &String| {
        let dialect = DIALECTS.into_iter().find(|dialect| dialect.name() == name);
        dialect.ok_or_else(|| serde::de::Error::custom(format!("no dialect is named {name}")))
    };
    names.iter().map(find).collect()
}

/// The demo database of a dialect, loaded once.
pub(super) fn database(dialect: Dialect) -> &'static Database {
    static DATABASES: [OnceLock<Database>; 4] = [const { OnceLock::new() }; 4];
    let index = DIALECTS.iter().position(|own| *own == dialect).unwrap();
    DATABASES[index].get_or_init(|| rewrite::database(dialect))
}

/// Every fixture, in the order of the catalogue.
pub(super) fn all() -> Vec<Fixture> {
    let named = |(stem, fixture)| Fixture { stem, ..fixture };
    read("bypass").into_iter().map(named).collect()
}

/// The files of a folder of fixtures, in the order of their names, which are told without `.toml`.
pub(super) fn read<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = world::root().join("fixtures").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let fixture = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let fixture =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), fixture)
    };
    files.iter().map(fixture).collect()
}

/// Whether `module::name` is a test: a function of that module's file, or of a module inside of it.
pub(super) fn is_a_test(path: &str) -> bool {
    let Some((modules, name)) = path.rsplit_once("::") else { return false };
    let files = [modules, modules.rsplit_once("::").map_or("", |(outer, _)| outer)];
    let signature = format!("fn {name}(");
    files.into_iter().filter(|module| !module.is_empty()).any(|module| {
        ["tests/it", "src"].into_iter().any(|folder| {
            let file = world::root().join(folder).join(format!("{}.rs", module.replace("::", "/")));
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.iter().enumerate().any(|(index, line)| {
                let attributes =
                    lines.iter().take(index).rev().take_while(|line| line.starts_with("#["));
                let mut attributes = attributes.filter(|line| {
                    line.starts_with("#[test]") || line.starts_with("#[tokio::test")
                });
                line.contains(&signature) && attributes.next().is_some()
            })
        })
    })
}
