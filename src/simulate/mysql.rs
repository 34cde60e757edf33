//! MySQL and MariaDB servers: transactions, replication with lag, GTIDs, and Galera.

use super::{galera::Galera, node::whole};

/// Which transactions a server has, and who wrote them: runs of one writer each, up to a sequence number, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log(Vec<(u32, u64)>);

impl Log {
    /// Everything up to there was written by one server.
    #[must_use]
    pub fn of(server: u32, last: u64) -> Self {
        Self(vec![(server, last)])
    }

    /// A server writes up to there.
    pub fn write(&mut self, server: u32, last: u64) {
        match self.0.last_mut() {
            Some((_, end)) if *end >= last => {}
            Some((writer, end)) if *writer == server => *end = last,
            _ => self.0.push((server, last)),
        }
    }

    /// The newest transaction: its writer and its number.
    #[must_use]
    pub fn newest(&self) -> Option<(u32, u64)> {
        self.0.last().copied()
    }

    /// The number of the newest transaction.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.newest().map_or(0, |(_, end)| end)
    }

    /// The part up to there.
    #[must_use]
    pub fn until(&self, last: u64) -> Self {
        let mut runs = Vec::new();
        let mut from = 0;
        for (writer, end) in &self.0 {
            if from < last {
                runs.push((*writer, (*end).min(last)));
            }
            from = *end;
        }
        Self(runs)
    }

    /// As MySQL writes it: of each writer the intervals that it wrote. (A server numbers its own from 1; these have the numbers
    /// of the whole log, which tells them apart as well.)
    #[must_use]
    pub fn set(&self) -> String {
        let mut sets: Vec<(u32, String)> = Vec::new();
        let mut from = 1;
        for (writer, end) in &self.0 {
            let interval = format!(":{from}-{end}");
            match sets.iter_mut().find(|(known, _)| known == writer) {
                Some((_, intervals)) => intervals.push_str(&interval),
                None => sets.push((*writer, interval)),
            }
            from = end + 1;
        }
        let sets: Vec<String> = sets
            .into_iter()
            .map(|(writer, intervals)| format!("{}{intervals}", uuid(writer)))
            .collect();
        sets.join(",")
    }

    /// Whether it has everything of another, by the same writers.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.until(other.end()) == *other
    }

    /// `gtid_binlog_state`: of each writer its newest transaction, in the order of their first ones.
    #[must_use]
    pub fn state(&self) -> Vec<(u32, u64)> {
        let mut state: Vec<(u32, u64)> = Vec::new();
        for (writer, end) in &self.0 {
            match state.iter_mut().find(|(known, _)| known == writer) {
                Some((_, newest)) => *newest = *end,
                None => state.push((*writer, *end)),
            }
        }
        state
    }
}

/// `server_uuid` of the server with that number.
fn uuid(server_id: u32) -> String {
    format!("3e11fa47-71ca-11e1-9e33-c80aa94{server_id:05}")
}

/// One server.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, as the server tells it"
)]
pub struct Server {
    /// Which of the two.
    pub mariadb: bool,
    /// `server_id`.
    pub server_id: u32,
    /// `server_uuid`.
    pub uuid: String,
    /// `read_only`.
    pub read_only: bool,
    /// Whether `super_read_only` is set with it (MySQL).
    pub stops_super: bool,
    /// Replication from another host, on a replica.
    pub channel: Option<Channel>,
    /// Transactions that this server has committed as a source.
    pub transactions: f64,
    /// Transactions a second at ordinary times.
    pub demand: f64,
    /// Transactions a second now.
    pub rate: f64,
    /// Transactions that were committed here and nowhere else.
    pub errant: u64,
    /// Whether its data directory holds a Galera node.
    pub galera: Option<Galera>,
    /// Queries.
    pub queries: f64,
    /// Connections now.
    pub connections: u32,
    /// Threads running now.
    pub running: u32,
    /// How long it takes for the questions of a poll when it has little to do, microseconds.
    pub answer_us: f64,
    /// What is in its data.
    pub log: Log,
    /// Whether it takes writes after a restart.
    pub opens_at_start: bool,
    /// Whether its event scheduler runs.
    pub scheduler: bool,
    /// Transactions a second of a session with SUPER, which `read_only` does not stop; 0 where there is none.
    pub admin: f64,
    /// Whether that session comes back at once when it is ended.
    pub admin_returns: bool,
    /// `datadir`.
    pub datadir: String,
    /// An engine of one of its tables that a crash tears.
    pub torn: Option<&'static str>,
    /// Semi-synchronous replication.
    pub semi_sync: SemiSync,
    /// The same as its configuration has it: as it is after a restart.
    pub semi_sync_at_start: SemiSync,
}

/// Which sides of semi-synchronous replication are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemiSync {
    /// Commits wait for a replica.
    pub source: bool,
    /// What it has received it tells its source; from the next start of its receiver on.
    pub replica: bool,
}

