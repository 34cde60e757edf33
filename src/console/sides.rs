//! A slice as its two servers see it: who is primary, how it is replicated, who mounts it.

use crate::{
    collect::{FleetView, HostView},
    facts::{
        UnixMs,
        drbd::{DrbdRole, DrbdVolume},
        filesystem::{StatfsOutcome, Usage},
        md::MdArray,
        nfs::NfsExport,
    },
    fleet::{Host, HostName, Segment, Slice},
};

/// One server's view of one slice.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The server.
    pub name: &'a HostName,
    /// What is known of it.
    pub host: &'a HostView,
    /// Too old to be trusted.
    pub stale: bool,
    /// Its volume of the slice's resource.
    pub volume: Option<&'a DrbdVolume>,
    /// Whether the slice's filesystem is mounted at its place.
    pub mounted: Option<bool>,
    /// Whether that mount can be written.
    pub writable: Option<bool>,
    /// How full it is.
    pub usage: Option<&'a Usage>,
    /// Whether the service address is here.
    pub address: Option<bool>,
}

impl<'a> Side<'a> {
    fn new(view: &'a FleetView, slice: &'a Slice, name: &'a HostName, now: UnixMs) -> Option<Self> {
        let host: &HostView = view.host(name.as_str())?;
        let snapshot = host.snapshot.as_ref();
        let mounts = snapshot.and_then(|snapshot| snapshot.mounts.value());
        let mount = mounts.and_then(|mounts| mounts.iter().find(|mount| *mount.at == *slice.mount_point));
        Some(Self {
            name,
            host,
            stale: host.is_stale(now),
            volume: snapshot
                .and_then(|snapshot| snapshot.drbd.value())
                .and_then(|volumes| volume(volumes, slice)),
            mounted: mounts.map(|_| mount.is_some()),
            writable: mount.map(|mount| mount.writable),
            usage: snapshot
                .and_then(|snapshot| snapshot.filesystems.value())
                .and_then(|list| list.iter().find(|usage| *usage.at == *slice.mount_point)),
            address: slice.service_address.and_then(|wanted| {
                let addresses = snapshot?.addresses.value()?;
                Some(addresses.iter().any(|address| address.ip == wanted.ip))
            }),
        })
    }

    /// Whether this side serves the slice: its DRBD role says so, or without DRBD its mount.
    #[must_use]
    pub fn serves(&self, slice: &Slice) -> bool {
        match self.volume {
            Some(volume) => volume.role == DrbdRole::Primary,
            None => slice.resource.is_none() && self.mounted == Some(true),
        }
    }

    /// The arrays of this server.
    #[must_use]
    pub fn arrays(&self) -> Option<&'a Vec<MdArray>> {
        self.host.snapshot.as_ref()?.md.value()
    }

    /// The exports of the slice's path here; `None` when they are not known.
    #[must_use]
    pub fn exports(&self, slice: &Slice) -> Option<Vec<&'a NfsExport>> {
        let path = slice
            .export
            .as_ref()
            .map_or(slice.mount_point.as_str(), |export| &export.path);
        let exports = self.host.snapshot.as_ref()?.exports.value()?;
        Some(exports.iter().filter(|export| *export.path == *path).collect())
    }
}

/// The volume of a slice: by resource name, else by the minor of its device.
fn volume<'a>(volumes: &'a [DrbdVolume], slice: &Slice) -> Option<&'a DrbdVolume> {
    let minor: Option<u32> = slice
        .device
        .strip_prefix("/dev/drbd")
        .and_then(|number| number.parse().ok());
    let named = volumes
        .iter()
        .filter(|volume| volume.resource.is_some() && volume.resource.as_deref() == slice.resource.as_deref());
    named
        .clone()
        .find(|volume| minor.is_some() && volume.minor == minor)
        .or_else(|| named.clone().next())
        .or_else(|| {
            volumes
                .iter()
                .find(|volume| volume.resource.is_none() && minor.is_some() && volume.minor == minor)
        })
}

/// A node that should mount a slice, and how that mount does.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The node's declaration.
    pub host: &'a Host,
    /// What is known of it.
    pub view: &'a HostView,
    /// Where it mounts the slice.
    pub at: &'a str,
    /// Whether it is mounted; `None` when not known.
    pub mounted: Option<bool>,
}

impl Client<'_> {
    /// Whether the mount is there and answers; `None` when that is not known. A mount that has kept a question waiting
    /// for a second does not, long before it counts as hung.
    #[must_use]
    pub fn answers(&self) -> Option<bool> {
        if self.mounted? {
            let probes = self.view.snapshot.as_ref()?.statfs.value();
            let probe = probes.and_then(|list| list.iter().find(|probe| *probe.at == *self.at));
            Some(match probe.map(|probe| &probe.outcome) {
                None | Some(StatfsOutcome::Answered { .. }) => true,
                Some(StatfsOutcome::Hung { seconds }) => *seconds == 0,
                Some(StatfsOutcome::Stale | StatfsOutcome::Failed { .. }) => false,
            })
        } else {
            Some(false)
        }
    }
}

/// Everything known of one slice.
#[derive(Debug, Clone)]
pub struct SliceFacts<'a> {
    /// Its segment.
    pub segment: &'a Segment,
    /// Its declaration.
    pub slice: &'a Slice,
    /// Its servers, the preferred one first.
    pub sides: Vec<Side<'a>>,
}

impl<'a> SliceFacts<'a> {
    /// Gathers what its servers say.
    #[must_use]
    pub fn new(view: &'a FleetView, segment: &'a Segment, slice: &'a Slice, now: UnixMs) -> Self {
        let mut names = vec![&slice.preferred];
        names.extend(slice.standby.as_ref().filter(|name| **name != slice.preferred));
        Self {
            segment,
            slice,
            sides: names
                .into_iter()
                .filter_map(|name| Side::new(view, slice, name, now))
                .collect(),
        }
    }

    /// The sides that serve it; two is a split brain or dual primary.
    pub fn primaries(&self) -> impl Iterator<Item = &Side<'a>> {
        self.sides.iter().filter(|side| side.serves(self.slice))
    }

    /// The side that serves it, a fresh one before a stale one.
    #[must_use]
    pub fn primary(&self) -> Option<&Side<'a>> {
        self.primaries()
            .find(|side| !side.stale)
            .or_else(|| self.primaries().next())
    }

    /// The nodes that should mount it.
    pub fn clients(&self, view: &'a FleetView) -> impl Iterator<Item = Client<'a>> {
        let name = &self.slice.name;
        view.fleet
            .hosts
            .iter()
            .zip(&view.hosts)
            .filter_map(move |(host, seen)| {
                let wanted = host.mounts.iter().find(|mount| mount.slice == *name)?;
                let mounts = seen.snapshot.as_ref().and_then(|snapshot| snapshot.mounts.value());
                Some(Client {
                    host,
                    view: seen,
                    at: &wanted.at,
                    mounted: mounts.map(|list| list.iter().any(|mount| *mount.at == *wanted.at && mount.is_nfs())),
                })
            })
    }
}
