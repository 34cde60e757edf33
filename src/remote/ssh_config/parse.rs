//! The answer of `ssh -G`, read into what the transport needs, with `~` and `%` tokens expanded.

use super::scan::home;
use crate::remote::Family;
use std::{path::PathBuf, time::Duration};

/// Which agent holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// The socket named by `SSH_AUTH_SOCK`.
    Environment,
    /// The socket named by another environment variable (`IdentityAgent $NAME`).
    Variable(String),
    /// This socket.
    Socket(PathBuf),
    /// No agent.
    None,
}

impl Agent {
    /// Reads `IdentityAgent` (`ssh_config(5)`).
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        if word.eq_ignore_ascii_case("none") {
            Self::None
        } else if word == "SSH_AUTH_SOCK" {
            Self::Environment
        } else if let Some(name) = word.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Self::Variable(name.to_owned())
        } else {
            Tokens::new("").expand_path(word).map_or(Self::None, Self::Socket)
        }
    }

    /// The socket, if there is one.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        let from = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        match self {
            Self::Environment => from("SSH_AUTH_SOCK"),
            Self::Variable(name) => from(name),
            Self::Socket(path) => Some(path.clone()),
            Self::None => None,
        }
    }
}

/// What stands between this machine and a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// Nothing.
    #[default]
    None,
    /// Jump hosts, nearest first, each `[user@]host[:port]`.
    Jump(Vec<String>),
    /// A command whose standard input and output are the connection; tokens not yet expanded.
    Command(String),
}

/// What applies to one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// What the inventory calls it (the command line argument of `ssh`).
    pub original: String,
    /// What to connect to.
    pub hostname: String,
    /// The port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// Private key files, in order.
    pub identity_files: Vec<PathBuf>,
    /// Whether the agent may offer only keys that are named in `identity_files`.
    pub identities_only: bool,
    /// The agent.
    pub agent: Agent,
    /// Certificates of own keys.
    pub certificate_files: Vec<PathBuf>,
    /// How to get there.
    pub proxy: Proxy,
    /// `known_hosts` files: the user's, then the system's.
    pub known_hosts: Vec<PathBuf>,
    /// `HostKeyAlias`.
    pub host_key_alias: Option<String>,
    /// `RevokedHostKeys`: a file of keys that no host may present.
    pub revoked_host_keys: Option<PathBuf>,
    /// `HostKeyAlgorithms`; `None` for no limit.
    pub host_key_algorithms: Option<Vec<String>>,
    /// `HashKnownHosts`: how a new key is kept.
    pub hash_known_hosts: bool,
    /// `ConnectTimeout`.
    pub connect_timeout: Option<Duration>,
    /// `AddressFamily`.
    pub family: Family,
}

/// Values for `%` tokens (`ssh_config(5)`, TOKENS).
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    original: String,
    hostname: String,
    port: String,
    user: String,
    alias: String,
    jump: String,
}

impl Tokens {
    /// Tokens for a host before its configuration is known.
    #[must_use]
    pub fn new(original: &str) -> Self {
        Self {
            original: original.to_owned(),
            ..Self::default()
        }
    }

    /// Tokens for a host whose configuration is known.
    #[must_use]
    pub fn of(config: &HostConfig) -> Self {
        Self {
            original: config.original.clone(),
            hostname: config.hostname.clone(),
            port: config.port.to_string(),
            user: config.user.clone(),
            alias: config.host_key_alias.clone().unwrap_or_else(|| config.original.clone()),
            jump: match &config.proxy {
                Proxy::Jump(hops) => hops.join(","),
                _ => String::new(),
            },
        }
    }

    /// Replaces `%` tokens.
    ///
    /// # Errors
    /// Names a token that is not supported.
    pub fn expand(&self, word: &str) -> Result<String, String> {
        let mut out = String::with_capacity(word.len());
        let mut chars = word.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some('d') => out.push_str(&home().unwrap_or_default().to_string_lossy()),
                Some('h') => out.push_str(&self.hostname),
                Some('n') => out.push_str(&self.original),
                Some('p') => out.push_str(&self.port),
                Some('r') => out.push_str(&self.user),
                Some('k') => out.push_str(&self.alias),
                Some('j') => out.push_str(&self.jump),
                Some('u') => out.push_str(&own_user()),
                Some('i') => out.push_str(&rustix::process::getuid().as_raw().to_string()),
                Some('l') => out.push_str(&own_name()),
                Some('L') => out.push_str(own_name().split('.').next().unwrap_or_default()),
                other => {
                    let token = other.map(String::from).unwrap_or_default();
                    return Err(format!("the token %{token} in {word:?} is not supported"));
                }
            }
        }
        Ok(out)
    }

    /// Replaces `~`, `${NAME}` and `%` tokens of a path.
    ///
    /// # Errors
    /// Names what cannot be replaced.
    pub fn expand_path(&self, word: &str) -> Result<PathBuf, String> {
        let mut text = self.expand(word)?;
        while let Some(start) = text.find("${") {
            let end = text[start..]
                .find('}')
                .ok_or_else(|| format!("{word:?} has no closing brace"))?
                + start;
            let value = std::env::var(&text[start + 2..end])
                .map_err(|_| format!("{} in {word:?} is not set", &text[start..=end]))?;
            if value.contains("${") {
                return Err(format!("{word:?} nests variables"));
            }
            text.replace_range(start..=end, &value);
        }
        if let Some(rest) = text.strip_prefix("~/") {
            return home()
                .map(|home| home.join(rest))
                .ok_or_else(|| "no home directory".to_owned());
        }
        if text.starts_with('~') {
            return Err(format!("{word:?}: only ~/ is supported"));
        }
        Ok(PathBuf::from(text))
    }
}

