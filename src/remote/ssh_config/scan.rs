//! A look at the `ssh_config` files themselves: have they changed, and could their answer differ
//! from one host to another? In doubt, yes.

use super::parse::{Agent, Tokens};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Files followed through `Include`; more than these count as "in doubt".
const FILES: usize = 64;
/// Depth of `Include`, as in OpenSSH.
const DEPTH: usize = 16;

/// What was found.
#[derive(Debug, Default)]
pub struct Scan {
    stamps: Vec<(PathBuf, Stamp)>,
    /// Whether nothing in the files can differ from host to host.
    pub same_for_all: bool,
    /// Every `IdentityFile` named, with those tokens expanded that need no host.
    pub identity_files: Vec<PathBuf>,
    /// Every `IdentityAgent` named.
    pub agents: Vec<Agent>,
    /// The words of every list of files (`UserKnownHostsFile`, `GlobalKnownHostsFile`): `ssh -G` prints
    /// them without their quotes, so that a space in a name cannot be told from one between two names.
    pub lists: Vec<Vec<String>>,
}

type Stamp = Option<(Option<SystemTime>, u64)>;

/// The home directory, as far as it can be told without asking the name service.
#[must_use]
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

impl Scan {
    /// Reads the files that `ssh` would read: `explicit` (`-F`), or the user's and the system's.
    #[must_use]
    pub fn new(explicit: Option<&Path>) -> Self {
        let mut scan = Self {
            same_for_all: true,
            ..Self::default()
        };
        if let Some(path) = explicit {
            scan.file(path, path.parent(), 0);
            return scan;
        }
        if let Some(home) = home() {
            let dir = home.join(".ssh");
            scan.file(&dir.join("config"), Some(&dir), 0);
        } else {
            scan.same_for_all = false;
        }
        scan.file(Path::new("/etc/ssh/ssh_config"), Some(Path::new("/etc/ssh")), 0);
        scan
    }

    /// Whether every file, and every directory of an `Include`, is as it was.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.stamps.iter().all(|(path, known)| stamp(path) == *known)
    }

    fn file(&mut self, path: &Path, dir: Option<&Path>, depth: usize) {
        if depth > DEPTH || self.stamps.len() >= FILES {
            self.same_for_all = false;
            return;
        }
        self.stamps.push((path.to_owned(), stamp(path)));
        let text = match fs::read(path) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(_) => {
                self.same_for_all = false;
                return;
            }
        };
        for line in text.lines() {
            let (keyword, rest) = split(line);
            match keyword.as_str() {
                "host" if rest.trim() == "*" => {}
                // Canonicalisation and `%h` in `HostName` make a name of the name.
                "host" | "match" | "hostname" | "canonicalizehostname" | "canonicaldomains" => {
                    self.same_for_all = false;
                }
                "identityfile" => self.identity(rest),
                "identityagent" => self
                    .agents
                    .extend(words(rest).first().map(|word| Agent::from_word(word))),
                "userknownhostsfile" | "globalknownhostsfile" => self.lists.push(words(rest)),
                "include" => {
                    for pattern in words(rest) {
                        self.include(&pattern, dir, depth);
                    }
                }
                _ => {}
            }
        }
    }

    fn identity(&mut self, rest: &str) {
        let words = words(rest);
        let Some(word) = words.first() else { return };
        if word.eq_ignore_ascii_case("none") {
            return;
        }
        // A file that depends on the host is found when the host is: it cannot be asked for here.
        if let Ok(path) = Tokens::new("").expand_path(word)
            && !word.contains("%h")
            && !word.contains("%n")
            && !self.identity_files.contains(&path)
        {
            self.identity_files.push(path);
        }
    }

    fn include(&mut self, pattern: &str, dir: Option<&Path>, depth: usize) {
        let Ok(path) = Tokens::new("").expand_path(pattern) else {
            self.same_for_all = false;
            return;
        };
        // Relative to ~/.ssh in a user's file, to /etc/ssh in the system's (ssh_config(5)).
        let path = match (path.is_absolute(), dir) {
            (true, _) => path,
            (false, Some(dir)) => dir.join(path),
            (false, None) => {
                self.same_for_all = false;
                return;
            }
        };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            self.same_for_all = false;
            return;
        };
        if parent.to_string_lossy().contains(['*', '?', '[']) || name.contains(['?', '[', '!']) {
            self.same_for_all = false;
            return;
        }
        if !name.contains('*') {
            self.file(&path, dir, depth + 1);
            return;
        }
        self.stamps.push((parent.to_owned(), stamp(parent)));
        let Ok(entries) = fs::read_dir(parent) else { return };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| {
                let candidate = entry.file_name().to_string_lossy().into_owned();
                !candidate.starts_with('.') && crate::remote::known_hosts::glob(name, &candidate)
            })
            .map(|entry| entry.path())
            .collect();
        found.sort();
        for file in found {
            self.file(&file, dir, depth + 1);
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok(), meta.len()))
}

/// `Keyword value` or `Keyword=value`; the keyword lower-case, empty for a blank or a comment.
fn split(line: &str) -> (String, &str) {
    let line = line.trim();
    if line.starts_with('#') {
        return (String::new(), "");
    }
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    (
        keyword.trim_matches('"').to_lowercase(),
        rest.trim_start_matches([' ', '\t', '=']),
    )
}

/// The words of a line as OpenSSH splits them (`argv_split` of misc.c): quotes of both kinds group, a backslash
/// escapes a quote, a backslash, and outside of quotes a space; `#` at the beginning of a word ends the line.
fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while let Some(first) = chars.peek().copied() {
        if first == ' ' || first == '\t' {
            chars.next();
            continue;
        }
        if first == '#' {
            break;
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = chars.next() {
            let escaped = |next: &char| matches!(next, '\'' | '"' | '\\') || quote.is_none() && *next == ' ';
            match c {
                '\\' => word.push(chars.next_if(escaped).unwrap_or(c)),
                '\'' | '"' if quote.is_none() => quote = Some(c),
                _ if quote == Some(c) => quote = None,
                ' ' | '\t' if quote.is_none() => break,
                _ => word.push(c),
            }
        }
        out.push(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_includes_and_notices_changes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("d")).unwrap();
        fs::write(root.join("config"), "Include d/*.conf\nHost *\n User x\n").unwrap();
        fs::write(
            root.join("d/10.conf"),
            "IdentityFile \"/keys/one\"\nIdentityFile=/keys/%h\n",
        )
        .unwrap();
        fs::write(root.join("d/skipped"), "Host a\n").unwrap();
        let scan = Scan::new(Some(&root.join("config")));
        assert!(scan.same_for_all && scan.is_current());
        assert_eq!(scan.identity_files, [PathBuf::from("/keys/one")]);
        fs::write(root.join("d/20.conf"), "match host b\n").unwrap();
        assert!(!scan.is_current(), "a new file in an included directory counts");
        assert!(!Scan::new(Some(&root.join("config"))).same_for_all);
    }

    #[test]
    fn words_are_split_as_openssh_does() {
        for (line, expected) in [
            ("a b\tc", &["a", "b", "c"][..]),
            ("\"a b\" c # d", &["a b", "c"]),
            ("'a \"b' x\"y z\"w", &["a \"b", "xy zw"]),
            (r#"a\ b "c\"d" e\f "g\ h""#, &["a b", "c\"d", r"e\f", r"g\ h"]),
            ("\"\" a#b", &["", "a#b"]),
            ("", &[]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn an_include_of_itself_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "Include config\n").unwrap();
        assert!(!Scan::new(Some(&path)).same_for_all);
    }
}
