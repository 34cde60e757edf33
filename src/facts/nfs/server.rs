//! Reads what an NFS server says: `exportfs -v`, `/proc/net/rpc/nfsd`, and its clients.

use super::{NfsClient, NfsExport, NfsServer};
use crate::facts::{
    reading::Why,
    scan::{garbled, next_u64},
    text::CleanText,
};

/// Reads `exportfs -v`. A path of more than 14 characters stands on a line of its own.
pub fn parse_exports(text: &str) -> Result<Vec<NfsExport>, Why> {
    let mut exports = Vec::new();
    let mut path: Option<&str> = None;
    let mut strange = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (head, client) = if let Some(client) = line.strip_prefix('\t') {
            (path.take(), Some(client.trim()))
        } else {
            match line.split_once('\t') {
                Some((head, client)) => (Some(head.trim_end()), Some(client.trim())),
                None => (Some(line.trim_end()), None),
            }
        };
        match (head, client) {
            (Some(head), Some(client)) if head.starts_with('/') => exports.push(parse_export(head, client)),
            (Some(head), None) if head.starts_with('/') => path = Some(head),
            _ => strange = Some(line),
        }
    }
    match strange {
        Some(line) if exports.is_empty() => Err(garbled(line)),
        _ => Ok(exports),
    }
}

/// `10.77.0.0/24(sync,wdelay,…)`; an option list without its end loses the option that was cut.
fn parse_export(path: &str, client: &str) -> NfsExport {
    let (client, rest) = client.split_once('(').unwrap_or((client, ""));
    let options = match rest.strip_suffix(')') {
        Some(whole) => whole,
        None => rest.rsplit_once(',').map_or("", |(whole, _)| whole),
    };
    NfsExport {
        path: CleanText::new(path),
        client: CleanText::new(if client == "<world>" { "*" } else { client }),
        options: options
            .split(',')
            .filter(|option| !option.is_empty())
            .map(CleanText::new)
            .collect(),
    }
}

/// Reads `/proc/net/rpc/nfsd` (kernel `fs/nfsd/stats.c`) and a line `threads N` behind it.
pub fn parse_nfsd(text: &str) -> Result<NfsServer, Why> {
    let mut server = NfsServer::default();
    let (mut known, mut threads) = (false, None);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("threads") => threads = words.next().and_then(|word| word.parse().ok()),
            Some("th") => server.threads = words.next().and_then(|word| word.parse().ok()),
            Some("io") => {
                server.read_bytes = next_u64(&mut words).unwrap_or(0);
                server.write_bytes = next_u64(&mut words).unwrap_or(0);
            }
            Some("rpc") => {
                let Some(calls) = next_u64(&mut words) else { continue };
                server.rpc_calls = calls;
                server.rpc_bad = next_u64(&mut words).unwrap_or(0);
                known = true;
            }
            Some("proc3") => {
                // The count of counters, then one for each procedure of RFC 1813 in its order.
                let calls: Vec<u64> = words.skip(1).map_while(|word| word.parse().ok()).collect();
                let call = |number: usize| calls.get(number).copied().unwrap_or(0);
                (server.v3_reads, server.v3_writes, server.v3_commits) = (call(6), call(7), call(21));
            }
            _ => {}
        }
    }
    server.threads = threads.or(server.threads);
    if known { Ok(server) } else { Err(garbled(text)) }
}

/// Reads lines `v4 ADDRESS` and `v3 ADDRESS:PATH`.
pub fn parse_clients(text: &str) -> Result<Vec<NfsClient>, Why> {
    let mut clients: Vec<NfsClient> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let client = match line.split_once(' ') {
            Some(("v4", address)) => NfsClient {
                address: CleanText::new(bare_address(address.trim().trim_matches('"'))),
                version: 4,
                path: None,
            },
            Some(("v3", mount)) => {
                let (address, path) = mount.trim().split_once(":/").ok_or_else(|| garbled(line))?;
                // rmtab counts the mounts behind the path: `host:/path:0x00000001`.
                let path = path.rsplit_once(":0x").map_or(path, |(path, _)| path);
                NfsClient {
                    address: CleanText::new(address),
                    version: 3,
                    path: Some(CleanText::from(format!("/{path}"))),
                }
            }
            _ => return Err(garbled(line)),
        };
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    Ok(clients)
}

