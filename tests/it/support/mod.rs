//! What tests stand on: a database each, the app with a clock that stands still, receivers, signed callbacks.

mod app;
mod certificate;
mod collector;
mod database;
pub mod drive;
mod exposition;
mod gong;
pub mod gong_api;
pub mod openai;
mod operations;
mod process;
mod proxy;
mod receiver;
mod rows;
mod smtp;
pub mod snowflake;
mod stand_in;
mod tenant;
mod wire;

pub use self::{
    app::{Answer, SECRET, TOKEN, TestApp, TestAppBuilder, URL_KEY, WEBHOOK_URL},
    certificate::Certificate,
    collector::{Collector, Span},
    database::{Database, contents},
    exposition::Exposition,
    gong::{Gong, Signing, callback, transcript},
    operations::{Operation, Things, operations, request},
    process::{Door, Server, serve_vars},
    proxy::{Behind, Proxy},
    receiver::{Received, Receiver},
    rows::Rows,
    smtp::{Protection, SmtpServer},
    stand_in::{Fault, StandIn},
    tenant::{SHARED_ACCOUNT, SHARED_CALL, Tenant},
    wire::{Wire, answer, read_request, read_whole},
};
