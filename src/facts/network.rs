//! Network: links, their counters and rates, addresses, TCP retransmits.

use super::{
    reading::Why,
    scan::{delta, garbled, next_u64},
    text::CleanText,
};
use serde::Serialize;
use std::{net::IpAddr, time::Duration};

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

/// Reads `/proc/net/dev`.
pub fn parse_netdev(text: &str) -> Result<Vec<LinkCounters>, Why> {
    let links: Vec<_> = text.lines().filter_map(parse_netdev_line).collect();
    if links.is_empty() {
        return Err(garbled(text));
    }
    Ok(links)
}

fn parse_netdev_line(line: &str) -> Option<LinkCounters> {
    // Old kernels print no space behind the colon; alias names may hold one themselves.
    let (name, rest) = line.rsplit_once(':')?;
    let mut values = [0; 12];
    let mut words = rest.split_ascii_whitespace();
    for value in &mut values {
        *value = next_u64(&mut words)?;
    }
    Some(LinkCounters {
        name: CleanText::new(name.trim()),
        rx_bytes: values[0],
        rx_packets: values[1],
        rx_errors: values[2],
        rx_dropped: values[3],
        tx_bytes: values[8],
        tx_packets: values[9],
        tx_errors: values[10],
        tx_dropped: values[11],
    })
}

/// What each interface did between two samples taken `elapsed` apart. An interface that is new or
/// whose counters were reset is left out.
#[must_use]
pub fn rates(before: &[LinkCounters], after: &[LinkCounters], elapsed: Duration) -> Vec<LinkRate> {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(after.len());
    for (at, now) in after.iter().enumerate() {
        let same = |old: &&LinkCounters| old.name == now.name;
        if let Some(old) = before.get(at).filter(same).or_else(|| before.iter().find(same)) {
            out.extend(rate(old, now, seconds));
        }
    }
    out
}

fn rate(old: &LinkCounters, now: &LinkCounters, seconds: f64) -> Option<LinkRate> {
    /// More than any link carries: 1 TB each second.
    const MOST_BYTES: f64 = 1e12;
    delta(old.rx_packets, now.rx_packets)?;
    delta(old.tx_packets, now.tx_packets)?;
    let rx = delta(old.rx_bytes, now.rx_bytes)? as f64 / seconds;
    let tx = delta(old.tx_bytes, now.tx_bytes)? as f64 / seconds;
    let errors = delta(old.rx_errors, now.rx_errors)?
        .saturating_add(delta(old.rx_dropped, now.rx_dropped)?)
        .saturating_add(delta(old.tx_errors, now.tx_errors)?)
        .saturating_add(delta(old.tx_dropped, now.tx_dropped)?);
    (rx <= MOST_BYTES && tx <= MOST_BYTES).then(|| LinkRate {
        name: now.name.clone(),
        rx_bytes_per_second: rx,
        tx_bytes_per_second: tx,
        errors_per_second: errors as f64 / seconds,
    })
}

/// Reads the two `Tcp:` lines of `/proc/net/snmp`, names and values matched by place.
pub fn parse_snmp(text: &str) -> Result<TcpCounters, Why> {
    let read = || {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp:"));
        let (names, values) = (lines.next()?, lines.next()?);
        let (mut names, mut values) = (names.split_ascii_whitespace(), values.split_ascii_whitespace());
        let (mut sent, mut retransmitted, mut established) = (None, None, None);
        loop {
            let wanted = match names.next() {
                Some("OutSegs") => &mut sent,
                Some("RetransSegs") => &mut retransmitted,
                Some("CurrEstab") => &mut established,
                Some(_) => {
                    values.next()?;
                    continue;
                }
                None => break,
            };
            *wanted = Some(next_u64(&mut values)?);
        }
        // A value without a name means that the others may not be what they are taken for.
        if values.next().is_some() {
            return None;
        }
        Some(TcpCounters {
            segments_sent: sent?,
            retransmitted: retransmitted?,
            established: established?,
        })
    };
    read().ok_or_else(|| garbled(text))
}

/// Reads lines `name operstate carrier speed_mbit mtu`, with `-` for what `/sys/class/net` does not tell.
pub fn parse_links(text: &str) -> Result<Vec<Link>, Why> {
    let mut links = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [name, operstate, carrier, speed, mtu] = words[..] else {
            return Err(garbled(line));
        };
        links.push(Link {
            name: CleanText::new(name),
            operstate: CleanText::new(operstate),
            carrier: match carrier {
                "1" => Some(true),
                "0" => Some(false),
                _ => None,
            },
            // Drivers that do not know print -1, and as an unsigned number 4294967295.
            speed_mbit: speed.parse().ok().filter(|speed| (1..u32::MAX).contains(speed)),
            mtu_bytes: mtu.parse().ok(),
        });
    }
    Ok(links)
}

/// Reads `ip -o addr show`, of iproute2 or BusyBox.
pub fn parse_addresses(text: &str) -> Result<Vec<Address>, Why> {
    let addresses: Vec<_> = text.lines().filter_map(parse_address).collect();
    if addresses.is_empty() && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(addresses)
}

