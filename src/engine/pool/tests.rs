//! Which connections are used again, with a server that only counts them.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

/// A connection is its number, from 1; a row tells it.
struct Counting {
    opened: AtomicI64,
    resets: Result<(), EngineError>,
}

impl Server for Counting {
    type Connection = i64;
    type Column = ();

    async fn connect(&self) -> Result<i64, EngineError> {
        Ok(self.opened.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn begin(&self, _: &mut i64) -> Result<(), EngineError> {
        Ok(())
    }

    async fn run(&self, connection: &mut i64, job: &Job) -> Result<RawRows<()>, EngineError> {
        let mut rows = Gathered::new(job.limits);
        rows.push(vec![Cell::Integer(*connection)]);
        Ok(rows.into_rows(Vec::new()))
    }

    async fn stop(&self, _: &mut i64) -> Result<(), EngineError> {
        Ok(())
    }

    async fn reset(&self, _: &mut i64) -> Result<(), EngineError> {
        self.resets
    }
}

/// The connections that two queries got, one after the other.
async fn met(resets: Result<(), EngineError>) -> Vec<Vec<Cell>> {
    let pool = Pool::new(Counting { opened: AtomicI64::new(0), resets });
    let mut rows = Vec::new();
    for _ in 0..2 {
        let limits = Limits::default();
        let deadline = Instant::now() + limits.timeout();
        let job = Job { text: String::new(), binds: Vec::new(), limits, deadline };
        rows.extend(pool.run(job).await.unwrap().rows);
        // The answer comes before the connection is fit again.
        drop(pool.0.permits.acquire_many(u32::try_from(CONNECTIONS).unwrap()).await.unwrap());
    }
    rows
}

#[tokio::test]
async fn a_connection_that_was_reset_is_used_again() {
    assert_eq!(met(Ok(())).await, [[Cell::Integer(1)], [Cell::Integer(1)]]);
}

#[tokio::test]
async fn a_connection_whose_reset_failed_meets_nobody() {
    for error in [EngineError::Unavailable, EngineError::Timeout] {
        assert_eq!(met(Err(error)).await, [[Cell::Integer(1)], [Cell::Integer(2)]], "{error:?}");
    }
}
