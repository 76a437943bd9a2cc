//! The words of this service and the rules between them: pure code.
//!
//! Nothing here waits, talks SQL or HTTP, reads the environment or (outside [`clock`]) asks what time it is. What a rule
//! needs of time and chance is passed in.

pub mod access;
pub mod account;
pub mod call;
pub mod catalogue;
pub mod clock;
pub mod contacts;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod filter;
pub mod ids;
pub mod keyring;
pub mod latency;
pub mod notice;
pub mod payload;
pub mod redact;
pub mod retry;
pub mod run;
pub mod signature;
pub mod summary;
pub mod text;
pub mod tokens;
pub mod trace;
pub mod transcript;
