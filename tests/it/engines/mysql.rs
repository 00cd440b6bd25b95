//! The MySQL and MariaDB engine, as a caller meets it: through the guard, on a MariaDB of its own.

mod added;
mod demo;
mod faults;
mod introspection;
mod sessions;
mod site;
mod stopping;
mod tls;
mod values;
