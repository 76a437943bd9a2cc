//! Gong: the shapes of its API and callbacks, and its REST API: calls in a window of time, calls and transcripts by id,
//! users. How often it may be asked is said by whoever gives it a [`Pace`].

mod api;
mod batch;
mod batches;
mod errors;
mod exact;
mod exchange;
mod listing;
mod pace;
mod pages;
pub mod shapes;
mod users;

pub use self::{
    api::GongApi,
    batches::{GongBatches, LARGEST_BATCH},
    exact::parse_json_exact,
    pace::Pace,
    pages::{MOST_PAGES, Page, PageError},
    users::User,
};
