//! Cleaning up after tests: a shell that outlives the test process, stops its server and removes its files.
//!
//! Test processes end without dropping their statics, or are killed. The shell waits on a pipe that only the test
//! process holds open, so that any end of that process wakes it. Never used with data that matters.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::error::EmbeddedError;
use super::layout::Layout;

/// Arguments: users.lock, cluster, base, home, socket directory, `DATA_DIR`. A lock held by another process means that
/// it still uses the server, and then cleaning up is left to that one's own watchdog.
const SCRIPT: &str = r#"
read -r _
if [ -e "$1" ] && command -v flock >/dev/null; then flock -n -x "$1" true || exit 0; fi
tries=0
while pid=$(head -n 1 "$2/postmaster.pid") && [ -n "$pid" ] && kill -0 "$pid" && [ $tries -lt 150 ]; do
    [ $tries -eq 0 ] && kill -INT "$pid"
    [ $tries -eq 100 ] && kill -QUIT "$pid"
    sleep 0.1
    tries=$((tries + 1))
done
rm -rf -- "$3" "$5" "$4" || { sleep 1; rm -rf -- "$3" "$5" "$4"; }
rmdir -- "$6"
"#;

/// The pipes' ends by home directory: kept until the process ends, closed by nothing else.
static PIPES: Mutex<BTreeMap<PathBuf, ChildStdin>> = Mutex::new(BTreeMap::new());

/// Starts the watchdog of a cluster unless this process has one already.
pub(super) fn start(layout: &Layout) -> Result<(), EmbeddedError> {
    let mut pipes = PIPES.lock().unwrap_or_else(PoisonError::into_inner);
    if pipes.contains_key(&layout.home) {
        return Ok(());
    }
    let data_dir = layout.home.parent().unwrap_or(&layout.home);
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "sh"])
        .args([&layout.home.join("users.lock"), &layout.cluster(), &layout.base, &layout.home, &layout.socket])
        .arg(data_dir)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| EmbeddedError::Run { program: "/bin/sh".to_owned(), source })?;
    if let Some(pipe) = child.stdin.take() {
        pipes.insert(layout.home.clone(), pipe);
    }
    Ok(())
}
