//! One sentence for every verdict, and one for every verdict that is not given: both from the state itself.
//!
//! A sentence names what was measured, against whom, for how long, at which load, who agrees and who is accused. The
//! answer to "why not?" names what speaks against an alarm: the load, the whole group, what is usual, or the time.

use super::{
    blame::{Accusation, Blame},
    group::Judgement,
    state::{Reason, Rules, State},
};
use std::{fmt::Write as _, time::Duration};

/// What is known beside the judgement; all of it may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scene<'a> {
    /// The stream in words that are safe to print, such as `zfs1 sdc write`.
    pub subject: &'a str,
    /// Latency of an operation in the last poll, in ms.
    pub latency_ms: Option<f32>,
    /// Time between two polls; times are told in polls where it is zero.
    pub interval: Duration,
    /// Of so many clients that see it (second) so many find it slow (first).
    pub clients: Option<(usize, usize)>,
    /// Who is accused, in words: see [`accused`].
    pub accused: Option<&'a str>,
    /// What else is known, such as `path clean`; each in a few words.
    pub notes: &'a [&'a str],
}

/// Why the state that stands is what it is, in one sentence without a full stop.
#[must_use]
pub fn why(now: &Judgement, scene: &Scene<'_>) -> String {
    let mut text = opening(now, scene);
    let against = peers(now);
    let ratio = times(now.ratio);
    let _ = match now.reason {
        Reason::None => write!(text, "{ratio} {against}"),
        Reason::Steady | Reason::Lasting => write!(text, "{ratio} {against} for {}", lasted(now, scene)),
        Reason::Recurring => write!(
            text,
            "again and again far above {against} in the last 30 polls, just now {}",
            times(now.last_ratio)
        ),
        Reason::Stall => write!(
            text,
            "work stood still for whole polls, just now {} {against}",
            times(now.last_ratio)
        ),
        Reason::Stuck => write!(text, "operations are in flight and none ends"),
        Reason::NoWork => write!(text, "no work is done while the peers work: idle or stuck, cannot tell"),
        Reason::NoAnswer => write!(text, "no reading for {} while the peers answer", lasted(now, scene)),
    };
    if matches!(
        now.reason,
        Reason::None | Reason::Steady | Reason::Lasting | Reason::Recurring | Reason::Stall
    ) {
        let _ = write!(text, " at {} load", load(now));
    }
    closing(&mut text, scene);
    text
}

/// Why it is not called slow, though somebody asks: what speaks against it, strongest first.
///
/// Of a stream that is called slow, stalled or silent it says why it is: see [`why`].
#[must_use]
pub fn why_not(now: &Judgement, rules: &Rules, scene: &Scene<'_>) -> String {
    if now.state.is_alarm() {
        return why(now, scene);
    }
    let mut text = if scene.subject.is_empty() {
        String::new()
    } else {
        format!("{}: ", scene.subject)
    };
    if now.reason == Reason::NoWork {
        text.push_str("only watched: no work is done while the peers work: idle or stuck, cannot tell");
    } else if now.polls < 2 {
        text.push_str("not judged: not measured twice yet");
    } else if now.state == State::Watch {
        let _ = write!(text, "only watched: {}", doubt(now, rules));
    } else {
        let _ = write!(text, "not slow: {}", excuse(now, rules, scene));
    }
    closing(&mut text, scene);
    text
}

/// What keeps a stream that is watched from being called slow.
fn doubt(now: &Judgement, rules: &Rules) -> String {
    let ratio = times(now.ratio);
    let against = peers(now);
    if now.load_ratio > 1.8 {
        return format!("{ratio} {against}, but busy: {} load", load(now));
    }
    if now.peers == 0 {
        return format!("{ratio} {against}; without peers that is no alarm below 2.5×");
    }
    let limit = rules.slow_mean.exp();
    if now.ratio < limit {
        return format!("{ratio} {against} is less than {}", times(limit));
    }
    format!("{ratio} {against}, not for long enough yet")
}

