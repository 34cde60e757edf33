//! MySQL and MariaDB servers: transactions, replication with lag, GTIDs, and Galera.

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Which of the two.
    pub mariadb: bool,
    /// `server_id`.
    pub server_id: u32,
    /// `server_uuid`.
    pub uuid: String,
    /// `read_only`.
    pub read_only: bool,
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
}

/// Replication of a replica.
#[derive(Debug, Clone)]
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
}

/// A Galera node.
#[derive(Debug, Clone)]
pub struct Galera {
    /// Cut off from the others.
    pub cut: bool,
    /// In the primary component.
    pub primary: bool,
    /// Nodes that it sees, itself included.
    pub size: u32,
    /// Rises with each change of membership.
    pub conf_id: u64,
    /// `wsrep_last_committed`.
    pub committed: f64,
}

impl Server {
    /// A source.
    #[must_use]
    pub fn new(mariadb: bool, server_id: u32, demand: f64) -> Self {
        Self {
            mariadb,
            server_id,
            uuid: format!("3e11fa47-71ca-11e1-9e33-c80aa94{server_id:05}"),
            read_only: false,
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
        }
    }

    /// Makes it a replica of another host.
    #[must_use]
    pub fn replica_of(mut self, source: usize) -> Self {
        self.read_only = true;
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
        });
        self
    }

    /// Makes it a node of a Galera cluster of that many.
    #[must_use]
    pub fn galera_of(mut self, size: u32) -> Self {
        self.galera = Some(Galera {
            cut: false,
            primary: true,
            size,
            conf_id: 14,
            committed: 7_218_004.0,
        });
        self
    }

    /// Writes of its own for `dt` seconds.
    pub fn accumulate(&mut self, dt: f64) {
        if self.channel.is_none() && !self.read_only && self.galera.is_none() {
            self.transactions += self.rate * dt;
        }
        self.queries += self.rate * 14.0 * dt;
    }
}

impl Channel {
    /// Receives and applies for `dt` seconds; the source has `transactions` and commits `rate` a second.
    pub fn advance(&mut self, dt: f64, source: Option<(f64, f64)>) {
        self.connected = self.io_on && source.is_some();
        let rate = source.map_or(0.0, |(_, rate)| rate);
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
