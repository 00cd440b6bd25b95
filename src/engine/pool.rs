//! Connections to a database server: bounded, kept while they are good, and given back only when the server has let go.
//!
//! A query runs in a task of its own that owns a connection and one of [`CONNECTIONS`] permits. Whoever waits for it
//! may leave at any moment (time limit, client gone): the task then stops the server's work, takes back what the query
//! may have left in the session, and only then gives the permit back, so that abandoned queries cannot pile up.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::mask_key::MaskKey;
use super::{AnswerColumn, Cell, EngineError, Rows};
use crate::guard::sql::SelectSql;
use crate::policy::settings::Limits;
use crate::predicate::Value;

/// Connections to one server, and queries that run there at the same time; further ones wait.
pub(super) const CONNECTIONS: usize = 8;

/// How much later than the server's own deadline a query is given up here: the server's error says more.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// Time for stopping a query and for making its connection fit for the next one. A connection that takes longer is
/// closed.
const RESTORE: Duration = Duration::from_secs(5);

/// Time in which an idle connection must answer; one that a firewall forgot never does.
const WAKE: Duration = Duration::from_secs(1);

/// A connection that lay idle for longer is closed rather than used.
const IDLE: Duration = Duration::from_mins(5);

/// What a pool needs to know about a kind of server.
pub(super) trait Server: Send + Sync + 'static {
    /// A connection as the driver has it.
    type Connection: Send + 'static;

    /// A column of an answer: an [`AnswerColumn`], or what it takes to name one with the catalog at hand.
    type Column: Send + 'static;

    /// Opens a connection, and sets and verifies all that changes how a text is read.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, EngineError>> + Send;

    /// Begins a read-only transaction. On a connection that lay idle this also shows whether it is still there.
    fn begin(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Runs a query and reads its rows as far as the limits allow. Dropped on the way when nobody waits any more.
    fn run(
        &self,
        connection: &mut Self::Connection,
        job: &Job,
    ) -> impl Future<Output = Result<RawRows<Self::Column>, EngineError>> + Send;

    /// Makes the server stop what it does for this connection, and reads what it still sends.
    fn stop(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Ends the transaction, takes back all that it may have left in the session (settings, locks, temporary tables,
    /// prepared statements), and verifies the session again.
    // INVARIANT (isolation): what one principal's query leaves behind never meets the next principal's.
    fn reset(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// One query on its way, owned so that it survives whoever asked.
pub(super) struct Job {
    /// The text of a guarded query.
    pub(super) text: String,
    /// The values of its placeholders.
    pub(super) binds: Vec<Value>,
    /// What its answer may weigh.
    pub(super) limits: Limits,
    /// When it must be done.
    pub(super) deadline: Instant,
}

impl Job {
    /// A guarded query, whose time begins now.
    pub(super) fn new(
        query: &SelectSql,
        limits: Limits,
        mask_key: &MaskKey,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            text: query.text().to_owned(),
            binds: mask_key.values(query.binds())?,
            limits,
            deadline: Instant::now() + limits.timeout(),
        })
    }
}

/// Rows as they arrive, up to the limits.
pub(super) struct Gathered {
    limits: Limits,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
    truncated: bool,
}

impl Gathered {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, rows: Vec::new(), bytes: 0, truncated: false }
    }

    /// Adds a row. `false` means that it did not fit and that no further one is wanted.
    pub(super) fn push(&mut self, row: Vec<Cell>) -> bool {
        self.bytes = self.bytes.saturating_add(row.iter().map(Cell::bytes).sum());
        self.truncated = self.rows.len() >= self.limits.rows || self.bytes > self.limits.bytes;
        if !self.truncated {
            self.rows.push(row);
        }
        !self.truncated
    }

    /// Whether a row did not fit.
    pub(super) fn is_full(&self) -> bool {
        self.truncated
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn into_rows<C>(self, columns: Vec<C>) -> RawRows<C> {
        RawRows { columns, rows: self.rows, truncated: self.truncated }
    }
}

/// What a query gave, with columns as the server's kind describes them.
pub(super) struct RawRows<C> {
    pub(super) columns: Vec<C>,
    pub(super) rows: Vec<Vec<Cell>>,
    pub(super) truncated: bool,
}

impl From<RawRows<AnswerColumn>> for Rows {
    fn from(raw: RawRows<AnswerColumn>) -> Self {
        Self { columns: raw.columns, rows: raw.rows, truncated: raw.truncated }
    }
}

/// The connections to one server.
pub(super) struct Pool<S: Server>(Arc<Inner<S>>);

struct Inner<S: Server> {
    server: S,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<(Instant, S::Connection)>>,
}

impl<S: Server> Pool<S> {
    /// An empty pool: connections are opened when they are needed.
    pub(super) fn new(server: S) -> Self {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        Self(Arc::new(Inner { server, permits, idle: Mutex::default() }))
    }

    /// What connections are opened with.
    pub(super) fn server(&self) -> &S {
        &self.0.server
    }

    /// Runs a query to its end, or to its deadline.
    ///
    /// # Errors
    ///
    /// `Busy` if no connection became free in time, `Unavailable` if none could be opened in time, `Timeout` if the
    /// query itself ran into its deadline, and whatever the server says.
    pub(super) async fn run(&self, job: Job) -> Result<RawRows<S::Column>, EngineError> {
        let deadline = job.deadline;
        let permit = timeout_at(deadline, Arc::clone(&self.0.permits).acquire_owned());
        let permit = permit.await.map_err(|_| EngineError::Busy)?.map_err(|_| EngineError::Busy)?;
        let (sender, receiver) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            inner.work(&job, sender).await;
            drop(permit);
        });
        match timeout_at(deadline + 2 * GRACE, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(EngineError::Unavailable),
            Err(_) => Err(EngineError::Timeout),
        }
    }
}

