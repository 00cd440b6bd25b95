//! One test binary: a module for each kind of check.

// `cfg(test)` on the modules tells clippy that helpers outside of `#[test]` functions are test code too.
#[cfg(test)]
mod demo;
#[cfg(test)]
mod questions;
