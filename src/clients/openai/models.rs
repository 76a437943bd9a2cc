//! Checks at the start that the model exists and for how long: models are shut down several times a year, and the API
//! announces it.

use crate::clients::http::{Reply, UpstreamError};
use crate::domain::text;
use chrono::NaiveDate;
use http::Method;
use serde_json::Value;

use super::{OpenAi, complaint::Complaint, errors};

/// A shutdown this near is worth a warning.
const NOTICE_DAYS: i64 = 90;
/// So many of a server's models are named when ours is not among them.
const NAMED: usize = 5;
const LONGEST_NAME: usize = 60;

/// What is known of the configured model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReport {
    /// Its name.
    pub model: String,
    /// Whether the server said that it has it.
    pub verified: bool,
    /// When it stops answering, if that is announced.
    pub shutdown_date: Option<NaiveDate>,
    /// What an operator should know of.
    pub warning: Option<String>,
}

impl OpenAi {
    /// Looks the model up. A compatible server that does not list its models is no failure: the report warns that
    /// nothing could be verified. An unknown model is [`UpstreamError::Never`].
    pub async fn check(&self, today: NaiveDate) -> Result<ModelReport, UpstreamError> {
        let reply = self.get(&["models", &self.model]).await?;
        if let Some(model) = found(&reply) {
            return Ok(self.report(&model, today));
        }
        if is_forbidden_to_look(&reply) {
            return Ok(self.unverified("the key may not read models"));
        }
        if self.endpoint.is_vendor || !has_no_such_route(&reply) {
            return Err(self.refusal(&reply));
        }
        // Compatible servers may list their models without having an address for each.
        self.look_in_list(&self.get(&["models"]).await?, today)
    }

    fn look_in_list(&self, reply: &Reply, today: NaiveDate) -> Result<ModelReport, UpstreamError> {
        let list = found(reply).and_then(|mut body| body.get_mut("data").map(Value::take));
        let Some(Value::Array(models)) = list else {
            return if has_no_such_route(reply) {
                Ok(self.unverified("the server does not list its models"))
            } else {
                Err(self.refusal(reply))
            };
        };
        let name = |model: &Value| model.get("id").and_then(Value::as_str).map(str::to_owned);
        // Ollama completes a name without a tag.
        let latest = format!("{}:latest", self.model);
        let is_ours = |model: &&Value| name(model).is_some_and(|name| name == self.model || name == latest);
        if let Some(model) = models.iter().find(is_ours) {
            return Ok(self.report(model, today));
        }
        if self.endpoint.is_azure {
            return Ok(self.unverified("Azure lists models and not deployments"));
        }
        let offered: Vec<String> = models.iter().filter_map(name).take(NAMED).map(|name| shown(&name)).collect();
        let what = format!("does not list the model {}", self.model);
        let advice =
            if offered.is_empty() { "it lists none".to_owned() } else { format!("it lists {}", offered.join(", ")) };
        Err(UpstreamError::Never(self.wording(reply, "").plain(&what, &advice)))
    }

    async fn get(&self, path: &[&str]) -> Result<Reply, UpstreamError> {
        let url = self.endpoint.url(path.iter().copied());
        let request = self.sender.request(Method::GET, url).headers(self.endpoint.headers.clone());
        self.sender.send("look up the model", request).await
    }

    fn refusal(&self, reply: &Reply) -> UpstreamError {
        let wording = self.wording(reply, "");
        if reply.status.is_success() {
            return UpstreamError::Retry(wording.plain("answered with something that is no JSON", "it may pass"));
        }
        // Nothing but the model is asked for here, so at the vendor's own address a 404 can mean nothing else.
        if reply.status.as_u16() == 404 && self.endpoint.is_vendor {
            let complaint = Complaint::of_reply(reply);
            return UpstreamError::Never(wording.text("answered 404", &complaint, &errors::unknown_model(&self.model)));
        }
        errors::refused(reply, self.sender.now(), &wording).into()
    }

    fn report(&self, model: &Value, today: NaiveDate) -> ModelReport {
        let shutdown_date = model.get("shutdown_date").and_then(Value::as_str).and_then(date);
        let warning = shutdown_date.and_then(|date| shutdown_warning(&self.model, date, today));
        ModelReport { model: self.model.clone(), verified: true, shutdown_date, warning }
    }

