//! Text of what is selected, for the clipboard.

use super::{Ctx, page_document, row_cells, table};
use crate::console::{
    index::{Id, ListKind},
    model::Model,
    screen,
    text::iso,
};

/// The selected row, or the whole page where it is no list; of a log entry its text alone, so that a
/// command can be pasted.
#[must_use]
pub fn plain(model: &Model) -> Option<String> {
    let ctx = Ctx::new(model);
    let room = screen::areas(model).body.width;
    match model.kind() {
        Some(ListKind::Log) => {
            let row = model.list(ListKind::Log).row()?;
            Some(model.log.get(row.at)?.text.to_string())
        }
        Some(ListKind::Findings) => {
            let row = model.list(ListKind::Findings).row()?;
            let cleared = match row.id {
                Id::Cleared(seq) => Some(model.past.find(seq)?),
                _ => None,
            };
            let finding = match cleared {
                Some(cleared) => &cleared.finding,
                None => model.shown.findings.get(row.at)?,
            };
            let until = cleared.map_or_else(String::new, |cleared| format!(", cleared {}", iso(cleared.at)));
            Some(format!(
                "{} {} {}: {} (since {}{until})",
                finding.severity.word(),
                finding.code,
                finding.subject,
                finding.evidence,
                iso(finding.since)
            ))
        }
        Some(kind) => Some(table::plain(&row_cells(&ctx, kind, room, model.list(kind).row()?))),
        None => {
            let lines = page_document(&ctx, room);
            let lines: Vec<String> = lines.iter().map(table::line_text).collect();
            Some(lines.join("\n"))
        }
    }
}
