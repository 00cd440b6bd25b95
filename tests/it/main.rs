//! Integration tests: one binary, one module for each thing that is tested.

// Always set here; written out because clippy.toml allows what tests need, `unwrap` say, where it is.
#[cfg(test)]
mod policy_oracle;
#[cfg(test)]
mod policy_snapshots;
