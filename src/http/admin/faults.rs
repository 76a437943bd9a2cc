//! Gathers what is wrong with a request, so that all of it is told at once.

use crate::{
    domain::text,
    http::problem::{FieldError, Problem},
};

/// Deliveries a minute that can be asked for.
const RATE_LIMIT: std::ops::RangeInclusive<i32> = 1..=60_000;

/// What is wrong with which field.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), detail: detail.into() });
    }

    /// Adds one if there is one.
    pub fn extend(&mut self, fault: Option<FieldError>) {
        self.0.extend(fault);
    }

    /// Adds a fault unless this can be the name of something.
    pub fn check_name(&mut self, pointer: impl Into<String>, name: &str) {
        if !text::is_name(name) {
            self.add(pointer, "one line of 1 to 200 characters");
        }
    }

    /// Adds a fault unless this can be a limit of deliveries a minute.
    pub fn check_rate_limit(&mut self, limit: Option<i32>) {
        if limit.is_some_and(|limit| !RATE_LIMIT.contains(&limit)) {
            self.add("/rate_limit_per_minute", "1 to 60000, or null for no limit");
        }
    }

    /// Fails if there are any.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}
