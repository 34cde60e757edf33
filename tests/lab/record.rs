//! Writes down what hosts of the lab answer to the remote half: the captures that parser tests read.
//!
//! `tests/captures/lab/STATE/HOST/` holds one file a section, exactly as the remote half sent it, and
//! `versions` with the kernel and the tools it came from. `tests/lab/record` brings the states about.

use crate::program::Lab;
use pointsman::{
    facts::{SectionStatus, Tier},
    remote::{frame::Decoder, half},
};
use std::{
    fs,
    io::{Read, Write as _},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

/// How long the slow lane may take.
const PATIENCE: Duration = Duration::from_secs(12);

/// Programs whose versions are noted, where they are.
const VERSIONS: &str = "uname -sr; for tool in 'drbdadm --version' 'mdadm --version' 'exportfs --version' 'mariadbd --version' \
                        'zpool --version' 'mount.nfs -V'; do $tool 2>&1 | head -n 4; done 2>/dev/null; \
                        dpkg-query -W drbd-utils mdadm nfs-kernel-server nfs-common mariadb-server galera-4 zfs-fuse 2>/dev/null";

/// Records these hosts in one state.
pub fn record(lab: &Lab, state: &str, hosts: &[String]) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures/lab")
        .join(state);
    for name in hosts {
        let host = lab
            .fleet()
            .host(name)
            .ok_or_else(|| format!("the lab has no host {name}"))?;
        let nonce = half::nonce();
        let said = format!(
            "{}{}{}",
            half::script(host),
            half::hello(&nonce),
            half::go(1, &[Tier::Fast, Tier::Medium, Tier::Slow], true)
        );
        // A mount has answered, or has not, only when it is asked about again.
        let again = half::go(2, &[Tier::Fast], true);
        let (out, slow) = converse(lab, name, &half::start_command(host), &[&said, &again])?;
        let folder = folder.join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        for bytes in [out, slow] {
            write_sections(lab, &folder, &nonce, &bytes)?;
        }
        let (versions, _) = converse(lab, name, VERSIONS, &[])?;
        fs::write(folder.join("versions"), impersonal(lab, &versions)).map_err(|error| error.to_string())?;
        println!("{state}/{name}");
    }
    Ok(())
}

/// Runs a command on a host, says something to it with time for an answer after each, and hears both of its streams.
fn converse(lab: &Lab, host: &str, command: &str, said: &[&str]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut child = lab
        .ssh(host, command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let out = child.stdout.take().map(hear);
    let errors = child.stderr.take().map(hear);
    for said in said {
        input.write_all(said.as_bytes()).map_err(|error| error.to_string())?;
        // The end of input ends the remote half, the slow lane with it.
        thread::sleep(PATIENCE);
    }
    drop(input);
    let all =
        |heard: Option<thread::JoinHandle<Vec<u8>>>| heard.and_then(|heard| heard.join().ok()).unwrap_or_default();
    let heard = (all(out), all(errors));
    let _ = child.wait();
    Ok(heard)
}

fn hear(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// The same without what belongs to the machine that the lab ran on: where its files lie, and its own kernel,
/// which hosts that are namespaces share.
fn impersonal(lab: &Lab, content: &[u8]) -> Vec<u8> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let text = String::from_utf8_lossy(content)
        .replace(&*lab.folder().to_string_lossy(), "/usr/src/pointsman/target/lab")
        .replace(env!("CARGO_MANIFEST_DIR"), "/usr/src/pointsman");
    match kernel.trim() {
        "" => text.into_bytes(),
        kernel => text.replace(kernel, "6.1.0-lab").into_bytes(),
    }
}

fn write_sections(lab: &Lab, folder: &Path, nonce: &str, bytes: &[u8]) -> Result<(), String> {
    let mut decoder = Decoder::new(nonce);
    decoder.push(bytes);
    while let Some(frame) = decoder.next_frame().map_err(|error| error.to_string())? {
        for section in frame.sections {
            let (Some(name), SectionStatus::Ok) = (section.section, &section.status) else {
                continue;
            };
            // One frame says that a slow section has begun, a later one what it says.
            if !section.content.is_empty() {
                fs::write(folder.join(name.name()), impersonal(lab, &section.content))
                    .map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}
