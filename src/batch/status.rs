//! `--batch status` and `--batch findings`: one collection, printed, and an exit code.

use super::{
    Format,
    report::{DrbdStatus, FindingStatus, HostStatus, RaidStatus, Status},
};
use std::fmt::Write as _;

/// Widest first column of a text; what is longer pushes its own line only.
const WIDEST: usize = 24;

/// The whole status in the form asked for.
#[must_use]
pub fn render(status: &Status, format: Format) -> String {
    match format {
        Format::Json => json(status),
        Format::Tsv => tsv_hosts(&status.hosts),
        Format::Text => text(status),
    }
}

/// Only the findings, in the form asked for.
#[must_use]
pub fn render_findings(status: &Status, format: Format) -> String {
    match format {
        Format::Json => json(&serde_json::json!({
            "version": status.version,
            "fleet": status.fleet,
            "at": status.at,
            "state": status.state,
            "findings": status.findings,
        })),
        Format::Tsv => tsv_findings(&status.findings),
        Format::Text => {
            let mut out = headline(status);
            findings_text(&mut out, status);
            out
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // Our documents have string keys and finite numbers only; should that ever be wrong, say so in the document's place.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")) + "\n"
}

/// The first line, as monitoring plugins have it: the state, then the counts.
fn headline(status: &Status) -> String {
    let mut out = format!("{}: {} ", status.state.to_uppercase(), status.fleet);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let _ = write!(out, "{} host{}", status.hosts.len(), plural(status.hosts.len()));
    for word in ["critical", "unknown", "warning", "ok"] {
        match status.summary.get(word) {
            Some(count) if *count > 0 => {
                let _ = write!(out, ", {count} {word}");
            }
            _ => {}
        }
    }
    let findings = status.findings.len();
    let _ = writeln!(out, ", {findings} finding{}, {}", plural(findings), status.at);
    out
}

/// Two lines a finding: what is wrong with what, and under it the rule and what to do.
fn findings_text(out: &mut String, status: &Status) {
    let findings = &status.findings;
    let wide = |text: &str| text.chars().count().min(WIDEST);
    let column = findings
        .iter()
        .map(|finding| wide(&finding.subject).max(wide(finding.code)))
        .max()
        .unwrap_or_default();
    for finding in findings {
        let _ = writeln!(
            out,
            "{:<8} {:<column$}  {} (since {})\n{:<8} {:<column$}  {}",
            finding.severity_word,
            finding.subject,
            finding.evidence,
            since(&finding.since, &status.at),
            "",
            finding.code,
            finding.advice
        );
        if !finding.runbooks.is_empty() {
            let runbooks = finding.runbooks.join(", ");
            let _ = writeln!(
                out,
                "{:<8} {:<column$}  Could help: {runbooks} (--batch plan RUNBOOK shows what it would do).",
                "", ""
            );
        }
    }
}

/// A time to the second: of the day for today, else with its date.
fn since<'a>(since: &'a str, now: &str) -> std::borrow::Cow<'a, str> {
    let seconds = since.split('.').next().unwrap_or(since).trim_end_matches('Z');
    match (seconds.split_once('T'), now.split_once('T')) {
        (Some((day, time)), Some((today, _))) if day == today => format!("{time}Z").into(),
        (Some((day, time)), _) => format!("{day} {time}Z").into(),
        (None, _) => since.into(),
    }
}

