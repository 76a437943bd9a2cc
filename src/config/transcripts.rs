//! Where transcripts come from.

use std::path::PathBuf;

use super::env::Env;

/// The configured source of transcripts. This version has one: what was imported.
#[derive(Debug, Clone)]
pub struct TranscriptConfig {
    /// `IMPORT_DIR`: a directory whose files are taken when a transcript is missing.
    pub import_dir: Option<PathBuf>,
}

impl TranscriptConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let import_dir = env.read("IMPORT_DIR", |text| {
            let path = PathBuf::from(text);
            if path.is_dir() { Ok(path) } else { Err("a directory that exists".to_owned()) }
        });
        env.read("TRANSCRIPT_SOURCE", |text| match text {
            "import" => Ok(()),
            "gong" | "snowflake" => Err("this version reads transcripts from imports only: import".to_owned()),
            _ => Err("gong, snowflake or import".to_owned()),
        });
        Self { import_dir }
    }
}
