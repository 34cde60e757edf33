//! The names that an inventory declares, and looking them up with "did you mean".

use super::{
    decode::{List, Map, lacks_by_pruning},
    diagnostic::{Mark, Note, Notes, Sources},
    file::Text,
    range::{expand, is_range},
    suggest::{did_you_mean, quote},
    yaml::{Kind, NodeId, Tree},
};
use std::collections::{HashMap, HashSet};

/// Most suggestions that are looked for in one load; each compares one word with all names.
const SUGGESTIONS: u32 = 100;

/// Kinds of named things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A site.
    Site,
    /// A rack.
    Rack,
    /// A power feed.
    Feed,
    /// A switch.
    Switch,
    /// A group.
    Group,
    /// A host.
    Host,
    /// A storage segment.
    Segment,
    /// A slice.
    Slice,
    /// A topology.
    Topology,
}

impl What {
    const COUNT: usize = 9;

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Rack => "rack",
            Self::Feed => "power feed",
            Self::Switch => "switch",
            Self::Group => "group",
            Self::Host => "host",
            Self::Segment => "segment",
            Self::Slice => "slice",
            Self::Topology => "topology",
        }
    }

    /// The key under which it is declared.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Site => "sites",
            Self::Rack => "racks",
            Self::Feed => "feeds",
            Self::Switch => "switches",
            Self::Group => "groups",
            Self::Host => "hosts",
            Self::Segment => "segments",
            Self::Slice => "slices",
            Self::Topology => "topologies",
        }
    }
}

/// Names of one kind.
#[derive(Debug, Default)]
struct Table {
    known: HashMap<String, Mark>,
    /// Some declarations could not be read, so a missing name proves nothing.
    incomplete: bool,
}

/// What every step of a load works on.
pub(super) struct Context<'a> {
    /// All nodes.
    pub tree: &'a mut Tree,
    /// What is to be reported.
    pub notes: &'a mut Notes,
    /// The files.
    pub sources: &'a Sources,
    tables: [Table; What::COUNT],
    suggestions: u32,
}

impl<'a> Context<'a> {
    /// Nothing is declared yet.
    pub fn new(tree: &'a mut Tree, notes: &'a mut Notes, sources: &'a Sources) -> Self {
        Self {
            tree,
            notes,
            sources,
            tables: std::array::from_fn(|_| Table::default()),
            suggestions: SUGGESTIONS,
        }
    }

    /// Where a node stands.
    pub fn mark(&self, node: NodeId) -> Mark {
        self.tree.mark(node)
    }

    /// Reports an error at a node.
    pub fn error(&mut self, node: NodeId, message: impl Into<String>) -> &mut Note {
        let mark = self.tree.mark(node);
        self.notes.error(mark, message)
    }

    /// Reports a warning at a node.
    pub fn warning(&mut self, node: NodeId, message: impl Into<String>) -> &mut Note {
        let mark = self.tree.mark(node);
        self.notes.warning(mark, message)
    }

    /// Some declarations of this kind could not be read: names that are missing are not reported.
    pub fn incomplete(&mut self, what: What) {
        self.tables[what as usize].incomplete = true;
    }

    /// Whether declarations of this kind may be missing.
    pub fn is_incomplete(&self, what: What) -> bool {
        self.tables[what as usize].incomplete
    }

    /// Declarations of every kind may be missing.
    pub fn all_incomplete(&mut self) {
        for table in &mut self.tables {
            table.incomplete = true;
        }
    }

