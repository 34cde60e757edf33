//! Runbooks of one's own: the files of the directory `runbooks` beside the inventory.

use super::inventory::inventory_path;
use crate::{cli::Options, fleet::Diagnostic, runbook::planner::catalogue::Library};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The directory beside the inventory.
const DIRECTORY: &str = "runbooks";

/// The runbooks that there are, and the mistakes in those that cannot be used. The embedded fleet has the built-in ones
/// alone.
pub(super) fn library(options: &Options) -> (Library, Vec<Diagnostic>) {
    let place = if options.demo {
        None
    } else {
        inventory_path(options).ok()
    };
    place.map_or_else(|| (Library::default(), Vec::new()), |place| beside(&place))
}

/// Those beside that inventory, and the mistakes in them.
pub(super) fn beside(inventory: &Path) -> (Library, Vec<Diagnostic>) {
    let Some(directory) = inventory.parent().map(|parent| parent.join(DIRECTORY)) else {
        return (Library::default(), Vec::new());
    };
    let (files, mut mistakes) = read(&directory);
    let (library, more) = Library::read(files);
    mistakes.extend(more);
    (library, mistakes)
}

/// The files of a directory that are runbooks by their names, in the order of these. A directory that is not there holds
/// none.
fn read(directory: &Path) -> (Vec<(PathBuf, String)>, Vec<Diagnostic>) {
    let mistake = |path: &Path, error: &io::Error| Diagnostic::of_file(path, format!("cannot be read: {error}"));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Vec::new(), Vec::new()),
        Err(error) => return (Vec::new(), vec![mistake(directory, &error)]),
    };
    let is_runbook = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_runbook)
        .collect();
    paths.sort();
    let (mut files, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::read_to_string(&path) {
            Ok(text) => files.push((path, text)),
            Err(error) => mistakes.push(mistake(&path, &error)),
        }
    }
    (files, mistakes)
}
