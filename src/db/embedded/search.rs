//! The places where Postgres may be, as data: which packagers put it where.
//!
//! Whether what is there can be used is `binaries`' matter.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::bundle;

/// Parents, name beginnings and inner directories that packagers use.
const WELL_KNOWN: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
];

/// Says where binaries may be looked for; the default is the whole machine.
#[derive(Debug, Clone)]
pub struct Search {
    /// Directories of installed binaries, best first.
    pub directories: Vec<PathBuf>,
    /// Further directories in the form of `PATH`.
    pub path: Option<OsString>,
    /// Where the portable bundle is unpacked.
    pub cache: PathBuf,
    /// Whether the bundle may be fetched by pip.
    pub fetch: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self { directories: well_known(), path: std::env::var_os("PATH"), cache: bundle::default_cache(), fetch: true }
    }
}

impl Search {
    /// Lists the directories that hold both programs, without repetition.
    pub(super) fn candidates(&self) -> Vec<PathBuf> {
        let path = self.path.as_deref().map(std::env::split_paths).into_iter().flatten();
        let mut list: Vec<PathBuf> = Vec::new();
        for directory in self.directories.iter().cloned().chain(path) {
            let usable = directory.is_absolute() && directory.join("postgres").is_file();
            if usable && directory.join("initdb").is_file() && !list.contains(&directory) {
                list.push(directory);
            }
        }
        list
    }
}

/// Lists the directories of packagers that exist here, each family's highest version first.
fn well_known() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for (parent, prefix, inner) in WELL_KNOWN {
        let mut family: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name();
                let version = name.to_str()?.strip_prefix(prefix)?.trim_start_matches(['@', '-']).to_owned();
                Some((version.parse().unwrap_or(0), entry.path().join(inner)))
            })
            .collect();
        family.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        all.extend(family.into_iter().map(|(_, directory)| directory));
    }
    all
}
