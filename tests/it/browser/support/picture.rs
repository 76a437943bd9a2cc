//! Pictures of whole pages.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{Page, command::devtools};

impl Page {
    /// Writes a PNG of the whole page, as wide as the window.
    pub async fn screenshot(&self, path: &Path) {
        let metrics = devtools(self.client(), "Page.getLayoutMetrics", json!({})).await;
        let height = metrics["cssContentSize"]["height"].clone();
        let clip = json!({"x": 0, "y": 0, "width": self.size().width(), "height": height, "scale": 1});
        let options = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = devtools(self.client(), "Page.captureScreenshot", options).await;
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
