//! The one integration binary: every test drives the production router, the production workers, or the real binary, on a
//! real PostgreSQL, with the outside world played by local servers.

mod admin;
mod audit;
mod browser;
mod chain;
mod cli;
mod clients;
mod delivery;
mod documents;
mod egress;
mod embedded;
mod endpoint_life;
mod erasure;
mod fairness;
mod faults;
mod generated;
mod idempotency;
mod import;
mod intake;
mod isolation;
mod keys;
mod limits;
mod load;
mod ordered;
mod outside;
mod panel;
mod pipeline;
mod privacy;
mod queue;
mod resources;
mod retention;
mod roles;
mod search;
mod support;
mod tallies;
