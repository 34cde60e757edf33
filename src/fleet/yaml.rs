//! YAML text → a tree in which every key and value knows its file, line and column.
//!
//! Anchors, aliases and merge keys work, within a budget: an alias shares its node, and the size of
//! the tree *as if every alias were written out* is bounded, so no short text can make long work.

use super::{
    diagnostic::{Mark, Notes, Sources},
    suggest::quote,
};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::collections::{HashMap, HashSet};

/// Largest file that is read, in bytes.
pub(super) const FILE_LIMIT: usize = 1024 * 1024;
/// Deepest nesting, aliases written out.
const DEPTH_LIMIT: u32 = 64;
/// Most nodes of one file, aliases written out.
const NODE_LIMIT: u32 = 1_000_000;

/// A node of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(pub u32);

/// What a node holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// A scalar; `plain` when it was written without quotes and so may be a number, boolean or null.
    Scalar { text: Box<str>, plain: bool },
    /// A sequence.
    List(Vec<NodeId>),
    /// A mapping with scalar keys, without duplicates.
    Map(Vec<(NodeId, NodeId)>),
}

#[derive(Debug)]
struct Node {
    mark: Mark,
    kind: Kind,
    /// Nodes below and including this one, aliases written out.
    weight: u32,
    /// Levels below and including this one.
    depth: u32,
    /// Taken out after a mistake in it was reported.
    pruned: bool,
}

/// All nodes of all files of one load.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// What a node holds.
    pub fn kind(&self, node: NodeId) -> &Kind {
        &self.nodes[node.0 as usize].kind
    }

    /// Where a node stands.
    pub fn mark(&self, node: NodeId) -> Mark {
        self.nodes[node.0 as usize].mark
    }

    /// Takes a node out: a mistake in it was reported.
    pub fn prune(&mut self, node: NodeId) {
        self.nodes[node.0 as usize].pruned = true;
    }

    /// Whether a node was taken out.
    pub fn is_pruned(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].pruned
    }

    /// The text of a scalar; empty for anything else.
    pub fn text(&self, node: NodeId) -> &str {
        match self.kind(node) {
            Kind::Scalar { text, .. } => text,
            Kind::List(_) | Kind::Map(_) => "",
        }
    }

    /// Whether a node is nothing at all: an empty value, `~` or `null`.
    pub fn is_null(&self, node: NodeId) -> bool {
        matches!(self.kind(node), Kind::Scalar { text, plain: true } if is_null(text))
    }

    fn add(&mut self, mark: Mark, kind: Kind) -> NodeId {
        self.nodes.push(Node {
            mark,
            kind,
            weight: 1,
            depth: 1,
            pruned: false,
        });
        NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Reads one file's text into the tree. Mistakes go to `notes`.
    pub fn parse(&mut self, file: u16, text: &str, hints: &Hints, sources: &Sources, notes: &mut Notes) -> Parsed {
        let start = Mark {
            file,
            line: 1,
            column: 1,
            length: 0,
        };
        if text.len() > FILE_LIMIT {
            notes
                .error(start, format!("the file is larger than {FILE_LIMIT} bytes"))
                .hint(hints.large);
            return Parsed::NOTHING;
        }
        let mut builder = Builder {
            tree: self,
            file,
            sources,
            notes,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            documents: 0,
            second: hints.second,
        };
        let mut parser = Parser::new_from_str(text);
        loop {
            match parser.next_event() {
                None => break,
                Some(Ok((event, span))) => {
                    if let Err(Stop) = builder.event(event, span) {
                        let root = builder.root;
                        return Parsed { root, cut: true };
                    }
                }
                Some(Err(error)) => {
                    syntax_error(&error, file, text, builder.notes);
                    let root = builder.salvage();
                    return Parsed { root, cut: true };
                }
            }
        }
        let root = builder.root;
        if root.is_none_or(|root| self.is_null(root)) {
            notes.error(start, "the file is empty").hint(hints.empty);
            return Parsed::NOTHING;
        }
        Parsed { root, cut: false }
    }
}

/// What to do about a file that is no document, in the words of whoever reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hints {
    /// It is empty.
    pub empty: &'static str,
    /// It holds a second document.
    pub second: &'static str,
    /// It is too large.
    pub large: &'static str,
}

impl Hints {
    /// Of an inventory.
    pub const INVENTORY: Self = Self {
        empty: "an inventory begins with `fleet: NAME`; see inventory.example.yaml",
        second: "an inventory is one document; use `include:` for more files",
        large: "split it with `include:`, or use ranges such as web[1-40]",
    };
}

/// What could be read of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parsed {
    /// The root; `None` when nothing can be used.
    pub root: Option<NodeId>,
    /// The file could not be read to its end: what is not there may stand in the rest.
    pub cut: bool,
}

impl Parsed {
    const NOTHING: Self = Self { root: None, cut: true };
}

