//! Hosts: ranges written out, levels added up, jump chains resolved.

use super::{
    decode::decode,
    diagnostic::Mark,
    file::{self, File, Text},
    level::{Level, Levels, RackOf},
    model::{Host, MysqlAccess, ReachBy, Shell},
    names::{Context, What, bad_word},
    range::{expand, is_range},
    storage::Storage,
    suggest::{quote, visible},
    yaml::NodeId,
};
use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
};

/// Most hosts of one fleet.
const LIMIT: usize = 20_000;
/// Longest jump chain.
const JUMPS: usize = 8;

/// Hosts under construction, with what later checks need to know of their places.
#[derive(Default)]
pub(super) struct Hosts {
    /// The hosts in their order.
    pub list: Vec<Host>,
    /// For each host, the node of its name.
    pub named_at: Vec<NodeId>,
    /// For each host, the node of its address (or name).
    pub address_at: Vec<NodeId>,
    /// For each host, its jump entries before they are resolved.
    jumps: Vec<Option<Vec<Text>>>,
}

/// What hosts draw on.
pub(super) struct Shared<'a> {
    pub defaults: &'a Level,
    pub groups: &'a HashMap<String, Level>,
    pub racks: &'a HashMap<String, RackOf>,
    pub storage: &'a Storage,
    /// Members of topologies: they are asked for MySQL without saying so.
    pub mysql_members: &'a HashSet<String>,
}

impl Hosts {
    /// Declares the host names of a file, ranges written out.
    pub fn declare(context: &mut Context<'_>, root: NodeId, file: &File) {
        for (name, _) in &file.hosts.entries {
            let names = context.expanded(name);
            if names.is_empty() {
                context.incomplete(What::Host);
            }
            for host in names {
                context.declare(What::Host, &host, name.node);
            }
        }
        context.note_pruned(What::Host, root);
    }

    /// Decodes and completes the hosts of one file.
    pub fn add(&mut self, context: &mut Context<'_>, file: &File, shared: &Shared<'_>) {
        for (name, node) in &file.hosts.entries {
            let at = context.mark(name.node);
            let Some(host) = decode::<file::Host>(context.tree, *node, at, context.notes) else {
                continue;
            };
            let names = expand(&name.value).unwrap_or_default();
            if self.list.len() + names.len() > LIMIT {
                context.error(name.node, format!("more than {LIMIT} hosts"));
                return;
            }
            self.add_entry(context, name, &names, host, shared);
        }
    }

    fn add_entry(
        &mut self,
        context: &mut Context<'_>,
        name: &Text,
        names: &[String],
        host: file::Host,
        shared: &Shared<'_>,
    ) {
        let (address, groups, own) = host.split();
        let address_node = address.as_ref().map_or(name.node, |address| address.node);
        let addresses = self::addresses(context, name, names, address.as_ref());
        let groups = context.resolved_all(What::Group, &groups);
        let own = Level::compile(context, own, shared.storage);
        let mut levels = vec![&own];
        levels.extend(groups.iter().filter_map(|group| shared.groups.get(&group.value)));
        levels.push(shared.defaults);
        let levels = Levels(levels);
        let roles = levels.roles();
        let template = Host {
            port: levels.first(|level| level.port),
            user: levels.first(|level| level.user.clone()),
            reach: levels.first(|level| level.via).unwrap_or(ReachBy::Ssh),
            shell: levels.first(|level| level.shell).unwrap_or(Shell::Posix),
            tags: levels.tags(),
            generation: levels.generation(),
            backup_programs: levels.backup_programs(),
            sudo: levels.sudo(),
            domains: levels.domains(context, shared.racks),
            poll: levels.poll(context),
            thresholds: levels.thresholds(context),
            mounts: levels.mounts(context),
            mysql: levels.mysql(),
            probes: levels.probes(),
            roles,
            ..Host::new("", "")
        };
        check_appliance(context, name.node, &template);
        for (host, address) in names.iter().zip(addresses) {
            let asked = template.roles.contains("mysql") || shared.mysql_members.contains(host);
            let mysql = template.mysql.clone().or_else(|| asked.then(MysqlAccess::default));
            self.list.push(Host {
                name: host.as_str().into(),
                address,
                mysql,
                fencing: levels.fencing(host),
                rolling: levels.hooks(host),
                ..template.clone()
            });
            self.named_at.push(name.node);
            self.address_at.push(address_node);
            self.jumps.push(jumps_of(&levels, &own, host));
        }
    }

