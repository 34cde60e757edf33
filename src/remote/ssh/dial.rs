//! TCP: every address of a name is tried, the next one shortly after the one before.

use crate::remote::{Boxed, Dial, Family, RemoteError, Stream};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use socket2::{SockRef, TcpKeepalive};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};

/// All of TCP: every address of the name.
const CONNECT: Duration = Duration::from_secs(5);
/// The name service.
const RESOLVE: Duration = Duration::from_secs(5);
/// Before the next address is tried beside the last (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;
/// Sent data without an acknowledgement for so long breaks the connection (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Streams over the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        self.dial_step(address, port, Family::Any, &|_| {})
    }

    fn dial_step<'a>(
        &'a self,
        address: &'a str,
        port: u16,
        family: Family,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        Box::pin(async move {
            step("resolve");
            let addresses = resolve(address, port, family).await?;
            step("tcp");
            let failed = |why: String| RemoteError::Connect {
                address: format!("{address}:{port}"),
                why,
            };
            let socket = match timeout(CONNECT, race(&addresses)).await {
                Ok(Ok(socket)) => socket,
                Ok(Err(why)) => return Err(failed(why)),
                Err(_) => {
                    return Err(RemoteError::Timeout {
                        step: "tcp",
                        after: CONNECT,
                    });
                }
            };
            tune(&socket).map_err(|error| failed(format!("cannot set up the socket: {error}")))?;
            Ok(Box::new(socket) as Box<dyn Stream>)
        })
    }
}

async fn resolve(name: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, RemoteError> {
    let failed = |why: String| RemoteError::Resolve {
        name: name.to_owned(),
        why,
    };
    let found: Vec<SocketAddr> = match timeout(RESOLVE, lookup_host((name, port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => {
            return Err(RemoteError::Timeout {
                step: "resolve",
                after: RESOLVE,
            });
        }
    };
    let usable = interleave(found.into_iter().filter(|address| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }));
    if usable.is_empty() {
        return Err(failed("no address of the wanted family".to_owned()));
    }
    Ok(usable)
}

/// Families in turn, beginning with the resolver's choice, without repetition.
fn interleave(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (mut first, mut second): (Vec<SocketAddr>, Vec<SocketAddr>) = (Vec::new(), Vec::new());
    for address in found {
        let same = first.first().is_none_or(|leader| leader.is_ipv4() == address.is_ipv4());
        let list = if same { &mut first } else { &mut second };
        if !list.contains(&address) {
            list.push(address);
        }
    }
    let mut out = Vec::new();
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = (first.next(), second.next());
        if pair == (None, None) {
            out.truncate(ADDRESSES);
            return out;
        }
        out.extend(pair.0);
        out.extend(pair.1);
    }
}

/// The first address that answers. Each has a head start over the next, unless it fails sooner.
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut waiting = addresses.iter();
    let mut trying = FuturesUnordered::new();
    let mut errors = Vec::new();
    let start = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    loop {
        if let Some(address) = waiting.next() {
            trying.push(start(*address));
        }
        loop {
            tokio::select! {
                Some((address, result)) = trying.next() => match result {
                    Ok(socket) => return Ok(socket),
                    Err(error) => {
                        // One address is named by the caller already.
                        errors.push(match addresses {
                            [_] => error.to_string(),
                            _ => format!("{address}: {error}"),
                        });
                        if trying.is_empty() || waiting.len() > 0 {
                            break;
                        }
                    }
                },
                () = sleep(HEAD_START), if waiting.len() > 0 => break,
            }
        }
        if waiting.len() == 0 && trying.is_empty() {
            return Err(errors.join(", "));
        }
    }
}

/// No delay for small packets (the difference between 1.5 and 51 ms a poll), and an end for a peer
/// that is gone.
fn tune(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(Duration::from_secs(15))
            .with_interval(Duration::from_secs(5))
            .with_retries(3),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let all: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "2.2.2.2:1", "[::3]:1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let order: Vec<String> = interleave(all.into_iter()).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
    }

    #[tokio::test]
    async fn a_refused_address_gives_way_to_the_next_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        // So many that waiting a head start for each would take ten seconds.
        let mut addresses = vec![closed; 40];
        addresses.push(good);
        let start = std::time::Instant::now();
        let socket = race(&addresses).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), good);
        assert!(start.elapsed() < HEAD_START * 20);
        let error = race(&[closed]).await.unwrap_err();
        assert!(error.contains("refused"), "{error}");
    }

    #[tokio::test]
    async fn names_and_families() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpDial.dial("localhost", port).await.is_ok());
        let error = TcpDial
            .dial_step("127.0.0.1", port, Family::V6, &|_| {})
            .await
            .err()
            .unwrap();
        assert!(matches!(error, RemoteError::Resolve { .. }), "{error}");
        let error = TcpDial.dial("no-such-host.invalid", port).await.err().unwrap();
        assert!(matches!(error, RemoteError::Resolve { .. }), "{error}");
    }
}
