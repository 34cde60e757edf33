//! Storage segments and their slices: decoded, completed with their defaults, and checked against
//! each other.

use super::{
    backup::BackupLevel,
    decode::{Spanned, decode},
    diagnostic::Mark,
    file::{self, File, Text},
    model::{Export, Segment, ServiceAddress, Slice},
    name::{HostName, SegmentName, SliceName},
    names::{Context, What},
    suggest::{quote, quote_all},
    yaml::NodeId,
};
use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv4Addr},
};

/// All segments, with what later checks need to know of their places.
#[derive(Default)]
pub(super) struct Storage {
    /// The segments in their order.
    pub segments: Vec<Segment>,
    /// For each segment, the node of its server list.
    pub servers_at: Vec<NodeId>,
    /// Where each service address stands.
    pub service_addresses: HashMap<IpAddr, Mark>,
    /// Slices by segment.
    by_segment: HashMap<String, Vec<String>>,
    /// The path that clients mount, by slice.
    paths: HashMap<String, String>,
    taken: Taken,
}

/// What is taken on each server, with the slice and the place that took it.
#[derive(Default)]
struct Taken(HashMap<(String, &'static str, String), (String, Mark)>);

impl Storage {
    /// Names of a segment's slices.
    pub fn slices_of(&self, segment: &str) -> &[String] {
        self.by_segment.get(segment).map_or(&[], Vec::as_slice)
    }

    /// The path of a slice that clients mount.
    pub fn mount_path(&self, slice: &str) -> Option<&str> {
        self.paths.get(slice).map(String::as_str)
    }

    /// Decodes and checks the segments of one file.
    pub fn add(&mut self, context: &mut Context<'_>, file: &File) {
        for (name, node) in &file.segments.entries {
            let at = context.mark(name.node);
            if let Some(segment) = decode::<file::Segment>(context.tree, *node, at, context.notes) {
                self.add_segment(context, name, segment);
            }
        }
    }

    fn add_segment(&mut self, context: &mut Context<'_>, name: &Text, segment: file::Segment) {
        let servers_node = segment.servers.node;
        if segment.servers.value.0.is_empty() {
            context.error(
                servers_node,
                format!("the segment {} has no servers", quote(&name.value)),
            );
        }
        let servers = context.resolved_all(What::Host, &segment.servers.value);
        let backup = BackupLevel::compile(context, segment.backup.as_ref());
        let complete = servers.len() == segment.servers.value.0.len();
        let pair = Pair {
            segment: name.value.clone(),
            servers: servers.iter().map(|server| server.value.clone()).collect(),
            complete,
            backup,
        };
        let pools: Vec<String> = segment
            .pools
            .0
            .into_iter()
            .filter(|pool| context.check_word("a pool", pool))
            .map(|pool| pool.value)
            .collect();
        if segment.slices.entries.is_empty() && pools.is_empty() {
            context.warning(
                name.node,
                format!("the segment {} has neither slices nor pools", quote(&name.value)),
            );
        }
        let mut slices = Vec::new();
        for (slice_name, node) in &segment.slices.entries {
            let at = context.mark(slice_name.node);
            let Some(slice) = decode::<file::Slice>(context.tree, *node, at, context.notes) else {
                continue;
            };
            if let Some(slice) = self.add_slice(context, &pair, slice_name, slice) {
                self.by_segment
                    .entry(name.value.clone())
                    .or_default()
                    .push(slice_name.value.clone());
                slices.push(slice);
            }
        }
        self.servers_at.push(servers_node);
        self.segments.push(Segment {
            name: SegmentName::new(&name.value),
            servers: pair.servers.iter().map(|server| HostName::new(server)).collect(),
            slices,
            pools,
        });
    }

    fn add_slice(&mut self, context: &mut Context<'_>, pair: &Pair, name: &Text, slice: file::Slice) -> Option<Slice> {
        context.check_word("a device", &slice.device);
        context.check_path("a mount point", &slice.mount_point);
        if let Some(resource) = &slice.resource {
            context.check_word("a DRBD resource", resource);
        }
        let export = slice
            .export
            .as_ref()
            .map(|export| check_export(context, name, &slice.mount_point, export));
        if let Some(service) = &slice.service_address {
            self.check_service(context, name, service);
        }
        let own = BackupLevel::compile(context, slice.backup.as_ref());
        let backup = own.over(context, name.node, &pair.backup, ("{slice}", &name.value));
        let placed = place(context, pair, name, &slice)?;
        self.take(context, name, &slice, &placed);
        let path = export.as_ref().map_or(&slice.mount_point.value, |export| &export.path);
        self.paths.insert(name.value.clone(), path.clone());
        Some(Slice {
            name: SliceName::new(&name.value),
            resource: slice.resource.map(|resource| resource.value),
            device: slice.device.value,
            mount_point: slice.mount_point.value,
            export,
            service_address: slice.service_address.map(|service| service.value.0),
            preferred: HostName::new(&placed.preferred),
            standby: placed.standby.as_deref().map(HostName::new),
            backup,
            unreplicated: slice.unreplicated,
        })
    }

    /// An address that moves, with what it belongs to.
    pub(super) fn check_service(&mut self, context: &mut Context<'_>, name: &Text, service: &Spanned<file::Service>) {
        let ServiceAddress { ip, .. } = service.value.0;
        if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
            context.error(
                service.node,
                format!("{} cannot be a service address", quote(&ip.to_string())),
            );
        }
        let mark = context.mark(service.node);
        match self.service_addresses.entry(ip) {
            Entry::Vacant(free) => {
                free.insert(mark);
            }
            Entry::Occupied(taken) => {
                let place = context.sources.place(*taken.get(), mark);
                context
                    .error(service.node, format!("{ip} is a service address already ({place})"))
                    .hint(format!(
                        "give {} an address of its own, so that it can move alone",
                        quote(&name.value)
                    ));
            }
        }
    }

    /// Resources, devices, mount points and filesystem ids can be used only once on a server; after a
    /// failover both slices may be on either of the pair.
    fn take(&mut self, context: &mut Context<'_>, name: &Text, slice: &file::Slice, placed: &Placed) {
        let fsid = slice.export.as_ref().and_then(|export| {
            let mut options = export.value.options.0.iter();
            options.find(|option| option.value.starts_with("fsid="))
        });
        let uses = [
            ("DRBD resource", slice.resource.as_ref()),
            ("device", Some(&slice.device)),
            ("mount point", Some(&slice.mount_point)),
            ("filesystem id", fsid),
        ];
        for host in std::iter::once(&placed.preferred).chain(&placed.standby) {
            for (what, text) in uses {
                let Some(text) = text else { continue };
                let mark = context.mark(text.node);
                match self.taken_on(host, what, &text.value) {
                    Entry::Vacant(free) => {
                        free.insert((name.value.clone(), mark));
                    }
                    Entry::Occupied(taken) => {
                        let (other, first) = taken.get();
                        if *other == name.value {
                            continue;
                        }
                        let place = context.sources.place(*first, mark);
                        let message = format!(
                            "{} is the {what} of slice {} on the same server, too ({place})",
                            quote(&text.value),
                            quote(other)
                        );
                        context.error(text.node, message);
                    }
                }
            }
        }
    }

    fn taken_on(
        &mut self,
        host: &str,
        what: &'static str,
        value: &str,
    ) -> Entry<'_, (String, &'static str, String), (String, Mark)> {
        self.taken.0.entry((host.to_owned(), what, value.to_owned()))
    }
}

