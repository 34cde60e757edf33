//! What administrators (and runbooks) do to hosts: promote, mount, export, move addresses, switch the power.

use super::{
    act::Store,
    drbd::{MAJOR, Refusal, Role},
    island::{Island, Neighbour},
    nfs::{Export, MountState},
    node::{Filesystem, Power},
};
use std::net::Ipv4Addr;

/// How long clients believe what they know of an address before they ask again, milliseconds
/// (`gc_stale_time`, arp(7)).
const NEIGHBOUR_MS: u64 = 60_000;

/// How long a host is away that boots anew, milliseconds.
const BOOTS_MS: u64 = 20_000;

impl Island {
    /// Makes a host primary of a resource.
    ///
    /// # Errors
    /// [`Refusal`] with DRBD's own words.
    pub fn promote(&mut self, replica: usize, node: usize, force: bool) -> Result<(), Refusal> {
        let side = self.side(replica, node)?;
        self.replicas[replica].promote(side, force)?;
        self.settle();
        Ok(())
    }

    /// Makes a host secondary of a resource.
    ///
    /// # Errors
    /// [`Refusal`] while the device is mounted.
    pub fn demote(&mut self, replica: usize, node: usize) -> Result<(), Refusal> {
        let side = self.side(replica, node)?;
        let device = self.replicas[replica].device();
        let opened = self.now_ms < self.nodes[node].opened_until_ms;
        if opened
            || self.nodes[node]
                .filesystems
                .iter()
                .any(|filesystem| filesystem.source == device)
        {
            let minor = self.replicas[replica].minor;
            return Err(Refusal::new(
                11,
                format!(
                    "{minor}: State change failed: (-12) Device is held open by someone\nCommand 'drbdsetup-84 secondary {minor}' terminated with exit code 11\n"
                ),
            ));
        }
        self.replicas[replica].sides[side].role = Role::Secondary;
        self.settle();
        Ok(())
    }

    /// Mounts a slice's device on a host.
    ///
    /// # Errors
    /// [`Refusal`] when the host is not primary or the device is mounted already.
    pub fn mount(&mut self, replica: usize, node: usize) -> Result<(), Refusal> {
        let side = self.side(replica, node)?;
        let slice = &self.replicas[replica];
        let device = slice.device();
        if slice.sides[side].role != Role::Primary {
            return Err(Refusal::new(
                32,
                format!(
                    "mount: {}: mount(2) system call failed: Wrong medium type.\n",
                    slice.mount_point
                ),
            ));
        }
        if self.nodes[node]
            .filesystems
            .iter()
            .any(|filesystem| filesystem.source == device)
        {
            return Err(Refusal::new(
                32,
                format!("mount: {}: {device} already mounted on {0}.\n", slice.mount_point),
            ));
        }
        let mut filesystem = Filesystem::ext4(&device, (MAJOR, slice.minor), &slice.mount_point, slice.size_kib, 0.0);
        filesystem.used_kib = slice.used_kib;
        if slice.dataset.is_some() {
            filesystem.fs_type = "zfs";
        }
        self.nodes[node].filesystems.push(filesystem);
        Ok(())
    }

    /// Unmounts a slice's device on a host.
    ///
    /// # Errors
    /// [`Refusal`] when it is exported still, the kernel remembers the export, nfsd holds files of it, or it is
    /// not mounted.
    pub fn unmount(&mut self, replica: usize, node: usize) -> Result<(), Refusal> {
        let (device, at) = (
            self.replicas[replica].device(),
            self.replicas[replica].mount_point.clone(),
        );
        let exported = self.nodes[node].nfs_server.as_ref().is_some_and(|server| {
            server.locks.contains_key(&at)
                || [&server.exports, &server.cached]
                    .iter()
                    .any(|exports| exports.iter().any(|export| export.path == at))
        });
        if exported {
            return Err(Refusal::new(32, format!("umount: {at}: target is busy.\n")));
        }
        let before = self.nodes[node].filesystems.len();
        self.nodes[node]
            .filesystems
            .retain(|filesystem| filesystem.source != device);
        if self.nodes[node].filesystems.len() == before {
            return Err(Refusal::new(32, format!("umount: {at}: not mounted.\n")));
        }
        Ok(())
    }

