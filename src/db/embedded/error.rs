//! What can go wrong with the private cluster, worded for the person who has to put it right.
//!
//! Deliberately no source chains over several types: each variant's text stands on its own in a log line.

use std::path::{Path, PathBuf};

/// Says why the private Postgres cluster could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No usable binaries are installed and the portable bundle could not be had either.
    #[error(
        "no usable PostgreSQL was found ({searched}) and the portable bundle could not be used: {bundle}. \
         One of three things helps: set DATABASE_URL; install PostgreSQL 15 or newer, for example with \
         `apt-get install postgresql`; or have pip at hand so that the bundle can be fetched"
    )]
    NoBinaries {
        /// Where binaries were looked for and what was wrong with those found.
        searched: String,
        /// Why the bundle is not available.
        bundle: String,
    },
    /// The directory named by configuration holds no usable binaries.
    #[error("the configured PostgreSQL directory {} cannot be used: {reason}", .path.display())]
    ConfiguredBinaries {
        /// The configured directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The existing cluster was made by another major version than any binaries at hand.
    #[error(
        "the cluster in {} was made by PostgreSQL {cluster}, but only other versions are here ({found}). \
         Install PostgreSQL {cluster}, or move the data over with pg_upgrade or pg_dump",
        .path.display()
    )]
    VersionMismatch {
        /// The cluster's directory.
        path: PathBuf,
        /// The major version that made it.
        cluster: String,
        /// The binaries that were found instead.
        found: String,
    },
    /// No account may run the server here, or the cluster belongs to somebody else.
    #[error("the database's directory {} cannot be used: {reason}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A program could not be run at all.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `initdb` did not succeed.
    #[error("initdb failed: {output}")]
    Initdb {
        /// What it printed last.
        output: String,
    },
    /// The server ended before it was ready, or did not get ready in time.
    #[error("the database server did not start: {reason}; the end of {}:\n{tail}", .log.display())]
    Start {
        /// What was seen from the outside.
        reason: String,
        /// The server's log file.
        log: PathBuf,
        /// The log's last lines of this start.
        tail: String,
    },
    /// The server runs but no session could be opened, or the database could not be created.
    #[error("cannot open a session on the private database server: {0}")]
    Session(#[from] sqlx::Error),
    /// Another process kept the start lock for too long.
    #[error("another process has been starting or stopping the database for too long (lock {})", .0.display())]
    Busy(PathBuf),
    /// The server did not end when asked.
    #[error("the database server (pid {0}) did not stop in time")]
    Stop(i32),
}

impl EmbeddedError {
    /// Gives a closure for `map_err` that says what was being done to which file.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    /// Shortens to a directory that cannot be used, with the reason.
    pub(super) fn directory(path: &Path, reason: impl Into<String>) -> Self {
        Self::Directory { path: path.to_path_buf(), reason: reason.into() }
    }
}
