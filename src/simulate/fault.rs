//! Faults that tests (and people) inject into the embedded fleet, and take back.

use super::{
    island::{Island, Way},
    md::MemberState,
    nfs::MountState,
};

/// Something that breaks. Names are those of hosts, slices, devices.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A host loses its power. Cleared: it boots, and slices that nobody serves come up.
    HostKilled(String),
    /// A host accepts bytes and answers nothing. Cleared: it goes on.
    HostFrozen(String),
    /// The network between the console and a host is cut; everybody else reaches it. Cleared: it is mended, and old
    /// connections are reset.
    HostCut(String),
    /// The two sides of a slice cannot talk. Cleared: they can, and find out what to do.
    PairPartitioned(String),
    /// Both sides of a slice were written apart; both stand alone. Cleared: the standby's changes are discarded.
    SplitBrain(String),
    /// The host that is primary of a slice loses its power. Cleared: as [`Fault::HostKilled`].
    PrimaryKilled(String),
    /// A member of an array fails. Cleared: it is replaced, and a rebuild runs.
    DiskFailed {
        /// The host.
        host: String,
        /// The array.
        array: String,
        /// The member's slot.
        slot: usize,
    },
    /// A member of an array was replaced and is being rebuilt. Cleared: the rebuild is over.
    Rebuild {
        /// The host.
        host: String,
        /// The array.
        array: String,
        /// The member's slot.
        slot: usize,
    },
    /// A disk takes longer than when it is well. Cleared: it is well.
    DiskSlow {
        /// The host.
        host: String,
        /// The disk.
        disk: String,
        /// How many times longer.
        factor: f64,
    },
    /// A storage server needs longer to serve NFS than when it is well, whatever its disks do. Cleared: it is well.
    ServerSlow {
        /// The host.
        host: String,
        /// How many times longer.
        factor: f64,
    },
    /// The way from a client to a storage server is bad; everybody else's is well. Cleared: it is well.
    PathSlow {
        /// The client.
        client: String,
        /// The server.
        server: String,
        /// Added to every round trip, milliseconds.
        more_ms: f64,
        /// Share of operations of which a packet is lost.
        lost: f64,
    },
    /// A host has more to do; nothing is wrong with it. Cleared: as much as usual.
    Busy {
        /// The host.
        host: String,
        /// How many times more.
        factor: f64,
    },
    /// Something takes a client's CPUs away. Cleared: it is over.
    Overloaded {
        /// The client.
        host: String,
        /// Tasks that wait for one of them, a CPU.
        tasks: f64,
    },
    /// All arrays of a host are checked. Cleared: the checks are broken off.
    Checked(String),
    /// A client's mount of a slice hangs. Cleared: it answers.
    MountHung {
        /// The client.
        host: String,
        /// The slice.
        slice: String,
    },
    /// A client's handle of a slice is stale. Cleared: it was mounted anew.
    HandleStale {
        /// The client.
        host: String,
        /// The slice.
        slice: String,
    },
    /// A client has not mounted a slice that it should mount. Cleared: it has.
    MountMissing {
        /// The client.
        host: String,
        /// The slice.
        slice: String,
    },
    /// A slice is not exported. Cleared: it is.
    ExportGone(String),
    /// A replica takes writes. Cleared: it is read-only.
    SecondWritable(String),
    /// A replica has transactions of its own. Cleared: they are gone.
    ErrantGtid(String),
    /// A replica's applier stopped with an error. Cleared: it runs.
    ReplicationError(String),
    /// A Galera node is cut off. Cleared: it is back.
    GaleraCut(String),
    /// A device of a host's pool failed. Cleared: it is replaced, and a resilver runs.
    PoolDegraded(String),
    /// A host's clock is ahead. Cleared: it is right.
    ClockSkew {
        /// The host.
        host: String,
        /// How far, seconds.
        seconds: f64,
    },
}

/// A fault that cannot be: no such host, slice or device, or its state does not allow it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("cannot inject or clear {0:?}")]
pub struct Impossible(pub Fault);

impl Fault {
    /// The host that it names, unless it names a slice only.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::HostKilled(host)
            | Self::HostFrozen(host)
            | Self::HostCut(host)
            | Self::SecondWritable(host)
            | Self::ErrantGtid(host)
            | Self::ReplicationError(host)
            | Self::GaleraCut(host)
            | Self::PoolDegraded(host)
            | Self::Checked(host)
            | Self::ServerSlow { host, .. }
            | Self::PathSlow { client: host, .. }
            | Self::Busy { host, .. }
            | Self::Overloaded { host, .. }
            | Self::DiskFailed { host, .. }
            | Self::Rebuild { host, .. }
            | Self::DiskSlow { host, .. }
            | Self::MountHung { host, .. }
            | Self::HandleStale { host, .. }
            | Self::MountMissing { host, .. }
            | Self::ClockSkew { host, .. } => Some(host),
            Self::PairPartitioned(_) | Self::SplitBrain(_) | Self::PrimaryKilled(_) | Self::ExportGone(_) => None,
        }
    }
}