    /// Resolves jump chains: a jump host of this inventory is replaced by its address, user and port,
    /// behind the jump hosts of its own.
    pub fn resolve_jumps(&mut self, context: &mut Context<'_>) {
        let at: HashMap<&str, usize> = self
            .list
            .iter()
            .enumerate()
            .map(|(at, host)| (host.name.as_str(), at))
            .collect();
        let mut checked = HashSet::new();
        for jump in self.jumps.iter().flatten().flatten() {
            if checked.insert(jump.node) && !at.contains_key(jump.value.as_str()) {
                check_jump(context, jump);
            }
        }
        let mut chains = Vec::with_capacity(self.list.len());
        for host in 0..self.list.len() {
            chains.push(self.chain(context, &at, host));
        }
        for (host, chain) in self.list.iter_mut().zip(chains) {
            host.jump = chain;
        }
    }

    fn chain(&self, context: &mut Context<'_>, at: &HashMap<&str, usize>, host: usize) -> Option<Vec<String>> {
        let own = self.jumps[host].as_ref()?;
        let spec = |jump: &Text| match at.get(jump.value.as_str()) {
            Some(host) => spec(&self.list[*host]),
            None => jump.value.clone(),
        };
        let mut chain: Vec<String> = own.iter().map(spec).collect();
        let mut seen = HashSet::from([host]);
        let mut first = own.first();
        while let Some(jump) = first {
            let Some(next) = at.get(jump.value.as_str()).copied() else {
                break;
            };
            if !seen.insert(next) || chain.len() > JUMPS {
                let name = &self.list[host].name;
                let message = if chain.len() > JUMPS {
                    format!("more than {JUMPS} jump hosts before {}", quote(name.as_str()))
                } else {
                    format!(
                        "the jump hosts of {} lead in a circle through {}",
                        quote(name.as_str()),
                        quote(&jump.value)
                    )
                };
                // Every host of the circle says the same; one report at the first entry is enough.
                context
                    .error(own.first().map_or(jump.node, |first| first.node), message)
                    .hint("one of them must be reached without the others: give it `jump: []`");
                return None;
            }
            let before = self.jumps[next].as_deref().unwrap_or_default();
            chain.splice(0..0, before.iter().map(spec));
            first = before.first();
        }
        Some(chain)
    }
}

/// The jump entries that hold for a host. A host that inherits a chain through itself (a jump host
/// that belongs to the group it serves) takes the part before itself.
fn jumps_of(levels: &Levels<'_>, own: &Level, host: &str) -> Option<Vec<Text>> {
    if let Some(own) = &own.jump {
        return Some(own.clone());
    }
    let inherited = levels.first(|level| level.jump.as_ref())?;
    let upto = inherited.iter().position(|jump| jump.value == host);
    Some(inherited[..upto.unwrap_or(inherited.len())].to_vec())
}

/// `[user@]host[:port]` of a host of the inventory.
fn spec(host: &Host) -> String {
    let user = host.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = host.port.map(|port| format!(":{port}")).unwrap_or_default();
    if host.address.parse::<Ipv6Addr>().is_ok() {
        format!("{user}[{}]{port}", host.address)
    } else {
        format!("{user}{}{port}", host.address)
    }
}

/// Checks a jump host that is not one of the inventory.
fn check_jump(context: &mut Context<'_>, jump: &Text) {
    let text = jump.value.as_str();
    let (user, host_port) = text
        .rsplit_once('@')
        .map_or((None, text), |(user, rest)| (Some(user), rest));
    let (host, port) = match host_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some(rest))),
        None if host_port.parse::<Ipv6Addr>().is_ok() => (host_port, None),
        None => host_port
            .split_once(':')
            .map_or((host_port, None), |(host, port)| (host, Some(port))),
    };
    let bad_port = port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0));
    if bad_word(host).is_some() || user.is_some_and(|user| bad_word(user).is_some()) || bad_port {
        context
            .error(jump.node, format!("{} is not a jump host", quote(text)))
            .hint("write the name of a host of this inventory, or [user@]host[:port]");
        return;
    }
    if user.is_none()
        && port.is_none()
        && !host.contains(['.', ':'])
        && !context.is_incomplete(What::Host)
        && let Some(hint) = context.suggest(What::Host, host)
    {
        context
            .warning(
                jump.node,
                format!("the jump host {} is not a host of this inventory", quote(text)),
            )
            .hint(hint);
    }
}

