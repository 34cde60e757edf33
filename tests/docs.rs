//! The documentation holds what the program says of itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use pointsman::{console::keymap, runbook::target};

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
