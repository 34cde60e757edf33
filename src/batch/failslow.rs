//! `--batch failslow`: judges a recorded trace, streaming, and prints one line at each change of state.
//!
//! Columns, in any order: `ts,group,subject,load,latency_ms`, optionally `observer,op`; rows in time order, `ts` in
//! seconds or ISO 8601, empty cells where a reading is missing. The interval of the polls is found from the first rows.
//! A bad row is told with its line number and counted; it ends nothing, but too many make the trace a failure.

mod csv;
mod matrix;
mod room;
mod tell;

#[cfg(test)]
mod tests;

use crate::verdict::failslow::State;
use csv::{At, Peers, Row, Rows};
use room::Room;
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead, Write},
    time::Duration,
};
use tell::{Moment, human};

/// Subjects and observers that are followed at most: memory is bounded by them, not by the length of the trace.
const MOST_STREAMS: usize = 500_000;
/// Readings of one poll that are held at most.
const MOST_CELLS: usize = 2_000_000;
/// Rows that are held back to find the interval of the polls.
const HELD_BACK: usize = 50_000;
/// Differences between polls of one stream that tell the interval.
const ENOUGH: usize = 60;
/// Polls of less than this, in seconds (about five), are summed until they are as long: the rules are made for polls of 5
/// to 15 s, and their times are polls.
const SHORT: f64 = 4.75;
/// Polls that are summed at most.
const MOST_IN_BIN: u32 = 50;
/// Errors that are printed; the rest is counted.
const SHOWN_ERRORS: u64 = 20;
/// A step in time of more polls than this must be confirmed by the next row.
const LEAP: f64 = 100.0;

/// How a trace is judged and printed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Bad rows that are let pass; without it see [`let_pass`]. A trace without any good row is never let pass.
    pub max_bad_rows: Option<u64>,
}

/// Why a trace could not be judged to its end.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Reading or printing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There is nothing to read.
    #[error(
        "the trace is empty: its first line names the columns (ts,group,subject,load,latency_ms; optional: observer,op)"
    )]
    Empty,
    /// The header lacks a column.
    #[error("line 1: the header has no column {0:?} (wanted: ts,group,subject,load,latency_ms; optional: observer,op)")]
    Header(&'static str),
    /// The cells are separated by something else than commas.
    #[error(
        "line 1: the columns are separated by {0}: put commas between them, and points into decimals \
         (wanted: ts,group,subject,load,latency_ms; optional: observer,op)"
    )]
    Separator(&'static str),
    /// Nothing follows the header.
    #[error("the trace has a header and no rows: nothing was judged")]
    NoRows,
    /// Not one row could be used.
    #[error("none of {rows} rows can be used: nothing was judged; the first lines above say why")]
    NoneGood {
        /// All rows.
        rows: u64,
    },
    /// Too many rows were bad.
    #[error("{bad} of {rows} rows are bad, more than the {limit} that are let pass (--max-bad-rows)")]
    TooBad {
        /// Bad rows.
        bad: u64,
        /// All rows.
        rows: u64,
        /// Bad rows that would have been let pass.
        limit: u64,
    },
}

/// Bad rows of so many that are let pass where nobody says how many: 1 %, of small traces a quarter, up to 100 rows.
#[must_use]
pub const fn let_pass(rows: u64) -> u64 {
    let (share, small) = (rows / 100, rows / 4);
    let small = if small < 100 { small } else { 100 };
    if share > small { share } else { small }
}

/// A row's line number and why it cannot be used.
type Refused = Vec<(u64, String)>;

/// A trace on its way through the detector.
struct Trace<'a> {
    json: bool,
    rooms: BTreeMap<Peers, Room>,
    streams: usize,
    cells: usize,
    /// When the present poll began, and its last reading.
    poll: Option<(f64, At)>,
    interval: Option<f64>,
    /// So many polls are judged as one, and so many of them are gathered.
    bin: u32,
    gathered: u32,
    held: Vec<(u64, Row)>,
    last_seen: HashMap<(Peers, String, String), f64>,
    steps: Vec<f64>,
    /// A row that leaps ahead in time, until the next one says whether time did.
    leap: Option<(u64, Row)>,
    out: &'a mut dyn Write,
}

