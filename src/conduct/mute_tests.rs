//! A host that takes connections and opens nothing: what others say stays fresh beside it.

use super::{Now, SshTargets, Targets as _};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::{Fleet, Host, Poll},
    mode::Mode,
    remote::{Boxed, Chunk, ExecLimits, Output, Remote, RemoteError, Session, Wire},
    runbook::{engine::FRESH, sight::Look},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Takes connections, and opens nothing on one of its hosts.
#[derive(Default, Clone)]
struct Mute(Arc<AtomicUsize>);

struct MuteSession(bool);

impl Remote for Mute {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        _: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let mute = host.name.as_str() == "mute";
            self.0.fetch_add(usize::from(mute), Ordering::SeqCst);
            Ok(Arc::new(MuteSession(mute)) as Arc<dyn Session>)
        })
    }
}

/// Has the whole answer to one look as soon as it is asked.
struct Echo(bool);

impl Wire for Echo {
    fn send<'a>(&'a mut self, _: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
        self.0 = true;
        Box::pin(async { Ok(()) })
    }

    fn next(&mut self) -> Boxed<'_, Chunk> {
        let asked = std::mem::take(&mut self.0);
        Box::pin(async move {
            if !asked {
                std::future::pending::<()>().await;
            }
            Chunk::Out(b"@look 0\n@output 3\none\n@end\n@over\n".to_vec())
        })
    }
}

impl Session for MuteSession {
    fn open<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move {
            if self.0 {
                std::future::pending::<()>().await;
            }
            Ok(Box::new(Echo(false)) as Box<dyn Wire>)
        })
    }

    fn exec<'a>(&'a self, _: &'a str, _: &'a [u8], _: ExecLimits) -> Boxed<'a, Result<Output, RemoteError>> {
        Box::pin(std::future::pending())
    }

    fn about(&self) -> CleanText {
        CleanText::new("mute")
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_opens_nothing_lets_nothing_grow_old_and_is_reached_anew() {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!("it may change hosts");
    };
    let hosts = ["a", "mute"].map(|name| Host::new(name, "a.example")).to_vec();
    let fleet = Fleet::new("f".into(), None, Poll::default(), hosts, Vec::new(), Vec::new());
    let mute = Mute::default();
    let began = tokio::time::Instant::now();
    let now: Now = Arc::new(move || UnixMs(u64::try_from(began.elapsed().as_millis()).unwrap()));
    let targets = SshTargets::new(&permission, Arc::new(fleet), Arc::new(mute.clone()), Arc::clone(&now));
    for round in 1..=2 {
        let looks = ["a", "mute"].map(|host| Look::new(&host.into(), ["echo", "one"]));
        let seen = targets.look(looks.to_vec()).await;
        let (_, there) = seen.iter().find(|(look, _)| look.host.as_str() == "a").unwrap();
        let (_, not) = seen.iter().find(|(look, _)| look.host.as_str() == "mute").unwrap();
        let age = now().since(there.at);
        assert!(there.answer.is_ok() && age < FRESH, "{there:?} is {age:?} old");
        assert!(
            matches!(&not.answer, Err(why) if why.to_string().contains("no answer of mute")),
            "{not:?}"
        );
        assert_eq!(mute.0.load(Ordering::SeqCst), round);
    }
}
