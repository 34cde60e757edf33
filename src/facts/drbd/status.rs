//! Reads `drbdsetup status --verbose --statistics` and `drbdsetup events2 --now` as text, and
//! `drbdsetup status --json` (drbd-utils `drbdsetup.c`).

use super::{
    DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume,
    proc::{blank, sync_from},
};
use crate::facts::{
    reading::Why,
    scan::{count, float, garbled},
    text::CleanText,
};
use serde_json::Value;

/// The parts of one resource as drbdsetup lists them.
#[derive(Debug, Default)]
struct Resource {
    name: CleanText,
    role: Option<CleanText>,
    suspended: Option<CleanText>,
    may_promote: Option<bool>,
    devices: Vec<Device>,
    connections: Vec<Connection>,
}

#[derive(Debug, Default)]
struct Device {
    volume: u32,
    minor: Option<u32>,
    disk: Option<CleanText>,
    size_kib: Option<u64>,
    quorum: Option<bool>,
}

#[derive(Debug, Default)]
struct Connection {
    id: CleanText,
    name: CleanText,
    state: Option<CleanText>,
    role: Option<CleanText>,
    peers: Vec<PeerDevice>,
}

#[derive(Debug, Default)]
struct PeerDevice {
    volume: u32,
    replication: Option<CleanText>,
    disk: Option<CleanText>,
    out_of_sync_kib: Option<u64>,
    pending: Option<u64>,
    unacked: Option<u64>,
    percent: Option<f64>,
    left_seconds: Option<f64>,
    mib_per_second: Option<f64>,
}

impl Resource {
    /// One entry for each volume and peer; a volume without a peer gives one as well.
    fn volumes(&self) -> Vec<DrbdVolume> {
        let mut out = Vec::new();
        for device in &self.devices {
            let base = DrbdVolume {
                resource: Some(self.name.clone()),
                volume: device.volume,
                minor: device.minor,
                role: DrbdRole::parse(self.role.as_deref().unwrap_or("")),
                disk: DrbdDisk::parse(device.disk.as_deref().unwrap_or("")),
                suspended: self.suspended.clone(),
                quorum: device.quorum,
                may_promote: self.may_promote,
                size_kib: device.size_kib,
                ..blank()
            };
            if self.connections.is_empty() {
                out.push(DrbdVolume {
                    connection: DrbdConnection::Unknown(CleanText::new("no peer")),
                    peer_role: DrbdRole::NotSeen,
                    peer_disk: DrbdDisk::NotSeen,
                    ..base
                });
                continue;
            }
            for connection in &self.connections {
                out.push(connection.with(device.volume, base.clone()));
            }
        }
        out
    }
}

impl Connection {
    fn with(&self, volume: u32, mut entry: DrbdVolume) -> DrbdVolume {
        entry.peer = Some(self.name.clone());
        entry.peer_role = DrbdRole::parse(self.role.as_deref().unwrap_or(""));
        entry.connection = DrbdConnection::parse(self.state.as_deref().unwrap_or(""));
        let Some(peer) = self.peers.iter().find(|peer| peer.volume == volume) else {
            // Without the volume's own line it is not known to replicate.
            if entry.connection.is_connected() {
                entry.connection = DrbdConnection::Unknown(CleanText::default());
            }
            return entry;
        };
        entry.peer_disk = DrbdDisk::parse(peer.disk.as_deref().unwrap_or(""));
        if entry.connection == DrbdConnection::Connected {
            entry.connection = DrbdConnection::parse(peer.replication.as_deref().unwrap_or(""));
        }
        entry.out_of_sync_kib = peer.out_of_sync_kib;
        entry.pending = peer.pending;
        entry.unacked = peer.unacked;
        let active = matches!(
            entry.connection,
            DrbdConnection::SyncSource
                | DrbdConnection::SyncTarget
                | DrbdConnection::PausedSyncS
                | DrbdConnection::PausedSyncT
                | DrbdConnection::VerifyS
                | DrbdConnection::VerifyT
        );
        entry.sync = active.then(|| sync_from(peer.percent, peer.left_seconds, peer.mib_per_second));
        entry
    }
}

