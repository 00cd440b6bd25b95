//! From texts to a [`Database`], or to everything that is wrong with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::pst::Template;
use cedar_policy::{
    Policy, PolicyId, PolicySet, Schema, ValidationError, ValidationMode, ValidationWarning,
    Validator,
};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Catalog, Misplaced, PRINCIPAL_TYPE, check_documents, read as read_catalog};
use crate::identity::DatabaseId;

use super::check::columns::changes;
use super::check::{Finding, check, columns, entity_type_of, masks, reads_scope};
use super::place::{Place, Position, Text};
use super::problem::{LoadError, Problem, Reason};
use super::related::Hops;
use super::schema::{check_filter_columns, derive};
use super::settings::{EngineKind, Settings, SettingsError};
use super::source::{SourceFile, SourcePolicy};
use super::{Database, Rules, Sources, tenancy};

const SETTINGS: &str = "database.toml";
const CATALOG: &str = "catalog.toml";

/// Reads a folder's files. Its name is the database id.
pub(super) fn read(folder: &Path) -> Result<(DatabaseId, Sources), LoadError> {
    let mut problems = Vec::new();
    let mut report = |path: &Path, reason: Reason| {
        problems.push(Problem::in_file(path.display().to_string(), reason));
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
        let file = path.display().to_string();
        let content = fs::read_to_string(&path).map_err(|error| {
            let reason = Reason::Unreadable(error.to_string());
            LoadError::new(vec![Problem::in_file(&file, reason)])
        })?;
        let text = Arc::new(Text::settings(&file, &content));
        Self::read(&content).map_err(|errors| {
            let problem = |error| settings_problem(error, &text);
            LoadError::new(errors.into_iter().map(problem).collect())
        })
    }
}

/// Checks texts that are already read; problems are placed in files of `folder`.
pub(super) fn load(id: DatabaseId, folder: &str, sources: &Sources) -> Result<Database, LoadError> {
    let mut problems = Vec::new();
    let in_settings = Arc::new(Text::settings(format!("{folder}/{SETTINGS}"), &sources.settings));
    let in_catalog = Arc::new(Text::new(format!("{folder}/{CATALOG}"), &sources.catalog));
    let settings = Settings::read(&sources.settings).map_err(|errors| {
        problems.extend(errors.into_iter().map(|error| settings_problem(error, &in_settings)));
    });
    let misplaced = |errors: Vec<Misplaced>| {
        errors.into_iter().map(|error| catalog_problem(error, &in_catalog)).collect::<Vec<_>>()
    };
    let written = read_catalog(&sources.catalog).map_err(|errors| {
        problems.extend(misplaced(errors));
    });
    if let (Ok(settings), Ok(written)) = (&settings, &written) {
        let errors = check_documents(written, settings.engine == EngineKind::Mongodb);
        problems.extend(misplaced(errors));
    }

    let mut named: Vec<&(String, String)> = sources.policies.iter().collect();
    named.sort();
    let files: Vec<SourceFile> = named
        .iter()
        .map(|(name, text)| SourceFile::parse(format!("{folder}/{name}"), text))
        .collect();
    let mut policies = Policies::new(&files);
    problems.append(&mut policies.problems);

    let (Ok(settings), Ok(written)) = (settings, written) else {
        return Err(LoadError::new(problems));
    };
    let catalog = &written.catalog;
    let declared = tenancy::check(&settings, catalog);
    let reasons = check_filter_columns(&settings, catalog).into_iter().chain(declared);
    problems.extend(reasons.map(|reason| setting_problem(reason, &in_settings)));
    let hops = Hops::of(catalog, settings.engine);
    problems.extend(policies.check(catalog, &hops));
    problems.extend(policies.check_annotations(catalog, &settings));
    problems.extend(policies.check_columns(catalog));
    let scope_is_read = policies.read_scope();
    if settings.scope_filter_column.is_some() && !scope_is_read && !policies.loaded.is_empty() {
        problems.push(setting_problem(Reason::ScopeUnused, &in_settings));
    }
    match derive(&settings, catalog) {
        Ok(schema) => {
            problems.extend(policies.validate(&schema));
            if problems.is_empty() {
                let rules = policies.rules()?;
                let catalog =
                    Catalog { functions: settings.functions.as_slice().into(), ..written.catalog };
                let version = version(sources, &named);
                return Ok(Database::new(
                    id,
                    settings,
                    catalog,
                    schema,
                    rules,
                    version,
                    scope_is_read,
                ));
            }
        }
        Err(reasons) => problems.extend(reasons.into_iter().map(|reason| {
            let bytes = match &reason {
                Reason::EntityType { relation, .. } => written.relation(relation),
                _ => None,
            };
            placed(bytes.map(|bytes| in_catalog.place(bytes)), &in_catalog, reason)
        })),
    }
    Err(LoadError::new(problems))
}

fn placed(place: Option<Place>, text: &Text, reason: Reason) -> Problem {
    match place {
        Some(place) => Problem::at(place, reason),
        None => Problem::in_file(text.path(), reason),
    }
}

