//! MongoDB: guarded commands as bytes, bounded by the server and by the engine, and read to their end here.
//!
//! A command leaves nothing behind on a connection, so connections are shared: the driver keeps them. What a command
//! opens on the server, its cursor, is closed with the answer, and its number never leaves this module.

mod address;
mod client;
mod command;
mod failure;

use super::{EngineError, Introspected, url};
use crate::policy::settings::{EngineKind, Settings};
use client::Client;

/// A MongoDB deployment. Connections are made when they are needed.
pub struct Mongodb {
    client: Client,
}

impl Mongodb {
    /// Reads where the deployment is; does not connect.
    pub(super) async fn open(settings: &Settings) -> Result<Self, EngineError> {
        let address = address::read(&url(settings)?).await?;
        Ok(Self { client: Client::new(address)? })
    }

    /// Reads what the database holds.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        let _ = &self.client;
        Err(EngineError::Unsupported(EngineKind::Mongodb))
    }
}
