//! A screen saved for the incident ticket: as text, and as JSON with the hosts and findings behind it.

use super::{model::Model, status, text::iso, view};
use ratatui::{buffer::Buffer, layout::Rect};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Dump {
    /// Name of the files without their endings.
    stem: String,
    /// The screen.
    text: String,
    /// The facts behind it.
    json: String,
}

/// The screen as lines of text without trailing blanks.
#[must_use]
pub fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                let symbol = buffer.cell((x, y)).map_or(" ", ratatui::buffer::Cell::symbol);
                // A wide character fills the cells behind it.
                if skip == 0 {
                    line.push_str(symbol);
                    skip = usize::from(super::text::width(symbol)).saturating_sub(1);
                } else {
                    skip -= 1;
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

impl Dump {
    /// Takes the screen as it is.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.0, model.size.1));
        view::draw(model, &mut buffer);
        let lines = lines(&buffer);
        let view = &model.shown;
        let hosts: Vec<Value> = view
            .hosts
            .iter()
            .map(|host| {
                json!({
                    "name": host.name,
                    "state": status::severity(host, model.now).word(),
                    "word": status::shown(view, host, model.now).word,
                    "age_ms": host.age(model.now).map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
                    "reach": host.reach,
                })
            })
            .collect();
        let findings: Vec<Value> = view
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "code": finding.code,
                    "severity": finding.severity,
                    "subject": finding.subject.to_string(),
                    "host": finding.subject.host,
                    "hosts": finding.hosts,
                    "since": iso(finding.since),
                    "evidence": finding.evidence,
                })
            })
            .collect();
        let cleared: Vec<Value> = model
            .past
            .until(view.at)
            .map(|(_, past)| {
                json!({
                    "code": past.finding.code,
                    "severity": past.finding.severity,
                    "subject": past.finding.subject.to_string(),
                    "since": iso(past.finding.since),
                    "until": iso(past.at),
                    "evidence": past.finding.evidence,
                })
            })
            .collect();
        let json = json!({
            "version": 1,
            "at": iso(model.now),
            "data_at": iso(view.at),
            "fleet": view.fleet.name,
            "frozen": model.frozen.map(iso),
            "screen": lines,
            "hosts": hosts,
            "findings": findings,
            "cleared": cleared,
        });
        let stamp: String = iso(model.now)
            .chars()
            .filter(|c| *c != ':' && *c != '-')
            .take(15)
            .collect();
        let name: String = view
            .fleet
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .take(40)
            .collect();
        Self {
            stem: format!("pointsman-{name}-{stamp}Z"),
            text: format!("{} {}\n{}\n", iso(model.now), view.fleet.name, lines.join("\n")),
            json: format!("{json:#}\n"),
        }
    }

    /// Writes both files, readable by their owner alone; never over another file. Gives the text's path.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, directory: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(directory)?;
        for number in 0..1000 {
            let stem = if number == 0 {
                self.stem.clone()
            } else {
                format!("{}-{number}", self.stem)
            };
            let text = directory.join(format!("{stem}.txt"));
            let json = directory.join(format!("{stem}.json"));
            if json.exists() {
                continue;
            }
            match create(&text) {
                Ok(mut file) => {
                    file.write_all(self.text.as_bytes())?;
                    create(&json)?.write_all(self.json.as_bytes())?;
                    return Ok(text);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a thousand dumps of this second",
        ))
    }
}

fn create(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
