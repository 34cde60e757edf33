//! Settings of one level (a host's own, a group's, the defaults), checked once, and how levels add up.

use super::{
    decode::{List, Spanned},
    file::{self, MountWhat, Text},
    model::{
        Domains, ExpectedMount, Fencing, Hook, Hooks, MysqlAccess, Poll, Probe, ReachBy, ServiceHooks, Shell,
        Thresholds,
    },
    name::{HostName, SliceName},
    names::{Context, What, bad_path},
    probe,
    program::usable,
    storage::Storage,
    suggest::{nearest, quote},
    yaml::NodeId,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

/// How long a command of the site's own may take when nothing is said.
const USUAL_HOOK: Duration = Duration::from_hours(1);
/// And at most.
const LONGEST_HOOK: Duration = Duration::from_hours(24);

/// Roles that mean something to the program.
const ROLES: [&str; 4] = ["storage", "node", "mysql", "backup"];

/// Checked settings of one level.
#[derive(Default)]
pub(super) struct Level {
    pub port: Option<u16>,
    pub user: Option<String>,
    pub jump: Option<Vec<Text>>,
    pub via: Option<ReachBy>,
    pub shell: Option<Shell>,
    pub roles: Vec<Text>,
    tags: Vec<String>,
    generation: Option<String>,
    backup_programs: Vec<String>,
    sudo: Option<bool>,
    site: Option<Text>,
    rack: Option<Text>,
    feeds: Option<BTreeSet<String>>,
    switches: Option<BTreeSet<String>>,
    poll: Option<file::Poll>,
    thresholds: Option<file::Thresholds>,
    pub mounts: Vec<(ExpectedMount, NodeId)>,
    pub mysql: Option<MysqlAccess>,
    fencing: Option<Fencing>,
    rolling: Hooks,
    probes: Vec<Probe>,
}

/// A rack, with its references checked.
#[derive(Default)]
pub(super) struct RackOf {
    pub site: Option<String>,
    pub feeds: BTreeSet<String>,
    pub switches: BTreeSet<String>,
}

impl Level {
    /// Checks the settings of one level.
    pub fn compile(context: &mut Context<'_>, group: file::Group, storage: &Storage) -> Self {
        let set = |context: &mut Context<'_>, what, list: Option<List<Text>>| {
            list.map(|list| {
                let names = context.resolved_all(what, &list);
                names.into_iter().map(|name| name.value).collect()
            })
        };
        Self {
            port: check_port(context, group.port),
            user: group
                .user
                .filter(|user| check_user(context, user))
                .map(|user| user.value),
            jump: group.jump.map(|jump| check_jumps(context, jump.value)),
            via: group.via,
            shell: group.shell,
            roles: check_roles(context, group.roles),
            tags: check_words(context, "a tag", group.tags)
                .into_iter()
                .map(|tag| tag.value)
                .collect(),
            generation: group
                .generation
                .filter(|generation| context.check_word("a generation", generation))
                .map(|generation| generation.value),
            backup_programs: check_programs(context, group.backup_programs),
            sudo: group.sudo,
            site: context.resolved(What::Site, group.site),
            rack: context.resolved(What::Rack, group.rack),
            feeds: set(context, What::Feed, group.feeds),
            switches: set(context, What::Switch, group.switches),
            poll: group.poll,
            thresholds: group
                .thresholds
                .inspect(|thresholds| check_thresholds(context, thresholds)),
            mounts: check_mounts(context, &group.mounts, storage),
            mysql: group.mysql.map(|mysql| check_mysql(context, mysql)),
            fencing: group.fencing.and_then(|fencing| check_fencing(context, fencing)),
            rolling: group
                .rolling
                .map_or_else(Hooks::default, |hooks| check_hooks(context, hooks)),
            probes: probe::compile_all(context, &group.probes),
        }
    }
}

fn check_port(context: &mut Context<'_>, port: Option<Spanned<u16>>) -> Option<u16> {
    let port = port?;
    if port.value == 0 {
        context.error(port.node, "0 is not a port");
        return None;
    }
    Some(port.value)
}

