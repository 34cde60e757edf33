//! How a change of state is printed: one JSON object a line, or a line for a person.

use super::csv::{At, Peers};
use crate::{
    facts::CleanText,
    verdict::failslow::{
        Judgement, State,
        explain::{Scene, why},
    },
};
use serde_json::{Value, json};
use std::time::Duration;

/// When, where and at which interval of polls something changed.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The last reading of the poll.
    pub at: At,
    /// The group and operation.
    pub peers: &'a Peers,
    /// Time between two polls.
    pub interval: Duration,
}

impl Moment<'_> {
    fn line(&self, subject: &str, state: State, ratio: f32, evidence: &str) -> Value {
        let mut line = json!({
            "ts": self.at.json(),
            "group": self.peers.group,
            "subject": subject,
            "state": state.word(),
            "ratio": (f64::from(ratio) * 100.0).round() / 100.0,
            "evidence": evidence,
        });
        if !self.peers.op.is_empty() {
            line["op"] = json!(self.peers.op);
        }
        line
    }

    fn evidence(&self, now: &Judgement, clients: Option<(usize, usize)>, accused: Option<&str>) -> String {
        let interval = self.interval;
        why(
            now,
            &Scene {
                interval,
                clients,
                accused,
                ..Scene::default()
            },
        )
    }

    /// A subject's state has changed; `clients` is how many of its observers find it slow, and of how many.
    pub fn subject(&self, name: &str, now: &Judgement, clients: Option<(usize, usize)>) -> Value {
        self.line(name, now.state, now.ratio, &self.evidence(now, clients, None))
    }

    /// An observer's state has changed: all that it sees is slow, which is about no subject (`*`).
    pub fn observer(&self, name: &str, now: &Judgement) -> Value {
        let mut line = self.line("*", now.state, now.ratio, &self.evidence(now, None, None));
        line["observer"] = json!(name);
        line["blame"] = json!("client");
        line
    }

    /// What lies between one observer and one subject has changed its state.
    pub fn path(&self, subject: &str, observer: &str, now: &Judgement) -> Value {
        let accused = format!("path {observer}→{subject}");
        let accused = (now.state != State::Ok).then_some(accused.as_str());
        let mut line = self.line(subject, now.state, now.ratio, &self.evidence(now, None, accused));
        line["observer"] = json!(observer);
        line["blame"] = json!("path");
        line
    }

    /// The state of a whole group has changed (`*`), which is about none of its subjects.
    pub fn group(&self, state: State, ratio: f32) -> Value {
        let evidence = match state {
            State::Silent => "no member of the group answers".to_owned(),
            State::Ok => "back to the group's own past".to_owned(),
            _ => format!("all members together are at {ratio:.1}× their own past, which their load does not explain"),
        };
        self.line("*", state, ratio, &evidence)
    }
}

/// The same for a person. What came from the trace is made safe to print.
pub fn human(line: &Value) -> String {
    let word = |name: &str| {
        let value = &line[name];
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        CleanText::new(&text).to_string()
    };
    let who = match line["blame"].as_str() {
        Some("client") => format!("observer {}", word("observer")),
        Some(_) => format!("path {}→{}", word("observer"), word("subject")),
        None => word("subject"),
    };
    let op = match line.get("op") {
        Some(_) => format!(" {}", word("op")),
        None => String::new(),
    };
    let (at, state, group, evidence) = (word("ts"), word("state"), word("group"), word("evidence"));
    format!("{at} {state:7} {group} {who}{op}: {evidence}")
}
