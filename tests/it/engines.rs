//! Engines on real servers, each started by its test.

mod mysql;
mod postgresql;
