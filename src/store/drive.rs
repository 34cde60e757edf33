//! One process at a time drives a run: a lock on a file of its own, which the kernel gives back when the process
//! ends, however it ends.

use super::{Store, StoreError};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The right to drive a run; given back when dropped.
#[derive(Debug)]
pub struct Driving {
    file: File,
    path: PathBuf,
    run: String,
}

/// Who drives a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driver {
    /// Nobody: whoever did has ended.
    Nobody,
    /// A living process: `user@console, process 4711`, or what is known of it.
    Process(String),
}

impl Store {
    /// Takes the right to drive a run. `who` names the driver for others who ask.
    ///
    /// # Errors
    /// [`StoreError::Driven`] while another process has it.
    pub fn drive(&self, run: &str, who: &str) -> Result<Driving, StoreError> {
        let path = self.lock_path(run)?;
        let mut file = lock_file(&path)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StoreError::Driven {
                run: run.to_owned(),
                by: name(&mut file),
            });
        }
        let text = format!("{who}, process {}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|error| StoreError::Place {
            path: path.clone(),
            why: error.to_string(),
        })?;
        Ok(Driving {
            file,
            path,
            run: run.to_owned(),
        })
    }

    /// Who drives a run now.
    pub fn driver(&self, run: &str) -> Result<Driver, StoreError> {
        let path = self.lock_path(run)?;
        if !path.exists() {
            return Ok(Driver::Nobody);
        }
        let mut file = lock_file(&path)?;
        // A shared lock disturbs nobody who only asks; a driver that begins this very moment is told to try again.
        Ok(match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Driver::Nobody,
            Err(_) => Driver::Process(name(&mut file)),
        })
    }

    fn lock_path(&self, run: &str) -> Result<PathBuf, StoreError> {
        // The name becomes part of a path.
        if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(StoreError::NoRun(run.to_owned()));
        }
        Ok(self.directory.join(format!("run-{run}.lock")))
    }
}

fn lock_file(path: &Path) -> Result<File, StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    opened.map_err(|error| StoreError::Place {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// What the holder of a lock wrote of itself.
fn name(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.take(256).read_to_end(&mut bytes));
    let text = crate::facts::CleanText::from_bytes(bytes.trim_ascii());
    if read.is_err() || text.is_empty() {
        return "another process".to_owned();
    }
    text.to_string()
}

impl Driving {
    /// The run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Gives the right back for good: nobody will drive this run again.
    pub fn finish(self) {
        // Whoever has opened the file in between gets a lock without a name, and then sees that the run is over.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        // A child that is being started has a copy of the descriptor for a moment; closing ours alone would not give the
        // lock back, flock(2).
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_given_back_though_a_child_holds_a_copy_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let driving = store.drive("run-1", "ann@desk").unwrap();
        let copy = driving.file.try_clone().unwrap();
        drop(driving);
        assert_eq!(store.driver("run-1").unwrap(), Driver::Nobody);
        drop(copy);
    }
}
