//! Notices that the policy folder has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::databases::Service;

/// How often the folder is looked at. A change is read once two looks in a row have seen the same, so that what is still
/// being written is left alone.
const PAUSE: Duration = Duration::from_millis(400);

/// How long replacing what has changed waits for checks.
const PATIENCE: Duration = Duration::from_millis(500);

/// A hash of every file that a version of some database is made of.
///
/// Contents are read, and no times: a file system may keep those in whole seconds, and `git` and `cp -p` set them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of all databases under `policies` as they are now.
    pub(super) fn of(policies: &Path) -> io::Result<Self> {
        let mut hash = Sha256::new();
        for folder in sorted(policies)? {
            if !folder.join("database.toml").is_file() {
                continue;
            }
            // A folder that goes away meanwhile is another change, which the next look sees.
            for file in sorted(&folder).unwrap_or_default().into_iter().filter(|file| counts(file))
            {
                let name = file.as_os_str().as_encoded_bytes();
                let content = std::fs::read(&file).ok();
                hash.update(name.len().to_le_bytes());
                hash.update(name);
                hash.update(
                    content.as_ref().map_or(u64::MAX, |content| content.len() as u64).to_le_bytes(),
                );
                hash.update(content.unwrap_or_default());
            }
        }
        Ok(Self(hash.finalize().into()))
    }
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

/// Whether a version is made of the file: tests and what editors leave behind change nothing.
fn counts(file: &Path) -> bool {
    let named =
        file.file_name().is_some_and(|name| name == "database.toml" || name == "catalog.toml");
    named || file.extension().is_some_and(|extension| extension == "cedar")
}

impl Service {
    /// Reads the policy folder again whenever it has changed; never ends.
    pub async fn watch(&self) {
        let Some(policies) = self.policies() else { return std::future::pending().await };
        let mut before = None;
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = look(policies.to_owned()).await;
            if now.is_none() && before.is_some() {
                tracing::error!("the policy folder cannot be read: nothing changes");
            }
            if now.is_some() && now == before && now != self.last_read().await {
                tracing::info!("the policy folder has changed");
                match self.reload_within(PATIENCE).await {
                    Ok(()) => tracing::info!("the policy folder was read again"),
                    Err(error) => {
                        tracing::error!(%error, "the policy folder cannot be read: nothing changes");
                    }
                }
            }
            before = now;
        }
    }
}

async fn look(policies: PathBuf) -> Option<Fingerprint> {
    // Files are read, and requests are being answered meanwhile.
    tokio::task::spawn_blocking(move || Fingerprint::of(&policies)).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_is_made_of_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
        let look = || Fingerprint::of(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let nothing = look();
        write("a/x.cedar", "1");
        assert_eq!(look(), nothing, "a folder without settings is no database");
        write("a/database.toml", "");
        let first = look();
        assert_ne!(first, nothing);
        for other in ["a/x.cedar~", "a/notes.md", "a/data.sqlite", "b.cedar"] {
            write(other, "2");
            assert_eq!(look(), first, "{other}");
        }
        for (path, text) in [
            ("a/x.cedar", "2"),
            ("a/y.cedar", ""),
            ("a/catalog.toml", ""),
            ("a/database.toml", "x"),
        ] {
            let before = look();
            write(path, text);
            assert_ne!(look(), before, "{path}");
        }
        let before = look();
        std::fs::rename(folder.path().join("a/y.cedar"), folder.path().join("a/z.cedar")).unwrap();
        assert_ne!(look(), before, "a file of another name");
        let before = look();
        std::fs::remove_file(folder.path().join("a/z.cedar")).unwrap();
        assert_ne!(look(), before, "a file that is gone");
    }
}
