//! Where everything of the cluster lies, and the paths being usable for the account that runs the server.
//!
//! Normally all is under `DATA_DIR/postgres`. Two things can force a part elsewhere: root's `DATA_DIR` that the
//! server's account cannot enter, and a path too long for a Unix socket.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::bundle::unique;
use super::error::EmbeddedError;

/// Where root keeps clusters whose `DATA_DIR` the server's account cannot enter.
const SYSTEM_HOME: &str = "/var/lib/aftercall";

/// Longest path of a socket file that is safe on every Unix (Linux allows 107 bytes, others 103).
const SOCKET_PATH_LIMIT: usize = 100;

/// Name Postgres gives its socket file on the standard port.
pub(super) const SOCKET_FILE: &str = ".s.PGSQL.5432";

/// The directories and files of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// `DATA_DIR/postgres`: locks, log, and normally everything else.
    pub home: PathBuf,
    /// The directory that holds the cluster: `home`, or one under `/var/lib/aftercall`.
    pub base: PathBuf,
    /// The socket's directory.
    pub socket: PathBuf,
    /// The account that runs the server.
    pub account: Account,
}

impl Layout {
    /// Makes `DATA_DIR/postgres` and gives its absolute path.
    pub(super) fn home(data_dir: &Path) -> Result<PathBuf, EmbeddedError> {
        let home = data_dir.join("postgres");
        fs::create_dir_all(&home).map_err(EmbeddedError::io("create", &home))?;
        fs::canonicalize(&home).map_err(EmbeddedError::io("resolve", &home))
    }

    /// Decides where the cluster lives and which account runs it; call it with the start lock held.
    pub(super) async fn decide(home: PathBuf) -> Result<Self, EmbeddedError> {
        let recorded = Self::recorded(&home)?;
        let (base, account) = if let Some(base) = recorded {
            let account = Account::owning(&base.join("cluster"))?;
            (base, account)
        } else if exists(&home.join("cluster"))? {
            let account = Account::owning(&home.join("cluster"))?;
            (home.clone(), account)
        } else {
            Self::place_new(&home).await?
        };
        if !account.can_enter(&base).await? {
            let reason = format!("account {} that runs the server cannot enter it", account.uid());
            return Err(EmbeddedError::directory(&base, reason));
        }
        let socket = socket_directory(&home, &base);
        account.private_directory(&socket)?;
        Ok(Self { home, base, socket, account })
    }

    async fn place_new(home: &Path) -> Result<(PathBuf, Account), EmbeddedError> {
        let account = Account::choose();
        if account == Account::Own {
            return Ok((home.to_path_buf(), account));
        }
        // Entering is all the account needs; reading what else lies here is not for it.
        fs::set_permissions(home, fs::Permissions::from_mode(0o711))
            .map_err(EmbeddedError::io("change the mode of", home))?;
        if account.can_enter(home).await? {
            return Ok((home.to_path_buf(), account));
        }
        let base = Path::new(SYSTEM_HOME).join(short_hash(home));
        put_aside(&base)?;
        for directory in [Path::new(SYSTEM_HOME), &base] {
            fs::create_dir_all(directory).map_err(EmbeddedError::io("create", directory))?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o711))
                .map_err(EmbeddedError::io("change the mode of", directory))?;
        }
        Ok((base, account))
    }

    /// Reads where an earlier start put the cluster.
    fn recorded(home: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
        let record = home.join("location");
        if !exists(&record)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&record).map_err(EmbeddedError::io("read", &record))?;
        let base = PathBuf::from(text.trim_end_matches('\n'));
        if exists(&base.join("cluster"))? {
            return Ok(Some(base));
        }
        let reason = format!(
            "{} says that the data is there, but it is not; bring it back, or remove that file to begin with an \
             empty database",
            record.display()
        );
        Err(EmbeddedError::directory(&base, reason))
    }

    /// Records where the cluster is when it is not beside the record; call it once the cluster exists.
    pub(super) fn record(&self) -> Result<(), EmbeddedError> {
        let record = self.home.join("location");
        if self.base == self.home || exists(&record)? {
            return Ok(());
        }
        tracing::info!(directory = %self.base.display(), "DATA_DIR is closed to the database's account: data is kept here");
        let text = format!("{}\n", self.base.display());
        fs::write(&record, text).map_err(EmbeddedError::io("write", &record))
    }

    /// Gives the cluster's directory.
    pub(super) fn cluster(&self) -> PathBuf {
        self.base.join("cluster")
    }

    /// Gives the file the postmaster describes itself in.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    /// Gives the server's log file.
    pub(super) fn log(&self) -> PathBuf {
        self.home.join("server.log")
    }

    /// Gives the socket's file.
    pub(super) fn socket_file(&self) -> PathBuf {
        self.socket.join(SOCKET_FILE)
    }
}

/// Tells whether something is there, keeping "not allowed to look" apart from "not there".
pub(super) fn exists(path: &Path) -> Result<bool, EmbeddedError> {
    path.try_exists().map_err(EmbeddedError::io("look for", path))
}

/// Puts aside what an earlier `DATA_DIR` of the same path left, so that removing `DATA_DIR` means a new beginning: old
/// rows without the keys that were in `DATA_DIR` would be of no use. Nothing is deleted.
fn put_aside(base: &Path) -> Result<(), EmbeddedError> {
    if !exists(&base.join("cluster"))? {
        return Ok(());
    }
    if UnixStream::connect(base.join("socket").join(SOCKET_FILE)).is_ok() {
        let reason = "it belongs to a DATA_DIR that was removed, but a server still runs on it; stop that one first";
        return Err(EmbeddedError::directory(base, reason));
    }
    let aside = base.with_extension(format!("old-{:x}", unique()));
    tracing::warn!(directory = %aside.display(), "the data of a DATA_DIR that was removed is put aside");
    fs::rename(base, &aside).map_err(EmbeddedError::io("rename", base))
}

fn socket_directory(home: &Path, base: &Path) -> PathBuf {
    let beside = base.join("socket");
    // A path that is not text could not be told to the server, nor be put in a URL.
    if beside.to_str().is_some_and(|path| path.len() + 1 + SOCKET_FILE.len() <= SOCKET_PATH_LIMIT) {
        beside
    } else {
        // Not the system's notion of a temporary directory: that can be long too.
        Path::new("/tmp").join(format!("aftercall-{}", short_hash(home)))
    }
}

fn short_hash(path: &Path) -> String {
    hex::encode(&Sha256::digest(path.as_os_str().as_bytes())[..6])
}
