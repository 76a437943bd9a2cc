//! The server's log file: bounded, and quoted when a start fails.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::EmbeddedError;

/// Size at which the log is put aside, replacing the one put aside before.
const LIMIT: u64 = 8 << 20;

/// How much of the log's end an error quotes.
const TAIL: u64 = 3_000;

/// The log as one start sees it.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    begin: u64,
}

impl Log {
    /// Opens the log and remembers where this start begins in it.
    pub(super) fn begin(path: PathBuf) -> Result<Self, EmbeddedError> {
        bound(&path);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(EmbeddedError::io("open", &path))?;
        let begin = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self { path, file, begin })
    }

    /// Gives both outputs of the server. It inherits them open, so its account needs no right to the file.
    pub(super) fn outputs(&self) -> Result<(Stdio, Stdio), EmbeddedError> {
        let copy = || self.file.try_clone().map_err(EmbeddedError::io("open", &self.path));
        Ok((copy()?.into(), copy()?.into()))
    }

    /// Makes the error of a start that failed, quoting the end of the log.
    pub(super) fn failure(&self, reason: &str) -> EmbeddedError {
        let tail = self.tail().unwrap_or_else(|error| format!("(it cannot be read: {error})"));
        EmbeddedError::Start { reason: reason.to_owned(), log: self.path.clone(), tail }
    }

    fn tail(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        let from = self.begin.max(end.saturating_sub(TAIL));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}

/// Puts the log aside when it has grown too large; a running server goes on at the beginning of the emptied file.
pub(super) fn bound(path: &Path) {
    if fs::metadata(path).map_or(0, |metadata| metadata.len()) < LIMIT {
        return;
    }
    let aside = path.with_extension("log.1");
    let outcome = fs::copy(path, &aside).and_then(|_| OpenOptions::new().write(true).open(path)?.set_len(0));
    if let Err(error) = outcome {
        tracing::warn!(log = %path.display(), %error, "cannot put the database server's log aside");
    }
}
