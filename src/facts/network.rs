//! Network: links, their counters and rates, addresses, TCP retransmits.

use super::text::CleanText;
use serde::Serialize;
use std::net::IpAddr;

/// Counters of one interface in `/proc/net/dev`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// Interface name.
    pub name: CleanText,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Receive errors.
    pub rx_errors: u64,
    /// Received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Send errors.
    pub tx_errors: u64,
    /// Dropped before sending.
    pub tx_dropped: u64,
}

/// What one interface did between two samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkRate {
    /// Interface name.
    pub name: CleanText,
    /// Bytes received a second.
    pub rx_bytes_per_second: f64,
    /// Bytes sent a second.
    pub tx_bytes_per_second: f64,
    /// Errors and drops a second, both ways.
    pub errors_per_second: f64,
}

/// State of one interface, from `/sys/class/net`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Interface name.
    pub name: CleanText,
    /// `operstate`, such as `up` or `down`.
    pub operstate: CleanText,
    /// Whether there is a carrier; `None` when unknown.
    pub carrier: Option<bool>,
    /// Speed in Mbit/s; `None` when unknown.
    pub speed_mbit: Option<u32>,
    /// Maximum transfer unit, bytes.
    pub mtu_bytes: Option<u32>,
}

/// One address of the host, from `ip -o addr show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// Interface name.
    pub interface: CleanText,
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// Whether it is a secondary address, as service addresses are.
    pub secondary: bool,
}

/// TCP counters of `/proc/net/snmp` (RFC 4022 names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TcpCounters {
    /// `OutSegs`.
    pub segments_sent: u64,
    /// `RetransSegs`.
    pub retransmitted: u64,
    /// `CurrEstab`.
    pub established: u64,
}