fn yes_no(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Which part of a resource the words of a line belong to.
#[derive(Clone, Copy)]
enum Part {
    Resource,
    Device,
    Connection,
    /// The newest peer device of the connection at this place.
    Peer(usize),
}

impl Resource {
    fn take(&mut self, part: Part, key: &str, value: &str) {
        let text = || Some(CleanText::new(value));
        match part {
            Part::Resource => match key {
                "role" => self.role = text(),
                "suspended" => self.suspended = text(),
                "may_promote" => self.may_promote = yes_no(value),
                _ => {}
            },
            Part::Device => {
                let Some(device) = self.devices.last_mut() else { return };
                match key {
                    "minor" => device.minor = value.parse().ok(),
                    "disk" => device.disk = text(),
                    "size" => device.size_kib = value.parse().ok(),
                    "quorum" => device.quorum = yes_no(value),
                    _ => {}
                }
            }
            Part::Connection => {
                let Some(connection) = self.connections.last_mut() else {
                    return;
                };
                match key {
                    "connection" => connection.state = text(),
                    "role" => connection.role = text(),
                    "conn-name" => connection.name = CleanText::new(value),
                    _ => {}
                }
            }
            Part::Peer(at) => {
                if let Some(peer) = self
                    .connections
                    .get_mut(at)
                    .and_then(|connection| connection.peers.last_mut())
                {
                    peer.take(key, value);
                }
            }
        }
    }
}

impl PeerDevice {
    fn take(&mut self, key: &str, value: &str) {
        match key {
            "replication" => self.replication = Some(CleanText::new(value)),
            "peer-disk" => self.disk = Some(CleanText::new(value)),
            "out-of-sync" => self.out_of_sync_kib = value.parse().ok(),
            "pending" => self.pending = value.parse().ok(),
            "unacked" => self.unacked = value.parse().ok(),
            "done" => self.percent = float(value),
            "eta" => self.left_seconds = float(value),
            _ => {}
        }
    }
}

/// Reads `drbdsetup status --verbose --statistics`, whose lines are wrapped at the terminal's width.
pub fn parse_status(text: &str) -> Result<Vec<DrbdVolume>, Why> {
    if text.trim_start().starts_with(['[', '{']) {
        return parse_json(text);
    }
    let mut resources: Vec<Resource> = Vec::new();
    let mut part = Part::Resource;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_ascii_whitespace().peekable();
        let first = words.peek().copied().unwrap_or("");
        if indent == 0 {
            if !line.contains(" role:") {
                return if text.trim_start().starts_with('#') {
                    Ok(Vec::new())
                } else {
                    Err(garbled(line))
                };
            }
            words.next();
            part = Part::Resource;
            resources.push(Resource {
                name: CleanText::new(first),
                ..Resource::default()
            });
        }
        let Some(resource) = resources.last_mut() else {
            return Err(garbled(line));
        };
        if let Some(volume) = first.strip_prefix("volume:").and_then(|word| word.parse().ok()) {
            if indent <= 2 {
                part = Part::Device;
                resource.devices.push(Device {
                    volume,
                    ..Device::default()
                });
            } else if let Some(connection) = resource.connections.last_mut() {
                connection.peers.push(PeerDevice {
                    volume,
                    ..PeerDevice::default()
                });
                part = Part::Peer(resource.connections.len() - 1);
            }
        } else if indent == 2 && !first.contains(':') {
            words.next();
            part = Part::Connection;
            resource.connections.push(Connection {
                name: CleanText::new(first),
                ..Connection::default()
            });
        } else if indent == 2 && first.starts_with("disk:") && resource.devices.is_empty() {
            // Without --verbose a single volume has no line of its own.
            part = Part::Device;
            resource.devices.push(Device::default());
        }
        for (key, value) in words.filter_map(|word| word.split_once(':')) {
            resource.take(part, key, value);
        }
    }
    Ok(resources.iter().flat_map(Resource::volumes).collect())
}

