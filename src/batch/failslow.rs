//! `--batch failslow`: judges a recorded trace, streaming, and prints one line at each change of state.
//!
//! Columns, in any order: `ts,group,subject,load,latency_ms`, optionally `observer,op`; rows in time order, `ts` in
//! seconds or ISO 8601, empty cells where a reading is missing. With several observers a subject is judged by what most
//! of them see after each one's own slowness is taken away, and each observer by what it sees of all subjects.

use crate::verdict::failslow::{Group, Judgement, Reading, Reason, State};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, BufRead, Write},
};

/// Longest line that is read.
const LONGEST_LINE: usize = 16 * 1024;
/// Streams that are followed at most: memory is bounded by them, not by the length of the trace.
const MOST_STREAMS: usize = 500_000;
/// Rows that are held back to find the interval of the polls.
const HELD_BACK: usize = 50_000;
/// Differences between polls of one stream that tell the interval.
const ENOUGH: usize = 60;
/// Errors that are printed; the rest is counted.
const SHOWN_ERRORS: u64 = 20;

/// How a trace is judged and printed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Bad rows that are let pass; without it 100 or 1 %, whichever is more.
    pub max_bad_rows: Option<u64>,
}

/// Why a trace could not be judged to its end.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Reading or printing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The header lacks a column.
    #[error("line 1: the header has no column {0:?} (wanted: ts,group,subject,load,latency_ms; optional: observer,op)")]
    Header(&'static str),
    /// Too many rows were bad.
    #[error("{bad} of {rows} rows are bad, more than is let pass (--max-bad-rows)")]
    TooBad {
        /// Bad rows.
        bad: u64,
        /// All rows.
        rows: u64,
    },
}

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
        let names: Vec<String> = split(header)
            .iter()
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
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

/// The fields of a CSV line (RFC 4180, without line breaks in quotes).
fn split(line: &str) -> Vec<String> {
    let push = |fields: &mut Vec<String>, char: char| {
        if let Some(field) = fields.last_mut() {
            field.push(char);
        }
    };
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => push(&mut fields, char),
        }
    }
    fields
}

/// Which streams are each other's peers: the group and the operation.
type Peers = (String, String);

#[derive(Debug, Clone)]
struct Row {
    ts: f64,
    peers: Peers,
    subject: String,
    observer: String,
    reading: Reading,
}

fn time(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some(seconds);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_duration().as_secs_f64());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(at.as_duration().as_secs_f64())
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
    let fields = split(line);
    let field = |at: usize, what: &str| {
        fields
            .get(at)
            .map(|text| text.trim())
            .ok_or(format!("no {what} in this row"))
    };
    let ts = field(columns.ts, "ts")?;
    let ts = time(ts).ok_or_else(|| format!("ts is neither seconds nor ISO 8601: {ts:?}"))?;
    let subject = field(columns.subject, "subject")?.to_owned();
    let group = field(columns.group, "group")?.to_owned();
    if subject.is_empty() {
        return Err("the subject is empty".to_owned());
    }
    let load = number(field(columns.load, "load")?, "load")?;
    let latency = number(field(columns.latency, "latency_ms")?, "latency_ms")?;
    let optional = |at: Option<usize>| at.and_then(|at| fields.get(at)).map(|text| text.trim().to_owned());
    let reading = match (latency, load) {
        (Some(latency), load) => Reading::value(latency, load),
        (None, Some(0.0)) => Reading::Idle,
        (None, _) => Reading::Missing,
    };
    Ok(Row {
        ts,
        peers: (group, optional(columns.op).unwrap_or_default()),
        subject,
        observer: optional(columns.observer).unwrap_or_default(),
        reading,
    })
}

/// Members by name, judged together.
#[derive(Default)]
struct Named {
    group: Group,
    index: BTreeMap<String, usize>,
    told: Vec<State>,
    told_common: State,
}

