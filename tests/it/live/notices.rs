//! What PostgreSQL says beside an answer: the driver passes its notices on as events.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Notices(Arc<Mutex<BTreeSet<String>>>);

impl Visit for Notices {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().insert(format!("{field} {value:?}"));
    }
}

impl Subscriber for Notices {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::postgres::notice"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The result, and each notice that came meanwhile, once.
pub(super) async fn during<T>(work: impl Future<Output = T>) -> (T, Vec<String>) {
    let notices = Notices::default();
    let result = work.with_subscriber(notices.clone()).await;
    let said = notices.0.lock().unwrap().iter().cloned().collect();
    (result, said)
}
