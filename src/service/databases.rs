//! Every database of a policy folder, and how all of them are replaced at once when the folder is read again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::gate::report;
use super::served::{NotServed, Served};
use crate::check;
use crate::identity::DatabaseId;
use crate::policy::Database;

/// How long reading the folder waits for checks. One that takes longer goes on, and requests wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every database, as of one reading of the policy folder.
#[derive(Default)]
pub struct Databases {
    entries: BTreeMap<DatabaseId, Entry>,
}

/// One folder.
struct Entry {
    /// The newest version that loaded; `None` where none ever did.
    served: Option<Arc<Served>>,
    /// Whether the folder loads as it is now.
    loads: bool,
}

impl Databases {
    /// Every database in the order of the ids, with why it is not served, or not as its folder is now.
    pub fn list(
        &self,
    ) -> impl Iterator<Item = (&DatabaseId, Option<&Arc<Served>>, Option<NotServed>)> {
        self.entries.iter().map(|(id, entry)| {
            let served = entry.served.as_ref();
            let problem = served.and_then(|served| served.problem());
            let invalid = (!entry.loads).then_some(NotServed::InvalidPolicies);
            (id, served, problem.or(invalid))
        })
    }

    fn kept(&self, id: &DatabaseId) -> Option<&Arc<Served>> {
        self.entries.get(id)?.served.as_ref()
    }
}

/// The databases that are served now. Requests that are under way keep the version that they began with.
pub struct Service {
    policies: Option<PathBuf>,
    current: RwLock<Arc<Databases>>,
    reading: Mutex<()>,
}

impl Service {
    /// Loads and checks every folder under `policies` that has a `database.toml`. One that does not load or does not
    /// pass is reported, and the others are served.
    pub async fn load(policies: &Path) -> io::Result<Self> {
        let service = Self {
            policies: Some(policies.to_owned()),
            current: RwLock::default(),
            reading: Mutex::default(),
        };
        service.reload().await?;
        Ok(service)
    }

    /// A service of one database, which is never read again.
    pub fn of(served: Served) -> Self {
        let id = served.database.id.clone();
        let entry = Entry { served: Some(Arc::new(served)), loads: true };
        let entries = BTreeMap::from([(id, entry)]);
        Self {
            policies: None,
            current: RwLock::new(Arc::new(Databases { entries })),
            reading: Mutex::default(),
        }
    }

    /// Reads the policy folder again, checks, and replaces everything at once.
    ///
    /// A folder whose version has not changed keeps its engine, and is checked again. One that does not load any more
    /// is reported, and its last version stays. One that is gone is not served any more. An error means that the
    /// policy folder itself cannot be read, and nothing has changed.
    pub async fn reload(&self) -> io::Result<()> {
        let Some(policies) = &self.policies else { return Ok(()) };
        // One at a time, so that an older reading never replaces a newer one.
        let _reading = self.reading.lock().await;
        let before = self.databases();
        let mut entries = BTreeMap::new();
        let mut checks = JoinSet::new();
        for (id, folder) in folders(policies)? {
            let entry = read(&before, &id, folder).await;
            if let (Some(served), true) = (&entry.served, entry.loads) {
                let served = Arc::clone(served);
                checks.spawn(async move { served.check().await });
            }
            entries.insert(id, entry);
        }
        let all = async { while checks.join_next().await.is_some() {} };
        // Those that take longer go on.
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            checks.detach_all();
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Databases { entries });
        Ok(())
    }

    /// Every database as of now.
    pub fn databases(&self) -> Arc<Databases> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds a database: `None` where there is none of that name, an error where no version of it ever loaded.
    pub fn find(&self, id: &str) -> Option<Result<Arc<Served>, NotServed>> {
        let databases = self.databases();
        let entry = databases.entries.get(&id.parse().ok()?)?;
        Some(entry.served.clone().ok_or(NotServed::InvalidPolicies))
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

/// One folder as it is now; what is the same as before is taken from there.
async fn read(before: &Databases, id: &DatabaseId, folder: PathBuf) -> Entry {
    let kept = before.kept(id);
    // Validating policies is work for a processor, and requests are being answered meanwhile.
    let (loaded, folder) = {
        let load = tokio::task::spawn_blocking(move || (Database::load(&folder), folder));
        match load.await {
            Ok(loaded) => loaded,
            Err(_) => return Entry { served: kept.cloned(), loads: false },
        }
    };
    match loaded {
        // The version covers the settings, the address among them; the environment of a process does not change.
        Ok(database) => match kept.filter(|kept| kept.database.version() == database.version()) {
            Some(kept) => Entry { served: Some(Arc::clone(kept)), loads: true },
            None => Entry { served: Some(Arc::new(Served::new(database, &folder))), loads: true },
        },
        Err(error) => {
            report(id.as_str(), None, &check::folder(&error));
            let kept_version = kept.map(|kept| kept.database.version());
            tracing::error!(
                database = %id,
                kept_version,
                "the folder does not load: the last version that did stays, if there is one"
            );
            Entry { served: kept.cloned(), loads: false }
        }
    }
}
