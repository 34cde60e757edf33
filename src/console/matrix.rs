//! The latency matrix as the console holds it: which kind of work, which cell, which rows come first. Pure; what the
//! cells say is [`crate::verdict::latency`]'s, and none of it is judged here.

use super::keymap::Action;
use crate::{
    collect::FleetView,
    facts::{CleanText, UnixMs},
    fleet::HostName,
    verdict::{
        Latency,
        failslow::State,
        latency::{Cell, Excuse, Grid, Op, StreamId},
    },
};
use std::{collections::HashMap, sync::Arc};

pub mod layout;

/// From this ratio on a cell is worth a look.
const WARM: f32 = 1.3;
/// From this ratio on it is slow, if it lasts.
const HOT: f32 = 1.6;
/// From this ratio on nobody overlooks it.
const BURNING: f32 = 2.5;

/// How a cell looks; what wants more attention is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// There is no such stream.
    #[default]
    None,
    /// Nothing was to be done lately, so that nothing was measured.
    Idle,
    /// As ever.
    Calm,
    /// Measured by an observer that is not trusted now.
    Unsure,
    /// Its host cannot be seen.
    Unknown,
    /// Somewhat slower than it was, or watched.
    Warm,
    /// Slow.
    Hot,
    /// Very slow, or at a standstill.
    Burning,
}

/// Why nothing is held against a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excused {
    /// Its server has much more to do than usual, or whoever timed it is starved.
    Busy,
    /// A check, rebuild, resync or scrub explains it, or a cause that many have in common.
    Explained,
}

impl Excused {
    /// The sign before the number of the cell.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Busy => "░",
            Self::Explained => "◆",
        }
    }
}

impl Level {
    /// How a cell looks; `stale` when what is known of its host is too old.
    #[must_use]
    pub fn of(cell: &Cell, stale: bool) -> Self {
        if stale {
            return Self::Unknown;
        }
        if cell.fresh && !cell.counts {
            return Self::Unsure;
        }
        match cell.state {
            State::Stalled | State::Silent => return Self::Burning,
            _ if !cell.fresh || cell.ratio.is_nan() => return Self::Idle,
            _ => {}
        }
        let measured = match cell.ratio {
            ratio if ratio >= BURNING => Self::Burning,
            ratio if ratio >= HOT => Self::Hot,
            ratio if ratio >= WARM => Self::Warm,
            _ => Self::Calm,
        };
        let judged = match cell.state {
            State::Slow => Self::Hot,
            State::Watch => Self::Warm,
            _ => Self::Calm,
        };
        measured.max(judged)
    }
}

/// A stream by what it is, for a page about it: numbers of streams are used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamName {
    /// Whose it is.
    pub host: HostName,
    /// What is timed.
    pub op: Op,
    /// The disk or mount point.
    pub name: CleanText,
}

impl StreamName {
    /// The stream, while there is one.
    #[must_use]
    pub fn find(&self, latency: &Latency) -> Option<StreamId> {
        let mut streams = latency.streams_of(self.host.as_str());
        streams.find(|id| {
            let told = latency.told(*id);
            told.is_some_and(|told| told.op == self.op && told.name == self.name)
        })
    }
}

/// The matrix on screen and its cursor.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// The kinds of work that are timed, with the worst state of each.
    pub ops: Vec<(Op, State)>,
    /// What is shown; none while nothing is timed.
    pub grid: Option<Grid>,
    /// How each cell looks, as [`Matrix::grid`] has them.
    pub levels: Vec<Vec<Level>>,
    /// The cells that exist, worst first, as row and column: for screens without room for a grid.
    pub list: Vec<(usize, usize)>,
    /// The row under the cursor.
    pub row: usize,
    /// The column under the cursor.
    pub column: usize,
    /// The first row on screen; of a list the first line.
    pub top: usize,
    /// The first column on screen.
    pub left: usize,
    /// Whether the hottest rows come first; else the order of the inventory.
    pub hottest: bool,
    /// The kind of work that was asked for.
    op: Option<Op>,
    /// The cell that was gone to; none: the cursor stays with the worst.
    selected: Option<(HostName, CleanText)>,
    /// What the grid was made of.
    made: Option<(Arc<Latency>, Op)>,
}

