//! Loading an inventory: read, decode, resolve, check; every mistake is reported at once.

use super::{
    check::check,
    decode::decode,
    diagnostic::{Diagnostic, Mark, Notes, Severity, Sources},
    file::{self, File, Text},
    hosts::{Hosts, Shared},
    level::{Level, Levels, RackOf},
    model::{Fleet, Topology},
    names::{Context, What},
    storage::Storage,
    suggest::{quote, visible},
    topology,
    window::{Migrate, Window},
    yaml::{Hints, NodeId, Tree},
};
use std::{
    collections::{HashMap, HashSet},
    path::{Component, Path, PathBuf},
};

/// Reads a file's text; the error says why it cannot.
pub type Read<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

/// What a path in an inventory means.
const RELATIVE: &str = "a path here is relative to the file that it stands in";

/// Most files of one inventory.
const FILES: usize = 64;

/// What came of loading an inventory.
#[derive(Debug)]
pub struct Loaded {
    /// The fleet; `None` when there is an error among the diagnostics.
    pub fleet: Option<Fleet>,
    /// Everything there is to say, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read, the first one first; to be watched for changes.
    pub files: Vec<PathBuf>,
}

impl Loaded {
    /// Whether there is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Loads an inventory from its text. `path` is what diagnostics call the file and what includes are
/// relative to; `read` reads included files.
#[must_use]
pub fn load(path: &Path, text: &str, read: &Read<'_>) -> Loaded {
    let mut collect = Collect {
        read,
        tree: Tree::default(),
        notes: Notes::default(),
        sources: Sources::default(),
        files: Vec::new(),
        done: HashSet::new(),
        chain: Vec::new(),
        incomplete: false,
    };
    collect.file(path, text.to_owned());
    let Collect {
        mut tree,
        mut notes,
        sources,
        files,
        incomplete,
        ..
    } = collect;
    let fleet = if files.is_empty() {
        None
    } else {
        let mut context = Context::new(&mut tree, &mut notes, &sources);
        if incomplete {
            context.all_incomplete();
        }
        build(&mut context, files, incomplete)
    };
    let fleet = fleet.filter(|_| !notes.has_errors());
    Loaded {
        fleet,
        diagnostics: notes.finish(&sources),
        files: sources.paths(),
    }
}

/// One file, decoded.
struct Decoded {
    root: NodeId,
    file: File,
    /// Where its `ssh_config` is.
    ssh_config: Option<PathBuf>,
}

/// Reads the file and everything that it includes.
struct Collect<'r> {
    read: &'r Read<'r>,
    tree: Tree,
    notes: Notes,
    sources: Sources,
    files: Vec<Decoded>,
    done: HashSet<PathBuf>,
    /// The files that are being read now, each included by the one before it.
    chain: Vec<PathBuf>,
    /// A file could not be read or understood: names may be missing.
    incomplete: bool,
}

impl Collect<'_> {
    fn file(&mut self, path: &Path, text: String) {
        self.done.insert(normal(path));
        let number = self.sources.add(path, text.clone());
        let start = Mark {
            file: number,
            line: 1,
            column: 1,
            length: 0,
        };
        let parsed = self
            .tree
            .parse(number, &text, &Hints::INVENTORY, &self.sources, &mut self.notes);
        drop(text);
        self.incomplete |= parsed.cut;
        let decoded = parsed.root.and_then(|root| {
            let file = decode::<File>(&mut self.tree, root, start, &mut self.notes)?;
            Some((root, file))
        });
        let Some((root, file)) = decoded else {
            self.incomplete = true;
            return;
        };
        let includes = file.include.0.clone();
        let ssh_config = file.ssh_config.as_ref().and_then(|text| self.ssh_config(path, text));
        self.files.push(Decoded { root, file, ssh_config });
        self.chain.push(normal(path));
        for include in includes {
            self.include(path, &include);
        }
        self.chain.pop();
    }

    /// The file that `ssh_config` names: one that cannot be read would leave every host to other settings.
    fn ssh_config(&mut self, from: &Path, text: &Text) -> Option<PathBuf> {
        let path = beside(from, &text.value);
        match (self.read)(&path) {
            Ok(_) => Some(path),
            Err(why) => {
                let hint = if text.value.starts_with('~') {
                    "write the home directory out: `~` is not replaced here"
                } else {
                    RELATIVE
                };
                self.notes
                    .error(
                        self.tree.mark(text.node),
                        format!("cannot read the ssh_config {}: {}", quote(&text.value), visible(&why)),
                    )
                    .hint(hint);
                None
            }
        }
    }

    fn include(&mut self, from: &Path, include: &Text) {
        let mark = self.tree.mark(include.node);
        let path = beside(from, &include.value);
        if let Some(at) = self.chain.iter().position(|open| *open == path) {
            let names = self.chain[at..].iter().chain([&path]);
            let circle: Vec<String> = names.map(|path| visible(&path.to_string_lossy())).collect();
            self.notes.error(
                mark,
                format!("files include each other in a circle: {}", circle.join(" → ")),
            );
            return;
        }
        if self.done.contains(&path) {
            self.notes
                .warning(mark, format!("{} has been included already", quote(&include.value)));
            return;
        }
        if self.done.len() >= FILES {
            self.incomplete = true;
            self.notes.error(mark, format!("more than {FILES} files"));
            return;
        }
        match (self.read)(&path) {
            Ok(text) => self.file(&path, text),
            Err(why) => {
                self.incomplete = true;
                self.done.insert(path);
                self.notes
                    .error(
                        mark,
                        format!("cannot read {}: {}", quote(&include.value), visible(&why)),
                    )
                    .hint(RELATIVE);
            }
        }
    }
}