impl<'a> Trace<'a> {
    fn new(json: bool, out: &'a mut dyn Write) -> Self {
        Self {
            json,
            rooms: BTreeMap::new(),
            streams: 0,
            cells: 0,
            poll: None,
            interval: None,
            bin: 1,
            gathered: 0,
            held: Vec::new(),
            last_seen: HashMap::new(),
            steps: Vec::new(),
            leap: None,
            out,
        }
    }

    /// The next row in the order of the trace.
    fn accept(&mut self, number: u64, row: Row) -> Result<Refused, TraceError> {
        if self.interval.is_some() {
            return self.check(number, row);
        }
        let key = (row.peers.clone(), row.subject.clone(), row.observer.clone());
        if let Some(before) = self.last_seen.insert(key, row.at.seconds)
            && row.at.seconds > before
        {
            self.steps.push(row.at.seconds - before);
        }
        self.held.push((number, row));
        if self.steps.len() >= ENOUGH.max(self.last_seen.len().min(2000)) || self.held.len() >= HELD_BACK {
            return self.release();
        }
        Ok(Vec::new())
    }

    /// The interval is known, or will not be: judges what was held back.
    fn release(&mut self) -> Result<Refused, TraceError> {
        self.steps.sort_unstable_by(f64::total_cmp);
        let usual = self.steps.get(self.steps.len() / 2).copied().unwrap_or(15.0);
        let interval = usual.clamp(0.1, 86_400.0);
        self.interval = Some(interval);
        self.bin = (1..MOST_IN_BIN)
            .find(|polls| f64::from(*polls) * interval >= SHORT)
            .unwrap_or(MOST_IN_BIN);
        self.last_seen = HashMap::new();
        let mut refused = Vec::new();
        for (number, row) in std::mem::take(&mut self.held) {
            refused.extend(self.check(number, row)?);
        }
        Ok(refused)
    }

    /// Time may leap: a trace has gaps. A single row that is far ahead is a mistake, and must not outdate all others.
    fn check(&mut self, number: u64, row: Row) -> Result<Refused, TraceError> {
        let interval = self.interval.unwrap_or(15.0);
        let mut refused = Vec::new();
        if let Some((at, ahead)) = self.leap.take() {
            if row.at.seconds + interval < ahead.at.seconds {
                refused.push((at, "time leaps ahead, and back with the next row".to_owned()));
            } else {
                refused.extend(self.take(ahead)?.map(|why| (at, why)));
            }
        }
        let leaps = match self.poll {
            Some((_, latest)) => row.at.seconds - latest.seconds > LEAP * interval,
            None => true,
        };
        if leaps {
            self.leap = Some((number, row));
        } else {
            refused.extend(self.take(row)?.map(|why| (number, why)));
        }
        Ok(refused)
    }

    /// A row; a reason where it cannot be used.
    fn take(&mut self, row: Row) -> Result<Option<String>, TraceError> {
        let interval = self.interval.unwrap_or(15.0);
        let key = (row.subject, row.observer);
        let again = self.rooms.get(&row.peers).is_some_and(|room| room.has(&key));
        let now = row.at.seconds;
        if let Some((began, latest)) = self.poll {
            if now < began - 0.5 * interval {
                return Ok(Some(format!("time goes back by {:.0} s", began - now)));
            }
            if again && now <= latest.seconds {
                return Ok(Some("a second reading of this subject at this time".to_owned()));
            }
            if again || now >= began + 0.6 * interval {
                self.end_poll()?;
            }
        }
        if self.streams >= MOST_STREAMS || self.cells >= MOST_CELLS {
            let known = self.rooms.get(&row.peers).is_some_and(|room| room.knows(&key));
            if !known || self.cells >= MOST_CELLS {
                return Ok(Some(format!(
                    "more than {MOST_STREAMS} subjects and observers, or {MOST_CELLS} readings of one poll"
                )));
            }
        }
        self.poll = Some(match self.poll {
            Some((began, latest)) if latest.seconds > now => (began, latest),
            Some((began, _)) => (began, row.at),
            None => (now, row.at),
        });
        let room = self.rooms.entry(row.peers).or_default();
        self.cells += usize::from(!room.has_gathered(&key));
        self.streams += room.put(key, row.reading);
        Ok(None)
    }

