//! Measurements with the real binary and stand-ins that answer at once. They assert only that everything arrives; the
//! figures are for whoever runs them:
//! `cargo test --release --test it load:: -- --ignored --nocapture --test-threads 1`

mod calls;
mod fanout;
mod panel;

use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(300);
