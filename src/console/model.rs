//! The state of the console: what is shown, where the cursor is, which layers lie above. Pure: time and
//! data come in as messages, and nothing here draws or waits.

use super::{
    filter::Filter,
    glyphs::Glyphs,
    groups::Groups,
    index::{self, FoldAll, Id, Index, ListKind, Query, Row, SortKey},
    layer::Layer,
    matrix::{self, Matrix, StreamName},
    past::Past,
    runbooks::Works,
    screen,
    theme::{Depth, Theme},
    wall::Wall,
};
use crate::{
    collect::FleetView,
    facts::UnixMs,
    fleet::{HostName, SliceName},
    mode::Mode,
    remote::log::LogEntry,
    runbook::planner::catalogue::Library,
    verdict::Severity,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// After a key the order of rows is held for so long.
const HOLD: Duration = Duration::from_secs(4);

/// How long a short note stays in the footer.
const NOTE: Duration = Duration::from_secs(6);

/// Places kept for Esc.
const HISTORY: usize = 50;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// A list.
    List(ListKind),
    /// Everything about one host.
    Host(HostName),
    /// A slice from disk to client.
    Slice(SliceName),
    /// Who sees whom how slow.
    Latency,
    /// One stream of the latency matrix.
    Stream(StreamName),
    /// The catalogue of runbooks.
    Runbooks,
    /// One runbook in full.
    Runbook(String),
    /// The run of this process.
    Run,
    /// Runs now and before.
    Runs,
    /// The report of a run, by the run's name.
    Report(String),
}

/// A place to come back to.
#[derive(Debug, Clone)]
struct Place {
    page: Page,
    scroll: u16,
    selected: Option<Id>,
}

/// One list with its cursor.
#[derive(Debug, Clone)]
pub struct List {
    /// Its rows.
    pub index: Index,
    /// The selected row's identity; `None`: the cursor stays with the first row, whichever that is.
    pub selected: Option<Id>,
    /// The selected row's place.
    pub cursor: usize,
    /// The first row on screen.
    pub offset: usize,
    /// The filter in force.
    pub filter: Filter,
    /// Whether all is shown: of findings the cleared ones too, of the log the poll loop's repeats.
    pub all: bool,
    /// The order.
    pub sort: SortKey,
    /// The order turned round.
    pub reverse: bool,
    /// Groups folded or unfolded by hand.
    pub folds: HashMap<Id, bool>,
    /// The other groups.
    pub fold_all: FoldAll,
}

impl List {
    fn new(kind: ListKind) -> Self {
        Self {
            index: Index::default(),
            selected: None,
            cursor: 0,
            offset: 0,
            filter: Filter::default(),
            all: kind == ListKind::Findings,
            sort: SortKey::of(kind)[0],
            reverse: false,
            folds: HashMap::new(),
            fold_all: FoldAll::Auto,
        }
    }

    /// The selected row.
    #[must_use]
    pub fn row(&self) -> Option<&Row> {
        self.index.rows.get(self.cursor)
    }
}

/// How the console looks.
#[derive(Debug, Clone)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// How many colours the terminal has.
    pub depth: Depth,
    /// Which signs the terminal can show.
    pub glyphs: Glyphs,
}

/// The state of the console.
#[derive(Debug, Clone)]
pub struct Model {
    /// The newest view.
    pub live: Arc<FleetView>,
    /// The view on screen: the newest, or the one that was frozen.
    pub shown: Arc<FleetView>,
    /// Since when the picture is frozen.
    pub frozen: Option<UnixMs>,
    /// Now.
    pub now: UnixMs,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The page.
    pub page: Page,
    /// First line shown of a page that is no list.
    pub scroll: u16,
    /// Popups, the topmost last.
    pub layers: Vec<Layer>,
    /// How it looks.
    pub look: Look,
    /// Whether the process may act.
    pub mode: Mode,
    /// What acts; nothing of it exists in a process that may only look.
    pub works: Option<Works>,
    /// The runbooks that there are.
    pub library: Arc<Library>,
    /// What is rehearsed here and with which faults, for every page; in a rehearsal of something alone.
    pub practised: Option<String>,
    /// Whether the hosts end with the process: a run that is left is over then.
    pub passing: bool,
    /// The wall's own state, when this is one.
    pub wall: Option<Wall>,
    /// The log, oldest first; read when the Log page is open.
    pub log: Vec<LogEntry>,
    /// The latency matrix.
    pub matrix: Matrix,
    /// Findings that are over.
    pub past: Past,
    /// Commands typed so far, oldest first.
    pub history: Vec<String>,
    /// Whether the mouse is on.
    pub mouse: bool,
    /// Groups of the inventory in force.
    pub groups: Arc<Groups>,
    note: Option<(Severity, String, UnixMs)>,
    lists: [List; 5],
    back: Vec<Place>,
    last_key: UnixMs,
    order_waits: bool,
}