/// Takes the port off: `10.0.0.1:834`, `[fe80::1]:834`.
fn bare_address(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPORTS: &str = "/srv/slice-a  \t10.77.0.0/24(sync,wdelay,hide,fsid=1001,sec=sys,rw,secure)\n\
        /srv/slice-with-a-long-name\n\t\t<world>(sync,ro,root_squash)\n/srv/a b       \thost.example(rw)\n";

    #[test]
    fn exports_short_long_and_of_the_world() {
        let exports = parse_exports(EXPORTS).unwrap();
        assert_eq!(exports.len(), 3);
        assert_eq!(
            (exports[0].path.as_str(), exports[0].client.as_str()),
            ("/srv/slice-a", "10.77.0.0/24")
        );
        assert_eq!(exports[0].options[3].as_str(), "fsid=1001");
        assert_eq!(
            (exports[1].path.as_str(), exports[1].client.as_str()),
            ("/srv/slice-with-a-long-name", "*")
        );
        assert_eq!(exports[2].path.as_str(), "/srv/a b");
        assert_eq!(parse_exports("").unwrap(), [], "nothing is exported");
        assert!(parse_exports("exportfs: can't open /etc/exports").is_err());
        assert_eq!(parse_exports("/a\th(sync,rw,no_root_s").unwrap()[0].options.len(), 2);
    }

    #[test]
    fn server_counters() {
        let text = "rc 0 42 19\nfh 0 0 0 0 0\nio 6 2457600\nth 4 0 0.000\nra 0\nnet 61 0 61 2\nrpc 61 1 0 0 0\n\
            proc3 22 2 2 0 4 2 0 1 39 3 0 0 0 0 0 0 0 0 0 0 2 1 3\nproc4 2 0 0\nthreads 8\n";
        let server = parse_nfsd(text).unwrap();
        assert_eq!(
            (server.threads, server.read_bytes, server.write_bytes),
            (Some(8), 6, 2_457_600)
        );
        assert_eq!((server.rpc_calls, server.rpc_bad), (61, 1));
        assert_eq!((server.v3_reads, server.v3_writes, server.v3_commits), (1, 39, 3));
        assert_eq!(parse_nfsd("th 0 0\nrpc 0 0 0 0 0\n").unwrap().threads, Some(0));
        assert!(parse_nfsd("th 4").is_err());
    }

    #[test]
    fn clients_of_both_generations() {
        let clients = parse_clients("v4 \"10.77.0.21:834\"\nv4 [fe80::1]:900\nv3 10.77.0.22:/srv/a:0x00000001\nv3 fe80::2:/srv/a\nv4 10.77.0.21\n").unwrap();
        let list: Vec<_> = clients
            .iter()
            .map(|c| (c.address.as_str(), c.version, c.path.as_deref()))
            .collect();
        assert_eq!(
            list,
            [
                ("10.77.0.21", 4, None),
                ("fe80::1", 4, None),
                ("10.77.0.22", 3, Some("/srv/a")),
                ("fe80::2", 3, Some("/srv/a")),
            ]
        );
        assert!(parse_clients("v5 x").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(/srv|\t|<world>|\\(|\\)|,|rw|v3 |v4 |:/|\\[|\\]|[0-9]{1,21}| |rpc|proc3|th|\n){0,40}", cut in 0..EXPORTS.len()) {
            for text in [text.as_str(), &words, &EXPORTS[..cut]] {
                let _ = (parse_exports(text), parse_nfsd(text), parse_clients(text));
            }
        }
    }
}
