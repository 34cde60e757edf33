//! What of a snapshot goes into the sparklines.

use super::view::Trend;
use crate::facts::{Snapshot, mysql::Mysql, nfs::NfsMountRate};

/// Adds one poll to a trend.
pub(super) fn add(trend: &mut Trend, snapshot: &Snapshot) {
    trend.push(
        snapshot.load.value().map(|load| narrow(load.one)),
        Some(narrow(snapshot.rtt_us as f64 / 1000.0)),
        disk_await_ms(snapshot).map(narrow),
        nfs_rtt_ms(snapshot).map(narrow),
        lag_seconds(snapshot).map(narrow),
    );
}

/// Adds gaps for polls without an answer.
pub(super) fn add_gaps(trend: &mut Trend, count: usize) {
    for _ in 0..count.min(super::view::TREND_SAMPLES) {
        trend.push(None, None, None, None, None);
    }
}

#[allow(clippy::cast_possible_truncation)] // sparklines need no more than a float's precision
const fn narrow(value: f64) -> f32 {
    value as f32
}

/// Mean time of a request on the disk that was busiest; `None` when no disk did anything.
pub fn disk_await_ms(snapshot: &Snapshot) -> Option<f64> {
    snapshot
        .disks
        .value()?
        .iter()
        .filter_map(|disk| {
            let reads = disk.read_await_ms.map_or(0.0, |ms| ms * disk.reads_per_second);
            let writes = disk.write_await_ms.map_or(0.0, |ms| ms * disk.writes_per_second);
            let requests = disk.reads_per_second + disk.writes_per_second;
            (requests > 0.0).then(|| (disk.busy_percent, (reads + writes) / requests))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, await_ms)| await_ms)
}

/// Mean round trip over all operations of the mount whose mean is highest; `None` without operations.
pub fn nfs_rtt_ms(snapshot: &Snapshot) -> Option<f64> {
    snapshot
        .nfs_mounts
        .value()?
        .iter()
        .filter_map(mount_rtt_ms)
        .max_by(f64::total_cmp)
}

/// Mean round trip over all operations of one mount; `None` without operations.
pub fn mount_rtt_ms(mount: &NfsMountRate) -> Option<f64> {
    let (time, count) = mount.ops.iter().fold((0.0, 0.0), |(time, count), op| {
        op.rtt_ms.map_or((time, count), |rtt| {
            (time + rtt * op.ops_per_second, count + op.ops_per_second)
        })
    });
    (count > 0.0).then(|| time / count)
}

/// Replica lag of a host, see [`lag_of`].
pub fn lag_seconds(snapshot: &Snapshot) -> Option<f64> {
    lag_of(snapshot.mysql.value()?)
}

/// Replica lag: by heartbeat where there is one, else the greatest `seconds_behind` of its channels;
/// `None` on a source, and when it is not known.
pub fn lag_of(mysql: &Mysql) -> Option<f64> {
    if mysql.channels.is_empty() {
        return None;
    }
    mysql.heartbeat_lag_seconds.or_else(|| {
        mysql
            .channels
            .iter()
            .filter_map(|channel| channel.seconds_behind)
            .max()
            .map(|seconds| seconds as f64)
    })
}
