//! Reaching the targets of a run: one SSH connection a host, kept for the run, apart from those that poll.

mod asked;
mod talk;

use self::{
    asked::{Asked, glimpses},
    talk::{converse, idle},
};
use super::clean;
use crate::{
    facts::{UnixMs, Why},
    fleet::{Fleet, Host, HostName, ReachBy, Shell},
    mode::ReadWrite,
    remote::{Boxed, ExecLimits, LocalRemote, Remote, RemoteError, Session, Wire, quote},
    runbook::{
        engine::{Answer, Record},
        secret,
        sight::{Glimpse, Look, Printed},
        target::{self, Request},
    },
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// Longest time for connecting; a dead host must not hold up a failover.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time until a host answers a connection: three SYN (tcp(7)). One that is only slow answers that, and has the rest
/// of the time to let somebody in.
const SYN: Duration = Duration::from_secs(4);
/// A host that could not be reached is not tried again for so long: looks at others must not go stale meanwhile.
const GIVEN_UP: Duration = Duration::from_secs(2);
/// Longest time for looks at a host, with a shell to be started for them: what is seen must still be fresh when the
/// slowest host has answered or not.
const LOOK: Duration = Duration::from_secs(8);

/// The clock of the process.
pub type Now = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// A way to the targets of runs.
pub trait Targets: Send + Sync {
    /// Looks at hosts, all at the same time. Every look has a glimpse in the answer, whose time is when its own host was
    /// asked, or later; what cannot be seen says why.
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>>;

    /// Calls a target once. [`Answer::NotSent`] only if nothing of it can have been sent; [`Answer::Lost`] whenever
    /// the whole answer did not come within the deadline.
    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer>;

    /// Runs a command of this machine, without a shell; it is ended at the deadline with all that it started.
    ///
    /// # Errors
    /// A sentence that says why its outcome is not known.
    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>>;

    /// Starts a read-only script on a host that is to go on until its wire is dropped.
    ///
    /// # Errors
    /// A sentence that says why it cannot be started.
    fn watch<'a>(&'a self, host: &'a HostName, script: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, String>> {
        let _ = (host, script);
        Box::pin(async { Err("clients cannot be watched this way".to_owned()) })
    }

    /// Is told each record that the engine had written, before anything else is done: a rehearsal lets its faults
    /// happen then. Does not wait.
    fn wrote(&self, record: &Record) {
        let _ = record;
    }
}

/// The hosts of a fleet over SSH (or as processes of this machine, where the inventory says so).
pub struct SshTargets {
    fleet: Arc<Fleet>,
    ssh: Arc<dyn Remote>,
    now: Now,
    places: Mutex<HashMap<HostName, Arc<tokio::sync::Mutex<Place>>>>,
    console: Option<Console>,
}

/// What commands of the console itself print where they are simulated: exit code and standard output.
pub type Console = Arc<dyn Fn(&[String]) -> (i32, String) + Send + Sync>;

/// What is known of the way to one host.
#[derive(Default)]
struct Place {
    session: Option<Arc<dyn Session>>,
    /// A shell that waits for the next block. To start one takes longer than most steps.
    shell: Option<Shelled>,
    given_up: Option<(Instant, String)>,
}

/// A shell of a host, and the connection that it runs on.
struct Shelled {
    session: Arc<dyn Session>,
    wire: Box<dyn Wire>,
    taught: target::Taught,
}

impl SshTargets {
    /// The hosts of `fleet`; nothing is connected yet. Only a process that may change hosts can make one.
    #[must_use]
    pub fn new(_permission: &ReadWrite, fleet: Arc<Fleet>, ssh: Arc<dyn Remote>, now: Now) -> Self {
        Self {
            fleet,
            ssh,
            now,
            places: Mutex::default(),
            console: None,
        }
    }

