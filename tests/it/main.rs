//! Integration tests: one binary, one module for each thing that is tested.
#![cfg(test)]

mod world;
mod commute;
mod cli;
mod demo;
mod engine;
mod http;
mod policy_oracle;
mod questions;
