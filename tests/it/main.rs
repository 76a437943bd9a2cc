//! The one integration binary: every test drives the production router, the production workers, or the real binary, on a
//! real PostgreSQL, with the outside world played by local servers.

mod admin;
mod chain;
mod chaos;
mod cli;
mod clients;
mod delivery;
mod documents;
mod egress;
mod embedded;
mod erasure;
mod fairness;
mod generated;
mod import;
mod intake;
mod keys;
mod load;
mod outside;
mod pipeline;
mod privacy;
mod queue;
mod retention;
mod support;
