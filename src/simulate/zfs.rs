//! A ZFS pool: one group of devices, scrubs, resilvers, a device that can fail or be replaced, and the ARC.

/// A pool of one group.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Parity of its RAID-Z; 0 where the group is a mirror.
    pub parity: usize,
    /// Devices of the group, by name.
    pub devices: Vec<String>,
    /// The failed device, if one.
    pub faulted: Option<usize>,
    /// The device that is replaced, and the disk that shares its place until that has its data.
    pub replacing: Option<(usize, String)>,
    /// Size.
    pub size_kib: u64,
    /// Allocated.
    pub allocated_kib: f64,
    /// Scanned of a running scrub or resilver, 0–1.
    pub scan: Option<(ScanKind, f64)>,
    /// Whether the scrub pauses.
    pub paused: bool,
    /// The last scan.
    pub last: Last,
    /// When that ended, milliseconds of the world's time.
    pub scanned_ms: i64,
    /// Seconds that a scan takes.
    pub scan_s: f64,
    /// Blocks that differ from their checksum: the next scrub finds and mends them.
    pub differs: u64,
    /// Blocks that no device has whole: the next scrub finds them.
    pub damaged: u64,
    /// Damaged blocks that were found.
    pub lost: u64,
    /// Whether its tools know JSON (OpenZFS 2.3).
    pub json: bool,
    /// Whether its tools can let a scrub pause (OpenZFS 0.7).
    pub pauses: bool,
    /// ARC hits, misses, second level hits, misses.
    pub arc: [f64; 4],
    /// Accesses a second now.
    pub rate: f64,
}

/// What scans a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanKind {
    /// A scrub.
    Scrub,
    /// A resilver after a device was replaced.
    Resilver,
}

/// The last scan of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// What it was.
    pub kind: ScanKind,
    /// Whether it was broken off.
    pub cancelled: bool,
    /// What it mended, KiB.
    pub repaired_kib: u64,
    /// Blocks that it could not mend.
    pub errors: u64,
}

/// Seconds that a scan of a large pool takes.
const SCAN_S: f64 = 300.0;
/// Size of a block.
const BLOCK_KIB: u64 = 128;

impl Pool {
    /// A healthy pool with two disks of parity.
    #[must_use]
    pub fn new(name: &str, devices: Vec<String>, device_kib: u64, json: bool) -> Self {
        let size_kib = device_kib * devices.len() as u64;
        Self {
            name: name.to_owned(),
            parity: 2,
            devices,
            faulted: None,
            replacing: None,
            size_kib,
            allocated_kib: size_kib as f64 * 0.58,
            scan: None,
            paused: false,
            last: Last {
                kind: ScanKind::Scrub,
                cancelled: false,
                repaired_kib: 0,
                errors: 0,
            },
            scanned_ms: -260_000_000,
            scan_s: SCAN_S,
            differs: 0,
            damaged: 0,
            lost: 0,
            json,
            pauses: true,
            arc: [9.1e8, 4.2e7, 6.0e6, 3.6e7],
            rate: 900.0,
        }
    }

    /// A healthy mirror.
    #[must_use]
    pub fn mirror(name: &str, devices: Vec<String>, device_kib: u64) -> Self {
        Self {
            parity: 0,
            size_kib: device_kib,
            allocated_kib: device_kib as f64 * 0.58,
            ..Self::new(name, devices, device_kib, false)
        }
    }

    /// Goes on for `dt` seconds. The disk that has left it because another one has taken its place, where one has.
    pub fn accumulate(&mut self, dt: f64, now_ms: u64) -> Option<String> {
        let hits = self.rate * dt;
        self.arc[0] += hits * 0.955;
        self.arc[1] += hits * 0.045;
        self.arc[2] += hits * 0.006;
        self.arc[3] += hits * 0.039;
        let (kind, done) = self.scan.as_mut().filter(|_| !self.paused)?;
        *done += dt / self.scan_s;
        if *done < 1.0 {
            return None;
        }
        let kind = *kind;
        let repaired_kib = if kind == ScanKind::Scrub {
            self.lost += std::mem::take(&mut self.damaged);
            std::mem::take(&mut self.differs) * BLOCK_KIB
        } else {
            0
        };
        self.ended(kind, false, now_ms);
        self.last.repaired_kib = repaired_kib;
        self.last.errors = if kind == ScanKind::Scrub { self.lost } else { 0 };
        let (slot, new) = self.replacing.take()?;
        if self.faulted == Some(slot) {
            self.faulted = None;
        }
        Some(std::mem::replace(&mut self.devices[slot], new))
    }

