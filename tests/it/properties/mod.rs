//! What must hold of anything that comes from outside: one file per kind of input, each with a `hold` that takes bytes and
//! fails if it does not.
//!
//! They live here once and are asked twice: by the fuzz targets in `fuzz/`, and by `hostile.rs` with what proptest makes of
//! the same seeds. Nothing here waits, and none asks a network or a database.

pub mod answers;
pub mod callbacks;
pub mod claims;
pub mod contacts;
pub mod documents;
pub mod filters;
pub mod ids;
pub mod imports;
mod markup;
pub mod notices;
pub mod proofs;
mod registry;
pub mod requests;
pub mod retry_after;
pub mod targets;
mod told;
pub mod transcripts;

/// The first lines of an input as so many fields, and what comes after them. Nothing for what is no text.
fn fields<const N: usize>(data: &[u8]) -> Option<([&str; N], &[u8])> {
    let mut rest = data;
    let mut fields = [""; N];
    for field in &mut fields {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        *field = std::str::from_utf8(&rest[..end]).ok()?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some((fields, rest))
}

/// A field that was left empty is not there.
fn given(field: &str) -> Option<&str> {
    Some(field).filter(|field| !field.is_empty())
}
