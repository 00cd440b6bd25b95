//! Guarded queries of both kinds, for what treats them alike: engines, the service, and the outside.

use super::Guarded;
use super::mongo::MongoCommand;
use super::sql::{Bind, Dialect, SelectSql};

/// What a database's queries are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// SQL, as one system has it.
    Sql(Dialect),
    /// Commands of MongoDB, as shell text or extended JSON.
    Mongo,
}

impl Language {
    /// The word that answers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql(_) => "sql",
            Self::Mongo => "mongodb",
        }
    }

    /// Whose form of the language it is.
    pub fn dialect(self) -> &'static str {
        match self {
            Self::Sql(dialect) => dialect.name(),
            Self::Mongo => "mongodb",
        }
    }
}

/// A guarded query in the language of its database.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a guarded query does nothing until an engine runs it"]
pub enum GuardedQuery {
    /// For the SQL engines.
    Sql(Guarded<SelectSql>),
    /// For MongoDB.
    Mongo(Guarded<MongoCommand>),
}

impl GuardedQuery {
    /// What it is written in.
    pub fn language(&self) -> Language {
        match self {
            Self::Sql(query) => Language::Sql(query.query().dialect()),
            Self::Mongo(_) => Language::Mongo,
        }
    }

    /// What runs: SQL with placeholders, or a command in canonical extended JSON.
    pub fn text(&self) -> &str {
        match self {
            Self::Sql(query) => query.query().text(),
            Self::Mongo(command) => command.query().text(),
        }
    }

    /// What the placeholders stand for; a command has its values in itself.
    pub fn binds(&self) -> &[Bind] {
        match self {
            Self::Sql(query) => query.query().binds(),
            Self::Mongo(_) => &[],
        }
    }

    /// The query with its filters and their values, for people.
    pub fn readable(&self) -> &str {
        match self {
            Self::Sql(query) => query.query().readable(),
            Self::Mongo(command) => command.query().readable(),
        }
    }
}

impl From<Guarded<SelectSql>> for GuardedQuery {
    fn from(query: Guarded<SelectSql>) -> Self {
        Self::Sql(query)
    }
}

impl From<Guarded<MongoCommand>> for GuardedQuery {
    fn from(command: Guarded<MongoCommand>) -> Self {
        Self::Mongo(command)
    }
}