/// `none` is no jump host but means that there is none, as `ProxyJump none` does (`ssh_config(5)`).
fn check_jumps(context: &mut Context<'_>, jumps: List<Text>) -> Vec<Text> {
    let is_none = |jump: &Text| jump.value.eq_ignore_ascii_case("none");
    if let ([_, _, ..], Some(none)) = (&*jumps.0, jumps.0.iter().find(|jump| is_none(jump))) {
        context
            .error(none.node, "`none` cannot stand among jump hosts")
            .hint("`jump: none` alone, or `jump: []`, means that no jump host is used");
    }
    jumps.0.into_iter().filter(|jump| !is_none(jump)).collect()
}

fn check_user(context: &mut Context<'_>, user: &Text) -> bool {
    if user.value.contains('@') {
        context.error(
            user.node,
            format!("{} cannot be a user: it holds an @", quote(&user.value)),
        );
        return false;
    }
    context.check_word("a user", user)
}

fn check_words(context: &mut Context<'_>, what: &str, list: List<Text>) -> Vec<Text> {
    list.0
        .into_iter()
        .filter(|word| {
            // These have a meaning in selectors.
            let special = word.value.contains([',', '|', '=', '!', '*', '?']);
            if special {
                context.error(
                    word.node,
                    format!(
                        "{} cannot be {what}: , | = ! * and ? are for selectors",
                        quote(&word.value)
                    ),
                );
            }
            !special && context.check_word(what, word)
        })
        .collect()
}

fn check_programs(context: &mut Context<'_>, list: List<Text>) -> Vec<String> {
    let programs = list.0.into_iter();
    programs
        .filter(|program| context.check_word("the name of a program", program))
        .map(|program| program.value)
        .collect()
}

fn check_roles(context: &mut Context<'_>, list: List<Text>) -> Vec<Text> {
    let roles = check_words(context, "a role", list);
    for role in &roles {
        if !ROLES.contains(&role.value.as_str())
            && role.value.len() >= 4
            && let Some(near) = nearest(&role.value, ROLES)
        {
            context
                .warning(
                    role.node,
                    format!("the role {} has no meaning of its own", quote(&role.value)),
                )
                .hint(format!("did you mean {}?", quote(near)));
        }
    }
    roles
}

fn check_mysql(context: &mut Context<'_>, mysql: file::Mysql) -> MysqlAccess {
    let path = |context: &mut Context<'_>, what: &str, text: Option<Text>| {
        text.filter(|text| context.check_path(what, text))
            .map(|text| text.value)
    };
    let heartbeat = mysql.heartbeat.filter(|table| {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-');
        let good = table.value.split_once('.').is_some_and(|(db, table)| {
            [db, table]
                .iter()
                .all(|part| !part.is_empty() && part.chars().all(word))
        });
        if !good {
            context
                .error(table.node, format!("{} is not a heartbeat table", quote(&table.value)))
                .hint("write database.table, such as percona.heartbeat");
        }
        good
    });
    let address = mysql.address.filter(|name| {
        // It becomes a word of SQL there, and of a command.
        let good = !name.value.is_empty()
            && !name.value.starts_with('-')
            && name
                .value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
        if !good {
            context
                .error(
                    name.node,
                    format!("{} is no name or address of a server", quote(&name.value)),
                )
                .hint("write what other servers connect to, such as 10.0.0.7 or db1.example.net:3307");
        }
        good
    });
    let command = |context: &mut Context<'_>, words: Option<Spanned<List<String>>>| {
        words.and_then(|words| probe::check_command(context, &words))
    };
    MysqlAccess {
        defaults_file: path(context, "a defaults file", mysql.defaults_file),
        socket: path(context, "a socket", mysql.socket),
        heartbeat: heartbeat.map(|table| table.value),
        address: address.map(|name| name.value),
        replication_file: path(context, "a file of options", mysql.replication_file),
        datadir: path(context, "a data directory", mysql.datadir),
        server: command(context, mysql.server),
        start: command(context, mysql.start),
        start_new_cluster: command(context, mysql.start_new_cluster),
    }
}

