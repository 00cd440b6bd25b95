//! A deployment as the driver has it. It keeps the connections, finds the servers, and finds them again.
//!
//! Commands of the engine's own go through [`Client::ask`] and [`Client::list`]; a guarded one through
//! [`Client::cursor`] and [`Client::reply`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bson::Document;
use bson::raw::RawDocumentBuf;
use mongodb::error::Error;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{RunCommandOptions, RunCursorCommandOptions, SelectionCriteria};
use mongodb::{Cursor, Database};

use super::address::Address;
use super::failure;
use crate::engine::EngineError;
use crate::engine::pool::CONNECTIONS;

/// How long the driver looks for a server at most, where the URL does not say: a query that nobody can run is told so
/// soon.
const SELECTION: Duration = Duration::from_secs(2);

/// Documents in each further reply to a command of the engine's own.
const BATCH: u32 = 1_000;

/// See the module.
pub(super) struct Client {
    database: Database,
    /// Which members of a replica set are asked. The driver does not apply it to raw commands by itself.
    criteria: Option<SelectionCriteria>,
    has_login: bool,
    /// Why a server could not be reached when the driver tried last; none once one was.
    last_heard: Arc<Mutex<Option<EngineError>>>,
}

impl Client {
    /// Makes a client for commands that may take so long; connections are made when they are needed.
    pub(super) fn new(address: Address, limit: Duration) -> Result<Self, EngineError> {
        let Address { mut options, database } = address;
        let last_heard = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&last_heard);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            let heard_now = match event {
                SdamEvent::ServerHeartbeatFailed(event) => {
                    Some(failure::of_heartbeat(&event.failure))
                }
                SdamEvent::ServerHeartbeatSucceeded(_) => None,
                _ => return,
            };
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = heard_now;
        }));
        options.server_selection_timeout.get_or_insert(SELECTION.min(limit));
        options.max_pool_size = u32::try_from(CONNECTIONS).ok();
        let (criteria, has_login) =
            (options.selection_criteria.clone(), options.credential.is_some());
        let driver = mongodb::Client::with_options(options).map_err(|error| {
            tracing::debug!(%error, "the driver does not take the URL");
            match failure::of_heartbeat(&error) {
                // A file of certificates that is not there, or holds none.
                EngineError::Tls | EngineError::Unavailable => EngineError::Tls,
                failure => failure,
            }
        })?;
        Ok(Self { database: driver.database(&database), criteria, has_login, last_heard })
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.database.name()
    }

    /// Sends a command that gives documents, and further ones where `batch` is exceeded. The server's cursor is killed
    /// when this one is dropped before its end.
    pub(super) async fn cursor(
        &self,
        command: RawDocumentBuf,
        batch: u32,
    ) -> Result<Cursor<Document>, Error> {
        let mut options = RunCursorCommandOptions::default();
        options.batch_size = Some(batch);
        options.selection_criteria.clone_from(&self.criteria);
        self.database.run_raw_cursor_command(command).with_options(options).await
    }

    /// Sends a command whose one reply is all.
    pub(super) async fn reply(&self, command: RawDocumentBuf) -> Result<Document, Error> {
        let mut options = RunCommandOptions::default();
        options.selection_criteria.clone_from(&self.criteria);
        self.database.run_raw_command(command).with_options(options).await
    }

    /// Sends a command of the engine's own, such as `connectionStatus`.
    pub(super) async fn ask(&self, command: Document) -> Result<Document, Error> {
        let bytes = command.to_vec().and_then(RawDocumentBuf::from_bytes)?;
        self.reply(bytes).await
    }

    /// Sends a command of the engine's own that gives documents, such as `listCollections`, and reads at most `most`.
    pub(super) async fn list(
        &self,
        command: Document,
        most: usize,
    ) -> Result<Vec<RawDocumentBuf>, Error> {
        let bytes = command.to_vec().and_then(RawDocumentBuf::from_bytes)?;
        let mut cursor = self.cursor(bytes, BATCH).await?;
        let mut documents = Vec::new();
        while documents.len() < most && cursor.advance().await? {
            documents.push(cursor.current().to_owned());
        }
        Ok(documents)
    }

    /// Why a command failed, as a code.
    pub(super) fn failure(&self, error: &Error) -> EngineError {
        let last_heard = *self.last_heard.lock().unwrap_or_else(PoisonError::into_inner);
        failure::of_command(error, self.has_login, last_heard)
    }
}
