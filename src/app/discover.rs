//! A draft inventory from bare hosts.

use super::{COLLECTION_LIMIT, Result, process::runtime, ssh_config_mode, ssh_remote, watch::for_one_collection};
use crate::{
    batch::{self, report::Status},
    cli::Options,
    collect::{Clock, Collector, Sources, draft},
    facts::CleanText,
    fleet::{self, Fleet, Host, ReachBy},
    passphrase::Prompt,
    remote::{LocalRemote, log::LogBook},
};
use std::{sync::Arc, time::Duration};

pub(super) fn discover(options: &Options, hosts: &[String], log: LogBook) -> Result<u8> {
    let limit = options.timeout.unwrap_or(COLLECTION_LIMIT);
    let fleet = Arc::new(for_one_collection(&bare_fleet(hosts, limit)));
    let runtime = runtime()?;
    let _context = runtime.enter();
    let count = fleet.hosts.len();
    let clock = Clock::system();
    let ssh = ssh_remote(
        &options.ssh,
        ssh_config_mode(&options.ssh, None),
        &log,
        &clock,
        true,
        &mut Prompt::default(),
    );
    let mut collector = Collector::start(Sources {
        fleet,
        ssh: Arc::new(ssh),
        local: Arc::new(LocalRemote),
        log,
        clock,
        reload: None,
        single_look: true,
    });
    let view = runtime.block_on(batch::collect_once(&mut collector, &vec![true; count], limit));
    let mut found = Vec::new();
    let mut missing = 0;
    for (host, text) in view.hosts.iter().zip(hosts) {
        if let Some(snapshot) = &host.snapshot {
            found.push((text.clone(), (**snapshot).clone()));
        } else {
            missing += 1;
            let status = Status::new(&view, &batch::only(&view, host.name.as_str()));
            let reason = status.hosts.first().and_then(|host| host.reason.clone());
            let text = CleanText::new(text);
            eprintln!("pointsman: {text}: {}", reason.unwrap_or_default());
        }
    }
    batch::print(&draft::draft(&found))?;
    Ok(if missing > 0 { 3 } else { 0 })
}

/// A fleet of hosts of which nothing is known but how to reach them; each may take as long for that as all together.
fn bare_fleet(hosts: &[String], limit: Duration) -> Fleet {
    let hosts = hosts
        .iter()
        .map(|text| {
            let (user, rest) = match text.split_once('@') {
                Some((user, rest)) => (Some(user.to_owned()), rest),
                None => (None, text.as_str()),
            };
            let (address, port) = match rest.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
                Some((name, Ok(port))) if !name.contains(':') => (name, Some(port)),
                _ => (rest, None),
            };
            let mut host = Host::new(text, address);
            host.user = user;
            host.port = port;
            if text == "localhost" {
                host.reach = ReachBy::Local;
            }
            host.mysql = Some(fleet::MysqlAccess::default());
            host.poll.connect_deadline = limit;
            host
        })
        .collect();
    Fleet::new(
        "discovered".to_owned(),
        None,
        fleet::Poll::default(),
        hosts,
        Vec::new(),
        Vec::new(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_host_may_use_the_time_that_was_given() {
        let fleet = bare_fleet(&["root@stor1:2222".into()], Duration::from_secs(90));
        assert_eq!(fleet.hosts[0].poll.connect_deadline, Duration::from_secs(90));
        assert_eq!(fleet.hosts[0].port, Some(2222));
    }
}