/// What explains the latency of a stream that nothing is held against.
fn excuse(now: &Judgement, rules: &Rules, scene: &Scene<'_>) -> String {
    let against = peers(now);
    let seen = now.ratio * now.explained * now.usual;
    if now.explained > 1.2 && seen > 1.2 {
        return format!(
            "{} load explains {} of {}; {} {against} is left",
            load(now),
            times(now.explained),
            times(seen),
            times(now.ratio)
        );
    }
    if now.group_ratio > 1.3 {
        return format!(
            "all members together are at {} their own past, and it is at {} {against}",
            times(now.group_ratio),
            times(now.ratio)
        );
    }
    if now.ratio > rules.watch_mean.exp() {
        return format!("{} {against}, not for long enough yet", times(now.ratio));
    }
    if now.usual > 1.12 && seen > 1.2 {
        return format!(
            "{} {against}, of which {} is usual for it",
            times(seen),
            times(now.usual)
        );
    }
    if now.last_ratio > rules.high.exp() {
        return format!(
            "one poll at {} is no trend; {} {against} over the last {}",
            times(now.last_ratio),
            times(now.ratio),
            span(4, scene.interval)
        );
    }
    format!("{} {against} at {} load", times(now.ratio), load(now))
}

fn opening(now: &Judgement, scene: &Scene<'_>) -> String {
    let mut text = String::new();
    if !scene.subject.is_empty() {
        let _ = write!(text, "{} ", scene.subject);
    }
    let measured = !matches!(now.reason, Reason::Stuck | Reason::NoWork | Reason::NoAnswer);
    let steady = matches!(now.reason, Reason::None | Reason::Steady | Reason::Lasting);
    match scene.latency_ms.filter(|ms| measured && ms.is_finite()) {
        Some(ms) if steady => {
            let _ = write!(text, "{} = ", millis(ms));
        }
        Some(ms) => {
            let _ = write!(text, "{}: ", millis(ms));
        }
        None if !scene.subject.is_empty() && !steady => {
            text.pop();
            text.push_str(": ");
        }
        None => {}
    }
    text
}

fn closing(text: &mut String, scene: &Scene<'_>) {
    if let Some((agree, of)) = scene.clients {
        let _ = write!(text, "; {agree} of {of} clients agree");
    }
    if !scene.notes.is_empty() {
        let _ = write!(text, "; {}", scene.notes.join(", "));
    }
    if let Some(accused) = scene.accused {
        let _ = write!(text, " → {accused}");
    }
}

fn peers(now: &Judgement) -> String {
    match now.peers {
        0 => "its own past".to_owned(),
        1 => "its only peer".to_owned(),
        peers => format!("its {peers} peers"),
    }
}

/// The load in words: against the peers or, without any, against the past.
fn load(now: &Judgement) -> String {
    let whose = match now.peers {
        0 => "its usual",
        1 => "its peer's",
        _ => "their",
    };
    let digits = if now.load_ratio < 1.5 { 2 } else { 1 };
    format!("{:.digits$}× {whose}", now.load_ratio)
}

fn lasted(now: &Judgement, scene: &Scene<'_>) -> String {
    span(now.lasted.max(1), scene.interval)
}

