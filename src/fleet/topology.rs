//! MySQL, MariaDB and Galera topologies.

use super::{
    backup::BackupLevel,
    decode::decode,
    file::{self, File},
    model::{Topology, TopologyKind},
    name::{HostName, TopologyName},
    names::{Context, What},
    suggest::{quote, quote_all},
    yaml::NodeId,
};

/// Decodes and checks the topologies of one file; with each comes the node of its member list.
pub(super) fn add(context: &mut Context<'_>, file: &File, out: &mut Vec<Topology>, members_at: &mut Vec<NodeId>) {
    for (name, node) in &file.topologies.entries {
        let at = context.mark(name.node);
        let Some(topology) = decode::<file::Topology>(context.tree, *node, at, context.notes) else {
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
        let own = BackupLevel::compile(context, topology.backup.as_ref());
        let backup = own.over(context, name.node, &BackupLevel::default(), ("{database}", &name.value));
        members_at.push(node);
        out.push(Topology {
            name: TopologyName::new(&name.value),
            kind,
            members: members.iter().map(|member| HostName::new(&member.value)).collect(),
            preferred_source: topology.source.map(|source| HostName::new(&source.value)),
            backup,
        });
    }
}
