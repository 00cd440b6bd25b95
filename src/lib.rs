//! Chat with your data in a multi-tenant product, with one promise: each customer sees only its own rows.
#![cfg_attr(doc, doc = include_str!("../docs/architecture.md"))]

pub mod identity;
pub mod catalog;
pub mod predicate;
pub mod policy;
pub mod guard;
pub mod rls;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
pub mod check;
#[cfg(feature = "server")]
pub mod question;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod service;
#[cfg(feature = "prove")]
pub mod prove;
#[cfg(feature = "server")]
pub mod suite;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod cli;