/// So many polls as a time; in polls where their interval is not known.
fn span(polls: u16, interval: Duration) -> String {
    let seconds = interval.as_secs_f64() * f64::from(polls);
    match seconds {
        0.0 if polls == 1 => "1 poll".to_owned(),
        0.0 => format!("{polls} polls"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

fn times(ratio: f32) -> String {
    match ratio {
        ..1.15 => format!("{ratio:.2}×"),
        ..20.0 => format!("{ratio:.1}×"),
        _ => format!("{ratio:.0}×"),
    }
}

fn millis(ms: f32) -> String {
    match ms {
        ..1.0 => format!("{ms:.2} ms"),
        ..10.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

/// Names of clients, servers and sites, as [`accused`] needs them.
pub struct Names<'a> {
    /// The name of a client by its index.
    pub client: &'a dyn Fn(usize) -> String,
    /// The name of a server by its index.
    pub server: &'a dyn Fn(usize) -> String,
    /// The name of a site by its number.
    pub site: &'a dyn Fn(u16) -> String,
}

/// Who is accused, in words: `server db-07`, or honestly `server db-07 or path web3→db-07, cannot tell`.
#[must_use]
pub fn accused(accusation: &Accusation, names: &Names<'_>) -> String {
    let word = |blame: Blame| match blame {
        Blame::Server(server) => format!("server {}", (names.server)(server)),
        Blame::Client(client) => format!("client {}", (names.client)(client)),
        Blame::Path { client, server } => {
            format!("path {}→{}", (names.client)(client), (names.server)(server))
        }
        Blame::Link { from, to } => format!("link {}→{}", (names.site)(from), (names.site)(to)),
        Blame::Everything => "everything at once".to_owned(),
    };
    match accusation.or {
        Some(other) => format!("{} or {}, cannot tell", word(accusation.blame), word(other)),
        None => word(accusation.blame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow() -> Judgement {
        Judgement {
            state: State::Slow,
            reason: Reason::Steady,
            ratio: 6.2,
            last_ratio: 6.4,
            load_ratio: 0.98,
            peers: 23,
            held: 6,
            explained: 1.0,
            usual: 1.0,
            lasted: 8,
            polls: 255,
            group_ratio: 1.01,
            group_state: State::Ok,
        }
    }

    const SCENE: Scene<'_> = Scene {
        subject: "zfs1 sdc write",
        latency_ms: Some(48.2),
        interval: Duration::from_secs(5),
        clients: Some((5, 5)),
        accused: None,
        notes: &["server disk busy", "path clean"],
    };

    const BARE: Scene<'_> = Scene {
        subject: "db-07",
        latency_ms: None,
        interval: Duration::from_secs(15),
        clients: None,
        accused: None,
        notes: &[],
    };

    #[test]
    fn a_slow_one_is_told_with_all_that_is_known() {
        assert_eq!(
            why(&slow(), &SCENE),
            "zfs1 sdc write 48 ms = 6.2× its 23 peers for 40 s at 0.98× their load; 5 of 5 clients agree; \
             server disk busy, path clean"
        );
        let scene = Scene {
            accused: Some("server db-07"),
            ..BARE
        };
        let pair = Judgement { peers: 1, ..slow() };
        assert_eq!(
            why(&pair, &scene),
            "db-07 6.2× its only peer for 2 min at 0.98× its peer's load → server db-07"
        );
        let alone = Judgement { peers: 0, ..slow() };
        assert_eq!(
            why(&alone, &Scene::default()),
            "6.2× its own past for 8 polls at 0.98× its usual load"
        );
    }

    #[test]
    fn every_rule_has_its_sentence() {
        let told = |state, reason| {
            why(
                &Judgement {
                    state,
                    reason,
                    ..slow()
                },
                &BARE,
            )
        };
        for (state, reason, text) in [
            (State::Ok, Reason::None, "db-07 6.2× its 23 peers at 0.98× their load"),
            (
                State::Slow,
                Reason::Lasting,
                "db-07 6.2× its 23 peers for 2 min at 0.98× their load",
            ),
            (
                State::Slow,
                Reason::Recurring,
                "db-07: again and again far above its 23 peers in the last 30 polls, just now 6.4× at 0.98× their load",
            ),
            (
                State::Stalled,
                Reason::Stall,
                "db-07: work stood still for whole polls, just now 6.4× its 23 peers at 0.98× their load",
            ),
            (
                State::Stalled,
                Reason::Stuck,
                "db-07: operations are in flight and none ends",
            ),
            (
                State::Watch,
                Reason::NoWork,
                "db-07: no work is done while the peers work: idle or stuck, cannot tell",
            ),
            (
                State::Silent,
                Reason::NoAnswer,
                "db-07: no reading for 2 min while the peers answer",
            ),
        ] {
            assert_eq!(told(state, reason), text);
        }
        let stall = Judgement {
            state: State::Stalled,
            reason: Reason::Stall,
            last_ratio: 131.0,
            ..slow()
        };
        assert_eq!(
            why(&stall, &SCENE),
            "zfs1 sdc write 48 ms: work stood still for whole polls, just now 131× its 23 peers at 0.98× their load; \
             5 of 5 clients agree; server disk busy, path clean"
        );
    }

    #[test]
    fn what_is_not_a_verdict_says_why_not() {
        let sound = Judgement {
            state: State::Ok,
            reason: Reason::None,
            ratio: 1.03,
            last_ratio: 1.1,
            ..slow()
        };
        let watched = Judgement {
            state: State::Watch,
            reason: Reason::Steady,
            ratio: 1.48,
            ..slow()
        };
        let rules = Rules::default();
        for (now, text) in [
            (sound, "db-07: not slow: 1.03× its 23 peers at 0.98× their load"),
            (
                Judgement {
                    load_ratio: 2.6,
                    explained: 1.8,
                    ..sound
                },
                "db-07: not slow: 2.6× their load explains 1.8× of 1.9×; 1.03× its 23 peers is left",
            ),
            (
                Judgement {
                    group_ratio: 2.3,
                    ..sound
                },
                "db-07: not slow: all members together are at 2.3× their own past, and it is at 1.03× its 23 peers",
            ),
            (
                Judgement { ratio: 1.9, ..sound },
                "db-07: not slow: 1.9× its 23 peers, not for long enough yet",
            ),
            (
                Judgement { usual: 1.3, ..sound },
                "db-07: not slow: 1.3× its 23 peers, of which 1.3× is usual for it",
            ),
            (
                Judgement {
                    last_ratio: 3.1,
                    ..sound
                },
                "db-07: not slow: one poll at 3.1× is no trend; 1.03× its 23 peers over the last 60 s",
            ),
            (
                Judgement { polls: 1, ..sound },
                "db-07: not judged: not measured twice yet",
            ),
            (watched, "db-07: only watched: 1.5× its 23 peers is less than 1.8×"),
            (
                Judgement {
                    load_ratio: 2.6,
                    ratio: 2.0,
                    ..watched
                },
                "db-07: only watched: 2.0× its 23 peers, but busy: 2.6× their load",
            ),
            (
                Judgement { peers: 0, ..watched },
                "db-07: only watched: 1.5× its own past; without peers that is no alarm below 2.5×",
            ),
            (
                Judgement { ratio: 1.9, ..watched },
                "db-07: only watched: 1.9× its 23 peers, not for long enough yet",
            ),
            (slow(), "db-07 6.2× its 23 peers for 2 min at 0.98× their load"),
        ] {
            assert_eq!(why_not(&now, &rules, &BARE), text);
        }
    }

    #[test]
    fn the_accused_are_named_and_doubts_too() {
        let names = Names {
            client: &|client| format!("web{client}"),
            server: &|server| format!("db{server}"),
            site: &|site| ["fsn", "lax"][usize::from(site)].to_owned(),
        };
        let told = |blame, or| {
            accused(
                &Accusation {
                    blame,
                    or,
                    ..Accusation::default()
                },
                &names,
            )
        };
        let path = Blame::Path { client: 3, server: 7 };
        assert_eq!(told(Blame::Server(7), None), "server db7");
        assert_eq!(
            told(Blame::Server(7), Some(path)),
            "server db7 or path web3→db7, cannot tell"
        );
        assert_eq!(
            told(Blame::Client(3), Some(path)),
            "client web3 or path web3→db7, cannot tell"
        );
        assert_eq!(told(Blame::Link { from: 0, to: 1 }, None), "link fsn→lax");
        assert_eq!(told(Blame::Everything, None), "everything at once");
    }
}
