//! Who is behind by heartbeat, and what is said when nobody writes it.

use super::world::{World, change, channel, find, glance};
use crate::{
    facts::mysql::Mysql,
    verdict::{Code, Severity},
};

fn edit_mysql(world: &mut World, host: &str, edit: impl Fn(&mut Mysql) + 'static) {
    world.edit(host, move |s| change(&mut s.mysql, &edit));
}

/// The writer of the heartbeat ends: one finding, about the source; nobody is behind.
#[test]
fn a_heartbeat_that_nobody_writes_is_one_finding() {
    let mut world = World::new();
    for second in [0, 4, 8, 12, 16, 20, 24] {
        let age = f64::from(second);
        edit_mysql(&mut world, "db1", move |mysql| mysql.heartbeat_own_seconds = Some(age));
        for host in ["db2", "db3"] {
            edit_mysql(&mut world, host, move |mysql| {
                mysql.heartbeat_lag_seconds = Some(age + 0.3);
                // What it wrote itself when it was the source.
                mysql.heartbeat_own_seconds = Some(90_000.0);
            });
        }
        let findings = world.poll();
        assert!(
            find(&findings, Code::ReplicationLag).is_none(),
            "{second}: {findings:?}"
        );
        let stopped = find(&findings, Code::HeartbeatStopped).map(|finding| finding.subject.to_string());
        assert_eq!(stopped, (second >= 16).then(|| "db1".to_owned()), "{second}");
    }
    let findings = world.poll();
    assert_eq!(glance(&findings).len(), 1);
    assert_eq!(
        findings[0].evidence.as_str(),
        "nobody writes the heartbeat: its newest beat is 24 s old (limit 10 s); lag is what the replicas say themselves"
    );
    // The source cannot be seen any more: an old beat is taken for what it looks like.
    edit_mysql(&mut world, "db2", |mysql| mysql.heartbeat_lag_seconds = Some(60.0));
    world.lose("db1");
    world.wait(6);
    let lag = world.polls(3);
    let lag = find(&lag, Code::ReplicationLag).expect("lag");
    assert_eq!(
        (lag.subject.to_string().as_str(), lag.severity),
        ("db2", Severity::Warning)
    );
}

/// A replica of a replica: beats come from the first of the chain.
#[test]
fn a_heartbeat_is_followed_through_a_chain() {
    let chain = |source: f64, middle: f64, last: f64| {
        let mut world = World::new();
        edit_mysql(&mut world, "db1", move |mysql| {
            mysql.heartbeat_own_seconds = Some(source);
        });
        edit_mysql(&mut world, "db2", move |mysql| {
            mysql.heartbeat_lag_seconds = Some(middle);
        });
        edit_mysql(&mut world, "db3", move |mysql| {
            mysql.channels[0].source_uuid = None;
            mysql.channels[0].source_host = "db2".into();
            mysql.heartbeat_lag_seconds = Some(last);
        });
        let findings = world.polls(3);
        let lags = findings.iter().filter(|finding| finding.code == Code::ReplicationLag);
        lags.map(|finding| finding.subject.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(chain(30.0, 30.0, 30.0), [""; 0]);
    // The middle is behind, and the last with it, though it has all of the middle's.
    assert_eq!(chain(0.5, 40.0, 40.0), ["db2", "db3"]);
    assert_eq!(chain(30.0, 30.0, 70.0), ["db3"]);
}

/// Two that follow each other: the half that is written does not lag behind the beats of its own past.
#[test]
fn the_written_half_of_a_circle_is_not_behind() {
    let mut world = World::new();
    edit_mysql(&mut world, "db1", |mysql| {
        let mut channel = channel();
        channel.source_uuid = None;
        channel.source_host = "db2".into();
        mysql.channels = vec![channel];
        mysql.heartbeat_own_seconds = Some(0.4);
        mysql.heartbeat_lag_seconds = Some(90_000.0);
    });
    edit_mysql(&mut world, "db2", |mysql| {
        mysql.heartbeat_own_seconds = Some(90_000.0);
        mysql.heartbeat_lag_seconds = Some(0.4);
    });
    let findings = world.polls(3);
    assert_eq!(glance(&findings), []);
}

/// A replica forgets its source and is written: the heartbeat that it has is old, but that is not what is wrong.
#[test]
fn a_second_source_without_a_heartbeat_is_two_sources() {
    let mut world = World::new();
    edit_mysql(&mut world, "db1", |mysql| mysql.heartbeat_own_seconds = Some(0.4));
    edit_mysql(&mut world, "db3", |mysql| {
        mysql.channels.clear();
        mysql.read_only = Some(false);
        mysql.heartbeat_lag_seconds = Some(40.0);
    });
    let findings = world.polls(3);
    assert!(find(&findings, Code::TwoSources).is_some());
    assert!(find(&findings, Code::HeartbeatStopped).is_none(), "{findings:?}");
}