fn text(status: &Status) -> String {
    let mut out = headline(status);
    findings_text(&mut out, status);
    if !status.findings.is_empty() && !status.hosts.is_empty() {
        out.push('\n');
    }
    let names = status.hosts.iter().map(|host| host.name.chars().count().min(WIDEST));
    let column = names.max().unwrap_or_default();
    for host in &status.hosts {
        let line = format!("{:<8} {:<column$}  {}", host.state, host.name, summary(host));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// One host in one line: what it stores and serves; what is well in few words, what is not in its own.
fn summary(host: &HostStatus) -> String {
    let mut parts = Vec::new();
    match host.age_ms {
        // A poll or two is as new as one collection can be.
        Some(ms) if ms >= 10_000 || !host.reachable => parts.push(format!("{:.0} s old", ms as f64 / 1000.0)),
        Some(_) => {}
        None => parts.push("no data".to_owned()),
    }
    parts.extend(host.reason.as_deref().map(first_clause));
    let is_well = |array: &&RaidStatus| array.state == "clean" && array.sync.is_none();
    let well: Vec<&str> = host.raid.iter().filter(is_well).map(|a| a.device.as_str()).collect();
    if !well.is_empty() {
        parts.push(format!("{} clean", well.join(" ")));
    }
    for array in host.raid.iter().filter(|array| !is_well(array)) {
        let sync = array
            .sync
            .as_ref()
            .map(|sync| format!(", {} {}", sync.action, percent(sync.percent)))
            .unwrap_or_default();
        parts.push(format!("{} {} {}{sync}", array.device, array.level, array.state));
    }
    parts.extend(host.drbd.iter().map(drbd));
    match host.nfs_exports.len() {
        0 => {}
        1 => parts.push("1 export".to_owned()),
        count => parts.push(format!("{count} exports")),
    }
    if !host.nfs_mounts.is_empty() {
        let mounts = if host.nfs_mounts.len() == 1 { "mount" } else { "mounts" };
        let mut text = format!("{} {mounts}", host.nfs_mounts.len());
        for state in ["hung", "waiting", "stale", "failed", "unknown"] {
            match host.nfs_mounts.iter().filter(|mount| mount.state == state).count() {
                0 => {}
                count => {
                    let _ = write!(text, ", {count} {state}");
                }
            }
        }
        parts.push(text);
    }
    parts.extend(host.zfs.iter().map(|pool| format!("pool {} {}", pool.name, pool.state)));
    if let Some(mysql) = &host.mysql {
        let lag = mysql
            .lag_seconds
            .map(|lag| format!(", lag {lag:.0} s"))
            .unwrap_or_default();
        parts.push(format!("{} {}{lag}", mysql.flavour, mysql.role));
    }
    for (section, why) in &host.unknown {
        if *section != "host" {
            parts.push(format!("{section} unknown ({why})"));
        }
    }
    parts.join("; ")
}

/// The beginning of a reason: what to do about it, with fingerprints and commands, stands under the finding.
fn first_clause(reason: &str) -> String {
    const LONGEST: usize = 72;
    let ends = [". ", ", ", "; ", ": it "];
    let end = ends.iter().filter_map(|end| reason.find(end)).min();
    let clause = &reason[..end.unwrap_or(reason.len())];
    match clause.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clause[..end]),
        None => clause.to_owned(),
    }
}

/// A volume that is connected and up to date on both sides in two words, any other in all of DRBD's.
fn drbd(volume: &DrbdStatus) -> String {
    let name = volume.resource.as_deref().unwrap_or("drbd");
    let connected = matches!(volume.connection.as_str(), "Connected" | "Established");
    if connected && volume.disk == "UpToDate" && volume.peer_disk == "UpToDate" {
        return format!("{name} {}", volume.role);
    }
    let percent = volume
        .resync_percent
        .map(|percent| format!(" {percent:.1} %"))
        .unwrap_or_default();
    format!(
        "{name} {}{percent} {}/{} {}/{}",
        volume.connection, volume.role, volume.peer_role, volume.disk, volume.peer_disk
    )
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "waiting".to_owned(), |value| format!("{value:.1} %"))
}

fn tsv_hosts(hosts: &[HostStatus]) -> String {
    let mut out =
        "name\tstate\treachable\treach\tage_ms\trtt_ms\troles\tload\traid\tdrbd\texports\tmounts\tzfs\tmysql_role\tlag_seconds\n".to_owned();
    for host in hosts {
        let fields = [
            host.name.clone(),
            host.state.to_owned(),
            host.reachable.to_string(),
            host.reach.to_owned(),
            optional(host.age_ms),
            optional(host.rtt_ms),
            host.roles.join(","),
            optional(host.load),
            list(
                host.raid
                    .iter()
                    .map(|array| format!("{}={}", array.device, array.state)),
            ),
            list(host.drbd.iter().map(|volume| {
                format!(
                    "{}={}:{}:{}",
                    volume.resource.as_deref().unwrap_or("-"),
                    volume.connection,
                    volume.role,
                    volume.disk
                )
            })),
            host.nfs_exports.len().to_string(),
            list(
                host.nfs_mounts
                    .iter()
                    .map(|mount| format!("{}={}", mount.at, mount.state)),
            ),
            list(host.zfs.iter().map(|pool| format!("{}={}", pool.name, pool.state))),
            host.mysql
                .as_ref()
                .map(|mysql| mysql.role.to_owned())
                .unwrap_or_default(),
            optional(host.mysql.as_ref().and_then(|mysql| mysql.lag_seconds)),
        ];
        line(&mut out, &fields);
    }
    out
}

fn tsv_findings(findings: &[FindingStatus]) -> String {
    let mut out = "severity\tcode\tsubject\thost\tsince\tevidence\n".to_owned();
    for finding in findings {
        line(
            &mut out,
            &[
                finding.severity_word.to_owned(),
                finding.code.to_owned(),
                finding.subject.clone(),
                finding.host.clone().unwrap_or_default(),
                finding.since.clone(),
                finding.evidence.clone(),
            ],
        );
    }
    out
}

fn line(out: &mut String, fields: &[String]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push('\t');
        }
        out.push_str(&super::tsv_field(field));
    }
    out.push('\n');
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// A number unshortened, or nothing.
fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