/// Reads `drbdsetup events2 --now`. Only a dump that ends in `exists -` is whole.
pub fn parse_events(text: &str) -> Result<Vec<DrbdVolume>, Why> {
    if !text.lines().any(|line| line.trim_end() == "exists -") {
        return Err(garbled(text));
    }
    let mut resources: Vec<Resource> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some("exists"), Some(object)) = (words.next(), words.next()) else {
            continue;
        };
        let find = |key: &str| words.clone().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
        let name = CleanText::new(find("name").unwrap_or(""));
        let at = resources.iter().position(|resource| resource.name == name);
        let at = match (object, at) {
            ("resource", None) => {
                resources.push(Resource {
                    name,
                    ..Resource::default()
                });
                resources.len() - 1
            }
            (_, Some(at)) => at,
            _ => continue,
        };
        let resource = &mut resources[at];
        let id = CleanText::from(format!(
            "{} {}",
            find("peer-node-id").unwrap_or(""),
            find("conn-name").unwrap_or("")
        ));
        let volume = find("volume").and_then(|word| word.parse().ok()).unwrap_or(0);
        let part = match object {
            "resource" => Part::Resource,
            "device" => {
                resource.devices.push(Device {
                    volume,
                    ..Device::default()
                });
                Part::Device
            }
            "connection" => {
                resource.connections.push(Connection {
                    id,
                    ..Connection::default()
                });
                Part::Connection
            }
            "peer-device" => {
                let Some(place) = resource.connections.iter().position(|connection| connection.id == id) else {
                    continue;
                };
                resource.connections[place].peers.push(PeerDevice {
                    volume,
                    ..PeerDevice::default()
                });
                Part::Peer(place)
            }
            _ => continue,
        };
        for (key, value) in words.clone().filter_map(|word| word.split_once(':')) {
            resource.take(part, key, value);
        }
    }
    Ok(resources.iter().flat_map(Resource::volumes).collect())
}

/// Reads `drbdsetup status --json` (DRBD 9).
pub fn parse_json(text: &str) -> Result<Vec<DrbdVolume>, Why> {
    let Ok(Value::Array(list)) = serde_json::from_str(text) else {
        return Err(garbled(text));
    };
    Ok(list
        .iter()
        .flat_map(|resource| json_resource(resource).volumes())
        .collect())
}

fn word(value: &Value, key: &str) -> Option<CleanText> {
    value.get(key)?.as_str().map(CleanText::new)
}

fn small(value: &Value, key: &str) -> Option<u32> {
    value.get(key)?.as_u64()?.try_into().ok()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn json_resource(value: &Value) -> Resource {
    let devices = items(value, "devices").map(|device| Device {
        volume: small(device, "volume").unwrap_or(0),
        minor: small(device, "minor"),
        disk: word(device, "disk-state"),
        size_kib: device.get("size").and_then(Value::as_u64),
        quorum: device.get("quorum").and_then(Value::as_bool),
    });
    let connections = items(value, "connections").map(|connection| Connection {
        id: CleanText::default(),
        name: word(connection, "name").unwrap_or_default(),
        state: word(connection, "connection-state"),
        role: word(connection, "peer-role"),
        peers: items(connection, "peer_devices").map(json_peer).collect(),
    });
    Resource {
        name: word(value, "name").unwrap_or_default(),
        role: word(value, "role"),
        suspended: json_suspended(value),
        may_promote: None,
        devices: devices.collect(),
        connections: connections.collect(),
    }
}

fn json_peer(peer: &Value) -> PeerDevice {
    let number = |key: &str| peer.get(key).and_then(Value::as_f64);
    let whole = |key: &str| {
        peer.get(key)
            .and_then(Value::as_f64)
            .filter(|value| *value >= 0.0)
            .map(count)
    };
    PeerDevice {
        volume: small(peer, "volume").unwrap_or(0),
        replication: word(peer, "replication-state"),
        disk: word(peer, "peer-disk-state"),
        out_of_sync_kib: whole("out-of-sync"),
        pending: whole("pending"),
        unacked: whole("unacked"),
        percent: number("percent-resync-done").or_else(|| number("percent-in-sync")),
        left_seconds: number("estimated-seconds-to-finish"),
        mib_per_second: number("db/dt [MiB/s]"),
    }
}

/// Joins the `suspended-…` flags into the word that the text form prints.
fn json_suspended(value: &Value) -> Option<CleanText> {
    let flags = ["user", "no-data", "fencing", "quorum"];
    let set = |key: &str| value.get(key).and_then(Value::as_bool);
    let names: Vec<_> = flags
        .into_iter()
        .filter(|flag| set(&format!("suspended-{flag}")) == Some(true))
        .collect();
    match set("suspended")? {
        false if names.is_empty() => Some(CleanText::new("no")),
        true if names.is_empty() => Some(CleanText::new("suspended")),
        _ => Some(CleanText::from(names.join(","))),
    }
}