impl Matrix {
    /// Takes what is known now. With `hold` rows keep the order that is on screen.
    pub fn renew(&mut self, view: &FleetView, now: UnixMs, hold: bool) {
        let latency = &view.latency;
        let known = self.made.as_ref().is_some_and(|(made, _)| Arc::ptr_eq(made, latency));
        if !known {
            self.ops = latency.ops().into_iter().map(|op| (op, latency.worst(op))).collect();
        }
        let asked = self.op.filter(|op| self.ops.iter().any(|(known, _)| known == op));
        let Some(op) = asked.or_else(|| self.worst_op(latency)) else {
            *self = Self {
                op: self.op,
                hottest: self.hottest,
                ..Self::default()
            };
            return;
        };
        self.op = Some(op);
        let before = self.grid.take();
        let same_op = before.as_ref().is_some_and(|grid| grid.op == op);
        let mut grid = match before {
            Some(grid) if known && same_op => grid,
            before => {
                let mut grid = latency.grid(op);
                if let Some(before) = before.filter(|before| hold && before.op == op) {
                    keep_order(&mut grid, &before);
                }
                grid
            }
        };
        self.made = Some((Arc::clone(latency), op));
        if !hold {
            self.order(&mut grid, view, now);
        }
        self.levels = grid
            .rows
            .iter()
            .map(|row| levels(&row.host, &row.cells, view, now))
            .collect();
        self.make_list(&grid, hold && same_op);
        self.grid = Some(grid);
        self.place_cursor(hold && same_op);
    }

    /// The kind of work that wants attention first: what is blamed, what is in alarm, the first.
    fn worst_op(&self, latency: &Latency) -> Option<Op> {
        let known = |op: &Op| self.ops.iter().any(|(known, _)| known == op);
        let blamed = latency.blamed().into_iter().map(|one| one.op).find(known);
        let worst = || {
            let alarms = self.ops.iter().filter(|(_, state)| state.is_alarm());
            alarms.map(|(op, _)| *op).next()
        };
        blamed.or_else(worst).or_else(|| self.ops.first().map(|(op, _)| *op))
    }

    fn order(&self, grid: &mut Grid, view: &FleetView, now: UnixMs) {
        if !self.hottest {
            grid.rows
                .sort_by_key(|row| view.fleet.host_index(row.host.as_str()).unwrap_or(usize::MAX));
            return;
        }
        let heat = |host: &HostName, cells: &[Option<Cell>]| {
            let level = levels(host, cells, view, now).into_iter().max().unwrap_or_default();
            let counted = cells.iter().flatten().filter(|cell| cell.counts);
            (level, counted.map(|cell| cell.ratio).fold(0.0, f32::max))
        };
        grid.rows.sort_by(|a, b| {
            let (hot, cool) = (heat(&b.host, &b.cells), heat(&a.host, &a.cells));
            hot.0.cmp(&cool.0).then(hot.1.total_cmp(&cool.1))
        });
    }

    fn make_list(&mut self, grid: &Grid, hold: bool) {
        let rows = grid.rows.iter().enumerate();
        let mut list: Vec<(usize, usize)> = rows
            .flat_map(|(at, row)| {
                let cells = row.cells.iter().enumerate();
                cells.filter_map(move |(column, cell)| cell.is_some().then_some((at, column)))
            })
            .collect();
        let ratio = |at: &(usize, usize)| grid.rows[at.0].cells[at.1].map_or(0.0, |cell| cell.ratio);
        list.sort_by(|a, b| {
            let level = self.levels[b.0][b.1].cmp(&self.levels[a.0][a.1]);
            level.then(ratio(b).total_cmp(&ratio(a)))
        });
        if hold
            && list.len() == self.list.len()
            && self.list.iter().all(|(row, column)| {
                grid.rows
                    .get(*row)
                    .and_then(|row| row.cells.get(*column))
                    .is_some_and(Option::is_some)
            })
        {
            return;
        }
        self.list = list;
    }

    /// Puts the cursor onto the cell that was gone to, else onto the worst.
    fn place_cursor(&mut self, hold: bool) {
        let Some(grid) = &self.grid else { return };
        if let Some((host, column)) = &self.selected {
            let row = grid.rows.iter().position(|row| row.host == *host);
            let column = grid.columns.iter().position(|one| one.name == *column);
            self.row = row.unwrap_or(self.row);
            self.column = column.unwrap_or(self.column);
        } else if !hold {
            (self.row, self.column) = self.worst_cell().unwrap_or_default();
        }
        self.row = self.row.min(grid.rows.len().saturating_sub(1));
        self.column = self.column.min(grid.columns.len().saturating_sub(1));
    }

