//! The storage part of a draft: DRBD pairs, exports, service addresses and who mounts them.

use super::{
    ExpectedMount, Host, Names, host_called,
    pair::{Found, pairs, volume_of},
};
use crate::{
    facts::{
        CleanText, Snapshot,
        drbd::{DrbdRole, DrbdVolume},
        filesystem::Mount,
    },
    fleet::{bad_client, bad_path, bad_word},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
};

/// One segment of the draft.
pub(super) struct Segment {
    pub name: String,
    pub servers: Vec<usize>,
    pub pools: Vec<String>,
    pub slices: Vec<Slice>,
    pub comments: Vec<String>,
}

/// One slice of the draft.
pub(super) struct Slice {
    pub name: String,
    pub resource: Option<String>,
    pub device: String,
    pub mount_point: String,
    /// The mount point is a guess: the slice is mounted nowhere that was looked at.
    pub guessed: bool,
    pub export: Option<Export>,
    pub service: Option<(IpAddr, u8)>,
    pub preferred: usize,
    pub standby: Option<usize>,
    pub comments: Vec<String>,
}

/// An export of the draft; its path is the mount point.
pub(super) struct Export {
    pub clients: Vec<String>,
    pub options: Vec<String>,
}

/// What `exportfs -v` prints for every export and so says nothing.
const USUAL: [&str; 8] = [
    "wdelay",
    "hide",
    "nocrossmnt",
    "no_subtree_check",
    "secure",
    "root_squash",
    "no_all_squash",
    "sec=sys",
];

/// One line about each md array, for the host's comment.
pub(super) fn arrays(snapshot: &Snapshot) -> Vec<String> {
    let arrays = snapshot.md.value().map(Vec::as_slice).unwrap_or_default();
    arrays
        .iter()
        .take(8)
        .map(|array| {
            let members: Vec<&str> = array
                .members
                .iter()
                .take(12)
                .map(|member| member.device.as_str())
                .collect();
            format!("{} {} of {}", array.device, array.level, members.join(" "))
        })
        .collect()
}

