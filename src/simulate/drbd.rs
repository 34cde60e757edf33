//! DRBD pairs: one object for both sides, so that their views cannot disagree unless they are apart.
//!
//! Data generations work as in DRBD: a primary that writes without its peer begins a new generation.
//! When two sides meet, the one whose past contains the other's present is the source of the resync;
//! when neither does, it is a split brain and both stand alone.

use std::net::Ipv4Addr;

/// Block device major number of DRBD.
pub const MAJOR: u32 = 147;
/// Fastest resync (`c-max-rate`), KiB/s.
pub const RESYNC_KIB_S: f64 = 112_000.0;

/// Role of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May be written.
    Primary,
    /// Receives the writes of the other.
    Secondary,
}

impl Role {
    /// DRBD's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Secondary => "Secondary",
        }
    }
}

/// State of one side's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Good.
    UpToDate,
    /// In the middle of a resync.
    Inconsistent,
    /// Its array is gone.
    Diskless,
}

impl Data {
    /// DRBD's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::Inconsistent => "Inconsistent",
            Self::Diskless => "Diskless",
        }
    }
}

/// Why DRBD refused a command: its exit code and text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Exit code.
    pub exit: i32,
    /// What goes to standard error.
    pub text: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(exit: i32, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
        }
    }
}

/// One side of a replica.
#[derive(Debug, Clone)]
pub struct Side {
    /// The host.
    pub node: usize,
    /// Its array below the device.
    pub array: usize,
    /// Its role.
    pub role: Role,
    /// Its data.
    pub data: Data,
    /// Gave up the connection: disconnected by a person, or after a split brain.
    pub standalone: bool,
    /// Connected with `--discard-my-data`: gives up its changes when it meets its peer.
    pub discards: bool,
    /// Lost its peer while its host stood still: it writes alone as soon as that goes on.
    pub stood_still: bool,
    /// Present data generation.
    pub generation: u64,
    /// Generations before it.
    pub past: Vec<u64>,
    /// Written since the peer was lost.
    pub dirty_kib: f64,
    /// Sent to the peer.
    pub sent_kib: f64,
    /// Received from the peer.
    pub received_kib: f64,
    /// Written to the disk below.
    pub written_kib: f64,
    /// Read from the disk below.
    pub read_kib: f64,
}

/// A resync under way.
#[derive(Debug, Clone)]
pub struct Resync {
    /// The side that sends.
    pub source: usize,
    /// In all.
    pub total_kib: f64,
    /// Still to do.
    pub left_kib: f64,
    /// Speed now.
    pub speed_kib_s: f64,
}

/// A slice: a DRBD resource with its filesystem, export and service address.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The slice's name.
    pub slice: String,
    /// The DRBD resource.
    pub resource: String,
    /// Device minor.
    pub minor: u32,
    /// The dataset of the pool on the device, where no filesystem is on that itself.
    pub dataset: Option<String>,
    /// Size of the device.
    pub size_kib: u64,
    /// Both sides; the first is the preferred one.
    pub sides: [Side; 2],
    /// Whether the sides talk now.
    pub linked: bool,
    /// Cut by a fault or the story.
    pub cut: bool,
    /// A resync under way.
    pub resync: Option<Resync>,
    /// Where the primary mounts it, and what it exports.
    pub mount_point: String,
    /// The service address.
    pub address: Ipv4Addr,
    /// Its prefix length.
    pub prefix: u8,
    /// `fsid` of the export.
    pub fsid: u32,
    /// Who may mount it.
    pub clients: Vec<String>,
    /// Used of the filesystem.
    pub used_kib: f64,
    /// Net growth.
    pub growth_kib_s: f64,
    /// Reads and writes a second that clients cause now.
    pub rate: [f64; 2],
    /// Time of a read and of a write on the device now, milliseconds.
    pub await_ms: [f64; 2],
    /// Writes that the primary has sent and that are not answered now.
    pub pending: u64,
    /// Of those, what the secondary has and has not written yet.
    pub unacked: u64,
    /// Completed reads and writes of the device.
    pub done: [f64; 2],
    /// Milliseconds of reads and writes, summed.
    pub spent_ms: [f64; 2],
}

