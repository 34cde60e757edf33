//! A trace as CSV: rows become readings, whatever is wrong with one is an error with its line number.
//!
//! Pure apart from the stream that it reads. RFC 4180 without line breaks in quotes; columns in any order, unknown ones
//! are let pass. Memory is bounded by the longest line.

use super::TraceError;
use crate::verdict::failslow::Reading;
use std::io::{self, BufRead};

/// Longest line that is read.
const LONGEST_LINE: usize = 16 * 1024;

/// Where each column stands.
struct Columns {
    ts: usize,
    group: usize,
    subject: usize,
    load: usize,
    latency: usize,
    observer: Option<usize>,
    op: Option<usize>,
}

impl Columns {
    fn find(header: &str) -> Result<Self, TraceError> {
        let fields = split(header).unwrap_or_default();
        let names: Vec<String> = fields.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        if let ([whole], Some(separator)) = (names.as_slice(), separator(header))
            && whole.contains("latency_ms")
        {
            return Err(TraceError::Separator(separator));
        }
        let must = |wanted: &'static str| at(wanted).ok_or(TraceError::Header(wanted));
        Ok(Self {
            ts: must("ts")?,
            group: must("group")?,
            subject: must("subject")?,
            load: must("load")?,
            latency: must("latency_ms")?,
            observer: at("observer"),
            op: at("op"),
        })
    }
}

/// What separates the columns of a header that has no commas, in words.
fn separator(header: &str) -> Option<&'static str> {
    [(';', "semicolons"), ('\t', "tabs"), ('|', "bars"), (' ', "blanks")]
        .into_iter()
        .find_map(|(char, words)| header.contains(char).then_some(words))
}

/// Which streams are each other's peers: the group and the operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peers {
    /// The group.
    pub group: String,
    /// The operation; empty where the trace has none.
    pub op: String,
}

/// A moment, in the notation of its trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct At {
    /// Seconds since an epoch of the trace's own, or since 1970 where it is ISO 8601.
    pub seconds: f64,
    /// Whether it was written as ISO 8601.
    pub iso: bool,
}

impl At {
    /// As JSON, in the trace's own notation.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "within the range that is checked")]
    pub fn json(self) -> serde_json::Value {
        if self.iso
            && let Ok(at) = jiff::Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(self.seconds))
        {
            return at.to_string().into();
        }
        if self.seconds.fract() == 0.0 && self.seconds.abs() < 1e15 {
            return (self.seconds as i64).into();
        }
        self.seconds.into()
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<f64>() {
            // Beyond that a number cannot tell two polls apart, nor be a date.
            return (seconds.abs() < 1e11).then_some(Self { seconds, iso: false });
        }
        let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        Some(Self {
            seconds: at.as_duration().as_secs_f64(),
            iso: true,
        })
    }
}

/// One row of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it was measured.
    pub at: At,
    /// The group and operation.
    pub peers: Peers,
    /// What was measured.
    pub subject: String,
    /// Who measured; empty where the trace has no such column.
    pub observer: String,
    /// What was measured there.
    pub reading: Reading,
}

/// Rows of a trace, one after the other.
pub struct Rows<'a> {
    input: &'a mut dyn BufRead,
    columns: Columns,
    bytes: Vec<u8>,
    /// The line last read.
    line: u64,
    /// Rows so far.
    count: u64,
}

