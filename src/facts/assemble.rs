//! Puts the sections of a host's answers together into snapshots.
//!
//! Pure: bytes and times come in, readings come out. It keeps what was read last, because a section
//! may say that nothing has changed, and because a rate needs the sample before.

mod combine;
mod rate;
mod receive;

use super::{
    backup::{self, BackupProcess},
    drbd::{self, DrbdProc, DrbdVolume},
    filesystem, identity, load,
    md::{self, MdArray, MdSys},
    mysql, network, nfs,
    probe::{self, ProbeReading},
    proof::{self, BackupList},
    reading::{Reading, State, UnixMs},
    section::{Section, SectionStatus},
    snapshot::Snapshot,
    zfs::{self, Pool, PoolSize},
};
use crate::fleet::{KeptBackups, Probe};
use rate::{Baselines, Moment};
use receive::{Answer, Change};
use std::sync::Arc;

/// Makes snapshots of one host from the answers on one connection.
#[derive(Debug, Default)]
pub struct Assembler {
    probes: Vec<Probe>,
    snapshot: Snapshot,
    parts: Parts,
    baselines: Baselines,
}

/// Sections that make one fact only together.
#[derive(Debug, Default)]
struct Parts {
    md_stat: Reading<Vec<MdArray>>,
    md_sys: Reading<Vec<MdSys>>,
    drbd_proc: Reading<DrbdProc>,
    drbd_status: Reading<Vec<DrbdVolume>>,
    drbd_events: Reading<Vec<DrbdVolume>>,
    /// The last status that came, for its names: they do not change while drbdsetup hangs.
    drbd_names: Option<Arc<Vec<DrbdVolume>>>,
    zpool: Reading<Vec<Pool>>,
    zpool_list: Reading<Vec<PoolSize>>,
    backup_processes: Reading<Vec<BackupProcess>>,
}

/// What came with one answer and has to be worked on after all of its sections were read.
#[derive(Default)]
struct Came {
    uptime_seconds: Option<f64>,
    fast: bool,
    rebooted: bool,
    stat: Change,
    diskstats: Change,
    netdev: Change,
    mountstats: Change,
    arcstats: Change,
    md: Change,
    drbd: Change,
    pools: Change,
}

impl Assembler {
    /// An assembler for a new connection to a host with these custom probes.
    #[must_use]
    pub fn new(probes: &[Probe]) -> Self {
        let reading = |probe: &Probe| ProbeReading {
            name: probe.name.clone(),
            value: Reading::default(),
        };
        Self {
            probes: probes.to_vec(),
            snapshot: Snapshot {
                probes: probes.iter().map(reading).collect(),
                ..Snapshot::default()
            },
            ..Self::default()
        }
    }

    /// Declares that the host has no MySQL server to ask: what is never asked is absent, not unknown.
    pub fn without_mysql(&mut self, at: UnixMs) {
        self.snapshot.mysql = Reading::absent(at);
    }

    /// Declares which backups are on the host, to be listed.
    pub fn keeping(&mut self, backups: &[KeptBackups]) {
        let list = |kept: &KeptBackups| BackupList {
            name: kept.of.record(),
            newest: Reading::default(),
        };
        self.snapshot.backup_lists = backups.iter().map(list).collect();
    }

    /// Declares that nothing but custom probes is asked of the host (an appliance).
    pub fn probes_only(&mut self, at: UnixMs) {
        let probes = std::mem::take(&mut self.snapshot.probes);
        self.snapshot = Snapshot::probes_only(probes, at);
    }