impl Named {
    fn poll(&mut self, readings: &BTreeMap<String, Reading>, others_answer: bool) {
        for name in readings.keys() {
            if !self.index.contains_key(name) {
                let index = self.group.add();
                self.index.insert(name.clone(), index);
                self.told.push(State::Ok);
            }
        }
        let mut row = vec![Reading::Missing; self.told.len()];
        for (name, reading) in readings {
            if let Some(index) = self.index.get(name) {
                row[*index] = *reading;
            }
        }
        self.group.poll(&row, others_answer);
    }

    /// The members whose state has changed since it was last told.
    fn changes(&mut self) -> Vec<(String, Judgement)> {
        let mut changes = Vec::new();
        for (name, index) in &self.index {
            if let Some(now) = self.group.judge(*index)
                && now.state != self.told[*index]
            {
                self.told[*index] = now.state;
                changes.push((name.clone(), now));
            }
        }
        changes
    }

    /// The common state, if it changed. Members that are silent one by one need no word about all of them.
    fn common_change(&mut self) -> Option<State> {
        let now = self.group.common();
        (now != self.told_common).then(|| {
            self.told_common = now;
            now
        })
    }
}

#[derive(Default)]
struct Room {
    subjects: Named,
    observers: Named,
    seen_by: BTreeSet<String>,
    /// The readings of the poll that is being gathered: by subject and observer.
    cells: BTreeMap<(String, String), Reading>,
}

fn middle(mut values: Vec<f32>) -> Option<f32> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f32::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[half]),
        _ => Some(f32::midpoint(values[half - 1], values[half])),
    }
}

impl Room {
    /// One reading a member (`own` names it in a cell's key) from the cells: first what each of the `other` side has in
    /// common over all its cells is taken away, then the middle of what is left is taken.
    fn collapse(
        &self,
        own: fn(&(String, String)) -> &String,
        other: fn(&(String, String)) -> &String,
    ) -> BTreeMap<String, Reading> {
        let mut sides: HashMap<&String, Vec<f32>> = HashMap::new();
        for (key, reading) in &self.cells {
            if let Reading::Value { latency, .. } = reading {
                sides.entry(other(key)).or_default().push(*latency);
            }
        }
        let sides: HashMap<&String, f32> = sides
            .into_iter()
            .filter_map(|(name, values)| Some((name, middle(values)?)))
            .collect();
        let mut members: BTreeMap<&String, (Vec<f32>, Vec<f32>, Reading)> = BTreeMap::new();
        for (key, reading) in &self.cells {
            let member = members
                .entry(own(key))
                .or_insert((Vec::new(), Vec::new(), Reading::Missing));
            if let Reading::Value { latency, load } = reading {
                member.0.push(latency - sides.get(other(key)).copied().unwrap_or(0.0));
                member.1.push(*load);
            } else if *reading != Reading::Missing {
                member.2 = *reading;
            }
        }
        let one = |(values, loads, rest): (Vec<f32>, Vec<f32>, Reading)| match middle(values) {
            Some(latency) => Reading::Value {
                latency,
                load: middle(loads).unwrap_or(f32::NAN),
            },
            None => rest,
        };
        members
            .into_iter()
            .map(|(name, member)| (name.clone(), one(member)))
            .collect()
    }

    fn poll(&mut self, others_answer: bool) {
        if self.seen_by.len() < 2 {
            let readings = self
                .cells
                .iter()
                .map(|((subject, _), reading)| (subject.clone(), *reading))
                .collect();
            self.subjects.poll(&readings, others_answer);
        } else {
            let subjects = self.collapse(|key| &key.0, |key| &key.1);
            let observers = self.collapse(|key| &key.1, |key| &key.0);
            self.subjects.poll(&subjects, others_answer);
            self.observers.poll(&observers, others_answer);
        }
        self.cells.clear();
    }
}

/// A trace on its way through the detector.
struct Trace<'a> {
    settings: Settings,
    rooms: BTreeMap<Peers, Room>,
    streams: usize,
    started: f64,
    latest: f64,
    interval: Option<f64>,
    held: Vec<(u64, Row)>,
    last_seen: HashMap<(Peers, String, String), f64>,
    steps: Vec<f64>,
    out: &'a mut dyn Write,
}

