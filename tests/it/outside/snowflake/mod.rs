//! Transcripts from Snowflake (`SNOWFLAKE_*`), and with them the customer and who takes care of it.
//!
//! | What Snowflake does | What we do | Tests |
//! | --- | --- | --- |
//! | has transcript, speakers, account, CS and AM | one statement; summary, documents and mail of that account | `rows::a_callback_becomes_…`, `rows::mail_goes_out_…` |
//! | (our database fails while that is stored) | all of it comes with the next try | `rows::a_database_that_fails_…` |
//! | one row per speaker | the words once, every speaker known | `rows::a_row_per_speaker_…` |
//! | has other tables | the SQL of `SNOWFLAKE_QUERY_PATH` is run as it is | `rows::an_operators_own_sql_…` |
//! | has no row, or one without words | `later` up to 48 h, each look a new statement; then `skipped`, `no_transcript` | `rows::what_is_not_there_…`, `rows::after_two_days_…` |
//! | 202, the statement still runs | asked again until it ends | `rows::a_statement_that_runs_on_…` |
//! | gzip partitions without metadata | joined | `rows::a_result_in_partitions_…` |
//! | refuses an expired token once | a new one, and the attempt goes on | `weather::a_hiccup_…` |
//! | 500, 502 or a broken connection, once | the same request id with `retry=true`, within the attempt | `weather::a_hiccup_…` |
//! | 408, 429, 500, 502, 503, 504, a cancelled statement, odd rows | `retry` | `weather::what_may_pass_…` |
//! | 429 or 503 with `Retry-After` | `later`, no retry spent | `weather::patience_…` |
//! | goes on like that; nobody there | `failed` with what was said; sent on by hand, `done` | `weather::what_does_not_pass_…` |
//! | 401 `390144`, 403, 404, 422, a redirect, a web page, 391908 | `failed` at once; the reason says what to do | `weather::what_somebody_has_to_mend_…`, `weather::a_key_…`, `weather::a_token_…` |
//! | quotes data in a refusal | not shown | `weather::what_somebody_has_to_mend_…` |

mod rows;
mod weather;

use serde_json::Value;
use tempfile::TempDir;

use super::{assert_nowhere, run_of};
use crate::support::{
    TestApp, TestAppBuilder, callback,
    snowflake::{ACCOUNT, SnowflakeStandIn, USER},
};

const SUBMIT: &str = "POST /api/v2/statements";
const SAID: &str = "Dana Reyes: Good morning Ingrid. I will send you the written root cause report by Wednesday.\n\
                    Ingrid Vale: The export failed twice last quarter. I will send the signed order form on Friday.";

/// The variables of this Snowflake, with the key in a file of its own.
fn asking(snowflake: &SnowflakeStandIn, files: &TempDir) -> TestAppBuilder {
    let key = files.path().join("key.p8");
    std::fs::write(&key, SnowflakeStandIn::private_key_pem()).expect("a file");
    TestApp::with("SNOWFLAKE_ACCOUNT", ACCOUNT)
        .with("SNOWFLAKE_USER", USER)
        .with("SNOWFLAKE_PRIVATE_KEY_PATH", key.display().to_string())
        .with("SNOWFLAKE_ROLE", "reader")
        .with("SNOWFLAKE_WAREHOUSE", "load_wh")
        .with("SNOWFLAKE_DATABASE", "ops")
        .with("SNOWFLAKE_SCHEMA", "raw")
        .with("SNOWFLAKE_URL", snowflake.url())
}

/// A Snowflake and an app that asks it, by the same clock.
async fn start(set: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> (SnowflakeStandIn, TestApp) {
    let snowflake = SnowflakeStandIn::start().await;
    let files = tempfile::tempdir().expect("a directory");
    let app = set(asking(&snowflake, &files)).start().await;
    snowflake.tell_time(app.clock.clone());
    (snowflake, app)
}

/// Makes the tables know a call of Halden Freight.
fn add(snowflake: &SnowflakeStandIn, id: &str) {
    snowflake.add_transcript(id, &format!("c-{id}"), SAID);
    snowflake.add_call(&format!("c-{id}"), "a-1", "Dana Reyes", "dana@brindlemoor.example");
    snowflake.add_call(&format!("c-{id}"), "a-1", "Ingrid Vale", "ingrid@halden.example");
    snowflake.add_account("a-1", "Halden Freight", "HF-7", "cs@brindlemoor.example", "am@brindlemoor.example");
}

/// A callback that says nothing of the customer and of who took part: Snowflake does.
fn bare(id: &str) -> Value {
    let mut body = callback(id);
    body["callData"]["context"] = Value::Array(Vec::new());
    body["callData"]["parties"] = Value::Array(Vec::new());
    body["callData"]["metaData"]["title"] = "Weekly".into();
    body
}

/// Takes a bare callback in and steps the workers.
async fn driven(app: &TestApp, id: &str) -> Value {
    app.post_signed(&bare(id)).await.expect(202);
    app.run_due().await;
    run_of(app, id).await
}

/// No record shows the key, or a token signed with it.
async fn assert_no_key(app: &TestApp) {
    let key = SnowflakeStandIn::private_key_pem();
    let line = key.lines().nth(3).expect("a key has lines").to_owned();
    assert_nowhere(app, &[line.as_str(), "eyJ", "PRIVATE KEY"]).await;
}
