//! The admin API, one file per resource. Every query names the caller's tenant; what belongs to another is not there.

pub mod accounts;
pub mod audit_log;
pub mod calls;
pub mod config;
pub mod endpoints;
pub mod events;
mod faults;
pub mod jobs;
pub mod logs;
mod read;
pub mod runs;
pub mod sources;
pub mod stats;
pub mod tenants;
pub mod tokens;

use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::auth::Caller;
use crate::db::{
    Page,
    audit::{NewAudit, insert_audit},
};

/// A page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListResponse<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Gives the next page, as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

/// The part of a list that is asked for; read by [`super::extract::Params::page`].
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters; they are read one by one to be refused by name")]
struct PageQuery {
    /// How many items, 50 if left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{32}$")]
    cursor: Option<String>,
}

/// What makes a creating request safe to repeat; read by [`super::idempotency::Once`].
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the header")]
struct IdempotencyHeader {
    /// Any text of your own. The same request with the same key is answered as the first time, for 24 hours.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

/// Asks for one row more than wanted, to see whether there is a next page.
pub(in crate::http) fn one_more(page: Page) -> Page {
    Page { limit: page.limit + 1, ..page }
}

/// Makes a page of rows that were asked for with [`one_more`].
pub(in crate::http) fn paged<R, T: From<R>>(rows: Vec<R>, page: Page, key: impl Fn(&R) -> Uuid) -> ListResponse<T> {
    cut(rows, page.limit, |row| key(row).simple().to_string())
}

/// Cuts rows, of which one more than `limit` was asked for, to a page; `cursor` tells where the next one begins.
fn cut<R, T: From<R>>(mut rows: Vec<R>, limit: i64, cursor: impl Fn(&R) -> String) -> ListResponse<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(cursor);
    ListResponse { items: rows.into_iter().map(T::from).collect(), next_cursor }
}

/// What of a mailbox may stand in the audit: where it is, not whose.
fn mailbox_for_audit(mailbox: &str) -> String {
    format!("…@{}", mailbox.rsplit('@').next().unwrap_or_default().trim_end_matches('>'))
}

/// Records a change in the transaction of the change itself.
async fn audit(
    tx: &mut PgConnection,
    caller: &Caller,
    action: &str,
    object: impl Display,
    before: Option<Value>,
    after: Option<Value>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let audit = NewAudit {
        tenant: &caller.tenant,
        actor: &caller.actor,
        address: caller.address.clone(),
        action,
        object: object.to_string(),
        before,
        after,
    };
    insert_audit(tx, audit, now).await
}
