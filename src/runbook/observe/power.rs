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

/// A person has said by the host's name that it is off.
#[must_use]
pub fn asserted_off(host: &HostName, by: &str) -> Condition {
    let seen = format!("{by} said that {host} is off");
    Condition::new(format!("{host} is off, by a person's word"), Vec::new(), move |_| {
        Truth::Yes(seen.clone())
    })
}
