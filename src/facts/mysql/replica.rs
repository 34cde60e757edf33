//! Reads `SHOW REPLICA STATUS`, `SHOW SLAVE STATUS` and `SHOW ALL SLAVES STATUS` in `\G` form.

use super::{ReplicaChannel, ReplicaThread};
use crate::facts::text::CleanText;

/// Reads the rows of the block, one a channel.
pub(super) fn parse_channels(block: &str) -> Vec<ReplicaChannel> {
    let mut rows: Vec<Row> = Vec::new();
    for line in block.lines() {
        if is_row_mark(line) {
            rows.push(Row::default());
        } else if line.starts_with("ERROR ") {
            // The statement failed: no line of it belongs to a row.
        } else if let Some(row) = rows.last_mut() {
            row.take(line);
        }
    }
    let cut = !block.ends_with('\n');
    let last = rows.len().saturating_sub(1);
    let channel = |(place, row): (usize, &Row)| row.channel(cut && place == last);
    rows.iter().enumerate().map(channel).collect()
}

/// `*************************** 1. row ***************************`
fn is_row_mark(line: &str) -> bool {
    let inside = line.trim_matches('*').trim();
    line.starts_with("***") && inside.ends_with(". row") && inside.starts_with(|c: char| c.is_ascii_digit())
}

/// Fields of one row, in order.
#[derive(Default)]
struct Row {
    fields: Vec<(String, String)>,
    /// Where the colon stands in every line of the row: names are set to the right.
    column: Option<usize>,
}

impl Row {
    /// Takes a line. A line that has no name before the row's own column belongs to the value before it (an error text of
    /// several lines, a long set of GTIDs), so that no error text can pass for a field.
    fn take(&mut self, line: &str) {
        let place = line.find(':').filter(|place| {
            let name = line[..*place].trim_start();
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && self.column.is_none_or(|column| column == *place)
        });
        match place {
            Some(place) => {
                self.column = Some(place);
                let value = line[place + 1..].trim();
                self.fields
                    .push((line[..place].trim_start().to_owned(), value.to_owned()));
            }
            None => {
                if let Some((_, value)) = self.fields.last_mut()
                    && !line.trim().is_empty()
                {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
        }
    }

    /// The value of the first of these names that the row has.
    fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let field = self.fields.iter().find(|(field, _)| field == name);
            field.map(|(_, value)| value.as_str())
        })
    }

    fn text(&self, names: &[&str]) -> CleanText {
        CleanText::new(self.get(names).unwrap_or(""))
    }

    fn gtids(&self, names: &[&str]) -> Option<CleanText> {
        let value = self.get(names)?;
        (!value.is_empty() && value != "NULL").then(|| CleanText::long(&value.replace(' ', "")))
    }

    fn error(&self, numbers: &[&str], texts: &[&str]) -> Option<CleanText> {
        let number = self.get(numbers).unwrap_or("0");
        let text = self.get(texts).unwrap_or("");
        let none = |word: &str| matches!(word, "" | "0" | "NULL");
        if none(number) && none(text) {
            return None;
        }
        Some(CleanText::from(
            format!("{number} {}", quote_long(text)).trim().to_owned(),
        ))
    }

    /// `cut`: the text ended in the middle of a line, so that the row's last number may lack digits.
    fn channel(&self, cut: bool) -> ReplicaChannel {
        const BEHIND: [&str; 2] = ["Seconds_Behind_Source", "Seconds_Behind_Master"];
        let whole = !cut
            || self
                .fields
                .last()
                .is_none_or(|(name, _)| !BEHIND.contains(&name.as_str()));
        let thread = |names: &[&str]| ReplicaThread::parse(self.get(names).unwrap_or(""));
        let uuid = self
            .get(&["Source_UUID", "Master_UUID"])
            .filter(|uuid| !uuid.is_empty());
        ReplicaChannel {
            name: self.text(&["Channel_Name", "Connection_name"]),
            source_host: self.text(&["Source_Host", "Master_Host"]),
            source_port: self
                .get(&["Source_Port", "Master_Port"])
                .and_then(|word| word.parse().ok()),
            source_uuid: uuid.map(CleanText::new),
            source_server_id: self
                .get(&["Source_Server_Id", "Master_Server_Id"])
                .and_then(|word| word.parse().ok()),
            io_running: thread(&["Replica_IO_Running", "Slave_IO_Running"]),
            sql_running: thread(&["Replica_SQL_Running", "Slave_SQL_Running"]),
            seconds_behind: self.get(&BEHIND).filter(|_| whole).and_then(|word| word.parse().ok()),
            io_error: self.error(&["Last_IO_Errno"], &["Last_IO_Error"]),
            sql_error: self.error(&["Last_SQL_Errno", "Last_Errno"], &["Last_SQL_Error", "Last_Error"]),
            gtid_received: self.gtids(&["Retrieved_Gtid_Set", "Gtid_IO_Pos"]),
            gtid_applied: self.gtids(&["Executed_Gtid_Set", "Gtid_Slave_Pos"]),
        }
    }
}

/// An error text may be long (a whole statement); its first part says what it is.
fn quote_long(text: &str) -> CleanText {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => CleanText::from(format!("{}…", &text[..end])),
        None => CleanText::new(text),
    }
}
