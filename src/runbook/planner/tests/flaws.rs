//! Every mistake of a runbook is told at once, each at its place and with what would be right.

use super::*;
use crate::{
    fleet::Diagnostic,
    runbook::{
        action::{self, Action, Argument, Takes},
        definition::{Call, Kind},
        plan::Layouts,
    },
};
use std::fmt::Write as _;

fn mistakes(text: &str) -> Vec<Diagnostic> {
    catalogue::read(Path::new("mine.yaml"), text).err().unwrap_or_default()
}

/// The mistakes as lines; each says what would be right.
fn lines(text: &str) -> Vec<String> {
    let told = mistakes(text);
    for mistake in &told {
        assert!(mistake.hint.is_some(), "{}", mistake.line());
    }
    told.iter().map(Diagnostic::line).collect()
}

/// A runbook about hosts with these parameters and steps; steps begin at line 8.
fn mine(parameters: &str, steps: &str) -> String {
    format!(
        "name: mine\ntitle: t\nkind: planned\nabout: hosts\nparameters:\n  hosts: {{ type: hosts }}\n  p: {parameters}\nsteps:\n{steps}"
    )
}

/// That there is one mistake, at that place, which says so.
fn only(text: &str, place: &str, says: &str) {
    let told = lines(text);
    assert_eq!(told.len(), 1, "{text}\n{told:#?}");
    assert!(
        told[0].starts_with(&format!("mine.yaml:{place}: error: ")) && told[0].contains(says),
        "{place} {says}: {told:?}"
    );
}

const STEP: &str = "  - { do: wait, with: { seconds: \"{{ p }}\" }, when: host, why: w }\n";

#[test]
fn a_default_is_of_its_parameters_kind() {
    for (kind, default, says) in [
        ("seconds", "thirty", "is no number of seconds up to a day"),
        ("seconds", "-5", "is no number of seconds up to a day"),
        ("seconds", "99999999999", "is no number of seconds up to a day"),
        ("number", "many", "is no whole number"),
        ("name", "a b", "is no name"),
        ("text", "\"a\\u0007\"", "holds control characters"),
        ("host", "a b", "cannot be a name"),
        ("slice", "-x", "cannot be a name"),
        ("database", "a/b", "cannot be a name"),
        ("segment", "a b", "cannot be a name"),
        ("slices", "'a, b c'", "names no slices"),
        ("hosts", "'role='", ""),
    ] {
        let parameter = format!("{{ type: {kind}, default: {default} }}");
        let column = parameter.find(default).unwrap() + 6;
        only(&mine(&parameter, STEP), &format!("7:{column}"), says);
        assert_eq!(
            lines(&mine(&format!("{{ type: {kind}, default: '{{{{ host }}}}' }}"), STEP)),
            [""; 0],
            "{kind}: a template is the plan's to judge"
        );
    }
    let one_of = "{ type: seconds, one_of: ['30', soon], default: '30' }";
    only(&mine(one_of, STEP), "7:38", "is no number of seconds");
    assert_eq!(lines(&mine("{ type: name, default: '-' }", STEP)), [""; 0]);
}

#[test]
fn what_is_written_wrongly_is_told_before_any_plan() {
    let step = |with: &str| {
        format!(
            "  - {{ do: command, with: {{ host: '{{{{ host }}}}', run: [touch, x], proof: [test, -e, x], {with} }}, why: w }}\n"
        )
    };
    for (with, says) in [
        ("repeatable: maybe", "repeatable: \"maybe\" is neither yes nor no"),
        ("seconds: soon", "seconds: \"soon\" is no number of seconds up to a day"),
        ("seconds: -5", "\"-5\" is no number of seconds"),
        ("seconds: 99999999999", "is no number of seconds"),
        ("settles: later", "settles: \"later\" is no number of seconds"),
        ("undo: [systemctl, stop, x]", "systemctl changes what runbooks know"),
        ("needs: [env, x]", "env would run what its words say"),
    ] {
        let text = step(with);
        let value = with.split_once(": ").unwrap().1.trim_start_matches('[');
        let column = text.find(&format!(": {}", with.split_once(": ").unwrap().1)).unwrap()
            + 3
            + usize::from(with.contains('['));
        assert!(text[column - 1..].starts_with(value), "{text} {column}");
        only(&mine("{ type: text }", &text), &format!("9:{column}"), says);
    }
    for (step, value, says) in [
        (
            "  - { do: service, with: { host: '{{ host }}', unit: x, state: reloaded }, why: w }\n",
            "reloaded",
            "neither started nor stopped",
        ),
        (
            "  - { do: service, with: { host: '{{ host }}', unit: a.socket, state: started }, why: w }\n",
            "a.socket",
            "is not a service",
        ),
        (
            "  - { do: wait, when: host, with: { seconds: soon }, why: w }\n",
            "soon",
            "is no number of seconds",
        ),
    ] {
        let column = step.find(value).unwrap() + 1;
        only(&mine("{ type: text }", step), &format!("9:{column}"), says);
    }
    for (when, says) in [
        ("facts[host].lod < 8", "the console shows no lod of a host"),
        ("facts['a'].lod < 8 or facts[host].load < 8", "did you mean load?"),
    ] {
        let text = format!("  - {{ do: wait, when: \"{when}\", with: {{ seconds: \"1\" }}, why: w }}\n");
        let column = text.find('"').unwrap() + 1;
        only(&mine("{ type: text }", &text), &format!("9:{column}"), says);
    }
    let why = "  - { do: wait, when: host, with: { seconds: \"1\" }, why: 'at {{ facts[host].laod }}' }\n";
    only(
        &mine("{ type: text }", why),
        "9:58",
        "the console shows no laod of a host",
    );
    assert_eq!(lines(&mine("{ type: text }", &why.replace("laod", "load"))), [""; 0]);
}

