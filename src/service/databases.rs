//! Every database of a policy folder, and how all of them are replaced at once when the folder is read again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::gate::report;
use super::served::{NotServed, Served};
use super::watch::Fingerprint;
use crate::check;
use crate::identity::DatabaseId;
use crate::policy::{Database, LoadError};

/// How long reading the folder waits for checks. One that takes longer goes on, and requests wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a folder is read that changes while it is read.
const TRIES: usize = 5;

/// Every database, as of one reading of the policy folder.
#[derive(Default)]
pub struct Databases {
    entries: BTreeMap<DatabaseId, Entry>,
}

/// One folder.
struct Entry {
    /// The newest version that loaded; `None` where none ever did.
    newest: Option<Arc<Served>>,
    /// The version that was in service when that one was read, if it was another. It passed its check then.
    last: Option<Arc<Served>>,
    /// The codes of why the folder does not load as it is now; none where it does.
    problems: Vec<&'static str>,
}

/// How one database stands.
pub struct Standing<'a> {
    /// Its folder's name.
    pub id: &'a DatabaseId,
    /// The version that is in service, or would be if its check had passed; `None` where none ever loaded.
    pub served: Option<&'a Arc<Served>>,
    /// Whether queries run.
    pub runs: bool,
    /// Why it is not served, or not as its folder is now.
    pub problem: Option<NotServed>,
    /// The codes of what is wrong, as `dialektai check` has them, in order and each once.
    pub codes: Vec<&'static str>,
}

impl Databases {
    /// Every database in the order of the ids.
    pub fn list(&self) -> impl Iterator<Item = Standing<'_>> {
        self.entries.iter().map(|(id, entry)| {
            let served = entry.in_service();
            let problem = entry.newest.as_ref().and_then(|newest| newest.problem());
            let invalid = (!entry.problems.is_empty()).then_some(NotServed::InvalidPolicies);
            let mut codes = entry.problems.clone();
            codes.extend(entry.newest.as_ref().map(|newest| newest.codes()).unwrap_or_default());
            codes.sort_unstable();
            codes.dedup();
            let runs = served.is_some_and(|served| served.problem().is_none());
            Standing { id, served, runs, problem: problem.or(invalid), codes }
        })
    }

    fn in_service(&self, id: &DatabaseId) -> Option<&Arc<Served>> {
        self.entries.get(id)?.in_service()
    }

    /// The version of a folder that is known already.
    fn known(&self, id: &DatabaseId, version: &str) -> Option<&Arc<Served>> {
        let Entry { newest, last, problems: _ } = self.entries.get(id)?;
        newest.iter().chain(last).find(|known| known.database.version() == version)
    }
}

impl Entry {
    fn unreadable(kept: Option<&Arc<Served>>, problems: Vec<&'static str>) -> Self {
        Self { newest: kept.cloned(), last: None, problems }
    }

    /// The newest version, once it has passed its check; until then the last one, while that passes its own.
    // INVARIANT (checked): neither runs a query that has not passed.
    fn in_service(&self) -> Option<&Arc<Served>> {
        let passes = |served: &&Arc<Served>| served.problem().is_none();
        let newest = self.newest.as_ref();
        newest.filter(passes).or_else(|| self.last.as_ref().filter(passes)).or(newest)
    }
}

/// The databases that are served now. Requests that are under way keep the version that they began with.
pub struct Service {
    policies: Option<PathBuf>,
    current: RwLock<Arc<Databases>>,
    /// What the folder was made of when it was last read.
    reading: Mutex<Option<Fingerprint>>,
    readings: Readings,
}

/// How often the policy folder was read.
#[derive(Debug, Default)]
pub struct Readings {
    whole: AtomicU64,
    failed: AtomicU64,
}

impl Readings {
    /// How often all of it could be read, whether every folder in it loaded or not.
    pub fn whole(&self) -> u64 {
        self.whole.load(Ordering::Relaxed)
    }

    /// How often it could not, and nothing changed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Service {
    /// Loads and checks every folder under `policies` that has a `database.toml`. One that does not load or does not
    /// pass is reported, and the others are served.
    pub async fn load(policies: &Path) -> io::Result<Self> {
        let service = Self {
            policies: Some(policies.to_owned()),
            current: RwLock::default(),
            reading: Mutex::default(),
            readings: Readings::default(),
        };
        service.reload().await?;
        Ok(service)
    }

    /// A service of one database, which is never read again.
    pub fn of(served: Served) -> Self {
        let id = served.database.id.clone();
        let entry = Entry { newest: Some(Arc::new(served)), last: None, problems: Vec::new() };
        let entries = BTreeMap::from([(id, entry)]);
        Self {
            policies: None,
            current: RwLock::new(Arc::new(Databases { entries })),
            reading: Mutex::default(),
            readings: Readings::default(),
        }
    }

    /// Reads the policy folder again, checks, and replaces everything at once.
    ///
    /// A folder whose version has not changed keeps its engine, and is checked again. One that does not load any more, or
    /// does not pass its check, is reported, and its last version stays while that passes. One that is gone is not served any more. An error means that the
    /// policy folder itself cannot be read, and nothing has changed.
    pub async fn reload(&self) -> io::Result<()> {
        self.reload_within(PATIENCE).await
    }

