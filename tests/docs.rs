//! The documentation holds what the program says of itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use pointsman::{
    console::keymap,
    runbook::{planner::catalogue, target},
};

/// With `POINTSMAN_WRITE_DOCS` set the table is written instead of compared.
#[test]
fn the_readme_holds_the_keymap() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once("<!-- keys -->\n").unwrap();
    let (held, after) = rest.split_once("<!-- /keys -->").unwrap();
    let wanted = format!("\n{}\n", keymap::markdown());
    if std::env::var_os("POINTSMAN_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}<!-- keys -->\n{wanted}<!-- /keys -->{after}")).unwrap();
    } else {
        assert!(
            held == wanted,
            "README.md and the keymap differ; POINTSMAN_WRITE_DOCS=1 cargo test --test docs writes it"
        );
    }
}

/// The rule that the README gives is about the very command that steps are sent to.
#[test]
fn the_readme_allows_the_command_of_steps() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let rule = format!("= /usr/bin/{0}, /bin/{0}\n", target::COMMAND);
    assert!(readme.contains(&rule), "{rule}");
}

/// Somebody who looks for a runbook finds it in the README's index.
#[test]
fn the_readme_lists_every_built_in_runbook() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, index) = readme.split_once("| runbook | what it is for |\n").unwrap();
    let (index, _) = index.split_once("\n\n").unwrap();
    let names = index.lines().filter_map(|row| row.split('|').nth(1));
    let mut listed: Vec<&str> = names.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let mut known: Vec<&str> = catalogue::all().iter().map(|known| known.name.as_str()).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}
