//! Calls found by asking the Gong API instead of waiting for its callbacks: the poller, which runs by itself, and the sync
//! that an operator starts. Both are for what a callback can miss, so both may meet a call again and again.

mod poll;
mod sync;
mod window;

pub use self::{
    poll::{PollError, Polled, Poller},
    sync::{Sync, SyncError, SyncMode, SyncPlan, SyncProgress},
};
