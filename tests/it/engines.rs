//! Engines on real servers, each started by its test.

mod asked;
mod mysql;
mod postgresql;
