//! Documents as Markdown files: `DATA_DIR/documents/<account>/Call Summary.md` and `Summary Log.md`.
//!
//! A file is replaced whole or not at all, and a lock file in each folder lets one writer in at a time, of this process
//! or another on the same machine. Remarks that Markdown does not show say what is of which call.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

use super::Filing;
use crate::domain::payload::DocumentLinks;

/// Characters of a folder's name: file systems take 255 bytes, and letters can have four.
const FOLDER_LENGTH: usize = 60;

/// How the entry of a call begins in "Summary Log".
const ENTRY: &str = "<!-- aftercall:call ";

/// Keeps documents under a directory.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: PathBuf,
}

impl FileStore {
    /// Keeps documents under `root`, which is made when the first is filed.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: std::path::absolute(root)? })
    }

    /// Files a call and tells where.
    pub(super) async fn file(&self, filing: Filing) -> anyhow::Result<DocumentLinks> {
        let folder = self.folder(&filing.tenant, &filing.account);
        let filed = tokio::task::spawn_blocking(move || file(&folder, &filing));
        filed.await.map_err(|_| anyhow!("writing documents broke off"))?
    }

    fn folder(&self, tenant: &str, account: &str) -> PathBuf {
        // "@" begins no folder of an account, so a tenant's folder cannot be mistaken for one.
        let root = if tenant == "default" { self.root.clone() } else { self.root.join(format!("@{tenant}")) };
        root.join(folder_name(account))
    }
}

fn file(folder: &Path, filing: &Filing) -> anyhow::Result<DocumentLinks> {
    let there = || format!("cannot write to {}", folder.display());
    // What customers said is for the service's account, and for whom its operator lets in.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(there)?;
    let lock = File::create(folder.join(".lock")).with_context(there)?;
    lock.lock().with_context(there)?; // given back when the file is closed
    let (summary, log) = (folder.join("Call Summary.md"), folder.join("Summary Log.md"));
    if held_at(&summary)?.is_none_or(|filed| filed <= filing.held_at) {
        let remark = format!("<!-- aftercall:held {} -->", filing.held_at.to_rfc3339());
        replace(&summary, &format!("{remark}\n{}", filing.summary)).with_context(there)?;
    }
    let entries = read(&log)?.unwrap_or_else(|| format!("# Summary Log: {}\n", folder_title(folder)));
    replace(&log, &with_entry(&entries, &filing.call_id, &filing.log_entry)).with_context(there)?;
    let url = |path: &Path| Url::from_file_path(path).map(String::from).map_err(|()| anyhow!("no URL for a document"));
    Ok(DocumentLinks { folder_url: url(folder)?, summary_url: url(&summary)?, log_url: url(&log)? })
}

/// When the call in a "Call Summary" was. A file that somebody else wrote counts as older than any call.
fn held_at(summary: &Path) -> anyhow::Result<Option<DateTime<Utc>>> {
    let Some(text) = read(summary)? else { return Ok(None) };
    let remark = text.lines().next().and_then(|line| line.strip_prefix("<!-- aftercall:held ")?.strip_suffix(" -->"));
    Ok(remark.and_then(|at| DateTime::parse_from_rfc3339(at).ok()).map(|at| at.to_utc()))
}

/// The log with this call's entry: in the place of an earlier one of the same call, or before all others.
fn with_entry(log: &str, call_id: &str, entry: &str) -> String {
    let id = utf8_percent_encode(call_id, NON_ALPHANUMERIC);
    let (begin, end) = (format!("{ENTRY}{id} -->\n"), format!("<!-- aftercall:end {id} -->\n"));
    let block = format!("{begin}{}\n{end}", entry.trim_end());
    let earlier = log.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    if let Some((before, after)) = earlier {
        return format!("{before}{block}{after}");
    }
    let (title, others) = log.split_at(log.find(ENTRY).unwrap_or(log.len()));
    format!("{}\n\n{block}{}{others}", title.trim_end(), if others.is_empty() { "" } else { "\n" })
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces a file whole: whoever reads meanwhile sees the old one or the new one, also after a power cut.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("md.draft");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn folder_title(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A name that every file system takes and that leads nowhere else. One that had to be changed gets a mark of the
/// original behind it, so that two customers never share a folder.
fn folder_name(account: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '_' | '&' | '\'' | '(' | ')' | '+');
    let safe: String = account.chars().map(|c| if fits(c) { c } else { '_' }).take(FOLDER_LENGTH).collect();
    let safe = safe.trim_matches([' ', '.', '_']);
    if safe == account && !safe.is_empty() {
        return safe.to_owned();
    }
    let mark = hex::encode(&Sha256::digest(account.as_bytes())[..4]);
    if safe.is_empty() { format!("account {mark}") } else { format!("{safe} {mark}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filing(call_id: &str, held_at: &str, text: &str) -> Filing {
        Filing {
            tenant: "default".to_owned(),
            account: "Halden Freight".to_owned(),
            call_id: call_id.to_owned(),
            held_at: held_at.parse().unwrap(),
            summary: format!("# {text}\n"),
            log_entry: format!("## {text}\n"),
        }
    }

    #[tokio::test]
    async fn a_call_stands_in_the_log_once_and_the_latest_call_in_the_summary() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path()).unwrap();
        for (call, at, text) in [
            ("1", "2031-05-06T09:00:00Z", "first"),
            ("2", "2031-05-07T09:00:00Z", "second"),
            ("1", "2031-05-06T09:00:00Z", "first again"),
        ] {
            store.file(filing(call, at, text)).await.unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join("Halden Freight").join(name)).unwrap();
        assert!(read("Call Summary.md").contains("# second"), "an older call does not replace a newer one");
        let log = read("Summary Log.md");
        assert_eq!(log.matches("## ").count(), 2, "{log}");
        assert!(log.find("## second") < log.find("## first again"), "the newest first: {log}");
        assert!(log.starts_with("# Summary Log: Halden Freight\n\n<!-- aftercall:call 2 -->\n## second"), "{log}");
    }

    #[test]
    fn an_ordinary_name_stays_as_it_is_and_two_names_never_share_a_folder() {
        assert_eq!(folder_name("Clínica Valdoria, S.L"), "Clínica Valdoria, S.L");
        assert_ne!(folder_name("a/b"), folder_name("a:b"));
        assert_ne!(folder_name(".."), folder_name("."));
    }

    proptest! {
        #[test]
        fn no_account_leads_out_of_its_folder(account in ".{0,300}") {
            let name = folder_name(&account);
            prop_assert!(!name.is_empty() && name.len() <= 255 && !name.contains(['/', '\\', '\0']));
            prop_assert!(name != "." && name != ".." && !name.starts_with('@'));
        }
    }
}