    /// Remembers a name, with a report when it is taken or not a good name.
    pub fn declare(&mut self, what: What, name: &str, node: NodeId) {
        let mark = self.tree.mark(node);
        if let Some(problem) = bad_name(name) {
            self.notes
                .error(mark, format!("{} is not a good name: {problem}", quote(name)))
                .hint("use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`");
        }
        let table = &mut self.tables[what as usize];
        match table.known.entry(name.to_owned()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(mark);
            }
            std::collections::hash_map::Entry::Occupied(taken) => {
                let place = self.sources.place(*taken.get(), mark);
                self.notes.error(
                    mark,
                    format!(
                        "the {} {} is declared twice; first on {place}",
                        what.name(),
                        quote(name)
                    ),
                );
            }
        }
    }

    /// Remembers the names of a section of a file.
    pub fn declare_all<T>(&mut self, what: What, root: NodeId, map: &Map<T>) {
        for (name, _) in &map.entries {
            self.declare(what, &name.value, name.node);
        }
        self.note_pruned(what, root);
    }

    /// A section that could not be read makes its names incomplete.
    pub fn note_pruned(&mut self, what: What, root: NodeId) {
        if lacks_by_pruning(self.tree, root, what.key()) {
            self.incomplete(what);
        }
    }

    /// Remembers slice names of a segment without decoding it, so that they are known even when the
    /// segment turns out to be wrong.
    pub fn declare_slices(&mut self, segment: NodeId) {
        let Kind::Map(entries) = self.tree.kind(segment) else {
            self.incomplete(What::Slice);
            return;
        };
        let slices = entries.iter().find(|(key, _)| self.tree.text(*key) == "slices");
        let names: Vec<NodeId> = match slices.map(|(_, value)| self.tree.kind(*value)) {
            Some(Kind::Map(slices)) => slices.iter().map(|(name, _)| *name).collect(),
            Some(Kind::List(_)) => {
                self.incomplete(What::Slice);
                return;
            }
            Some(Kind::Scalar { .. }) | None => return,
        };
        for node in names {
            let name = self.tree.text(node).to_owned();
            self.declare(What::Slice, &name, node);
        }
    }

    /// Whether a name is declared, without a report.
    pub fn knows(&self, what: What, name: &str) -> bool {
        self.tables[what as usize].known.contains_key(name)
    }

    /// The nearest declared name, as a hint.
    pub fn suggest(&mut self, what: What, name: &str) -> Option<String> {
        self.suggestions = self.suggestions.checked_sub(1)?;
        did_you_mean(name, self.tables[what as usize].known.keys().map(String::as_str))
    }

    /// Whether a name is declared; if it is not, that is reported at `node`.
    pub fn resolve(&mut self, what: What, name: &str, node: NodeId) -> bool {
        if self.knows(what, name) {
            return true;
        }
        if !self.is_incomplete(what) {
            let hint = self
                .suggest(what, name)
                .unwrap_or_else(|| format!("declare it under `{}:`", what.key()));
            self.error(node, format!("there is no {} {}", what.name(), quote(name)))
                .hint(hint);
        }
        false
    }

    /// Keeps an optional reference if it resolves.
    pub fn resolved(&mut self, what: What, name: Option<Text>) -> Option<Text> {
        name.filter(|name| self.resolve(what, &name.value, name.node))
    }

    /// Keeps those names of a list that resolve; a name that stands twice is reported.
    pub fn resolved_all(&mut self, what: What, list: &List<Text>) -> Vec<Text> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for text in &list.0 {
            for name in self.expanded(text) {
                if !seen.insert(name.clone()) {
                    self.error(text.node, format!("{} stands twice in this list", quote(&name)));
                } else if self.resolve(what, &name, text.node) {
                    out.push(Text {
                        value: name,
                        node: text.node,
                    });
                }
            }
        }
        out
    }

    /// A text's range written out; a bad range is reported.
    pub fn expanded(&mut self, text: &Text) -> Vec<String> {
        if !is_range(&text.value) {
            return vec![text.value.clone()];
        }
        match expand(&text.value) {
            Ok(names) => names,
            Err(problem) => {
                self.error(text.node, problem)
                    .hint("write a range as web[1-8] or web[01-12]");
                Vec::new()
            }
        }
    }

    /// Reports text that cannot be a word on a command line of ours: empty, with white space or
    /// control characters, or beginning with a dash (which a program would take for an option).
    pub fn check_word(&mut self, what: &str, text: &Text) -> bool {
        let problem = bad_word(&text.value);
        if let Some(problem) = problem {
            self.error(text.node, format!("{} cannot be {what}: {problem}", quote(&text.value)));
        }
        problem.is_none()
    }

    /// Reports a path that is not absolute or holds control characters.
    pub fn check_path(&mut self, what: &str, text: &Text) -> bool {
        let problem = bad_path(&text.value);
        if let Some(problem) = problem {
            self.error(text.node, format!("{} cannot be {what}: {problem}", quote(&text.value)))
                .hint("write the whole path, beginning with /");
        }
        problem.is_none()
    }
}

/// Why a text cannot be the name of something.
pub(crate) fn bad_name(name: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 128 {
        Some("it is longer than 128 characters")
    } else if name.starts_with('-') {
        Some("a program would take it for an option")
    } else if name.starts_with('.') {
        Some("it begins with a dot")
    } else if name.chars().all(good) {
        None
    } else if name.chars().any(char::is_whitespace) {
        Some("it holds white space")
    } else if name.chars().any(char::is_control) {
        Some("it holds control characters")
    } else {
        Some("it holds other characters than those allowed")
    }
}

/// Why a text cannot be one word on a command line of ours.
pub(crate) fn bad_word(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('-') {
        Some("a program would take it for an option")
    } else if text.chars().any(char::is_whitespace) {
        Some("it holds white space")
    } else if text.chars().any(|c| super::suggest::visible_char(c) != c) {
        Some("it holds control characters")
    } else {
        None
    }
}

/// Why a text cannot be an absolute path.
pub(crate) fn bad_path(text: &str) -> Option<&'static str> {
    if !text.starts_with('/') {
        Some("it is not an absolute path")
    } else if text.chars().any(|c| super::suggest::visible_char(c) != c) {
        Some("it holds control characters")
    } else {
        None
    }
}
