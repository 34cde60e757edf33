//! Whether a host has power, as its management controller says.

use crate::{
    fleet::HostName,
    runbook::{condition::Condition, secret, sight::Look, truth::Truth},
};

/// The host is off: the configured command, run in the console, prints that text on a line of its own.
#[must_use]
pub fn is_off(host: &HostName, status: &[String], says_off: &str) -> Condition {
    let (name, wanted, argv) = (host.clone(), says_off.trim().to_lowercase(), status.to_vec());
    Condition::on(
        format!("{host} is off, as its management controller says"),
        Look::local(host, status.iter().cloned()),
        move |text| {
            let said = text.trim();
            if said.is_empty() {
                return Truth::Unknown(format!("the controller of {name} says nothing"));
            }
            let off = said.lines().any(|line| line.trim().to_lowercase() == wanted);
            let said = secret::cleaned(&argv, said);
            Truth::of(off, format!("the controller of {name} says {said:?}"))
        },
    )
}

/// A person has said by the host's name that it is off, and the other server does not reach it at `address`: a word
/// that was true when it was given need not be true when power is back.
#[must_use]
pub fn asserted_off(host: &HostName, address: &str, witness: &HostName, by: &str) -> Condition {
    let look = Look::new(witness, ["ping", "-n", "-c", "1", "-W", "1", address]);
    let (name, seen_by, said) = (host.clone(), witness.clone(), format!("{by} said that {host} is off"));
    let read = look.clone();
    Condition::new(
        format!("{host} is off, by a person's word"),
        vec![look],
        move |sight| match sight.printed(&read) {
            Ok(printed) if printed.exit == 0 => {
                Truth::No(format!("{seen_by} reaches {name}, so it is not off, whatever was said"))
            }
            Ok(_) => Truth::Yes(format!("{said}; {seen_by} does not reach it")),
            Err(why) => Truth::Unknown(format!("{said}, and whether {seen_by} reaches it is not known: {why}")),
        },
    )
}
