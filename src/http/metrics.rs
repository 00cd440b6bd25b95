//! How the databases stand, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). No tenant is in it: who asked is in the audit log.

use std::fmt;

use axum::http::HeaderValue;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::service::{NotServed, Service, Standing};

pub(super) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDatabase {
    database: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProblem {
    database: String,
    problem: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVersion {
    database: String,
    version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReading {
    result: &'static str,
}

/// The metrics as of now. They are made anew for each answer, so that a database which is gone leaves nothing behind.
pub(super) fn text(service: &Service) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("dialektai");
    let serves = Family::<OfDatabase, Gauge>::default();
    let problems = Family::<OfProblem, Gauge>::default();
    let versions = Family::<OfVersion, Gauge>::default();
    for Standing { id, served, runs, problem, codes: _ } in service.databases().list() {
        let database = || id.as_str().to_owned();
        serves.get_or_create(&OfDatabase { database: database() }).set(i64::from(runs));
        for word in NotServed::PROBLEMS {
            let is = problem.is_some_and(|problem| problem.problem() == word);
            let labels = OfProblem { database: database(), problem: word };
            problems.get_or_create(&labels).set(i64::from(is));
        }
        if let Some(served) = served {
            let version = served.database.version().to_owned();
            versions.get_or_create(&OfVersion { database: database(), version }).set(1);
        }
    }
    registry.register("database_serves", "Whether queries of the database run", serves);
    registry.register(
        "database_problem",
        "Why the database does not serve its policy folder as it is now",
        problems,
    );
    registry.register("policy_version", "The version of the policies that is served", versions);
    let readings = Family::<OfReading, Counter>::default();
    for (result, count) in
        [("whole", service.readings().whole()), ("failed", service.readings().failed())]
    {
        readings.get_or_create(&OfReading { result }).inc_by(count);
    }
    registry.register("policy_readings", "How often the policy folder was read", readings);
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}