#[test]
fn the_hint_of_a_command_names_no_program_that_is_refused() {
    let text = "  - { do: command, with: { host: '{{ host }}', run: reboot now, proof: ['true'] }, why: w }\n";
    let told = mistakes(&mine("{ type: text }", text));
    let hint = told[0].hint.clone().unwrap();
    let program = hint.split_once('[').unwrap().1.split(',').next().unwrap();
    assert!(crate::fleet::usable(program, true).is_ok(), "{hint}");
}

/// What is right, and what is not, for each kind.
fn written(takes: Takes) -> (&'static str, &'static [&'static str]) {
    match takes {
        Takes::Known => ("stor1", &["-x", "a b", "''", "[a]"]),
        Takes::Name => ("md1", &["-x", "a b", "''", "[a]"]),
        Takes::Unit => ("nginx", &["poweroff.target", "--now", "a b", "''", "[a]"]),
        Takes::Path => ("/srv/x", &["srv", "''", "[/srv]"]),
        Takes::OneOf(words) => (words[0], &["nonsense", "''", "[a]"]),
        Takes::YesNo => ("true", &["maybe", "1", "''", "[yes]"]),
        Takes::Seconds => ("30", &["soon", "-5", "1.5", "86401", "99999999999", "''", "[1]"]),
        Takes::Hours => ("72", &["long", "-1", "87601", "''", "[1]"]),
        Takes::Number => ("7", &["many", "-1", "1.5", "99999999999999999999", "''", "[1]"]),
        Takes::Text => ("words", &["''", "' '", "[a]"]),
        Takes::Command { changes: true } => (
            "[touch, x]",
            &["[]", "[sh, -c, x]", "[mount, x]", "['{{ host }}']", "touch"],
        ),
        Takes::Command { changes: false } => ("['true']", &["[]", "[env, x]", "['{{ host }}']", "'true'"]),
    }
}

/// A step of that action, an argument a line; all of them right but for one, which is left out where it is nothing.
fn step_of(action: &dyn Action, wrong: Option<(&Argument, &str)>) -> (String, usize) {
    let mut text = format!("  - do: {}\n    why: w\n    with:\n", action.name());
    let (mut line, mut at) = (12, 0);
    for argument in action.arguments() {
        let value = match wrong {
            Some((other, value)) if other.name == argument.name => {
                at = line;
                value
            }
            _ => written(argument.takes).0,
        };
        let _ = writeln!(text, "      {}: {value}", argument.name);
        line += 1;
    }
    (text, at)
}

#[test]
fn every_argument_of_every_action_is_checked_where_it_stands_and_again_by_the_plan() {
    let fleet = fleet(false);
    let layouts = Layouts::default();
    let mut looked_at = 0;
    for action in action::ALL {
        let kind = if action.kinds().contains(&Kind::Planned) {
            "planned"
        } else {
            "emergency"
        };
        let runbook = |step: &str| mine("{ type: text }", step).replace("kind: planned", &format!("kind: {kind}"));
        let (right, _) = step_of(*action, None);
        assert_eq!(lines(&runbook(&right)), [""; 0], "{}", action.name());
        for argument in action.arguments() {
            for value in written(argument.takes).1 {
                let (text, line) = step_of(*action, Some((argument, value)));
                let told = lines(&runbook(&text));
                let column = argument.name.len() + 9;
                let place = [column, column + 1].map(|column| format!("mine.yaml:{line}:{column}: error: "));
                assert!(
                    told.len() == 1 && place.iter().any(|place| told[0].starts_with(place)),
                    "{} {}: {value}: {told:?}",
                    action.name(),
                    argument.name
                );
                looked_at += 1;
                // The plan reads what templates came to by the same kinds.
                if value.contains(['[', '{']) || argument.takes.is_list() || argument.optional && *value == "''" {
                    continue;
                }
                let call = Call::new(action.name(), [(argument.name, value.trim_matches('\'').to_owned())]);
                let given = action::Given {
                    fleet: &fleet,
                    glass: &[],
                    layouts: &layouts,
                    call: &call,
                };
                let why = action::operation(*action, &given).unwrap_err();
                assert!(
                    why.starts_with(&format!("{}: ", argument.name)),
                    "{}: {why}",
                    action.name()
                );
            }
        }
    }
    assert!(looked_at > 400, "{looked_at}");
}

#[test]
fn mistakes_of_every_stage_are_told_together() {
    let text = "name: mine\ntitle: t\nkind: plannd\nabout: hosts\nparameters:\n  hosts: { type: hosts }\n  soak: { tpye: seconds, default: soon }\nchecks: [capcity]\nsteps:\n  - 5\n  - { do: wait, when: host, with: { seconds: \"{{ sok }}\" }, why: w }\n  - { do: wait, when: host, with: [1] , why: w }\n  - { do: command, with: { host: \"{{ host }}\", run: { a: b } } }\n  - { do: wiat, with: { seconds: 1 }, why: w }\n";
    let told = lines(text);
    let wanted = [
        ("3:7", "`plannd` is not a known word"),
        ("7:11", "unknown key `tpye`"),
        ("7:9", "`type` is missing"),
        ("8:10", "there is no check capcity"),
        ("10:5", "found `5`"),
        ("11:", "{{ sok }} stands for nothing"),
        ("12:", "found a list"),
        ("13:5", "`why` is missing"),
        ("13:", "run"),
        ("14:11", "there is no action wiat"),
    ];
    for (place, says) in wanted {
        assert!(
            told.iter()
                .any(|line| line.starts_with(&format!("mine.yaml:{place}")) && line.contains(says)),
            "{place} {says}: {told:#?}"
        );
    }
    // What follows from one of them is not told again: wait's `seconds` may stand in the list, the kind may be planned.
    assert!(
        !told
            .iter()
            .any(|line| line.contains("needs seconds") || line.contains("`kind` is missing")),
        "{told:#?}"
    );
    assert!(!told.iter().any(|line| line.contains("needs run")), "{told:#?}");
    // A word whose parameter could not be read stands for something.
    let unread = mine("{ type: text }", STEP).replace("p: { type: text }", "p: 5");
    only(&unread, "7:6", "found `5`");
}

#[test]
fn what_was_not_read_is_not_called_missing() {
    let told = lines("name: x\n  steps: [");
    assert!(told.iter().all(|line| line.contains("not valid YAML")), "{told:?}");
    assert!(!told.is_empty());
    let told = lines("name: x\ntitle: t\nsteps: [");
    assert!(told.iter().all(|line| line.contains("not valid YAML")), "{told:?}");
    // What is missing in a whole file is.
    let told = lines("name: mine\ntitle: t\n");
    let missing: Vec<&str> = ["kind", "about", "parameters", "steps"].into();
    assert_eq!(told.len(), missing.len(), "{told:?}");
    for name in missing {
        assert!(
            told.iter().any(|line| line.contains(&format!("`{name}` is missing"))),
            "{told:?}"
        );
    }
}

#[test]
fn an_empty_file_is_told_how_a_runbook_begins() {
    for text in ["", "# nothing\n", "~\n"] {
        let told = lines(text);
        assert!(
            told.len() == 1 && told[0].contains("a runbook begins with `name: NAME`"),
            "{told:?}"
        );
    }
    let two = format!("{}---\nname: other\n", mine("{ type: text }", STEP));
    assert!(!lines(&two).join("\n").contains("inventory"), "{:?}", lines(&two));
}

/// A parameter that may be left out says so by a default that is none.
#[test]
fn a_default_may_be_no_name_at_all() {
    let step = "  - { do: service, with: { host: '{{ host }}', unit: cron, state: started }, why: w }\n";
    for kind in ["host", "slice", "segment", "database", "name"] {
        for none in ["''", "'-'"] {
            let text = mine(&format!("{{ type: {kind}, default: {none} }}"), step);
            assert_eq!(lines(&text), Vec::<String>::new(), "{kind} {none}");
        }
    }
    assert!(!lines(&mine("{ type: seconds, default: '' }", step)).is_empty());
}
