//! `--batch failslow`: opens the trace and hands it to the judge.

use super::{Failure, Result};
use crate::{
    batch::failslow::{Settings, TraceError, judge},
    cli::Cli,
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter},
};

/// Judges the one trace that is named.
pub(super) fn failslow(cli: &Cli) -> Result<u8> {
    let [path] = cli.selectors.as_slice() else {
        return Err(Failure::Usage(
            "name one trace, as --batch failslow FILE.csv; - is standard input".to_owned(),
        ));
    };
    if cli.options.tsv {
        return Err(Failure::Usage("--batch failslow prints text or --json".to_owned()));
    }
    let mut input: Box<dyn BufRead> = if path == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| Failure::Config(format!("{path}: {error}")))?;
        Box::new(BufReader::new(file))
    };
    let settings = Settings {
        json: cli.options.json,
        max_bad_rows: cli.options.max_bad_rows,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match judge(&mut *input, &mut out, &mut io::stderr().lock(), settings) {
        Ok(()) => Ok(0),
        Err(TraceError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error @ TraceError::Io(_)) => Err(Failure::Other(error.into())),
        Err(error) => Err(Failure::Config(error.to_string())),
    }
}
