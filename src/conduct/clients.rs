//! The clients' view of a run: on each host that mounts one of its slices, how long the mount goes without an answer.
//!
//! A loop on the client asks the mount with `stat -f` (statfs(2), which an NFS client never answers by itself) and
//! prints the machine's uptime (`/proc/uptime`, in hundredths of a second) after each answer. The longest time between
//! two answers, without the pause between two questions, is how long that client was stalled. The loop reads
//! only, and ends with its connection: its next line has nobody to go to.

use super::{clean, progress::Progress, targets::Targets};
use crate::{
    fleet::{Fleet, HostName, SliceName},
    remote::{Chunk, quote::quote},
    runbook::{definition::Kind, plan::Plan},
    store::Stall,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Most clients that are watched in one run.
const CLIENTS: usize = 64;
/// Between two questions, in seconds.
const EVERY: f64 = 0.2;
/// A client that has not answered for so long is shown as stalled.
const STALLED: Duration = Duration::from_millis(500);
/// What is said of a client until something is known.
const REACHING: &str = "being reached";
/// What is said of a wait that was there already.
pub(super) const FROM_BEGIN: &str = "counted from the run's begin; it may have hung before";
/// Longest line of a client.
const LINE: usize = 200;

/// How one mount of one client fares.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientView {
    /// The client.
    pub client: HostName,
    /// The slice.
    pub slice: SliceName,
    /// Where it is mounted there.
    pub mount_point: String,
    /// For how long it has not answered now, where it has not.
    pub stalled: Option<Duration>,
    /// The longest time without an answer so far.
    pub longest: Option<Duration>,
    /// Whether that is counted from when the run began to look, not from an answer: it may have hung before.
    pub from_begin: bool,
    /// Answers so far.
    pub answers: u64,
    /// Why nothing is known, or what is wrong.
    pub note: String,
}

/// The clients of a plan's slices, by host.
#[derive(Debug, Default)]
pub(super) struct Clients {
    mounts: BTreeMap<HostName, Vec<(SliceName, String)>>,
    /// Whether the run is planned, so that there is time to reach them first.
    pub planned: bool,
}

/// The watching of a run's clients.
pub(super) struct Watching {
    stop: CancellationToken,
    tasks: JoinSet<Vec<Stall>>,
}

impl Clients {
    /// The hosts of the inventory that mount a slice of the plan, and are not its targets.
    pub fn of(fleet: &Fleet, plan: &Plan) -> Self {
        let mut mounts = BTreeMap::new();
        for host in &fleet.hosts {
            let of_plan: Vec<(SliceName, String)> = host
                .mounts
                .iter()
                .filter(|mount| plan.layouts.slices.contains_key(&mount.slice))
                .map(|mount| (mount.slice.clone(), mount.at.clone()))
                .collect();
            if !of_plan.is_empty() && mounts.len() < CLIENTS {
                mounts.insert(host.name.clone(), of_plan);
            }
        }
        Self {
            mounts,
            planned: plan.kind == Kind::Planned,
        }
    }

    /// Begins to watch; the run does not wait for it.
    pub fn start(self, targets: &Arc<dyn Targets>, progress: &Arc<watch::Sender<Progress>>) -> Watching {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        progress.send_modify(|progress| {
            progress.clients = self
                .mounts
                .iter()
                .flat_map(|(client, mounts)| views(client, mounts))
                .collect();
        });
        for (client, mounts) in self.mounts {
            let watcher = Watcher {
                client,
                mounts: mounts.into_iter().map(Mount::new).collect(),
                progress: Arc::clone(progress),
            };
            tasks.spawn(watcher.watch(Arc::clone(targets), stop.clone()));
        }
        Watching { stop, tasks }
    }
}

fn views(client: &HostName, mounts: &[(SliceName, String)]) -> Vec<ClientView> {
    mounts
        .iter()
        .map(|(slice, at)| ClientView {
            client: client.clone(),
            slice: slice.clone(),
            mount_point: at.clone(),
            stalled: None,
            longest: None,
            from_begin: false,
            answers: 0,
            note: REACHING.to_owned(),
        })
        .collect()
}

impl Watching {
    /// Waits until every client is heard or known not to be, at most so long: what is not measured from before the
    /// first step on is measured too short.
    pub async fn ready(progress: &watch::Sender<Progress>, at_most: Duration) {
        let mut shown = progress.subscribe();
        let all = shown.wait_for(|progress| progress.clients.iter().all(|client| client.note != REACHING));
        drop(timeout(at_most, all).await);
    }

    /// Ends it and says how the clients fared. A client that stalls now is given no more time.
    pub async fn stop(mut self) -> Vec<Stall> {
        self.stop.cancel();
        let mut stalls = Vec::new();
        let all = async {
            while let Some(done) = self.tasks.join_next().await {
                stalls.extend(done.unwrap_or_default());
            }
        };
        // Each ends by itself at once; this is for a connection that hangs in being made.
        let _ = timeout(Duration::from_secs(2), all).await;
        stalls
    }
}