/// What a slice takes from its segment.
struct Pair {
    segment: String,
    servers: Vec<String>,
    complete: bool,
    backup: BackupLevel,
}

/// Where a slice lives.
struct Placed {
    preferred: String,
    standby: Option<String>,
}

/// Finds where a slice lives and where its replica is. `None` when the segment has no usable server.
fn place(context: &mut Context<'_>, pair: &Pair, name: &Text, slice: &file::Slice) -> Option<Placed> {
    let servers = &pair.servers;
    for (role, text) in [("preferred", &slice.preferred), ("standby", &slice.standby)] {
        let Some(text) = text else { continue };
        if context.resolve(What::Host, &text.value, text.node) && pair.complete && !servers.contains(&text.value) {
            context
                .error(
                    text.node,
                    format!(
                        "the {role} server {} is not a server of segment {}",
                        quote(&text.value),
                        quote(&pair.segment)
                    ),
                )
                .hint(format!(
                    "its servers are {}",
                    quote_all(servers.iter().map(String::as_str))
                ));
        }
    }
    let preferred = match (&slice.preferred, &slice.standby) {
        (Some(preferred), _) => preferred.value.clone(),
        // With only the standby given, the pair's other server is meant.
        (None, Some(standby)) => servers.iter().find(|server| **server != standby.value)?.clone(),
        (None, None) => servers.first()?.clone(),
    };
    let standby = match &slice.standby {
        Some(standby) => Some(standby.value.clone()),
        None if slice.unreplicated || slice.resource.is_none() || servers.len() != 2 => None,
        None => servers.iter().find(|server| **server != preferred).cloned(),
    };
    if let Some(text) = slice.standby.as_ref().filter(|text| text.value == preferred) {
        context.error(
            text.node,
            format!("{} is both the preferred and the standby server", quote(&text.value)),
        );
    }
    if slice.unreplicated {
        if let Some(text) = slice.standby.as_ref() {
            context
                .warning(
                    text.node,
                    format!(
                        "the slice {} is declared unreplicated, but has a standby",
                        quote(&name.value)
                    ),
                )
                .hint("remove one of the two");
        }
    } else if standby.is_none() || slice.resource.is_none() {
        let missing = if slice.resource.is_none() {
            "`resource:`"
        } else {
            "`standby:`"
        };
        let message = format!("the slice {} has no replica", quote(&name.value));
        if pair.complete {
            context
                .warning(name.node, message)
                .hint(format!("add {missing}, or say `unreplicated: true`"));
        }
    }
    Some(Placed { preferred, standby })
}

