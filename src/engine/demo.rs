//! The example databases, each built from its two scripts into a folder that goes away with the engine.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use super::EngineError;
use super::built::{self, FILE};

/// One example: what `demo:NAME` builds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demo {
    name: &'static str,
    schema: &'static str,
    seed: &'static str,
}

macro_rules! demo {
    ($name:literal, $folder:literal) => {
        Demo {
            name: $name,
            schema: include_str!(concat!("../../fixtures/", $folder, "/schema.sql")),
            seed: include_str!(concat!("../../fixtures/", $folder, "/seed.sql")),
        }
    };
}

const DEMOS: [Demo; 5] = [
    demo!("", "demo"),
    demo!("white-label", "white-label"),
    demo!("departments", "departments"),
    demo!("saas", "saas"),
    demo!("uuid-tenants", "uuid-tenants"),
];

impl Demo {
    /// The one of this name; the demo itself has none.
    pub(super) fn named(name: &str) -> Option<Self> {
        DEMOS.into_iter().find(|demo| demo.name == name)
    }

    /// Builds the database and hands over the folder: it exists for as long as it is held.
    pub(super) async fn build(self) -> Result<TempDir, EngineError> {
        let folder = built::folder()?;
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join(FILE))
            .create_if_missing(true)
            .disable_statement_logging();
        self.run(&options).await.map_err(|error| {
            tracing::error!(%error, "the demo database could not be built");
            EngineError::Unavailable
        })?;
        Ok(folder)
    }

    #[expect(clippy::disallowed_methods, reason = "the engine builds its own demo databases")]
    async fn run(self, options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
        let mut connection = options.connect().await?;
        sqlx::raw_sql(self.schema).execute(&mut connection).await?;
        sqlx::raw_sql(self.seed).execute(&mut connection).await?;
        sqlx::Connection::close(connection).await
    }
}
