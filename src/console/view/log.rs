//! The Log page: what the program did, with the exact remote commands.

use super::{
    Ctx,
    table::{Cells, Column, left, right},
};
use crate::{
    console::{
        index::Row,
        model::Model,
        subjects::{log_severity, log_word},
        text::{iso, millis, time_of_day},
        theme::Role,
    },
    remote::log::{Level, LogEntry},
};
use ratatui::text::Line;

const COLUMNS: &[Column] = &[
    left("TIME UTC", 8, 8, 0),
    left("LEVEL", 9, 9, 2),
    left("HOST", 9, 18, 1),
    right("EXIT", 4, 4, 3),
    right("TOOK", 7, 8, 4),
    left("WHAT", 20, 300, 0),
];

/// The columns; the same at every width.
pub const fn columns(_model: &Model) -> &'static [Column] {
    COLUMNS
}

/// The cells of a row.
pub fn row(ctx: &Ctx<'_>, row: &Row) -> Cells {
    let Some(entry) = ctx.model.log.get(row.at) else {
        return Cells::Each(Vec::new());
    };
    let level = match entry.level {
        Level::Info => ctx.line(Role::Dim, "  info"),
        level => ctx.state(log_severity(level), log_word(level)),
    };
    let exit = match entry.exit {
        None => ctx.line(Role::Dim, ""),
        Some(0) => ctx.line(Role::Dim, "0"),
        Some(code) => ctx.line(Role::Warning, code.to_string()),
    };
    Cells::Each(vec![
        ctx.line(Role::Dim, time_of_day(entry.at)),
        level,
        ctx.line(Role::Text, entry.host.as_ref().map_or("", |host| host.as_str())),
        exit,
        ctx.line(
            Role::Dim,
            entry
                .took
                .map_or_else(String::new, |took| millis(took.as_secs_f64() * 1000.0)),
        ),
        what(ctx, row, entry),
    ])
}

/// What was done; the repeats that are left out come first, since commands are long.
fn what(ctx: &Ctx<'_>, row: &Row, entry: &LogEntry) -> Line<'static> {
    let mut line = ctx.line(Role::Text, entry.text.to_string());
    if let Some(last) = ctx.model.log.get(row.sub).filter(|_| row.quiet > 0) {
        let text = format!("×{} until {}  ", row.quiet + 1, time_of_day(last.at));
        line.spans.insert(0, ctx.span(Role::Dim, text));
    }
    line
}

/// An entry as a message to read: heading and text.
pub fn message(entry: &LogEntry) -> (String, String) {
    let host = entry.host.as_ref().map_or("this machine", |host| host.as_str());
    let mut title = format!("{} {} on {host}", iso(entry.at), log_word(entry.level));
    if let Some(exit) = entry.exit {
        title = format!("{title}, exit {exit}");
    }
    if let Some(took) = entry.took {
        title = format!("{title}, {}", millis(took.as_secs_f64() * 1000.0));
    }
    (title, entry.text.to_string())
}