fn check_fencing(context: &mut Context<'_>, fencing: file::Fencing) -> Option<Fencing> {
    let off = probe::check_command(context, &fencing.off);
    let status = probe::check_command(context, &fencing.status);
    let says_off = fencing.says_off.filter(|text| {
        let good = !text.value.trim().is_empty() && !text.value.contains(char::is_control);
        if !good {
            context
                .error(text.node, "this is no line that a command prints")
                .hint("write the line that `status` prints when the host is off, such as: Chassis Power is off");
        }
        good
    });
    Some(Fencing {
        off: off?,
        status: status?,
        says_off: says_off.map_or_else(|| "off".to_owned(), |text| text.value),
    })
}

/// A command of the site's own: no shell, and nothing that a typed action does with its interlocks.
pub(super) fn check_hook_command(
    context: &mut Context<'_>,
    command: &Spanned<List<String>>,
    changes: bool,
) -> Option<Vec<String>> {
    let words = probe::check_command(context, command)?;
    if let Err((says, hint)) = usable(&words[0], changes) {
        context.error(command.node, says).hint(hint);
        return None;
    }
    Some(words)
}

fn check_hooks(context: &mut Context<'_>, hooks: file::Rolling) -> Hooks {
    let mut command = |given: &Option<Spanned<List<String>>>, changes| {
        let node = given.as_ref()?.node;
        Some((check_hook_command(context, given.as_ref()?, changes), node))
    };
    let serving = command(&hooks.serving, false);
    let drain = command(&hooks.drain, true);
    let undrain = command(&hooks.undrain, true);
    let first = [&serving, &drain, &undrain]
        .into_iter()
        .flatten()
        .next()
        .map(|(_, node)| *node);
    let mut service = None;
    if let (Some((serving, _)), Some((drain, _)), Some((undrain, _))) = (serving, drain, undrain) {
        service = serving.zip(drain).zip(undrain);
    } else if let Some(node) = first {
        context
            .error(node, "`serving`, `drain` and `undrain` belong together")
            .hint("what takes a host out of service has to be proven, and taken back: write all three");
    }
    for port in &hooks.ports.0 {
        check_port(context, Some(Spanned { ..*port }));
        if first.is_none() {
            context
                .error(port.node, "nothing keeps new connections away from these ports")
                .hint("write `serving`, `drain` and `undrain` as well");
        }
    }
    let ports = hooks.ports.0.into_iter().map(|port| port.value).collect();
    Hooks {
        service: service.map(|((serving, drain), undrain)| ServiceHooks {
            serving,
            drain,
            undrain,
            ports,
            connections: hooks.connections.unwrap_or(0),
        }),
        upgrade: hooks.upgrade.and_then(|hook| check_hook(context, hook)),
        reinstall: hooks.reinstall.and_then(|hook| check_hook(context, hook)),
    }
}

/// A command with its proof.
pub(super) fn check_hook(context: &mut Context<'_>, hook: file::Hook) -> Option<Hook> {
    let run = check_hook_command(context, &hook.run, true);
    let proof = check_hook_command(context, &hook.proof, false);
    let on = context.resolved(What::Host, hook.on);
    let within = hook.within.filter(|within| {
        let good = !within.value.0.is_zero() && within.value.0 <= LONGEST_HOOK;
        if !good {
            context.error(within.node, "a command may take up to a day");
        }
        good
    });
    Some(Hook {
        run: run?,
        proof: proof?,
        on: on.map(|on| HostName::new(on.value.as_str())),
        within: within.map_or(USUAL_HOOK, |within| within.value.0),
    })
}

fn check_thresholds(context: &mut Context<'_>, thresholds: &file::Thresholds) {
    for (key, value, node) in thresholds.given() {
        if value < 0.0 || key == "debounce_polls" && value < 1.0 {
            context.error(node, format!("`{key}` cannot be {value}"));
        } else if key.ends_with("_percent") && value > 100.0 {
            context.error(node, format!("`{key}` cannot be more than 100, found {value}"));
        }
    }
}

