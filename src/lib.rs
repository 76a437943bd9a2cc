//! aftercall turns recorded customer calls into summaries, documents and notifications, and can prove it.
//!
//! # Code map
//!
//! Read the rooms in the order a callback passes them:
//!
//! 1. [`http`] takes a request, proves nothing itself, and hands it to
//! 2. [`intake`], where the sender is proven over the raw bytes and event, run and first job are committed in one
//!    transaction; only then is the sender answered.
//! 3. [`queue`] is the motor of everything durable: claims leased by time and fenced by an id, wake-ups, group commits.
//!    It knows neither stages nor channels.
//! 4. [`pipeline`] drives a run through its stages: fetch, summarise, document, notify.
//! 5. [`notify`] decides which endpoints an event goes to and sends it: Slack, mail, signed webhooks.
//!
//! Beneath them: [`domain`], the words and rules, pure code; [`db`], the queries, one file per table, and the private
//! PostgreSQL for machines that have none; [`clients`], one folder per outside system, with the sender they share and the
//! one guarded way out to addresses that users chose; [`systems`], those of them that are configured; [`templates`], what
//! people read; [`telemetry`].
//!
//! Around them: [`config`] reads the environment, [`app`] wires the parts, [`lifecycle`] starts and stops them, [`jobs`]
//! is scheduled work, [`cli`] has one file per command.
//!
//! # Invariants
//!
//! - What was answered 2xx is committed. Nothing is enqueued after the answer.
//! - No transaction is held over the network. Work happens between a claim and a settlement that presents it.
//! - Every query names the tenant, or a key that only a row of the right tenant could have given.
//! - `domain` does no I/O; only `config` reads the environment; only `domain::clock` asks the machine for the time; only
//!   `clients::egress` connects to addresses that users chose.

pub mod app;
pub mod cli;
pub mod clients;
pub mod config;
pub mod db;
pub mod domain;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod lifecycle;
pub mod notify;
pub mod pipeline;
pub mod queue;
pub mod systems;
pub mod telemetry;
pub mod templates;
