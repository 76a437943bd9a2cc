//! The bundled conversations, under fresh call ids so that the demo can be run again: a call is processed once.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use anyhow::Context;
use serde_json::Value;
use uuid::Uuid;

/// A conversation: its callback as Gong would send it. Its transcript lies in a file to import.
pub struct Conversation {
    /// The id it goes by this time.
    pub call_id: String,
    /// Its title.
    pub title: String,
    /// The callback's body.
    pub callback: Vec<u8>,
}

/// Callbacks and transcripts; the first one's story is told at length.
const BUNDLED: [(&str, &str); 5] = [
    (
        include_str!("../../../demo/conversations/renewal-at-risk.callback.json"),
        include_str!("../../../demo/conversations/renewal-at-risk.transcript.json"),
    ),
    (
        include_str!("../../../demo/conversations/renovacion-clinica.callback.json"),
        include_str!("../../../demo/conversations/renovacion-clinica.transcript.json"),
    ),
    (
        include_str!("../../../demo/conversations/onboarding-null-speaker.callback.json"),
        include_str!("../../../demo/conversations/onboarding-null-speaker.transcript.json"),
    ),
    (
        include_str!("../../../demo/conversations/quick-check-in.callback.json"),
        include_str!("../../../demo/conversations/quick-check-in.transcript.json"),
    ),
    (
        include_str!("../../../demo/conversations/private-negotiation.callback.json"),
        include_str!("../../../demo/conversations/private-negotiation.transcript.json"),
    ),
];

/// Gives every conversation a fresh id and writes the transcripts to `folder`, in place of those of an earlier demo.
pub fn fresh(folder: &Path) -> anyhow::Result<Vec<Conversation>> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut conversations = Vec::new();
    for (callback, transcript) in BUNDLED {
        let mut callback: Value = serde_json::from_str(callback)?;
        let mut transcript: Value = serde_json::from_str(transcript)?;
        let meta = &mut callback["callData"]["metaData"];
        let digits = meta["id"].as_str().map_or(19, str::len);
        let call_id = fresh_id(digits);
        meta["id"] = call_id.clone().into();
        let title = meta["title"].as_str().unwrap_or_default().to_owned();
        transcript["callTranscripts"][0]["callId"] = call_id.clone().into();
        fs::write(folder.join(format!("{call_id}.json")), serde_json::to_vec(&transcript)?)?;
        conversations.push(Conversation { call_id, title, callback: serde_json::to_vec(&callback)? });
    }
    Ok(conversations)
}

/// A number of so many digits that was not used before.
fn fresh_id(digits: usize) -> String {
    let unique = (Uuid::now_v7().as_u128() % 10_u128.pow(16)).to_string();
    format!("9{unique:0>width$}", width = digits.saturating_sub(1)).chars().take(digits).collect()
}