fn check_mounts(
    context: &mut Context<'_>,
    list: &List<Spanned<file::Mount>>,
    storage: &Storage,
) -> Vec<(ExpectedMount, NodeId)> {
    let mut out = Vec::new();
    for entry in &list.0 {
        let node = entry.node;
        if let Some(problem) = entry.value.at.as_deref().and_then(bad_path) {
            let at = entry.value.at.as_deref().unwrap_or_default();
            context.error(node, format!("{} cannot be a mount point: {problem}", quote(at)));
            continue;
        }
        let slices: Vec<&str> = match &entry.value.what {
            MountWhat::Slice(name) => {
                if !context.knows(What::Slice, name) && context.knows(What::Segment, name) {
                    context
                        .error(node, format!("{} is a segment, not a slice", quote(name)))
                        .hint(format!("write `all of {name}` for every slice of it"));
                    continue;
                }
                context.resolve(What::Slice, name, node);
                vec![name]
            }
            MountWhat::Segment(name) => {
                context.resolve(What::Segment, name, node);
                let slices = storage.slices_of(name);
                let fixed = |at: &String| !at.contains("{slice}");
                if slices.len() > 1 && entry.value.at.as_ref().is_some_and(fixed) {
                    context
                        .error(
                            node,
                            format!("all slices of {} would be mounted at one place", quote(name)),
                        )
                        .hint("put {slice} into `at`, such as at: /mnt/{slice}");
                    continue;
                }
                slices.iter().map(String::as_str).collect()
            }
        };
        for slice in slices {
            // A slice that could not be read has been reported; nothing can be expected of it.
            let Some(served_at) = storage.mount_path(slice) else {
                continue;
            };
            let at = match &entry.value.at {
                Some(at) => at.replace("{slice}", slice),
                None => served_at.to_owned(),
            };
            let slice = SliceName::new(slice);
            out.push((ExpectedMount { slice, at }, node));
        }
    }
    out
}

/// The levels that hold for one host, the strongest first: its own, its groups', the defaults.
pub(super) struct Levels<'a>(pub Vec<&'a Level>);

