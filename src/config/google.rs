//! The Google Drive folder that documents go to.

use url::Url;

use super::{
    env::{Env, secure_url},
    service_account::ServiceAccountKey,
};

/// How Drive is reached, and where documents go.
#[derive(Debug, Clone)]
pub struct GoogleConfig {
    /// `GOOGLE_CREDS_JSON`, or the file of `GOOGLE_APPLICATION_CREDENTIALS`.
    pub key: ServiceAccountKey,
    /// `GOOGLE_IMPERSONATE`: the Workspace user to act as.
    pub subject: Option<String>,
    /// `GOOGLE_API_URL`: another host for Drive and its uploads.
    pub api_url: Option<Url>,
    /// `GOOGLE_DRIVE_FOLDER_ID`: the folder in which accounts get theirs.
    pub root: String,
}

impl GoogleConfig {
    /// Whose rights count in Drive: the user acted for, or else the service account.
    #[must_use]
    pub fn acts_as(&self) -> &str {
        self.subject.as_deref().unwrap_or(self.key.client_email())
    }

    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let by_value = env.read("GOOGLE_CREDS_JSON", ServiceAccountKey::parse);
        let by_path = env.file("GOOGLE_APPLICATION_CREDENTIALS", ServiceAccountKey::parse);
        let api_url = env.read("GOOGLE_API_URL", secure_url);
        let root = env.read("GOOGLE_DRIVE_FOLDER_ID", |text| {
            let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            let hint = || "the id alone: the last part of the folder's URL, letters, digits, - and _".to_owned();
            if fits { Ok(text.to_owned()) } else { Err(hint()) }
        });
        let credentials = ["GOOGLE_CREDS_JSON", "GOOGLE_APPLICATION_CREDENTIALS"];
        match credentials.iter().filter(|name| env.is_set(name)).count() {
            0 => {
                let others = ["GOOGLE_DRIVE_FOLDER_ID", "GOOGLE_IMPERSONATE", "GOOGLE_API_URL"];
                if let Some(given) = others.into_iter().find(|name| env.is_set(name)) {
                    env.problem(
                        "GOOGLE_APPLICATION_CREDENTIALS",
                        format!(
                            "must be given with {given} (the file of a service account's key), or GOOGLE_CREDS_JSON"
                        ),
                    );
                }
            }
            1 => {
                let given = if env.is_set(credentials[0]) { credentials[0] } else { credentials[1] };
                env.needs(given, &["GOOGLE_DRIVE_FOLDER_ID"]);
            }
            _ => env.problem("GOOGLE_CREDS_JSON", "and GOOGLE_APPLICATION_CREDENTIALS are both given: leave one out"),
        }
        Some(Self { key: by_value.or(by_path)?, subject: env.text("GOOGLE_IMPERSONATE"), api_url, root: root? })
    }
}
