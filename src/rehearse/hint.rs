//! What to add to a rehearsal that refuses or stops, so that it goes where the engineer wants to practise.

use crate::{
    conduct::Progress,
    fleet::Slice,
    remote::quote::quote,
    runbook::{definition::ValueKind, planner::Wish},
    simulate::{Simulation, island::Island, nfs::MountState},
};

/// For a refused plan: by the checks of its runbook, and how the copy stands.
pub(super) fn refused(simulation: &Simulation, wish: &Wish) -> Vec<String> {
    let mut out = Vec::new();
    let parameters = &wish.definition.parameters;
    let given = |kind: ValueKind| {
        let named = parameters.iter().find(|(_, parameter)| parameter.kind == kind);
        named
            .and_then(|(name, _)| wish.parameters.get(name))
            .map(String::as_str)
    };
    let slice = given(ValueKind::Slice).unwrap_or_default();
    let server = wish.parameters.get("server").map_or("", String::as_str);
    let now = |is: &dyn Fn(&Island) -> Option<bool>| {
        let seen = simulation.world().fleet(|island| is(island));
        seen.flatten() == Some(true)
    };
    for check in &wish.definition.checks {
        let hint = match check.as_str() {
            "server-dead" if now(&|island| is_well(island, server)) => {
                format!("in the copy {server} is well; to rehearse its death: --fault=dead:{server} (or hung:{server})")
            }
            "returned" if now(&|island| is_home(island, slice)) => {
                format!("in the copy {slice} is at home; to rehearse its way back: --fault=failed-over:{slice}")
            }
            "database-returned" => format!("to rehearse the return of a source: --fault=db-failed-over:{server}"),
            "split" if now(&|island| talks(island, slice)) => {
                format!("in the copy both sides of {slice} are equal; to rehearse a split: --fault=split-brain:{slice}")
            }
            "galera-quorum" if now(&|island| Some(lives(island))) => {
                "in the copy a primary component lives; to rehearse its loss: --fault=no-primary:HOST".to_owned()
            }
            "galera-lives" | "galera-unsaved" => "to rehearse the crash of a member: --fault=db-down:HOST".to_owned(),
            "clients-sick" if now(&|island| answers(island, slice)) => {
                format!("in the copy every mount of {slice} answers; to rehearse a stale one: --fault=stale:{slice}")
            }
            _ => continue,
        };
        out.push(hint);
    }
    out.extend(narrower(simulation, wish, server));
    out
}

fn is_well(island: &Island, server: &str) -> Option<bool> {
    let node = &island.nodes[island.node(server)?];
    Some(node.is_up() && !node.cut)
}

fn lives(island: &Island) -> bool {
    let galera = island
        .nodes
        .iter()
        .filter_map(|node| node.mysql.as_ref()?.galera.as_ref());
    galera.into_iter().any(|own| own.primary)
}

fn is_home(island: &Island, slice: &str) -> Option<bool> {
    Some(island.replicas[island.replica(slice)?].primary() == Some(0))
}

fn answers(island: &Island, slice: &str) -> Option<bool> {
    let replica = island.replica(slice)?;
    let mut mounts = island.nodes.iter().flat_map(|node| &node.mounts);
    Some(mounts.all(|mount| mount.replica != replica || mount.state == MountState::Answering))
}

fn talks(island: &Island, slice: &str) -> Option<bool> {
    let sides = &island.replicas[island.replica(slice)?].sides;
    Some(sides.iter().all(|side| !side.standalone))
}

/// Where slices of a server were named and some have no other side: the others.
fn narrower(simulation: &Simulation, wish: &Wish, server: &str) -> Option<String> {
    let parameters = &wish.definition.parameters;
    let (name, _) = parameters.iter().find(|(_, it)| it.kind == ValueKind::Slices)?;
    let wanted = wish.parameters.get(name).filter(|wanted| *wanted != "all")?;
    let is_wanted = |slice: &Slice| wanted.split(',').any(|part| part.trim() == slice.name.as_str());
    let is_on = |slice: &Slice| {
        let standby = slice.standby.as_ref().is_some_and(|standby| standby.as_str() == server);
        slice.preferred.as_str() == server || standby
    };
    let slices = simulation.fleet().slices().map(|(_, slice)| slice);
    let (paired, alone): (Vec<&Slice>, Vec<&Slice>) = slices
        .filter(|slice| is_on(slice) && is_wanted(slice))
        .partition(|slice| slice.standby.is_some());
    let names: Vec<&str> = paired.iter().map(|slice| slice.name.as_str()).collect();
    let first = alone.first().filter(|_| !names.is_empty())?;
    Some(format!(
        "{} has one server only and cannot move; name those that can: {name}={}",
        first.name,
        names.join(",")
    ))
}

/// For a run that stopped.
pub(super) fn ended(progress: &Progress, is_open: bool) -> Vec<String> {
    match (&progress.end, &progress.asked) {
        (None, Some(question)) => {
            let word = quote(&question.word).unwrap_or_else(|_| "WORD".to_owned());
            vec![format!(
                "this rehearsal and its journal are over, so it cannot be resumed; rehearse again with the answer: --answer={word}"
            )]
        }
        _ if is_open => vec![
            "to rehearse what comes next on mended hosts: --then=resume goes on with the run, --then=back takes it back"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}