impl<'a> Rows<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`TraceError::Empty`] where there is none, [`TraceError::Header`] where a column is missing,
    /// [`TraceError::Separator`] where they are not separated by commas, [`TraceError::Io`] where it cannot be read.
    pub fn open(input: &'a mut dyn BufRead) -> Result<Self, TraceError> {
        let mut bytes = Vec::new();
        next_line(input, &mut bytes)?;
        let header = String::from_utf8_lossy(&bytes);
        let header = header.trim_start_matches('\u{feff}').trim();
        if header.is_empty() && input.fill_buf()?.is_empty() {
            return Err(TraceError::Empty);
        }
        let columns = Columns::find(header)?;
        Ok(Self {
            input,
            columns,
            bytes,
            line: 1,
            count: 0,
        })
    }

    /// Data rows read so far, bad ones too; empty lines are none.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The next row that is not empty, or what is wrong with it; with its line number.
    ///
    /// # Errors
    /// Where the input cannot be read.
    pub fn next_row(&mut self) -> io::Result<Option<(u64, Result<Row, String>)>> {
        while let Some(whole) = next_line(self.input, &mut self.bytes)? {
            self.line += 1;
            let text = String::from_utf8_lossy(&self.bytes);
            if text.trim().is_empty() {
                continue;
            }
            self.count += 1;
            let row = if whole {
                row(text.trim_end_matches(['\r', '\n']), &self.columns)
            } else {
                Err(format!("the line is longer than {LONGEST_LINE} bytes"))
            };
            return Ok(Some((self.line, row)));
        }
        Ok(None)
    }
}

/// The fields of a line; none where a quote is not closed.
fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(char),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

/// A number, or none where the cell is empty.
fn number(text: &str, what: &str) -> Result<Option<f64>, String> {
    match text {
        "" | "NaN" | "nan" | "NA" | "null" | "NULL" | "-" => Ok(None),
        _ => match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(Some(value)),
            _ => Err(format!("{what} is no number from 0 up: {text:?}")),
        },
    }
}

fn row(line: &str, columns: &Columns) -> Result<Row, String> {
    let fields = split(line).ok_or("a quote is not closed")?;
    let field = |at: usize, what: &str| {
        let text = fields.get(at).map(|text| text.trim());
        text.ok_or_else(|| format!("no {what} in this row, which has {} cells", fields.len()))
    };
    let ts = field(columns.ts, "ts")?;
    let at = At::parse(ts).ok_or_else(|| format!("ts is neither seconds nor ISO 8601: {ts:?}"))?;
    let subject = field(columns.subject, "subject")?.to_owned();
    let group = field(columns.group, "group")?.to_owned();
    if subject.is_empty() {
        return Err("the subject is empty".to_owned());
    }
    let load = number(field(columns.load, "load")?, "load")?;
    let latency = number(field(columns.latency, "latency_ms")?, "latency_ms")?;
    let optional = |at: Option<usize>| {
        let text = at.and_then(|at| fields.get(at)).map(|text| text.trim().to_owned());
        text.unwrap_or_default()
    };
    let reading = match (latency, load) {
        (Some(latency), load) => Reading::value(latency, load),
        (None, Some(0.0)) => Reading::Idle,
        (None, _) => Reading::Missing,
    };
    Ok(Row {
        at,
        peers: Peers {
            group,
            op: optional(columns.op),
        },
        subject,
        observer: optional(columns.observer),
        reading,
    })
}