impl Model {
    /// A console that shows a view.
    #[must_use]
    pub fn new(view: Arc<FleetView>, now: UnixMs, size: (u16, u16), look: Look, mode: Mode, wall: bool) -> Self {
        let groups = Arc::new(Groups::new(&view.fleet));
        let mut model = Self {
            live: view.clone(),
            shown: view,
            frozen: None,
            now,
            size,
            page: Page::List(ListKind::Fleet),
            scroll: 0,
            layers: Vec::new(),
            look,
            works: Works::of(&mode).filter(|_| !wall),
            library: Arc::default(),
            practised: None,
            passing: false,
            mode,
            wall: wall.then(|| Wall::new(now)),
            log: Vec::new(),
            matrix: Matrix::default(),
            past: Past::default(),
            history: Vec::new(),
            mouse: false,
            groups,
            note: None,
            lists: [
                List::new(ListKind::Fleet),
                List::new(ListKind::Storage),
                List::new(ListKind::Database),
                List::new(ListKind::Findings),
                List::new(ListKind::Log),
            ],
            back: Vec::new(),
            last_key: UnixMs(0),
            order_waits: false,
        };
        model.refresh();
        model
    }

    /// A list.
    #[must_use]
    pub const fn list(&self, kind: ListKind) -> &List {
        &self.lists[kind as usize]
    }

    /// A list, to change it.
    pub const fn list_mut(&mut self, kind: ListKind) -> &mut List {
        &mut self.lists[kind as usize]
    }

    /// The list on screen, if the page is one.
    #[must_use]
    pub const fn kind(&self) -> Option<ListKind> {
        match self.page {
            Page::List(kind) => Some(kind),
            _ => None,
        }
    }

    /// What is selected: the row's identity, or the page's object.
    #[must_use]
    pub fn selected(&self) -> Option<Id> {
        match &self.page {
            Page::List(kind) => self.list(*kind).row().map(|row| row.id.clone()),
            Page::Host(name) => Some(Id::Host(name.clone())),
            Page::Slice(name) => Some(Id::Slice(name.clone())),
            Page::Latency => self.matrix.host().cloned().map(Id::Host),
            Page::Stream(stream) => Some(Id::Host(stream.host.clone())),
            _ => None,
        }
    }

    /// The short note in the footer, while it lasts.
    #[must_use]
    pub fn note(&self) -> Option<(Severity, &str)> {
        self.note.as_ref().map(|(severity, text, _)| (*severity, text.as_str()))
    }

    /// Shows a short note in the footer.
    pub fn set_note(&mut self, severity: Severity, text: impl Into<String>) {
        self.note = Some((severity, text.into(), self.now + NOTE));
    }

    /// Takes the short note away: what it is about is over.
    pub fn drop_note(&mut self) {
        self.note = None;
    }

    /// Whether rows must keep their places: a key was pressed a moment ago, or a layer is open.
    #[must_use]
    pub fn holds_order(&self) -> bool {
        !self.layers.is_empty() || self.now.since(self.last_key) < HOLD
    }

    /// Notes that a key was pressed.
    pub const fn touched(&mut self) {
        self.last_key = self.now;
    }

    /// Takes a new view; the screen follows unless it is frozen.
    pub fn take_view(&mut self, view: Arc<FleetView>) {
        self.past.note(&self.live, &view);
        if !Arc::ptr_eq(&self.live.fleet, &view.fleet) {
            let hosts = super::text::many(view.fleet.hosts.len(), "host");
            self.set_note(Severity::Ok, format!("inventory read again: {hosts}"));
        } else if view.reload_error.is_some() && view.reload_error != self.live.reload_error {
            // The banner says how the reading ended; the note that it began has had its time.
            self.drop_note();
        }
        self.live = view;
        if self.frozen.is_none() {
            self.show_live();
        }
    }

    /// Shows the newest view.
    pub fn show_live(&mut self) {
        if !Arc::ptr_eq(&self.live.fleet, &self.shown.fleet) {
            self.groups = Arc::new(Groups::new(&self.live.fleet));
        }
        self.shown = self.live.clone();
        self.refresh();
    }

    /// Takes the time.
    pub fn tick(&mut self, now: UnixMs) {
        self.now = now.max(self.now);
        if self.note.as_ref().is_some_and(|(_, _, until)| *until <= self.now) {
            self.drop_note();
        }
        // Staleness depends on the time alone, and a held order is let go by time.
        if self.frozen.is_none() || (self.order_waits && !self.holds_order()) {
            self.refresh();
        }
    }

    /// Makes the rows of the list on screen anew. The selection follows its object, and its row stays on
    /// the same line of the screen where that is possible.
    pub fn refresh(&mut self) {
        let hold = self.holds_order();
        if let Some(kind) = self.kind() {
            self.reindex(kind, hold);
        }
        self.renew_matrix(hold);
    }