    /// Exports a slice from a host.
    ///
    /// # Errors
    /// [`Refusal`] when it is not mounted there.
    pub fn export(&mut self, replica: usize, node: usize) -> Result<(), Refusal> {
        let slice = &self.replicas[replica];
        let path = slice.mount_point.clone();
        if !self.nodes[node]
            .filesystems
            .iter()
            .any(|filesystem| filesystem.at == path)
        {
            return Err(Refusal::new(
                1,
                format!("exportfs: Failed to stat {path}: No such file or directory\n"),
            ));
        }
        let exports = slice.clients.iter().map(|client| Export {
            path: path.clone(),
            client: client.clone(),
            fsid: slice.fsid,
        });
        if let Some(server) = &mut self.nodes[node].nfs_server {
            for export in exports {
                if !server.exports.contains(&export) {
                    server.exports.push(export.clone());
                    server.cached.push(export);
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// Takes a slice's export back; the kernel forgets it, and nfsd drops the locks that it holds there.
    pub fn unexport(&mut self, replica: usize, node: usize) {
        let path = &self.replicas[replica].mount_point;
        if let Some(server) = &mut self.nodes[node].nfs_server {
            server.exports.retain(|export| export.path != *path);
            server.cached.retain(|export| export.path != *path);
            server.locks.remove(path);
        }
        self.settle();
    }

    /// Gives a host a slice's service address, and tells the network.
    pub fn add_address(&mut self, replica: usize, node: usize) {
        let address = self.replicas[replica].address;
        if !self.nodes[node].service_addresses.contains(&address) {
            self.nodes[node].service_addresses.push(address);
        }
        self.announce(address, node);
    }

    /// A database after a failover: a replica of that source takes its writes, the others follow it, and the old source is back
    /// with nothing that was lost, closed and by itself. The new source; `None` where the old one had no replica.
    pub fn fail_over_database(&mut self, old: usize) -> Option<usize> {
        let follows = |node: &super::node::Node| {
            let channel = node.mysql.as_ref().and_then(|server| server.channel.as_ref());
            channel.is_some_and(|channel| channel.source == old)
        };
        let new = self.nodes.iter().position(follows)?;
        let siblings: Vec<usize> = (0..self.nodes.len())
            .filter(|at| *at != new && follows(&self.nodes[*at]))
            .collect();
        let of_slices: Vec<Ipv4Addr> = self.replicas.iter().map(|replica| replica.address).collect();
        let (kept, moved) = std::mem::take(&mut self.nodes[old].service_addresses)
            .into_iter()
            .partition(|address| of_slices.contains(address));
        self.nodes[old].service_addresses = kept;
        self.nodes[new].service_addresses.extend::<Vec<Ipv4Addr>>(moved);
        self.nodes[new].led = std::mem::take(&mut self.nodes[old].led);
        let server = self.nodes[new].mysql.as_mut()?;
        server.unfollow();
        (server.read_only, server.opens_at_start) = (false, !server.mariadb);
        server.semi_sync.source = true;
        let log = server.log.clone();
        let server = self.nodes[old].mysql.as_mut()?;
        (server.read_only, server.stops_super, server.opens_at_start) = (true, true, false);
        *server = server.clone().holding(log);
        for at in siblings {
            self.nodes[at].mysql.as_mut()?.follow(new);
        }
        self.settle();
        Some(new)
    }

    /// Leads clients of a database from one server to another, as a proxy does; `None` where one of them is no host.
    pub fn lead(&mut self, from: &str, to: &str) -> Option<()> {
        let (from, to) = (self.node(from)?, self.node(to)?);
        self.nodes[from].led = false;
        self.nodes[to].led = true;
        Some(())
    }

    /// Tells the network that a host carries an address: clients find it there from now on.
    pub fn announce(&mut self, address: Ipv4Addr, node: usize) {
        self.neighbours.insert(address, Neighbour { node, until_ms: 0 });
        self.settle();
    }

    /// An address came up without a word: clients find it when what they know of it is too old.
    pub fn expire(&mut self, address: Ipv4Addr) {
        if let Some(known) = self.neighbours.get_mut(&address) {
            known.until_ms = self.now_ms + NEIGHBOUR_MS;
        }
    }

    /// Connects a side to its peer.
    ///
    /// # Errors
    /// [`Refusal`] when it is connected, or waits for its peer, already; or would discard while it is primary.
    pub fn connect(&mut self, replica: usize, side: usize, discard: bool) -> Result<(), Refusal> {
        let pair = &mut self.replicas[replica];
        let minor = pair.minor;
        let refuse = |code: u32, text: &str| {
            Err(Refusal::new(
                10,
                format!(
                    "{minor}: Failure: ({code}) {text}\nCommand 'drbdsetup-84 connect {minor}' terminated with exit code 10\n"
                ),
            ))
        };
        if !pair.sides[side].standalone {
            return refuse(125, "Device has a net-config (use disconnect first)");
        }
        if discard && pair.sides[side].role == Role::Primary {
            return refuse(123, "--discard-my-data not allowed when primary.");
        }
        pair.sides[side].standalone = false;
        pair.sides[side].discards = discard;
        self.settle();
        Ok(())
    }

    /// Disconnects a side from its peer.
    ///
    /// # Errors
    /// [`Refusal`] when it stands alone already.
    pub fn disconnect(&mut self, replica: usize, side: usize) -> Result<(), Refusal> {
        let pair = &mut self.replicas[replica];
        if pair.sides[side].standalone {
            let minor = pair.minor;
            return Err(Refusal::new(
                10,
                format!(
                    "{minor}: Failure: (162) Invalid configuration request\nadditional info from kernel:\nunknown connection\n"
                ),
            ));
        }
        pair.sides[side].standalone = true;
        pair.sides[side].discards = false;
        self.settle();
        Ok(())
    }

    /// Takes a slice's service address from a host.
    pub fn remove_address(&mut self, replica: usize, node: usize) {
        let address = self.replicas[replica].address;
        self.nodes[node].service_addresses.retain(|own| *own != address);
        self.settle();
    }

    /// Brings a slice up on a host: primary, mounted, exported, address.
    ///
    /// # Errors
    /// The first [`Refusal`] on the way.
    pub fn serve(&mut self, replica: usize, node: usize) -> Result<(), Refusal> {
        self.promote(replica, node, false)?;
        self.mount(replica, node)?;
        self.export(replica, node)?;
        self.add_address(replica, node);
        Ok(())
    }

    /// Moves a slice to its other side, as a planned move does.
    ///
    /// # Errors
    /// The first [`Refusal`]; nothing is changed when the slice is not well.
    pub fn move_slice(&mut self, replica: usize) -> Result<(), Refusal> {
        let Some(from) = self.replicas[replica].primary().filter(|_| self.is_well(replica)) else {
            return Err(Refusal::new(1, "the slice is not well"));
        };
        let [from, to] = [from, 1 - from].map(|side| self.replicas[replica].sides[side].node);
        self.remove_address(replica, from);
        self.unexport(replica, from);
        self.unmount(replica, from)?;
        self.demote(replica, from)?;
        self.serve(replica, to)
    }

    /// Takes a host's power away.
    pub fn power_off(&mut self, node: usize) {
        self.nodes[node].power_off();
        for replica in &mut self.replicas {
            if let Some(side) = replica.side_on(node) {
                replica.lose_power(side);
            }
        }
        self.settle();
    }

    /// A host loses its power and boots; nothing is served by itself, as where a slice is not in `fstab`.
    pub fn reboot(&mut self, node: usize) {
        self.power_off(node);
        self.nodes[node].boot(self.now_ms);
        self.settle();
    }

    /// Lets a host boot anew at its own wish: it goes in two seconds, and is back after a while.
    pub fn boot_anew(&mut self, node: usize) {
        let goes_ms = self.now_ms + 2000;
        self.nodes[node].booting = Some((goes_ms, goes_ms + BOOTS_MS));
    }

    /// Installs a host anew: nothing of what runs kept there is left, and it comes into service by itself.
    pub fn install(&mut self, node: usize) {
        let host = &mut self.nodes[node];
        (host.store, host.drained) = (Store::default(), false);
        host.installs += 1;
        self.boot_anew(node);
    }

    /// What hosts do that boot anew.
    pub(super) fn go_on_booting(&mut self) {
        for node in 0..self.nodes.len() {
            let host = &mut self.nodes[node];
            if host.drained {
                // Whoever is there finishes by and by.
                host.connections = host.connections * 2 / 3;
            }
            let Some((goes_ms, back_ms)) = host.booting else {
                continue;
            };
            if self.now_ms >= back_ms {
                self.nodes[node].booting = None;
                if self.nodes[node].power == Power::Off {
                    // Nothing of DRBD begins to serve by itself.
                    self.nodes[node].boot(self.now_ms);
                    self.settle();
                }
            } else if self.now_ms >= goes_ms && self.nodes[node].power == Power::Up {
                self.power_off(node);
            }
        }
    }

    /// Gives a host its power back. Slices that nobody serves come up where they live in normal times.
    pub fn power_on(&mut self, node: usize) {
        self.nodes[node].boot(self.now_ms);
        self.settle();
        for replica in 0..self.replicas.len() {
            let slice = &self.replicas[replica];
            if slice.side_on(node).is_none() || slice.primary().is_some() {
                continue;
            }
            // The preferred side first; the other when that cannot.
            for side in 0..2 {
                let to = self.replicas[replica].sides[side].node;
                if self.nodes[to].is_up() && self.serve(replica, to).is_ok() {
                    break;
                }
            }
        }
        self.settle();
    }

    /// Mounts a slice anew on a client: a stale handle or a hang is over.
    pub fn remount(&mut self, node: usize, replica: usize) {
        let now = self.now_ms;
        for mount in &mut self.nodes[node].mounts {
            if mount.replica == replica {
                mount.forced = None;
                mount.remount(now);
                mount.state = MountState::Answering;
            }
        }
        self.settle();
    }

    fn side(&self, replica: usize, node: usize) -> Result<usize, Refusal> {
        self.replicas[replica].side_on(node).ok_or_else(|| {
            Refusal::new(
                10,
                format!(
                    "'{}' not defined in your config (for this host).\n",
                    self.replicas[replica].resource
                ),
            )
        })
    }
}
