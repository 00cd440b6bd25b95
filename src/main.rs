//! The `dialektai` command.
fn main() {}
