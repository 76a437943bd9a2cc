//! Takes a `multipart/related` body apart, strictly: exactly metadata and content, in this order.

use serde_json::Value;

use super::{Asking, refusal::Refusal};

/// Metadata, and the content with its media type.
pub(super) struct Parts {
    pub(super) metadata: Value,
    pub(super) media_type: String,
    pub(super) media: String,
}

pub(super) fn read(asking: &Asking<'_>) -> Result<Parts, Refusal> {
    let malformed = || Refusal::bad_request("Malformed multipart body.");
    if asking.media_type() != "multipart/related" {
        return Err(malformed());
    }
    let content_type = asking.header(http::header::CONTENT_TYPE);
    let boundary = content_type.split("boundary=").nth(1).ok_or_else(malformed)?.trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(malformed()); // RFC 2046 §5.1.1
    }
    let body = std::str::from_utf8(asking.body).map_err(|_| malformed())?;
    let open = format!("--{boundary}\r\n");
    let inner = body.strip_prefix(&open).ok_or_else(malformed)?;
    let (inner, rest) = inner.split_once(&format!("\r\n--{boundary}--")).ok_or_else(malformed)?;
    if !rest.trim().is_empty() {
        return Err(malformed());
    }
    let parts: Vec<&str> = inner.split(&format!("\r\n{open}")).collect();
    let [metadata, media] = parts[..] else { return Err(malformed()) };
    let (metadata_type, metadata) = part(metadata).ok_or_else(malformed)?;
    let (media_type, media) = part(media).ok_or_else(malformed)?;
    if !metadata_type.starts_with("application/json") {
        return Err(malformed());
    }
    let metadata = serde_json::from_str(metadata).map_err(|_| Refusal::bad_request("Parse Error"))?;
    Ok(Parts { metadata, media_type: media_type.to_owned(), media: media.to_owned() })
}

/// The content type of a part and what is in it.
fn part(part: &str) -> Option<(&str, &str)> {
    let (head, content) = part.split_once("\r\n\r\n")?;
    let content_type = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim())
    })?;
    Some((content_type, content))
}
