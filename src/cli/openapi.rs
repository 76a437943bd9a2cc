//! `openapi`: prints the API document.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use crate::http;

/// Prints the document that the server would serve.
pub fn run() -> anyhow::Result<ExitCode> {
    stdout().write_all(http::openapi_document().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
