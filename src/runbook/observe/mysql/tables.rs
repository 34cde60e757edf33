//! What a client of a database prints, taken apart: tables with a line of names.

use crate::facts::text::CleanText;
use std::collections::BTreeMap;

/// A table that the client printed: a line of names, and rows.
pub(super) struct Table {
    names: Vec<String>,
    cells: Vec<Vec<String>>,
}

/// A row, by name.
pub(super) struct Row<'a>(BTreeMap<&'a str, &'a str>);

/// First names of the tables, in the order in which they are asked for.
const TABLES: [&str; 6] = [
    "#server",
    "Connection_name",
    "Replica_IO_State",
    "File",
    "#account",
    "#end",
];

impl Table {
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        self.cells
            .iter()
            .map(|cells| {
                Row(self
                    .names
                    .iter()
                    .map(String::as_str)
                    .zip(cells.iter().map(String::as_str))
                    .collect())
            })
            .collect()
    }
}

/// Splits the answer into its tables: each once, in order, every row as wide as its names, and nothing behind `#end`.
pub(super) fn tables(text: &str) -> Result<Vec<Table>, String> {
    let cut = || "the answer of the server is cut short".to_owned();
    let whole = text.strip_suffix('\n').ok_or_else(cut)?;
    let mut tables: Vec<Table> = Vec::new();
    let mut place = 0;
    for line in whole.split('\n') {
        let cells: Vec<String> = line.split('\t').map(unescaped).collect();
        let next = TABLES[place..].iter().position(|name| cells[0] == *name);
        // A row's first cell may say anything; the width tells it from a line of names but for the narrow tables, whose
        // cells are quoted names of accounts.
        let opens = next.filter(|_| {
            tables
                .last()
                .is_none_or(|last| last.names.len() != cells.len() || cells[0].starts_with('#'))
        });
        if let Some(next) = opens {
            place += next + 1;
            tables.push(Table {
                names: cells,
                cells: Vec::new(),
            });
            continue;
        }
        let table = tables
            .last_mut()
            .ok_or("the server prints something else than its state")?;
        if cells.len() != table.names.len() {
            return Err("a row of the server's answer does not fit its table".to_owned());
        }
        table.cells.push(cells);
    }
    match tables.last() {
        Some(last) if last.name() == "#end" && last.cells == [["end".to_owned()]] => Ok(tables),
        _ => Err(cut()),
    }
}

/// A value as the client's batch mode writes it: `\t`, `\n`, `\0` and `\\`.
fn unescaped(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len());
    let mut chars = cell.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('0') => out.push('\0'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

impl Row<'_> {
    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        let cell = self.0.get(name).copied();
        cell.ok_or_else(|| format!("the server does not tell {name}"))
    }

    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, String> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("the server tells {name} as {:?}", CleanText::new(text).as_str()))
    }

    pub(super) fn switch(&self, name: &str) -> Result<bool, String> {
        match self.text(name)? {
            "1" | "ON" => Ok(true),
            "0" | "OFF" => Ok(false),
            other => Err(format!(
                "the server tells {name} as {:?}",
                CleanText::new(other).as_str()
            )),
        }
    }

    /// Cells of these names that say something, as `name=value`.
    pub(super) fn filled(&self, of: impl Fn(&str) -> bool) -> Vec<String> {
        let cells = self
            .0
            .iter()
            .filter(|(name, cell)| of(name) && !cell.is_empty() && **cell != "NULL");
        cells
            .map(|(name, cell)| format!("{name}={}", CleanText::new(cell)))
            .collect()
    }
}
