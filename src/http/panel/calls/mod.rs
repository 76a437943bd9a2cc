//! Calls: found, looked at, sent through again, erased.

mod list;
mod run;
mod show;
mod told;
mod transcript;

use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::{list::list, run::in_words, show::show};
use super::form::Change;
use crate::{
    db::call_labels::CallLabel,
    domain::text,
    http::{admin::calls as api, extract::PathText, problem::Problem},
};

/// Where a call's page is.
pub fn url(call_id: &str) -> String {
    format!("/panel/calls/{}", utf8_percent_encode(call_id, NON_ALPHANUMERIC))
}

/// What a call is called where it is not the subject: nothing of a private one is shown.
pub fn name(label: &CallLabel) -> String {
    match &label.title {
        _ if label.erased_at.is_some() => "Erased call".to_owned(),
        _ if label.is_private => "Private call".to_owned(),
        Some(title) => text::without_contacts(title),
        None => format!("Call {}", label.call_id),
    }
}

pub async fn reprocess(PathText(id): PathText, change: Change) -> Result<Response, Problem> {
    let page = url(&id);
    match api::reprocess(change.app(), change.admin(), PathText(id)).await {
        Ok(_) => Ok(change.viewer.done(&page, "The call is on its way through the pipeline.")),
        Err(problem) => change.viewer.not_done(&page, problem),
    }
}

pub async fn erase(PathText(id): PathText, change: Change) -> Result<Response, Problem> {
    let page = url(&id);
    if !change.fields.ticked("understood") {
        let detail = "Nothing was erased: tick the box that says that you understand what goes.";
        return change.viewer.not_done(&page, Problem::invalid_field("/understood", detail));
    }
    api::erase(change.app(), change.admin(), PathText(id)).await?;
    Ok(change.viewer.done(&page, "The call is erased."))
}
