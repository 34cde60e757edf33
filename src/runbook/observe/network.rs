//! Service addresses and who answers for them.

use crate::{
    facts::{
        CleanText,
        network::{Address, parse_addresses},
    },
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};
use std::net::IpAddr;

/// The look that tells the addresses of a host.
#[must_use]
pub fn look(host: &HostName) -> Look {
    Look::new(host, ["ip", "-o", "addr", "show"])
}

/// The host carries the address, or does not.
#[must_use]
pub fn carries(host: &HostName, address: IpAddr, wanted: bool) -> Condition {
    let name = host.clone();
    let verb = if wanted { "carries" } else { "does not carry" };
    Condition::on(
        format!("{host} {verb} {address}"),
        look(host),
        move |text| match parse_addresses(text) {
            Ok(addresses) if addresses.is_empty() => Truth::Unknown(format!("{name} lists no addresses")),
            Ok(addresses) => {
                let carries = addresses.iter().any(|own| own.ip == address);
                let cut = |c: char| c.is_whitespace() || c == '/';
                if !carries && text.split(cut).any(|word| word.parse() == Ok(address)) {
                    // A line that speaks of it was not understood.
                    return Truth::Unknown(format!("addresses of {name} are garbled"));
                }
                carried(&name, &addresses, address, wanted)
            }
            Err(why) => Truth::Unknown(format!("addresses of {name}: {why}")),
        },
    )
}

/// The same by addresses that are known.
#[must_use]
pub fn carried(host: &HostName, addresses: &[Address], address: IpAddr, wanted: bool) -> Truth {
    let carries = addresses.iter().any(|own| own.ip == address);
    let verb = if carries { "carries" } else { "does not carry" };
    Truth::of(carries == wanted, format!("{host} {verb} {address}"))
}

/// The look that tells whether anybody has an address, as a host sees it.
#[must_use]
pub fn answer_look(host: &HostName, address: IpAddr) -> Look {
    Look::new(host, ["who_has", &address.to_string()])
}

/// Nobody that the host reaches answers for the address.
#[must_use]
pub fn nobody_answers(host: &HostName, address: IpAddr) -> Condition {
    let (name, look) = (host.clone(), answer_look(host, address));
    let read = look.clone();
    Condition::new(
        format!("nobody that {host} reaches answers for {address}"),
        vec![look],
        move |sight| {
            let unknown = |why: &str| {
                Truth::Unknown(format!(
                    "whether somebody answers {name} for {address} is not known: {why}"
                ))
            };
            match sight.text(&read).map(str::trim_end) {
                Ok("somebody") => Truth::No(format!("somebody answers {name} for {address}")),
                Ok("nobody") => Truth::Yes(format!("nobody answers {name} for {address}")),
                Ok(other) => unknown(CleanText::new(other).as_str()),
                Err(why) => unknown(&why),
            }
        },
    )
}

/// The look that tells which addresses are blocked for NFS on a host.
#[must_use]
pub fn block_look(host: &HostName) -> Look {
    Look::new(host, ["port_block", "list", "-"])
}

/// NFS to the address is blocked on the host, or is not.
#[must_use]
pub fn blocks(host: &HostName, address: IpAddr, wanted: bool) -> Condition {
    let name = host.clone();
    let verb = if wanted { "drops" } else { "lets in" };
    Condition::on(
        format!("{host} {verb} NFS to {address}"),
        block_look(host),
        move |text| {
            let mut blocked = false;
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                match line.parse::<IpAddr>() {
                    Ok(ip) => blocked |= ip == address,
                    Err(_) => return Truth::Unknown(format!("{name} lists {line:?} among blocked addresses")),
                }
            }
            let verb = if blocked { "drops" } else { "lets in" };
            Truth::of(blocked == wanted, format!("{name} {verb} NFS to {address}"))
        },
    )
}
