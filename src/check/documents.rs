//! Documents that do not have what policies assume. Filters leave them out, whoever asks.

use super::{Finding, Matter};
use crate::catalog::{Column, ColumnName, Relation, ancestors};
use crate::engine::{Census, EngineError, Misfit};
use crate::policy::Database;
use crate::policy::settings::{EngineKind, Settings};

/// The columns that filters read, with the documents that they are in.
pub(super) fn counted<'a>(database: &Database, relation: &'a Relation) -> Vec<&'a Column> {
    match database.settings.engine {
        EngineKind::Mongodb => {}
        EngineKind::Sqlite | EngineKind::Postgresql | EngineKind::Mysql | EngineKind::Sqlserver => {
            return Vec::new();
        }
    }
    let read = database.columns_read(relation);
    let reads = |name: &ColumnName| {
        read.iter().any(|read| {
            read == name || ancestors(read.as_str()).any(|above| above == name.as_str())
        })
    };
    relation.columns.iter().filter(|column| column.is_attribute() && reads(&column.name)).collect()
}

/// Whether a finding is about a collection that the proposed role may not read, because no policy permits it: then nobody
/// can ask for it either.
pub(super) fn is_unseen(database: &Database, finding: &Finding) -> bool {
    let Some(name) = &finding.relation else { return false };
    database.settings.engine == EngineKind::Mongodb
        && finding.matter == Matter::RelationGone
        && database.catalog.relation(name).is_some_and(|relation| !database.is_permitted(relation))
}

/// What was counted, or that nothing could be.
pub(super) fn check(
    settings: &Settings,
    relation: &Relation,
    census: Result<Census, EngineError>,
) -> Vec<Finding> {
    let Ok(Census { documents, misfits }) = census else {
        return vec![Finding::of_relation(&relation.name, Matter::NotCounted)];
    };
    let mut findings = Vec::new();
    for ((name, misfit), count) in misfits {
        let Some(listed) = relation.column(&name) else { continue };
        // A document without a tenant is nobody's, whatever else is optional.
        let tenant = settings.tenant_filter_column.as_deref() == Some(name.as_str());
        let expected = match misfit {
            Misfit::Missing | Misfit::Null => listed.nullable && !tenant,
            Misfit::Array | Misfit::Elements | Misfit::Type(_) => false,
        };
        if !expected {
            let listed = Box::new(listed.clone());
            let matter = Matter::Documents { count, documents, misfit, listed };
            findings.push(Finding::of_column(&relation.name, &name, matter));
        }
    }
    findings
}