    fn unverified(&self, why: &str) -> ModelReport {
        let warning =
            format!("the model {} could not be verified: {why} (OPENAI_BASE_URL usually ends in /v1)", self.model);
        ModelReport { model: self.model.clone(), verified: false, shutdown_date: None, warning: Some(warning) }
    }
}

/// The body of a success, if it is a JSON object.
fn found(reply: &Reply) -> Option<Value> {
    reply.json().filter(|body| reply.status.is_success() && body.is_object())
}

/// Whether the server seems not to know the path; a page of a web interface (200, no JSON) is one of those ways.
fn has_no_such_route(reply: &Reply) -> bool {
    matches!(reply.status.as_u16(), 404 | 405 | 410 | 501) || (reply.status.is_success() && found(reply).is_none())
}

/// Keys can be restricted to asking: they answer, but must not look models up.
fn is_forbidden_to_look(reply: &Reply) -> bool {
    matches!(reply.status.as_u16(), 401 | 403) && Complaint::of_reply(reply).message.contains("Missing scopes")
}

/// The day of a date or an instant.
fn date(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}

fn shutdown_warning(model: &str, date: NaiveDate, today: NaiveDate) -> Option<String> {
    match (date - today).num_days() {
        ..0 => Some(format!("the model {model} was shut down on {date}: name another")),
        days @ 0..=NOTICE_DAYS => {
            Some(format!("the model {model} is shut down on {date}, in {days} days: name another"))
        }
        _ => None,
    }
}

fn shown(name: &str) -> String {
    text::shorten(&name.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use crate::{clients::http::SenderContext, domain::clock::Clock};
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::config::{Dialect, OpenAiConfig};

    fn client(base: &str) -> OpenAi {
        let clock = Clock::manual("2026-11-20T10:00:00Z".parse().unwrap());
        let context = SenderContext { extra_ca: Vec::new(), clock, count: Arc::new(|_, _| {}) };
        let (base_url, model) = (base.parse().unwrap(), "m".to_owned());
        let config = OpenAiConfig {
            base_url,
            api_key: None,
            model,
            dialect: Dialect::Responses,
            timeout: Duration::from_secs(60),
        };
        OpenAi::new(config, &context).unwrap()
    }

    fn reply(status: u16, body: &Value) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: HeaderMap::new(), body: body.to_string().into() }
    }

    #[test]
    fn at_the_vendors_own_address_a_404_is_an_unknown_model() {
        let error = client("https://api.openai.com/v1").refusal(&reply(404, &json!({"error": {"message": "Nope."}})));
        let UpstreamError::Never(text) = error else { panic!("{error:?}") };
        assert!(text.starts_with("OpenAI answered 404: Nope. – the model m does not exist"), "{text}");
    }

    #[test]
    fn a_list_tells_of_models_but_at_azure_not_of_deployments() {
        let today = date("2026-11-20").unwrap();
        let list = |names: &[&str]| {
            let models: Vec<Value> = names.iter().map(|name| json!({"id": name})).collect();
            reply(200, &json!({"data": models}))
        };
        let local = client("http://localhost:11434/v1");
        assert_eq!(local.look_in_list(&list(&["x", "m:latest"]), today).unwrap().warning, None);
        assert!(matches!(local.look_in_list(&list(&[]), today), Err(UpstreamError::Never(_))));
        let azure = client("https://x.openai.azure.com/openai/v1");
        assert!(azure.look_in_list(&list(&["gpt-x"]), today).unwrap().warning.unwrap().contains("deployments"));
    }

    #[test]
    fn a_shutdown_is_worth_a_warning_from_ninety_days_before() {
        let today = date("2026-11-20").unwrap();
        let warning = |on: &str| shutdown_warning("m", date(on).unwrap(), today);
        assert_eq!(warning("2027-02-19"), None);
        assert!(warning("2027-02-18").unwrap().contains("in 90 days"));
        assert!(warning("2026-11-20").unwrap().contains("in 0 days"));
        assert!(warning("2026-11-19").unwrap().contains("was shut down"));
    }

    #[test]
    fn a_date_may_come_with_a_time_and_nonsense_is_none() {
        assert_eq!(date("2027-01-14T00:00:00Z"), date("2027-01-14"));
        for nonsense in ["", "soon", "14.01.2027", "2027-13-01", "äöüäöüäöü"] {
            assert_eq!(date(nonsense), None, "{nonsense}");
        }
    }
}
