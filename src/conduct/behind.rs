//! This machine as if it were a host behind SSH, for tests: every command that is opened goes through a function first.

use super::{Now, SshTargets};
use crate::{
    facts::CleanText,
    fleet::{Fleet, Host, Poll},
    mode::Mode,
    remote::{Boxed, ExecLimits, LocalRemote, Output, Remote, RemoteError, Session, Wire},
};
use std::{sync::Arc, time::Duration};

/// What is opened instead of a command.
type Opens = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A way to this machine.
#[derive(Clone)]
pub struct Behind {
    /// What is opened instead of a command.
    opens: Opens,
    /// How long each step of a connection takes, in order.
    steps: Vec<(&'static str, Duration)>,
    /// How long it takes to open a command.
    opening: Duration,
}

impl Behind {
    /// A way on which commands are changed by `opens`.
    pub fn new(opens: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self {
            opens: Arc::new(opens),
            steps: Vec::new(),
            opening: Duration::ZERO,
        }
    }

    /// A way whose connections take so long, step by step.
    pub fn slow(steps: &[(&'static str, Duration)]) -> Self {
        Self {
            steps: steps.to_vec(),
            ..Self::new(str::to_owned)
        }
    }

    /// The same, where it takes so long to open a command.
    pub fn opening(self, opening: Duration) -> Self {
        Self { opening, ..self }
    }

    /// Targets of one host of the name `a`, reached this way; `change` is done to that host first.
    pub fn targets(self, now: Now, change: impl FnOnce(&mut Host)) -> SshTargets {
        let Mode::ReadWrite(permission) = Mode::new(false, false) else {
            panic!("it may change hosts");
        };
        let mut host = Host::new("a", "a.example");
        change(&mut host);
        let fleet = Fleet::new("f".into(), None, Poll::default(), vec![host], Vec::new(), Vec::new());
        SshTargets::new(&permission, Arc::new(fleet), Arc::new(self), now)
    }
}

impl Remote for Behind {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            for (name, takes) in &self.steps {
                step(name);
                tokio::time::sleep(*takes).await;
            }
            let inner = LocalRemote.connect(host, &|_| {}).await?;
            Ok(Arc::new(Reached(inner, self.clone())) as Arc<dyn Session>)
        })
    }
}

struct Reached(Arc<dyn Session>, Behind);

impl Session for Reached {
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move {
            tokio::time::sleep(self.1.opening).await;
            self.0.open(&(self.1.opens)(command)).await
        })
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
