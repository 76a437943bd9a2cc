//! The fan-out: events go in, deliveries come out. Knows nothing of calls and stages; the pipeline is one of its users.
//!
//! [`emit`] records an event and decides, in the caller's transaction, which endpoints it goes to; [`Raising`] takes in
//! what other programs raise. A [`Notifier`] sends
//! what was decided and records every attempt. How an event reads is `domain::notice`'s, how it
//! travels the channels'.

mod channels;
mod deliver;
mod emit;
mod mailboxes;
mod raise;
mod settle;

pub use self::{
    channels::{Channels, SentHeader, SentRequest, open, seal},
    deliver::Notifier,
    emit::{Emitted, emit},
    mailboxes::Mailboxes,
    raise::{Raised, Raising, raise_in, told_meanwhile},
};
