//! The style sheet, the script and the icon, from the binary. Their URLs carry their hash, so browsers keep them for good.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::header;
use rust_embed::RustEmbed;

use crate::http::problem::{Problem, ProblemKind};

/// What pages ask for beside themselves.
#[derive(RustEmbed)]
#[folder = "assets/panel/"]
struct Assets;

/// The URL of an asset.
pub fn url(file: &str) -> Option<String> {
    let hash = Assets::get(file)?.metadata.sha256_hash();
    Some(format!("/panel/assets/{file}?v={}", hex::encode(&hash[..8])))
}

pub async fn serve(Path(file): Path<String>) -> Result<Response, Problem> {
    let asset = Assets::get(&file).ok_or(ProblemKind::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, asset.metadata.mimetype().to_owned()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, asset.data).into_response())
}
