//! argv in, exit code out.

mod allocator;

use std::process::ExitCode;

use clap::Parser;
use xiaobao::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    // candle would hand each large operation to threads of its own that wait by spinning, which costs much on a busy
    // machine; here rayon alone shares the work out.
    if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
        // SAFETY: the first statement of the program: no other thread reads the environment yet.
        unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    }
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
