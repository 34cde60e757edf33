//! One line of a `known_hosts` file (sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT").

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::{
    PublicKey,
    ssh_key::{known_hosts::HostPatterns, public::KeyData},
};
use sha1::Sha1;

/// What a line says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// No marker: a host key.
    HostKey,
    /// `@cert-authority`: signs host certificates.
    Authority,
    /// `@revoked`: never to be accepted, neither as a host key nor as an authority.
    Revoked,
}

/// Which hosts a line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Plain lower-case names, any of which matches.
    Names(Vec<String>),
    /// Patterns with `*`, `?` or `!`, lower-case, in the order of the line.
    Patterns(Vec<String>),
    /// HMAC-SHA1 of the name, keyed with the salt.
    Hashed {
        /// The salt.
        salt: Vec<u8>,
        /// The hash.
        hash: [u8; 20],
    },
}

/// A line that holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its marker.
    pub marker: Marker,
    /// Its hosts.
    pub hosts: Hosts,
    /// Its key.
    pub key: KeyData,
}

/// Reads one line: `None` for a blank or a comment.
///
/// # Errors
/// Says what is wrong with the line; the rest of the file is still good.
pub fn parse(line: &str) -> Result<Option<Line>, &'static str> {
    let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
    let Some(mut word) = words.next() else { return Ok(None) };
    if word.starts_with('#') {
        return Ok(None);
    }
    let marker = match word {
        "@cert-authority" => Marker::Authority,
        "@revoked" => Marker::Revoked,
        _ if word.starts_with('@') => return Err("unknown marker"),
        _ => Marker::HostKey,
    };
    if marker != Marker::HostKey {
        word = words.next().ok_or("no host names")?;
    }
    let hosts = hosts(word)?;
    let kind = words.next().ok_or("no key type")?;
    let blob = words.next().ok_or("no key")?;
    let key = PublicKey::from_openssh(&format!("{kind} {blob}")).map_err(|_| "unreadable or unsupported key")?;
    Ok(Some(Line {
        marker,
        hosts,
        key: key.key_data().clone(),
    }))
}

/// The hosts of a line that [`parse`] refused, where it is plainly a line for a key: of a type that is not
/// supported here, of SSH 1, or damaged.
#[must_use]
pub fn hosts_of_a_key(line: &str) -> Option<Hosts> {
    let mut words = line
        .split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .skip_while(|word| matches!(*word, "@cert-authority" | "@revoked"));
    let (names, kind, _) = (words.next()?, words.next()?, words.next()?);
    let typed = ["ssh-", "ecdsa-", "sk-", "rsa-"]
        .iter()
        .any(|start| kind.starts_with(start));
    (typed || kind.parse::<u32>().is_ok()).then(|| hosts(names).ok())?
}

fn hosts(word: &str) -> Result<Hosts, &'static str> {
    if word.starts_with('|') {
        return match word.parse() {
            Ok(HostPatterns::HashedName { salt, hash }) => Ok(Hosts::Hashed { salt, hash }),
            _ => Err("unreadable hashed name"),
        };
    }
    let names: Vec<String> = word
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_lowercase)
        .collect();
    if names.is_empty() {
        return Err("no host names");
    }
    if names.iter().any(|name| name.contains(['*', '?', '!'])) {
        Ok(Hosts::Patterns(names))
    } else {
        Ok(Hosts::Names(names))
    }
}

/// Whether a list of patterns takes a lower-case name: one must match, and no negated one may.
#[must_use]
pub fn list_matches(patterns: &[String], name: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if glob(negated, name) => return false,
            Some(_) => {}
            None => found = found || glob(pattern, name),
        }
    }
    found
}

/// `match_pattern` of OpenSSH: `*` is any run of characters, `?` any one. Linear in the product of
/// the lengths at worst, so a hostile pattern cannot stall.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                retry = Some((after_star, from + 1));
                p = after_star;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// HMAC-SHA1 of a name as `HashKnownHosts` stores it.
#[must_use]
pub fn hash_name(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn takes_tabs_markers_comments_and_case() {
        let line = parse(&format!(
            "\tStor1.Example,[10.0.0.1]:2222\t{} trailing words",
            KEY.replace(' ', "\t")
        ))
        .unwrap();
        let line = line.unwrap();
        assert_eq!(line.marker, Marker::HostKey);
        assert_eq!(
            line.hosts,
            Hosts::Names(vec!["stor1.example".into(), "[10.0.0.1]:2222".into()])
        );
        let line = parse(&format!("@revoked * {KEY}\r")).unwrap().unwrap();
        assert_eq!(
            (line.marker, line.hosts),
            (Marker::Revoked, Hosts::Patterns(vec!["*".into()]))
        );
        assert_eq!(parse("# @revoked x"), Ok(None));
        assert_eq!(parse(" \t "), Ok(None));
        assert!(parse("@strange h ssh-ed25519 AAAA").is_err());
        assert!(parse("host ssh-ed25519").is_err());
        assert!(parse("host ssh-ed25519 garbage").is_err());
        assert!(parse("host 1024 37 159").is_err());
        assert!(parse(&format!("|1|broken {KEY}")).is_err());
    }

    #[test]
    fn hashes_as_openssh_does() {
        // Made by `ssh-keygen -H` of OpenSSH 9.2 for `stor1.example`.
        let line = "|1|SZ8Q/Vp21reWX4knpYjnplnDtlo=|FSvYR1UwPEgrL90Pt1CExZZ75B4= ssh-ed25519 \
                    AAAAC3NzaC1lZDI1NTE5AAAAIGbqisbk/GIV2HQ9prlzwSQiLzqemuyi2lZjIsJJVblT";
        let Hosts::Hashed { salt, hash } = parse(line).unwrap().unwrap().hosts else {
            panic!("not hashed");
        };
        assert_eq!(hash_name(&salt, "stor1.example"), Some(hash));
        assert_ne!(hash_name(&salt, "stor2.example"), Some(hash));
    }

    #[test]
    fn patterns_with_negation() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(list_matches(&list(&["*.example.org"]), "a.example.org"));
        assert!(!list_matches(&list(&["*.example.org"]), "example.org"));
        assert!(!list_matches(
            &list(&["*.example.org", "!b.example.org"]),
            "b.example.org"
        ));
        assert!(!list_matches(&list(&["!b.example.org", "*"]), "b.example.org"));
        assert!(!list_matches(&list(&["!b"]), "a"), "a negation alone matches nothing");
        assert!(glob("stor?", "stor1") && !glob("stor?", "stor") && !glob("stor?", "stor12"));
        assert!(glob("*a*b*", "xxaxxbxx") && !glob("*a*b", "xxaxxbxx") && glob("**", ""));
        assert!(glob("[*]:2222", "[h]:2222") && glob("*", "") && !glob("x", ""));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(line in "\\PC*") { let _ = parse(&line); }

        #[test]
        fn a_glob_made_from_a_name_takes_it(name in "[a-z.]{0,20}", at in any::<prop::sample::Index>()) {
            let cut = at.index(name.len() + 1);
            let pattern = format!("{}*", &name[..cut]);
            prop_assert!(glob(&pattern, &name));
            prop_assert!(glob(&name, &name));
        }
    }
}
