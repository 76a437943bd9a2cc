//! The bootstrap token and the key ring: given, or made at the first start and kept under `DATA_DIR`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::env::Env;
use crate::domain::{access::generate_token, keyring::KeyRing};

/// The shortest `ADMIN_TOKEN` we take: shorter ones can be guessed over the network.
const SHORTEST_TOKEN: usize = 16;

const USABLE: &str = "at least 16 visible ASCII characters";

/// Whether a token can be sent in a header and not be guessed.
fn is_usable(token: &str) -> bool {
    token.len() >= SHORTEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Who may come in and how secrets are kept.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    admin_token: Option<SecretString>,
    key_ring: Option<KeyRing>,
}

/// A secret could not be kept or read back.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}: {problem}", path.display())]
pub struct AccessError {
    path: PathBuf,
    problem: String,
}

impl AccessConfig {
    pub(super) fn read(env: &mut Env, own_database: bool) -> Self {
        let key_ring = env.read("ENCRYPTION_KEYS", |text| KeyRing::parse(text).map_err(|error| error.to_string()));
        if own_database && !env.is_set("ENCRYPTION_KEYS") {
            env.problem(
                "ENCRYPTION_KEYS",
                "must be given when DATABASE_URL is: the database outlives this machine, so must the keys \
                 (make one with: echo \"k1:$(openssl rand -base64 32)\")",
            );
        }
        let admin_token =
            env.read("ADMIN_TOKEN", |text| if is_usable(text) { Ok(text.into()) } else { Err(USABLE.to_owned()) });
        Self { admin_token, key_ring }
    }

    /// The token, and where it was put if it had to be made.
    pub fn admin_token(&self, data_dir: &Path) -> Result<(SecretString, Option<PathBuf>), AccessError> {
        if let Some(token) = &self.admin_token {
            return Ok((token.clone(), None));
        }
        let path = data_dir.join("admin-token");
        let token = kept(&path, generate_token)?;
        if !is_usable(token.expose_secret()) {
            return Err(AccessError { path, problem: format!("the token in it must be {USABLE}") });
        }
        Ok((token, Some(path)))
    }

    /// The key ring, and where it was put if it had to be made.
    pub fn key_ring(&self, data_dir: &Path) -> Result<(KeyRing, Option<PathBuf>), AccessError> {
        if let Some(ring) = &self.key_ring {
            return Ok((ring.clone(), None));
        }
        let path = data_dir.join("encryption-keys");
        let text = kept(&path, KeyRing::generate)?;
        match KeyRing::parse(text.expose_secret()) {
            Ok(ring) => Ok((ring, Some(path))),
            Err(error) => Err(AccessError { path, problem: error.to_string() }),
        }
    }
}

/// Reads the secret in `path`, or makes it first, readable by its owner only.
fn kept(path: &Path, make: impl FnOnce() -> String) -> Result<SecretString, AccessError> {
    let read = || std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let text = match create(path, make) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(),
        Err(error) => Err(error),
    };
    match text {
        Ok(text) if !text.is_empty() => Ok(text.into()),
        Ok(_) => Err(AccessError { path: path.to_owned(), problem: "the file is empty".to_owned() }),
        Err(error) => Err(AccessError { path: path.to_owned(), problem: error.to_string() }),
    }
}

/// Puts a new secret in place at once, so that no other process reads half of it.
fn create(path: &Path, make: impl FnOnce() -> String) -> io::Result<String> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let text = make();
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path); // unlike a rename, this does not replace a winner of the race
    std::fs::remove_file(&draft)?;
    linked.map(|()| text)
}
