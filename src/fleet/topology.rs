//! MySQL, MariaDB and Galera topologies.

use super::{
    backup::BackupLevel,
    decode::decode,
    file::{self, File, Text},
    level::check_hook,
    model::{SourceEntrance, SourceHook, Topology, TopologyKind},
    name::{HostName, TopologyName},
    names::{Context, What},
    storage::Storage,
    suggest::{quote, quote_all},
    yaml::NodeId,
};

/// Decodes and checks the topologies of one file; with each comes the node of its member list.
pub(super) fn add(
    context: &mut Context<'_>,
    file: &File,
    storage: &mut Storage,
    out: &mut Vec<Topology>,
    members_at: &mut Vec<NodeId>,
) {
    for (name, node) in &file.topologies.entries {
        let at = context.mark(name.node);
        let Some(mut topology) = decode::<file::Topology>(context.tree, *node, at, context.notes) else {
            continue;
        };
        let node = topology.members.node;
        let declared = topology.members.value.0.len();
        if declared == 0 {
            context.error(node, format!("the topology {} has no members", quote(&name.value)));
        }
        let members = context.resolved_all(What::Host, &topology.members.value);
        let kind = topology.kind.value;
        if let Some(source) = &topology.source {
            if kind == TopologyKind::Galera {
                context
                    .error(
                        source.node,
                        "a Galera cluster has no source: every member can be written",
                    )
                    .hint("remove `source:`");
            } else if context.resolve(What::Host, &source.value, source.node)
                && members.len() >= declared
                && !members.iter().any(|member| member.value == source.value)
            {
                context
                    .error(
                        source.node,
                        format!(
                            "the source {} is not a member of {}",
                            quote(&source.value),
                            quote(&name.value)
                        ),
                    )
                    .hint(format!(
                        "its members are {}",
                        quote_all(members.iter().map(|member| member.value.as_str()))
                    ));
            }
        }
        if kind == TopologyKind::Galera && members.len() == 2 && declared == 2 {
            context
                .warning(
                    node,
                    "a Galera cluster of two loses its majority when either member fails",
                )
                .hint("add a third member, or an arbitrator that the inventory need not name");
        }
        let entrance = entrance(context, storage, name, &mut topology);
        let own = BackupLevel::compile(context, topology.backup.as_ref());
        let backup = own.over(context, name.node, &BackupLevel::default(), ("{database}", &name.value));
        members_at.push(node);
        out.push(Topology {
            name: TopologyName::new(&name.value),
            kind,
            members: members.iter().map(|member| HostName::new(&member.value)).collect(),
            preferred_source: topology.source.map(|source| HostName::new(&source.value)),
            entrance,
            backup,
        });
    }
}

/// How clients find the source: by an address or by a command, never by both.
fn entrance(
    context: &mut Context<'_>,
    storage: &mut Storage,
    name: &Text,
    topology: &mut file::Topology,
) -> Option<SourceEntrance> {
    let hook_at = topology.to_source.as_ref().map(|hook| hook.node);
    let address_at = topology.service_address.as_ref().map(|address| address.node);
    let at = hook_at.or(address_at)?;
    if topology.kind.value == TopologyKind::Galera {
        context
            .error(at, "a Galera cluster has no source that clients could be led to")
            .hint("every member can be written: clients choose one, or a proxy does");
        return None;
    }
    if hook_at.is_some() && address_at.is_some() {
        context
            .error(at, "clients find the source by an address or by a command, not by both")
            .hint("leave one of `service_address` and `to_source` out");
        return None;
    }
    if let Some(address) = &topology.service_address {
        storage.check_service(context, name, address);
        if address.value.0.ip.is_ipv6() {
            context
                .error(address.node, "addresses of IPv6 are not moved")
                .hint("lead clients by a command of your own: `to_source`");
            return None;
        }
        return Some(SourceEntrance::Address(address.value.0));
    }
    let hook = topology.to_source.take()?;
    let at = [&hook.value.run, &hook.value.proof].map(|command| command.node);
    let hook = check_hook(context, hook.value)?;
    for (words, at) in [&hook.run, &hook.proof].into_iter().zip(at) {
        if !words.iter().any(|word| word.contains("{to}")) {
            context
                .error(at, "the command is not told which server takes the writes")
                .hint("write `{to}` where the name of the new source belongs");
        }
    }
    Some(SourceEntrance::Hook(SourceHook {
        run: hook.run,
        proof: hook.proof,
        on: hook.on,
        within: hook.within,
    }))
}
