//! The steps of runbooks as a simulated host runs them: the lines of [`crate::runbook::target`], read without a
//! shell, with the meaning that `wrapper.sh` gives them.
//!
//! A [`Script`] goes on line by line, so that a test can stop between two of them: there a host loses its power,
//! or a command takes long. What a host keeps ([`Store`]) outlives that.

mod backup;
mod client;
mod commands;
mod copy;
mod database;
mod galera;
mod pool;
mod raid;
mod store;
mod stream;
#[cfg(test)]
mod tests;

pub use store::{Claim, Kept, Mishap, Ran, Store};

use super::{exec::Answer, island::Island, render, world::World};
use crate::runbook::target::{BLOCK_END, MARK};
use std::collections::VecDeque;

/// Most bytes of one command's output in an answer.
const OUTPUT_LIMIT: usize = 65_536;
/// A look that prints so much or more is not known.
const LOOK_LIMIT: usize = 524_288;

/// A script that runs on a simulated host.
#[derive(Debug, Clone)]
pub struct Script {
    lines: VecDeque<Vec<String>>,
    out: Vec<u8>,
    key: String,
    code: i32,
    locked: bool,
    ended: bool,
}

impl Script {
    /// The lines behind [`MARK`], up to the end of the block; or all of them, where there is no such line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mark = format!("\n{MARK}\n");
        let lines = text.split_once(&mark).map_or(text, |(_, lines)| lines);
        let lines = lines.strip_suffix(BLOCK_END).unwrap_or(lines);
        Self {
            lines: lines.lines().filter_map(shlex::split).collect(),
            out: Vec::new(),
            key: String::new(),
            code: 0,
            locked: false,
            ended: false,
        }
    }

    /// The first word of the line that comes next.
    #[must_use]
    pub fn next_verb(&self) -> Option<&str> {
        if self.ended {
            return None;
        }
        self.lines.front()?.first().map(String::as_str)
    }

    /// Runs one line. `false` when there was none left.
    pub fn step(&mut self, island: &mut Island, at: usize) -> bool {
        let line = if self.ended { None } else { self.lines.pop_front() };
        let Some(words) = line else {
            self.unlock(island, at);
            return false;
        };
        if let Some((verb, words)) = words.split_first() {
            self.line(island, at, verb, words);
        }
        if self.ended || self.lines.is_empty() {
            self.unlock(island, at);
        }
        true
    }

    /// What it has answered so far.
    #[must_use]
    pub fn answer(self) -> Vec<u8> {
        self.out
    }

    fn line(&mut self, island: &mut Island, at: usize, verb: &str, words: &[String]) {
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        match verb {
            "say" => self.say(&words.join(" ")),
            "whoami" => self.whoami(island, at, word(0), word(1)),
            "begin" => self.begin(&mut island.nodes[at].store),
            "claim" => {
                let over = words.get(4..).unwrap_or_default();
                let store = &mut island.nodes[at].store;
                self.claim(store, word(0), number(word(1)), [word(2), word(3)], over);
            }
            "release" => self.release(&mut island.nodes[at].store, word(0), number(word(1)), word(2)),
            "token" => {
                let claim = island.nodes[at].store.claim(word(0));
                let [run, owner] =
                    [&claim.run, &claim.owner].map(|text| if text.is_empty() { "-" } else { text.as_str() });
                self.say(&format!("token {} {} {run} {owner}", word(0), claim.token));
            }
            "holds" => {
                let claim = island.nodes[at].store.claim(word(0));
                word(2).clone_into(&mut island.nodes[at].store.run);
                if claim.token != number(word(1)) || claim.run != word(2) {
                    let [run, owner] =
                        [&claim.run, &claim.owner].map(|text| if text.is_empty() { "-" } else { text.as_str() });
                    self.stop(&format!("refused token {} {run} {owner}", claim.token));
                }
            }
            "expect" => self.expect(island, at, words),
            "receipt" => self.receipt(&island.nodes[at].store, word(0)),
            "once" => self.once(&mut island.nodes[at].store, word(0)),
            "run" => self.run(island, at, words),
            "finish" => self.finish(&mut island.nodes[at].store),
            "look" => {
                let ran = commands::command(island, at, words);
                // As a shell counts it: without the last newlines.
                if ran.stdout.trim_end_matches('\n').len() < LOOK_LIMIT {
                    self.say(&format!("look {}", ran.exit));
                    self.whole(ran.stdout.as_bytes());
                } else {
                    self.say("look 27");
                    self.whole(b"");
                }
            }
            "nudge" => {
                let ran = commands::command(island, at, words);
                self.say(&format!("ran {}", ran.exit));
                self.output(format!("{}{}", ran.stdout, ran.stderr).as_bytes());
            }
            // `prune`: what is kept here is not for long; and as a shell that does not know a word.
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(format!("@{text}\n").as_bytes());
    }

    fn stop(&mut self, text: &str) {
        self.say(text);
        self.say("end");
        self.ended = true;
    }

    fn output(&mut self, bytes: &[u8]) {
        self.whole(&bytes[..bytes.len().min(OUTPUT_LIMIT)]);
    }

    fn whole(&mut self, bytes: &[u8]) {
        self.say(&format!("output {}", bytes.len()));
        self.out.extend_from_slice(bytes);
        self.out.push(b'\n');
    }

    fn unlock(&mut self, island: &mut Island, at: usize) {
        if self.locked {
            self.locked = false;
            island.nodes[at].store.locked = false;
        }
    }

    fn whoami(&mut self, island: &Island, at: usize, machine: &str, boot: &str) {
        let node = &island.nodes[at];
        let (own, booted) = (render::machine_id(node), render::boot_id(node));
        if own != machine {
            self.stop(&format!("refused identity {own}"));
        } else if boot != "any" && boot != booted {
            self.stop(&format!("refused boot {booted}"));
        }
    }

    fn begin(&mut self, store: &mut Store) {
        if store.read_only {
            self.stop("refused store cannot write the lock");
        } else if store.locked {
            self.stop("refused busy another command is still running");
        } else {
            store.locked = true;
            self.locked = true;
        }
    }

    fn claim(&mut self, store: &mut Store, object: &str, token: u64, [run, owner]: [&str; 2], over: &[String]) {
        let held = store.claim(object);
        let others = !held.run.is_empty() && held.run != run;
        let took = others && over.contains(&held.run);
        if let Some(by) = store.over.get(run) {
            self.stop(&format!("refused displaced {by}"));
        } else if others && !took {
            self.stop(&format!("refused held {object} {} {}", held.run, held.owner));
        } else if token <= held.token {
            self.stop(&format!("refused token {}", held.token));
        } else if !store.take(object, token, run, owner) {
            self.stop(&format!("refused store cannot write claim/{object}"));
        } else {
            self.say(&format!("claimed {object}"));
            if took {
                store.over.insert(held.run.clone(), format!("{run} of {owner}"));
                let left = store.tasks.values_mut();
                left.filter(|task| task.run == held.run)
                    .for_each(|task| task.killed = true);
                self.say(&format!("took {object} {}", held.run));
            }
        }
    }

    fn release(&mut self, store: &mut Store, object: &str, token: u64, run: &str) {
        let held = store.claim(object);
        if held.run == run && token < held.token {
            return self.stop(&format!("refused token {} {run} {}", held.token, held.owner));
        }
        if (held.run.is_empty() || held.run == run) && token >= held.token && !store.take(object, token, "", "") {
            return self.stop(&format!("refused store cannot write claim/{object}"));
        }
        self.say(&format!("released {object}"));
    }

    fn expect(&mut self, island: &mut Island, at: usize, words: &[String]) {
        let Some((pattern, argv)) = words.split_first() else {
            return;
        };
        let ran = commands::command(island, at, argv);
        // Notices on standard error are no part of the state; where it says nothing else, they tell why.
        let seen = ran.stdout.lines().next().unwrap_or_default();
        if !matches(pattern, seen) {
            let seen = if seen.is_empty() {
                ran.stderr.lines().next().unwrap_or_default()
            } else {
                seen
            };
            self.stop(&format!("refused expect {} {seen}", argv.join(" ")));
        }
    }

    fn receipt(&mut self, store: &Store, key: &str) {
        match store.receipts.get(key) {
            None => self.say("receipt none"),
            Some(Kept { exit: None, .. }) => self.say("receipt begun"),
            Some(Kept {
                exit: Some(exit),
                output,
            }) => {
                self.say(&format!("receipt ended {exit}"));
                self.output(output.as_bytes());
            }
        }
    }

    fn once(&mut self, store: &mut Store, key: &str) {
        if store.receipts.contains_key(key) {
            self.receipt(store, key);
            return self.stop("again");
        }
        if store.full {
            return self.stop(&format!("refused store cannot write receipt/{key}.begun"));
        }
        store.receipts.insert(key.to_owned(), Kept::default());
        key.clone_into(&mut self.key);
        self.code = 0;
    }

    fn run(&mut self, island: &mut Island, at: usize, argv: &[String]) {
        if self.code != 0 {
            return;
        }
        let mut real = true;
        let ran = match island.nodes[at].store.next.take() {
            None => commands::command(island, at, argv),
            Some(Mishap::Lies) => {
                real = false;
                Answer::ok(String::new())
            }
            Some(mishap) => {
                real = mishap == Mishap::FailsLate;
                if real {
                    commands::command(island, at, argv);
                }
                Answer::failed(1, "Input/output error\n".to_owned())
            }
        };
        self.code = ran.exit;
        let boots = island.nodes[at].boots;
        let store = &mut island.nodes[at].store;
        if let Some(kept) = store.receipts.get_mut(&self.key) {
            kept.output.push_str(&ran.stdout);
            kept.output.push_str(&ran.stderr);
        }
        if real {
            store.ran.push(Ran {
                key: self.key.clone(),
                argv: argv.to_vec(),
                exit: ran.exit,
                boots,
            });
        }
    }

    fn finish(&mut self, store: &mut Store) {
        let full = store.full;
        let Some(kept) = store.receipts.get_mut(&self.key) else {
            return;
        };
        // The commands have run whether this can be kept or not, and the answer says so.
        if !full {
            kept.exit = Some(self.code);
        }
        let output = kept.output.clone();
        self.say(&format!("ran {}", self.code));
        self.output(output.as_bytes());
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

/// A shell pattern of `*`, `?` and `[…]` against a whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut chars = pattern.chars();
    let Some(first) = chars.next() else {
        return text.is_empty();
    };
    let rest = chars.as_str();
    match first {
        '*' => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| matches(rest, &text[at..])),
        '[' if rest.contains(']') => {
            let (set, rest) = rest.split_once(']').unwrap_or((rest, ""));
            let mut text = text.chars();
            text.next()
                .is_some_and(|char| set.contains(char) && matches(rest, text.as_str()))
        }
        _ => {
            let mut text = text.chars();
            text.next()
                .is_some_and(|char| (first == '?' || first == char) && matches(rest, text.as_str()))
        }
    }
}

/// Runs a whole script on a host: the bytes that it answers.
#[must_use]
pub fn call(island: &mut Island, at: usize, text: &str) -> Vec<u8> {
    let mut script = Script::new(text);
    while script.step(island, at) {}
    script.answer()
}

impl World {
    /// Runs a script on a host, by its name or address. `None` for a host that does not exist or does not run.
    #[must_use]
    pub fn act(&self, host: &str, text: &str) -> Option<Vec<u8>> {
        self.with(host, |island, at| {
            island.nodes[at].is_up().then(|| call(island, at, text))
        })?
    }
}