/// Replication of a replica.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, as the server tells it"
)]
pub struct Channel {
    /// The host that it replicates from.
    pub source: usize,
    /// Whether the receiver thread is on; it can be on and yet without a connection.
    pub io_on: bool,
    /// Whether the receiver has a connection.
    pub connected: bool,
    /// Whether the applier runs.
    pub sql_on: bool,
    /// The applier's error, if one stopped it.
    pub sql_error: Option<(u32, &'static str)>,
    /// Received.
    pub received: f64,
    /// Applied.
    pub applied: f64,
    /// Seconds behind.
    pub lag_s: f64,
    /// How fast it applies, in seconds of the source's work per second; 4 when nothing holds it.
    pub speed: f64,
    /// What has been received: its relay log, and what is applied already.
    pub relay: Log,
    /// Whether the source has not what this replica has: the receiver has given up (error 1236).
    pub diverged: bool,
    /// Transactions a second of the source, when it wrote last.
    pub rate: f64,
    /// Whether the receiver tells the source what it has received.
    pub acknowledges: bool,
}

impl Server {
    /// A source.
    #[must_use]
    pub fn new(mariadb: bool, server_id: u32, demand: f64) -> Self {
        Self {
            mariadb,
            server_id,
            uuid: uuid(server_id),
            read_only: false,
            stops_super: true,
            channel: None,
            transactions: 48_211_900.0,
            demand,
            rate: 0.0,
            errant: 0,
            galera: None,
            queries: 9.2e9,
            connections: 40,
            running: 2,
            answer_us: if mariadb { 1900.0 } else { 2600.0 },
            log: Log::of(server_id, 48_211_900),
            opens_at_start: false,
            scheduler: false,
            admin: 0.0,
            admin_returns: false,
            datadir: "/var/lib/mysql/".to_owned(),
            torn: None,
            semi_sync: SemiSync::SOURCE,
            semi_sync_at_start: SemiSync::SOURCE,
        }
    }

    /// Gives it data that somebody wrote.
    #[must_use]
    pub fn holding(mut self, log: Log) -> Self {
        self.transactions = log.end() as f64;
        self.log = log;
        self
    }

    /// Makes it a replica of another host.
    #[must_use]
    pub fn replica_of(mut self, source: usize) -> Self {
        self.read_only = true;
        (self.semi_sync, self.semi_sync_at_start) = (SemiSync::REPLICA, SemiSync::REPLICA);
        self.follow(source);
        self
    }

    /// Replicates from another host, from where it stands: what a relay log held is thrown away.
    pub fn follow(&mut self, source: usize) {
        self.unfollow();
        self.channel = Some(Channel {
            source,
            io_on: true,
            connected: true,
            sql_on: true,
            sql_error: None,
            received: self.transactions,
            applied: self.transactions,
            lag_s: 0.0,
            speed: 4.0,
            relay: self.log.clone(),
            diverged: false,
            rate: 0.0,
            acknowledges: self.semi_sync.replica,
        });
    }

    /// Replicates from nobody; what was received and not applied is gone.
    pub fn unfollow(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.transactions = channel.applied;
        }
        self.transactions = self.transactions.max(self.log.end() as f64);
    }

    /// Starts again after its host has lost its power: replicas begin at once, and by GTID those of MariaDB throw their relay
    /// logs away; how far behind they are they say to be 0 until they know better.
    pub fn restart(&mut self) {
        if let Some(galera) = &mut self.galera {
            galera.boot();
            return;
        }
        self.read_only = !self.opens_at_start;
        self.semi_sync = self.semi_sync_at_start;
        if let Some(channel) = &mut self.channel {
            if self.mariadb {
                channel.relay = self.log.clone();
                channel.received = channel.applied;
            }
            // That a receiver was stopped does not outlive it.
            (channel.lag_s, channel.io_on) = (0.0, true);
            channel.acknowledges = self.semi_sync.replica;
        }
    }

    /// What MySQL says that it has executed; its errant transactions have the next numbers of its own.
    #[must_use]
    pub fn executed_set(&self) -> String {
        let set = self.log.set();
        if self.errant == 0 {
            return set;
        }
        let last = self
            .log
            .state()
            .into_iter()
            .find(|(writer, _)| *writer == self.server_id);
        let from = last.map_or(0, |(_, last)| last) + 1;
        format!("{set},{}:{from}-{}", self.uuid, from + self.errant - 1)
    }

    /// Makes it a node of a Galera cluster of that many.
    #[must_use]
    pub fn galera_of(mut self, size: u32) -> Self {
        self.galera = Some(Galera::new(size));
        self
    }

    /// How far its data is: what it has applied or written.
    #[must_use]
    pub fn position(&self) -> f64 {
        self.channel
            .as_ref()
            .map_or(self.transactions, |channel| channel.applied)
    }

    /// Writes of its own for `dt` seconds.
    pub fn accumulate(&mut self, dt: f64) {
        if self.channel.is_none() && !self.read_only && self.galera.is_none() {
            self.transactions += self.rate * dt;
        }
        if self.channel.is_none() && self.galera.is_none() {
            // Nothing stops it but the end of its session, or `super_read_only`.
            if self.mariadb || !(self.read_only && self.stops_super) {
                self.transactions += self.admin * dt;
            }
            self.log.write(self.server_id, whole(self.transactions));
        }
        self.queries += self.rate * 14.0 * dt;
    }
}

