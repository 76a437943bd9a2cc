//! Refusals in the words of Google.

use http::StatusCode;
use serde_json::{Value, json};

/// An answer that is not a success.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// The body of a refusal by Drive.
pub fn drive_error(status: u16, reason: &str, message: &str) -> String {
    body(status, reason, message).to_string()
}

fn body(status: u16, reason: &str, message: &str) -> Value {
    let domain = if reason.ends_with("LimitExceeded") { "usageLimits" } else { "global" };
    json!({"error": {"code": status, "message": message, "errors": [
        {"domain": domain, "reason": reason, "message": message},
    ]}})
}

impl Refusal {
    fn new(status: StatusCode, reason: &str, message: &str) -> Self {
        Self { status, body: body(status.as_u16(), reason, message) }
    }

    pub(super) fn of_token(status: StatusCode, code: &str, description: &str) -> Self {
        Self { status, body: json!({"error": code, "error_description": description}) }
    }

    pub(super) fn bad_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials")
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", &format!("File not found: {id}."))
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "badRequest", message)
    }

    pub(super) fn forbidden(reason: &str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, message)
    }

    pub(super) fn read_only() -> Self {
        Self::forbidden("insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
    }

    pub(super) fn no_storage() -> Self {
        Self::forbidden(
            "storageQuotaExceeded",
            "Service Accounts do not have storage quota. Leverage shared drives \
             (https://developers.google.example/drive?hl=en), or use OAuth delegation instead.",
        )
    }

    pub(super) fn id_in_use() -> Self {
        Self::new(StatusCode::CONFLICT, "fileIdInUse", "A file already exists with the provided ID.")
    }

    pub(super) fn id_for_document() -> Self {
        let message = "Generated IDs are not supported for Docs Editors formats.";
        Self::new(StatusCode::BAD_REQUEST, "generatedIdNotSupported", message)
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "uploadTooLarge", "The upload is too large.")
    }
}
