//! Passwords on command lines: what is shown, journaled or hashed of a command never has them.
//!
//! A call of a management controller may carry one (`ipmitool -P …`, `fence_ipmilan --password=…`, a URL). The
//! command itself is run as the inventory says; everything that is kept or shown of it goes through [`shown`].

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Options whose value is a password, where it is the next word: ipmitool(1) `-P`, fence agents `-p`, racadm `-p`.
const NEXT: [&str; 3] = ["-P", "-p", "-passwd"];
/// ipmitool(1): the Kg key.
const IPMI_KEYS: [&str; 2] = ["-k", "-y"];
/// Parts of names of options and variables whose value is a secret.
const NAMES: [&str; 8] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
];
/// Headers of HTTP whose value is a secret.
const HEADERS: [&str; 4] = ["authorization:", "x-auth-token:", "cookie:", "proxy-authorization:"];

/// The words of a command as they may be shown.
#[must_use]
pub fn shown(argv: &[String]) -> Vec<String> {
    let ipmitool = argv
        .first()
        .is_some_and(|program| program.rsplit('/').next() == Some("ipmitool"));
    let mut hide_next = false;
    argv.iter()
        .enumerate()
        .map(|(at, word)| {
            if std::mem::take(&mut hide_next) {
                return HIDDEN.to_owned();
            }
            if at == 0 {
                return word.clone();
            }
            let long = word.starts_with("--") && !word.contains('=');
            hide_next = NEXT.contains(&word.as_str())
                || (ipmitool && IPMI_KEYS.contains(&word.as_str()))
                || (long && is_secret(word) && !names_a_file(word));
            if matches!(word.as_str(), "-u" | "--user") {
                return word.clone();
            }
            let after_user = matches!(argv[at - 1].as_str(), "-u" | "--user");
            one(word, after_user)
        })
        .collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// `--password-file`, `--passwd_script`: where the secret is, not what it is.
fn names_a_file(name: &str) -> bool {
    let name = name.to_lowercase();
    ["file", "script", "path", "env"].iter().any(|end| name.ends_with(end))
}

fn one(word: &str, after_user: bool) -> String {
    let lower = word.to_lowercase();
    if let Some(header) = HEADERS.iter().find(|header| lower.starts_with(**header)) {
        return format!("{} {HIDDEN}", &word[..header.len()]);
    }
    if let Some((name, _)) = word.split_once('=')
        && is_secret(name)
        && !names_a_file(name)
    {
        return format!("{name}={HIDDEN}");
    }
    // `-Psecret`: the value in the same word.
    if word.starts_with("-P") && word.len() > 2 {
        return format!("-P{HIDDEN}");
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((user, host)) = rest.split('/').next().and_then(|host| host.rsplit_once('@'))
        && let Some((user, _)) = user.split_once(':')
    {
        let path = rest
            .split_once('/')
            .map(|(_, path)| format!("/{path}"))
            .unwrap_or_default();
        return format!("{scheme}://{user}:{HIDDEN}@{host}{path}");
    }
    if after_user && let Some((user, _)) = word.split_once(':') {
        return format!("{user}:{HIDDEN}");
    }
    word.to_owned()
}

/// Text that a command printed, without the secrets that stand in its words.
#[must_use]
pub fn cleaned(argv: &[String], text: &str) -> String {
    let mut out = text.to_owned();
    for (word, shown) in argv.iter().zip(shown(argv)) {
        if *word == shown {
            continue;
        }
        // What the shown word keeps around the secret is no part of it.
        let Some((before, after)) = shown.split_once(HIDDEN) else {
            continue;
        };
        let secret = word
            .get(before.trim_end().len()..word.len().saturating_sub(after.len()))
            .unwrap_or(word)
            .trim();
        if secret.len() > 2 {
            out = out.replace(secret, HIDDEN);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        shlex::split(line).unwrap()
    }

    #[test]
    fn passwords_are_hidden_and_nothing_else() {
        for (given, wanted) in [
            (
                "ipmitool -H 10.0.0.9 -U root -P hunter22 power off",
                "ipmitool -H 10.0.0.9 -U root -P *** power off",
            ),
            (
                "/usr/bin/ipmitool -Phunter22 -k hunter22 power off",
                "/usr/bin/ipmitool -P*** -k *** power off",
            ),
            (
                "fence_ipmilan -a bmc -l root -p hunter22 -o off",
                "fence_ipmilan -a bmc -l root -p *** -o off",
            ),
            (
                "fence_x --password=hunter22 --action off",
                "fence_x --password=*** --action off",
            ),
            (
                "fence_x --password hunter22 --action off",
                "fence_x --password *** --action off",
            ),
            ("env BMC_TOKEN=hunter22 power off", "env BMC_TOKEN=*** power off"),
            (
                "curl -u root:hunter22 https://bmc/off",
                "curl -u root:*** https://bmc/off",
            ),
            (
                "curl https://root:hunter22@bmc/off?now",
                "curl https://root:***@bmc/off?now",
            ),
            (
                "curl -H 'Authorization: Basic hunter22'",
                "curl -H 'Authorization: ***'",
            ),
            ("/usr/local/sbin/power stor1 off", "/usr/local/sbin/power stor1 off"),
            (
                "ipmitool -f /etc/bmc.pass -H bmc power off",
                "ipmitool -f /etc/bmc.pass -H bmc power off",
            ),
            (
                "fence_x --password-file /etc/bmc -o off",
                "fence_x --password-file /etc/bmc -o off",
            ),
        ] {
            let given = words(given);
            assert_eq!(shown(&given), words(wanted));
            let printed = format!("wrong: {}", given.join(" "));
            assert!(
                !cleaned(&given, &printed).contains("hunter22"),
                "{}",
                cleaned(&given, &printed)
            );
        }
    }
}
