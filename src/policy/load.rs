//! From texts to a [`Database`], or to everything that is wrong with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use cedar_policy::pst::Template;
use cedar_policy::{
    Policy, PolicyId, PolicySet, Schema, ValidationError, ValidationMode, ValidationWarning,
    Validator,
};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Catalog, CatalogError, check_documents};
use crate::identity::DatabaseId;

use super::check::{Finding, check, columns, entity_type_of, masks, reads_scope};
use super::problem::{LoadError, Problem, Reason, toml_place};
use super::related::Hops;
use super::schema::{check_filter_columns, derive};
use super::settings::{EngineKind, Settings, SettingsError};
use super::source::{SourceFile, SourcePolicy, line_of_key};
use super::{Database, Rules, Sources, tenancy};

const SETTINGS: &str = "database.toml";
const CATALOG: &str = "catalog.toml";

/// Reads a folder's files. Its name is the database id.
pub(super) fn read(folder: &Path) -> Result<(DatabaseId, Sources), LoadError> {
    let mut problems = Vec::new();
    let mut report = |path: &Path, reason: Reason| {
        let file = path.display().to_string();
        problems.push(Problem { file, line: None, policy: None, reason });
    };
    let unreadable = |error: std::io::Error| Reason::Unreadable(error.to_string());

    let name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let id = name.parse().map_err(|error| report(folder, Reason::DatabaseId(error))).ok();
    let mut names = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => names.push(entry.path()),
                    Err(error) => report(folder, unreadable(error)),
                }
            }
        }
        Err(error) => report(folder, unreadable(error)),
    }
    names.retain(|path| path.extension().is_some_and(|extension| extension == "cedar"));
    names.sort();
    let mut text = |path: &Path| {
        fs::read_to_string(path).map_err(|error| report(path, unreadable(error))).ok()
    };
    let settings = text(&folder.join(SETTINGS));
    let catalog = text(&folder.join(CATALOG));
    let policies: Vec<(String, String)> = names
        .iter()
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, text(path)?))
        })
        .collect();
    match (id, settings, catalog) {
        (Some(id), Some(settings), Some(catalog)) if problems.is_empty() => {
            Ok((id, Sources { settings, catalog, policies }))
        }
        _ => Err(LoadError::new(problems)),
    }
}

impl Settings {
    /// Reads the `database.toml` of a folder alone, for a folder that has no catalog yet.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join(SETTINGS);
        let problem = |line, reason| {
            let file = path.display().to_string();
            LoadError::new(vec![Problem { file, line, policy: None, reason }])
        };
        let text = fs::read_to_string(&path)
            .map_err(|error| problem(None, Reason::Unreadable(error.to_string())))?;
        // With its place and without its picture, which shows the line and so perhaps a password.
        Self::parse(&text).map_err(|error| {
            let (line, reason) = settings_reason(error, &text);
            problem(line, reason)
        })
    }
}

/// Checks texts that are already read; problems are placed in files of `folder`.
pub(super) fn load(id: DatabaseId, folder: &str, sources: &Sources) -> Result<Database, LoadError> {
    let mut problems = Vec::new();
    let settings = Settings::parse(&sources.settings);
    let catalog = Catalog::parse(&sources.catalog).and_then(|catalog| match &settings {
        Ok(settings) => {
            check_documents(&catalog, settings.engine == EngineKind::Mongodb).map(|()| catalog)
        }
        Err(_) => Ok(catalog),
    });

    let mut named: Vec<&(String, String)> = sources.policies.iter().collect();
    named.sort();
    let files: Vec<SourceFile> = named
        .iter()
        .map(|(name, text)| SourceFile::parse(format!("{folder}/{name}"), text))
        .collect();
    let mut policies = Policies::new(&files);
    problems.append(&mut policies.problems);

    let in_file = |file: &str, line: Option<usize>, reason: Reason| Problem {
        file: format!("{folder}/{file}"),
        line,
        policy: None,
        reason,
    };
    match (settings, catalog) {
        (Ok(settings), Ok(catalog)) => {
            let declared = tenancy::check(&settings, &catalog);
            for reason in check_filter_columns(&settings, &catalog).into_iter().chain(declared) {
                let line = setting_line(&reason, &sources.settings);
                problems.push(in_file(SETTINGS, line, reason));
            }
            let hops = Hops::of(&catalog, settings.engine);
            problems.extend(policies.check(&catalog, &hops));
            problems.extend(policies.check_annotations(&catalog, settings.engine));
            let documents = settings.engine == EngineKind::Mongodb;
            problems.extend(policies.check_columns(&catalog, documents));
            let scope_is_read = policies.read_scope();
            if settings.scope_filter_column.is_some()
                && !scope_is_read
                && !policies.loaded.is_empty()
            {
                let line = setting_line(&Reason::ScopeUnused, &sources.settings);
                problems.push(in_file(SETTINGS, line, Reason::ScopeUnused));
            }
            match derive(&settings, &catalog) {
                Ok(schema) => {
                    problems.extend(policies.validate(&schema));
                    if problems.is_empty() {
                        let catalog =
                            Catalog { functions: settings.functions.as_slice().into(), ..catalog };
                        let scope_filters = scope_is_read;
                        let rules = policies.rules()?;
                        let version = version(sources, &named);
                        return Ok(Database::new(
                            id,
                            settings,
                            catalog,
                            schema,
                            rules,
                            version,
                            scope_filters,
                        ));
                    }
                }
                Err(reasons) => {
                    let placed = reasons.into_iter().map(|reason| in_file(CATALOG, None, reason));
                    problems.extend(placed);
                }
            }
        }
        (settings, catalog) => {
            if let Err(error) = settings {
                let (line, reason) = settings_reason(error, &sources.settings);
                problems.push(in_file(SETTINGS, line, reason));
            }
            if let Err(error) = catalog {
                let (line, reason) = catalog_reason(error);
                problems.push(in_file(CATALOG, line, reason));
            }
        }
    }
    Err(LoadError::new(problems))
}

