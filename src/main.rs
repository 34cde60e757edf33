//! The binary: reads the command line, runs it, and turns the outcome into an exit code.

use clap::Parser as _;
use pointsman::{
    app::{self, Failure},
    cli::Cli,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        eprintln!("pointsman: {error}");
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing can fail only when nobody reads; help and version are not errors.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { app::USAGE } else { 0 });
        }
    };
    match app::run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Usage(text)) => {
            eprintln!("pointsman: {text}");
            ExitCode::from(app::USAGE)
        }
        Err(Failure::Config(text)) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(app::CONFIG)
        }
        Err(Failure::Other(report)) => {
            eprintln!("pointsman: {report:?}");
            ExitCode::FAILURE
        }
    }
}
