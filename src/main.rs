//! The `dialektai` command.

use std::process::ExitCode;

use clap::Parser;
use dialektai::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