fn settings_reason(error: SettingsError, text: &str) -> (Option<usize>, Reason) {
    match error {
        SettingsError::Toml(message) => {
            let (line, sentence) = toml_place(&message);
            (line, Reason::Settings(SettingsError::Toml(sentence)))
        }
        SettingsError::NoTenantColumn => {
            (line_of_key(text, "requires_organization_scoping"), Reason::Settings(error))
        }
        SettingsError::TenantColumnUnused => {
            (line_of_key(text, "tenant_filter_column"), Reason::Settings(error))
        }
        SettingsError::Function { ref name, .. } => {
            let line = text.lines().position(|line| line.contains(name.as_str()));
            (line.map(|line| line + 1), Reason::Settings(error))
        }
        SettingsError::EmptyColumn | SettingsError::ZeroLimit => (None, Reason::Settings(error)),
    }
}

fn catalog_reason(error: CatalogError) -> (Option<usize>, Reason) {
    match error {
        CatalogError::Toml(message) => {
            let (line, sentence) = toml_place(&message);
            (line, Reason::Catalog(CatalogError::Toml(sentence)))
        }
        other => (None, Reason::Catalog(other)),
    }
}

fn setting_line(reason: &Reason, text: &str) -> Option<usize> {
    match reason {
        Reason::FilterColumnMissing { setting, .. } | Reason::FilterColumnType { setting, .. } => {
            line_of_key(text, setting)
        }
        Reason::Declaration { setting: "tenant_columns", relation, .. } => {
            line_of_key(text, relation)
        }
        Reason::Declaration { setting, .. } => line_of_key(text, setting),
        Reason::ScopeUnused => line_of_key(text, "scope_filter_column"),
        _ => None,
    }
}

/// The policies of all files, under the ids that the rest of the program calls them by.
struct Policies<'a> {
    loaded: Vec<Loaded<'a>>,
    problems: Vec<Problem>,
}

struct Loaded<'a> {
    file: &'a SourceFile,
    source: &'a SourcePolicy,
    policy: Policy,
    written: Option<Template>,
}

impl<'a> Policies<'a> {
    fn new(files: &'a [SourceFile]) -> Self {
        let mut loaded = Vec::new();
        let mut problems = Vec::new();
        let mut places: HashMap<&str, String> = HashMap::new();
        for file in files {
            problems.extend(file.problems.iter().cloned());
            for source in &file.policies {
                let id = source.id.as_ref().filter(|name| !places.contains_key(name.as_str()));
                match (&source.id, source.id.as_ref().and_then(|name| places.get(name.as_str()))) {
                    (None, _) => problems.push(file.problem(source, Reason::MissingId)),
                    (Some(_), Some(first)) => {
                        let reason = Reason::DuplicateId { first: first.clone() };
                        problems.push(file.problem(source, reason));
                    }
                    (Some(name), None) => {
                        places.insert(name, file.place(source));
                    }
                }
                // A policy without an id of its own is still checked, under a name that no `@id` is.
                let id = id.cloned().unwrap_or_else(|| format!("\n{}", loaded.len()));
                let written = match source.policy.to_pst() {
                    Ok(policy) => Some(policy.body().clone()),
                    Err(error) => {
                        let reason = Reason::Syntax(error.to_string());
                        problems.push(file.problem(source, reason));
                        None
                    }
                };
                let policy = source.policy.new_id(PolicyId::new(id));
                loaded.push(Loaded { file, source, policy, written });
            }
        }
        Self { loaded, problems }
    }