    /// Every group is judged, and what has changed is told.
    fn end_poll(&mut self) -> Result<(), TraceError> {
        let Some((_, at)) = self.poll.take() else {
            return Ok(());
        };
        self.gathered += 1;
        if self.gathered < self.bin {
            self.rooms.values_mut().for_each(Room::gather);
            return Ok(());
        }
        if self.bin > 1 {
            self.rooms.values_mut().for_each(Room::sum_up);
        }
        (self.gathered, self.cells) = (0, 0);
        let interval = Duration::from_secs_f64(self.interval.unwrap_or(15.0) * f64::from(self.bin));
        let answering = self.rooms.values().filter(|room| room.answers()).count();
        for (peers, room) in &mut self.rooms {
            let others = answering > usize::from(room.answers());
            if !room.is_due() {
                continue;
            }
            room.poll(others);
            let moment = Moment { at, peers, interval };
            let mut lines = Vec::new();
            let matrix = &room.matrix;
            let may = |name: &String, state: State| state == State::Ok || !matrix.withholds_subject(name);
            for (name, now) in room.subjects.changes(may) {
                lines.push(moment.subject(&name, &now, matrix.clients_of(&name)));
            }
            let may = |name: &String, state: State| state == State::Ok || !matrix.withholds_observer(name);
            for (name, now) in room.observers.changes(may) {
                lines.push(moment.observer(&name, &now));
            }
            for ((subject, observer), now) in room.matrix.changes() {
                lines.push(moment.path(&subject, &observer, &now));
            }
            if let Some((state, ratio)) = room.subjects.common_change() {
                lines.push(moment.group(state, ratio));
            }
            for line in lines {
                let text = if self.json { line.to_string() } else { human(&line) };
                writeln!(self.out, "{text}")?;
            }
        }
        Ok(())
    }

    /// The trace is over.
    fn finish(&mut self) -> Result<Refused, TraceError> {
        let mut refused = if self.interval.is_none() {
            self.release()?
        } else {
            Vec::new()
        };
        // Nothing follows that would say whether time has leapt: a last row alone changes no state.
        if let Some((number, row)) = self.leap.take() {
            refused.extend(self.take(row)?.map(|why| (number, why)));
        }
        self.end_poll()?;
        self.out.flush()?;
        Ok(refused)
    }
}

/// Judges a trace. Changes of state go to `out`, bad rows to `errors`.
///
/// # Errors
/// [`TraceError`]; what was told until then stands.
pub fn judge(
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    errors: &mut dyn Write,
    settings: Settings,
) -> Result<(), TraceError> {
    let mut rows = Rows::open(input)?;
    let mut trace = Trace::new(settings.json, out);
    let mut bad = 0_u64;
    let mut refuse = |refused: Refused| -> io::Result<()> {
        for (number, why) in refused {
            bad += 1;
            if bad <= SHOWN_ERRORS {
                writeln!(errors, "line {number}: {}", crate::facts::CleanText::new(&why))?;
            }
        }
        Ok(())
    };
    while let Some((number, row)) = rows.next_row()? {
        match row {
            Ok(row) => refuse(trace.accept(number, row)?)?,
            Err(why) => refuse(vec![(number, why)])?,
        }
    }
    refuse(trace.finish()?)?;
    let rows = rows.count();
    if bad > 0 {
        writeln!(errors, "{bad} of {rows} rows are bad")?;
    }
    let limit = settings.max_bad_rows.unwrap_or(let_pass(rows));
    match rows {
        0 => Err(TraceError::NoRows),
        _ if bad >= rows => Err(TraceError::NoneGood { rows }),
        _ if bad > limit => Err(TraceError::TooBad { bad, rows, limit }),
        _ => Ok(()),
    }
}