    fn ended(&mut self, kind: ScanKind, cancelled: bool, now_ms: u64) {
        self.scan = None;
        self.paused = false;
        self.last = Last {
            kind,
            cancelled,
            repaired_kib: 0,
            errors: 0,
        };
        self.scanned_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    }

    /// Fails a device.
    pub fn fail(&mut self, device: usize) {
        if device < self.devices.len() {
            self.faulted = Some(device);
            self.scan = None;
        }
    }

    /// Replaces the failed device: a resilver runs.
    pub fn replace(&mut self) {
        if self.faulted.take().is_some() {
            self.scan = Some((ScanKind::Resilver, 0.0));
        }
    }

    /// Whether the disk has a place.
    #[must_use]
    pub fn has(&self, disk: &str) -> bool {
        let new = self.replacing.as_ref().map(|(_, new)| new.as_str());
        new == Some(disk) || self.devices.iter().any(|device| device == disk)
    }

    /// `zpool replace`: the new disk shares the place of the old one until it has its data.
    ///
    /// # Errors
    /// What ZFS says against it.
    pub fn replace_by(&mut self, old: &str, new: &str) -> Result<(), String> {
        let slot = self.devices.iter().position(|device| device == old);
        let refused = |why: &str| Err(format!("cannot replace {old} with {new}: {why}\n"));
        let Some(slot) = slot else {
            return refused("no such device in pool");
        };
        match self.scan {
            _ if self.replacing.is_some() => {
                refused("already in replacing/spare config; wait for completion or use 'zpool detach'")
            }
            Some((ScanKind::Resilver, _)) => refused("a resilver is running"),
            _ => {
                // A resilver comes before a scrub.
                self.paused = false;
                self.replacing = Some((slot, new.to_owned()));
                self.scan = Some((ScanKind::Resilver, 0.0));
                Ok(())
            }
        }
    }

    /// `zpool detach`: one of two that share a place, or one of a mirror.
    ///
    /// # Errors
    /// What ZFS says against it.
    pub fn detach(&mut self, device: &str, now_ms: u64) -> Result<(), String> {
        if self.replacing.as_ref().is_some_and(|(_, new)| new == device) {
            self.replacing = None;
            self.ended(ScanKind::Resilver, true, now_ms);
            return Ok(());
        }
        let refused = |why: &str| Err(format!("cannot detach {device}: {why}\n"));
        match self.devices.iter().position(|own| own == device) {
            None => refused("no such device in pool"),
            Some(_) if self.parity > 0 => refused("only applicable to mirror and replacing vdevs"),
            Some(_) if self.devices.len() < 2 || self.replacing.is_some() => refused("no valid replicas"),
            Some(slot) => {
                self.devices.remove(slot);
                Ok(())
            }
        }
    }

    /// `zpool scrub`: begins one, or goes on with one that pauses.
    ///
    /// # Errors
    /// What ZFS says against it.
    pub fn scrub(&mut self) -> Result<(), String> {
        match self.scan {
            Some((ScanKind::Scrub, _)) if self.paused => self.paused = false,
            Some((ScanKind::Scrub, _)) => {
                return Err(format!(
                    "cannot scrub {}: currently scrubbing; use 'zpool scrub -s' to cancel scrub\n",
                    self.name
                ));
            }
            Some((ScanKind::Resilver, _)) => {
                return Err(format!("cannot scrub {}: currently resilvering\n", self.name));
            }
            None => self.scan = Some((ScanKind::Scrub, 0.0)),
        }
        Ok(())
    }