/// One address for each name.
fn addresses(context: &mut Context<'_>, name: &Text, names: &[String], address: Option<&Text>) -> Vec<String> {
    let Some(address) = address else {
        return names.to_vec();
    };
    let node = address.node;
    if !is_range(&address.value) {
        if is_range(&name.value) {
            context
                .error(
                    node,
                    format!("one address for the {} hosts of {}", names.len(), quote(&name.value)),
                )
                .hint("write a range into the address, too, such as 10.0.1.[11-18]");
            return vec![String::new(); names.len()];
        }
        check_address(context, address);
        return vec![address.value.clone(); names.len()];
    }
    let all = context.expanded(address);
    if all.is_empty() {
        return names.to_vec();
    }
    if all.len() != names.len() {
        context
            .error(
                node,
                format!(
                    "{} holds {} addresses for {} hosts",
                    quote(&address.value),
                    all.len(),
                    names.len()
                ),
            )
            .hint("both ranges must have the same length");
        return vec![String::new(); names.len()];
    }
    if let Some(first) = all.first() {
        check_address(
            context,
            &Text {
                value: first.clone(),
                node,
            },
        );
    }
    all
}

fn check_address(context: &mut Context<'_>, address: &Text) {
    if let Some(hint) = bad_address(&address.value) {
        context
            .error(
                address.node,
                format!("{} is not an address to connect to", quote(&address.value)),
            )
            .hint(hint);
    }
}

/// What to write instead of a text that cannot be a host's address; `None` for a good one.
pub(crate) fn bad_address(text: &str) -> Option<String> {
    const SPECIAL: [char; 21] = [
        '[', ']', ',', '!', '*', '?', '"', '\'', '\\', '$', ';', '&', '|', '<', '>', '`', '(', ')', '{', '}', '%',
    ];
    if let Some((user, _)) = text.split_once('@') {
        Some(format!("write the user on its own: `user: {}`", visible(user)))
    } else if let Some((host, port)) = text.split_once(':').filter(|_| text.parse::<IpAddr>().is_err()) {
        if port.parse::<u16>().is_ok() && !host.starts_with('[') {
            Some(format!("write the port on its own: `port: {port}`"))
        } else {
            Some("an IPv6 address stands here without brackets".to_owned())
        }
    } else if text.contains('/') {
        Some("a host's address has no prefix length and no path".to_owned())
    } else if bad_word(text).is_some() || text.contains(SPECIAL) {
        Some("write a DNS name, an address, or an alias of ssh_config".to_owned())
    } else {
        None
    }
}

/// An appliance without a shell can answer probes only.
fn check_appliance(context: &mut Context<'_>, node: NodeId, host: &Host) {
    if host.shell != Shell::None {
        return;
    }
    // Probes may come from a group that could not be read.
    if host.probes.is_empty() && !context.is_incomplete(What::Group) {
        context
            .warning(
                node,
                "a host without a shell and without probes shows nothing but its reachability",
            )
            .hint("add `probes:`");
    }
    if host.reach == ReachBy::Local {
        context
            .error(node, "`via: local` needs a shell")
            .hint("remove `shell: none`");
    }
}

/// What decides whether two hosts are the same machine: address, port, and the way there.
pub(super) fn identity(host: &Host) -> (String, u16, String) {
    let address = match host.address.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => host.address.trim_end_matches('.').to_lowercase(),
    };
    let way = host.jump.as_ref().map(|jump| jump.join(",")).unwrap_or_default();
    (address, host.port.unwrap_or(22), way)
}

/// Where a name is declared, for messages that name a second place.
pub(super) fn place(context: &Context<'_>, node: NodeId, seen_from: Mark) -> String {
    context.sources.place(context.mark(node), seen_from)
}