    /// The same after the person asked for another order, filter or folding: nothing is held.
    pub fn reorder(&mut self) {
        if let Some(kind) = self.kind() {
            self.reindex(kind, false);
        }
        self.renew_matrix(false);
    }

    /// Makes the latency matrix anew, if it is on screen, and scrolls to its cursor.
    fn renew_matrix(&mut self, hold: bool) {
        if self.page == Page::Latency {
            self.matrix.renew(&self.shown, self.now, hold);
            self.follow_matrix();
        }
    }

    /// Scrolls the latency matrix to its cursor.
    pub fn follow_matrix(&mut self) {
        let area = screen::areas(self).body;
        matrix::layout::follow(&mut self.matrix, area);
    }

    fn reindex(&mut self, kind: ListKind, hold: bool) {
        let list = &self.lists[kind as usize];
        let query = Query {
            view: &self.shown,
            groups: &self.groups,
            log: &self.log,
            past: &self.past,
            all: list.all && self.wall.is_none(),
            now: self.now,
            filter: &list.filter,
            sort: list.sort,
            reverse: list.reverse,
            folds: &list.folds,
            fold_all: list.fold_all,
        };
        let mut fresh = query.index(kind);
        self.order_waits = hold;
        // The log only ever grows at one end: its order is never in question.
        if hold && kind != ListKind::Log && !list.index.rows.is_empty() {
            index::hold(&mut fresh.rows, &list.index.rows);
        }
        let room = screen::rows_of_list(self);
        let list = &mut self.lists[kind as usize];
        list.index = fresh;
        let before = list.cursor;
        let found = list
            .selected
            .as_ref()
            .map(|id| list.index.rows.iter().position(|row| row.id == *id));
        match found {
            None => (list.cursor, list.offset) = (0, 0),
            Some(Some(at)) => {
                list.cursor = at;
                list.offset = (list.offset + at).saturating_sub(before);
            }
            Some(None) => {
                list.cursor = before.min(list.index.rows.len().saturating_sub(1));
                list.selected = list.row().map(|row| row.id.clone());
            }
        }
        scroll_into_view(list, room);
    }

    /// Moves the cursor of the list on screen.
    pub fn move_to(&mut self, at: usize) {
        let Some(kind) = self.kind() else {
            return;
        };
        let room = screen::rows_of_list(self);
        let list = self.list_mut(kind);
        list.cursor = at.min(list.index.rows.len().saturating_sub(1));
        list.selected = list.row().map(|row| row.id.clone());
        scroll_into_view(list, room);
    }

    /// Lets the cursor stay with the first row, whichever that is.
    pub fn follow_top(&mut self) {
        if let Some(kind) = self.kind() {
            let list = self.list_mut(kind);
            list.selected = None;
            (list.cursor, list.offset) = (0, 0);
        }
    }

    /// Selects a thing of a list if it is there; a group around it is unfolded.
    pub fn select(&mut self, id: &Id) {
        let Some(kind) = self.kind() else {
            return;
        };
        self.list_mut(kind).selected = Some(id.clone());
        self.reorder();
    }

    /// Goes to a page; Esc comes back.
    pub fn go(&mut self, page: Page) {
        if page == self.page {
            return;
        }
        let place = Place {
            page: std::mem::replace(&mut self.page, page),
            scroll: std::mem::take(&mut self.scroll),
            selected: None,
        };
        let selected = match &place.page {
            Page::List(kind) => self.list(*kind).selected.clone(),
            _ => None,
        };
        self.back.push(Place { selected, ..place });
        if self.back.len() > HISTORY {
            self.back.remove(0);
        }
        self.reorder();
    }

    /// Goes back; whether there was a place to go back to.
    pub fn go_back(&mut self) -> bool {
        let Some(place) = self.back.pop() else {
            return false;
        };
        self.page = place.page;
        self.scroll = place.scroll;
        if let Some(kind) = self.kind() {
            self.list_mut(kind).selected = place.selected;
        }
        self.reorder();
        true
    }

    /// How long the collector has been silent, once that is too long to be usual: the picture is then old
    /// as a whole.
    #[must_use]
    pub fn disconnected(&self) -> Option<Duration> {
        let silent = self.now.since(self.live.at);
        let limit = (self.live.fleet.poll.interval * 3).max(Duration::from_secs(10));
        (silent > limit).then_some(silent)
    }
}

fn scroll_into_view(list: &mut List, room: usize) {
    let count = list.index.rows.len();
    let room = room.max(1);
    list.offset = list.offset.min(count.saturating_sub(room));
    if list.cursor < list.offset {
        list.offset = list.cursor;
    } else if list.cursor >= list.offset + room {
        list.offset = list.cursor + 1 - room;
    }
}
