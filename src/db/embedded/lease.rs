//! Agreement between processes that share one `DATA_DIR`: one starts or stops at a time, the last one stops.
//!
//! Two lock files under `DATA_DIR/postgres`. `start.lock` is held alone while starting or stopping; `users.lock` is
//! held together by every process that uses the server. The kernel lets go of both when a process ends in any way.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::EmbeddedError;

/// How long to wait for another process; the other may be fetching the bundle.
const PATIENCE: Duration = Duration::from_mins(6);

/// The right to start or stop the server; ends when dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held for its lock, never read")] File);

impl Turn {
    /// Waits until no other process is starting or stopping the server.
    pub(super) async fn take(home: &Path) -> Result<Self, EmbeddedError> {
        let path = home.join("start.lock");
        let file = open(&path)?;
        let deadline = Instant::now() + PATIENCE;
        // Polled rather than blocked on, so that a service being shut down is not stuck in a thread.
        while !try_lock(&file, &path)? {
            if Instant::now() > deadline {
                return Err(EmbeddedError::Busy(path));
            }
            sleep(Duration::from_millis(30)).await;
        }
        Ok(Self(file))
    }
}

/// The mark that this process uses the server; ends when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Marks this process as a user; call it with the turn taken.
    pub(super) fn join(home: &Path) -> Result<Self, EmbeddedError> {
        let path = home.join("users.lock");
        let file = open(&path)?;
        file.lock_shared().map_err(EmbeddedError::io("lock", &path))?;
        Ok(Self { file, path })
    }

    /// Gives the mark up and tells whether nobody else has one. After such an answer nobody can join until `self` is
    /// dropped, which is what makes it safe to act on.
    pub(super) fn leave(&self) -> Result<bool, EmbeddedError> {
        self.file.unlock().map_err(EmbeddedError::io("unlock", &self.path))?;
        try_lock(&self.file, &self.path)
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.mode(0o600).read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(EmbeddedError::io("open", path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, EmbeddedError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path)(error)),
    }
}