impl Island {
    /// Breaks something.
    ///
    /// # Errors
    /// [`Impossible`] when the fleet has no such thing, or it cannot break that way now.
    pub fn inject(&mut self, fault: &Fault) -> Result<(), Impossible> {
        self.break_it(fault).ok_or_else(|| Impossible(fault.clone()))?;
        self.faults.push(fault.clone());
        self.settle();
        Ok(())
    }

    /// Mends what was broken.
    ///
    /// # Errors
    /// [`Impossible`] when that fault is not in force.
    pub fn clear(&mut self, fault: &Fault) -> Result<(), Impossible> {
        let impossible = || Impossible(fault.clone());
        let at = self
            .faults
            .iter()
            .position(|known| known == fault)
            .ok_or_else(impossible)?;
        self.faults.remove(at);
        self.mend(fault).ok_or_else(impossible)?;
        self.settle();
        Ok(())
    }

    fn break_it(&mut self, fault: &Fault) -> Option<()> {
        match fault {
            Fault::HostKilled(host) => {
                let node = self.node(host)?;
                self.power_off(node);
            }
            Fault::HostFrozen(host) => {
                let node = self.node(host)?;
                self.nodes[node].freeze(true);
            }
            Fault::HostCut(host) => {
                let node = self.node(host)?;
                self.nodes[node].cut(true);
            }
            Fault::PrimaryKilled(slice) => {
                let replica = self.replica(slice)?;
                let side = self.replicas[replica].primary()?;
                self.power_off(self.replicas[replica].sides[side].node);
            }
            Fault::PairPartitioned(slice) => {
                let replica = self.replica(slice)?;
                self.replicas[replica].cut = true;
            }
            Fault::SplitBrain(slice) => self.split(slice)?,
            Fault::DiskFailed { host, array, slot } => {
                let array = self.array(host, array)?;
                array.fail(*slot).then_some(())?;
            }
            Fault::Rebuild { host, array, slot } => {
                let array = self.array(host, array)?;
                array.fail(*slot).then_some(())?;
                array.replace(0.0);
            }
            Fault::DiskSlow { host, disk, factor } => self.slow(host, disk, *factor)?,
            Fault::ServerSlow { host, factor } => {
                let node = self.node(host)?;
                self.nodes[node].nfs_server.as_ref()?;
                self.nodes[node].slow = *factor;
            }
            Fault::PathSlow {
                client,
                server,
                more_ms,
                lost,
            } => {
                let way = (self.node(client)?, self.node(server)?);
                let (more_ms, lost) = (*more_ms, *lost);
                self.paths.insert(way, Way { more_ms, lost });
            }
            Fault::Busy { host, factor } => {
                let node = self.node(host)?;
                self.nodes[node].busy = *factor;
            }
            Fault::Overloaded { host, tasks } => {
                let node = self.node(host)?;
                self.nodes[node].overload = *tasks;
            }
            Fault::Checked(host) => {
                let node = self.node(host)?;
                self.nodes[node].arrays.iter_mut().for_each(super::md::Array::check);
            }
            Fault::MountHung { host, slice } => {
                let hung = MountState::Hung(self.now_ms);
                self.force(host, slice, hung)?;
            }
            Fault::HandleStale { host, slice } => self.force(host, slice, MountState::Stale)?,
            Fault::MountMissing { host, slice } => {
                let (node, replica) = (self.node(host)?, self.replica(slice)?);
                let mount = self.nodes[node]
                    .mounts
                    .iter_mut()
                    .find(|mount| mount.replica == replica)?;
                mount.mounted = false;
            }
            Fault::ExportGone(slice) => {
                let replica = self.replica(slice)?;
                let side = self.replicas[replica].primary()?;
                self.unexport(replica, self.replicas[replica].sides[side].node);
            }
            Fault::SecondWritable(host) => self.server(host)?.read_only = false,
            Fault::ErrantGtid(host) => self.server(host)?.errant = 3,
            Fault::ReplicationError(host) => {
                let channel = self.server(host)?.channel.as_mut()?;
                channel.sql_on = false;
                channel.sql_error = Some((
                    1062,
                    "Could not execute Write_rows event on table shop.orders; Duplicate entry '48211901' for key 'orders.PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's source log binlog.000412, end_log_pos 88123",
                ));
            }
            Fault::GaleraCut(host) => self.server(host)?.galera.as_mut()?.cut = true,
            Fault::PoolDegraded(host) => {
                let node = self.node(host)?;
                self.nodes[node].pool.as_mut()?.fail(2);
            }
            Fault::ClockSkew { host, seconds } => {
                let node = self.node(host)?;
                self.nodes[node].clock_skew_s = *seconds;
            }
        }
        Some(())
    }

