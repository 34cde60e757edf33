//! Whether a service runs (systemd).

use crate::{
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};

/// The unit is active, or is not (`systemctl is-active`, systemctl(1): the word is printed whatever the exit code).
#[must_use]
pub fn is_active(host: &HostName, unit: &str, wanted: bool) -> Condition {
    let look = Look::new(host, ["systemctl", "is-active", unit]);
    let (name, unit, read) = (host.clone(), unit.to_owned(), look.clone());
    let says = format!("{unit} of {host} is {}", if wanted { "active" } else { "not active" });
    Condition::new(says, vec![look], move |sight| match sight.printed(&read) {
        Ok(printed) => {
            let word = printed.text.trim();
            let seen = format!("{unit} of {name} is {word}");
            match word {
                "active" => Truth::of(wanted, seen),
                "inactive" | "failed" => Truth::of(!wanted, seen),
                _ => Truth::Unknown(format!("{unit} of {name}: {word:?}")),
            }
        }
        Err(why) => Truth::Unknown(why),
    })
}