    /// The cell that wants attention first: of what is blamed, the hottest; else the hottest of those that are slow.
    fn worst_cell(&self) -> Option<(usize, usize)> {
        let blamed = |at: &&(usize, usize)| self.is_blamed(at.0, at.1);
        let mut listed = self.list.iter();
        let hot = self.list.first().filter(|at| self.levels[at.0][at.1] >= Level::Hot);
        listed.find(blamed).or(hot).copied()
    }

    /// Whether a cell is part of what is blamed.
    #[must_use]
    pub fn is_blamed(&self, row: usize, column: usize) -> bool {
        let Some(grid) = &self.grid else { return false };
        let columns = grid.columns.get(column).is_some_and(|column| column.blamed);
        columns || grid.rows.get(row).is_some_and(|row| row.blamed) || self.is_framed(row, column)
    }

    /// Whether a cell has a frame of its own: a path that is blamed, or a stream in alarm where there is no matrix to
    /// blame by.
    #[must_use]
    pub fn is_framed(&self, row: usize, column: usize) -> bool {
        let Some(grid) = &self.grid else { return false };
        let cell = grid.rows.get(row).and_then(|row| *row.cells.get(column)?);
        let level = self.level(row, column);
        let alarmed = |cell: &Cell| !grid.op.is_nfs() && cell.state.is_alarm() && level >= Level::Warm;
        cell.is_some_and(|cell| cell.blamed || (alarmed(&cell) && !cell.explained))
    }

    /// Why nothing is held against a cell that looks as if there were something, as a sign; none where that is not so.
    #[must_use]
    pub fn excuse(&self, row: usize, column: usize) -> Option<Excused> {
        let grid = self.grid.as_ref()?;
        let level = self.level(row, column);
        let cell = (*grid.rows.get(row)?.cells.get(column)?)?;
        if level < Level::Calm || level == Level::Unknown || self.is_blamed(row, column) {
            return None;
        }
        match &grid.columns.get(column)?.excuse {
            Some(Excuse::Busy(_)) => Some(Excused::Busy),
            Some(Excuse::Explained(_)) if level >= Level::Warm => Some(Excused::Explained),
            _ if cell.explained && level >= Level::Warm => Some(Excused::Explained),
            _ => None,
        }
    }

    /// How a cell looks.
    #[must_use]
    pub fn level(&self, row: usize, column: usize) -> Level {
        let row = self.levels.get(row);
        row.and_then(|row| row.get(column)).copied().unwrap_or_default()
    }

    /// The cell under the cursor.
    #[must_use]
    pub fn cell(&self) -> Option<Cell> {
        *self.grid.as_ref()?.rows.get(self.row)?.cells.get(self.column)?
    }

    /// The host that the cursor is about: the server that a column stands for, unless the row is to blame.
    #[must_use]
    pub fn host(&self) -> Option<&HostName> {
        let grid = self.grid.as_ref()?;
        let row = grid.rows.get(self.row)?;
        let server = grid.columns.get(self.column)?.host.as_ref();
        Some(server.filter(|_| !row.blamed).unwrap_or(&row.host))
    }

    /// Shows another kind of work: the next one, or the one before.
    pub fn turn(&mut self, onward: bool) -> Option<Op> {
        let count = self.ops.len();
        let at = self.ops.iter().position(|(op, _)| Some(*op) == self.op)?;
        let by = if onward { 1 } else { count - 1 };
        let (op, _) = self.ops[(at + by) % count];
        self.choose(op);
        Some(op)
    }

    /// Shows this kind of work; the cursor goes to the worst of it.
    pub fn choose(&mut self, op: Op) {
        if self.op != Some(op) {
            self.op = Some(op);
            self.follow_worst();
        }
    }

    /// The page is opened: with what is blamed or in alarm now, else as it was left.
    pub fn enter(&mut self, latency: &Latency) {
        let alarmed = |op: &Op| latency.worst(*op).is_alarm();
        if !latency.blamed().is_empty() || latency.ops().iter().any(alarmed) {
            self.op = None;
            self.follow_worst();
            self.grid = None;
        }
    }

