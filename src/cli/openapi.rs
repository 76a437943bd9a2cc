//! `openapi`: prints the document that is committed under `openapi/`.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use crate::http;

/// Prints the document.
pub fn run() -> anyhow::Result<ExitCode> {
    writeln!(stdout(), "{}", http::openapi_document().to_pretty_json()?)?;
    Ok(ExitCode::SUCCESS)
}
