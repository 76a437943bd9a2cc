//! Takes calls and transcripts from files in the shapes of Gong's API (INTERFACE §8).
//!
//! A file that cannot be read is reported with its name and place and stops nothing else. Importing the same file again
//! changes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::Mutex;

use super::calls::record_calls;
use crate::{
    clients::gong::{parse_json_exact, shapes},
    db::{jobs, transcripts},
    domain::{call::Call, transcript::StoredTurn},
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

#[derive(Debug, Default)]
struct Contents {
    calls: Vec<Call>,
    transcripts: Vec<(String, Vec<StoredTurn>)>,
    problems: Vec<String>,
}

impl Contents {
    fn problem(text: String) -> Self {
        Self { problems: vec![text], ..Self::default() }
    }

    /// What the file says of calls; of one that only has a transcript here, its id.
    fn told(&self) -> impl Iterator<Item = Call> + '_ {
        let spoken = self.transcripts.iter().map(|(id, _)| Call { id: id.clone(), ..Call::default() });
        spoken.chain(self.calls.iter().cloned())
    }

    /// Takes what a value brings; `place` says where in the file it stands.
    fn take(&mut self, value: &Value, place: &str) {
        let list = |name: &str| value.get(name).and_then(Value::as_array);
        if let Value::Array(elements) = value {
            for (index, element) in elements.iter().enumerate() {
                self.take(element, &format!("{place}/{index}"));
            }
        } else if let Some(elements) = list("calls").or_else(|| list("callTranscripts")) {
            for (index, element) in elements.iter().enumerate() {
                self.take(element, &format!("{place}/{index}"));
            }
        } else if let Some((id, turns)) = shapes::transcript(value) {
            self.transcripts.push((id, turns));
        } else if let Some(call) = shapes::callback_call(value).or_else(|| shapes::call(value)) {
            self.calls.push(call);
        } else {
            self.problems.push(format!(
                "{}: neither a call (metaData.id), nor a transcript (callId), nor a callback (callData)",
                if place.is_empty() { "the document" } else { place }
            ));
        }
    }
}

fn read(path: &Path) -> Contents {
    let text = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LARGEST_FILE => Err("larger than 256 MiB".to_owned()),
        Ok(_) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let text = match text {
        Ok(text) => text,
        Err(problem) => return Contents::problem(problem),
    };
    let mut contents = Contents::default();
    let text = text.trim_start_matches('\u{feff}');
    if path.extension().is_some_and(|extension| extension == "jsonl") {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match parse_json_exact(line.as_bytes()) {
                Ok(value) => contents.take(&value, &format!("line {}", index + 1)),
                Err(error) => contents.problems.push(format!("line {}: not JSON: {error}", index + 1)),
            }
        }
    } else {
        match parse_json_exact(text.as_bytes()) {
            Ok(value) => contents.take(&value, ""),
            Err(error) => contents.problems.push(format!("not JSON: {error}")),
        }
    }
    contents
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
