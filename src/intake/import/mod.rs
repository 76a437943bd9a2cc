//! Takes calls and transcripts from files in the shapes of Gong's API (INTERFACE §8).
//!
//! A file that cannot be read is reported with its name and place and stops nothing else. Importing the same file again
//! changes nothing. What the bytes of a file mean is said in `contents.rs`.

mod contents;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::Mutex;

pub use self::contents::Contents;

use super::calls::record_calls;
use crate::{
    db::{jobs, transcripts},
    domain::call::Call,
};

/// Larger files are refused: they are read as a whole. A two-hour call's transcript has about half a megabyte.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// What files brought.
#[derive(Debug, Default)]
pub struct Imported {
    /// Calls by id; one of which only a transcript is known has nothing but its id.
    pub calls: BTreeMap<String, Call>,
    /// How many transcripts there were.
    pub transcripts: usize,
    /// What could not be read.
    pub problems: Vec<ImportProblem>,
}

/// Something that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct ImportProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and where in the file.
    pub text: String,
}

/// Reads files, and the `*.json` and `*.jsonl` files of directories, and stores what they bring.
pub async fn import(pool: &PgPool, tenant: &str, paths: &[PathBuf], now: DateTime<Utc>) -> sqlx::Result<Imported> {
    let mut imported = Imported::default();
    for path in paths {
        let found = files(path).unwrap_or_else(|error| {
            imported.problems.push(ImportProblem { path: path.clone(), text: error.to_string() });
            Vec::new()
        });
        for path in found {
            let contents = tokio::task::spawn_blocking({
                let path = path.clone();
                move || read(&path)
            });
            let contents = contents.await.unwrap_or_else(|_| Contents::problem("the file cannot be read".to_owned()));
            store(pool, tenant, &contents, now).await?;
            let problem = |text| ImportProblem { path: path.clone(), text };
            imported.transcripts += contents.transcripts.len();
            gather(&mut imported.calls, contents.told());
            imported.problems.extend(contents.problems.into_iter().map(problem));
        }
    }
    Ok(imported)
}

/// Commits what one file brought and hurries the runs that waited for it.
async fn store(pool: &PgPool, tenant: &str, contents: &Contents, now: DateTime<Utc>) -> sqlx::Result<()> {
    let mut by_id = BTreeMap::new();
    gather(&mut by_id, contents.told());
    if by_id.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    // Jobs before calls, the order in which the end of a stage locks them.
    let ids: Vec<String> = contents.transcripts.iter().map(|(id, _)| id.clone()).collect();
    jobs::hurry(&mut *tx, tenant, &ids, now).await?;
    let rows: Vec<(&str, &Call)> = by_id.values().map(|call| (tenant, call)).collect();
    record_calls(&mut tx, &rows, now).await?;
    for (call_id, turns) in &contents.transcripts {
        transcripts::upsert_transcript(&mut *tx, tenant, call_id, turns, "import", now).await?;
    }
    tx.commit().await
}

/// Puts tellings of calls together by their ids.
fn gather(calls: &mut BTreeMap<String, Call>, told: impl Iterator<Item = Call>) {
    for call in told {
        match calls.get_mut(&call.id) {
            Some(known) => known.merge(call),
            None => {
                calls.insert(call.id.clone(), call);
            }
        }
    }
}

/// A file, or the importable files of a directory in the order of their names.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let importable = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl") && path.is_file()
    };
    let mut files = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(importable);
    files.sort();
    Ok(files)
}

/// What a file holds, or why it cannot be read.
fn read(path: &Path) -> Contents {
    let text = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LARGEST_FILE => Err("larger than 256 MiB".to_owned()),
        Ok(_) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Err(problem) => Contents::problem(problem),
        Ok(text) if path.extension().is_some_and(|extension| extension == "jsonl") => Contents::of_lines(&text),
        Ok(text) => Contents::of_document(&text),
    }
}

/// `IMPORT_DIR`: files that are taken when a transcript is missing, each when it is new or has changed.
pub struct ImportDir {
    path: PathBuf,
    /// Whoever looks holds it, so that runs which miss their transcripts at once read each file once.
    taken: Mutex<HashMap<PathBuf, SystemTime>>,
}

impl ImportDir {
    /// Watches nothing: it looks when asked.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, taken: Mutex::default() }
    }

    /// Imports what is new since the last time, file by file: what is taken stays taken if this is cut short.
    pub async fn take_new(&self, pool: &PgPool, tenant: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut taken = self.taken.lock().await;
        for path in files(&self.path)? {
            // A file that has vanished since it was listed is nobody's fault.
            let Ok(modified) = std::fs::metadata(&path).and_then(|metadata| metadata.modified()) else { continue };
            if taken.get(&path) == Some(&modified) {
                continue;
            }
            for problem in import(pool, tenant, std::slice::from_ref(&path), now).await?.problems {
                let (file, problem) = (problem.path.display(), problem.text);
                tracing::warn!(%file, problem, "something in IMPORT_DIR was left out");
            }
            taken.insert(path, modified);
        }
        Ok(())
    }
}
