//! MongoDB: guarded commands as bytes, bounded by the server and by the engine, and read to their end here.
//!
//! A command leaves nothing behind on a connection, so connections are shared: the driver keeps them. What a command
//! opens on the server, its cursor, is closed with the answer, and its number never leaves this module.

mod address;
mod answer;
mod census;
mod client;
mod command;
mod failure;
mod introspect;
mod table;
mod value;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::pool::{CONNECTIONS, GRACE};
use super::{Census, EngineError, Introspected, Rows, url};
use crate::catalog::{Column, Relation};
use crate::guard::mongo::MongoCommand;
use crate::policy::settings::{Limits, Settings};
use answer::Job;
use client::Client;

/// How long a command that nobody waits for any more may take to end by itself before its connection is closed.
const LETTING_GO: Duration = Duration::from_secs(1);

/// The command that makes a role which reads these collections of a database and does nothing else, as JSON.
pub fn create_role(database: &str, collections: &[&str]) -> String {
    introspect::create_role(database, collections)
}

/// A MongoDB deployment. Connections are made when they are needed.
pub struct Mongodb {
    client: Arc<Client>,
    limits: Limits,
    /// Commands that run at the same time; further ones wait.
    permits: Arc<Semaphore>,
}

impl Mongodb {
    /// Reads where the deployment is; does not connect.
    pub(super) async fn open(settings: &Settings) -> Result<Self, EngineError> {
        let address = address::read(&url(settings)?).await?;
        let client = Arc::new(Client::new(address, settings.limits.timeout())?);
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        Ok(Self { client, limits: settings.limits, permits })
    }

    /// Runs a guarded command to its end, or to its deadline.
    pub(super) async fn run(&self, command: &MongoCommand) -> Result<Rows, EngineError> {
        let deadline = Instant::now() + self.limits.timeout();
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned());
        let permit = permit.await.map_err(|_| EngineError::Busy)?.map_err(|_| EngineError::Busy)?;
        let job = Job { command: command.clone(), limits: self.limits, deadline };
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(work(Arc::clone(&self.client), job, permit, sender));
        receiver.await.unwrap_or(Err(EngineError::Unavailable))
    }

    /// Reads what the database holds.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        introspect::read(&self.client).await
    }

    /// Counts the documents that do not have what the catalog says.
    pub(super) async fn census(
        &self,
        relation: &Relation,
        columns: &[&Column],
    ) -> Result<Census, EngineError> {
        census::take(&self.client, relation, columns).await
    }
}

/// A command in a task of its own, so that whoever waits for it may leave at any moment: it is then read to its end, as
/// the driver asks for, which closes its cursor. One that takes too long for that loses its connection, and MongoDB ends
/// what a client that hung up has asked for. <https://www.mongodb.com/docs/manual/reference/command/find/#client-disconnection>
// INVARIANT (isolation): a connection whose reply was not read to its end is closed and not used again, so no reply
// meets another principal's command. The driver sees to that; `abandoned_commands_leave_no_reply_behind` looks.
async fn work(
    client: Arc<Client>,
    job: Job,
    _permit: OwnedSemaphorePermit,
    mut sender: oneshot::Sender<Result<Rows, EngineError>>,
) {
    let mut answer = pin!(answer::read(&client, &job));
    tokio::select! {
        biased;
        // Nobody may be waiting any more, which is no error.
        answer = &mut answer => return drop(sender.send(answer)),
        () = sender.closed() => {}
        // The server's own deadline was sooner: its error says more.
        () = sleep_until(job.deadline + GRACE) => drop(sender.send(Err(EngineError::Timeout))),
    }
    drop(timeout(LETTING_GO, answer).await);
}