    /// Takes the sections of one answer, of either lane, that arrived at `at`.
    pub fn apply<'a>(&mut self, sections: impl Iterator<Item = (Section, &'a SectionStatus, &'a [u8])>, at: UnixMs) {
        let mut came = Came::default();
        for (section, status, content) in sections {
            let answer = Answer {
                section,
                status,
                content,
                at,
            };
            came.fast |= section.lane() == super::section::Lane::Fast;
            self.take_fast(&answer, &mut came);
            self.take_parts(&answer, &mut came);
            self.take_slow(&answer, &mut came);
        }
        if came.fast {
            self.snapshot.polls += 1;
        }
        if came.rebooted {
            self.baselines = Baselines::default();
        }
        self.combine(&came);
        self.rates(&came, at);
    }

    /// The snapshot as it stands: `at` is when the newest answer arrived, `rtt_us` how long it took.
    pub fn snapshot(&mut self, at: UnixMs, rtt_us: u64) -> Snapshot {
        self.snapshot.at = at;
        self.snapshot.rtt_us = rtt_us;
        self.snapshot.clone()
    }

    fn take_fast(&mut self, answer: &Answer<'_>, came: &mut Came) {
        let now = &mut self.snapshot;
        match answer.section {
            Section::Uptime => {
                let before = now.uptime.value().map(|uptime| uptime.seconds);
                if answer.into(&mut now.uptime, load::parse_uptime) != Change::None
                    && *answer.status == SectionStatus::Ok
                {
                    came.uptime_seconds = now.uptime.value().map(|uptime| uptime.seconds);
                }
                if let (Some(before), Some(after)) = (before, came.uptime_seconds) {
                    came.rebooted |= after < before;
                }
            }
            Section::Loadavg => drop(answer.into(&mut now.load, load::parse_loadavg)),
            Section::Stat => came.stat.add(answer.into(&mut now.cpu_times, load::parse_stat)),
            Section::Meminfo => drop(answer.into(&mut now.memory, load::parse_meminfo)),
            Section::Pressure => drop(answer.into(&mut now.pressure, load::parse_pressure)),
            Section::Diskstats => {
                came.diskstats
                    .add(answer.into(&mut now.disk_counters, super::disk::parse_diskstats));
            }
            Section::NetDev => came
                .netdev
                .add(answer.into(&mut now.link_counters, network::parse_netdev)),
            Section::Snmp => drop(answer.into(&mut now.tcp, network::parse_snmp)),
            Section::Links => drop(answer.into(&mut now.links, network::parse_links)),
            Section::Mounts => drop(answer.into(&mut now.mounts, filesystem::parse_mountinfo)),
            Section::Mountstats => {
                came.mountstats
                    .add(answer.into(&mut now.nfs_mount_counters, nfs::parse_mountstats));
            }
            Section::Nfsd => drop(answer.into(&mut now.nfs_server, nfs::parse_nfsd)),
            Section::Arcstats => came.arcstats.add(answer.into(&mut now.arc, zfs::parse_arcstats)),
            Section::FilesystemErrors => {
                answer.into(&mut now.filesystem_errors, filesystem::parse_filesystem_errors);
            }
            Section::Statfs => drop(answer.into(&mut now.statfs, filesystem::parse_statfs)),
            _ => {}
        }
    }

    fn take_parts(&mut self, answer: &Answer<'_>, came: &mut Came) {
        let parts = &mut self.parts;
        match answer.section {
            Section::Mdstat => came.md.add(answer.into(&mut parts.md_stat, md::parse_mdstat)),
            Section::MdSys => came.md.add(answer.into(&mut parts.md_sys, md::parse_mdsys)),
            Section::Drbd => came.drbd.add(answer.into(&mut parts.drbd_proc, drbd::parse_proc_drbd)),
            Section::DrbdStatus => {
                came.drbd.add(answer.into(&mut parts.drbd_status, drbd::parse_status));
                if let State::Known(status) = &parts.drbd_status.state {
                    parts.drbd_names = Some(Arc::clone(status));
                }
            }
            Section::DrbdEvents => came.drbd.add(answer.into(&mut parts.drbd_events, drbd::parse_events)),
            Section::Zpool => came.pools.add(answer.into(&mut parts.zpool, zfs::parse_zpool)),
            Section::ZpoolList => came
                .pools
                .add(answer.into(&mut parts.zpool_list, zfs::parse_zpool_list)),
            _ => {}
        }
    }

    fn take_slow(&mut self, answer: &Answer<'_>, came: &mut Came) {
        let now = &mut self.snapshot;
        match answer.section {
            Section::Identity => {
                let before = now.identity.value().map(|identity| identity.boot_id.clone());
                answer.into(&mut now.identity, identity::parse_identity);
                let after = now.identity.value().map(|identity| &identity.boot_id);
                if let (Some(before), Some(after)) = (before, after) {
                    came.rebooted |= before != *after && !before.is_empty();
                }
            }
            Section::Exports => drop(answer.into(&mut now.exports, nfs::parse_exports)),
            Section::NfsClients => drop(answer.into(&mut now.nfs_clients, nfs::parse_clients)),
            Section::Addresses => drop(answer.into(&mut now.addresses, network::parse_addresses)),
            Section::Df => drop(answer.into(&mut now.filesystems, filesystem::parse_df)),
            Section::Mysql => drop(answer.into(&mut now.mysql, mysql::parse_mysql)),
            Section::Rotational => drop(answer.into(&mut now.disk_kinds, super::disk::parse_rotational)),
            Section::Backups => self.take_backups(answer),
            Section::Probes => self.take_probes(answer),
            Section::Proofs => drop(answer.into(&mut now.backup_tests, proof::parse_tests)),
            Section::Lists => self.take_lists(answer),
            _ => {}
        }
    }

    /// Of the processes that could make a backup those that do.
    fn take_backups(&mut self, answer: &Answer<'_>) {
        let processes = &mut self.parts.backup_processes;
        if answer.into(processes, backup::parse_backups) == Change::None {
            return;
        }
        let backups = &mut self.snapshot.backups;
        match &processes.state {
            State::Known(seen) => {
                let at_work = self.baselines.backups.look(seen, processes.at);
                receive::set(backups, Ok(at_work), processes.at);
            }
            State::Unknown(why) => *backups = Reading::unknown(why.clone(), processes.at),
            State::Absent => *backups = Reading::absent(processes.at),
        }
    }

    /// Only the probes that were due have an output; the others keep their reading.
    fn take_probes(&mut self, answer: &Answer<'_>) {
        let readings = self.snapshot.probes.iter_mut();
        if *answer.status != SectionStatus::Ok {
            for reading in readings {
                answer.into(&mut reading.value, |_| Err(super::Why::NotAsked));
            }
            return;
        }
        match probe::split_probes(answer.content) {
            Ok(outputs) => {
                for (reading, declared) in readings.zip(&self.probes) {
                    if let Some(output) = outputs.iter().find(|output| output.name == declared.name) {
                        receive::set(
                            &mut reading.value,
                            probe::find_value(&declared.parser, output),
                            answer.at,
                        );
                    }
                }
            }
            Err(why) => {
                for reading in readings {
                    reading.value = Reading::unknown(why.clone(), answer.at);
                }
            }
        }
    }

    /// Only lists that were asked for have an output; the others keep their reading.
    fn take_lists(&mut self, answer: &Answer<'_>) {
        let lists = self.snapshot.backup_lists.iter_mut();
        if *answer.status == SectionStatus::Ok
            && let Ok(outputs) = probe::split_probes(answer.content)
        {
            for list in lists {
                if let Some(output) = outputs.iter().find(|output| output.name == list.name) {
                    receive::set(&mut list.newest, proof::newest_of(output), answer.at);
                }
            }
            return;
        }
        // Which of them is the cause is not told: what another one said before grows old by itself.
        for list in lists.filter(|list| list.newest.value().is_none()) {
            answer.into(&mut list.newest, |text| Err(super::scan::garbled(text)));
        }
    }

    /// The time of an answer, as rates need it.
    fn moment(came: &Came, at: UnixMs) -> Moment {
        Moment {
            uptime_seconds: came.uptime_seconds,
            at,
        }
    }
}

#[cfg(test)]
mod tests;
