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
use std::sync::Arc;

pub(super) fn discover(options: &Options, hosts: &[String], log: LogBook) -> Result<u8> {
    let fleet = Arc::new(for_one_collection(&bare_fleet(hosts)));
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
    let limit = options.timeout.unwrap_or(COLLECTION_LIMIT);
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

/// A fleet of hosts of which nothing is known but how to reach them.
fn bare_fleet(hosts: &[String]) -> Fleet {
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
