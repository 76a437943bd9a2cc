//! Gathers what is wrong with a request, so that all of it is told at once.

use crate::http::problem::{FieldError, Problem};

/// How long a name may be, in characters.
const NAME_LENGTH: usize = 200;

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
        let is_line =
            !name.trim().is_empty() && name.chars().count() <= NAME_LENGTH && !name.chars().any(char::is_control);
        if !is_line {
            self.add(pointer, "one line of 1 to 200 characters");
        }
    }

    /// Fails if there are any.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}
