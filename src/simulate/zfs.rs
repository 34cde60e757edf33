//! A ZFS pool: one raidz2 group, scrubs, a device that can fail, and the ARC.

/// A pool of one raidz2 group.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name.
    pub name: &'static str,
    /// Devices of the group, by name.
    pub devices: Vec<String>,
    /// The failed device, if one.
    pub faulted: Option<usize>,
    /// Size.
    pub size_kib: u64,
    /// Allocated.
    pub allocated_kib: f64,
    /// Scanned of a running scrub or resilver, 0–1.
    pub scan: Option<(ScanKind, f64)>,
    /// When the last scan ended, milliseconds of the world's time.
    pub scanned_ms: i64,
    /// Whether its tools know JSON (OpenZFS 2.3).
    pub json: bool,
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

/// Seconds that a scan takes.
const SCAN_S: f64 = 300.0;

impl Pool {
    /// A healthy pool.
    #[must_use]
    pub fn new(name: &'static str, devices: Vec<String>, device_kib: u64, json: bool) -> Self {
        let size_kib = device_kib * devices.len() as u64;
        Self {
            name,
            devices,
            faulted: None,
            size_kib,
            allocated_kib: size_kib as f64 * 0.58,
            scan: None,
            scanned_ms: -260_000_000,
            json,
            arc: [9.1e8, 4.2e7, 6.0e6, 3.6e7],
            rate: 900.0,
        }
    }

    /// Goes on for `dt` seconds.
    pub fn accumulate(&mut self, dt: f64, now_ms: u64) {
        let hits = self.rate * dt;
        self.arc[0] += hits * 0.955;
        self.arc[1] += hits * 0.045;
        self.arc[2] += hits * 0.006;
        self.arc[3] += hits * 0.039;
        if let Some((_, done)) = &mut self.scan {
            *done += dt / SCAN_S;
            if *done >= 1.0 {
                self.scan = None;
                self.scanned_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
            }
        }
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

    /// State of the whole.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        if self.faulted.is_some() { "DEGRADED" } else { "ONLINE" }
    }
}
