//! What tests stand on: a database each, the app with a clock that stands still, receivers, signed callbacks.

mod app;
mod certificate;
mod database;
pub mod drive;
mod gong;
pub mod gong_api;
pub mod openai;
mod process;
mod receiver;
mod smtp;
pub mod snowflake;
mod stand_in;
mod wire;

pub use self::{
    app::{Answer, SECRET, TOKEN, TestApp, TestAppBuilder, URL_KEY, WEBHOOK_URL},
    certificate::Certificate,
    database::Database,
    gong::{Gong, Signing, callback, transcript},
    process::Server,
    receiver::{Received, Receiver},
    smtp::{Protection, SmtpServer},
    stand_in::{Fault, StandIn},
    wire::{Wire, answer, read_request},
};
