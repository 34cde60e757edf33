//! A real OpenSSH server on a loopback port, with keys and configuration of its own.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

use pointsman::{
    fleet::Host,
    remote::{
        ExecLimits, Output, Remote as _, RemoteError, Session,
        known_hosts::Source,
        log::LogBook,
        ssh::{SshOptions, SshRemote},
        ssh_config::Mode,
    },
};
use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A directory with keys; everything is gone when it is dropped.
pub struct Lab {
    dir: tempfile::TempDir,
    configs: AtomicUsize,
}

/// A running sshd; stopped when dropped.
pub struct Sshd {
    child: Child,
    pub port: u16,
    log: PathBuf,
}

/// A running ssh-agent; stopped when dropped.
pub struct Agent {
    child: Child,
    pub socket: PathBuf,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    /// Ends it together with its sessions, as a host that loses its power would.
    pub fn die(mut self) {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = all.get(at).copied() {
            let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
            at += 1;
        }
        for pid in all {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            // One that is gone already is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        self.child.wait().unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

fn sshd_binary() -> PathBuf {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("sshd is missing: install the package openssh-server")
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn run(command: &mut Command) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: install the package openssh-client"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Lab {
    /// A lab with a host key, a user key `id` that is authorised, and a `known_hosts` file with nothing in it.
    pub fn new() -> Self {
        let lab = Self {
            dir: tempfile::tempdir().unwrap(),
            configs: AtomicUsize::new(0),
        };
        lab.key("host", "ed25519", "");
        lab.key("id", "ed25519", "");
        fs::copy(lab.path("id.pub"), lab.path("authorized")).unwrap();
        fs::write(lab.path("known"), "").unwrap();
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap().trim().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes a key pair; what was there before is replaced.
    pub fn key(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"])
            .arg(&path);
        if kind == "rsa" {
            command.args(["-b", "2048"]);
        }
        run(&mut command);
        path
    }

    /// Signs `NAME.pub` with the key `ca`, giving `NAME-cert.pub`.
    pub fn sign(&self, ca: &str, name: &str, args: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        command
            .arg("-q")
            .arg("-s")
            .arg(self.path(ca))
            .args(["-I", name])
            .args(args);
        run(command.arg(self.path(&format!("{name}.pub"))));
    }

    /// The type and key of `NAME.pub`, as a `known_hosts` line ends.
    pub fn public(&self, name: &str) -> String {
        let text = self.read(&format!("{name}.pub"));
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Starts sshd with more lines of configuration.
    pub fn sshd(&self, extra: &str) -> Sshd {
        self.sshd_with_host_keys(&["host"], extra)
    }

    pub fn sshd_with_host_keys(&self, host_keys: &[&str], extra: &str) -> Sshd {
        self.sshd_at(free_port(), host_keys, extra)
    }

    pub fn sshd_at(&self, port: u16, host_keys: &[&str], extra: &str) -> Sshd {
        if user() == "root" {
            // The privilege separation directory, which the package makes when the service starts.
            let _ = fs::create_dir_all("/run/sshd");
        }
        let mut config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 200\nLogLevel VERBOSE\n\
             AuthorizedKeysFile {}\n",
            self.path("authorized").display()
        );
        for key in host_keys {
            let _ = writeln!(config, "HostKey {}", self.path(key).display());
        }
        config.push_str(extra);
        config.push('\n');
        let name = format!("sshd-{port}");
        self.write(&name, &config);
        self.start(port)
    }

    /// Starts sshd as if on a machine of its own: with that machine-id, which only root can arrange.
    pub fn sshd_on_machine(&self, machine_id: &str, extra: &str) -> Sshd {
        let port = free_port();
        let sshd = self.sshd_at(port, &["host"], extra);
        drop(sshd);
        let id = self.write(&format!("machine-{port}"), &format!("{machine_id}\n"));
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" /etc/machine-id && shift && exec \"$@\"",
            "sh",
        ]);
        command.arg(id).arg(sshd_binary());
        self.start_by(command, port)
    }

    /// Starts the sshd that had this port, with the configuration and keys that it had.
    pub fn start(&self, port: u16) -> Sshd {
        self.start_by(Command::new(sshd_binary()), port)
    }

    fn start_by(&self, mut command: Command, port: u16) -> Sshd {
        let file = self.path(&format!("sshd-{port}"));
        let log = self.path(&format!("sshd-{port}.log"));
        let _ = fs::remove_file(&log);
        let child = command
            .arg("-D")
            .arg("-E")
            .arg(&log)
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut sshd = Sshd { child, port, log };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !sshd.log().contains("Server listening") {
            assert!(
                Instant::now() < deadline && sshd.child.try_wait().unwrap().is_none(),
                "sshd did not start: {}",
                sshd.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        sshd
    }

    /// Starts ssh-agent with the keys named.
    pub fn agent(&self, keys: &[&str]) -> Agent {
        let socket = self.path("agent.sock");
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh-agent is missing: install the package openssh-client");
        let agent = Agent { child, socket };
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::os::unix::net::UnixStream::connect(&agent.socket).is_err() {
            assert!(Instant::now() < deadline, "ssh-agent did not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        for key in keys {
            run(Command::new("ssh-add")
                .arg("-q")
                .arg(self.path(key))
                .env("SSH_AUTH_SOCK", &agent.socket));
        }
        agent
    }

    /// A `known_hosts` file with one line for each `(names, key)`.
    pub fn know(&self, lines: &[(String, &str)]) {
        let mut text = String::new();
        for (names, key) in lines {
            let _ = writeln!(text, "{names} {}", self.public(key));
        }
        self.write("known", &text);
    }

    /// Knows the sshd by its host key.
    pub fn know_sshd(&self, sshd: &Sshd) {
        self.know(&[(format!("[127.0.0.1]:{}", sshd.port), "host")]);
    }

    /// An `ssh_config` with the lab's key and `known_hosts`, and more lines before those.
    pub fn config(&self, extra: &str) -> PathBuf {
        let text = format!(
            "{extra}\nHost *\n  IdentityFile {}\n  IdentityAgent none\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  User {}\n",
            self.path("id").display(),
            self.path("known").display(),
            user()
        );
        let number = self.configs.fetch_add(1, Ordering::Relaxed);
        self.write(&format!("config-{number}"), &text)
    }

    pub fn options(&self) -> SshOptions {
        SshOptions {
            config: Mode::File(self.config("")),
            known_hosts: Source::Config,
            batch: true,
            log: LogBook::default(),
            ..SshOptions::default()
        }
    }

    pub fn options_with(&self, config: &str) -> SshOptions {
        SshOptions {
            config: Mode::File(self.config(config)),
            ..self.options()
        }
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn host(port: u16) -> Host {
    let mut host = Host::new("box1", "127.0.0.1");
    host.port = Some(port);
    host.jump = Some(Vec::new());
    host
}

pub async fn connect(options: &SshOptions, host: &Host) -> Result<Arc<dyn Session>, RemoteError> {
    SshRemote::new(options.clone()).connect(host, &|_| {}).await
}

pub async fn exec(session: &dyn Session, command: &str) -> Output {
    session.exec(command, b"", ExecLimits::default()).await.unwrap()
}

/// The fingerprint of a public key file, as `ssh-keygen -l` shows it.
pub fn fingerprint(path: &Path) -> String {
    let output = Command::new("ssh-keygen").arg("-lf").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Client sockets of this machine that are connected to `port` (proc(5), /proc/net/tcp).
pub fn connections(port: u16) -> usize {
    let remote = format!(":{port:04X}");
    let text = fs::read_to_string("/proc/net/tcp").unwrap();
    text.lines()
        .filter(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // 01 is ESTABLISHED.
            words.len() > 3 && words[2].ends_with(&remote) && words[3] == "01"
        })
        .count()
}