/// Whether a plain scalar means nothing (YAML 1.2 core schema).
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reports what the YAML parser stumbled over, with the usual causes as hints.
fn syntax_error(error: &ScanError, file: u16, text: &str, notes: &mut Notes) {
    let at = error.marker();
    let mark = mark_at(file, at.line(), at.col(), 1);
    let line = text.lines().nth(at.line().saturating_sub(1)).unwrap_or_default();
    let before = text.lines().nth(at.line().saturating_sub(2)).unwrap_or_default();
    let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let hint = if indent(line) || indent(before) {
        Some("a tab is not allowed in indentation; use spaces")
    } else if line.contains(['{', '[']) && line.contains('-') && line.contains(']') {
        Some("a range such as web[1-8] must stand in quotes inside {…} and […]")
    } else if line.contains(['@', '`']) {
        Some("text that begins with @ or ` must stand in quotes")
    } else if error.info().contains("unknown anchor") {
        Some("an alias *name needs an anchor &name before it; text that begins with * must stand in quotes")
    } else if error.info().contains("mapping values are not allowed") || error.info().contains("simple key") {
        Some("look at the indentation and for a missing colon, here and in the line above")
    } else {
        None
    };
    notes
        .error(
            mark,
            format!("not valid YAML: {}", super::suggest::visible(error.info())),
        )
        .maybe(hint.map(str::to_owned));
}

fn mark_at(file: u16, line: usize, column: usize, length: usize) -> Mark {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Mark {
        file,
        line: number(line.max(1)),
        column: number(column).saturating_add(1),
        length: number(length),
    }
}

/// Reading cannot go on; the reason has been reported.
struct Stop;

/// A list or mapping that is still being read.
struct Open {
    mark: Mark,
    anchor: usize,
    weight: u32,
    depth: u32,
    content: Content,
}

enum Content {
    List(Vec<NodeId>),
    Map {
        key: Option<NodeId>,
        entries: Vec<(NodeId, NodeId)>,
        merged: Vec<NodeId>,
    },
}

struct Builder<'a> {
    tree: &'a mut Tree,
    file: u16,
    sources: &'a Sources,
    notes: &'a mut Notes,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    root: Option<NodeId>,
    documents: u32,
    second: &'static str,
}

