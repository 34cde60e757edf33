//! `--batch status` and `--batch findings`: one collection, printed, and an exit code.

use super::{
    Format,
    report::{FindingStatus, HostStatus, Status},
};
use std::fmt::Write as _;

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
            findings_text(&mut out, &status.findings);
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
    let _ = write!(out, "{} hosts", status.hosts.len());
    for word in ["critical", "unknown", "warning", "ok"] {
        match status.summary.get(word) {
            Some(count) if *count > 0 => {
                let _ = write!(out, ", {count} {word}");
            }
            _ => {}
        }
    }
    let _ = writeln!(out, ", {} findings, {}", status.findings.len(), status.at);
    out
}

fn findings_text(out: &mut String, findings: &[FindingStatus]) {
    for finding in findings {
        let _ = writeln!(
            out,
            "{:<8} {:<20} {} (since {})\n{:>29} {}",
            finding.severity_word, finding.subject, finding.evidence, finding.since, finding.code, finding.advice
        );
    }
}

fn text(status: &Status) -> String {
    let mut out = headline(status);
    findings_text(&mut out, &status.findings);
    for host in &status.hosts {
        let _ = writeln!(out, "{:<8} {:<20} {}", host.state, host.name, summary(host));
    }
    out
}

/// One host in one line: age, then what it stores and serves.
fn summary(host: &HostStatus) -> String {
    let mut parts = Vec::new();
    match host.age_ms {
        Some(ms) => parts.push(format!("age {:.1} s", ms as f64 / 1000.0)),
        None => parts.push("no data".to_owned()),
    }
    parts.extend(host.reason.clone());
    for array in &host.raid {
        let sync = array
            .sync
            .as_ref()
            .map(|sync| format!(" {} {}", sync.action, percent(sync.percent)))
            .unwrap_or_default();
        parts.push(format!("{} {} {}{sync}", array.device, array.level, array.state));
    }
    for volume in &host.drbd {
        parts.push(format!(
            "{} {} {}/{} {}/{}",
            volume.resource.as_deref().unwrap_or("drbd"),
            volume.connection,
            volume.role,
            volume.peer_role,
            volume.disk,
            volume.peer_disk
        ));
    }
    if !host.nfs_exports.is_empty() {
        parts.push(format!("{} exports", host.nfs_exports.len()));
    }
    if !host.nfs_mounts.is_empty() {
        let bad = host.nfs_mounts.iter().filter(|mount| mount.state != "ok").count();
        parts.push(format!("{} mounts, {bad} not ok", host.nfs_mounts.len()));
    }
    parts.extend(host.zfs.iter().map(|pool| format!("pool {} {}", pool.name, pool.state)));
    if let Some(mysql) = &host.mysql {
        let lag = mysql
            .lag_seconds
            .map(|lag| format!(" lag {lag:.0} s"))
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