/// The path of a file that another one names.
fn beside(from: &Path, name: &str) -> PathBuf {
    normal(&from.parent().unwrap_or(Path::new("")).join(name))
}

/// A path without `.` and without `..` where that can be told from the path alone.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// All files → the fleet. What is wrong is left out and reported.
fn build(context: &mut Context<'_>, mut files: Vec<Decoded>, incomplete: bool) -> Option<Fleet> {
    for Decoded { root, file, .. } in &files {
        context.declare_all(What::Site, *root, &file.sites);
        context.declare_all(What::Rack, *root, &file.racks);
        context.declare_all(What::Feed, *root, &file.feeds);
        context.declare_all(What::Switch, *root, &file.switches);
        context.declare_all(What::Group, *root, &file.groups);
        context.declare_all(What::Segment, *root, &file.segments);
        context.declare_all(What::Topology, *root, &file.topologies);
        for (_, segment) in &file.segments.entries {
            context.declare_slices(*segment);
        }
        if super::decode::lacks_by_pruning(context.tree, *root, What::Segment.key()) {
            context.incomplete(What::Slice);
        }
        Hosts::declare(context, *root, file);
    }
    let migrate = migrate(context, &mut files);
    let (name, label, ssh_config, defaults) = header(context, &mut files, incomplete);
    let racks = domains(context, &files);
    let mut storage = Storage::default();
    let mut topologies = Vec::new();
    let mut members_at = Vec::new();
    for Decoded { file, .. } in &files {
        storage.add(context, file);
        topology::add(context, file, &mut storage, &mut topologies, &mut members_at);
    }
    let defaults = Level::compile(context, defaults, &storage);
    let groups = groups(context, &files, &storage);
    let mut hosts = Hosts::default();
    let shared = Shared {
        defaults: &defaults,
        groups: &groups,
        racks: &racks,
        storage: &storage,
        mysql_members: &members(&topologies),
    };
    for Decoded { file, .. } in &files {
        hosts.add(context, file, &shared);
    }
    hosts.resolve_jumps(context);
    check(context, &hosts, &storage, &topologies, &members_at);
    let none = files.iter().all(|Decoded { root, file, .. }| {
        file.hosts.entries.is_empty() && !super::decode::lacks_by_pruning(context.tree, *root, "hosts")
    });
    if none && !incomplete {
        context
            .notes
            .error(
                Mark {
                    line: 1,
                    column: 1,
                    ..Mark::default()
                },
                "the fleet has no hosts",
            )
            .hint("add `hosts:`, or let `pointsman discover HOST…` draft an inventory");
    }
    let poll = Levels(vec![&defaults]).poll(context);
    let mut fleet = Fleet::new(name?, label, poll, hosts.list, storage.segments, topologies);
    fleet.ssh_config = ssh_config;
    fleet.migrate = migrate;
    Some(fleet)
}

fn members(topologies: &[Topology]) -> HashSet<String> {
    let members = topologies.iter().flat_map(|topology| &topology.members);
    members.map(|name| name.as_str().to_owned()).collect()
}

/// How slices are copied; it stands in one file only.
fn migrate(context: &mut Context<'_>, files: &mut [Decoded]) -> Migrate {
    let mut out = Migrate::default();
    let mut first: Option<NodeId> = None;
    for given in files.iter_mut().filter_map(|decoded| decoded.file.migrate.take()) {
        if let Some(first) = first {
            let place = context.sources.place(context.mark(first), context.mark(given.node));
            context.error(given.node, format!("`migrate` is given twice; first on {place}"));
            continue;
        }
        first = Some(given.node);
        for text in given.value.windows.0 {
            match Window::parse(&text.value) {
                Ok(window) => out.windows.push(window),
                Err(why) => {
                    let hint = "such as 20:00-06:00, mon-fri 22:00-05:00, or sat,sun";
                    context.error(text.node, why).hint(hint);
                }
            }
        }
        if let Some(zone) = given.value.zone {
            // It becomes the name of a file and a word of the environment.
            let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
            if zone.value.starts_with(|c: char| c.is_ascii_alphabetic()) && zone.value.chars().all(plain) {
                out.zone = zone.value;
            } else {
                let wrong = format!("{} is no time zone", quote(&zone.value));
                context.error(zone.node, wrong).hint("such as Europe/Berlin, or UTC");
            }
        }
        if given.value.limit_kib_s == Some(0) {
            context.error(given.node, "with `limit_kib_s` 0 nothing would ever be copied");
        }
        out.limit_kib_s = given.value.limit_kib_s.filter(|limit| *limit > 0);
        if let Some(seconds) = given.value.lag_s {
            out.lag = std::time::Duration::from_secs(seconds);
        }
        match given.value.port {
            Some(0) => {
                context.error(given.node, "0 is no port");
            }
            Some(port) => out.port = port,
            None => {}
        }
    }
    out
}

