//! The sync that an operator starts (`aftercall sync gong`).
//!
//! | What happens | What we do | Tests |
//! | --- | --- | --- |
//! | `incremental`, first and later | a day back from now, then a day back from the last end | `spans::an_incremental_sync_…` |
//! | `full` | everything from 2016 on; what is known is asked for again | `spans::a_full_sync_…` |
//! | `backfill` | only what is missing; the next incremental one is not moved | `spans::a_backfill_…` |
//! | `--from`, `--to` | from inclusive, to exclusive; an empty span is refused | `spans::a_span_…` |
//! | `--no-transcripts` | no words are asked for; a later one brings them | `spans::without_transcripts_…` |
//! | `--process` | one run per call, once; a private one ends before it began | `spans::process_starts_…` |
//! | ten thousand calls | all stored, within Gong's pace | `spans::ten_thousand_calls_…` |
//! | a transcript comes for which a run waits | the run goes on at once | `spans::a_run_that_waits_…` |
//! | 401 midway | it stops with the reason; the same plan goes on in that week | `resuming::a_sync_that_stopped_…` |
//! | another plan after that | begins anew | `resuming::another_plan_…` |
//! | 429, 5xx, a dying cursor | waited out; after six failures in a row it stops | `resuming::what_passes_…`, `resuming::what_does_not_pass_…` |
//! | two at once | one at a time; one that was killed lets go within its lease | `resuming::there_is_one_at_a_time_…` |
//! | the command: lines, exit codes, `kill -9` | plain lines without a terminal; 0, 1, 2; goes on where it was | `command::*` |

mod command;
mod resuming;
mod spans;

use std::num::NonZeroUsize;

use aftercall::{
    app::App,
    intake::gong::{Sync, SyncError, SyncMode, SyncPlan, SyncProgress},
};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::LIST;
use crate::support::{TestApp, callback, gong_api::GongApiStandIn};

/// What `sync gong` does.
async fn sync(app: &TestApp, plan: SyncPlan) -> Result<SyncProgress, SyncError> {
    syncing(&app.app).run(plan, |_| {}).await
}

fn syncing(app: &App) -> Sync {
    Sync {
        pool: app.pool.clone(),
        clock: app.clock.clone(),
        intake: app.intake.clone(),
        api: app.systems.gong_in_background.clone().expect("Gong is configured"),
        batch: NonZeroUsize::new(50).expect("not zero"),
        stop: CancellationToken::new(),
    }
}

/// A plan from and to these days or times; an empty text leaves it to the mode.
fn plan(mode: SyncMode, from: &str, to: &str) -> SyncPlan {
    let moment = |text: &str| (!text.is_empty()).then(|| at(text));
    SyncPlan { mode, from: moment(from), to: moment(to), transcripts: true, process: false }
}

fn at(text: &str) -> DateTime<Utc> {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    text.parse().expect("a time")
}

/// Makes Gong know a call that began then, with its words.
fn add_at(gong: &GongApiStandIn, id: &str, started: &str) {
    let mut call = callback(id)["callData"].clone();
    call["metaData"]["started"] = at(started).to_rfc3339().into();
    gong.add_call(call, Some(super::words(id)));
}

/// The days on which the windows began that Gong was asked for, from the `after`th list on.
fn windows(gong: &GongApiStandIn, after: usize) -> Vec<String> {
    let lists = gong.server.asked().into_iter().filter(|asked| format!("{} {}", asked.method, asked.path) == LIST);
    let day = |query: &str| {
        let (_, behind) = query.split_once("fromDateTime=").expect("a window has a beginning");
        behind.chars().take(10).collect()
    };
    lists.skip(after).map(|asked| day(&asked.query)).collect()
}

/// The ids of the calls that are stored, in order.
async fn stored(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("SELECT call_id FROM calls ORDER BY call_id").fetch_all(&app.app.pool).await.expect("rows")
}