/// Kilobytes of a typical write.
pub const WRITE_KIB: f64 = 14.0;

impl Replica {
    /// The side on that host.
    #[must_use]
    pub fn side_on(&self, node: usize) -> Option<usize> {
        self.sides.iter().position(|side| side.node == node)
    }

    /// The side that is primary.
    #[must_use]
    pub fn primary(&self) -> Option<usize> {
        self.sides.iter().position(|side| side.role == Role::Primary)
    }

    /// What is mounted: the device, such as `/dev/drbd0`, or the dataset of the pool on it.
    #[must_use]
    pub fn device(&self) -> String {
        let device = || format!("/dev/drbd{}", self.minor);
        self.dataset.clone().unwrap_or_else(device)
    }

    /// The word for the connection as that side sees it (8.4 words; 9 differs and is rendered from the parts).
    #[must_use]
    pub fn connection(&self, side: usize) -> &'static str {
        if self.sides[side].standalone {
            "StandAlone"
        } else if !self.linked {
            "WFConnection"
        } else {
            match &self.resync {
                Some(resync) if resync.source == side => "SyncSource",
                Some(_) => "SyncTarget",
                None => "Connected",
            }
        }
    }

    /// Takes the state of the hosts and the network: loses or makes the connection.
    pub fn settle(&mut self, up: [bool; 2]) {
        let can = up[0] && up[1] && !self.cut && !self.sides.iter().any(|side| side.standalone);
        match (self.linked, can) {
            (true, false) => {
                self.linked = false;
                if let Some(resync) = self.resync.take() {
                    self.sides[resync.source].dirty_kib += resync.left_kib;
                }
                for (side, up) in up.into_iter().enumerate() {
                    if self.sides[side].role == Role::Primary && up {
                        self.new_generation(side);
                    }
                    self.sides[side].stood_still = !up;
                }
            }
            (false, true) => self.handshake(),
            _ => {}
        }
        for (side, up) in up.into_iter().enumerate() {
            let wakes = up && std::mem::take(&mut self.sides[side].stood_still);
            if wakes && !self.linked && self.sides[side].role == Role::Primary {
                self.new_generation(side);
            }
        }
    }

    /// A primary writes without its peer from here on.
    fn new_generation(&mut self, side: usize) {
        let next = 1 + self.sides.iter().map(|side| side.generation).max().unwrap_or(0);
        let side = &mut self.sides[side];
        side.past.push(side.generation);
        if side.past.len() > 8 {
            side.past.remove(0);
        }
        side.generation = next;
        side.dirty_kib += 4.0;
    }

    /// Both sides meet: nothing to do, a resync, or a split brain.
    fn handshake(&mut self) {
        let [a, b] = &self.sides;
        let source = if a.data == Data::Inconsistent && b.data == Data::UpToDate {
            Some(1)
        } else if b.data == Data::Inconsistent && a.data == Data::UpToDate {
            Some(0)
        } else if a.generation == b.generation {
            None
        } else if a.past.contains(&b.generation) {
            Some(0)
        } else if b.past.contains(&a.generation) {
            Some(1)
        } else if a.discards != b.discards && !(a.role == Role::Primary && b.role == Role::Primary) {
            Some(usize::from(a.discards))
        } else {
            for side in &mut self.sides {
                side.standalone = true;
                side.discards = false;
            }
            return;
        };
        for side in &mut self.sides {
            side.discards = false;
        }
        self.linked = true;
        if let Some(source) = source {
            self.start_resync(source);
        }
    }

    /// Starts to copy what differs from one side to the other.
    pub fn start_resync(&mut self, source: usize) {
        let total = (self.sides[0].dirty_kib + self.sides[1].dirty_kib).max(4.0);
        let (generation, past) = (self.sides[source].generation, self.sides[source].past.clone());
        for side in &mut self.sides {
            side.dirty_kib = 0.0;
        }
        let target = &mut self.sides[1 - source];
        target.data = Data::Inconsistent;
        target.generation = generation;
        target.past = past;
        self.resync = Some(Resync {
            source,
            total_kib: total,
            left_kib: total,
            speed_kib_s: RESYNC_KIB_S,
        });
    }

    /// Gives up the victim's changes and connects again (`drbdadm connect --discard-my-data`).
    pub fn discard(&mut self, victim: usize) {
        for side in &mut self.sides {
            side.standalone = false;
        }
        self.linked = true;
        self.start_resync(1 - victim);
    }

    /// Goes on for `dt` seconds: writes, replication and resync.
    pub fn accumulate(&mut self, dt: f64) {
        for way in 0..2 {
            self.done[way] += self.rate[way] * dt;
            self.spent_ms[way] += self.rate[way] * dt * self.await_ms[way];
        }
        let linked = self.linked;
        if let Some(primary) = self.primary() {
            let written = self.rate[1] * dt * WRITE_KIB;
            let read = self.rate[0] * dt * 20.0;
            self.used_kib = (self.used_kib + self.growth_kib_s * dt).clamp(1.0, self.size_kib as f64 * 0.999);
            let side = &mut self.sides[primary];
            side.written_kib += written;
            side.read_kib += read;
            if linked {
                side.sent_kib += written;
                let peer = &mut self.sides[1 - primary];
                peer.received_kib += written;
                peer.written_kib += written;
            } else {
                side.dirty_kib += written;
            }
        }
        if let Some(resync) = &mut self.resync {
            let moved = (resync.speed_kib_s * dt).min(resync.left_kib);
            resync.left_kib -= moved;
            let (source, done) = (resync.source, resync.left_kib < 1.0);
            self.sides[source].sent_kib += moved;
            self.sides[1 - source].received_kib += moved;
            self.sides[1 - source].written_kib += moved;
            if done {
                self.resync = None;
                self.sides[1 - source].data = Data::UpToDate;
            }
        }
    }

    /// Not yet equal on both sides, as that side counts it.
    #[must_use]
    pub fn out_of_sync_kib(&self, side: usize) -> f64 {
        self.resync
            .as_ref()
            .map_or(self.sides[side].dirty_kib, |resync| resync.left_kib)
    }

    /// `drbdadm primary`.
    ///
    /// # Errors
    /// [`Refusal`] with DRBD's own words.
    pub fn promote(&mut self, side: usize, force: bool) -> Result<(), Refusal> {
        let refuse = |exit, code, text: &str| {
            let minor = self.minor;
            Err(Refusal::new(
                exit,
                format!(
                    "{minor}: State change failed: ({code}) {text}\nCommand 'drbdsetup-84 primary {minor}' terminated with exit code {exit}\n"
                ),
            ))
        };
        if self.sides[side].role == Role::Primary {
            return Ok(());
        }
        if self.linked && self.sides[1 - side].role == Role::Primary {
            return refuse(11, -1, "Multiple primaries not allowed by config");
        }
        let peer_good = self.linked && self.sides[1 - side].data == Data::UpToDate;
        if self.sides[side].data != Data::UpToDate && !peer_good && !force {
            return refuse(17, -2, "Need access to UpToDate data");
        }
        self.sides[side].role = Role::Primary;
        if !self.linked {
            if force {
                self.sides[side].data = Data::UpToDate;
            }
            self.new_generation(side);
        }
        Ok(())
    }

    /// The power of that side's host is gone.
    pub fn lose_power(&mut self, side: usize) {
        self.sides[side].role = Role::Secondary;
        self.sides[side].standalone = false;
    }
}