impl SemiSync {
    /// As a source has it.
    pub const SOURCE: Self = Self {
        source: true,
        replica: false,
    };
    /// As a replica has it.
    pub const REPLICA: Self = Self {
        source: false,
        replica: true,
    };
}

impl Channel {
    /// Receives and applies for `dt` seconds; the source has `transactions` and commits `rate` a second.
    pub fn advance(&mut self, dt: f64, source: Option<(f64, f64)>) {
        self.connected = self.io_on && source.is_some();
        // What was written at some speed is applied so, whether the source still writes or not.
        self.rate = source
            .map(|(_, rate)| rate)
            .filter(|rate| *rate > 0.0)
            .unwrap_or(self.rate);
        let rate = self.rate;
        if let (true, Some((transactions, _))) = (self.io_on, source) {
            self.received = transactions;
        }
        if !self.sql_on {
            self.lag_s += dt;
            return;
        }
        self.lag_s = (self.lag_s + dt * (1.0 - self.speed)).max(0.0);
        self.applied = (self.received - self.lag_s * rate).clamp(self.applied, self.received.max(self.applied));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_knows_who_wrote_what() {
        let mut log = Log::of(1, 5);
        log.write(1, 8);
        log.write(2, 9);
        log.write(1, 12);
        assert_eq!(log.state(), [(1, 12), (2, 9)]);
        assert_eq!(log.until(9).newest(), Some((2, 9)));
        assert!(log.contains(&log.until(7)) && log.contains(&log) && !log.until(7).contains(&log));
        assert!(!log.contains(&Log::of(3, 2)));
        let mut other = log.until(8);
        other.write(3, 9);
        assert!(!log.contains(&other), "the same number by another writer");
    }

    #[test]
    fn a_log_is_a_set_of_mysql_as_well() {
        let mut log = Log::of(1, 5);
        log.write(2, 9);
        log.write(1, 12);
        let set = "3e11fa47-71ca-11e1-9e33-c80aa9400001:1-5:10-12,3e11fa47-71ca-11e1-9e33-c80aa9400002:6-9";
        assert_eq!(log.set(), set);
        assert_eq!(Log::default().set(), "");
    }

    #[test]
    fn mysql_keeps_its_relay_log_when_it_starts_and_super_read_only_stops_everybody() {
        let mut server = Server::new(false, 2, 100.0).replica_of(0);
        let at = server.transactions;
        let channel = server.channel.as_mut().unwrap();
        channel.speed = 0.0;
        channel.advance(5.0, Some((at + 500.0, 100.0)));
        channel.relay = Log::of(2, whole(at) + 500);
        let before = channel.relay.clone();
        server.restart();
        let channel = server.channel.as_ref().unwrap();
        assert_eq!(channel.relay, before);
        assert!(channel.received - channel.applied > 400.0 && channel.lag_s < 0.1);
        server.unfollow();
        server.admin = 10.0;
        let written = |server: &Server| {
            let mut server = server.clone();
            let before = server.transactions;
            server.accumulate(1.0);
            server.transactions > before
        };
        assert!(!written(&server));
        server.stops_super = false;
        assert!(written(&server), "read_only alone does not stop SUPER");
        server.stops_super = true;
        server.mariadb = true;
        assert!(written(&server), "MariaDB has nothing that stops it");
    }

    #[test]
    fn replica_threads_that_start_throw_the_relay_log_away() {
        let mut server = Server::new(true, 2, 100.0).replica_of(0);
        let at = server.transactions;
        let source = Log::of(2, whole(at) + 500);
        let channel = server.channel.as_mut().unwrap();
        channel.speed = 0.0;
        channel.advance(5.0, Some((at + 500.0, 100.0)));
        channel.relay = source;
        assert!(channel.received - channel.applied > 400.0);
        let mut again = server.clone();
        again.restart();
        let channel = again.channel.unwrap();
        assert!(
            (channel.received - channel.applied).abs() < 1.0 && channel.lag_s < 0.1,
            "and it says that it is not behind"
        );
        server.follow(0);
        assert!(
            server.channel.unwrap().relay.end() <= whole(at),
            "what was received is gone"
        );
    }

    #[test]
    fn a_slow_replica_falls_behind_and_catches_up() {
        let mut server = Server::new(false, 2, 100.0).replica_of(0);
        let channel = server.channel.as_mut().unwrap();
        let mut at = 48_211_900.0;
        channel.speed = 0.4;
        for _ in 0..50 {
            at += 100.0;
            channel.advance(1.0, Some((at, 100.0)));
        }
        assert!((channel.lag_s - 30.0).abs() < 0.1);
        assert!(channel.received - channel.applied > 2_500.0);
        channel.speed = 4.0;
        for _ in 0..20 {
            at += 100.0;
            channel.advance(1.0, Some((at, 100.0)));
        }
        assert!(channel.lag_s < 0.01 && (channel.received - channel.applied).abs() < 1.0);
    }
}
