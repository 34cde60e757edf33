//! The binary: reads the command line, runs it, and turns the outcome into an exit code.

use clap::Parser as _;
use pointsman::{
    app::{self, Failure},
    cli::Cli,
    facts::CleanText,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        eprintln!("pointsman: {error}");
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli.settled(),
        Err(error) => {
            // Printing can fail only when nobody reads; help and version are not errors.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { app::USAGE } else { 0 });
        }
    };
    match app::run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Usage(text)) => {
            eprintln!("pointsman: {}", printable(&text));
            ExitCode::from(app::USAGE)
        }
        Err(Failure::Config(text)) => {
            eprintln!("{}", printable(text.trim_end()));
            ExitCode::from(app::CONFIG)
        }
        Err(Failure::Other(report)) => {
            eprintln!("pointsman: {}", printable(&format!("{report:?}")));
            ExitCode::FAILURE
        }
    }
}

/// An error text may quote a file or a host: nothing in it steers the terminal, and its lines stay lines.
fn printable(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| CleanText::new(line).to_string()).collect();
    lines.join("\n")
}
