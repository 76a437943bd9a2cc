//! Finds Postgres's programs: configured, installed, or in the portable bundle.
//!
//! A directory counts only when its `postgres` really runs as the account that will run the server, which tests
//! version and reachability at once. Which file makes the bundle and how to get it is `bundle`'s matter.

use std::path::{Path, PathBuf};

use super::account::Account;
use super::bundle;
use super::error::EmbeddedError;
use super::search::Search;

/// Oldest major version the service is written for.
const OLDEST: u32 = 15;

/// One set of usable programs.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds programs for a cluster of the given major version, or for a new one.
    pub(super) async fn find(
        configured: Option<&Path>,
        search: &Search,
        account: Account,
        cluster: &Path,
        wanted: Option<u32>,
    ) -> Result<Self, EmbeddedError> {
        let fits = |binaries: &Self| wanted.is_none_or(|major| major == binaries.major);
        let mut found = Vec::new();
        if let Some(directory) = configured {
            // Programs run with another working directory than this process has.
            let directory = &std::path::absolute(directory).map_err(EmbeddedError::io("resolve", directory))?;
            let binaries = Self::probe(directory, account)
                .await
                .map_err(|reason| EmbeddedError::ConfiguredBinaries { path: directory.clone(), reason })?;
            if fits(&binaries) {
                return Ok(binaries);
            }
            found.push(binaries.describe());
        } else {
            for directory in search.candidates() {
                match Self::probe(&directory, account).await {
                    Ok(binaries) if fits(&binaries) => return Ok(binaries),
                    Ok(binaries) => found.push(binaries.describe()),
                    Err(reason) => found.push(format!("{}: {reason}", directory.display())),
                }
            }
            if wanted.is_none_or(|major| major == bundle::MAJOR) {
                return Self::from_bundle(search, account, found).await;
            }
        }
        Err(EmbeddedError::VersionMismatch {
            path: cluster.to_path_buf(),
            cluster: wanted.map_or_else(|| "an unknown version".to_owned(), |major| major.to_string()),
            found: listed(&found),
        })
    }

    async fn from_bundle(search: &Search, account: Account, found: Vec<String>) -> Result<Self, EmbeddedError> {
        let outcome = match bundle::obtain(&search.cache, search.fetch).await {
            Ok(directory) => Self::probe(&directory, account).await.map_err(|reason| {
                format!("{}: {reason} (the bundle is for Linux with glibc 2.28 or newer)", directory.display())
            }),
            Err(reason) => Err(reason),
        };
        outcome.map_err(|bundle| EmbeddedError::NoBinaries { searched: listed(&found), bundle })
    }

    /// Tries a directory; the error is a reason to show.
    async fn probe(directory: &Path, account: Account) -> Result<Self, String> {
        for program in ["initdb", "postgres"] {
            if !directory.join(program).is_file() {
                return Err(format!("there is no {program}"));
            }
        }
        let postgres = directory.join("postgres");
        let output = account.command(&postgres).arg("--version").output().await;
        let output = output.map_err(|error| format!("postgres cannot be run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(major) = major_in(&text) else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("postgres --version does not work: {}", complaint.trim()));
        };
        if major < OLDEST {
            return Err(format!("it is PostgreSQL {major}, {OLDEST} or newer is needed"));
        }
        Ok(Self { directory: directory.to_path_buf(), major })
    }

    fn describe(&self) -> String {
        format!("PostgreSQL {} in {}", self.major, self.directory.display())
    }

    /// Gives the path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Reads the major version from `postgres (PostgreSQL) 16.4 …`, betas included.
fn major_in(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn listed(found: &[String]) -> String {
    if found.is_empty() { "none is installed in a usual place or on PATH".to_owned() } else { found.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Search {
        Search { directories: vec![], path: None, cache: PathBuf::from("/nonexistent"), fetch: false }
    }

    async fn refusal(configured: Option<&Path>, search: &Search, wanted: Option<u32>) -> String {
        let cluster = Path::new("/data/postgres/cluster");
        let outcome = Binaries::find(configured, search, Account::Own, cluster, wanted).await;
        outcome.expect_err("a refusal").to_string()
    }

    #[tokio::test]
    async fn without_any_programs_the_error_names_what_helps() {
        let text = refusal(None, &nowhere(), None).await;
        for remedy in ["DATABASE_URL", "apt-get install postgresql", "pip"] {
            assert!(text.contains(remedy), "{text}");
        }
    }

    #[tokio::test]
    async fn a_cluster_is_only_run_by_its_own_version() {
        let text = refusal(None, &Search::default(), Some(12)).await;
        assert!(text.contains("was made by PostgreSQL 12"), "{text}");
    }

    #[tokio::test]
    async fn a_configured_directory_without_programs_is_refused_rather_than_passed_over() {
        let text = refusal(Some(Path::new("/nonexistent")), &Search::default(), None).await;
        assert!(text.contains("there is no initdb"), "{text}");
    }

    #[test]
    fn versions_are_read_in_every_form() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 19beta1\n", Some(19)),
            ("something else\n", None),
        ] {
            assert_eq!(major_in(text), major, "{text}");
        }
    }
}