impl<'a> Levels<'a> {
    /// The strongest level's value.
    pub fn first<T>(&self, get: impl Fn(&'a Level) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|level| get(level))
    }

    /// Roles of all levels.
    pub fn roles(&self) -> BTreeSet<String> {
        let roles = self.0.iter().flat_map(|level| &level.roles);
        roles.map(|role| role.value.clone()).collect()
    }

    /// Tags of all levels.
    pub fn tags(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(|level| level.tags.iter().cloned()).collect()
    }

    /// Programs that make backups, of all levels.
    pub fn backup_programs(&self) -> BTreeSet<String> {
        let programs = self.0.iter().flat_map(|level| &level.backup_programs);
        programs.cloned().collect()
    }

    /// The strongest generation.
    pub fn generation(&self) -> Option<String> {
        self.first(|level| level.generation.clone())
    }

    /// Whether `sudo` may be used.
    pub fn sudo(&self) -> bool {
        self.first(|level| level.sudo).unwrap_or_default()
    }

    /// Where the host stands. A rack brings its site, feeds and switches along, unless a level that
    /// is at least as strong as the one naming the rack says otherwise.
    pub fn domains(&self, context: &mut Context<'_>, racks: &HashMap<String, RackOf>) -> Domains {
        let found = self
            .0
            .iter()
            .enumerate()
            .find_map(|(at, level)| level.rack.as_ref().map(|rack| (at, rack)));
        let upto = found.map_or(self.0.len(), |(at, _)| at + 1);
        let strong = Levels(self.0[..upto].to_vec());
        let rack = found.and_then(|(_, rack)| racks.get(&rack.value));
        let site = strong.first(|level| level.site.as_ref());
        if let (Some(site), Some(rack_site), Some((_, rack))) = (site, rack.and_then(|rack| rack.site.as_ref()), found)
            && site.value != *rack_site
        {
            context.error(
                site.node,
                format!(
                    "the site is {}, but rack {} stands at {}",
                    quote(&site.value),
                    quote(&rack.value),
                    quote(rack_site)
                ),
            );
        }
        let set = |own: Option<&BTreeSet<String>>,
                   of_rack: fn(&RackOf) -> &BTreeSet<String>,
                   weak: Option<&BTreeSet<String>>| {
            own.or_else(|| rack.map(of_rack).filter(|set| !set.is_empty()))
                .or(weak)
                .cloned()
                .unwrap_or_default()
        };
        Domains {
            site: site
                .map(|site| site.value.clone())
                .or_else(|| rack.and_then(|rack| rack.site.clone()))
                .or_else(|| self.first(|level| level.site.as_ref()).map(|site| site.value.clone())),
            rack: found.map(|(_, rack)| rack.value.clone()),
            feeds: set(
                strong.first(|level| level.feeds.as_ref()),
                |rack| &rack.feeds,
                self.first(|level| level.feeds.as_ref()),
            ),
            switches: set(
                strong.first(|level| level.switches.as_ref()),
                |rack| &rack.switches,
                self.first(|level| level.switches.as_ref()),
            ),
        }
    }

    /// Poll settings, with a report when they do not fit together.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll {
        type Get = fn(&file::Poll) -> Option<&Spanned<file::Period>>;
        let mut given = |key: &str, get: Get, least_ms: u64, to: &mut Duration| {
            let period = self.first(|level| level.poll.as_ref().and_then(get))?;
            let span = period.value.0;
            if span < Duration::from_millis(least_ms) || span > Duration::from_hours(24) {
                let message = format!("`{key}` must lie between {least_ms} ms and one day");
                context.error(period.node, message);
                return None;
            }
            *to = span;
            Some(period.node)
        };
        let mut out = Poll::default();
        let interval = given("interval", |poll| poll.interval.as_ref(), 100, &mut out.interval);
        let medium = given("medium", |poll| poll.medium.as_ref(), 500, &mut out.medium);
        let slow = given("slow", |poll| poll.slow.as_ref(), 1000, &mut out.slow);
        given("deadline", |poll| poll.deadline.as_ref(), 100, &mut out.deadline);
        let connect: Get = |poll| poll.connect_deadline.as_ref();
        given("connect_deadline", connect, 100, &mut out.connect_deadline);
        // A slower tier is never asked more often than a faster one; that is worth a word only when
        // both were written down.
        for (fast, slow, [less, more]) in [
            (
                interval.filter(|_| out.interval > out.medium),
                medium,
                ["interval", "medium"],
            ),
            (medium.filter(|_| out.medium > out.slow), slow, ["medium", "slow"]),
        ] {
            if let (Some(fast), Some(_)) = (fast, slow) {
                context
                    .warning(fast, format!("`{less}` is longer than `{more}`"))
                    .hint("a slower tier is never asked more often than a faster one");
            }
        }
        out.medium = out.medium.max(out.interval);
        out.slow = out.slow.max(out.medium);
        out
    }

    /// Limits, with a report when a warning lies beyond its critical limit.
    pub fn thresholds(&self, context: &mut Context<'_>) -> Thresholds {
        let mut out = Thresholds::default();
        for level in self.0.iter().rev() {
            if let Some(given) = &level.thresholds {
                given.apply(&mut out);
            }
        }
        for (warning, critical, name) in [
            (out.disk_warning_percent, out.disk_critical_percent, "disk"),
            (out.lag_warning_seconds, out.lag_critical_seconds, "lag"),
        ] {
            if warning > critical
                && let Some(node) = self.first(|level| {
                    let given = level.thresholds.as_ref()?.given();
                    let of_pair = |key: &str| key.starts_with(name) && !key.contains("full");
                    given.filter(|(key, ..)| of_pair(key)).map(|(.., node)| node).next()
                })
            {
                context
                    .error(
                        node,
                        format!("the {name} warning at {warning} lies above critical at {critical}"),
                    )
                    .hint("the limits are the wrong way round");
            }
        }
        out
    }