fn settings_problem(error: SettingsError, text: &Arc<Text>) -> Problem {
    let place = match &error {
        SettingsError::Toml(error) => error.bytes.clone().map(|bytes| text.place(bytes)),
        // Where the setting is left out, the first line stands for the file.
        SettingsError::NoTenantColumn => {
            text.key("requires_organization_scoping").or_else(|| text.key("engine"))
        }
        SettingsError::TenantColumnUnused => text.key("tenant_filter_column"),
        SettingsError::Function { name, .. } => {
            text.line(|line| line.contains(&format!("\"{name}\"")))
        }
        SettingsError::EmptyColumn => {
            let empty = |line: &str| line.contains("_filter_column") && line.contains("\"\"");
            text.line(empty)
        }
        SettingsError::MaskKey => text.key("mask_key"),
        SettingsError::ClaimName(name) => text.key(name),
        SettingsError::TooManyClaims => text.line(|line| line.trim() == "[claims]"),
        SettingsError::ZeroLimit => text.line(|line| {
            let limit = line
                .split_once('=')
                .filter(|(key, _)| ["rows", "bytes", "milliseconds"].contains(&key.trim()));
            limit.is_some_and(|(_, value)| value.trim() == "0")
        }),
    };
    placed(place, text, Reason::Settings(error))
}

fn catalog_problem(Misplaced { error, bytes }: Misplaced, text: &Arc<Text>) -> Problem {
    placed(bytes.map(|bytes| text.place(bytes)), text, Reason::Catalog(error))
}

fn setting_problem(reason: Reason, text: &Arc<Text>) -> Problem {
    let place = match &reason {
        Reason::FilterColumnMissing { setting, .. } | Reason::FilterColumnType { setting, .. } => {
            text.key(setting)
        }
        Reason::Declaration { setting: "tenant_columns" | "scope_columns", relation, .. } => {
            text.key(relation)
        }
        Reason::Declaration { setting, .. } => text.key(setting),
        Reason::ScopeUnused => text.key("scope_filter_column"),
        _ => None,
    };
    placed(place, text, reason)
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
                        problems.push(file.problem_of_id(source, reason));
                    }
                    (Some(name), None) => {
                        places.insert(name, file.head(source).to_string());
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
    fn check_columns(&self, catalog: &Catalog) -> Vec<Problem> {
        let mut problems = Vec::new();
        for loaded in &self.loaded {
            let Some(written) = &loaded.written else { continue };
            for Finding { shown, construct } in columns::check(written) {
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
    fn check_annotations(&self, catalog: &Catalog, settings: &Settings) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Loaded { file, source, policy, written } in &self.loaded {
            let Some(written) = written else { continue };
            for found in masks::check(policy, written, catalog, settings.engine) {
                let masks::BadAnnotation { name, why } = found;
                problems.push(file.problem(source, Reason::Annotation { name, why }));
            }
            if settings.mask_key.is_none() && masks::needs_key(policy, settings.engine) {
                problems.push(file.problem(source, Reason::NoMaskKey));
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
        let mut found: BTreeMap<(String, Option<Position>, Option<String>), Vec<Problem>> =
            BTreeMap::new();
        let mut report = |problem: Problem| {
            let start = problem.place.as_ref().map(Place::start);
            let place = (problem.file.clone(), start, problem.policy.clone());
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
                ValidationError::UnsafeOptionalAttributeAccess(_)
                    if message.ends_with(&format!("on entity type `{PRINCIPAL_TYPE}`")) =>
                {
                    Reason::UnguardedClaim(message)
                }
                ValidationError::UnsafeOptionalAttributeAccess(_) => Reason::Unguarded(message),
                _ => Reason::Invalid(message),
            };
            let problem = loaded.file.problem_of(loaded.source, error, reason);
            let help = match error {
                ValidationError::UnrecognizedEntityType(_) => problem
                    .help
                    .map(|help| nearest_type(&problem.reason.to_string(), schema).unwrap_or(help)),
                _ => problem.help.map(|help| sentence(error.policy_id(), help)),
            };
            report(Problem { help, ..problem });
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
                | ValidationWarning::InvalidActionApplication(_) => {
                    report(loaded.file.problem(loaded.source, Reason::Impossible));
                    continue;
                }
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
            rules.sites.insert(policy.id().clone(), file.head(source));
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
    if let Reason::Invalid(message) | Reason::Unguarded(message) | Reason::UnguardedClaim(message) =
        &mut first.reason
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

/// The hint at an unknown type. Of several that are equally near, Cedar names one or another from run to run.
fn nearest_type(message: &str, schema: &Schema) -> Option<String> {
    let (_, rest) = message.split_once('`')?;
    let (unknown, _) = rest.split_once('`')?;
    let known = schema.entity_types().map(ToString::to_string);
    let nearest = known.min_by_key(|known| (changes(unknown, known), known.clone()))?;
    Some(format!("did you mean `{nearest}`?"))
}
