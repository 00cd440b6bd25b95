//! What a warning may not quote: values that only rows hold which the caller may not read.

use std::collections::BTreeSet;

use dialektai::policy::Database;

use crate::live::Live;

/// Values of the shared database that a principal's own copy does not hold.
pub(crate) struct Secrets(BTreeSet<String>);

impl Secrets {
    pub(crate) async fn of(database: &Database, shared: &mut Live, own: &mut Live) -> Self {
        let all = values(database, shared).await;
        let permitted = values(database, own).await;
        Self(all.difference(&permitted).cloned().collect())
    }

    /// Values that only one of two databases of other secrets holds.
    pub(crate) async fn between(database: &Database, shared: &mut Live, paired: &mut Live) -> Self {
        let first = values(database, shared).await;
        let second = values(database, paired).await;
        Self(first.symmetric_difference(&second).cloned().collect())
    }

    /// A secret in a warning's text, unless the query itself holds it.
    pub(crate) fn quoted(&self, warning: &str, query: &str) -> Option<&str> {
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
        values.extend(rows.iter().flatten().map(|value| bare(value).to_owned()));
    }
    values
}

/// A value without the quotes around it and the name of its type before them.
fn bare(value: &str) -> &str {
    match value.split_once('"') {
        Some((_, rest)) => rest.strip_suffix('"').unwrap_or(rest),
        None => value,
    }
}
