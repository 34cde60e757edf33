//! Who belongs to what, worked out once an inventory.

use crate::fleet::{Fleet, HostName};
use std::collections::HashMap;

/// The references of one fleet as places in its lists.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Names of the fleet this was made of. Holding them keeps their memory from being used again,
    /// so that equal addresses mean the same inventory.
    names: Vec<HostName>,
    /// One entry a host, in the order of the fleet.
    pub(super) hosts: Vec<HostLinks>,
    /// One entry a segment, in the order of the fleet.
    pub(super) segments: Vec<SegmentLinks>,
    /// Places of the members of each topology.
    pub(super) topologies: Vec<Vec<usize>>,
}

/// Where one host belongs.
#[derive(Debug, Default)]
pub(super) struct HostLinks {
    /// The segment it serves.
    pub(super) segment: Option<usize>,
    /// For each expected mount: its segment and slice.
    pub(super) mounts: Vec<Option<(usize, usize)>>,
}

/// The hosts of one segment.
#[derive(Debug, Default)]
pub(super) struct SegmentLinks {
    /// Its servers.
    pub(super) servers: Vec<usize>,
    /// One entry a slice.
    pub(super) slices: Vec<SliceLinks>,
}

/// The hosts of one slice.
#[derive(Debug, Default)]
pub(super) struct SliceLinks {
    /// Its preferred server.
    pub(super) preferred: Option<usize>,
    /// Its standby.
    pub(super) standby: Option<usize>,
    /// Who should mount it: a host, and which of its mounts.
    pub(super) clients: Vec<(usize, usize)>,
}

impl Index {
    /// Whether this was made of that fleet.
    pub(super) fn is_of(&self, fleet: &Fleet) -> bool {
        self.names.len() == fleet.hosts.len()
            && self.segments.len() == fleet.segments.len()
            && self.topologies.len() == fleet.topologies.len()
            && self
                .names
                .iter()
                .zip(&fleet.hosts)
                .all(|(name, host)| std::ptr::eq(name.as_str(), host.name.as_str()))
    }

    /// The name of the host at that place when this was made.
    pub(super) fn name(&self, at: usize) -> Option<&HostName> {
        self.names.get(at)
    }

    /// Works out the references of a fleet.
    pub(super) fn new(fleet: &Fleet) -> Self {
        let mut slices = HashMap::new();
        for (at, segment) in fleet.segments.iter().enumerate() {
            for (slice_at, slice) in segment.slices.iter().enumerate() {
                slices.insert(&slice.name, (at, slice_at));
            }
        }
        let mut hosts: Vec<HostLinks> = fleet
            .hosts
            .iter()
            .map(|host| HostLinks {
                segment: None,
                mounts: host
                    .mounts
                    .iter()
                    .map(|mount| slices.get(&mount.slice).copied())
                    .collect(),
            })
            .collect();
        let place = |name: &HostName| fleet.host_index(name.as_str());
        let mut segments: Vec<SegmentLinks> = fleet
            .segments
            .iter()
            .map(|segment| SegmentLinks {
                servers: segment.servers.iter().filter_map(place).collect(),
                slices: segment
                    .slices
                    .iter()
                    .map(|slice| SliceLinks {
                        preferred: place(&slice.preferred),
                        standby: slice.standby.as_ref().and_then(place),
                        clients: Vec::new(),
                    })
                    .collect(),
            })
            .collect();
        for (host_at, links) in hosts.iter().enumerate() {
            for (mount_at, &(segment, slice)) in links
                .mounts
                .iter()
                .enumerate()
                .filter_map(|(at, m)| m.as_ref().map(|m| (at, m)))
            {
                segments[segment].slices[slice].clients.push((host_at, mount_at));
            }
        }
        for (at, segment) in segments.iter().enumerate() {
            for &server in &segment.servers {
                hosts[server].segment = Some(at);
            }
        }
        Self {
            names: fleet.hosts.iter().map(|host| host.name.clone()).collect(),
            hosts,
            segments,
            topologies: fleet
                .topologies
                .iter()
                .map(|topology| topology.members.iter().filter_map(place).collect())
                .collect(),
        }
    }
}