    /// Expected mounts of all levels; the strongest level decides where a slice is mounted.
    pub fn mounts(&self, context: &mut Context<'_>) -> Vec<ExpectedMount> {
        let mut slices = HashSet::new();
        let mut places: HashMap<&str, &SliceName> = HashMap::new();
        let mut out = Vec::new();
        for (mount, node) in self.0.iter().flat_map(|level| &level.mounts) {
            if !slices.insert(&mount.slice) {
                continue;
            }
            if let Some(other) = places.insert(&mount.at, &mount.slice) {
                context.error(
                    *node,
                    format!(
                        "slices {} and {} would both be mounted at {}",
                        quote(other.as_str()),
                        quote(mount.slice.as_str()),
                        quote(&mount.at)
                    ),
                );
                continue;
            }
            out.push(mount.clone());
        }
        out
    }

    /// MySQL access, key by key; `None` when no level speaks of it.
    pub fn mysql(&self) -> Option<MysqlAccess> {
        self.first(|level| level.mysql.as_ref())?;
        let get = |key: fn(&MysqlAccess) -> &Option<String>| {
            self.first(|level| level.mysql.as_ref().and_then(|mysql| key(mysql).clone()))
        };
        let words = |key: fn(&MysqlAccess) -> &Option<Vec<String>>| {
            self.first(|level| level.mysql.as_ref().and_then(|mysql| key(mysql).clone()))
        };
        Some(MysqlAccess {
            defaults_file: get(|mysql| &mysql.defaults_file),
            socket: get(|mysql| &mysql.socket),
            heartbeat: get(|mysql| &mysql.heartbeat),
            address: get(|mysql| &mysql.address),
            replication_file: get(|mysql| &mysql.replication_file),
            datadir: get(|mysql| &mysql.datadir),
            server: words(|mysql| &mysql.server),
            start: words(|mysql| &mysql.start),
            start_new_cluster: words(|mysql| &mysql.start_new_cluster),
        })
    }

    /// How `host` is fenced, with its name in the place of `{host}`.
    pub fn fencing(&self, host: &str) -> Option<Fencing> {
        let fencing = self.first(|level| level.fencing.clone())?;
        let named = |words: Vec<String>| words.into_iter().map(|word| word.replace("{host}", host)).collect();
        Some(Fencing {
            off: named(fencing.off),
            status: named(fencing.status),
            says_off: fencing.says_off,
        })
    }

    /// What is done to take `host` out of service, to upgrade it and to install it anew, each by the strongest level that
    /// speaks of it, with the host's name in the place of `{host}`.
    pub fn hooks(&self, host: &str) -> Hooks {
        let named = |words: &[String]| words.iter().map(|word| word.replace("{host}", host)).collect();
        let hook = |get: fn(&Hooks) -> &Option<Hook>| {
            let hook = self.first(|level| get(&level.rolling).clone())?;
            Some(Hook {
                run: named(&hook.run),
                proof: named(&hook.proof),
                ..hook
            })
        };
        let service = self.first(|level| level.rolling.service.clone());
        Hooks {
            service: service.map(|hooks| ServiceHooks {
                serving: named(&hooks.serving),
                drain: named(&hooks.drain),
                undrain: named(&hooks.undrain),
                ..hooks
            }),
            upgrade: hook(|hooks| &hooks.upgrade),
            reinstall: hook(|hooks| &hooks.reinstall),
        }
    }

    /// Probes of all levels; the strongest of one name wins.
    pub fn probes(&self) -> Vec<Probe> {
        let mut names = HashSet::new();
        let all = self.0.iter().flat_map(|level| &level.probes);
        all.filter(|probe| names.insert(&probe.name)).cloned().collect()
    }
}
