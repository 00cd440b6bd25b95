//! The demo database, built from its two scripts into a folder that goes away with the engine.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use super::EngineError;

const SCHEMA: &str = include_str!("../../fixtures/demo/schema.sql");
const SEED: &str = include_str!("../../fixtures/demo/seed.sql");

/// The demo's file name in its folder.
pub(super) const FILE: &str = "demo.sqlite";

/// Builds the database and hands over the folder: it exists for as long as it is held.
pub(super) async fn build() -> Result<TempDir, EngineError> {
    let folder = tempfile::Builder::new().prefix("dialektai-demo-").tempdir().map_err(|error| {
        tracing::error!(%error, "no temporary folder for the demo database");
        EngineError::Unavailable
    })?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join(FILE))
        .create_if_missing(true)
        .disable_statement_logging();
    run_scripts(&options).await.map_err(|error| {
        tracing::error!(%error, "the demo database could not be built");
        EngineError::Unavailable
    })?;
    Ok(folder)
}

#[expect(clippy::disallowed_methods, reason = "the engine builds its own demo database")]
async fn run_scripts(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
    sqlx::raw_sql(SEED).execute(&mut connection).await?;
    sqlx::Connection::close(connection).await
}
