//! argv in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use xiaobao::cli::{Cli, run};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(e) => {
            let code = e.exit_code();
            if code != 0 {
                eprintln!("error: {e}");
                let mut cause = std::error::Error::source(&e);
                while let Some(c) = cause {
                    eprintln!("  because: {c}");
                    cause = c.source();
                }
            }
            ExitCode::from(code)
        }
    }
}
