//! What a warning may not quote: values that only rows hold which the caller may not read.

use std::collections::BTreeSet;

use dialektai::policy::Database;

use crate::live::Live;

/// Values of the shared database that a principal's own copy does not hold.
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    pub(super) async fn of(database: &Database, shared: &mut Live, own: &mut Live) -> Self {
        let all = values(database, shared).await;
        let permitted = values(database, own).await;
        Self(all.difference(&permitted).cloned().collect())
    }

    /// Values that only one of two databases of other secrets holds.
    pub(super) async fn between(database: &Database, shared: &mut Live, paired: &mut Live) -> Self {
        let first = values(database, shared).await;
        let second = values(database, paired).await;
        Self(first.symmetric_difference(&second).cloned().collect())
    }

    /// A secret in a warning's text, unless the query itself holds it.
    pub(super) fn quoted(&self, warning: &str, query: &str) -> Option<&str> {
        let secrets = self.0.iter().map(String::as_str).filter(|secret| !query.contains(secret));
        // Short ones are part of many a word.
        let mut quoted = secrets.filter(|secret| {
            warning.contains(&format!("'{secret}'"))
                || (secret.len() >= 5 && warning.contains(secret))
        });
        quoted.next()
    }
}

async fn values(database: &Database, live: &mut Live) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for relation in &database.catalog.relations {
        let rows = live.run(&format!("SELECT * FROM {}", relation.name.name)).await.unwrap();
        values.extend(rows.into_iter().flatten().map(|value| value.trim_matches('"').to_owned()));
    }
    values
}
