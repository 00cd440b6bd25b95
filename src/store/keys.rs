//! API keys: shown once, kept as a digest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};

/// How a secret key begins.
const SECRET_PREFIX: &str = "sk_";

/// Characters of a key that are kept, so that an operator can tell keys apart.
const SHOWN_CHARS: usize = 8;

/// A key as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What the audit log calls it.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// When it was made, RFC 3339 in UTC.
    pub created_at: String,
    /// When it was revoked; it is of no use from then on.
    pub revoked_at: Option<String>,
}

/// A key that was just made: the only moment at which its secret exists outside its owner's hands.
pub struct NewKey {
    /// The id.
    pub id: String,
    /// What a caller sends.
    pub secret: String,
}

/// A key of 256 random bits needs no salt and no slow hash: nobody can try them all.
fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[expect(clippy::disallowed_methods, reason = "the store is where state is kept")]
impl Store {
    /// Makes a key.
    pub async fn create_key(&self, name: &str) -> Result<NewKey, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
        let secret = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let id = format!("key_{}", uuid::Uuid::new_v4().simple());
        let prefix: String = secret.chars().take(SHOWN_CHARS).collect();
        sqlx::query(
            "INSERT INTO api_key (id, name, prefix, digest, created_at) \
             VALUES (?1, ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
        )
        .bind(id.clone())
        .bind(name.to_owned())
        .bind(prefix)
        .bind(digest(&secret))
        .execute(&self.pool)
        .await?;
        Ok(NewKey { id, secret })
    }

    /// The id of the key that a caller sent, unless it is unknown or revoked.
    pub async fn verify_key(&self, secret: &str) -> Result<Option<String>, StoreError> {
        if !secret.starts_with(SECRET_PREFIX) {
            return Ok(None);
        }
        let id =
            sqlx::query_scalar("SELECT id FROM api_key WHERE digest = ?1 AND revoked_at IS NULL")
                .bind(digest(secret))
                .fetch_optional(&self.pool)
                .await?;
        Ok(id)
    }

    /// Every key, the oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, prefix, created_at, revoked_at FROM api_key ORDER BY created_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        let keys: Result<Vec<ApiKey>, sqlx::Error> = rows.iter().map(api_key).collect();
        Ok(keys?)
    }

    /// Ends a key. Ending it twice changes nothing.
    pub async fn revoke_key(&self, id: &str) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE api_key SET revoked_at = coalesce(revoked_at, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) \
             WHERE id = ?1",
        )
        .bind(id.to_owned())
        .execute(&self.pool)
        .await?;
        if result.rows_affected() == 0 { Err(StoreError::UnknownKey) } else { Ok(()) }
    }
}

fn api_key(row: &SqliteRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_are_shown_once_and_end_when_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path).await.unwrap();
        let key = store.create_key("ci").await.unwrap();
        assert_eq!(key.secret.len(), SECRET_PREFIX.len() + 43);
        assert_eq!(store.verify_key(&key.secret).await.unwrap(), Some(key.id.clone()));
        for wrong in ["", "sk_", "pk_x", &key.secret.to_uppercase(), &format!("{}x", key.secret)] {
            assert_eq!(store.verify_key(wrong).await.unwrap(), None, "{wrong}");
        }
        let bytes = std::fs::read(&path).unwrap();
        let secret = key.secret.as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the secret is kept");

        let reopened = Store::open(&path).await.unwrap();
        let prefix = &reopened.keys().await.unwrap()[0].prefix;
        assert!(prefix.len() == SHOWN_CHARS && key.secret.starts_with(prefix));
        reopened.revoke_key(&key.id).await.unwrap();
        reopened.revoke_key(&key.id).await.unwrap();
        assert_eq!(store.verify_key(&key.secret).await.unwrap(), None);
        assert!(store.keys().await.unwrap()[0].revoked_at.is_some());
        assert_eq!(store.revoke_key("key_x").await, Err(StoreError::UnknownKey));
    }

    #[tokio::test]
    async fn a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "a store from the future")]
        sqlx::raw_sql("PRAGMA user_version = 2").execute(&store.pool).await.unwrap();
        assert_eq!(Store::open(&path).await.err(), Some(StoreError::TooNew));
    }
}