impl Builder<'_> {
    fn mark(&self, span: &Span) -> Mark {
        let length = if span.start.line() == span.end.line() {
            span.end.index().saturating_sub(span.start.index())
        } else {
            1
        };
        mark_at(self.file, span.start.line(), span.start.col(), length.max(1))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let mark = self.mark(&span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.notes
                        .error(mark, "a second document begins here")
                        .hint(self.second);
                    return Err(Stop);
                }
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).copied() else {
                    self.notes.error(mark, "an alias inside its own anchor");
                    return Err(Stop);
                };
                self.place(node, mark)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mut plain = style == ScalarStyle::Plain;
                if let Some(tag) = tag {
                    plain &= self.plain_after_tag(&tag, mark);
                }
                let mut mark = mark;
                if style == ScalarStyle::Plain && !text.is_empty() && !text.contains('\n') {
                    mark.length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                }
                let node = self.tree.add(
                    mark,
                    Kind::Scalar {
                        text: text.into(),
                        plain,
                    },
                );
                self.finish(node, anchor, mark)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), mark, "seq");
                self.begin(mark, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), mark, "map");
                let content = Content::Map {
                    key: None,
                    entries: Vec::new(),
                    merged: Vec::new(),
                };
                self.begin(mark, anchor, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Whether a tagged scalar is still read as a plain one. `!!str` makes it text; the other core
    /// tags say what we would find out anyway.
    fn plain_after_tag(&mut self, tag: &Tag, mark: Mark) -> bool {
        if tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "int" | "float" | "bool" | "null") {
            return true;
        }
        if !(tag.is_yaml_core_schema() && tag.suffix == "str" || tag.handle.is_empty() && tag.suffix == "!") {
            self.unknown_tag(tag, mark);
        }
        false
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, mark: Mark, expected: &str) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
        {
            self.unknown_tag(tag, mark);
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, mark: Mark) {
        self.notes
            .error(
                mark,
                format!("a tag that means nothing here: {}", quote(&tag.to_string())),
            )
            .hint("leave it out; text that begins with ! must stand in quotes");
    }

    fn begin(&mut self, mark: Mark, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.open.len() >= DEPTH_LIMIT as usize {
            self.notes
                .error(mark, format!("nested more than {DEPTH_LIMIT} levels deep"));
            return Err(Stop);
        }
        self.open.push(Open {
            mark: Mark { length: 1, ..mark },
            anchor,
            weight: 1,
            depth: 1,
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (kind, mut weight) = match open.content {
            Content::List(items) => (Kind::List(items), open.weight),
            Content::Map { entries, merged, .. } => {
                let mut weight = open.weight;
                let entries = self.check_map(entries, &merged, &mut weight)?;
                (Kind::Map(entries), weight)
            }
        };
        weight = weight.min(NODE_LIMIT + 1);
        let node = self.tree.add(open.mark, kind);
        let made = &mut self.tree.nodes[node.0 as usize];
        (made.weight, made.depth) = (weight, open.depth);
        self.finish(node, open.anchor, open.mark)
    }

    /// What a syntax error leaves of the file: its sections, and in the last one those entries that are whole.
    /// An entry that was cut short is left out: what it lacks would be taken for missing.
    fn salvage(&mut self) -> Option<NodeId> {
        // So may a plain text have run on: a missing colon joins two lines.
        if self.open.len() <= 2
            && let Some(Open { content, .. }) = self.open.last_mut()
            && let Content::Map { key: None, entries, .. } = content
        {
            let runs_on =
                |(_, value): &mut (NodeId, NodeId)| matches!(self.tree.kind(*value), Kind::Scalar { plain: true, .. });
            let _ = entries.pop_if(runs_on);
        }
        self.open.truncate(2);
        // The end of a list may be the text of what follows it.
        let _ = self.open.pop_if(|open| matches!(open.content, Content::List(_)));
        while !self.open.is_empty() {
            self.end().ok()?;
        }
        self.root
    }

    /// A complete node: remembered by its anchor, and put where it belongs.
    fn finish(&mut self, node: NodeId, anchor: usize, mark: Mark) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        self.place(node, mark)
    }

    fn place(&mut self, node: NodeId, mark: Mark) -> Result<(), Stop> {
        let Node { weight, depth, .. } = self.tree.nodes[node.0 as usize];
        let levels = u32::try_from(self.open.len()).unwrap_or(u32::MAX).saturating_add(depth);
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight = open.weight.saturating_add(weight);
        open.depth = open.depth.max(depth + 1);
        if open.weight > NODE_LIMIT || self.tree.nodes.len() > NODE_LIMIT as usize * 4 {
            self.notes
                .error(mark, format!("more than {NODE_LIMIT} values, aliases written out"));
            return Err(Stop);
        }
        if levels > DEPTH_LIMIT + 1 {
            self.notes
                .error(mark, format!("nested more than {DEPTH_LIMIT} levels deep"));
            return Err(Stop);
        }
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { key, entries, merged } => match key.take() {
                None => *key = Some(node),
                Some(key) if is_merge(self.tree, key) => merged.push(node),
                Some(key) => entries.push((key, node)),
            },
        }
        Ok(())
    }

    /// Drops duplicate and unusable keys with a report, then adds what `<<` merges in: own keys win,
    /// then earlier sources.
    fn check_map(
        &mut self,
        entries: Vec<(NodeId, NodeId)>,
        merged: &[NodeId],
        weight: &mut u32,
    ) -> Result<Vec<(NodeId, NodeId)>, Stop> {
        let mut seen: HashMap<&str, NodeId> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let mark = self.tree.mark(key);
            let Kind::Scalar { text, plain } = self.tree.kind(key) else {
                self.notes
                    .error(mark, "a key must be a single word")
                    .hint("text that begins with { or [ must stand in quotes");
                continue;
            };
            if *plain && is_null(text) {
                self.notes.error(mark, "a key is missing before the colon");
                continue;
            }
            if let Some(first) = seen.get(&**text) {
                let place = self.sources.place(self.tree.mark(*first), mark);
                self.notes
                    .error(mark, format!("{} is given twice; first on {place}", quote(text)))
                    .hint("only the first is looked at; join the two");
                continue;
            }
            seen.insert(text, key);
            kept.push((key, value));
        }
        if merged.is_empty() {
            return Ok(kept);
        }
        let mut known: HashSet<&str> = seen.into_keys().collect();
        for source in merged.iter().flat_map(|source| match self.tree.kind(*source) {
            Kind::List(list) => list.clone(),
            Kind::Scalar { .. } | Kind::Map(_) => vec![*source],
        }) {
            let Kind::Map(entries) = self.tree.kind(source) else {
                let mark = self.tree.mark(source);
                self.notes
                    .error(mark, "`<<` takes a mapping, or a list of them")
                    .hint("write `<<: *anchor`");
                continue;
            };
            for (key, value) in entries {
                if known.insert(self.tree.text(*key)) {
                    kept.push((*key, *value));
                    *weight = weight.saturating_add(self.tree.nodes[value.0 as usize].weight + 1);
                }
            }
            if *weight > NODE_LIMIT {
                let mark = self.tree.mark(source);
                self.notes
                    .error(mark, format!("more than {NODE_LIMIT} values, aliases written out"));
                return Err(Stop);
            }
        }
        Ok(kept)
    }
}

fn is_merge(tree: &Tree, key: NodeId) -> bool {
    matches!(tree.kind(key), Kind::Scalar { text, plain: true } if &**text == "<<")
}
