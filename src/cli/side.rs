//! One side of a comparison: a folder, or a folder as git has it at a revision, read without touching the checkout.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::check;
use super::output::Failed;
use crate::identity::DatabaseId;
use crate::policy::{Database, Sources};

/// What a side holds.
pub(super) enum Side {
    /// The folder of one database.
    One(Box<Database>),
    /// A folder of such folders, by their names.
    Many(BTreeMap<String, Database>),
}

/// Reads a side by its name: a folder where there is one, otherwise `REVISION:PATH`, or a revision of the policy folder.
pub(super) fn read(name: &str, policies: &Path) -> Result<Side, Failed> {
    let folder = Path::new(name);
    if folder.is_dir() { from_folder(folder) } else { from_git(name, policies) }
}

fn from_folder(folder: &Path) -> Result<Side, Failed> {
    // `.` has no name of its own.
    let folder = folder.canonicalize()?;
    let load = |folder: &Path| {
        Database::load(folder).map_err(|error| Failed::new("invalid_policies", error.to_string()))
    };
    if folder.join("database.toml").is_file() {
        return Ok(Side::One(Box::new(load(&folder)?)));
    }
    let loaded = check::all(&folder)?.into_iter().map(|(name, path)| Ok((name, load(&path)?)));
    Ok(Side::Many(loaded.collect::<Result<_, Failed>>()?))
}

/// A folder of a commit.
struct Tree<'a> {
    /// Where git runs.
    at: &'a Path,
    /// As it was named, for messages.
    shown: &'a str,
}

/// One name in a folder of a commit.
struct Entry {
    kind: Kind,
    object: String,
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    /// A symbolic link, which leads anywhere, or another repository, whose files are not in this one.
    Elsewhere,
}

fn from_git(name: &str, policies: &Path) -> Result<Side, Failed> {
    let (at, object) = match name.split_once(':') {
        Some(_) => (Path::new("."), name.to_owned()),
        None => (policies, format!("{name}:./")),
    };
    let tree = Tree { at, shown: name };
    let unknown = || {
        let message = format!("`{name}` is neither a folder nor a revision of one in git");
        Failed::new("unknown_revision", message)
    };
    if name.starts_with('-') || !at.is_dir() {
        return Err(unknown());
    }
    let object = tree.git(&["rev-parse", "--verify", "--quiet", &object])?.ok_or_else(unknown)?;
    let object = text(&object).ok_or_else(unknown)?.trim().to_owned();
    let entries = tree.entries(&object)?.ok_or_else(unknown)?;
    if entries.iter().any(|entry| entry.name == "database.toml") {
        let own = name.split_once(':').map_or_else(
            || at.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned()),
            |(_, path)| path.trim_end_matches('/').rsplit('/').next().map(ToOwned::to_owned),
        );
        let own = own.filter(|own| !own.is_empty()).unwrap_or_else(|| "database".to_owned());
        return Ok(Side::One(Box::new(tree.database(&own, &entries)?)));
    }
    let mut databases = BTreeMap::new();
    for entry in entries {
        match entry.kind {
            Kind::File => {}
            Kind::Elsewhere => return Err(tree.elsewhere(&entry.name)),
            Kind::Folder => {
                let inside = tree.entries(&entry.object)?.ok_or_else(unknown)?;
                if inside.iter().any(|entry| entry.name == "database.toml") {
                    let database = tree.database(&entry.name, &inside)?;
                    databases.insert(entry.name, database);
                }
            }
        }
    }
    if databases.is_empty() {
        let message = format!("no folder in `{name}` has a `database.toml`");
        return Err(Failed::new("no_databases", message));
    }
    Ok(Side::Many(databases))
}

impl Tree<'_> {
    /// What git says; `None` where it says that it cannot.
    fn git(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>, Failed> {
        let mut command = Command::new("git");
        command.arg("--no-replace-objects").args(arguments).current_dir(self.at);
        let output = command
            .output()
            .map_err(|error| Failed::new("git", format!("cannot run `git`: {error}")))?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// The names in a folder. Objects are read as they are: `git archive` would leave out what attributes say.
    fn entries(&self, tree: &str) -> Result<Option<Vec<Entry>>, Failed> {
        let Some(listed) = self.git(&["ls-tree", "--full-tree", "-z", tree])? else {
            return Ok(None);
        };
        let unreadable =
            || Failed::new("git", format!("a name in `{}` cannot be read", self.shown));
        let listed = text(&listed).ok_or_else(unreadable)?;
        let entries = listed.split_terminator('\0').map(|line| {
            let (mode, rest) = line.split_once(' ')?;
            let (object, name) = rest.split_once('\t')?;
            let (kind, object) = object.split_once(' ')?;
            let kind = match (kind, mode) {
                ("tree", _) => Kind::Folder,
                ("blob", "100644" | "100755") => Kind::File,
                _ => Kind::Elsewhere,
            };
            Some(Entry { kind, object: object.to_owned(), name: name.to_owned() })
        });
        entries.collect::<Option<Vec<_>>>().map(Some).ok_or_else(unreadable)
    }

    fn database(&self, name: &str, entries: &[Entry]) -> Result<Database, Failed> {
        let mut sources = Sources::default();
        let invalid = |message: String| Failed::new("invalid_policies", message);
        let mut found = 0;
        for entry in entries {
            let own = entry.name.as_str();
            let is_policy = Path::new(own).extension().is_some_and(|is| is == "cedar");
            if !is_policy && own != "database.toml" && own != "catalog.toml" {
                continue;
            }
            // INVARIANT (fail closed): a file that is left out may be a forbid.
            if entry.kind != Kind::File {
                return Err(self.elsewhere(own));
            }
            let bytes = self.git(&["cat-file", "blob", &entry.object])?;
            let text = bytes
                .as_deref()
                .and_then(text)
                .ok_or_else(|| invalid(format!("`{own}` in `{}` cannot be read", self.shown)))?;
            match own {
                "database.toml" => (sources.settings, found) = (text.to_owned(), found + 1),
                "catalog.toml" => (sources.catalog, found) = (text.to_owned(), found + 1),
                policy => sources.policies.push((policy.to_owned(), text.to_owned())),
            }
        }
        if found != 2 {
            return Err(invalid(format!("`{}` has no `catalog.toml`", self.shown)));
        }
        let id: DatabaseId =
            name.parse().map_err(|_| invalid(format!("`{name}` is no database id")))?;
        Database::from_sources(id, &sources)
            .map_err(|error| invalid(format!("at `{}`: {error}", self.shown)))
    }

    fn elsewhere(&self, name: &str) -> Failed {
        let message = format!("`{name}` in `{}` is not a file of the repository", self.shown);
        Failed::new("invalid_policies", message)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
