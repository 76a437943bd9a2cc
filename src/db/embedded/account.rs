//! Which operating-system account runs the server: Postgres refuses to run as root.
//!
//! An ordinary user runs it itself. Root drops to the account `postgres`, else `nobody`, or to whoever owns the
//! cluster already. Accounts are read from `/etc/passwd` only; directory services are deliberately not asked.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::error::EmbeddedError;

/// Traditional number of the unprivileged account, for machines whose `/etc/passwd` does not list it.
const NOBODY: u32 = 65_534;

/// What child processes get as `PATH`; the environment is otherwise empty.
const CHILD_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The account that runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// The account this process already runs as.
    Own,
    /// This process is root and drops to these numbers.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Chooses the account for a new cluster.
    pub(super) fn choose() -> Self {
        if rustix::process::geteuid().is_root() {
            let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let (uid, gid) =
                ["postgres", "nobody"].iter().find_map(|name| lookup(&passwd, name)).unwrap_or((NOBODY, NOBODY));
            Self::Other { uid, gid }
        } else {
            Self::Own
        }
    }

    /// Chooses the account for a cluster that exists: its owner.
    pub(super) fn owning(cluster: &Path) -> Result<Self, EmbeddedError> {
        let owner = fs::symlink_metadata(cluster).map_err(EmbeddedError::io("read", cluster))?;
        let own = rustix::process::geteuid();
        if own.is_root() {
            if owner.uid() == 0 {
                let reason = "it belongs to root, and PostgreSQL does not run as root; \
                              give it to an ordinary account with `chown -R`";
                return Err(EmbeddedError::directory(cluster, reason));
            }
            Ok(Self::Other { uid: owner.uid(), gid: owner.gid() })
        } else if owner.uid() == own.as_raw() {
            Ok(Self::Own)
        } else {
            let reason =
                format!("it belongs to account {}, this process runs as account {}", owner.uid(), own.as_raw());
            Err(EmbeddedError::directory(cluster, reason))
        }
    }

    /// Gives the number that files of the server belong to.
    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Own => rustix::process::geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// Prepares a program to run as this account: empty environment, own process group, no terminal.
    ///
    /// The process group keeps Ctrl-C away from the server, so that the service can end first.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C"), ("TZ", "UTC"), ("PATH", CHILD_PATH)])
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Finds out, by really trying, whether this account can enter a directory.
    pub(super) async fn can_enter(self, directory: &Path) -> Result<bool, EmbeddedError> {
        let outcome = self
            .command(Path::new("/bin/sh"))
            .args(["-c", "cd \"$1\"", "sh"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        match outcome {
            Ok(status) => Ok(status.success()),
            Err(source) => {
                let program = format!("/bin/sh as account {}", self.uid());
                Err(EmbeddedError::Run { program, source })
            }
        }
    }

    /// Makes a directory that only this account (and root) can use, or checks that an existing one is such.
    ///
    /// A symbolic link or a directory of somebody else is refused: either could be a trap laid in a public place.
    pub(super) fn private_directory(self, path: &Path) -> Result<(), EmbeddedError> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                if let Self::Other { uid, gid } = self {
                    chown(path, Some(uid), Some(gid)).map_err(EmbeddedError::io("change the owner of", path))?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => self.check_private(path)?,
            Err(error) => return Err(EmbeddedError::io("create", path)(error)),
        }
        Ok(())
    }

    fn check_private(self, path: &Path) -> Result<(), EmbeddedError> {
        let found = fs::symlink_metadata(path).map_err(EmbeddedError::io("read", path))?;
        if !found.is_dir() {
            return Err(EmbeddedError::directory(path, "it is a symbolic link or no directory; remove it"));
        }
        if found.uid() == 0 && self != Self::Own {
            // Left by a start that ended between making the directory and giving it away.
            if let Self::Other { uid, gid } = self {
                chown(path, Some(uid), Some(gid)).map_err(EmbeddedError::io("change the owner of", path))?;
            }
        } else if found.uid() != self.uid() {
            return Err(EmbeddedError::directory(path, format!("it belongs to account {}", found.uid())));
        }
        if found.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .map_err(EmbeddedError::io("change the mode of", path))?;
        }
        Ok(())
    }
}

/// Finds an account's numbers in the text of `/etc/passwd`; root itself is never an answer.
fn lookup(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let matches = fields.next() == Some(name);
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        let gid: u32 = fields.next()?.parse().ok()?;
        (matches && uid != 0).then_some((uid, gid))
    })
}
