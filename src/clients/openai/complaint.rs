//! What a server says went wrong, wherever in its body it says so.

use crate::clients::http::Reply;
use serde_json::Value;

/// Codes by which servers name an input that does not fit the model.
const TOO_LONG_CODES: [&str; 3] = ["context_length_exceeded", "string_above_max_length", "ContextWindowExceededError"];
/// What compatible servers say instead of a code.
const TOO_LONG_TEXTS: [&str; 3] = ["maximum context length", "context window", "context length"];
const BILLING_CODES: [&str; 3] = ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"];
const UNKNOWN_MODEL_CODES: [&str; 3] = ["model_not_found", "DeploymentNotFound", "invalid_model"];

/// A server's own account of an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) kind: Option<String>,
}

impl Complaint {
    /// Reads the body of a refusal; a body that is no JSON (a proxy's page) is its own message.
    pub(super) fn of_reply(reply: &Reply) -> Self {
        reply.json().map_or_else(|| Self { message: reply.excerpt(), ..Self::default() }, |body| Self::of_body(&body))
    }

    /// OpenAI says `{"error": {message, type, param, code}}`; others put the members on top, make the error a plain
    /// text, or say `detail`.
    pub(super) fn of_body(body: &Value) -> Self {
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let text = |name: &str| error.get(name).or_else(|| body.get(name)).and_then(plain);
        let message = plain(error).or_else(|| text("message")).or_else(|| text("detail"));
        Self { message: message.unwrap_or_default(), code: text("code"), kind: text("type") }
    }

    /// Code and type are both looked at: newer codes come with older types.
    fn says(&self, words: &[&str]) -> bool {
        [&self.code, &self.kind].into_iter().flatten().any(|said| words.contains(&said.as_str()))
    }

    /// Whether waiting does not help because nobody pays.
    pub(super) fn is_billing(&self) -> bool {
        self.says(&BILLING_CODES)
    }

    /// Whether a 404 is about the model and not about the address.
    pub(super) fn is_unknown_model(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        self.says(&UNKNOWN_MODEL_CODES) || message.contains("model") || message.contains("deployment")
    }

    /// Whether a shorter input would have been taken.
    pub(super) fn is_input_too_long(&self, status: u16) -> bool {
        let message = self.message.to_ascii_lowercase();
        let told = || TOO_LONG_TEXTS.iter().any(|text| message.contains(text));
        match status {
            413 => true,
            429 => self.exceeds_rate_alone(),
            200 | 400 | 422 => self.says(&TOO_LONG_CODES) || told(),
            _ => false,
        }
    }

    /// "Request too large …: Limit 30000, Requested 37313": one request that no minute's allowance holds looks like any
    /// other 429, yet no patience helps. With a smaller number requested it is a rate limit like the others.
    fn exceeds_rate_alone(&self) -> bool {
        let number_after = |word: &str| {
            let (_, after) = self.message.split_once(word)?;
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().ok()
        };
        let numbers = number_after("Limit ").zip(number_after("Requested "));
        self.message.contains("Request too large") && numbers.is_some_and(|(limit, requested)| requested > limit)
    }

    /// Whether an error within a 200 may pass: the two codes that the contract names, and the statuses that some
    /// gateways use as codes.
    pub(super) fn may_pass(&self) -> bool {
        let status = || self.code.as_deref().and_then(|code| code.parse::<u16>().ok());
        self.says(&["server_error", "rate_limit_exceeded"])
            || status().is_some_and(|status| matches!(status, 408 | 409 | 429 | 500..=599))
    }
}

/// Text, or a number as text: some servers send statuses as codes.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> (String, Option<String>) {
        let complaint = Complaint::of_body(body);
        (complaint.message, complaint.code)
    }

    #[test]
    fn errors_are_read_wherever_a_server_puts_them() {
        let some = |code: &str| Some(code.to_owned());
        let said = |text: &str| text.to_owned();
        assert_eq!(read(&json!({"error": {"message": "m", "type": "t", "code": "c"}})), (said("m"), some("c")));
        assert_eq!(read(&json!({"error": "plain"})), (said("plain"), None));
        assert_eq!(read(&json!({"object": "error", "message": "m", "code": 400})), (said("m"), some("400")));
        assert_eq!(read(&json!({"detail": "Not Found", "error": null})), (said("Not Found"), None));
        for nothing in
            [json!({}), json!([1]), json!({"error": []}), json!({"detail": [{"input": "words"}]}), json!(null)]
        {
            assert_eq!(read(&nothing), (String::new(), None), "{nothing}");
        }
    }

    #[test]
    fn a_request_that_no_minute_holds_is_too_long_and_others_are_not() {
        let complaint = |limit: u64| Complaint {
            message: format!("Request too large for m on tokens per min (TPM): Limit {limit}, Requested 37313. Reduce"),
            ..Complaint::default()
        };
        assert!(complaint(30_000).is_input_too_long(429));
        assert!(!complaint(250_000).is_input_too_long(429));
    }

    #[test]
    fn a_newer_code_with_an_older_type_is_still_about_money() {
        let complaint = |code: &str, kind: &str| Complaint {
            code: Some(code.to_owned()),
            kind: Some(kind.to_owned()),
            ..Complaint::default()
        };
        assert!(complaint("credit_balance_exhausted", "insufficient_quota").is_billing());
        assert!(complaint("something_new", "insufficient_quota").is_billing());
        assert!(!complaint("rate_limit_exceeded", "requests").is_billing());
    }
}
