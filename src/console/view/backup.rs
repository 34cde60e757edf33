//! The backups of a slice or a database in one line: how old the newest is, and whether one was proven good.

use super::{Ctx, parts};
use crate::{
    console::{
        status,
        text::{bytes, span},
        theme::Role,
    },
    facts::UnixMs,
    fleet::BackupSubject,
    verdict::{
        Code, Severity,
        backup::{Said, subject},
    },
};
use ratatui::text::Line;

/// The line; nothing where the inventory does not say how backups are listed.
pub fn line(ctx: &Ctx<'_>, of: &BackupSubject) -> Option<Line<'static>> {
    let backup = ctx.view.backups().find(|backup| backup.of == of)?;
    let mut line = ctx.line(Role::Dim, format!(" backup on {}: ", backup.on.name));
    let Some(said) = &backup.said else {
        let why = status::trouble(backup.on, ctx.now).unwrap_or_else(|| "not read yet".to_owned());
        line.spans.extend(parts::unknown(ctx, &why).spans);
        return Some(line);
    };
    line.spans.extend(newest(ctx, of, said).spans);
    line.spans.push(ctx.span(Role::Dim, " · "));
    line.spans.extend(proof(ctx, of, said).spans);
    Some(if backup.on.is_stale(ctx.now) {
        parts::faded(ctx, line)
    } else {
        line
    })
}

fn newest(ctx: &Ctx<'_>, of: &BackupSubject, said: &Said<'_>) -> Line<'static> {
    let text = match &said.newest {
        Err(why) => return parts::unknown(ctx, &format!("newest: {why}")),
        Ok(None) => "none is listed".to_owned(),
        Ok(Some(newest)) => {
            let size = newest
                .bytes
                .map_or_else(String::new, |size| format!(", {}", bytes(size as f64)));
            format!("newest {} old{size} ({})", age(ctx, newest.at), newest.name)
        }
    };
    judged(ctx, of, &[Code::BackupOld], text)
}

fn proof(ctx: &Ctx<'_>, of: &BackupSubject, said: &Said<'_>) -> Line<'static> {
    let text = match &said.last {
        Err(why) => return parts::unknown(ctx, &format!("last test: {why}")),
        Ok(None) => "never tested".to_owned(),
        Ok(Some(tested)) => {
            let word = if tested.trouble.is_some() {
                "NOT good"
            } else {
                "proven good"
            };
            format!("{word} {} ago ({})", age(ctx, tested.at), tested.backup)
        }
    };
    judged(ctx, of, &[Code::BackupUnproved, Code::BackupBad], text)
}

fn age(ctx: &Ctx<'_>, at: UnixMs) -> String {
    span(ctx.now.since(at))
}

/// A text with the severity of the finding of these codes, if there is one.
fn judged(ctx: &Ctx<'_>, of: &BackupSubject, codes: &[Code], text: String) -> Line<'static> {
    let subject = subject(of);
    let mut findings = ctx.view.findings.iter();
    let found = findings.find(|finding| codes.contains(&finding.code) && finding.subject == subject);
    parts::said(ctx, Some((found.map_or(Severity::Ok, |found| found.severity), text)))
}