impl Trace<'_> {
    fn accept(&mut self, number: u64, row: Row) -> Result<Vec<(u64, String)>, TraceError> {
        if self.interval.is_some() {
            return Ok(self.take(row)?.map(|why| (number, why)).into_iter().collect());
        }
        let key = (row.peers.clone(), row.subject.clone(), row.observer.clone());
        if let Some(before) = self.last_seen.insert(key, row.ts)
            && row.ts > before
        {
            self.steps.push(row.ts - before);
        }
        self.held.push((number, row));
        if self.steps.len() >= ENOUGH.max(self.last_seen.len().min(2000)) || self.held.len() >= HELD_BACK {
            return self.release();
        }
        Ok(Vec::new())
    }

    /// The interval is known, or will not be: judges what was held back.
    fn release(&mut self) -> Result<Vec<(u64, String)>, TraceError> {
        self.steps.sort_unstable_by(f64::total_cmp);
        self.interval = Some(
            self.steps
                .get(self.steps.len() / 2)
                .copied()
                .unwrap_or(15.0)
                .clamp(0.1, 86_400.0),
        );
        self.last_seen = HashMap::new();
        let mut refused = Vec::new();
        for (number, row) in std::mem::take(&mut self.held) {
            refused.extend(self.take(row)?.map(|why| (number, why)));
        }
        Ok(refused)
    }

    /// A row; a reason where it cannot be used.
    fn take(&mut self, row: Row) -> Result<Option<String>, TraceError> {
        let interval = self.interval.unwrap_or(15.0);
        if self.started.is_finite() && row.ts < self.started - 0.5 * interval {
            return Ok(Some(format!("time goes back by {:.0} s", self.started - row.ts)));
        }
        let room = self.rooms.get(&row.peers);
        let key = (row.subject, row.observer);
        let again = room.is_some_and(|room| room.cells.contains_key(&key));
        if again && row.ts <= self.latest {
            return Ok(Some("a second reading of this subject at this time".to_owned()));
        }
        if !self.started.is_finite() {
            self.started = row.ts;
        } else if again || row.ts >= self.started + 0.6 * interval {
            self.poll()?;
            self.started = row.ts;
        }
        self.latest = self.latest.max(row.ts);
        let room = self.rooms.entry(row.peers).or_default();
        if !room.subjects.index.contains_key(&key.0) && !room.cells.keys().any(|(subject, _)| *subject == key.0) {
            self.streams += 1;
            if self.streams > MOST_STREAMS {
                return Ok(Some(format!("more than {MOST_STREAMS} subjects")));
            }
        }
        if !room.seen_by.contains(&key.1) {
            room.seen_by.insert(key.1.clone());
        }
        room.cells.insert(key, row.reading);
        Ok(None)
    }

    /// Ends a poll: every group is judged.
    fn poll(&mut self) -> Result<(), TraceError> {
        let answers = |room: &Room| room.cells.values().any(|reading| *reading != Reading::Missing);
        let answering = self.rooms.values().filter(|room| answers(room)).count();
        let mut lines = Vec::new();
        for (peers, room) in &mut self.rooms {
            let others = answering > usize::from(answers(room));
            room.poll(others);
            for (name, judgement) in room.subjects.changes() {
                lines.push(line(self.latest, peers, &name, None, &judgement));
            }
            for (name, judgement) in room.observers.changes() {
                lines.push(line(self.latest, peers, "*", Some(&name), &judgement));
            }
            if let Some(state) = room.subjects.common_change() {
                lines.push(common_line(
                    self.latest,
                    peers,
                    state,
                    room.subjects.group.common_ratio(),
                ));
            }
        }
        for line in lines {
            let text = if self.settings.json {
                line.to_string()
            } else {
                human(&line)
            };
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }
}

