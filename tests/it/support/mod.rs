//! What tests stand on: a database each, the app with a clock that stands still, receivers, signed callbacks.

mod app;
mod database;
mod gong;
mod process;
mod receiver;
mod smtp;
mod stand_in;

pub use self::{
    app::{Answer, SECRET, TOKEN, TestApp, URL_KEY, WEBHOOK_URL},
    database::Database,
    gong::{Gong, Signing, callback, transcript},
    process::Server,
    receiver::Receiver,
    smtp::SmtpServer,
    stand_in::{Fault, StandIn},
};
