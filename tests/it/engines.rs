//! Engines on real servers, each started by its test.

mod asked;
mod mongodb;
mod mysql;
mod postgresql;
