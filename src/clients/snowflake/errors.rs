//! What Snowflake's refusals mean (contract §1.6) and what an operator can do about them.

use crate::{
    clients::http::{Reply, UpstreamError},
    domain::text,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// How much of Snowflake's own message is shown, in characters.
const MESSAGE_LENGTH: usize = 300;

/// Understands an answer that is neither a result nor "still running". `advice` is said when Snowflake does not know us.
pub(super) fn explain(what: &str, reply: &Reply, now: DateTime<Utc>, advice: &str) -> UpstreamError {
    let refusal = Refusal::read(reply);
    let status = reply.status.as_u16();
    let said = format!("Snowflake answered {status} ({what}){refusal}");
    match status {
        429 | 503 => match reply.retry_after(now) {
            Some(wait) => UpstreamError::Later { why: said, wait },
            None => UpstreamError::Retry(said),
        },
        522 => never(&said, "it does not accept the certificate of the connection; look at the proxies in between"),
        408 => UpstreamError::Retry(format!("{said}; it took longer than it may and was cancelled")),
        // Somebody cancelled it, or the warehouse's own time-out did: nothing is wrong with the statement.
        422 if refusal.sql_state == "57014" => UpstreamError::Retry(said),
        500.. => UpstreamError::Retry(said),
        401 => never(&said, refusal.hint().unwrap_or(advice)),
        _ => never(&said, refusal.hint().unwrap_or_else(|| hint_of_status(status))),
    }
}

/// What stands in a refusal's body; empty where a proxy answered or nobody said anything.
struct Refusal {
    code: String,
    sql_state: String,
    message: String,
}

impl Refusal {
    fn read(reply: &Reply) -> Self {
        let Some(body) = reply.json().filter(Value::is_object) else {
            let excerpt = reply.excerpt();
            let message =
                if excerpt.starts_with('<') { "a web page, not the API's answer".to_owned() } else { excerpt };
            return Self { code: String::new(), sql_state: String::new(), message };
        };
        let member = |name: &str| match body.get(name) {
            Some(Value::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let (code, sql_state) = (member("code"), member("sqlState"));
        // What is wrong with data quotes the data, and that is what was said on a call. 22000 is a general state.
        let of_data = code.starts_with("100") || (sql_state.starts_with("22") && sql_state != "22000");
        let message = if of_data { String::new() } else { member("message") };
        Self {
            code: text::shorten(&code, 20),
            sql_state: text::shorten(&sql_state, 10),
            message: text::shorten(&message, MESSAGE_LENGTH),
        }
    }

    /// What to do about the codes that a wrong setting brings.
    fn hint(&self) -> Option<&'static str> {
        let hint = match self.code.as_str() {
            "390142" => "the request was not understood; this is a fault of this service, please report it",
            "390189" | "390186" => "grant the role to the user, or set SNOWFLAKE_ROLE to one it has",
            "390201" | "002003" | "002043" => {
                "check SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA and SNOWFLAKE_WAREHOUSE, and that SNOWFLAKE_ROLE has USAGE \
                 on them and SELECT on the tables"
            }
            "000606" | "391920" => "set SNOWFLAKE_WAREHOUSE and grant USAGE on it to SNOWFLAKE_ROLE",
            "090105" | "090106" => "set SNOWFLAKE_DATABASE and SNOWFLAKE_SCHEMA",
            "000904" => "the tables have other columns than the query asks for; adapt the SQL of SNOWFLAKE_QUERY_PATH",
            "001003" | "000008" | "391911" | "002049" => {
                "SNOWFLAKE_QUERY_PATH must be one SELECT with one ? for the call's id"
            }
            _ if self.code.starts_with("100") => {
                "a value could not be converted; if the id's column is no text, compare CAST(column AS VARCHAR) with \
                 the ? in the SQL of SNOWFLAKE_QUERY_PATH"
            }
            _ => return None,
        };
        Some(hint)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (before, part, after) in
            [(" code ", &self.code, ""), (" (SQL state ", &self.sql_state, ")"), (": ", &self.message, "")]
        {
            if !part.is_empty() {
                write!(f, "{before}{part}{after}")?;
            }
        }
        Ok(())
    }
}

fn hint_of_status(status: u16) -> &'static str {
    match status {
        300..400 => "another host was named instead; check SNOWFLAKE_ACCOUNT and SNOWFLAKE_URL",
        403 => "a network policy refuses this machine's address, or the account does not allow the SQL API",
        404 | 405 | 415 => "this is not the SQL API; check SNOWFLAKE_ACCOUNT and SNOWFLAKE_URL",
        422 => "check the query with the same role in Snowflake",
        _ => "trying again would not help",
    }
}

fn never(said: &str, hint: &str) -> UpstreamError {
    UpstreamError::Never(format!("{said}; {hint}"))
}
