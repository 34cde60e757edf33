//! Runbooks about hosts, and those of one's own: their words, their commands, and what they may not do.

use super::super::{misfits, shown as shown_hosts};
use super::*;
use crate::runbook::{
    action,
    definition::{Call, Definition},
    operation::Operation,
    plan::{Layouts, Plan},
    truth::Truth,
};

fn read(text: &str) -> Definition {
    catalogue::read(Path::new("mine.yaml"), text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn flaws(steps: &str) -> Vec<String> {
    let text = format!(
        "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters: {{ hosts: {{ type: hosts }}, what: {{ type: text }} }}\nsteps:\n{steps}"
    );
    let mistakes = catalogue::read(Path::new("mine.yaml"), &text).unwrap_err();
    mistakes.into_iter().map(|mistake| mistake.message).collect()
}

fn on_hosts(name: &str, parameters: &[(&str, &str)]) -> Result<Plan, Vec<Refusal>> {
    let wish = wish(name, parameters);
    looks(&fleet(false), &wish)?;
    planned(&fleet(false), &wish, both("healthy"))
}

fn does(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.operation.says.as_str()).collect()
}

#[test]
fn services_are_started_below_first_and_stopped_above_first() {
    let service = |state| on_hosts("service", &[("hosts", "stor*"), ("unit", "cron"), ("state", state)]).unwrap();
    assert_eq!(
        does(&service("started")),
        ["start cron on stor1", "start cron on stor2"]
    );
    assert_eq!(does(&service("stopped")), ["stop cron on stor2", "stop cron on stor1"]);
    let restarted = service("restarted");
    assert_eq!(
        does(&restarted),
        [
            "stop cron on stor1",
            "start cron on stor1",
            "stop cron on stor2",
            "start cron on stor2"
        ]
    );
    assert_eq!(service("stopped").steps[0].operation.shown(), ["systemctl stop cron"]);
}

#[test]
fn what_exports_is_not_stopped_unless_its_host_is_named_in_full() {
    let stop = |glass: &[&str]| {
        let mut wish = wish(
            "service",
            &[("hosts", "stor*"), ("unit", "nfs-server"), ("state", "stopped")],
        );
        wish.glass = glass
            .iter()
            .map(|host| Glass {
                rule: Rule::Force,
                resource: (*host).to_owned(),
                by: "op".to_owned(),
            })
            .collect();
        let plan = planned(&fleet(false), &wish, both("healthy")).unwrap();
        let held = |step: &crate::runbook::plan::Step| {
            let context = crate::runbook::interlock::Context {
                plan: &plan,
                fenced: BTreeMap::new(),
                promoted: std::collections::BTreeSet::new(),
                back: false,
            };
            crate::runbook::interlock::conditions(&step.operation.claims, &context).len()
        };
        plan.steps.iter().map(held).collect::<Vec<_>>()
    };
    assert_eq!(stop(&[]), [1, 1], "both have to export nothing");
    assert_eq!(stop(&["stor2"]), [0, 1], "stor2 goes first, and is named");
    // What keeps copies of data needs the name in any case.
    let refusals = on_hosts("service", &[("hosts", "stor1"), ("unit", "drbd"), ("state", "stopped")]).unwrap_err();
    assert!(refusals[0].lift.contains("--force=stor1"), "{refusals:?}");
}

#[test]
fn words_that_do_not_fit_are_refused_with_what_would() {
    let lift = |parameters: &[(&str, &str)]| on_hosts("service", parameters).unwrap_err()[0].to_string();
    let said = lift(&[("hosts", "stor9"), ("unit", "cron"), ("state", "started")]);
    assert!(said.contains("stor9"), "{said}");
    let said = lift(&[("hosts", "stor1"), ("unit", "cron"), ("state", "start")]);
    assert!(said.contains("there are started, stopped, restarted"), "{said}");
    let said = lift(&[("hosts", "stor1"), ("unit", "--now"), ("state", "started")]);
    assert!(said.contains("is no name"), "{said}");
    let refusals = on_hosts(
        "service",
        &[("hosts", "stor1"), ("unit", "poweroff.target"), ("state", "started")],
    );
    assert!(refusals.unwrap_err()[0].fact.contains("is not a service"));
}

#[test]
fn the_example_of_the_documentation_is_sound() {
    let wish = |drain: &str| Wish {
        definition: read(include_str!("../../../../docs/own-runbook.yaml")),
        ..wish("service", &[("hosts", "stor*"), ("drain", drain)])
    };
    let plan = planned(&fleet(false), &wish("20"), both("healthy")).unwrap();
    let said = does(&plan);
    assert_eq!(said.len(), 8, "{said:?}");
    assert_eq!(said[0], "run /usr/local/sbin/site-lb drain stor1 on stor1");
    assert_eq!(said[1], "stop php8.2-fpm on stor1", "node after node");
    assert_eq!(plan.steps[0].operation.settles_within, Duration::from_secs(20));
    let undo = plan.steps[0].undo.as_ref().unwrap();
    assert_eq!(undo.shown(), ["/usr/local/sbin/site-lb enable stor1"]);
    // A condition that does not hold leaves its step out.
    let plan = planned(&fleet(false), &wish("0"), both("healthy")).unwrap();
    assert_eq!(
        does(&plan),
        [
            "stop php8.2-fpm on stor1",
            "start php8.2-fpm on stor1",
            "stop php8.2-fpm on stor2",
            "start php8.2-fpm on stor2"
        ]
    );
}

fn operation(with: &[(&str, &str)]) -> Result<Operation, String> {
    let fleet = fleet(false);
    let layouts = Layouts {
        hosts: vec!["stor1".into()],
        ..Layouts::default()
    };
    let call = Call::new("command", with.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let given = action::Given {
        fleet: &fleet,
        glass: &[],
        layouts: &layouts,
        call: &call,
    };
    action::find("command").unwrap().operation(&given)
}

#[test]
fn a_value_stays_one_word_whatever_it_holds() {
    let text = "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters: { hosts: { type: hosts }, what: { type: text } }\nsteps:\n  - { do: command, with: { host: '{{ host }}', run: [logger, '{{ what }}'], proof: ['true'] }, why: w }\n";
    for what in ["a b; reboot", "$(reboot)", "it's \"so\"", "`x` {{ host }}", ""] {
        let wish = Wish {
            definition: read(text),
            ..wish("service", &[("hosts", "stor1"), ("what", what)])
        };
        let plan = planned(&fleet(false), &wish, both("healthy")).unwrap();
        let crate::runbook::operation::Work::Commands(commands) = &plan.steps[0].operation.work else {
            panic!("{plan:?}")
        };
        assert_eq!(commands[..], [vec!["logger".to_owned(), what.to_owned()]]);
    }
}

#[test]
fn a_command_is_no_way_around_an_interlock() {
    let step = |run: &str| {
        format!("  - {{ do: command, with: {{ host: '{{{{ host }}}}', run: {run}, proof: ['true'] }}, why: w }}\n")
    };
    for (run, says) in [
        ("[drbdadm, primary, web1]", "changes what runbooks know"),
        ("[/usr/sbin/mount, /dev/drbd0, /srv]", "changes what runbooks know"),
        ("[sh, -c, 'reboot']", "would run what its words say"),
        ("[/bin/busybox, umount, /srv]", "would run what its words say"),
        ("[python3.11, -c, x]", "would run what its words say"),
        ("[env, drbdadm]", "would run what its words say"),
        ("['{{ what }}', x]", "the program itself is a template"),
        ("[]", "empty command"),
        ("reboot now", "is a list of words"),
    ] {
        let said = flaws(&step(run));
        assert!(said.iter().any(|flaw| flaw.contains(says)), "{run}: {said:?}");
    }
    // Nor are words that only become one when they are filled in: the same is judged again.
    let why = operation(&[("host", "stor1"), ("run", "sudo reboot"), ("proof", "true")]).unwrap_err();
    assert!(why.contains("would run what its words say"), "{why}");
    let why = operation(&[("host", "access1"), ("run", "touch x"), ("proof", "true")]).unwrap_err();
    assert!(why.contains("no host that this plan is about"), "{why}");
}

#[test]
fn a_proof_is_an_exit_code_of_the_program_itself() {
    let of = |back: bool, exit: Option<i32>| {
        let mut with = vec![("host", "stor1"), ("run", "touch /run/x"), ("proof", "test -e /run/x")];
        if back {
            with.push(("unproven", "yes"));
        }
        let proof = operation(&with).unwrap().proof.remove(0);
        let mut sight = Sight::new(NOW, Duration::from_secs(5));
        if let Some(exit) = exit {
            let printed = Printed {
                exit,
                text: String::new(),
            };
            sight.take(
                proof.looks[0].clone(),
                Glimpse {
                    at: NOW,
                    answer: Ok(printed),
                },
            );
        }
        proof.judge(&sight)
    };
    assert!(of(false, Some(0)).holds() && of(false, Some(1)).fails());
    assert!(of(true, Some(1)).holds() && of(true, Some(0)).fails());
    for exit in [Some(126), Some(127), Some(137), None] {
        for back in [false, true] {
            assert!(matches!(of(back, exit), Truth::Unknown(_)), "{exit:?} {back}");
        }
    }
}

#[test]
fn a_library_keeps_what_is_sound_and_tells_the_rest() {
    let text = |name: &str| {
        format!(
            "name: {name}\ntitle: t\nkind: planned\nabout: hosts\nparameters: {{ hosts: {{ type: hosts }} }}\nsteps:\n  - {{ do: service, with: {{ host: '{{{{ host }}}}', unit: cron, state: started }}, why: w }}\n"
        )
    };
    let files = [
        ("a.yaml", text("mine")),
        ("b.yaml", text("mine")),
        ("c.yaml", text("failover")),
        ("d.yaml", "name: [".to_owned()),
        ("e.yaml", text("other")),
        ("f.yaml", text("Not a name")),
    ];
    let files = files.map(|(path, text)| (path.into(), text)).to_vec();
    let (library, mistakes) = catalogue::Library::read(files);
    let own: Vec<&str> = library.own().iter().map(|own| own.definition.name.as_str()).collect();
    assert_eq!(own, ["mine", "other"]);
    assert!(library.find("mine").is_some() && library.find("failover").is_some());
    assert_eq!(
        library.find("failover"),
        catalogue::find("failover"),
        "the built-in one"
    );
    let told: Vec<String> = mistakes.iter().map(crate::fleet::Diagnostic::line).collect();
    assert!(
        told.iter()
            .any(|line| line.starts_with("b.yaml:1:7: error: mine is the name of another")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("c.yaml:1:7: error: failover is the name of a built-in")),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line.starts_with("d.yaml:")), "{told:?}");
    assert!(
        told.iter()
            .any(|line| line.starts_with("f.yaml:1:7: error: this is no name for a runbook")),
        "{told:?}"
    );
}

/// A runbook whose step has a condition, with what the console shows of both servers.
fn by_facts(when: &str, shown: &serde_json::Value) -> Result<Plan, Vec<Refusal>> {
    let text = format!(
        "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters: {{ hosts: {{ type: hosts }} }}\nsteps:\n  - {{ do: service, when: \"{when}\", with: {{ host: '{{{{ host }}}}', unit: cron, state: stopped }}, why: w }}\n  - {{ do: service, with: {{ host: '{{{{ host }}}}', unit: cron, state: started }}, why: w }}\n"
    );
    let wish = Wish {
        definition: read(&text),
        ..wish("service", &[("hosts", "stor*")])
    };
    let asked = shown_hosts(&fleet(false), &wish).unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let mut sight = sight(&fleet(false), &wish, &both("healthy").into_iter().collect());
    sight.shown = serde_json::from_value(shown.clone()).unwrap();
    plan(&fleet(false), &wish, &sight)
}

/// Which service it is comes out only of what is seen: nobody could look for it before, and that refuses nothing.
#[test]
fn a_service_that_is_named_by_facts_is_found_out_by_its_step() {
    let text = "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters: { hosts: { type: hosts } }\nsteps:\n  - { do: service, with: { host: '{{ host }}', unit: '{% if facts[host].load > 4 %}busy{% else %}calm{% endif %}', state: started }, why: w }\n";
    let wish = Wish {
        definition: read(text),
        ..wish("service", &[("hosts", "stor*")])
    };
    let mut sight = sight(&fleet(false), &wish, &both("healthy").into_iter().collect());
    let shown = serde_json::json!({"stor1": {"load": 0.5}, "stor2": {"load": 7.5}});
    sight.shown = serde_json::from_value(shown).unwrap();
    let plan = plan(&fleet(false), &wish, &sight).unwrap();
    for service in ["stor1 has the service calm", "stor2 has the service busy"] {
        let told = |note: &String| note.contains(service) && note.contains("found out by its step");
        assert!(plan.notes.iter().any(told), "{service}: {:?}", plan.notes);
    }
}

#[test]
fn conditions_read_what_the_console_shows_and_never_what_it_does_not_know() {
    let shown = serde_json::json!({
        "stor1": {"reachable": true, "load": 0.5, "roles": ["storage"], "findings": [], "raid": [{"name": "md0", "state": "clean"}]},
        "stor2": {"reachable": true, "load": 7.5, "roles": ["storage"], "findings": [{"code": "ArrayDegraded"}]},
    });
    let left = |when: &str| {
        let plan = by_facts(when, &shown).unwrap_or_else(|why| panic!("{when}: {why:?}"));
        let notes: Vec<String> = plan
            .notes
            .iter()
            .filter(|note| note.contains("left out"))
            .cloned()
            .collect();
        (
            does(&plan).iter().filter(|says| says.starts_with("stop")).count(),
            notes,
        )
    };
    let (stopped, notes) = left("facts[host].load > 4");
    assert_eq!(stopped, 1);
    assert_eq!(
        notes,
        ["service is left out for stor1: facts[host].load > 4 does not hold now"]
    );
    assert_eq!(left("facts[host].reachable and 'storage' in facts[host].roles").0, 2);
    assert_eq!(
        left("facts[host].findings | selectattr('code', 'eq', 'ArrayDegraded') | list | length > 0").0,
        1
    );
    assert_eq!(left("facts.stor1.load < 1").0, 2, "of a host by its name");
    assert_eq!(
        left("facts[host].raid is defined").0,
        1,
        "whether it is known can be asked"
    );
    // What is not known, of one host at least, is no answer, whichever way it is asked.
    for when in [
        "facts[host].raid[0].state == 'clean'",
        "not facts[host].raid[0]",
        "facts[host].raid[0].state != 'clean'",
        "facts[host].mysql.read_only",
        "facts.db9.load < 1",
    ] {
        let refusals = by_facts(when, &shown).unwrap_err();
        assert!(
            refusals[0].fact.contains("the console does not know it now"),
            "{when}: {refusals:?}"
        );
        assert!(refusals[0].lift.contains("--json"), "{refusals:?}");
    }
    assert!(
        by_facts("facts[host].load > 4", &serde_json::json!({})).is_err(),
        "nobody knows what the console shows"
    );
}

#[test]
fn facts_are_asked_for_only_where_a_runbook_names_them() {
    let asked = shown_hosts(
        &fleet(false),
        &wish("service", &[("hosts", "stor*"), ("unit", "cron"), ("state", "started")]),
    );
    assert!(asked.unwrap().is_empty());
    let text = "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters: { hosts: { type: hosts }, facts: { type: text } }\nsteps:\n  - { do: wait, with: { host: '{{ host }}', seconds: '1' }, why: w }\n";
    let mistakes = catalogue::read(Path::new("mine.yaml"), text).unwrap_err();
    assert!(
        mistakes[0].message.contains("stands for what the console shows"),
        "{mistakes:?}"
    );
}

#[test]
fn a_service_that_a_host_does_not_have_is_refused_before_anything_is_stopped() {
    let plan = |runbook: &str, parameters: &[(&str, &str)], text: &'static str, exit: i32| {
        let wish = wish(runbook, parameters);
        let mut hosts = both("healthy");
        hosts[1]
            .1
            .prints
            .push(("systemctl show -p LoadState nosuch", exit, text));
        planned(&fleet(false), &wish, hosts)
    };
    let service = [("hosts", "stor*"), ("unit", "nosuch"), ("state", "restarted")];
    let refusals = plan("service", &service, "LoadState=not-found\n", 0).unwrap_err();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(refusals[0].fact, "stor2 has no service nosuch");
    let masked = plan("service", &service, "LoadState=masked\n", 0).unwrap_err();
    assert!(masked[0].fact.contains("nosuch of stor2 is masked"), "{masked:?}");
    for (text, exit) in [
        ("", 1),
        ("Failed to connect to bus\n", 1),
        ("LoadState=error\n", 0),
        ("nosuch\n", 0),
    ] {
        let unknown = plan("service", &service, text, exit).unwrap_err();
        assert!(
            unknown[0]
                .fact
                .contains("whether stor2 has the service nosuch is not known"),
            "{unknown:?}"
        );
    }
    assert!(plan("service", &service, "LoadState=loaded\n", 0).is_ok());
    let stop = [("hosts", "stor*"), ("unit", "nosuch"), ("state", "stopped")];
    let stopped = plan("service", &stop, "LoadState=masked\n", 0);
    assert!(stopped.is_ok(), "masked while it runs: {stopped:?}");
    let other = [("hosts", "stor1"), ("unit", "nosuch"), ("state", "started")];
    assert!(
        plan("service", &other, "LoadState=not-found\n", 0).is_ok(),
        "stor2 is none of its business"
    );
}

#[test]
fn a_parameter_that_there_is_not_is_told_with_the_one_that_is_meant() {
    let of = |parameters: &[(&str, &str)]| misfits(&fleet(false), &wish("slice-move", parameters));
    let typo = of(&[("slcie", "slice-a")]);
    assert!(
        typo[0].fact.contains("takes no parameter slcie") && typo[0].lift.contains("did you mean slice?"),
        "{typo:?}"
    );
    assert!(typo[1].fact.contains("needs slice"), "{typo:?}");
    assert!(of(&[("slice", "slice-a")]).is_empty());
}
