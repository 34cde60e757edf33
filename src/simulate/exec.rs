//! Single commands on a simulated host: a handful that read, and the host's own.

use super::{
    island::Island,
    noise::{unit, wave},
    render,
};

/// What a command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit code.
    pub exit: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    fn ok(stdout: String) -> Self {
        Self {
            exit: 0,
            stdout,
            stderr: String::new(),
        }
    }

    fn failed(exit: i32, stderr: String) -> Self {
        Self {
            exit,
            stdout: String::new(),
            stderr,
        }
    }
}

/// Runs a command line as the host's shell would.
pub fn run(island: &Island, at: usize, command: &str) -> Answer {
    let node = &island.nodes[at];
    let words = shlex::split(command).unwrap_or_default();
    let line = words.join(" ");
    if let Some((_, template)) = node.commands.iter().find(|(known, _)| *known == line) {
        return Answer::ok(fill(template, node.seed, island.seconds()));
    }
    if !node.shell {
        return Answer::failed(1, format!("% Unknown command: {line}\n"));
    }
    let mut out = String::new();
    match line.as_str() {
        "hostname" | "uname -n" => out = format!("{}\n", node.name),
        "uname -r" => out = format!("{}\n", node.kernel),
        "true" => {}
        "false" => return Answer::failed(1, String::new()),
        "uptime" => render::uptime_command(island, node, &mut out),
        "cat /proc/loadavg" => render::loadavg(island, node, &mut out),
        "cat /proc/mdstat" if !node.arrays.is_empty() => render::mdstat(node, &mut out),
        "cat /proc/drbd" if node.drbd.is_some() => render::proc_drbd(island, at, &mut out),
        "ip -o addr show" => render::addresses(node, &mut out),
        "exportfs -v" if node.nfs_server.is_some() => render::exports(node, &mut out),
        _ => return unknown(&words),
    }
    Answer::ok(out)
}

fn unknown(words: &[String]) -> Answer {
    match words.first().map(String::as_str) {
        None => Answer::ok(String::new()),
        Some("cat") => {
            let file = words.get(1).map_or("-", String::as_str);
            Answer::failed(1, format!("cat: {file}: No such file or directory\n"))
        }
        Some(program) => Answer::failed(127, format!("sh: 1: {program}: not found\n")),
    }
}

fn fill(template: &str, seed: u64, seconds: f64) -> String {
    let load = 38.0 * wave(seed, seconds);
    let celsius = 24.0 + 2.0 * wave(seed ^ 1, seconds);
    let queue = 120.0 * wave(seed ^ 2, seconds * 2.0) * (0.8 + unit(seed) * 0.4);
    template
        .replace("{load}", &format!("{load:.0}"))
        .replace("{celsius}", &format!("{celsius:.1}"))
        .replace("{queue}", &format!("{queue:.0}"))
}
