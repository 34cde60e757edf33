//! Hosts that let nobody be root: what they see is looked at all the same, and no step ever reaches them.

use super::*;
use crate::{
    facts::CleanText,
    fleet::{Fleet, Host, HostName, Poll},
    mode::Mode,
    remote::{Boxed, ExecLimits, LocalRemote, Output, Remote, RemoteError, Session, Wire},
    runbook::{engine::Answer, sight::Look, target::Request},
};
use std::{sync::Arc, time::Duration};

/// This machine, where sudo starts nothing.
struct NoSudo;

struct Refusing(Arc<dyn Session>);

impl Remote for NoSudo {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let session: Arc<dyn Session> = Arc::new(Refusing(LocalRemote.connect(host, step).await?));
            Ok(session)
        })
    }
}

impl Session for Refusing {
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        let refused = "echo 'sudo: a password is required' >&2; exit 1";
        self.0
            .open(if command.starts_with("sudo ") { refused } else { command })
    }

    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>> {
        self.0.exec(command, input, limits)
    }

    fn about(&self) -> CleanText {
        self.0.about()
    }
}

#[tokio::test]
async fn a_client_without_sudo_is_looked_at_and_never_changed() {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!();
    };
    let mut host = Host::new("a", "localhost");
    host.sudo = true;
    let fleet = Fleet::new("f".into(), None, Poll::default(), vec![host], Vec::new(), Vec::new());
    let now = crate::remote::ssh::system_clock();
    let targets = SshTargets::new(&permission, Arc::new(fleet), Arc::new(NoSudo), now);
    let name = HostName::new("a");
    for _ in 0..2 {
        let seen = targets.look(vec![Look::new(&name, ["echo", "seen"])]).await;
        let printed = seen[0].1.answer.as_ref().unwrap();
        assert_eq!((printed.exit, printed.text.as_str()), (0, "seen\n"));
        // The shell that looked is no shell for steps.
        let tokens = Request::Tokens(vec!["x".into()]);
        let answer = targets.call(&name, tokens, Duration::from_secs(5)).await;
        assert!(
            matches!(&answer, Answer::NotSent(why) if why.starts_with("sudo: ")),
            "{answer:?}"
        );
    }
}