    /// Lets the cursor stay with the worst.
    pub fn follow_worst(&mut self) {
        self.selected = None;
        (self.top, self.left) = (0, 0);
    }

    /// Selects a host's row; the cursor goes to the hottest cell of it.
    pub fn select_host(&mut self, host: &HostName) {
        let Some(grid) = &self.grid else { return };
        let Some(row) = grid.rows.iter().position(|row| row.host == *host) else {
            return;
        };
        let column = self.list.iter().find(|at| at.0 == row).map_or(0, |at| at.1);
        self.go(row, column);
    }

    /// Puts the cursor onto a cell.
    pub fn go(&mut self, row: usize, column: usize) {
        let Some(grid) = &self.grid else { return };
        self.row = row.min(grid.rows.len().saturating_sub(1));
        self.column = column.min(grid.columns.len().saturating_sub(1));
        let (row, column) = (grid.rows.get(self.row), grid.columns.get(self.column));
        self.selected = row
            .zip(column)
            .map(|(row, column)| (row.host.clone(), column.name.clone()));
    }

    /// Moves the cursor over a grid; `screen` rows are seen at once. Gives whether the key was one that moves it.
    pub fn walk(&mut self, action: Action, screen: usize, listed: bool) -> bool {
        let Some(grid) = &self.grid else { return false };
        if matches!(action, Action::First) {
            self.follow_worst();
            self.place_cursor(false);
            return true;
        }
        let (rows, columns) = (grid.rows.len(), grid.columns.len());
        let last = if listed { self.list.len() } else { rows }.saturating_sub(1);
        let at = if listed { self.place_in_list() } else { self.row };
        let down = |by: usize| at.saturating_add(by).min(last);
        let up = |by: usize| at.saturating_sub(by);
        let to = match action {
            Action::Down => down(1),
            Action::Up => up(1),
            Action::PageDown => down(screen),
            Action::PageUp => up(screen),
            Action::HalfDown => down(screen / 2),
            Action::HalfUp => up(screen / 2),
            Action::Last => last,
            Action::Fold | Action::Unfold if listed => return true,
            Action::Fold => {
                self.go(self.row, self.column.saturating_sub(1));
                return true;
            }
            Action::Unfold => {
                self.go(self.row, (self.column + 1).min(columns.saturating_sub(1)));
                return true;
            }
            _ => return false,
        };
        if listed {
            if let Some((row, column)) = self.list.get(to).copied() {
                self.go(row, column);
            }
        } else {
            self.go(to, self.column);
        }
        true
    }

    /// The cursor's line in the list of the worst.
    #[must_use]
    pub fn place_in_list(&self) -> usize {
        let here = (self.row, self.column);
        self.list.iter().position(|at| *at == here).unwrap_or(0)
    }

    /// The next cell that is slow or blamed, in reading order, round about; none where there is no other.
    #[must_use]
    pub fn problem(&self, onward: bool) -> Option<(usize, usize)> {
        let mut bad: Vec<(usize, usize)> = self.list.clone();
        bad.retain(|at| self.levels[at.0][at.1] >= Level::Hot);
        bad.sort_unstable();
        let here = (self.row, self.column);
        let found = if onward {
            bad.iter().find(|at| **at > here).or(bad.first())
        } else {
            bad.iter().rfind(|at| **at < here).or(bad.last())
        };
        found.copied().filter(|at| *at != here)
    }
}

fn levels(host: &HostName, cells: &[Option<Cell>], view: &FleetView, now: UnixMs) -> Vec<Level> {
    let stale = view.host(host.as_str()).is_none_or(|seen| seen.is_stale(now));
    cells
        .iter()
        .map(|cell| cell.as_ref().map_or(Level::None, |cell| Level::of(cell, stale)))
        .collect()
}

/// Puts the rows of a new grid into the order of the one before; new ones come last.
fn keep_order(grid: &mut Grid, before: &Grid) {
    let places: HashMap<&HostName, usize> = before
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| (&row.host, at))
        .collect();
    grid.rows
        .sort_by_key(|row| places.get(&row.host).copied().unwrap_or(usize::MAX));
}
