//! Finding, loading and checking the inventory.

use super::{CONFIG, Failure, Result, process::config_dir, runbooks};
use crate::{
    batch,
    cli::Options,
    fleet::{self, Diagnostic, Fleet, Loaded},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The inventory's path: as given, or the first that exists.
pub(super) fn inventory_path(options: &Options) -> Result<PathBuf> {
    if let Some(path) = &options.inventory {
        return Ok(path.clone());
    }
    if let Some(path) = std::env::var_os("POINTSMAN_INVENTORY") {
        return Ok(path.into());
    }
    let places = places();
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| {
        let list: Vec<String> = places.iter().map(|path| format!("  {}", path.display())).collect();
        Failure::Usage(format!(
            "no inventory: give one with -i FILE, or put it in one of\n{}\nTo look around without one: pointsman --demo\nTo draft one from hosts: pointsman discover HOST…",
            list.join("\n")
        ))
    })
}

/// Where an inventory is looked for when none is named, in this order.
pub(super) fn places() -> Vec<PathBuf> {
    let places = [
        Some(PathBuf::from("inventory.yaml")),
        config_dir().map(|config| config.join("inventory.yaml")),
        Some(PathBuf::from("/etc/pointsman/inventory.yaml")),
    ];
    places.into_iter().flatten().collect()
}

pub(super) fn load(path: &Path) -> Result<Loaded> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Config(format!(
            "pointsman: cannot read the inventory {}: {error}",
            path.display()
        ))
    })?;
    Ok(fleet::load(path, &text, &|path| {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }))
}

/// The fleet of an inventory; with errors in it, all of them as one text.
pub(super) fn load_fleet(path: &Path) -> Result<Arc<Fleet>> {
    let loaded = load(path)?;
    match loaded.fleet {
        Some(fleet) => Ok(Arc::new(fleet)),
        None => Err(Failure::Config(fleet::diagnostic::render(&loaded.diagnostics))),
    }
}

pub(super) fn check(options: &Options, file: Option<&Path>) -> Result<u8> {
    let path = match file {
        Some(_) if options.inventory.is_some() => {
            return Err(Failure::Usage("check takes one inventory: FILE or -i FILE".to_owned()));
        }
        Some(file) => file.to_owned(),
        None => inventory_path(options)?,
    };
    let loaded = load(&path)?;
    let (library, mistakes) = runbooks::beside(&path);
    let is_broken = !mistakes.is_empty();
    let all: Vec<Diagnostic> = loaded.diagnostics.into_iter().chain(mistakes).collect();
    batch::print(&fleet::diagnostic::render(&all))?;
    let Some(fleet) = loaded.fleet.filter(|_| !is_broken) else {
        return Ok(CONFIG);
    };
    let own = match library.own().len() {
        0 => String::new(),
        own => format!(", {}", count(own, "runbook of its own", "runbooks of its own")),
    };
    batch::print(&format!("{}: {}{own}\n", path.display(), size(&fleet)))?;
    Ok(0)
}

fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// How much a fleet holds, in words.
pub(super) fn size(fleet: &Fleet) -> String {
    [
        count(fleet.hosts.len(), "host", "hosts"),
        count(fleet.segments.len(), "segment", "segments"),
        count(fleet.slices().count(), "slice", "slices"),
        count(fleet.topologies.len(), "topology", "topologies"),
    ]
    .join(", ")
}