/// All segments: hosts that share a replicated volume belong together; a host that exports or has
/// pools without one is a segment of its own.
pub(super) fn segments(hosts: &mut [Host<'_>]) -> Vec<Segment> {
    let found = pairs(hosts);
    let mut sets: Vec<usize> = (0..hosts.len()).collect();
    for volume in &found {
        for host in &volume.hosts[1..] {
            join(&mut sets, volume.hosts[0], *host);
        }
    }
    let mut names = Names::default();
    let mut slice_names = Names::default();
    let mut draft = Draft {
        taken: HashSet::new(),
        services: HashSet::new(),
        slice_names: &mut slice_names,
    };
    let mut out = Vec::new();
    for root in 0..hosts.len() {
        let servers: Vec<usize> = (0..hosts.len()).filter(|host| set_of(&sets, *host) == root).collect();
        if servers.is_empty() {
            continue;
        }
        let mut slices = Vec::new();
        let mut comments = Vec::new();
        for volume in found.iter().filter(|volume| servers.contains(&volume.hosts[0])) {
            match draft.replicated(hosts, volume) {
                Ok(slice) => slices.push(slice),
                Err(comment) => comments.push(comment),
            }
        }
        for server in &servers {
            draft.unreplicated(hosts, *server, &mut slices);
        }
        let pools = pools(hosts, &servers, &mut comments);
        if slices.is_empty() && pools.is_empty() {
            continue;
        }
        for server in &servers {
            hosts[*server].roles.push("storage");
        }
        let wish: Vec<&str> = servers.iter().map(|server| hosts[*server].name.as_str()).collect();
        out.push(Segment {
            name: names.take(&wish.join("-"), "segment"),
            servers,
            pools,
            slices,
            comments,
        });
    }
    out
}

fn set_of(sets: &[usize], mut host: usize) -> usize {
    while sets[host] != host {
        host = sets[host];
    }
    host
}

fn join(sets: &mut [usize], a: usize, b: usize) {
    let (a, b) = (set_of(sets, a), set_of(sets, b));
    sets[a.max(b)] = a.min(b);
}

/// What is used up while slices are drafted, so that no two of them clash.
struct Draft<'n> {
    taken: HashSet<(usize, &'static str, String)>,
    services: HashSet<IpAddr>,
    slice_names: &'n mut Names,
}

impl Draft<'_> {
    fn replicated(&mut self, hosts: &[Host<'_>], found: &Found<'_>) -> Result<Slice, String> {
        let Found { resource, volume, .. } = found;
        let primary_on =
            |host: &usize| volume_of(&hosts[*host], resource).is_some_and(|volume| volume.role == DrbdRole::Primary);
        let primaries: Vec<usize> = found.hosts.iter().copied().filter(primary_on).collect();
        let device = match volume.minor {
            Some(minor) => format!("/dev/drbd{minor}"),
            None => format!("/dev/drbd/by-res/{resource}/{}", volume.volume),
        };
        if bad_word(resource).is_some() || bad_word(&device).is_some() {
            return Err(format!(
                "choose: DRBD resource {resource} has a name that an inventory cannot hold"
            ));
        }
        let mounted_on = |host: usize| {
            mounted(&hosts[host], |mount| {
                mount.source.as_str() == device
                    || mount.source.as_str() == format!("/dev/drbd/by-res/{resource}/{}", volume.volume)
            })
        };
        // Of two primaries the one that has it mounted serves it.
        let serves = primaries.iter().copied().find(|host| mounted_on(*host).is_some());
        let preferred = serves.or(primaries.first().copied()).unwrap_or(found.hosts[0]);
        let standby = found.hosts.iter().copied().find(|host| *host != preferred);
        let mounted = mounted_on(preferred);
        let both: Vec<usize> = found.hosts.clone();
        if !self.take(&both, "resource", resource) || !self.take(&both, "device", &device) {
            return Err(format!(
                "choose: DRBD resource {resource} clashes with another one of the same hosts"
            ));
        }
        let mut comments = found.comments.clone();
        match primaries.as_slice() {
            [] => comments.push("choose: it is primary nowhere now; which server is preferred?".to_owned()),
            [_] => {}
            _ => comments.push("choose: it is primary on both servers now; which one is preferred?".to_owned()),
        }
        let more = hosts[preferred].snapshot.drbd.value().map_or(0, |all| {
            let own = |v: &&DrbdVolume| v.resource.as_ref().is_some_and(|name| name.as_str() == *resource);
            all.iter()
                .filter(own)
                .map(|v| v.volume)
                .collect::<BTreeSet<u32>>()
                .len()
        });
        if more > 1 {
            comments.push(format!("choose: the resource has {more} volumes; this is the first"));
        }
        let name = self.slice_names.take(resource, "slice");
        let mut slice = Slice {
            resource: Some((*resource).to_owned()),
            device,
            mount_point: String::new(),
            guessed: false,
            export: None,
            service: None,
            preferred,
            standby,
            comments,
            name,
        };
        self.complete(hosts, &mut slice, mounted, &both);
        Ok(slice)
    }

    /// Exported filesystems of a host that no slice has yet.
    fn unreplicated(&mut self, hosts: &[Host<'_>], server: usize, slices: &mut Vec<Slice>) {
        let snapshot = hosts[server].snapshot;
        let exports = snapshot.exports.value().map(Vec::as_slice).unwrap_or_default();
        let mut seen = HashSet::new();
        for export in exports {
            if !seen.insert(&export.path) || self.taken.contains(&(server, "mount", export.path.to_string())) {
                continue;
            }
            // A whole local filesystem is exported; directories of one are for a person to sort out.
            let Some(mount) = mounted_at(snapshot, &export.path).filter(|mount| !mount.is_nfs()) else {
                continue;
            };
            let device = mount.source.to_string();
            if bad_word(&device).is_some() || bad_path(&export.path).is_some() || export.path.as_str() == "/" {
                continue;
            }
            if !self.take(&[server], "device", &device) {
                continue;
            }
            let last = export.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("slice");
            let name = self.slice_names.take(last, "slice");
            let mut slice = Slice {
                name,
                resource: None,
                device,
                mount_point: String::new(),
                guessed: false,
                export: None,
                service: None,
                preferred: server,
                standby: None,
                comments: Vec::new(),
            };
            self.complete(hosts, &mut slice, Some(export.path.to_string()), &[server]);
            slices.push(slice);
        }
    }

    /// Mount point, export and service address.
    fn complete(&mut self, hosts: &[Host<'_>], slice: &mut Slice, mounted: Option<String>, on: &[usize]) {
        let wish = mounted.filter(|at| bad_path(at).is_none() && self.take(on, "mount", at));
        slice.mount_point = wish.unwrap_or_else(|| {
            slice.guessed = true;
            let mut at = format!("/srv/{}", slice.name);
            while !self.take(on, "mount", &at) {
                at.push_str("-x");
            }
            at
        });
        slice.export = self.export(&hosts[slice.preferred], &slice.mount_point, on, &mut slice.comments);
        if slice.export.is_none() {
            slice
                .comments
                .push("choose: nothing exports it now; add `export:` if it should be".to_owned());
        }
        self.service(hosts, slice);
    }

    fn export(&mut self, host: &Host<'_>, path: &str, on: &[usize], comments: &mut Vec<String>) -> Option<Export> {
        let exports = host.snapshot.exports.value().map(Vec::as_slice).unwrap_or_default();
        let mut lines = exports.iter().filter(|export| export.path.as_str() == path).peekable();
        let first = lines.peek()?.options.clone();
        let mut clients = Vec::new();
        let mut differ = false;
        for line in lines {
            if bad_client(&line.client).is_none() && !clients.contains(&line.client.to_string()) {
                clients.push(line.client.to_string());
            }
            differ |= line.options != first;
        }
        if differ {
            comments.push("choose: its clients have different options; these are the first one's".to_owned());
        }
        let options = first
            .iter()
            .map(CleanText::to_string)
            .filter(|option| !USUAL.contains(&option.as_str()))
            .filter(|option| bad_word(option).is_none() && !option.contains([',', '(', ')']))
            .filter(|option| !option.starts_with("fsid=") || self.take(on, "fsid", option))
            .collect();
        Some(Export { clients, options })
    }

    /// The address that clients mount the slice from, if it moves with it: a secondary address of the
    /// primary that some client mounts the path from, or the only one of an only slice.
    fn service(&mut self, hosts: &[Host<'_>], slice: &mut Slice) {
        let own = hosts[slice.preferred].snapshot.addresses.value();
        let fixed: HashSet<IpAddr> = hosts.iter().filter_map(|host| host.address.parse().ok()).collect();
        let usable = |ip: IpAddr| !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast();
        let free: Vec<(IpAddr, u8)> = own
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter(|address| address.secondary && usable(address.ip) && !fixed.contains(&address.ip))
            .filter(|address| address.prefix >= 1 && !self.services.contains(&address.ip))
            .map(|address| (address.ip, address.prefix))
            .collect();
        let used: HashSet<IpAddr> = hosts
            .iter()
            .flat_map(|host| nfs_mounts(host.snapshot))
            .filter(|(_, path, _)| *path == slice.mount_point)
            .filter_map(|(server, _, _)| server.parse().ok())
            .collect();
        let chosen = free.iter().find(|(ip, _)| used.contains(ip)).copied();
        if let Some((ip, prefix)) = chosen {
            self.services.insert(ip);
            slice.service = Some((ip, prefix));
        } else if !free.is_empty() && slice.export.is_some() {
            let all: Vec<String> = free
                .iter()
                .take(8)
                .map(|(ip, prefix)| format!("{ip}/{prefix}"))
                .collect();
            slice
                .comments
                .push(format!("choose: `service_address:`, perhaps {}", all.join(" or ")));
        }
    }

    fn take(&mut self, on: &[usize], what: &'static str, value: &str) -> bool {
        let keys: Vec<_> = on.iter().map(|host| (*host, what, value.to_owned())).collect();
        if keys.iter().any(|key| self.taken.contains(key)) {
            return false;
        }
        self.taken.extend(keys);
        true
    }
}

fn mounted(host: &Host<'_>, which: impl Fn(&Mount) -> bool) -> Option<String> {
    let mounts = host.snapshot.mounts.value()?;
    mounts
        .iter()
        .find(|mount| which(mount))
        .map(|mount| mount.at.to_string())
}

fn mounted_at<'a>(snapshot: &'a Snapshot, at: &CleanText) -> Option<&'a Mount> {
    snapshot.mounts.value()?.iter().find(|mount| mount.at == *at)
}

/// Server, path and mount point of each NFS mount.
fn nfs_mounts(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &str, &str)> {
    let mounts = snapshot.mounts.value().map(Vec::as_slice).unwrap_or_default();
    mounts.iter().filter(|mount| mount.is_nfs()).filter_map(|mount| {
        let (server, path) = mount.source.as_str().rsplit_once(":/")?;
        let server = server.trim_start_matches('[').trim_end_matches(']');
        Some((
            server,
            &mount.source.as_str()[mount.source.len() - path.len() - 1..],
            mount.at.as_str(),
        ))
    })
}

/// Pools that every server has; others are for a person to sort out.
fn pools(hosts: &[Host<'_>], servers: &[usize], comments: &mut Vec<String>) -> Vec<String> {
    let of = |server: &usize| -> BTreeSet<String> {
        let pools = hosts[*server]
            .snapshot
            .pools
            .value()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names = pools.iter().map(|pool| pool.name.to_string());
        names.filter(|name| bad_word(name).is_none()).collect()
    };
    let all: Vec<BTreeSet<String>> = servers.iter().map(of).collect();
    let everywhere: BTreeSet<String> = all
        .iter()
        .skip(1)
        .fold(all.first().cloned().unwrap_or_default(), |common, own| &common & own);
    for (server, own) in servers.iter().zip(&all) {
        for pool in own.difference(&everywhere).take(8) {
            comments.push(format!("choose: only {} has the pool {pool}", hosts[*server].name));
        }
    }
    everywhere.into_iter().collect()
}

/// Which slices each host has mounted, by the address and path it mounted.
pub(super) fn client_mounts(hosts: &mut [Host<'_>], segments: &[Segment]) {
    let mut by_path: HashMap<&str, Vec<&Slice>> = HashMap::new();
    for slice in segments.iter().flat_map(|segment| &segment.slices) {
        by_path.entry(slice.mount_point.as_str()).or_default().push(slice);
    }
    for at in 0..hosts.len() {
        let mut mounts: Vec<ExpectedMount> = Vec::new();
        let mut comments = Vec::new();
        let mut places = HashSet::new();
        let mut slices = HashSet::new();
        for (server, path, place) in nfs_mounts(hosts[at].snapshot) {
            let serves = |slice: &&&Slice| {
                let ip = server.parse::<IpAddr>().ok();
                slice.service.is_some_and(|(service, _)| ip == Some(service))
                    || host_called(hosts, server)
                        .is_some_and(|host| host == slice.preferred || Some(host) == slice.standby)
            };
            let slice = by_path.get(path).and_then(|all| all.iter().find(serves));
            let Some(slice) = slice.filter(|_| bad_path(place).is_none()) else {
                comments.push(format!(
                    "choose: it mounts {server}:{path} at {place}, which no slice here explains"
                ));
                continue;
            };
            if places.insert(place) && slices.insert(&slice.name) {
                mounts.push(ExpectedMount {
                    slice: slice.name.clone(),
                    at: (place != slice.mount_point && !place.contains("{slice}")).then(|| place.to_owned()),
                });
            }
        }
        comments.truncate(20);
        if !mounts.is_empty() {
            hosts[at].roles.push("node");
        }
        hosts[at].mounts = mounts;
        hosts[at].comments.extend(comments);
    }
}
