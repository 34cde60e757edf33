//! Plans that go over hosts: in which order, what they wait for, and what is refused.

use super::*;

const HEALTH: (&str, i32, &str) = ("host_health", 0, "unit cron.service\nmd md0 whole\nmount /\nend\n");

/// The same fleet, whose first client can be taken out of service.
fn with_hooks() -> Fleet {
    changed(
        false,
        "access1: { address: 10.77.0.21,",
        "access1: { address: 10.77.0.21, rolling: { serving: [site-lb, is-enabled, '{host}'], drain: [site-lb, drain, \
         '{host}'], undrain: [site-lb, enable, '{host}'], ports: [443] },",
    )
}

fn hosts() -> [(&'static str, Host); 3] {
    ["stor1", "stor2", "access1"].map(|name| {
        let mut host = host("healthy");
        host.prints = vec![HEALTH];
        (name, host)
    })
}

fn rolling(parameters: &[(&str, &str)]) -> String {
    told(planned(&with_hooks(), &wish("rolling", parameters), hosts()))
}

#[test]
fn a_rolling_restart() {
    let restart = [
        ("hosts", "stor1|access1"),
        ("work", "restart"),
        ("unit", "cron"),
        ("failures", "1"),
    ];
    insta::assert_snapshot!(rolling(&restart));
}

#[test]
fn a_rolling_reboot() {
    insta::assert_snapshot!(rolling(&[("hosts", "access1"), ("work", "reboot"), ("soak", "0")]));
}

#[test]
fn no_reboot_of_a_server_that_serves() {
    insta::assert_snapshot!(rolling(&[("hosts", "stor1|access1"), ("work", "reboot")]));
}

#[test]
fn what_the_inventory_does_not_say_cannot_be_done() {
    let upgrade = rolling(&[("hosts", "access1"), ("work", "upgrade")]);
    assert!(
        upgrade.contains("access1 has no `upgrade` in `rolling` of the inventory"),
        "{upgrade}"
    );
    let restart = rolling(&[("hosts", "access1"), ("work", "restart")]);
    assert!(
        restart.contains("restart needs the name of a unit; give unit="),
        "{restart}"
    );
    let none = rolling(&[("hosts", "access1"), ("work", "reboot"), ("batch", "0")]);
    assert!(none.contains("hosts cannot go none at a time"), "{none}");
}

/// What is not known of a host cannot be compared with how it is afterwards.
#[test]
fn a_host_that_does_not_tell_how_it_is_is_refused() {
    for garbage in ["", "unit cron.service\n", "Segmentation fault\nend\n"] {
        let mut hosts = hosts();
        hosts[2].1.prints = vec![("host_health", 0, garbage)];
        let wish = wish("rolling", &[("hosts", "access1"), ("work", "reboot")]);
        let told = told(planned(&with_hooks(), &wish, hosts));
        assert!(
            told.starts_with("REFUSED") && told.contains("how access1 is"),
            "{garbage:?}: {told}"
        );
    }
}

#[test]
fn every_step_is_of_a_row_and_the_hosts_follow_each_other() {
    let wish = wish(
        "rolling",
        &[
            ("hosts", "stor1|access1"),
            ("work", "restart"),
            ("unit", "cron"),
            ("canary", "0"),
            ("batch", "2"),
        ],
    );
    let plan = planned(&with_hooks(), &wish, hosts()).unwrap();
    let rolling = plan.rolling.unwrap();
    let mut all: Vec<usize> = rolling.rows.iter().flat_map(|row| row.steps.clone()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..plan.steps.len()).collect::<Vec<_>>());
    let names: Vec<_> = rolling
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.batch, row.canary))
        .collect();
    assert_eq!(names, [("stor1", 0, false), ("access1", 0, false)]);
    // Step by step: both are stopped before either is started.
    let verbs: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.call.action == "service")
        .map(|step| step.operation.says.as_str())
        .collect();
    assert_eq!(
        verbs,
        [
            "stop cron on stor1",
            "stop cron on access1",
            "start cron on stor1",
            "start cron on access1"
        ]
    );
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("rack is not declared")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn mistakes_in_rolling_are_named_where_they_are() {
    let text = "name: mine
title: t
kind: planned
about: hosts
rolling: { batch: 0, failures: \"{{ most }}\", canary: one, apart: [pair, shelf] }
parameters: { hosts: { type: hosts } }
steps:
  - { do: wait, with: { seconds: \"5\" }, why: a rest }
";
    let lines = |text: &str| -> Vec<String> {
        let mistakes = catalogue::read(Path::new("mine.yaml"), text).unwrap_err();
        mistakes
            .iter()
            .map(|mistake| format!("{}:{} {}", mistake.line, mistake.column, mistake.message))
            .collect()
    };
    let first = lines(text);
    assert!(first.iter().any(|line| line.contains("shelf")), "{first:?}");
    let rest = lines(&text.replace(", shelf", ""));
    assert_eq!(
        rest,
        [
            "5:19 \"0\" is no number of hosts",
            "5:32 {{ most }} is no parameter",
            "5:54 \"one\" is no number of hosts",
            "8:5 wait speaks of no host, so it would belong to none that may fail",
        ]
    );
    let slices = text
        .replace("about: hosts", "about: slices")
        .replace("type: hosts", "type: slice")
        .replace(", shelf", "");
    assert!(
        lines(&slices)
            .iter()
            .any(|line| line.starts_with("5:1 only a runbook about hosts, or about migrations,")),
        "{:?}",
        lines(&slices)
    );
}
