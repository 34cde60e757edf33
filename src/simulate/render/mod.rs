//! What a simulated host prints: state rendered in the real formats.
//!
//! [`section`] answers one section of a poll exactly as the remote half sends it: the text of the
//! file or command, filtered as the remote half filters it, without its last newline.

mod database;
mod drbd9;
mod nfs;
mod storage;
mod system;
mod zfs;

use super::{drbd, exec, island::Island};
use crate::facts::Section;
use std::fmt::Write as _;

pub(super) use drbd9::status as drbdsetup_json;
pub(super) use nfs::{export_cache, exports, is_below, locks, mounted_with, mountinfo};
pub(super) use storage::{mdstat, proc_drbd};
pub(super) use system::{addresses, boot_id, loadavg, machine_id, meminfo, proc_stat, uptime_command};
pub(super) use zfs::{list as pool_list, text as pool_text};

/// Writes to a text; that cannot fail.
macro_rules! put {
    ($out:expr, $($rest:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($rest)*);
    }};
}
pub(super) use put;

/// How a section ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The content is there.
    Ok,
    /// No such thing on this host.
    Absent,
    /// The command ended with this exit code.
    Exit(i32),
}

impl Status {
    /// Writes the status word of a frame.
    pub fn write(self, out: &mut String) {
        match self {
            Self::Ok => out.push_str("ok"),
            Self::Absent => out.push_str("absent"),
            Self::Exit(code) => put!(out, "exit:{code}"),
        }
    }
}

/// Renders one section of a host into `out`, which is empty.
pub fn section(island: &Island, at: usize, section: Section, out: &mut String) -> Status {
    let node = &island.nodes[at];
    let present = match section {
        Section::Mdstat | Section::MdSys => !node.arrays.is_empty(),
        Section::Drbd | Section::DrbdStatus | Section::DrbdEvents => node.drbd.is_some(),
        Section::Nfsd | Section::Exports | Section::NfsClients => node.nfs_server.is_some(),
        Section::Arcstats | Section::Zpool | Section::ZpoolList => node.pool.is_some(),
        Section::Mysql => node.mysql.is_some(),
        Section::Proofs => !node.store.vault.told.is_empty(),
        _ => true,
    };
    if !present {
        return Status::Absent;
    }
    match section {
        Section::Uptime => system::uptime(island, node, out),
        Section::Loadavg => system::loadavg(island, node, out),
        Section::Stat => system::stat(node, out),
        Section::Meminfo => system::meminfo(island, node, out),
        Section::Pressure => system::pressure(node, out),
        Section::Diskstats => storage::diskstats(island, at, out),
        Section::Rotational => storage::rotational(node, out),
        // Nobody makes a backup here.
        Section::Backups => {}
        Section::NetDev => system::netdev(node, out),
        Section::Snmp => system::snmp(island, node, out),
        Section::Links => system::links(node, out),
        Section::Mdstat => storage::mdstat(node, out),
        Section::MdSys => storage::mdsys(node, out),
        Section::Drbd => storage::proc_drbd(island, at, out),
        Section::Mounts => nfs::mountinfo(island, at, out),
        Section::Mountstats => nfs::mountstats(island, at, out),
        Section::Nfsd => nfs::nfsd(island, at, out),
        Section::Arcstats => zfs::arcstats(node, out),
        Section::Identity => system::identity(node, out),
        Section::DrbdStatus => match node.drbd {
            Some(super::node::DrbdModule::V9) => _ = drbd9::status(island, at, None, out),
            _ => storage::drbdsetup_status(island, at, out),
        },
        Section::DrbdEvents => storage::events2(island, at, out),
        Section::Exports => nfs::exports(node, out),
        Section::NfsClients => nfs::clients(island, at, out),
        Section::Addresses => system::addresses(island, node, out),
        Section::Df => nfs::df(island, at, out),
        Section::Statfs => nfs::statfs(island, node, out),
        Section::FilesystemErrors => nfs::filesystem_errors(node, out),
        Section::Zpool => zfs::status(island, node, out),
        Section::ZpoolList => zfs::list(node, out),
        Section::Mysql => {
            return if database::blocks(island, at, out) {
                trim(out);
                Status::Ok
            } else {
                Status::Exit(1)
            };
        }
        Section::Probes => probes(island, at, out),
        Section::Proofs => {
            for (name, told) in &node.store.vault.told {
                for line in told.lines() {
                    put!(out, "/var/lib/pointsman/backup/{name}:{line}\n");
                }
            }
        }
        Section::Lists => {
            for of in &node.store.vault.of {
                let text = island.listed(at, of.name());
                let text = text.trim_end_matches('\n');
                put!(out, "{} 0 {}\n{text}\n", of.record(), text.len());
            }
        }
    }
    if !matches!(section, Section::Probes | Section::Lists) {
        trim(out);
    }
    Status::Ok
}

/// Takes the last newlines off, as command substitution in a shell does.
fn trim(out: &mut String) {
    out.truncate(out.trim_end_matches('\n').len());
}

/// `name exit_code length`, a newline, the output, a newline; for each probe.
fn probes(island: &Island, at: usize, out: &mut String) {
    for (name, command) in &island.nodes[at].probes {
        let answer = exec::run(island, at, command);
        let text = answer.stdout.strip_suffix('\n').unwrap_or(&answer.stdout);
        let _ = write!(out, "{name} {} {}\n{text}\n", answer.exit, text.len());
    }
}

/// Places of the replicas that have a side on a host, with that side.
fn sides(island: &Island, at: usize) -> impl Iterator<Item = (&drbd::Replica, usize)> {
    island
        .replicas
        .iter()
        .filter_map(move |replica| replica.side_on(at).map(|side| (replica, side)))
}
