//! NFS exports and the server's cache of them.

use crate::{
    facts::nfs::{NfsExport, parse_exports},
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};

/// The look that tells the exports of a host.
#[must_use]
pub fn look(host: &HostName) -> Look {
    Look::new(host, ["exportfs", "-v"])
}

/// The look that tells what the kernel has been asked for, and by whom: its cache of exports.
#[must_use]
pub fn cache_look(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/net/rpc/nfsd.export/content"])
}

/// The path is exported to each of these clients.
#[must_use]
pub fn is_exported(host: &HostName, path: &str, clients: &[String]) -> Condition {
    let (name, path, clients) = (host.clone(), path.to_owned(), clients.to_vec());
    Condition::on(
        format!("{host} exports {path}"),
        look(host),
        move |text| match parse_exports(text) {
            Ok(exports) => {
                let missing = clients.iter().find(|client| {
                    !exports
                        .iter()
                        .any(|export| export.path.as_str() == path && export.client.as_str() == client.as_str())
                });
                match missing {
                    Some(client) => Truth::No(format!("{name} does not export {path} to {client}")),
                    None => Truth::Yes(format!("{name} exports {path}")),
                }
            }
            Err(why) => Truth::Unknown(format!("exports of {name}: {why}")),
        },
    )
}

/// The path is exported to nobody, and the kernel has forgotten it too.
#[must_use]
pub fn is_unexported(host: &HostName, path: &str) -> Condition {
    let cache = cache_look(host);
    let exports = look(host);
    let (name, path, looks) = (host.clone(), path.to_owned(), vec![exports.clone(), cache.clone()]);
    Condition::new(format!("{host} does not export {path}"), looks, move |sight| {
        let listed = match sight.text(&exports).map(parse_exports) {
            Ok(Ok(list)) if mangled(sight.text(&exports), &path, &list) => {
                Truth::Unknown(format!("exports of {name} are garbled"))
            }
            Ok(Ok(list)) => Truth::of(
                !list.iter().any(|export| export.path.as_str() == path),
                format!(
                    "{name} {} {path}",
                    if list.iter().any(|e| e.path.as_str() == path) {
                        "exports"
                    } else {
                        "does not export"
                    }
                ),
            ),
            Ok(Err(why)) => Truth::Unknown(format!("exports of {name}: {why}")),
            Err(why) => Truth::Unknown(why),
        };
        let cached = match sight.text(&cache) {
            // The kernel begins it with this line (`svc_export_show`, fs/nfsd/export.c): anything else is no cache that
            // has forgotten.
            Ok(text) if !text.starts_with("#path") => {
                Truth::Unknown(format!("{name}'s cache of exports cannot be read"))
            }
            Ok(text) => {
                let held = text
                    .lines()
                    .any(|line| line.split_whitespace().next() == Some(path.as_str()));
                Truth::of(
                    !held,
                    format!(
                        "{name}'s nfsd has {} {path}",
                        if held { "not forgotten" } else { "forgotten" }
                    ),
                )
            }
            Err(why) => Truth::Unknown(why),
        };
        listed.and(cached)
    })
}

/// The host exports nothing: no client could lose anything there.
#[must_use]
pub fn serves_nothing(host: &HostName) -> Condition {
    let name = host.clone();
    Condition::on(format!("{host} exports nothing"), look(host), move |text| {
        if text.trim().is_empty() {
            return Truth::Yes(format!("{name} exports nothing"));
        }
        match parse_exports(text) {
            Ok(exports) if exports.is_empty() => Truth::Unknown(format!("exports of {name} are garbled")),
            Ok(exports) => Truth::No(format!("{name} exports {}", exports[0].path)),
            Err(why) => Truth::Unknown(format!("exports of {name}: {why}")),
        }
    })
}

/// Whether the text speaks of a path that was not understood there: it may be exported all the same.
fn mangled(text: Result<&str, String>, path: &str, list: &[NfsExport]) -> bool {
    let spoken = |text: &str| {
        let cut = |c: char| c.is_whitespace() || c == ':';
        text.split(cut).any(|word| word == path)
    };
    text.is_ok_and(spoken) && !list.iter().any(|export| export.path.as_str() == path)
}