fn line(ts: f64, peers: &Peers, subject: &str, observer: Option<&str>, judgement: &Judgement) -> serde_json::Value {
    let mut line = json!({
        "ts": ts,
        "group": peers.0,
        "subject": subject,
        "state": judgement.state.word(),
        "ratio": round(judgement.ratio),
        "evidence": evidence(judgement),
    });
    if !peers.1.is_empty() {
        line["op"] = json!(peers.1);
    }
    if let Some(observer) = observer {
        line["observer"] = json!(observer);
        line["blame"] = json!("client");
    }
    line
}

fn common_line(ts: f64, peers: &Peers, state: State, ratio: f32) -> serde_json::Value {
    let evidence = match state {
        State::Silent => "no member of the group answers".to_owned(),
        State::Ok => "back to the group's own past".to_owned(),
        _ => format!("all members together are at {ratio:.1}x their own past, beyond what their load explains"),
    };
    let mut line = json!({
        "ts": ts, "group": peers.0, "subject": "*", "state": state.word(), "ratio": round(ratio), "evidence": evidence,
    });
    if !peers.1.is_empty() {
        line["op"] = json!(peers.1);
    }
    line
}

fn round(ratio: f32) -> f64 {
    (f64::from(ratio) * 100.0).round() / 100.0
}

fn evidence(now: &Judgement) -> String {
    let against = match now.peers {
        0 => "its own past".to_owned(),
        1 => "its only peer".to_owned(),
        peers => format!("its {peers} peers"),
    };
    let load = format!("at {:.2}x their load", now.load_ratio);
    let ratio = now.ratio;
    match now.reason {
        Reason::None => format!("{ratio:.2}x {against}, {load}"),
        Reason::Steady => format!("{ratio:.2}x {against}, steadily, {load}"),
        Reason::Lasting => format!("{ratio:.2}x {against}, lasting, {load}"),
        Reason::Recurring => format!(
            "far above {against} again and again within 30 polls, last {:.1}x, {load}",
            now.last_ratio
        ),
        Reason::Stall => format!("polls that stood still, last {:.0}x {against}, {load}", now.last_ratio),
        Reason::Stuck => "operations in flight and none ends".to_owned(),
        Reason::NoWork => "does nothing while its peers work: idle or stuck, cannot tell".to_owned(),
        Reason::NoAnswer => "no readings while its peers answer".to_owned(),
    }
}

fn human(line: &serde_json::Value) -> String {
    let word = |name: &str| crate::facts::CleanText::new(line[name].as_str().unwrap_or_default()).to_string();
    let at = line["ts"].as_f64().unwrap_or_default();
    let at = jiff::Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(at.clamp(-1e10, 1e11)));
    let at = at.map_or_else(|_| line["ts"].to_string(), |at| at.to_string());
    let who = match line.get("observer") {
        Some(_) => format!("observer {}", word("observer")),
        None => word("subject"),
    };
    let op = if line.get("op").is_some() {
        format!(" {}", word("op"))
    } else {
        String::new()
    };
    format!(
        "{at} {:7} {} {who}{op}: {}",
        word("state"),
        word("group"),
        word("evidence")
    )
}

/// One line, bounded: what is longer is cut off and said to be so.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut whole = true;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok((!line.is_empty()).then_some(whole));
        }
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

