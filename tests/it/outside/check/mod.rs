//! What an operator reads before anything goes wrong: `GET /api/v1/admin/config/check`, `aftercall check`, and the
//! refusals of a configuration that cannot work.
//!
//! | What is wrong | What is said | Test |
//! |---|---|---|
//! | nothing is configured | everything is `not_configured`, ok | `systems::nothing_configured_…`, `binary::*` |
//! | nothing | each system is ok, with what was found | `systems::each_system_…` |
//! | a bad key, a missing scope, 390144, an unknown model, an unshared root, a bad password, … | failed, with the remedy | `systems::what_does_not_work_…` |
//! | a model that ends soon, a root in My Drive | ok, with a warning | `systems::what_works_today_…` |
//! | a system that kept failing | its breaker is open | `systems::a_system_that_is_let_alone_…` |
//! | the database cannot be opened | its row failed, the others not contacted; exit 1 | `binary::a_database_…` |
//! | half a configuration | exit 2, every variable by name, no value | `half::*` |

mod binary;
mod half;
mod systems;

use std::process::Command;

/// Runs the binary with these variables and no others: exit code, output, error output.
fn aftercall(args: &[&str], vars: &[(&str, String)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_aftercall"))
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LOG_LEVEL", "warn")
        .envs(vars.iter().map(|(name, value)| (*name, value)))
        .current_dir(std::env::temp_dir())
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