impl HostConfig {
    /// Reads an answer of `ssh -G`. `lists` are the lists of files as the configuration has them, see [`Scan::lists`](super::scan::Scan::lists).
    ///
    /// # Errors
    /// Says which value cannot be used.
    pub fn parse(text: &str, tokens: &Tokens, lists: &[Vec<String>]) -> Result<Self, String> {
        let mut config = Self::empty(&tokens.original);
        let (mut identities, mut certificates, mut user_hosts, mut global_hosts) = (vec![], vec![], "", "");
        let mut revoked = None;
        for line in text.lines() {
            let Some((keyword, value)) = line.split_once(' ') else {
                continue;
            };
            let yes = matches!(value, "yes" | "true");
            match keyword {
                "hostname" => value.clone_into(&mut config.hostname),
                "port" => config.port = value.parse().map_err(|_| format!("port {value:?}"))?,
                "user" => value.clone_into(&mut config.user),
                "identityfile" if value != "none" => identities.push(value),
                "certificatefile" if value != "none" => certificates.push(value),
                "identitiesonly" => config.identities_only = yes,
                "identityagent" => config.agent = Agent::from_word(value),
                "proxyjump" if value != "none" => {
                    config.proxy = Proxy::Jump(value.split(',').map(|hop| hop.trim().to_owned()).collect());
                }
                "proxycommand" if value != "none" => config.proxy = Proxy::Command(value.to_owned()),
                "userknownhostsfile" => user_hosts = value,
                "globalknownhostsfile" => global_hosts = value,
                "hostkeyalias" if value != "none" => config.host_key_alias = Some(value.to_owned()),
                "revokedhostkeys" if value != "none" => revoked = Some(value),
                "hostkeyalgorithms" => {
                    config.host_key_algorithms = Some(value.split(',').map(ToOwned::to_owned).collect());
                }
                "hashknownhosts" => config.hash_known_hosts = yes,
                "connecttimeout" => config.connect_timeout = value.parse().ok().map(Duration::from_secs),
                "addressfamily" => config.family = Family::from_word(value),
                _ => {}
            }
        }
        let tokens = Tokens::of(&config);
        let paths = |words: Vec<&str>| {
            words
                .into_iter()
                .map(|word| tokens.expand_path(word))
                .collect::<Result<_, _>>()
        };
        config.revoked_host_keys = revoked.map(|word| tokens.expand_path(word)).transpose()?;
        config.identity_files = paths(identities)?;
        config.certificate_files = paths(certificates)?;
        for value in [user_hosts, global_hosts] {
            let files = files_of(value, &tokens, lists);
            config.known_hosts.extend(match files {
                Some(files) => files,
                None => paths(value.split_whitespace().filter(|word| *word != "none").collect())?,
            });
        }
        Ok(config)
    }

    /// What OpenSSH would use without any file; nothing of the user's when `isolated`.
    #[must_use]
    pub fn defaults(address: &str, user: Option<&str>, port: Option<u16>, isolated: bool) -> Self {
        let mut config = Self::empty(address);
        config.hostname = address.to_lowercase();
        config.port = port.unwrap_or(22);
        config.user = user.map_or_else(own_user, ToOwned::to_owned);
        if isolated {
            config.agent = Agent::None;
            return config;
        }
        config.identity_files = default_identity_files();
        config.known_hosts = home().map(|home| home.join(".ssh/known_hosts")).into_iter().collect();
        config.known_hosts.push(PathBuf::from("/etc/ssh/ssh_known_hosts"));
        config
    }

    fn empty(original: &str) -> Self {
        Self {
            original: original.to_owned(),
            hostname: original.to_lowercase(),
            port: 22,
            user: String::new(),
            identity_files: Vec::new(),
            identities_only: false,
            agent: Agent::Environment,
            certificate_files: Vec::new(),
            proxy: Proxy::None,
            known_hosts: Vec::new(),
            host_key_alias: None,
            revoked_host_keys: None,
            host_key_algorithms: None,
            hash_known_hosts: false,
            connect_timeout: None,
            family: Family::Any,
        }
    }

    /// `user@host:port`, as shown and as a key of shared connections.
    #[must_use]
    pub fn destination(&self) -> String {
        let host = &self.hostname;
        if host.contains(':') {
            format!("{}@[{host}]:{}", self.user, self.port)
        } else {
            format!("{}@{host}:{}", self.user, self.port)
        }
    }
}

/// The list of the configuration that `ssh -G` has printed as this value: `~` and tokens expanded, but without
/// the quotes around names with spaces.
fn files_of(value: &str, tokens: &Tokens, lists: &[Vec<String>]) -> Option<Vec<PathBuf>> {
    let expanded = |list: &Vec<String>| {
        let list: Option<Vec<PathBuf>> = list.iter().map(|word| tokens.expand_path(word).ok()).collect();
        list.filter(|list| list.iter().any(|path| path.to_string_lossy().contains([' ', '\t'])))
    };
    let printed = |list: &Vec<PathBuf>| {
        let words: Vec<_> = list.iter().map(|path| path.to_string_lossy()).collect();
        words.join(" ") == value
    };
    lists.iter().filter_map(expanded).find(printed)
}

/// The private key files OpenSSH tries by itself, of the types that are supported here.
#[must_use]
pub fn default_identity_files() -> Vec<PathBuf> {
    let Some(home) = home() else { return Vec::new() };
    ["id_rsa", "id_ecdsa", "id_ed25519"]
        .iter()
        .map(|name| home.join(".ssh").join(name))
        .collect()
}

fn own_user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .or_else(|| rustix::process::getuid().is_root().then(|| "root".to_owned()))
        .unwrap_or_default()
}

fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