/// What is known of one mount.
#[derive(Debug)]
struct Mount {
    slice: SliceName,
    at: String,
    /// The client's uptime at the last answer, and when that was heard here.
    last: Option<(f64, Instant)>,
    longest: Option<f64>,
    /// Whether that is the wait for the first answer.
    first: bool,
    answers: u64,
    note: String,
}

impl Mount {
    fn new((slice, at): (SliceName, String)) -> Self {
        Self {
            slice,
            at,
            last: None,
            longest: None,
            first: false,
            answers: 0,
            note: String::new(),
        }
    }

    /// Takes the uptime after an answer, or a word that says what came instead of one.
    fn hear(&mut self, said: &str, uptime: &str, heard: Instant) {
        let Ok(uptime) = uptime.parse::<f64>() else { return };
        if said == "start" {
            // A mount that is stalled from the beginning has not answered since here at least.
            self.last = Some((uptime, heard));
            return;
        }
        if said != "0" {
            self.note = match said {
                "unmounted" => "not mounted there".to_owned(),
                code => format!("statfs fails (exit code {code})"),
            };
            return;
        }
        if let Some((last, _)) = self.last {
            let pause = if self.answers == 0 { 0.0 } else { EVERY };
            let gap = (uptime - last - pause).max(0.0);
            if self.longest.is_none_or(|longest| gap > longest) {
                self.longest = Some(gap);
                self.first = self.answers == 0;
            }
        }
        self.last = Some((uptime, heard));
        self.answers += 1;
        self.note.clear();
    }

    /// For how long it has not answered, where that is longer than usual.
    fn stalled(&self) -> Option<Duration> {
        let (_, heard) = self.last?;
        let silent = heard.elapsed().saturating_sub(Duration::from_secs_f64(EVERY));
        (silent > STALLED).then_some(silent)
    }

    /// Whether the longest wait is counted from when the run began to look: what it waited before that is not in it.
    fn is_from_begin(&self) -> bool {
        let waits = self.answers == 0 && self.stalled().is_some();
        waits || self.first && self.longest.is_some_and(|longest| longest > STALLED.as_secs_f64())
    }

    fn longest(&self) -> Option<Duration> {
        let longest = self.longest.map(Duration::from_secs_f64);
        longest.max(self.stalled())
    }
}

struct Watcher {
    client: HostName,
    mounts: Vec<Mount>,
    progress: Arc<watch::Sender<Progress>>,
}

impl Watcher {
    async fn watch(mut self, targets: Arc<dyn Targets>, stop: CancellationToken) -> Vec<Stall> {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.listen(targets) => {}
        }
        self.mounts
            .iter()
            .map(|mount| Stall {
                client: self.client.to_string(),
                slice: mount.slice.to_string(),
                mount_point: mount.at.clone(),
                longest_ms: mount
                    .longest()
                    .map(|longest| u64::try_from(longest.as_millis()).unwrap_or(u64::MAX)),
                answers: mount.answers,
                note: match (&mount.longest(), mount.note.as_str()) {
                    (None, "") => "not enough answers to tell".to_owned(),
                    (Some(_), "") if mount.is_from_begin() => FROM_BEGIN.to_owned(),
                    (_, note) => note.to_owned(),
                },
            })
            .collect()
    }

    async fn listen(&mut self, targets: Arc<dyn Targets>) {
        let script = script(self.mounts.iter().map(|mount| mount.at.as_str()));
        let opened = match script {
            Ok(script) => targets.watch(&self.client, &script).await,
            Err(error) => Err(error.to_string()),
        };
        let mut wire = match opened {
            Ok(wire) => wire,
            Err(why) => return self.lose(&why),
        };
        let mut line = Vec::new();
        loop {
            // A silent client is shown as such, so it is looked at between two lines too.
            let chunk = timeout(Duration::from_millis(200), wire.next()).await;
            match chunk {
                Ok(Chunk::Out(bytes)) => {
                    for byte in bytes {
                        if byte == b'\n' {
                            self.hear(&String::from_utf8_lossy(&line));
                            line.clear();
                        } else if line.len() < LINE {
                            line.push(byte);
                        }
                    }
                }
                Ok(Chunk::Err(_)) | Err(_) => {}
                Ok(Chunk::Exit(_) | Chunk::End(_)) => return self.lose("its connection ended"),
            }
            self.show();
        }
    }

    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let mount = words.next().and_then(|word| word.parse::<usize>().ok());
        if let (Some(mount), Some(said), Some(uptime)) = (
            mount.and_then(|mount| self.mounts.get_mut(mount)),
            words.next(),
            words.next(),
        ) {
            mount.hear(&clean::lines(said), uptime, Instant::now());
        }
    }

    fn lose(&mut self, why: &str) {
        for mount in &mut self.mounts {
            // What was measured until here stands; silence from now on is not the mount's.
            mount.first = mount.is_from_begin();
            mount.longest = mount.longest().map(|longest| longest.as_secs_f64());
            mount.last = None;
            mount.note = format!("not measured: {why}");
        }
        self.show();
    }

    fn show(&self) {
        self.progress.send_modify(|progress| {
            for mount in &self.mounts {
                let shown = progress
                    .clients
                    .iter_mut()
                    .find(|shown| shown.client == self.client && shown.mount_point == mount.at);
                if let Some(shown) = shown {
                    shown.stalled = mount.stalled();
                    shown.longest = mount.longest();
                    shown.from_begin = mount.is_from_begin();
                    shown.answers = mount.answers;
                    shown.note.clone_from(&mount.note);
                }
            }
        });
    }
}

