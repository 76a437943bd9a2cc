//! Addresses and headers of a model server, as they follow from its settings.

use anyhow::{Context, ensure};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::OpenAiConfig;

const VENDOR_HOST: &str = "api.openai.com";
const AZURE_SUFFIX: &str = ".openai.azure.com";
const AZURE_KEY: HeaderName = HeaderName::from_static("api-key");

/// Builds addresses and headers.
#[derive(Clone)]
pub(super) struct Endpoint {
    base: Url,
    pub(super) headers: HeaderMap,
    /// How errors call the other end.
    pub(super) name: String,
    /// Whether this is OpenAI itself and not a server that speaks its language.
    pub(super) is_vendor: bool,
    /// Whether names of models are names of deployments, which the list of models does not show.
    pub(super) is_azure: bool,
}

impl Endpoint {
    pub(super) fn new(config: &OpenAiConfig) -> anyhow::Result<Self> {
        let mut base = config.base_url.clone();
        ensure!(matches!(base.scheme(), "http" | "https"), "the base URL of the model server is no http(s) URL");
        let has_login = !base.username().is_empty() || base.password().is_some();
        ensure!(!has_login, "the base URL of the model server holds a login; set the API key instead");
        ensure!(!config.model.trim().is_empty(), "no model is named");
        base.set_fragment(None);
        let host = base.host_str().unwrap_or_default().to_ascii_lowercase();
        let (is_vendor, is_azure) = (host == VENDOR_HOST, host.ends_with(AZURE_SUFFIX));
        let name = if is_vendor { "OpenAI".to_owned() } else { format!("the model server {host}") };
        let headers = headers(config.api_key.as_ref(), is_azure)?;
        Ok(Self { base, headers, name, is_vendor, is_azure })
    }

    /// The address of a path below the base, each segment escaped.
    pub(super) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        // An http URL always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

fn headers(key: Option<&SecretString>, is_azure: bool) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(key) = key else { return Ok(headers) };
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).context("the API key holds characters that no header can carry")?;
        value.set_sensitive(true);
        anyhow::Ok(value)
    };
    headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {}", key.expose_secret()))?);
    if is_azure {
        headers.insert(AZURE_KEY, secret(key.expose_secret())?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dialect;

    fn endpoint(base: &str) -> Endpoint {
        let config = OpenAiConfig {
            base_url: base.parse().unwrap(),
            api_key: Some("sk-test".into()),
            model: "m".to_owned(),
            dialect: Dialect::Responses,
            timeout: std::time::Duration::from_secs(60),
        };
        Endpoint::new(&config).unwrap()
    }

    #[test]
    fn paths_join_with_and_without_a_slash_and_keep_the_query() {
        for (base, joined) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/models/m"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/models/m"),
            ("http://llm:8000", "http://llm:8000/models/m"),
            (
                "https://x.openai.azure.com/openai/v1?api-version=preview#top",
                "https://x.openai.azure.com/openai/v1/models/m?api-version=preview",
            ),
        ] {
            assert_eq!(endpoint(base).url(["models", "m"]).as_str(), joined);
        }
        assert_eq!(endpoint("http://llm/v1").url(["models", "a/b?c"]).as_str(), "http://llm/v1/models/a%2Fb%3Fc");
    }

    #[test]
    fn the_key_is_a_bearer_and_at_azure_also_its_own_header() {
        let (vendor, azure) = (endpoint("https://api.openai.com/v1"), endpoint("https://x.openai.azure.com/openai/v1"));
        assert_eq!(vendor.headers[header::AUTHORIZATION], "Bearer sk-test");
        assert!(vendor.headers[header::AUTHORIZATION].is_sensitive());
        assert!(vendor.is_vendor && !vendor.headers.contains_key(AZURE_KEY));
        assert_eq!(azure.headers[AZURE_KEY], "sk-test");
        assert!(azure.is_azure && !azure.is_vendor && !endpoint("https://openai.azure.com.example").is_azure);
    }

    #[test]
    fn an_unusable_base_is_refused_at_the_start() {
        for base in ["ftp://api.openai.com/v1", "https://me:secret@llm/v1", "data:text/plain,x"] {
            let base_url = base.parse().unwrap();
            let config = OpenAiConfig {
                base_url,
                api_key: None,
                model: "m".to_owned(),
                dialect: Dialect::ChatCompletions,
                timeout: std::time::Duration::from_secs(60),
            };
            assert!(Endpoint::new(&config).is_err(), "{base}");
        }
    }
}
