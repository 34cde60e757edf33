//! Custom probes: from the file's form to one that can run, with its limits checked.

use super::{
    decode::{Map, Spanned, decode},
    file,
    model::{Probe, ProbeParser},
    names::{Context, bad_name},
    suggest::quote,
    yaml::NodeId,
};
use std::time::Duration;

/// Time between two runs when a probe does not say.
const EVERY: Duration = Duration::from_mins(1);
/// A probe runs no more often than this.
const LEAST: Duration = Duration::from_millis(500);
/// Largest compiled form of a regular expression, in bytes.
const REGEX_LIMIT: usize = 256 * 1024;

/// Decodes and checks the probes of one level.
pub(super) fn compile_all(context: &mut Context<'_>, map: &Map<file::Probe>) -> Vec<Probe> {
    let mut out = Vec::with_capacity(map.entries.len());
    for (name, node) in &map.entries {
        if let Some(problem) = bad_name(&name.value) {
            context.error(
                name.node,
                format!("{} is not a good name: {problem}", quote(&name.value)),
            );
        }
        let at = context.mark(name.node);
        if let Some(probe) = decode::<file::Probe>(context.tree, *node, at, context.notes)
            && let Some(probe) = compile(context, name, probe)
        {
            out.push(probe);
        }
    }
    out
}

fn compile(context: &mut Context<'_>, name: &Spanned<String>, probe: file::Probe) -> Option<Probe> {
    let command = check_command(context, &probe.command);
    let parser = check_parser(context, name.node, &probe);
    check_limits(context, &probe);
    let every = match &probe.every {
        Some(every) if every.value.0 < LEAST => {
            context.error(
                every.node,
                format!("a probe runs every {} ms at most", LEAST.as_millis()),
            );
            EVERY
        }
        Some(every) => every.value.0,
        None => EVERY,
    };
    let value = |limit: Option<Spanned<f64>>| limit.map(|limit| limit.value);
    Some(Probe {
        name: name.value.clone(),
        command: command?,
        parser: parser?,
        unit: probe.unit.map(|unit| super::suggest::visible(&unit)),
        every,
        warning_above: value(probe.warning_above),
        critical_above: value(probe.critical_above),
        warning_below: value(probe.warning_below),
        critical_below: value(probe.critical_below),
        expect: probe.expect.map(|expect| expect.value),
    })
}

/// Program and arguments, each one word; `None` when they are not.
pub(super) fn check_command(
    context: &mut Context<'_>,
    command: &Spanned<super::decode::List<String>>,
) -> Option<Vec<String>> {
    let node = command.node;
    let words = &command.value.0;
    let Some(program) = words.first().filter(|program| !program.is_empty()) else {
        context
            .error(node, "the command is empty")
            .hint("write the program and its arguments as a list: [cat, /proc/loadavg]");
        return None;
    };
    if program.starts_with('-') {
        context.error(node, format!("{} is not a program", quote(program)));
        return None;
    }
    if words.len() == 1 && program.contains(char::is_whitespace) {
        context
            .error(node, format!("{} is not one word", quote(program)))
            .hint("write the program and its arguments as a list: [cat, /proc/loadavg]; no shell is involved");
        return None;
    }
    if words.iter().any(|word| word.contains(['\0', '\n', '\r'])) {
        context.error(node, "a word of the command holds a line break or a zero byte");
        return None;
    }
    Some(words.clone())
}

fn check_parser(context: &mut Context<'_>, name: NodeId, probe: &file::Probe) -> Option<ProbeParser> {
    match (&probe.regex, &probe.json) {
        (Some(text), None) => {
            let built = regex::RegexBuilder::new(&text.value)
                .size_limit(REGEX_LIMIT)
                .dfa_size_limit(REGEX_LIMIT)
                .build();
            match built {
                Ok(regex) => Some(ProbeParser::Regex(regex)),
                Err(error) => {
                    // The engine draws a picture over several lines; its last line is the reason.
                    let text_of = error.to_string();
                    let reason = text_of.lines().last().unwrap_or_default();
                    let reason = reason.trim().trim_start_matches("error: ");
                    context
                        .error(text.node, format!("not a regular expression: {reason}"))
                        .hint("look-around and back-references are not supported; single quotes keep backslashes");
                    None
                }
            }
        }
        (None, Some(text)) => {
            if text.value.is_empty() || text.value.starts_with('/') {
                Some(ProbeParser::JsonPointer(text.value.clone()))
            } else {
                context
                    .error(text.node, format!("{} is not a JSON pointer", quote(&text.value)))
                    .hint(format!("it begins with a slash: /{}", text.value.replace('.', "/")));
                None
            }
        }
        (Some(_), Some(both)) => {
            context.error(both.node, "a probe has either `regex` or `json`, not both");
            None
        }
        (None, None) => {
            context
                .error(name, "the probe does not say how its output is read")
                .hint("add `regex:` or `json:`");
            None
        }
    }
}

fn check_limits(context: &mut Context<'_>, probe: &file::Probe) {
    let wrong =
        |context: &mut Context<'_>, low: &Option<Spanned<f64>>, high: &Option<Spanned<f64>>, words: [&str; 2]| {
            if let (Some(low), Some(high)) = (low, high)
                && low.value > high.value
            {
                context
                    .error(
                        low.node,
                        format!("`{}` {} lies above `{}` {}", words[0], low.value, words[1], high.value),
                    )
                    .hint("the limits are the wrong way round");
            }
        };
    let p = probe;
    wrong(
        context,
        &p.warning_above,
        &p.critical_above,
        ["warning_above", "critical_above"],
    );
    wrong(
        context,
        &p.critical_below,
        &p.warning_below,
        ["critical_below", "warning_below"],
    );
    wrong(
        context,
        &p.warning_below,
        &p.warning_above,
        ["warning_below", "warning_above"],
    );
    wrong(
        context,
        &p.critical_below,
        &p.critical_above,
        ["critical_below", "critical_above"],
    );
    let limits = [&p.warning_above, &p.critical_above, &p.warning_below, &p.critical_below];
    if let (Some(expect), true) = (&p.expect, limits.iter().any(|limit| limit.is_some())) {
        context
            .error(
                expect.node,
                "`expect` is for words and cannot stand beside limits for numbers",
            )
            .hint("make two probes of it");
    }
}
