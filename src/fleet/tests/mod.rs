//! Tests of the inventory loader.

mod example;
mod mistakes;
mod resolved;
mod robust;
mod selectors;

use super::{Fleet, Loaded, diagnostic, load};
use std::{collections::HashMap, path::Path};

/// Loads one file without includes.
fn one(text: &str) -> Loaded {
    load(Path::new("inventory.yaml"), text, &|path| {
        Err(format!("no file {}", path.display()))
    })
}

/// Loads the first of several files.
fn several(files: &[(&str, &str)]) -> Loaded {
    let map: HashMap<&Path, &str> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
    load(Path::new(files[0].0), files[0].1, &|path| {
        map.get(path)
            .map(|text| (*text).to_owned())
            .ok_or("no such file".to_owned())
    })
}

/// A fleet that must load without a word.
fn clean(text: &str) -> Fleet {
    let loaded = one(text);
    assert_eq!(diagnostic::render_lines(&loaded.diagnostics), "");
    loaded.fleet.expect("a fleet")
}

/// All diagnostics, one line each.
fn lines(text: &str) -> String {
    let loaded = one(text);
    assert_eq!(loaded.fleet.is_some(), !loaded.has_errors());
    diagnostic::render_lines(&loaded.diagnostics)
}