    /// The same, where commands of the console itself (fencing) are answered by `console` and none is run on this
    /// machine: for simulated fleets.
    #[must_use]
    pub fn with_console(self, console: Console) -> Self {
        Self {
            console: Some(console),
            ..self
        }
    }

    fn host(&self, name: &HostName) -> Result<&Host, String> {
        let host = self
            .fleet
            .host(name.as_str())
            .ok_or_else(|| format!("the inventory has no host {name}"))?;
        match host.shell {
            Shell::Posix => Ok(host),
            Shell::Forced => Err(format!(
                "{name} has `shell: forced`: its key is bound to the read-only remote half, so nothing can be run there"
            )),
            Shell::None => Err(format!("{name} has `shell: none`: no step can be run there")),
        }
    }

    fn place(&self, host: &HostName) -> Arc<tokio::sync::Mutex<Place>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(host.clone()).or_default())
    }

    /// The connection to a host, made where there is none.
    async fn session(&self, host: &Host) -> Result<Arc<dyn Session>, String> {
        let place = self.place(&host.name);
        let mut place = place.lock().await;
        if let Some(session) = &place.session {
            return Ok(Arc::clone(session));
        }
        if let Some((at, why)) = &place.given_up
            && at.elapsed() < GIVEN_UP
        {
            return Err(why.clone());
        }
        let mut host = host.clone();
        host.poll.connect_deadline = host.poll.connect_deadline.min(CONNECT);
        let made = if host.reach == ReachBy::Local {
            LocalRemote.connect(&host, &|_| {}).await
        } else {
            self.reach(&host).await
        };
        match made {
            Ok(session) => {
                place.session = Some(Arc::clone(&session));
                place.given_up = None;
                Ok(session)
            }
            Err(error) => {
                let why = clean::lines(&error.to_string());
                place.given_up = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    /// Connects over SSH; a host that does not even take a connection is given up sooner.
    async fn reach(&self, host: &Host) -> Result<Arc<dyn Session>, RemoteError> {
        let step = Mutex::new(("connecting", Instant::now()));
        let begins = |name| *step.lock().unwrap_or_else(PoisonError::into_inner) = (name, Instant::now());
        let current = || *step.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = async {
            loop {
                let (name, since) = current();
                if name == "tcp" && since.elapsed() >= SYN {
                    break RemoteError::Timeout { step: name, after: SYN };
                }
                sleep(SYN / 16).await;
            }
        };
        tokio::select! {
            made = timeout(CONNECT + Duration::from_millis(200), self.ssh.connect(host, &begins)) => {
                made.unwrap_or_else(|_| Err(RemoteError::Timeout { step: current().0, after: CONNECT }))
            }
            error = silent => Err(error),
        }
    }

    /// Forgets a connection that has failed, so that the next call makes a new one.
    async fn forget(&self, host: &HostName, session: &Arc<dyn Session>) {
        let place = self.place(host);
        let mut place = place.lock().await;
        if place.session.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, session)) {
            place.session = None;
            place.shell = None;
        }
    }

    /// Starts a command; on a new connection where the kept one turns out to be lost. Nothing is sent on its input.
    async fn open(&self, host: &Host, command: &str) -> Result<(Arc<dyn Session>, Box<dyn Wire>), String> {
        let mut last = String::new();
        for _ in 0..2 {
            let session = self.session(host).await?;
            match session.open(command).await {
                Ok(wire) => return Ok((session, wire)),
                Err(error) => {
                    last = clean::lines(&error.to_string());
                    self.forget(&host.name, &session).await;
                }
            }
        }
        Err(last)
    }

    /// A shell for the next call: the one that waits, or a new one.
    async fn shell(&self, host: &Host, alone: bool) -> Result<Shelled, String> {
        let kept = if alone {
            None
        } else {
            self.place(&host.name).lock().await.shell.take()
        };
        if let Some(mut shell) = kept
            && idle(&mut *shell.wire)
        {
            return Ok(shell);
        }
        let (session, wire) = self.open(host, &command(host, target::COMMAND)).await?;
        Ok(Shelled {
            session,
            wire,
            taught: target::Taught::default(),
        })
    }

    /// Keeps a shell that has answered, for the next call.
    async fn keep(&self, host: &HostName, shell: Shelled) {
        let place = self.place(host);
        let mut place = place.lock().await;
        let current = place.session.as_ref();
        if current.is_some_and(|current| Arc::ptr_eq(current, &shell.session)) {
            place.shell = Some(shell);
        }
    }

    /// Asks a host. `sent` becomes the time when it was asked, once it could be reached.
    async fn ask(&self, name: &HostName, request: &Request, deadline: Duration, sent: &mut UnixMs) -> Answer {
        let host = match self.host(name) {
            Ok(host) => host,
            Err(why) => return Answer::NotSent(why),
        };
        let answer = self.ask_as(host, request, deadline, false, sent).await;
        match (&answer, request) {
            // A client may let nobody be root for steps: what it sees itself can be looked at without.
            (Answer::NotSent(why), Request::Look(_)) if why.starts_with("sudo: ") => {
                let plain = Host {
                    sudo: false,
                    ..host.clone()
                };
                match self.ask_as(&plain, request, deadline, true, sent).await {
                    Answer::Said(said) => Answer::Said(said),
                    _ => answer,
                }
            }
            _ => answer,
        }
    }

    /// The same with the host's own rights; with `alone` by a shell that is used once, so that no step ever finds it.
    async fn ask_as(
        &self,
        host: &Host,
        request: &Request,
        deadline: Duration,
        alone: bool,
        sent: &mut UnixMs,
    ) -> Answer {
        let name = &host.name;
        let block = match request.block() {
            Ok(block) => block,
            Err(error) => return Answer::NotSent(error.to_string()),
        };
        let mut shell = match timeout(CONNECT * 2, self.shell(host, alone)).await {
            Ok(Ok(shell)) => shell,
            Ok(Err(why)) => return Answer::NotSent(why),
            Err(_) => return Answer::NotSent(format!("{name} takes no command")),
        };
        let first = shell.taught.nothing();
        let script = shell.taught.missing(&block) + &block;
        let local = host.reach == ReachBy::Local;
        *sent = (self.now)();
        let answer = timeout(deadline, converse(&mut *shell.wire, script.as_bytes(), local, first)).await;
        let answer =
            answer.unwrap_or_else(|_| Answer::Lost(format!("no answer within {:.0} s", deadline.as_secs_f64())));
        if !matches!(answer, Answer::Said(_)) {
            // Whatever is wrong with it, the next call is to find it out on a connection of its own.
            self.forget(name, &shell.session).await;
        } else if !local && !alone {
            self.keep(name, shell).await;
        }
        answer
    }

    /// All looks of one host in one call; mounts that may hang are asked at the same time.
    async fn look_at(&self, host: HostName, looks: Vec<Look>) -> Vec<(Look, Glimpse)> {
        let mut at = (self.now)();
        let asked = Asked::of(looks);
        let request = Request::Look(asked.argvs.clone());
        // Also a host that takes a connection and opens nothing must not let the looks at others become old.
        let in_time = timeout(LOOK, self.ask(&host, &request, LOOK, &mut at)).await;
        if in_time.is_err() {
            // The next look reaches it anew before anybody is asked.
            let place = self.place(&host);
            let mut place = place.lock().await;
            (place.session, place.shell) = (None, None);
        }
        let late = |_| Answer::Lost(format!("no answer of {host} within {} s", LOOK.as_secs()));
        let said = in_time.unwrap_or_else(late);
        let answers = match said {
            Answer::Said(said) => glimpses(&said, asked.argvs.len()),
            Answer::NotSent(why) if needs_a_person(&why) => Err(Why::Denied(why.into())),
            Answer::NotSent(why) => Err(Why::Failed(why.into())),
            Answer::Lost(why) => Err(Why::Hung(why.into())),
        };
        asked.answered(answers, at)
    }

    async fn look_here(&self, look: Look) -> (Look, Glimpse) {
        let at = (self.now)();
        let answer = self
            .local(&look.argv, LOOK)
            .await
            .map_err(|why| Why::Failed(why.into()));
        (look, Glimpse { at, answer })
    }
}

