//! Making the cluster once, so that it is either complete or not there at all.
//!
//! Running a server on it is `plan`'s matter.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::bundle::unique;
use super::error::EmbeddedError;
use super::layout::{Layout, exists};
use super::plan::Plan;

/// Beginning of the names under which clusters are made before they get their place.
const UNFINISHED: &str = "cluster.new-";

/// How often removing an unfinished cluster is tried, a tenth of a second apart.
const REMOVAL_TRIES: u32 = 50;

/// How long `initdb` may take.
const INITDB_LIMIT: Duration = Duration::from_mins(3);

/// Reads which major version made the cluster; `None` when there is no cluster yet.
pub(super) fn version(layout: &Layout) -> Result<Option<u32>, EmbeddedError> {
    let cluster = layout.cluster();
    if !exists(&cluster)? {
        return Ok(None);
    }
    let file = cluster.join("PG_VERSION");
    let text = fs::read_to_string(&file).map_err(EmbeddedError::io("read", &file))?;
    match text.trim().parse() {
        Ok(major) => Ok(Some(major)),
        Err(_) => Err(EmbeddedError::directory(&cluster, "its PG_VERSION is not a major version")),
    }
}

/// Makes the cluster when there is none; call it with the turn taken.
///
/// `initdb` works in a sibling directory that gets its real name only when all is done: whatever interrupts it, the
/// next start begins anew.
pub(super) async fn ensure(plan: &Plan) -> Result<(), EmbeddedError> {
    let layout = &plan.layout;
    if exists(&layout.cluster())? {
        return layout.record();
    }
    remove_unfinished(&layout.base).await?;
    let fresh = layout.base.join(format!("{UNFINISHED}{:x}", unique()));
    layout.account.private_directory(&fresh)?;
    tracing::info!(directory = %layout.cluster().display(), "making a private PostgreSQL cluster");
    initdb(plan, &fresh).await?;
    fs::rename(&fresh, layout.cluster()).map_err(EmbeddedError::io("rename", &fresh))?;
    File::open(&layout.base)
        .and_then(|directory| directory.sync_all())
        .map_err(EmbeddedError::io("write", &layout.base))?;
    layout.record()
}

async fn initdb(plan: &Plan, into: &Path) -> Result<(), EmbeddedError> {
    let program = plan.binaries.program("initdb");
    let mut command = plan.layout.account.command(&program);
    command
        .args(["-A", "trust", "--data-checksums", "-E", "UTF8", "--no-locale", "-U", super::USER])
        .args(["--no-instructions", "-D"])
        .arg(into)
        .kill_on_drop(true);
    if plan.fast_and_unsafe {
        command.arg("-N");
    }
    let output = match timeout(INITDB_LIMIT, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(source)) => {
            return Err(EmbeddedError::Run { program: program.display().to_string(), source });
        }
        Err(_) => {
            let output = format!("it was not done within {} s", INITDB_LIMIT.as_secs());
            return Err(EmbeddedError::Initdb { output });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(EmbeddedError::Initdb { output: text.trim().to_owned() })
}

/// Removes what interrupted starts left behind.
///
/// An `initdb` that lost its parent may still be writing there, or tidying up by itself, so that removing fails at
/// first. What cannot be removed is left for the next start: new clusters are made under names of their own.
async fn remove_unfinished(base: &Path) -> Result<(), EmbeddedError> {
    let entries = fs::read_dir(base).map_err(EmbeddedError::io("read", base))?;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let path = entry.path();
        tracing::warn!(directory = %path.display(), "removing a cluster that was never finished");
        let mut tries = 0;
        while let Err(error) = fs::remove_dir_all(&path)
            && exists(&path)?
        {
            if tries == REMOVAL_TRIES {
                tracing::warn!(directory = %path.display(), %error, "it cannot be removed now");
                break;
            }
            tries += 1;
            sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