impl<S: Server> Inner<S> {
    async fn work(
        &self,
        job: &Job,
        mut sender: oneshot::Sender<Result<RawRows<S::Column>, EngineError>>,
    ) {
        let begun = tokio::select! {
            begun = timeout_at(job.deadline, self.begun()) => begun,
            () = sender.closed() => return,
        };
        let mut connection = match begun.unwrap_or(Err(EngineError::Unavailable)) {
            Ok(connection) => connection,
            // Nobody may be waiting any more, which is no error.
            Err(error) => return drop(sender.send(Err(error))),
        };
        let outcome = tokio::select! {
            biased;
            outcome = self.server.run(&mut connection, job) => Some(outcome),
            () = sender.closed() => None,
            () = sleep_until(job.deadline + GRACE) => None,
        };
        let finished = matches!(&outcome, Some(Ok(rows)) if !rows.truncated);
        drop(sender.send(outcome.unwrap_or(Err(EngineError::Timeout))));
        let restored = timeout(RESTORE, async {
            if !finished {
                self.server.stop(&mut connection).await?;
            }
            self.server.reset(&mut connection).await
        });
        // Any other connection is closed by being dropped.
        if let Ok(Ok(())) = restored.await {
            self.idle().push((Instant::now(), connection));
        }
    }

    /// A connection in a transaction: an idle one that still answers, or a new one.
    async fn begun(&self) -> Result<S::Connection, EngineError> {
        while let Some(mut connection) = self.reused() {
            if let Ok(Ok(())) = timeout(WAKE, self.server.begin(&mut connection)).await {
                return Ok(connection);
            }
            tracing::debug!("an idle connection was lost");
        }
        let mut connection = self.server.connect().await?;
        self.server.begin(&mut connection).await?;
        Ok(connection)
    }

    fn reused(&self) -> Option<S::Connection> {
        let mut idle = self.idle();
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.pop().map(|(_, connection)| connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, S::Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
