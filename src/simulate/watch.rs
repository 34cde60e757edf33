//! The loop with which a run watches its clients (`beat NUMBER MOUNT` for each mount), as a simulated host runs it: it
//! asks a mount, says the machine's uptime behind each answer, and pauses. A mount that hangs answers nothing.

use super::{
    nfs::MountState,
    world::{Place, World},
};
use russh::{ChannelId, server::Handle};
use std::{sync::Arc, time::Duration};

/// What starts it; the last word only names it.
pub(super) const COMMAND: &str = "sh -s pointsman-client";
/// Between two questions.
const EVERY: Duration = Duration::from_millis(200);
/// Between two looks at a mount that hangs: it answers as soon as its server does.
const HUNG: Duration = Duration::from_millis(50);

/// The mounts of a script: their numbers and places.
pub(super) fn mounts(script: &str) -> Vec<(String, String)> {
    let beat = |line: &str| match shlex::split(line)?.as_slice() {
        [beat, number, at, background] if beat == "beat" && background == "&" => Some((number.clone(), at.clone())),
        _ => None,
    };
    script.lines().filter_map(beat).collect()
}

/// Asks one mount until nobody listens any more.
pub(super) async fn beat(world: Arc<World>, place: Place, number: String, at: String, handle: Handle, id: ChannelId) {
    let mut said = Some("start");
    loop {
        let (answer, uptime) = ask(&world, place, &at);
        if let Some(word) = said.take().or(answer) {
            let line = format!("{number} {word} {uptime:.2}\n");
            if handle.data(id, line.into_bytes()).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(if answer.is_some() { EVERY } else { HUNG }).await;
    }
}

/// What `stat -f` comes to, if it comes to anything, and the machine's uptime in seconds.
fn ask(world: &World, place: Place, at: &str) -> (Option<&'static str>, f64) {
    world.at(place, |island, node| {
        let now_ms = i64::try_from(island.now_ms).unwrap_or(i64::MAX);
        let node = &island.nodes[node];
        let uptime = now_ms.saturating_sub(node.booted_ms) as f64 / 1000.0;
        let mount = node.mounts.iter().find(|mount| mount.at == at && mount.mounted);
        let answer = match mount.map(|mount| mount.state) {
            _ if !node.is_up() => None,
            None => Some("unmounted"),
            Some(MountState::Answering) => Some("0"),
            Some(MountState::Stale) => Some("1"),
            Some(MountState::Hung(_)) => None,
        };
        (answer, uptime)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mounts_of_a_script_are_found_behind_its_functions() {
        let script = "beat() {\n  read -r up _ </proc/uptime\n}\nbeat 0 /srv/a &\nbeat 1 '/srv/it'\\''s' &\nwait\n";
        let found = mounts(script);
        assert_eq!(
            found,
            [("0".into(), "/srv/a".into()), ("1".into(), "/srv/it's".into())] as [(String, String); 2]
        );
    }
}
