//! Galera members as the functions of `database.sh` find and change them.

use crate::simulate::{exec::Answer, galera::Galera, island::Island};

/// Runs a function of `database.sh`; `None` for what is none.
pub(super) fn function(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let own = island.nodes[at]
        .mysql
        .as_ref()
        .and_then(|server| server.galera.as_ref());
    let answer = match words {
        ["db_galera", _, _, _] => Answer::ok(own.map_or_else(stranger, state)),
        ["db_galera_stand", _, _, _] => Answer::ok(own.map_or_else(|| "stopped  \n".to_owned(), stand)),
        ["db_joins", bootstraps] => of(joins(island, at, bootstraps), "cannot write"),
        ["db_galera_bootstrap", _, _, bootstraps] => of(
            joins(island, at, bootstraps) && island.bootstrap(at),
            "Can't connect to local server",
        ),
        ["db_galera_new", _, _, _, bootstraps, _, ..] => of(
            joins(island, at, bootstraps) && island.new_cluster(at),
            "a process holds /var/lib/mysql",
        ),
        ["db_galera_start", _, _, _, bootstraps, _, ..] => of(
            joins(island, at, bootstraps) && island.start_node(at),
            "a process holds /var/lib/mysql",
        ),
        ["db_galera_recover", _, _, _, _, ..] => recover(island, at),
        _ => return None,
    };
    Some(answer)
}

/// Writes down the bootstraps that a member is part of.
fn joins(island: &mut Island, at: usize, bootstraps: &str) -> bool {
    let store = &island.nodes[at].store;
    let (run, full) = (store.run.clone(), store.full);
    let server = island.nodes[at].mysql.as_mut();
    let Some(own) = server.and_then(|server| server.galera.as_mut()) else {
        return false;
    };
    for one in bootstraps.split(',').filter(|one| *one != "-") {
        let one = one
            .strip_suffix('-')
            .map_or_else(|| one.to_owned(), |one| format!("{one}{run}"));
        if own.noted.split(',').any(|known| known == one) {
            continue;
        }
        if full {
            return false;
        }
        let comma = if own.noted.is_empty() { "" } else { "," };
        own.noted = format!("{}{comma}{one}", own.noted);
    }
    true
}

fn of(done: bool, why: &str) -> Answer {
    if done {
        Answer::ok(String::new())
    } else {
        Answer::failed(1, format!("{why}\n"))
    }
}

/// A host without a Galera server: a data directory that was never a member's.
fn stranger() -> String {
    "state\tstopped\ndatadir\t/var/lib/mysql\nend\n".to_owned()
}

/// Whether its server answers: one that has never been in a component since it started waits for one.
fn answers(own: &Galera) -> bool {
    own.runs && own.conf_id != 0
}

/// `seqno` of its grastate.dat.
fn seqno(own: &Galera) -> String {
    if own.saved && own.cluster != 0 {
        own.at().to_string()
    } else {
        "-1".to_owned()
    }
}

fn state(own: &Galera) -> String {
    let uuid = own.uuid();
    let noted = if own.noted.is_empty() {
        String::new()
    } else {
        format!("bootstraps\t{}\n", own.noted)
    };
    if own.runs && !answers(own) {
        return "state\tsilent\nend\n".to_owned();
    }
    if own.runs {
        let (status, comment, ready) = if own.primary {
            ("Primary", "Synced", "ON")
        } else {
            ("non-Primary", "Initialized", "OFF")
        };
        let conf_id = if own.primary { own.conf_id } else { u64::MAX };
        return format!(
            "state\trunning\nversion\t10.11.6-MariaDB-0+deb12u1-log\nwsrep_cluster_address\tgcomm://10.0.0.1\nwsrep_on\tON\n\
             wsrep_local_state_uuid\t{uuid}\nwsrep_last_committed\t{}\nwsrep_local_recv_queue\t0\n\
             wsrep_local_state_comment\t{comment}\nwsrep_cluster_conf_id\t{conf_id}\nwsrep_cluster_size\t{}\n\
             wsrep_cluster_state_uuid\t{uuid}\nwsrep_cluster_status\t{status}\nwsrep_ready\t{ready}\n{noted}end\n",
            own.at(),
            own.size
        );
    }
    let recovered = if own.recovered {
        format!("recovered\t{uuid}:{}\n", own.at())
    } else {
        String::new()
    };
    format!(
        "state\tstopped\ndatadir\t/var/lib/mysql\nuuid\t{uuid}\nseqno\t{}\nsafe_to_bootstrap\t{}\n{recovered}{noted}end\n",
        seqno(own),
        u8::from(own.safe)
    )
}

fn stand(own: &Galera) -> String {
    let uuid = own.uuid();
    if own.runs && !answers(own) {
        return "silent\n".to_owned();
    }
    if own.runs {
        let status = if own.primary { "Primary" } else { "non-Primary" };
        return format!("running {status} {uuid} {} 0\n", own.at());
    }
    let at = if own.recovered && !own.saved && own.cluster != 0 {
        own.at().to_string()
    } else {
        seqno(own)
    };
    format!("stopped {uuid} {at}\n")
}

fn recover(island: &mut Island, at: usize) -> Answer {
    let server = island.nodes[at].mysql.as_mut();
    let own = server.and_then(|server| server.galera.as_mut());
    match own.filter(|own| !own.runs) {
        Some(own) => {
            own.recovered = true;
            Answer::ok(format!("recovered {}:{}\n", own.uuid(), own.at()))
        }
        None => of(false, "a process holds /var/lib/mysql"),
    }
}
