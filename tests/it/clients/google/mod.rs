//! Google Drive: how it behaves, and what we do about it.
//!
//! | Google                                                                | we                                          | test
//! |-----------------------------------------------------------------------|---------------------------------------------|-----
//! | tokens: RS256 assertion, aud = token_uri, at most 1 h, `sub` to act for a user | sign it so; the stand-in verifies it | `token::an_assertion_…`
//! | a token lasts an hour                                                 | one for all, fetched once, replaced early   | `token::many_at_once_…`, `token::a_token_is_replaced_…`
//! | 401 before its end                                                    | a fresh one, exactly one repeat, then never | `token::a_revoked_…`, `token::a_fresh_…`
//! | `invalid_grant`, `unauthorized_client`                                | never, with what to do                      | `token::a_refused_…`
//! | the token endpoint fails or is busy                                   | retry, or later                             | `token::a_token_endpoint_…`
//! | a key file of another kind, torn, or with an `http:` endpoint         | refused by field, never by value            | `key::*`
//! | shared drives are invisible without `supportsAllDrives`, answers have default fields | both in every call           | `files::*` (the stand-in refuses)
//! | folders: id made before, 409 when it is used                          | 409 is success                              | `files::a_folder_whose_answer_is_lost_…`
//! | documents: no ids, conversion of `multipart/related`                  | by hand, any boundary                       | `files::a_document_…`
//! | 404: gone or not shared                                               | `None`, `ParentGone`, `Gone`, done          | `files::what_is_gone_…`
//! | the trash takes new content                                           | `Gone`                                      | `files::a_document_in_the_trash_…`
//! | at most 5 MB in one request                                           | never, and nothing is sent                  | `files::more_than_5_mb_…`
//! | what happened is unknown after a broken answer                        | retry; the key finds it                     | `files::a_document_whose_answer_is_lost_…`
//! | search: empty pages before the end, trash included, any order         | to the last page, no trash, oldest first    | `search::*`
//! | search is behind, or incomplete                                       | nothing found is no proof; retry            | `search::an_incomplete_…`, `search::a_new_file_…`
//! | 403 for "slow down" and for "never"; 429; 5xx                         | the reason decides                          | `errors::*`
//! | service accounts own no storage                                       | never, with the way out; warned at the start | `errors::a_service_account_…`, `check::*`
//! | a page of a proxy instead of an answer                                | no 404 that is not Drive's own means "gone" | `errors::a_404_…`

mod check;
mod errors;
mod files;
mod key;
mod search;
mod token;

use std::sync::Arc;

use aftercall::{
    clients::google::{Created, Drive, FileInfo},
    config::{GoogleConfig, ServiceAccountKey},
};
use aftercall::{
    clients::http::{SenderContext, UpstreamError},
    domain::clock::Clock,
};
use chrono::DateTime;

use crate::support::drive::{DriveStandIn, Layout, USER};

fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_900_000_000, 0).unwrap())
}

fn context(clock: Clock) -> SenderContext {
    SenderContext { extra_ca: Vec::new(), clock, count: Arc::new(|_, _| ()) }
}

/// The client as the service account itself, or acting for a user.
fn client(google: &DriveStandIn, subject: Option<&str>, clock: Clock) -> Drive {
    let config = GoogleConfig {
        root: String::new(),
        key: ServiceAccountKey::parse(&google.key_json()).unwrap(),
        subject: subject.map(str::to_owned),
        api_url: Some(google.server.url.parse().unwrap()),
    };
    Drive::new(config, &context(clock)).unwrap()
}

/// The usual case: a shared drive.
async fn shared_drive() -> (DriveStandIn, Drive) {
    let google = DriveStandIn::start(Layout::SharedDrive).await;
    let drive = client(&google, None, clock());
    (google, drive)
}

fn done(created: Created) -> FileInfo {
    match created {
        Created::Done(file) => file,
        Created::ParentGone => panic!("the parent is gone"),
    }
}

/// The text of an error that is permanent.
fn never<T: std::fmt::Debug>(result: Result<T, UpstreamError>) -> String {
    match result {
        Err(UpstreamError::Never(text)) => text,
        other => panic!("not permanent: {other:?}"),
    }
}