    fn check(&self, catalog: &Catalog, hops: &Hops) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for loaded in &self.loaded {
            let findings = loaded.written.iter().flat_map(|written| check(written, catalog, hops));
            for finding in findings {
                let shown = finding.shown.clone();
                let reason =
                    Reason::Inexpressible { shown: finding.shown, construct: finding.construct };
                let problem = loaded.file.problem_in(loaded.source, &shown, reason);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        problems
    }

    /// What they ask of `context.columns`.
    fn check_columns(&self, catalog: &Catalog, documents: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        for loaded in &self.loaded {
            let Some(written) = &loaded.written else { continue };
            for Finding { shown, construct } in columns::check(written, documents) {
                let reason = Reason::Inexpressible { shown: shown.clone(), construct };
                problems.push(loaded.file.problem_in(loaded.source, &shown, reason));
            }
            for columns::NoColumn { name, near } in columns::missing(written, catalog) {
                let shown = format!("\"{name}\"");
                let reason = Reason::NoSuchColumn { column: name, near };
                problems.push(loaded.file.problem_in(loaded.source, &shown, reason));
            }
        }
        problems
    }

    /// What they are to mask.
    fn check_annotations(&self, catalog: &Catalog, engine: EngineKind) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Loaded { file, source, policy, written } in &self.loaded {
            let Some(written) = written else { continue };
            for found in masks::check(policy, written, catalog, engine) {
                let masks::BadAnnotation { name, why } = found;
                problems.push(file.problem(source, Reason::Annotation { name, why }));
            }
        }
        problems
    }

    fn read_scope(&self) -> bool {
        self.loaded.iter().filter_map(|loaded| loaded.written.as_ref()).any(reads_scope)
    }

    /// Strict validation, once over the whole set.
    fn validate(&self, schema: &Schema) -> Vec<Problem> {
        let set = PolicySet::from_policies(self.loaded.iter().map(|loaded| loaded.policy.clone()));
        let Ok(set) = set else { return Vec::new() };
        let by_id: HashMap<&PolicyId, &Loaded<'a>> =
            self.loaded.iter().map(|loaded| (loaded.policy.id(), loaded)).collect();
        let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        // One mistake is reported for each relation that it is a mistake for: keep the first and count the others.
        let mut found: BTreeMap<(String, Option<usize>, Option<String>), Vec<Problem>> =
            BTreeMap::new();
        let mut report = |problem: Problem| {
            let place = (problem.file.clone(), problem.line, problem.policy.clone());
            found.entry(place).or_default().push(problem);
        };
        let sentence = |id: &PolicyId, message: String| {
            let prefix = format!("for policy `{id}`, ");
            message.strip_prefix(&prefix).map(str::to_owned).unwrap_or(message)
        };
        let mut invalid = HashSet::new();
        for error in result.validation_errors() {
            let Some(loaded) = by_id.get(error.policy_id()) else { continue };
            invalid.insert(error.policy_id());
            let message = sentence(error.policy_id(), error.to_string());
            let reason = match error {
                ValidationError::UnsafeOptionalAttributeAccess(_) => Reason::Unguarded(message),
                _ => Reason::Invalid(message),
            };
            report(loaded.file.problem_of(loaded.source, error, reason));
        }
        for warning in result.validation_warnings() {
            let Some(loaded) = by_id.get(warning.policy_id()) else { continue };
            let reason = match warning {
                // An error says why already.
                ValidationWarning::ImpossiblePolicy(_)
                | ValidationWarning::InvalidActionApplication(_)
                    if invalid.contains(warning.policy_id()) =>
                {
                    continue;
                }
                ValidationWarning::ImpossiblePolicy(_)
                | ValidationWarning::InvalidActionApplication(_) => Reason::Impossible,
                // Names in other scripts are names; what changes the order of reading is not.
                ValidationWarning::MixedScriptString(_)
                | ValidationWarning::MixedScriptIdentifier(_)
                | ValidationWarning::ConfusableIdentifier(_) => continue,
                other => Reason::Deceptive(sentence(other.policy_id(), other.to_string())),
            };
            report(loaded.file.problem_of(loaded.source, warning, reason));
        }
        found.into_values().filter_map(first_of).collect()
    }

    fn rules(&self) -> Result<Rules, LoadError> {
        let mut rules = Rules::default();
        for Loaded { file, source, policy, written } in &self.loaded {
            rules.columns.extend(written.iter().flat_map(columns::named));
            let entity_type =
                written.as_ref().and_then(|written| entity_type_of(&written.resource));
            rules.add(policy, entity_type).map_err(|error| {
                LoadError::new(vec![file.problem(source, Reason::Invalid(error))])
            })?;
        }
        Ok(rules)
    }
}

/// The problem that sorts first, and how many more there are in its place.
fn first_of(mut problems: Vec<Problem>) -> Option<Problem> {
    problems.sort_by_key(|problem| problem.reason.to_string());
    problems.dedup();
    let others = problems.len().saturating_sub(1);
    let mut first = problems.into_iter().next()?;
    if let Reason::Invalid(message) | Reason::Unguarded(message) = &mut first.reason
        && others > 0
    {
        message.push_str(&format!(" (and {others} more here)"));
    }
    Some(first)
}

/// A hash of everything that decides an answer, each text under its name and after its length.
fn version(sources: &Sources, policies: &[&(String, String)]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(SETTINGS);
    add(&sources.settings);
    add(CATALOG);
    add(&sources.catalog);
    for (name, text) in policies {
        add(name);
        add(text);
    }
    format!("{:x}", hash.finalize())
}
