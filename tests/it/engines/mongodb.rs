//! The MongoDB engine on a server of its own: guarded commands, and what becomes of them.

mod answers;
mod faults;
mod shell;
mod site;
mod stopping;
mod tls;
mod wire;
