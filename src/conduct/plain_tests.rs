//! Hosts that let nobody be root: what they see is looked at all the same, and no step ever reaches them.

use super::{Targets as _, behind::Behind};
use crate::{
    fleet::HostName,
    runbook::{engine::Answer, sight::Look, target::Request},
};
use std::time::Duration;

#[tokio::test]
async fn a_client_without_sudo_is_looked_at_and_never_changed() {
    let refused = "echo 'sudo: a password is required' >&2; exit 1";
    let way = Behind::new(move |command| if command.starts_with("sudo ") { refused } else { command }.to_owned());
    let targets = way.targets(crate::remote::ssh::system_clock(), |host| host.sudo = true);
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
