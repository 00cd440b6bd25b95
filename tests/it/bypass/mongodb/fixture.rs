//! One row of the catalogue for MongoDB.

use std::sync::LazyLock;

use dialektai::identity::Principal;
use dialektai::policy::Database;
use serde::Deserialize;

use crate::bypass::fixture::{Shown, Unguarded, Verdict, read};
use crate::{mongo, world};

/// A row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bypass) struct Fixture {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub(in crate::bypass) stem: String,
    pub(in crate::bypass) id: String,
    pub(in crate::bypass) class: String,
    pub(in crate::bypass) attack: String,
    pub(in crate::bypass) defence: String,
    #[serde(default, rename = "case")]
    pub(in crate::bypass) cases: Vec<Case>,
    /// Tests elsewhere, for what is no matter of one query.
    #[serde(default)]
    pub(in crate::bypass) shown: Vec<Shown>,
}

/// One query, and what must become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bypass) struct Case {
    /// Shell text, or a command in extended JSON, which begins with a brace.
    pub(in crate::bypass) query: String,
    pub(in crate::bypass) verdict: Verdict,
    /// Of a refusal.
    pub(in crate::bypass) code: Option<String>,
    /// The caller: tenant 82 without a scope, unless it says otherwise.
    tenant: Option<i64>,
    scope: Option<String>,
    /// What the server does where nothing guards: the proof that the attack is real. What is run is a command.
    pub(in crate::bypass) unguarded: Option<Unguarded>,
    /// What a careless guard would make of the query; run instead of it to see what `unguarded` says.
    pub(in crate::bypass) naive: Option<String>,
    /// Why the test server cannot run what is rewritten, which it must say itself.
    pub(in crate::bypass) unsupported: Option<String>,
}

impl Case {
    pub(in crate::bypass) fn principal(&self) -> Principal {
        world::principal(self.tenant.unwrap_or(82), self.scope.as_deref())
    }
}

/// The database that the cases are about, loaded once.
pub(in crate::bypass) fn database() -> &'static Database {
    static DATABASE: LazyLock<Database> = LazyLock::new(mongo::database);
    &DATABASE
}

/// Every row, in the order of the catalogue.
pub(in crate::bypass) fn all() -> Vec<Fixture> {
    let named = |(stem, fixture)| Fixture { stem, ..fixture };
    read("bypass-mongodb").into_iter().map(named).collect()
}
