//! `multipart/related` as Drive's uploads want it: metadata first, then the content. The HTTP client's own multipart is
//! `form-data`, which Drive refuses.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A body and the content type that goes with it.
pub(super) struct Related {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// Puts metadata and content together.
pub(super) fn related(metadata: &Value, media_type: &str, media: &str) -> Related {
    let metadata = metadata.to_string();
    let boundary = boundary(&[&metadata, media], Sha256::digest(media).into());
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Type: {media_type}\r\n\r\n{media}\r\n--{boundary}--\r\n"
    );
    Related { content_type: format!("multipart/related; boundary={boundary}"), body: body.into() }
}

/// A boundary that does not occur in any part. No content can contain its own hash on purpose, so the first try does,
/// and the loop makes certain.
fn boundary(parts: &[&str], mut seed: [u8; 32]) -> String {
    loop {
        let boundary = format!("aftercall-{}", hex::encode(&seed[..16]));
        if !parts.iter().any(|part| part.contains(&boundary)) {
            return boundary;
        }
        seed = Sha256::digest(seed).into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_boundary_that_occurs_in_a_part_is_not_used() {
        let first = boundary(&[], [7; 32]);
        let other = boundary(&["harmless", &format!("text --{first}-- text")], [7; 32]);
        assert_ne!(first, other);
    }

    #[test]
    fn metadata_comes_before_the_content() {
        let made = related(&json!({"name": "n"}), "text/html", "<p>--b</p>");
        let boundary = made.content_type.strip_prefix("multipart/related; boundary=").unwrap();
        assert_eq!(
            String::from_utf8(made.body.to_vec()).unwrap(),
            format!(
                "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{{\"name\":\"n\"}}\r\n\
                 --{boundary}\r\nContent-Type: text/html\r\n\r\n<p>--b</p>\r\n--{boundary}--\r\n"
            )
        );
    }
}