/// Why exportfs would not take a text for a client, as a hint: see "Machine Name Formats" of `exports(5)`.
pub(crate) fn bad_client(text: &str) -> Option<&'static str> {
    let (host, mask) = text
        .split_once('/')
        .map_or((text, None), |(host, mask)| (host, Some(mask)));
    let ip = host.parse::<IpAddr>().ok();
    match (ip, mask) {
        (Some(IpAddr::V4(_)), Some(mask)) if is_v4_mask(mask) => None,
        (Some(IpAddr::V4(_)), Some(_)) => Some("the prefix length goes from 0 to 32"),
        (Some(IpAddr::V6(_)), Some(mask)) if is_prefix(mask, 128) => None,
        (Some(IpAddr::V6(_)), Some(_)) => Some("the prefix length goes from 0 to 128"),
        (Some(_), None) => None,
        (None, Some(_)) => Some("before the slash stands an IPv4 or IPv6 address"),
        (None, None) => bad_machine(host),
    }
}

fn is_prefix(text: &str, most: u8) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u8>().is_ok_and(|prefix| prefix <= most)
}

/// A prefix length, or a netmask such as 255.255.252.0: ones, then zeros.
fn is_v4_mask(text: &str) -> bool {
    is_prefix(text, 32)
        || text
            .parse::<Ipv4Addr>()
            .is_ok_and(|mask| (!mask.to_bits()).wrapping_add(1) & !mask.to_bits() == 0)
}

/// What to write instead of a text that is neither a host name, a pattern of them, nor a netgroup.
fn bad_machine(text: &str) -> Option<&'static str> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let numbers = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numbers || name.contains(':') {
        Some("write a whole IPv4 or IPv6 address, or a network such as 10.0.0.0/24")
    } else if text.contains(['(', ')', ',']) {
        Some("one client an entry; what stands in parentheses belongs under `options:`")
    } else if name.is_empty() || name.starts_with('-') || !name.chars().all(is_machine_char) {
        Some("write an address, a network such as 10.0.0.0/24, a host name, *.example.com, @netgroup or \"*\"")
    } else {
        None
    }
}

fn is_machine_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '?' | '[' | ']')
}

fn check_export(context: &mut Context<'_>, name: &Text, mount_point: &Text, export: &Spanned<file::Export>) -> Export {
    let node = export.node;
    let export = &export.value;
    if let Some(path) = &export.path
        && context.check_path("an export", path)
        && path.value.trim_end_matches('/') != mount_point.value.trim_end_matches('/')
    {
        context
            .warning(
                path.node,
                format!(
                    "the export {} is not the mount point {}",
                    quote(&path.value),
                    quote(&mount_point.value)
                ),
            )
            .hint("when the filesystem is not mounted, clients would be given the directory below it");
    }
    if export.clients.0.is_empty() {
        context
            .warning(
                node,
                format!("the export of slice {} names no clients", quote(&name.value)),
            )
            .hint("add `clients:` with addresses, networks or names");
    }
    for client in &export.clients.0 {
        if let Some(hint) = bad_client(&client.value) {
            context
                .error(client.node, format!("{} cannot be a client", quote(&client.value)))
                .hint(hint);
        }
    }
    for option in &export.options.0 {
        if option.value.contains([',', '(', ')']) {
            context
                .error(option.node, format!("{} is not one option", quote(&option.value)))
                .hint("write each option as an entry of its own: [rw, sync, fsid=1001]");
        } else {
            context.check_word("an option", option);
        }
    }
    let text = |list: &super::decode::List<Text>| list.0.iter().map(|text| text.value.clone()).collect();
    Export {
        path: export
            .path
            .as_ref()
            .map_or_else(|| mount_point.value.clone(), |path| path.value.clone()),
        clients: text(&export.clients),
        options: text(&export.options),
    }
}