    /// `zpool scrub -p`.
    ///
    /// # Errors
    /// What ZFS says against it.
    pub fn pause(&mut self) -> Result<(), String> {
        if !self.pauses {
            return Err("invalid option 'p'\nusage:\n\tscrub [-s] <pool> ...\n".to_owned());
        }
        if self.paused || !matches!(self.scan, Some((ScanKind::Scrub, _))) {
            return Err(format!(
                "cannot pause scrubbing {}: there is no active scrub\n",
                self.name
            ));
        }
        self.paused = true;
        Ok(())
    }

    /// `zpool scrub -s`.
    ///
    /// # Errors
    /// What ZFS says against it.
    pub fn stop(&mut self, now_ms: u64) -> Result<(), String> {
        if !matches!(self.scan, Some((ScanKind::Scrub, _))) {
            return Err(format!(
                "cannot cancel scrubbing {}: there is no active scrub\n",
                self.name
            ));
        }
        self.ended(ScanKind::Scrub, true, now_ms);
        Ok(())
    }

    /// Devices of the group that have all its data.
    #[must_use]
    pub fn complete(&self) -> usize {
        self.devices.len() - usize::from(self.faulted.is_some())
    }

    /// Name of the group.
    #[must_use]
    pub fn group(&self) -> String {
        match self.parity {
            0 => "mirror-0".to_owned(),
            parity => format!("raidz{parity}-0"),
        }
    }

    /// State of the whole.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        if self.faulted.is_some() { "DEGRADED" } else { "ONLINE" }
    }

    /// State of a device.
    #[must_use]
    pub fn state_of(&self, device: usize) -> &'static str {
        if self.faulted == Some(device) {
            "FAULTED"
        } else {
            "ONLINE"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror() -> Pool {
        Pool {
            scan_s: 10.0,
            ..Pool::mirror("tank", vec!["sdb".into(), "sdc".into()], 1000)
        }
    }

    /// The old one stays until the new one has its data; then it is out of the pool.
    #[test]
    fn a_device_is_replaced_by_one_that_shares_its_place() {
        let mut pool = mirror();
        assert!(pool.replace_by("sdx", "sde").is_err() && pool.replace_by("sdb", "sde").is_ok());
        assert!(pool.replace_by("sdc", "sdf").is_err() && pool.scrub().is_err() && pool.detach("sdb", 0).is_err());
        for _ in 0..9 {
            assert_eq!(pool.accumulate(1.0, 1), None);
            assert!(pool.has("sdb") && pool.has("sde") && pool.complete() == 2);
        }
        assert_eq!(pool.accumulate(1.5, 1).as_deref(), Some("sdb"));
        assert_eq!(pool.devices, ["sde", "sdc"]);
        // From now on it is one of the mirror, and ZFS lets it go all the same.
        assert!(pool.detach("sde", 0).is_ok() && pool.detach("sdc", 0).is_err());
    }

    #[test]
    fn a_replacement_is_broken_off_and_a_failed_device_is_failed_still() {
        let mut pool = mirror();
        pool.fail(1);
        assert!(pool.replace_by("sdc", "sde").is_ok() && pool.detach("sde", 5).is_ok());
        assert_eq!((pool.state(), pool.has("sde"), pool.scan), ("DEGRADED", false, None));
        assert!(pool.replace_by("sdc", "sde").is_ok() && pool.accumulate(11.0, 9).is_some());
        assert_eq!(pool.state(), "ONLINE");
    }

    #[test]
    fn a_scrub_pauses_goes_on_ends_and_says_what_it_mended() {
        let mut pool = mirror();
        (pool.differs, pool.damaged) = (3, 2);
        assert!(pool.pause().is_err() && pool.stop(0).is_err());
        assert!(pool.scrub().is_ok() && pool.scrub().is_err() && pool.pause().is_ok() && pool.pause().is_err());
        pool.accumulate(60.0, 1);
        assert!(pool.scan.is_some() && pool.scrub().is_ok());
        pool.accumulate(11.0, 2);
        assert_eq!((pool.last.repaired_kib, pool.last.errors, pool.scan), (384, 2, None));
        assert!(pool.scrub().is_ok() && pool.stop(3).is_ok() && pool.last.cancelled);
        pool.pauses = false;
        assert!(pool.scrub().is_ok() && pool.pause().is_err());
    }
}