/// One line, bounded: says whether it is whole; what is longer is cut off.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut whole, mut any) = (true, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let (part, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&buffer[..at], true),
            None => (buffer, false),
        };
        let room = LONGEST_LINE - line.len();
        whole &= part.len() <= room;
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(ended);
        input.consume(used);
        if ended {
            return Ok(Some(whole));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str) -> Vec<(u64, Result<Row, String>)> {
        let mut input = text.as_bytes();
        let mut rows = Rows::open(&mut input).unwrap();
        std::iter::from_fn(|| rows.next_row().unwrap()).collect()
    }

    #[test]
    fn cells_are_found_by_their_headings() {
        let found =
            rows("\u{feff}Latency_ms, OP ,load,subject,group,ts,other\r\n2.5,read,7,\"a, \"\"b\"\"\",g,15,x\r\n");
        let (line, row) = &found[0];
        assert_eq!(*line, 2);
        let row = row.as_ref().unwrap();
        assert_eq!(
            (row.subject.as_str(), row.peers.op.as_str(), row.observer.as_str()),
            ("a, \"b\"", "read", "")
        );
        assert_eq!(row.reading, Reading::value(2.5, Some(7.0)));
    }

    #[test]
    fn a_missing_column_is_named() {
        let mut input = &b"ts,group,subject,latency_ms\n"[..];
        let told = Rows::open(&mut input).map(|_| ()).unwrap_err();
        assert!(matches!(told, TraceError::Header("load")), "{told}");
    }

    #[test]
    fn what_is_no_csv_is_said_to_be_none() {
        let told = |text: &str| {
            let mut input = text.as_bytes();
            Rows::open(&mut input).map(|_| ()).unwrap_err().to_string()
        };
        assert!(told("").starts_with("the trace is empty"), "{}", told(""));
        assert!(told("\n").starts_with("the trace is empty"), "{}", told("\n"));
        for (separator, words) in [
            (";", "semicolons"),
            ("\t", "tabs"),
            (" ; ", "semicolons"),
            (" ", "blanks"),
        ] {
            let header = ["ts", "group", "subject", "load", "latency_ms"].join(separator);
            let told = told(&format!("{header}\n1{separator}g\n"));
            assert!(
                told.starts_with(&format!("line 1: the columns are separated by {words}: put commas")),
                "{told}"
            );
        }
        let binary = told("\u{1}\u{2};\n");
        assert!(binary.contains("no column \"ts\""), "{binary}");
    }

    #[test]
    fn missing_cells_are_missing_and_wrong_ones_are_errors_with_their_line() {
        let found = rows(
            "ts,group,subject,load,latency_ms\n1,g,a,,\n1,g,a,0,\n\n1,g,a,5,3\n1,g,a,x,3\n1,g,a,1,-3\n1,g,a,1,inf\n\
             1,g,,1,1\nsoon,g,a,1,1\n1,g\n1,g,\"a,1,1\n1,g,a,1,0\n",
        );
        let told: Vec<(u64, Result<Reading, &str>)> = found
            .iter()
            .map(|(line, row)| (*line, row.as_ref().map(|row| row.reading).map_err(String::as_str)))
            .collect();
        assert_eq!(
            told,
            [
                (2, Ok(Reading::Missing)),
                (3, Ok(Reading::Idle)),
                (5, Ok(Reading::value(3.0, Some(5.0)))),
                (6, Err("load is no number from 0 up: \"x\"")),
                (7, Err("latency_ms is no number from 0 up: \"-3\"")),
                (8, Err("latency_ms is no number from 0 up: \"inf\"")),
                (9, Err("the subject is empty")),
                (10, Err("ts is neither seconds nor ISO 8601: \"soon\"")),
                (11, Err("no subject in this row, which has 2 cells")),
                (12, Err("a quote is not closed")),
                (13, Ok(Reading::Idle)),
            ]
        );
    }

    #[test]
    fn times_are_given_back_as_they_came() {
        let json = |text: &str| At::parse(text).map(|at| at.json().to_string());
        assert_eq!(json("1699999999").as_deref(), Some("1699999999"));
        assert_eq!(json("15.25").as_deref(), Some("15.25"));
        assert_eq!(
            json("2026-11-21T03:12:07Z").as_deref(),
            Some("\"2026-11-21T03:12:07Z\"")
        );
        assert_eq!(json("2026-11-21 03:12:07").as_deref(), Some("\"2026-11-21T03:12:07Z\""));
        assert_eq!(
            json("2026-11-21T03:12:07.5+01:00").as_deref(),
            Some("\"2026-11-21T02:12:07.5Z\"")
        );
        for wrong in ["", "NaN", "inf", "1e300", "yesterday"] {
            assert_eq!(json(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_said_to_be_so() {
        let long = format!(
            "ts,group,subject,load,latency_ms\n1,g,{},1,1\n1,g,a,1,1",
            "a".repeat(LONGEST_LINE * 3)
        );
        let found = rows(&long);
        assert_eq!(found[0], (2, Err("the line is longer than 16384 bytes".to_owned())));
        assert!(found[1].1.is_ok());
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut text = b"ts,group,subject,load,latency_ms,observer,op\n".to_vec();
            text.extend(bytes);
            let mut input = &text[..];
            let mut rows = Rows::open(&mut input).unwrap();
            while rows.next_row().unwrap().is_some() {}
        }
    }
}
