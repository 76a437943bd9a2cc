//! The binary: parse the command line, run, tell the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    aftercall::cli::run()
}
