//! Integration tests: one binary, one module for each thing that is tested.

mod policy_oracle;
mod policy_snapshots;