/// The loop, for a POSIX shell.
fn script<'a>(mounts: impl Iterator<Item = &'a str>) -> Result<String, crate::remote::quote::QuoteError> {
    use std::fmt::Write as _;
    let mut out = String::from(LOOP);
    for (at, mount) in mounts.enumerate() {
        let _ = writeln!(out, "beat {at} {} &", quote(mount)?);
    }
    out.push_str("wait\n");
    Ok(out)
}

const LOOP: &str = r#"LC_ALL=C
export LC_ALL
mounted() {
  while read -r _ at kind _; do
    case $kind in nfs | nfs4) [ "$at" != "$1" ] || return 0 ;; esac
  done </proc/mounts
  return 1
}
beat() {
  read -r up _ </proc/uptime
  printf '%s start %s\n' "$1" "$up" || exit
  while :; do
    if mounted "$2"; then
      stat -f -- "$2" >/dev/null 2>&1
      said=$?
    else
      said=unmounted
    fi
    read -r up _ </proc/uptime
    printf '%s %s %s\n' "$1" "$said" "$up" || exit
    sleep 0.2 || sleep 1
  done
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn mount() -> Mount {
        Mount::new((SliceName::new("web1"), "/srv/web1".into()))
    }

    #[test]
    fn a_stall_is_the_time_between_two_answers_without_the_pause() {
        let mut mount = mount();
        let now = Instant::now();
        for (said, uptime) in [
            ("0", "100.00"),
            ("0", "100.21"),
            ("1", "100.40"),
            ("0", "103.71"),
            ("0", "103.92"),
        ] {
            mount.hear(said, uptime, now);
        }
        let longest = mount.longest().unwrap().as_secs_f64();
        assert!((longest - 3.3).abs() < 0.001, "{longest}");
        assert_eq!((mount.answers, mount.note.as_str()), (4, ""));
    }

    #[test]
    fn one_answer_says_nothing_and_garbage_less() {
        let mut mount = mount();
        let now = Instant::now();
        for (said, uptime) in [("unmounted", "1.0"), ("0", "nan?"), ("0", ""), ("0", "7.5")] {
            mount.hear(said, uptime, now);
        }
        assert_eq!((mount.longest(), mount.answers), (None, 1));
    }

    #[test]
    fn a_mount_that_is_stalled_from_the_beginning_is_measured_from_there() {
        let mut mount = mount();
        let now = Instant::now();
        for (said, uptime) in [("start", "50.00"), ("0", "54.25"), ("0", "54.46")] {
            mount.hear(said, uptime, now);
        }
        assert_eq!(mount.longest(), Some(Duration::from_millis(4250)));
        assert!(mount.is_from_begin(), "what it waited before is not in it");
        mount.hear("0", "60.00", now);
        assert!(!mount.is_from_begin(), "9.3 s between two answers: that is known whole");
    }

    #[test]
    fn a_mount_that_answers_at_once_is_not_said_to_have_hung_before() {
        let mut mount = mount();
        let now = Instant::now();
        for (said, uptime) in [("start", "50.00"), ("0", "50.02"), ("0", "50.23")] {
            mount.hear(said, uptime, now);
        }
        assert!(!mount.is_from_begin());
        let old = now.checked_sub(Duration::from_secs(3)).unwrap();
        let mut silent = self::mount();
        silent.hear("start", "50.00", old);
        assert!(silent.is_from_begin() && silent.stalled() > Some(Duration::from_secs(2)));
    }

    #[tokio::test]
    async fn the_loop_runs_in_a_real_shell_and_knows_what_is_no_nfs_mount() {
        use crate::{
            fleet::Host,
            remote::{LocalRemote, Remote as _},
        };
        let session = LocalRemote
            .connect(&Host::new("here", "localhost"), &|_| {})
            .await
            .unwrap();
        let mut wire = session.open("sh -s pointsman-client").await.unwrap();
        let script = script(["/", "/it's here"].into_iter()).unwrap();
        wire.send(script.as_bytes()).await.unwrap();
        wire.end_input().await.unwrap();
        let mut text = String::new();
        while text.lines().count() < 6 {
            match wire.next().await {
                Chunk::Out(bytes) => text.push_str(&String::from_utf8(bytes).unwrap()),
                other => panic!("{other:?} after {text:?}"),
            }
        }
        for line in text.lines().take(6) {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words[0] == "0" || words[0] == "1", "{text}");
            assert!(words[1] == "unmounted" || words[1] == "start", "{text}");
            assert!(words[2].parse::<f64>().is_ok(), "{text}");
        }
    }
}