/// Whether a host answers and is not let in, or lets nobody in: by the beginnings of [`RemoteError::HostKey`] and
/// [`RemoteError::Auth`](crate::remote::RemoteError::Auth).
///
/// [`RemoteError::HostKey`]: crate::remote::RemoteError::HostKey
fn needs_a_person(why: &str) -> bool {
    ["host key: ", "login refused: "].iter().any(|kind| why.contains(kind))
}

/// Runs a command of this machine.
async fn here(argv: &[String], deadline: Duration) -> Result<Printed, String> {
    // Quoted word by word for `exec`: the shell that starts it interprets nothing.
    let line = quote::join(argv).map_err(|error| error.to_string())?;
    let session = LocalRemote
        .connect(&Host::new("console", "localhost"), &|_| {})
        .await
        .map_err(|error| error.to_string())?;
    let limits = ExecLimits {
        deadline,
        output_bytes: 64 * 1024,
    };
    let output = session
        .exec(&format!("exec {line}"), b"", limits)
        .await
        .map_err(|error| clean::lines(&error.to_string()))?;
    let exit = output.exit.ok_or("it ended without an exit code")?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if exit != 0 {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Ok(Printed { exit, text })
}

/// A command for the host's shell, as root.
fn command(host: &Host, command: &str) -> String {
    if host.sudo && host.user.as_deref() != Some("root") {
        format!("sudo -n {command}")
    } else {
        command.to_owned()
    }
}

impl Targets for SshTargets {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        Box::pin(async move {
            let (here, there): (Vec<Look>, Vec<Look>) = looks.into_iter().partition(|look| look.local);
            let mut by_host: BTreeMap<HostName, Vec<Look>> = BTreeMap::new();
            for look in there {
                by_host.entry(look.host.clone()).or_default().push(look);
            }
            // Connections first: nobody's answer gets old while another host is being reached.
            let hosts = by_host.keys().filter_map(|name| self.host(name).ok());
            join_all(hosts.map(|host| self.session(host))).await;
            let seen = join_all(by_host.into_iter().map(|(host, looks)| self.look_at(host, looks)));
            let own = join_all(here.into_iter().map(|look| self.look_here(look)));
            let (seen, own) = tokio::join!(seen, own);
            seen.into_iter().flatten().chain(own).collect()
        })
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        Box::pin(async move {
            let mut sent = UnixMs(0);
            self.ask(host, &request, deadline, &mut sent).await
        })
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        Box::pin(async move {
            let ran = match &self.console {
                Some(console) => {
                    let (exit, text) = console(argv);
                    Ok(Printed { exit, text })
                }
                None => here(argv, deadline).await,
            };
            // Some tools repeat their whole command line, passwords included: what they print is kept and shown.
            ran.map(|printed| Printed {
                text: secret::cleaned(argv, &printed.text),
                ..printed
            })
            .map_err(|why| secret::cleaned(argv, &why))
        })
    }

    fn watch<'a>(&'a self, host: &'a HostName, script: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, String>> {
        Box::pin(async move {
            let host = self.host(host)?;
            let opened = timeout(CONNECT * 2, self.open(host, "sh -s pointsman-client")).await;
            let (_, mut wire) = opened.map_err(|_| format!("{} takes no command", host.name))??;
            wire.send(script.as_bytes())
                .await
                .and(wire.end_input().await)
                .map_err(|error| clean::lines(&error.to_string()))?;
            Ok(wire)
        })
    }
}
