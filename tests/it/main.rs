//! Integration tests: one binary, one module for each thing that is tested.
// `cfg(test)` tells clippy that helpers outside of `#[test]` functions are test code too.
#![cfg(test)]

mod world;
mod added;
mod agreement;
mod bypass;
mod attack;
mod servers;
mod live;
mod tally;
mod caps;
#[cfg(feature = "prove")]
mod certificates;
mod check;
mod columns;
mod commute;
mod cli;
mod decides;
mod demo;
#[cfg(feature = "prove")]
mod diff;
mod lists;
mod emission;
mod engine;
mod engines;
mod exact_postgresql;
mod examples;
mod explain;
mod guide;
mod http;
mod mariadb;
mod mask_key;
mod masks;
mod mongo;
mod mongo_columns;
mod mongo_filters;
mod mongo_leaks;
mod mongo_oracle;
mod mssql;
mod policy_oracle;
mod policy_snapshots;
#[cfg(feature = "prove")]
mod prove;
mod questions;
mod refusals;
mod related;
mod reload;
mod rewrite;
mod rls;
mod suites;
mod totality;
mod tpch;
mod tidy;
mod tsql;
mod useful;
