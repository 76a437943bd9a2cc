//! The admin API, one file per resource. Every query names the caller's tenant; what belongs to another is not there.

pub mod calls;
pub mod endpoints;
pub mod logs;
pub mod runs;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::Page;

/// A page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListResponse<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Gives the next page, as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

/// Asks for one row more than wanted, to see whether there is a next page.
fn one_more(page: Page) -> Page {
    Page { limit: page.limit + 1, ..page }
}

/// Makes a page of rows that were asked for with [`one_more`].
fn paged<R, T: From<R>>(mut rows: Vec<R>, page: Page, key: impl Fn(&R) -> Uuid) -> ListResponse<T> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| key(row).simple().to_string());
    ListResponse { items: rows.into_iter().map(T::from).collect(), next_cursor }
}
