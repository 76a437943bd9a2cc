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
use crate::domain::{access::OWN_TENANT, payload::DocumentLinks};

/// Characters of a folder's name: file systems take 255 bytes, and letters can have four.
const FOLDER_LENGTH: usize = 60;

/// How the entry of a call begins in "Summary Log".
const ENTRY: &str = "<!-- aftercall:call ";

/// How the call in "Call Summary" is told.
const HELD: &str = "<!-- aftercall:held ";

/// What a tenant's folder begins with, and no folder of an account does, so that none can be mistaken for the other.
const TENANT: &str = "@";

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

    /// Takes a call out of every folder: the account under which it was filed may have got another name since.
    pub(super) async fn take_out(&self, tenant: &str, call_id: &str) -> anyhow::Result<()> {
        let (root, call_id) = (self.root_of(tenant), call_id.to_owned());
        let taken_out = tokio::task::spawn_blocking(move || {
            let folders = match fs::read_dir(&root) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                folders => folders.with_context(|| format!("cannot read {}", root.display()))?,
            };
            for folder in folders {
                let folder = folder.with_context(|| format!("cannot read {}", root.display()))?;
                let is_account = folder.path().is_dir() && !folder.file_name().to_string_lossy().starts_with(TENANT);
                if is_account {
                    take_out(&folder.path(), &call_id)?;
                }
            }
            Ok(())
        });
        taken_out.await.map_err(|_| anyhow!("writing documents broke off"))?
    }

    fn folder(&self, tenant: &str, account: &str) -> PathBuf {
        self.root_of(tenant).join(folder_name(account))
    }

    fn root_of(&self, tenant: &str) -> PathBuf {
        if tenant == OWN_TENANT { self.root.clone() } else { self.root.join(format!("{TENANT}{tenant}")) }
    }
}

fn file(folder: &Path, filing: &Filing) -> anyhow::Result<DocumentLinks> {
    let there = || format!("cannot write to {}", folder.display());
    // What customers said is for the service's account, and for whom its operator lets in.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(there)?;
    let lock = File::create(folder.join(".lock")).with_context(there)?;
    lock.lock().with_context(there)?; // given back when the file is closed
    let (summary, log) = (folder.join("Call Summary.md"), folder.join("Summary Log.md"));
    if held(&summary)?.is_none_or(|(filed, _)| filed <= filing.held_at) {
        let remark = format!("{HELD}{} of {} -->", filing.held_at.to_rfc3339(), marked(&filing.call_id));
        replace(&summary, &format!("{remark}\n{}", filing.summary)).with_context(there)?;
    }
    let entries = read(&log)?.unwrap_or_else(|| format!("# Summary Log: {}\n", folder_title(folder)));
    replace(&log, &with_entry(&entries, &filing.call_id, &filing.log_entry)).with_context(there)?;
    let url = |path: &Path| Url::from_file_path(path).map(String::from).map_err(|()| anyhow!("no URL for a document"));
    Ok(DocumentLinks { folder_url: url(folder)?, summary_url: url(&summary)?, log_url: url(&log)? })
}

/// Takes a call out of a folder, if it is there. "Call Summary" tells of none then, until the next one is filed.
fn take_out(folder: &Path, call_id: &str) -> anyhow::Result<()> {
    let (summary, log) = (folder.join("Call Summary.md"), folder.join("Summary Log.md"));
    let stands_in_log = || anyhow::Ok(read(&log)?.and_then(|log| without_entry(&log, call_id)));
    let stands_in_summary = || anyhow::Ok(held(&summary)?.is_some_and(|(_, id)| id == marked(call_id)));
    if stands_in_log()?.is_none() && !stands_in_summary()? {
        return Ok(());
    }
    let there = || format!("cannot write to {}", folder.display());
    let lock = File::create(folder.join(".lock")).with_context(there)?;
    lock.lock().with_context(there)?; // given back when the file is closed
    if stands_in_summary()? {
        replace(&summary, &format!("# Call Summary: {}\n", folder_title(folder))).with_context(there)?;
    }
    if let Some(others) = stands_in_log()? {
        replace(&log, &others).with_context(there)?;
    }
    Ok(())
}

/// When the call in a "Call Summary" was, and which it is. A file that somebody else wrote counts as older than any call.
fn held(summary: &Path) -> anyhow::Result<Option<(DateTime<Utc>, String)>> {
    let Some(text) = read(summary)? else { return Ok(None) };
    let remark = text.lines().next().and_then(|line| line.strip_prefix(HELD)?.strip_suffix(" -->"));
    Ok(remark.and_then(|remark| {
        let (at, id) = remark.split_once(" of ").unwrap_or((remark, "")); // 0.1.0 wrote no id
        Some((DateTime::parse_from_rfc3339(at).ok()?.to_utc(), id.to_owned()))
    }))
}

/// A call's id as it can stand in a remark.
fn marked(call_id: &str) -> String {
    utf8_percent_encode(call_id, NON_ALPHANUMERIC).to_string()
}

/// How the entry of a call begins and ends.
fn marks(call_id: &str) -> (String, String) {
    let id = marked(call_id);
    (format!("{ENTRY}{id} -->\n"), format!("<!-- aftercall:end {id} -->\n"))
}

/// The log without this call's entry, if it has one.
fn without_entry(log: &str, call_id: &str) -> Option<String> {
    let (begin, end) = marks(call_id);
    let (before, rest) = log.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    let others = format!("{before}{}", after.trim_start_matches('\n'));
    Some(format!("{}\n", others.trim_end()))
}

/// The log with this call's entry: in the place of an earlier one of the same call, or before all others.
fn with_entry(log: &str, call_id: &str, entry: &str) -> String {
    let (begin, end) = marks(call_id);
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
    if let Err(error) = write(&draft, text).and_then(|()| fs::rename(&draft, path)) {
        let _ = fs::remove_file(&draft); // half a draft is nothing to read, and a full disk needs the room
        return Err(error);
    }
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
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

    #[tokio::test]
    async fn a_call_that_is_taken_out_leaves_the_others_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join("Halden Freight").join(name)).unwrap();
        store.take_out("default", "1").await.unwrap(); // nothing is there yet
        for (call, at) in [("1", "2031-05-06T09:00:00Z"), ("2", "2031-05-07T09:00:00Z")] {
            store.file(filing(call, at, call)).await.unwrap();
        }
        let log = read("Summary Log.md");
        store.file(filing("3", "2031-05-08T09:00:00Z", "3")).await.unwrap();
        store.take_out("emea", "3").await.unwrap();
        assert!(read("Call Summary.md").contains("# 3"), "another tenant's call of this id");
        store.take_out("default", "3").await.unwrap();
        assert_eq!(
            (read("Call Summary.md").as_str(), read("Summary Log.md")),
            ("# Call Summary: Halden Freight\n", log)
        );
        store.file(filing("2", "2031-05-07T09:00:00Z", "2")).await.unwrap();
        store.take_out("default", "1").await.unwrap();
        assert!(read("Call Summary.md").contains("# 2"), "the latest of those that are left may be filed again");
        assert!(!read("Summary Log.md").contains("## 1"));
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
