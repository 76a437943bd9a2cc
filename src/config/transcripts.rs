//! Where transcripts come from.

use std::path::PathBuf;

use super::{env::Env, gong::GongConfig, snowflake::SnowflakeConfig};

/// The source of transcripts that are not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptSource {
    /// Snowflake, by the call's id.
    Snowflake,
    /// The Gong API.
    Gong,
    /// What was imported, or lies in `IMPORT_DIR`.
    Import,
}

/// The source, and the directory of files.
#[derive(Debug, Clone)]
pub struct TranscriptConfig {
    /// `TRANSCRIPT_SOURCE`; unset, the first of Snowflake, Gong and import that is configured.
    pub source: TranscriptSource,
    /// `IMPORT_DIR`: a directory whose files are taken when a transcript is missing.
    pub import_dir: Option<PathBuf>,
}

impl TranscriptConfig {
    pub(super) fn read(env: &mut Env, gong: &GongConfig, snowflake: Option<&SnowflakeConfig>) -> Self {
        let import_dir = env.read("IMPORT_DIR", |text| {
            let path = PathBuf::from(text);
            if path.is_dir() { Ok(path) } else { Err("a directory that exists".to_owned()) }
        });
        let asked = env.read("TRANSCRIPT_SOURCE", |text| match text {
            "snowflake" => Ok(TranscriptSource::Snowflake),
            "gong" => Ok(TranscriptSource::Gong),
            "import" => Ok(TranscriptSource::Import),
            _ => Err("gong, snowflake or import".to_owned()),
        });
        match asked {
            Some(TranscriptSource::Snowflake) if snowflake.is_none() => {
                env.problem(
                    "TRANSCRIPT_SOURCE",
                    "is snowflake, but SNOWFLAKE_ACCOUNT and its credentials are not given",
                );
            }
            Some(TranscriptSource::Gong) if gong.api.is_none() => {
                env.problem(
                    "TRANSCRIPT_SOURCE",
                    "is gong, but GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET are not given",
                );
            }
            _ => {}
        }
        let first_configured = match (snowflake, &gong.api) {
            (Some(_), _) => TranscriptSource::Snowflake,
            (None, Some(_)) => TranscriptSource::Gong,
            (None, None) => TranscriptSource::Import,
        };
        Self { source: asked.unwrap_or(first_configured), import_dir }
    }
}