/// What may stand in one file only: the fleet's name, its label, its `ssh_config`, and the defaults.
fn header(
    context: &mut Context<'_>,
    files: &mut [Decoded],
    incomplete: bool,
) -> (Option<String>, Option<String>, Option<PathBuf>, file::Group) {
    let mut first: HashMap<&str, NodeId> = HashMap::new();
    let mut once = |context: &mut Context<'_>, key: &'static str, node: NodeId| {
        let Some(other) = first.get(key) else {
            first.insert(key, node);
            return true;
        };
        let place = context.sources.place(context.mark(*other), context.mark(node));
        context.error(node, format!("`{key}` is given twice; first on {place}"));
        false
    };
    let (mut name, mut label, mut ssh_config, mut defaults) = (None, None, None, None);
    for Decoded {
        file, ssh_config: path, ..
    } in files.iter_mut()
    {
        if let Some(text) = file.fleet.take()
            && once(context, "fleet", text.node)
        {
            if text.value.trim().is_empty() || visible(&text.value) != text.value {
                context.error(text.node, "the fleet's name is empty or holds control characters");
            }
            name = Some(text.value);
        }
        if let Some(text) = file.label.take()
            && once(context, "label", text.node)
        {
            if visible(&text.value) != text.value || text.value.chars().count() > 40 {
                context.error(text.node, "a label is a short word without control characters");
            }
            label = Some(text.value);
        }
        if let Some(text) = file.ssh_config.take()
            && once(context, "ssh_config", text.node)
        {
            ssh_config = path.take();
        }
        if let Some(group) = file.defaults.take()
            && once(context, "defaults", group.node)
        {
            defaults = Some(group.value);
        }
    }
    let lost = files
        .iter()
        .any(|Decoded { root, .. }| super::decode::lacks_by_pruning(context.tree, *root, "fleet"));
    if name.is_none() && !lost && !incomplete {
        context
            .notes
            .error(
                Mark {
                    line: 1,
                    column: 1,
                    ..Mark::default()
                },
                "the fleet has no name",
            )
            .hint("begin with `fleet: NAME`");
    }
    (name, label, ssh_config, defaults.unwrap_or_default())
}

/// Failure domains: checks their references and returns the racks.
fn domains(context: &mut Context<'_>, files: &[Decoded]) -> HashMap<String, RackOf> {
    let mut racks = HashMap::new();
    for Decoded { file, .. } in files {
        for (name, node) in &file.sites.entries {
            let at = context.mark(name.node);
            let _: Option<file::Site> = decode(context.tree, *node, at, context.notes);
        }
        for (name, node) in file.feeds.entries.iter().chain(&file.switches.entries) {
            let at = context.mark(name.node);
            if let Some(domain) = decode::<file::Domain>(context.tree, *node, at, context.notes) {
                context.resolved(What::Site, domain.site);
            }
        }
        for (name, node) in &file.racks.entries {
            let at = context.mark(name.node);
            let Some(rack) = decode::<file::Rack>(context.tree, *node, at, context.notes) else {
                continue;
            };
            let names = |list: Vec<Text>| list.into_iter().map(|text| text.value).collect();
            let rack = RackOf {
                site: context.resolved(What::Site, rack.site).map(|site| site.value),
                feeds: names(context.resolved_all(What::Feed, &rack.feeds.unwrap_or_default())),
                switches: names(context.resolved_all(What::Switch, &rack.switches.unwrap_or_default())),
            };
            racks.entry(name.value.clone()).or_insert(rack);
        }
    }
    racks
}

fn groups(context: &mut Context<'_>, files: &[Decoded], storage: &Storage) -> HashMap<String, Level> {
    let mut groups = HashMap::new();
    for (name, node) in files.iter().flat_map(|decoded| &decoded.file.groups.entries) {
        let at = context.mark(name.node);
        if let Some(group) = decode::<file::Group>(context.tree, *node, at, context.notes) {
            let level = Level::compile(context, group, storage);
            groups.entry(name.value.clone()).or_insert(level);
        }
    }
    groups
}