    fn mend(&mut self, fault: &Fault) -> Option<()> {
        match fault {
            Fault::HostKilled(host) => {
                let node = self.node(host)?;
                self.power_on(node);
            }
            Fault::PrimaryKilled(slice) => {
                let sides = &self.replicas[self.replica(slice)?].sides;
                let nodes = [sides[0].node, sides[1].node];
                for node in nodes {
                    if self.nodes[node].power == super::node::Power::Off {
                        self.power_on(node);
                    }
                }
            }
            Fault::HostFrozen(host) => {
                let node = self.node(host)?;
                self.nodes[node].freeze(false);
            }
            Fault::HostCut(host) => {
                let node = self.node(host)?;
                self.nodes[node].cut(false);
            }
            Fault::PairPartitioned(slice) => {
                let replica = self.replica(slice)?;
                self.replicas[replica].cut = false;
            }
            Fault::SplitBrain(slice) => {
                let replica = self.replica(slice)?;
                let victim = 1 - self.replicas[replica].primary()?;
                self.replicas[replica].discard(victim);
            }
            Fault::DiskFailed { host, array, .. } => self.array(host, array)?.replace(0.0),
            Fault::Rebuild { host, array, .. } => {
                let array = self.array(host, array)?;
                array.sync = None;
                for member in &mut array.members {
                    if member.state == MemberState::Rebuilding {
                        member.state = MemberState::InSync;
                    }
                }
            }
            Fault::DiskSlow { host, disk, .. } => self.slow(host, disk, 1.0)?,
            Fault::ServerSlow { host, .. } => {
                let node = self.node(host)?;
                self.nodes[node].slow = 1.0;
            }
            Fault::PathSlow { client, server, .. } => {
                let way = (self.node(client)?, self.node(server)?);
                self.paths.remove(&way)?;
            }
            Fault::Busy { host, .. } => {
                let node = self.node(host)?;
                self.nodes[node].busy = 1.0;
            }
            Fault::Overloaded { host, .. } => {
                let node = self.node(host)?;
                self.nodes[node].overload = 0.0;
            }
            Fault::Checked(host) => {
                let node = self.node(host)?;
                self.nodes[node].arrays.iter_mut().for_each(super::md::Array::end_check);
            }
            Fault::MountHung { host, slice }
            | Fault::HandleStale { host, slice }
            | Fault::MountMissing { host, slice } => {
                let (node, replica) = (self.node(host)?, self.replica(slice)?);
                self.remount(node, replica);
            }
            Fault::ExportGone(slice) => {
                let replica = self.replica(slice)?;
                let side = self.replicas[replica].primary()?;
                self.export(replica, self.replicas[replica].sides[side].node).ok()?;
            }
            Fault::SecondWritable(host) => self.server(host)?.read_only = true,
            Fault::ErrantGtid(host) => self.server(host)?.errant = 0,
            Fault::ReplicationError(host) => {
                let channel = self.server(host)?.channel.as_mut()?;
                channel.sql_on = true;
                channel.sql_error = None;
            }
            Fault::GaleraCut(host) => self.server(host)?.galera.as_mut()?.cut = false,
            Fault::PoolDegraded(host) => {
                let node = self.node(host)?;
                self.nodes[node].pool.as_mut()?.replace();
            }
            Fault::ClockSkew { host, .. } => {
                let node = self.node(host)?;
                self.nodes[node].clock_skew_s = 0.0;
            }
        }
        Some(())
    }

    /// Parts the sides, lets both write, and joins them: DRBD's own logic then finds the split brain.
    /// The side that was secondary is demoted again, as after a failover that was taken back.
    fn split(&mut self, slice: &str) -> Option<()> {
        let replica = self.replica(slice)?;
        let standby = 1 - self.replicas[replica].primary()?;
        let node = self.replicas[replica].sides[standby].node;
        self.replicas[replica].cut = true;
        self.settle();
        self.promote(replica, node, true).ok()?;
        self.replicas[replica].sides[standby].dirty_kib += 44.0;
        self.demote(replica, node).ok()?;
        self.replicas[replica].cut = false;
        Some(())
    }

    fn slow(&mut self, host: &str, disk: &str, factor: f64) -> Option<()> {
        let node = self.node(host)?;
        self.nodes[node].disks.iter_mut().find(|known| known.name == disk)?.slow = factor;
        Some(())
    }

    fn force(&mut self, host: &str, slice: &str, state: MountState) -> Option<()> {
        let (node, replica) = (self.node(host)?, self.replica(slice)?);
        let mount = self.nodes[node]
            .mounts
            .iter_mut()
            .find(|mount| mount.replica == replica)?;
        mount.forced = Some(state);
        Some(())
    }

    fn array(&mut self, host: &str, array: &str) -> Option<&mut super::md::Array> {
        let node = self.node(host)?;
        self.nodes[node].arrays.iter_mut().find(|known| known.name == array)
    }

    fn server(&mut self, host: &str) -> Option<&mut super::mysql::Server> {
        let node = self.node(host)?;
        self.nodes[node].mysql.as_mut()
    }
}
