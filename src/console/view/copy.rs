//! Text of what is selected, for the clipboard.

use super::{Ctx, page_document, row_cells, table};
use crate::console::{index::ListKind, model::Model, screen};

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
            let finding = model.shown.findings.get(model.list(ListKind::Findings).row()?.at)?;
            Some(format!(
                "{} {} {}: {} (since {})",
                finding.severity.word(),
                finding.code,
                finding.subject,
                finding.evidence,
                crate::console::text::iso(finding.since)
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