fn parse_address(line: &str) -> Option<Address> {
    let mut words = line.split_ascii_whitespace();
    words.next()?.strip_suffix(':')?.parse::<u32>().ok()?;
    let interface = words.next()?;
    if !matches!(words.next()?, "inet" | "inet6") {
        return None;
    }
    let local = words.next()?;
    // A point-to-point address reads `10.0.0.1 peer 10.0.0.2/32`: the prefix stands behind the peer.
    let (ip, prefix) = match local.split_once('/') {
        Some((ip, prefix)) => (ip, prefix),
        None if words.next()? == "peer" => (local, words.next()?.split_once('/')?.1),
        None => return None,
    };
    let ip: IpAddr = ip.parse().ok()?;
    let prefix = prefix.parse().ok()?;
    (prefix <= if ip.is_ipv4() { 32 } else { 128 }).then(|| Address {
        interface: CleanText::new(interface.split('@').next().unwrap_or(interface)),
        ip,
        prefix,
        secondary: words
            .take_while(|word| !word.starts_with('\\'))
            .any(|word| word == "secondary"),
    })
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these quotients are exact")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETDEV: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  504640    7066    0    0    0     0          0         0   504640    7066    0    0    0     0       0          0
  eth0:4294967000 812    1    2    0     0          0         0   903110     700    3    4    0     0       0          0
eth0:1: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
";

    #[test]
    fn interface_counters() {
        let links = parse_netdev(NETDEV).unwrap();
        assert_eq!(links.len(), 3);
        assert_eq!(links[1].name.as_str(), "eth0");
        assert_eq!(
            (links[1].rx_bytes, links[1].rx_errors, links[1].rx_dropped),
            (4_294_967_000, 1, 2)
        );
        assert_eq!(
            (links[1].tx_bytes, links[1].tx_errors, links[1].tx_dropped),
            (903_110, 3, 4)
        );
        assert_eq!(links[2].name.as_str(), "eth0:1");
        assert!(parse_netdev("Inter-| Receive\n face |bytes").is_err());
    }

    #[test]
    fn interface_rates() {
        let before = parse_netdev(NETDEV).unwrap();
        let mut after = before.clone();
        after[0].rx_bytes += 1000;
        after[0].rx_dropped += 2;
        after[1].rx_bytes = 704;
        after[2].tx_bytes = 0;
        let rates = rates(&before, &after, Duration::from_secs(2));
        assert_eq!(rates.len(), 2, "the reset one has no rate");
        assert_eq!((rates[0].rx_bytes_per_second, rates[0].errors_per_second), (500.0, 1.0));
        assert_eq!(rates[1].rx_bytes_per_second, 500.0, "32-bit counters wrap");
    }

    #[test]
    fn tcp_counters_by_name() {
        let text = "Tcp: RtoAlgorithm CurrEstab InSegs OutSegs RetransSegs\nTcp: 1 12 500 600 7\n";
        let tcp = parse_snmp(text).unwrap();
        assert_eq!((tcp.segments_sent, tcp.retransmitted, tcp.established), (600, 7, 12));
        assert!(parse_snmp("Tcp: CurrEstab OutSegs RetransSegs\nTcp: 1 2").is_err());
        assert!(parse_snmp("Tcp: OutSegs").is_err());
    }

    #[test]
    fn links_with_gaps() {
        let links = parse_links("eth0 up 1 10000 1500\nlo unknown 1 - 65536\nbond0 down 0 -1 9000\n").unwrap();
        assert_eq!(links[0].speed_mbit, Some(10000));
        assert_eq!((links[1].speed_mbit, links[1].carrier), (None, Some(true)));
        assert_eq!(
            (links[2].speed_mbit, links[2].carrier, links[2].mtu_bytes),
            (None, Some(false), Some(9000))
        );
        assert!(parse_links("eth0 up").is_err());
    }

    #[test]
    fn addresses_of_all_kinds() {
        let text = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.77.0.11/24 brd 10.77.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.77.0.101/24 scope global secondary eth0\\       valid_lft forever preferred_lft forever
3: tun0@if7    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0
2: eth0    inet6 fe80::5054:ff:fe00:11/64 scope link \\       valid_lft forever preferred_lft forever
4: eth1: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc fq_codel state UP
5: x    inet 10.0.0.1/33 scope global x
";
        let addresses = parse_addresses(text).unwrap();
        assert_eq!(addresses.len(), 5, "a link line and a wrong prefix are no addresses");
        assert!(!addresses[1].secondary && addresses[2].secondary);
        assert_eq!(addresses[2].ip.to_string(), "10.77.0.101");
        assert_eq!((addresses[3].interface.as_str(), addresses[3].prefix), ("tun0", 32));
        assert!(addresses[4].ip.is_ipv6());
        assert!(parse_addresses("ip: command failed").is_err());
        assert_eq!(parse_addresses("").unwrap(), []);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(Tcp:| |[0-9]{1,21}|eth0|inet|/|:|-|\n){0,60}") {
            for text in [&text, &words] {
                let _ = (parse_netdev(text), parse_snmp(text), parse_links(text), parse_addresses(text));
            }
        }

        #[test]
        fn rates_are_never_negative(a in any::<[u64; 8]>(), b in any::<[u64; 8]>(), ms in 1_u64..100_000) {
            let link = |v: [u64; 8]| LinkCounters {
                name: CleanText::new("eth0"), rx_bytes: v[0], rx_packets: v[1], rx_errors: v[2], rx_dropped: v[3],
                tx_bytes: v[4], tx_packets: v[5], tx_errors: v[6], tx_dropped: v[7],
            };
            for rate in rates(&[link(a)], &[link(b)], Duration::from_millis(ms)) {
                prop_assert!((0.0..=1e12).contains(&rate.rx_bytes_per_second));
                prop_assert!(rate.errors_per_second >= 0.0);
            }
        }
    }
}