/// Judges a trace. Changes of state go to `out`, bad rows to `errors`.
pub fn judge(
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    errors: &mut dyn Write,
    settings: Settings,
) -> Result<(), TraceError> {
    let mut bytes = Vec::new();
    next_line(input, &mut bytes)?;
    let columns = Columns::find(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').trim())?;
    let mut trace = Trace {
        settings,
        rooms: BTreeMap::new(),
        streams: 0,
        started: f64::NAN,
        latest: f64::NEG_INFINITY,
        interval: None,
        held: Vec::new(),
        last_seen: HashMap::new(),
        steps: Vec::new(),
        out,
    };
    let (mut rows, mut bad) = (0_u64, 0_u64);
    let mut refuse = |number: u64, why: &str| -> io::Result<()> {
        bad += 1;
        if bad <= SHOWN_ERRORS {
            writeln!(errors, "line {number}: {}", crate::facts::CleanText::new(why))?;
        }
        Ok(())
    };
    while let Some(whole) = next_line(input, &mut bytes)? {
        let number = rows + 2;
        rows += 1;
        let text = String::from_utf8_lossy(&bytes);
        if text.trim().is_empty() {
            continue;
        }
        match if whole {
            row(text.trim(), &columns)
        } else {
            Err("the line is too long".to_owned())
        } {
            Ok(row) => {
                for (number, why) in trace.accept(number, row)? {
                    refuse(number, &why)?;
                }
            }
            Err(why) => refuse(number, &why)?,
        }
    }
    if trace.interval.is_none() {
        for (number, why) in trace.release()? {
            refuse(number, &why)?;
        }
    }
    trace.poll()?;
    trace.out.flush()?;
    if bad > 0 {
        writeln!(errors, "{bad} of {rows} rows are bad")?;
    }
    if bad > settings.max_bad_rows.unwrap_or((rows / 100).max(100)) {
        return Err(TraceError::TooBad { bad, rows });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Runs of five disks with a little unevenness; `latency` may change one cell.
    fn judged(latency: impl Fn(u32, u32) -> String) -> Vec<serde_json::Value> {
        let mut csv = "subject,ts,group,latency_ms,load\n".to_owned();
        for poll in 0..200_u32 {
            for disk in 0..5_u32 {
                let _ = writeln!(csv, "d{disk},{},g,{},100", poll * 15, latency(poll, disk));
            }
        }
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let settings = Settings {
            json: true,
            max_bad_rows: None,
        };
        judge(&mut csv.as_bytes(), &mut out, &mut errors, settings).unwrap();
        assert!(errors.is_empty(), "{}", String::from_utf8_lossy(&errors));
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn usual(poll: u32, disk: u32) -> f64 {
        1.0 + f64::from((poll * 7 + disk * 13) % 11) / 50.0
    }

    #[test]
    fn a_slow_one_is_named_soon_and_cleared_after() {
        let lines = judged(|poll, disk| {
            let factor = if disk == 3 && (50..100).contains(&poll) {
                2.0
            } else {
                1.0
            };
            format!("{}", usual(poll, disk) * factor)
        });
        let slow = lines.iter().find(|line| line["state"] == "slow").unwrap();
        assert_eq!(slow["subject"], "d3");
        assert!(slow["ts"].as_f64().unwrap() <= 59.0 * 15.0, "{slow}");
        assert_eq!(lines.last().unwrap()["state"], "ok");
        assert!(lines.iter().all(|line| line["subject"] == "d3"), "{lines:?}");
    }

    #[test]
    fn a_constant_fleet_never_alarms_and_silence_is_told() {
        assert_eq!(judged(|_, _| "1.5".to_owned()), Vec::<serde_json::Value>::new());
        let lines = judged(|poll, disk| {
            if disk == 1 && poll > 60 {
                String::new()
            } else {
                "1.5".to_owned()
            }
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(
            (&lines[0]["subject"], &lines[0]["state"]),
            (&json!("d1"), &json!("silent"))
        );
    }

    #[test]
    fn bad_rows_are_counted_with_their_lines() {
        let csv = "ts,group,subject,load,latency_ms\n0,g,a,1,1\nx,g,a,1,1\n15,g,a,1,fast\n";
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let settings = Settings {
            json: true,
            max_bad_rows: Some(1),
        };
        let told = judge(&mut csv.as_bytes(), &mut out, &mut errors, settings);
        assert!(matches!(told, Err(TraceError::TooBad { bad: 2, rows: 3 })));
        let errors = String::from_utf8(errors).unwrap();
        assert!(errors.contains("line 3") && errors.contains("line 4"), "{errors}");
    }
}
