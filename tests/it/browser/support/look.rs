//! How a browser shows what it shows: how wide, how bright. Nothing ever moves.

use fantoccini::Client;
use serde_json::json;

use super::command::devtools;

/// The window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    #[default]
    Desktop,
    Phone,
}

impl Size {
    /// In CSS pixels.
    pub fn width(self) -> u32 {
        match self {
            Self::Desktop => 1280,
            Self::Phone => 390,
        }
    }

    pub fn height(self) -> u32 {
        match self {
            Self::Desktop => 900,
            Self::Phone => 844,
        }
    }
}

/// What the person prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Light,
    Dark,
}

/// Applies both to what is shown now and to every page after it.
pub async fn apply(client: &Client, size: Size, scheme: Scheme) {
    let phone = size == Size::Phone;
    let metrics = json!({"width": size.width(), "height": size.height(), "deviceScaleFactor": 1, "mobile": phone});
    devtools(client, "Emulation.setDeviceMetricsOverride", metrics).await;
    let scheme = match scheme {
        Scheme::Light => "light",
        Scheme::Dark => "dark",
    };
    let features = json!([
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]);
    devtools(client, "Emulation.setEmulatedMedia", json!({"features": features})).await;
}
