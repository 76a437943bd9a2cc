//! What a proven body says: which call, and whether it is only a test.

use tracing::info_span;

use super::proof::VerifiedBody;
use crate::{
    clients::gong::{parse_json_exact, shapes},
    domain::{call::Call, ids::SourceId, trace::Trace},
    telemetry::traces,
};

/// A callback that was proven (or read from a file of ours) and names a call.
#[derive(Debug, Clone)]
pub struct Callback {
    pub(super) tenant: String,
    pub(super) source: SourceId,
    pub(super) body: Vec<u8>,
    /// `None` for Gong's "Test now", which starts nothing.
    pub(super) call: Option<Call>,
    pub(super) trace: Trace,
}

/// Why a proven body is not a callback.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The body names no call.
    #[error(
        "callData.metaData.id is missing or unusable: a callback must name its call (text of at most 128 characters)"
    )]
    NoCallId,
}

impl Callback {
    /// Reads a proven body, leniently: only the call's id is required, and not even that of a test.
    pub fn parse(verified: &VerifiedBody) -> Result<Self, CallbackError> {
        let bytes = verified.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&verified.bytes);
        let value = parse_json_exact(bytes).map_err(CallbackError::NotJson)?;
        let call = match shapes::callback_call(&value) {
            _ if shapes::is_test(&value) => None,
            Some(call) => Some(call),
            None => return Err(CallbackError::NoCallId),
        };
        Ok(Self {
            tenant: verified.tenant.clone(),
            source: verified.source,
            body: verified.bytes.to_vec(),
            call,
            trace: traces::current(),
        })
    }

    /// A call that a file names, or the API listed: a trace begins with it.
    #[must_use]
    pub fn found(tenant: &str, source: SourceId, call: Call) -> Self {
        let trace = info_span!(parent: None, "call.found", call.id = call.id).in_scope(traces::current);
        Self { tenant: tenant.to_owned(), source, body: Vec::new(), call: Some(call), trace }
    }

    /// Under which this call's way is logged.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace.id
    }
}
