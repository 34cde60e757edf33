//! A fleet of any number of plain hosts, each an island of its own: for measuring.

use super::{
    island::Island,
    md::Array,
    node::{Disk, Filesystem, Node},
};
use crate::fleet::{Fleet, Host, Poll};
use std::{net::Ipv4Addr, time::Duration};

/// The name of a host by its number.
fn name(index: usize) -> String {
    format!("host{index:04}")
}

/// One island a host.
pub(super) fn islands(count: usize, epoch: Duration) -> Vec<Island> {
    (0..count)
        .map(|index| {
            let [_, high, middle, low] = u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes();
            let mut node = Node::new(&name(index), Ipv4Addr::new(10, 64 | high, middle, low), 1);
            node.disks = vec![
                Disk::new("sda", 8, 0, [0.3, 0.2], node.seed),
                Disk::new("sdb", 8, 16, [0.3, 0.2], node.seed),
            ];
            node.arrays = vec![Array::new("md0", 0, 1, 0..2, 234_298_368)];
            node.filesystems = vec![Filesystem::ext4("/dev/md0", (9, 0), "/", 230_000_000, 0.4)];
            Island::new(vec![node], Vec::new(), epoch, None)
        })
        .collect()
}

/// The inventory of [`islands`].
pub(super) fn fleet(count: usize) -> Fleet {
    let hosts = (0..count)
        .map(|index| {
            let name = name(index);
            let mut host = Host::new(&name, &format!("{name}.sim"));
            host.roles.insert("node".to_owned());
            host
        })
        .collect();
    Fleet::new(
        "uniform".to_owned(),
        None,
        Poll::default(),
        hosts,
        Vec::new(),
        Vec::new(),
    )
}
