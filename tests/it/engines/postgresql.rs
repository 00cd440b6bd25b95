//! The PostgreSQL engine, as a caller meets it: through the guard, on a server of its own.

mod added;
mod faults;
mod introspection;
mod pull;
mod sessions;
mod site;
mod stopping;
mod values;
