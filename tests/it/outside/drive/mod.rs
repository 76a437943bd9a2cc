//! Google Drive: what it does, what we do, and which test shows it in a run's record and in the Drive.
//!
//! | It | We | Test |
//! |---|---|---|
//! | makes folders and documents | one folder per account, "Call Summary" replaced in place, "Summary Log" newest first | `good::*` |
//! | does not mind who writes | one worker at a time writes a folder, and writes for all | `workers::*` |
//! | loses an answer | look for what may have been made; one of each stays | `lost::*` |
//! | finds new files late | wait before making another | `lost::a_search_that_is_behind_…` |
//! | (ours) a call of the account turns private, or its run fails | nothing of it is written for another call | `private::*` |
//! | lets humans trash and delete | make anew, with every entry | `humans::what_a_human_removes_…` |
//! | shows an unshared root as if all were deleted | fail and forget nothing | `humans::a_root_that_is_not_shared_…` |
//! | 403 by rate, 429, 5xx | try again, or come back as asked at no cost | `refusals::what_may_pass_…` |
//! | owns no storage for service accounts; says no for good | fail at once with what to do | `refusals::what_will_not_pass_…`, `refusals::my_drive_…` |
//! | revokes or ends tokens | fetch another, silently | `tokens::*` |
//! | refuses keys and delegation | fail at once with what to do | `tokens::*` |

mod good;
mod humans;
mod lost;
mod private;
mod refusals;
mod tokens;
mod workers;

use serde_json::Value;

use super::drive_vars;
use crate::support::{
    TestApp, TestAppBuilder, callback,
    drive::{DriveStandIn, File, Layout},
};

const SUMMARY: &str = "Call Summary";
const LOG: &str = "Summary Log";

async fn configured(layout: Layout) -> (DriveStandIn, TestAppBuilder) {
    let drive = DriveStandIn::start(layout).await;
    let app = TestAppBuilder::default().with_all(drive_vars(&drive));
    (drive, app)
}

/// The usual case: a shared drive.
async fn started() -> (DriveStandIn, TestApp) {
    let (drive, app) = configured(Layout::SharedDrive).await;
    (drive, app.start().await)
}

/// Takes in a call that began at a time, with a transcript.
async fn accept_at(app: &TestApp, call_id: &str, started: &str) -> Value {
    app.import_transcript(call_id).await;
    let mut body = callback(call_id);
    body["callData"]["metaData"]["started"] = started.into();
    app.post_signed(&body).await.expect(202).body
}

/// What there is of a name, without the trash.
fn named(drive: &DriveStandIn, name: &str) -> Vec<File> {
    drive.files().into_iter().filter(|file| file.name == name && !file.trashed).collect()
}

/// The only file of a name.
#[track_caller]
fn only(drive: &DriveStandIn, name: &str) -> File {
    let mut found = named(drive, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

#[track_caller]
fn content(drive: &DriveStandIn, name: &str) -> String {
    only(drive, name).content.expect("a document")
}

/// The calls of the log, from top to bottom.
#[track_caller]
fn logged(drive: &DriveStandIn) -> Vec<String> {
    let log = content(drive, LOG);
    let ends = log.split("</a> · call ").skip(1).filter_map(|rest| rest.split_once("</p>"));
    ends.map(|(id, _)| id.to_owned()).collect()
}

/// One folder and the two documents in it, and nothing else that is not in the trash.
#[track_caller]
fn assert_one_of_each(drive: &DriveStandIn) {
    let folder = only(drive, "Halden Freight");
    assert_eq!(folder.parent, Some(drive.root_id()));
    for name in [SUMMARY, LOG] {
        assert_eq!(only(drive, name).parent.as_ref(), Some(&folder.id), "{name} is in the folder");
    }
    assert_eq!(drive.files().iter().filter(|file| !file.trashed).count(), 3);
}
