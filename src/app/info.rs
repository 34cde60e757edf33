//! `pointsman info`: the paths and settings in force, and what came of them.

use super::{
    Result,
    inventory::{inventory_path, load, places, size},
    print,
    process::{config_dir, raise_file_limit},
    ssh_config_mode,
};
use crate::{
    cli::Options,
    console::{glyphs::Glyphs, theme::Depth},
    facts::CleanText,
    fleet::{Fleet, diagnostic::Severity},
    remote::{half, ssh_config},
};
use std::{
    fmt::Write as _,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// Prints one line a setting; a line that begins with spaces belongs to the one above it.
pub(super) fn info(options: &Options) -> Result<u8> {
    let mut lines: Vec<(&str, String)> = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let fleet = inventory(options, &mut lines);
    ssh(options, fleet.as_ref(), &mut lines);
    terminal(&mut lines);
    let limit = raise_file_limit();
    lines.push((
        "open files",
        limit.map_or_else(
            || "unlimited".to_owned(),
            |limit| format!("{limit}: up to {} hosts", limit.saturating_sub(64)),
        ),
    ));
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<12} {}", CleanText::new(&value));
    }
    print(&text)
}

/// Gives the fleet, if the inventory has one.
fn inventory(options: &Options, lines: &mut Vec<(&str, String)>) -> Option<Fleet> {
    let Ok(path) = inventory_path(options) else {
        lines.push(("inventory", "none found; looked for".to_owned()));
        lines.extend(places().into_iter().map(|path| ("", path.display().to_string())));
        return None;
    };
    let how = match (&options.inventory, std::env::var_os("POINTSMAN_INVENTORY")) {
        (Some(_), _) => "given with -i",
        (None, Some(_)) => "from POINTSMAN_INVENTORY",
        (None, None) => "found",
    };
    lines.push(("inventory", format!("{} ({how})", path.display())));
    let Ok(loaded) = load(&path) else {
        lines.push(("", "cannot be read".to_owned()));
        return None;
    };
    let many = |severity| {
        loaded
            .diagnostics
            .iter()
            .filter(|note| note.severity == severity)
            .count()
    };
    let (errors, warnings) = (many(Severity::Error), many(Severity::Warning));
    if let Some(fleet) = &loaded.fleet {
        lines.push(("", format!("fleet {}: {}", fleet.name, size(fleet))));
    }
    if errors + warnings > 0 {
        let text = format!("{errors} errors, {warnings} warnings: see pointsman check");
        lines.push(("", text));
    }
    lines.extend(
        loaded
            .files
            .iter()
            .skip(1)
            .map(|file| ("", format!("includes {}", file.display()))),
    );
    loaded.fleet
}

fn ssh(options: &Options, fleet: Option<&Fleet>, lines: &mut Vec<(&str, String)>) {
    let program = half::PATH
        .split(':')
        .map(|dir| Path::new(dir).join("ssh"))
        .find(|path| path.exists());
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|dir| dir.join("ssh"))
            .find(|path| path.exists())
    });
    lines.push(match on_path.or(program) {
        Some(path) => ("ssh -G", path.display().to_string()),
        None => (
            "ssh -G",
            "no ssh here: OpenSSH's defaults are used, no file is read".to_owned(),
        ),
    });
    let home = ssh_config::home().unwrap_or_default();
    let mode = ssh_config_mode(&options.ssh, fleet);
    let configs = match &mode {
        ssh_config::Mode::File(path) => vec![path.clone()],
        _ => vec![home.join(".ssh/config"), PathBuf::from("/etc/ssh/ssh_config")],
    };
    lines.extend(named("ssh_config", &configs));
    lines.extend(named(
        "known_hosts",
        &[home.join(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts".into()],
    ));
    let mut keys = options.ssh.identity.clone();
    keys.extend(ssh_config::ConfigSource::new(mode).identity_files());
    lines.extend(named("keys", &keys));
    lines.push((
        "agent",
        match std::env::var_os("SSH_AUTH_SOCK") {
            None => "SSH_AUTH_SOCK is not set".to_owned(),
            Some(socket) => {
                let path = PathBuf::from(socket);
                let state = match UnixStream::connect(&path) {
                    Ok(_) => "answers".to_owned(),
                    Err(error) => error.to_string(),
                };
                format!("{} ({state})", path.display())
            }
        },
    ));
}

/// Files one below the other, each with whether it is there.
fn named<'a>(name: &'a str, paths: &[PathBuf]) -> Vec<(&'a str, String)> {
    let line = |(at, path): (usize, &PathBuf)| {
        let missing = if path.exists() { "" } else { " (not there)" };
        (if at == 0 { name } else { "" }, format!("{}{missing}", path.display()))
    };
    paths.iter().enumerate().map(line).collect()
}

fn terminal(lines: &mut Vec<(&str, String)>) {
    let variable = |name: &str| std::env::var(name).ok();
    let show = |name: &str| format!("{name} {}", variable(name).unwrap_or_else(|| "not set".to_owned()));
    lines.push(("terminal", ["TERM", "COLORTERM", "NO_COLOR"].map(show).join(", ")));
    let (depth, glyphs) = (Depth::detect(variable), Glyphs::detect(variable));
    lines.push(("", format!("colours: {depth:?}, glyphs: {glyphs:?}").to_lowercase()));
    let themes = config_dir().map(|dir| dir.join("themes"));
    lines.extend(named("themes", themes.as_slice()));
}