    /// As [`Self::reload`], waiting so long for checks.
    pub(super) async fn reload_within(&self, patience: Duration) -> io::Result<()> {
        let Some(policies) = &self.policies else { return Ok(()) };
        let result = self.replace(policies, patience).await;
        let count = if result.is_ok() { &self.readings.whole } else { &self.readings.failed };
        count.fetch_add(1, Ordering::Relaxed);
        result
    }

    async fn replace(&self, policies: &Path, patience: Duration) -> io::Result<()> {
        // One at a time, so that an older reading never replaces a newer one.
        let mut reading = self.reading.lock().await;
        let before = self.databases();
        let (entries, fingerprint) = read_whole(policies, &before).await?;
        let mut checks = JoinSet::new();
        for entry in entries.values() {
            if !entry.problems.is_empty() {
                continue;
            }
            for served in entry.newest.iter().chain(&entry.last) {
                let served = Arc::clone(served);
                checks.spawn(async move { served.check().await });
            }
        }
        let all = async { while checks.join_next().await.is_some() {} };
        // Those that take longer go on.
        if tokio::time::timeout(patience, all).await.is_err() {
            checks.detach_all();
        }
        *reading = Some(fingerprint);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Databases { entries });
        Ok(())
    }

    /// Where the policies are, unless they are never read again.
    pub(super) fn policies(&self) -> Option<&Path> {
        self.policies.as_deref()
    }

    /// What the folder was made of when it was last read.
    pub(super) async fn last_read(&self) -> Option<Fingerprint> {
        *self.reading.lock().await
    }

    /// How often the policy folder was read.
    pub fn readings(&self) -> &Readings {
        &self.readings
    }

    /// Every database as of now.
    pub fn databases(&self) -> Arc<Databases> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds a database: `None` where there is none of that name, an error where no version of it ever loaded.
    pub fn find(&self, id: &str) -> Option<Result<Arc<Served>, NotServed>> {
        let databases = self.databases();
        let entry = databases.entries.get(&id.parse().ok()?)?;
        Some(entry.in_service().cloned().ok_or(NotServed::InvalidPolicies))
    }
}

/// The folders of databases; a name that is no database id is reported.
fn folders(policies: &Path) -> io::Result<Vec<(DatabaseId, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(policies)? {
        let folder = entry?.path();
        if !folder.join("database.toml").is_file() {
            continue;
        }
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.parse() {
            Ok(id) => found.push((id, folder)),
            Err(_) => {
                tracing::error!(folder = %folder.display(), "the folder's name is no database id");
            }
        }
    }
    Ok(found)
}

/// Every folder, as all of them were at one time.
// INVARIANT (one version): files are read one after the other, so a reading counts only where nothing has changed from
// before the first file to after the last: half of one version and half of another is read again.
async fn read_whole(
    policies: &Path,
    before: &Databases,
) -> io::Result<(BTreeMap<DatabaseId, Entry>, Fingerprint)> {
    for _ in 0..TRIES {
        let fingerprint = Fingerprint::of(policies)?;
        let mut entries = BTreeMap::new();
        let mut errors = Vec::new();
        for (id, folder) in folders(policies)? {
            let (entry, error) = read(before, &id, folder).await;
            errors.extend(error.map(|error| (id.clone(), error)));
            entries.insert(id, entry);
        }
        if Fingerprint::of(policies)? != fingerprint {
            continue;
        }
        for (id, error) in errors {
            report(id.as_str(), None, &check::folder(&error));
            let kept_version = before.in_service(&id).map(|kept| kept.database.version());
            tracing::error!(
                database = %id,
                kept_version,
                "the folder does not load: the last version that did stays, if there is one"
            );
        }
        return Ok((entries, fingerprint));
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "it changes all the time"))
}

/// One folder as it is now; what is the same as before is taken from there.
async fn read(before: &Databases, id: &DatabaseId, folder: PathBuf) -> (Entry, Option<LoadError>) {
    let kept = before.in_service(id);
    // Validating policies is work for a processor, and requests are being answered meanwhile.
    let load = tokio::task::spawn_blocking(move || (Database::load(&folder), folder));
    let Ok((loaded, folder)) = load.await else {
        return (Entry::unreadable(kept, vec!["internal_error"]), None);
    };
    match loaded {
        // The version covers the settings, the address among them; the environment of a process does not change.
        Ok(database) => {
            let same = before.known(id, database.version());
            let newest = same.cloned().unwrap_or_else(|| Arc::new(Served::new(database, &folder)));
            let last = kept.filter(|kept| !Arc::ptr_eq(kept, &newest)).cloned();
            (Entry { newest: Some(newest), last, problems: Vec::new() }, None)
        }
        Err(error) => {
            let problems = error.problems().iter().map(|problem| problem.reason.code()).collect();
            (Entry::unreadable(kept, problems), Some(error))
        }
    }
}
