//! Google Drive: folders, and documents made from HTML.
//!
//! Speaks for a service account, or through it for a user of a Workspace. What belongs where, which ids are stored and
//! that one creator works on a path at a time is for the caller to see to; nothing here remembers a file. The Docs API
//! is not used: its documents can be created nowhere but in My Drive, and its writes are not safe to repeat.

mod api;
mod check;
mod drive;
mod errors;
mod files;
mod multipart;
mod search;
mod token;

pub use self::{
    check::RootReport,
    drive::{Created, Drive, Replaced},
    files::{FileInfo, Kind},
    search::Place,
};

use crate::config::GoogleConfig;
