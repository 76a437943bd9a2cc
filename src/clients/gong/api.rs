//! Gong's API as this service uses it: what was recorded in a window of time, calls and transcripts by id, users.
//!
//! It holds no state but the way to Gong. Which call is ready, private or already known is not decided here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    clients::{
        gong::shapes,
        http::{BreakerState, Sender, SenderContext, SystemLimits, UpstreamError},
    },
    config::GongApiConfig,
    domain::{call::Call, transcript::StoredTurn},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;
use tracing::warn;

use super::{
    errors::Refusal,
    exchange::Exchange,
    listing::{Endpoints, Listing},
    pace::{Pace, Turn},
    pages::{Page, PageError},
    users::{self, User},
};

/// When more ids of one request are refused, it is not the ids.
const MOST_AT_FAULT: usize = 3;
/// Details of fifty calls take Gong seconds; transcripts of fifty long ones are some 25 MiB.
const LIMITS: SystemLimits = SystemLimits {
    system: "gong",
    setting: "GONG_API_URL",
    read: Duration::from_secs(30),
    total: Duration::from_secs(60),
    largest_answer: 64 << 20,
    concurrency: 8,
};

/// Asks Gong. Clones share everything.
#[derive(Clone)]
pub struct GongApi(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    endpoints: Endpoints,
}

impl GongApi {
    /// Builds the client. Fails when the address is none or the system's trust roots cannot be read.
    pub fn new(config: GongApiConfig, context: &SenderContext, pace: Arc<dyn Pace>) -> anyhow::Result<Self> {
        let GongApiConfig { url, access_key, access_key_secret } = config;
        let endpoints = Endpoints::below(&url)?;
        let secret = access_key_secret.expose_secret().to_owned();
        let basic = STANDARD.encode(format!("{access_key}:{secret}"));
        let sender = Sender::new(LIMITS, context)?.hiding([secret, basic]);
        Ok(Self(Arc::new(Inner { exchange: Exchange { sender, access_key, access_key_secret, pace }, endpoints })))
    }

    /// A page of the calls of a window, `from` inclusive, `to` exclusive: metadata only, nobody who took part.
    ///
    /// Gong takes the scheduled time of web conferences and the start of others, and lists a call hours after its time,
    /// once it is processed: windows have to overlap. When a cursor dies the window begins anew.
    pub async fn calls_in_window(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        cursor: Option<&str>,
    ) -> Result<Page<Call>, PageError> {
        self.page(&self.0.endpoints.calls_in_window(from, to), cursor, shapes::call).await
    }

    /// Calls with all that is known of them, in the order of `ids` (at most about a hundred). Those that Gong does not
    /// know, or not yet, are missing.
    pub async fn calls(&self, ids: &[String]) -> Result<Vec<Call>, UpstreamError> {
        if ids.is_empty() {
            return Ok(Vec::new()); // an empty filter matches every call
        }
        let mut found = self.in_parts(ids, Endpoints::calls, one_call).await?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// What was said on the calls of `ids` (at most about a hundred), by their ids. Those whose transcript is not ready
    /// are missing, whichever way Gong says so, and so are those that have no words.
    pub async fn transcripts(&self, ids: &[String]) -> Result<HashMap<String, Vec<StoredTurn>>, UpstreamError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = self.in_parts(ids, Endpoints::transcripts, shapes::transcript).await?;
        found.retain(|_, turns| !turns.is_empty());
        Ok(found)
    }

    /// A page of the company's users.
    pub async fn users(&self, cursor: Option<&str>) -> Result<Page<User>, PageError> {
        self.page(&self.0.endpoints.users(), cursor, users::user).await
    }

    /// All users of the company.
    pub async fn all_users(&self) -> Result<Vec<User>, UpstreamError> {
        Ok(self.0.exchange.all(None, &self.0.endpoints.users(), users::user).await?)
    }

    /// Proves that the credentials are right and have the three scopes that reading calls and transcripts takes, with
    /// requests that bring next to nothing. A missing scope is named.
    pub async fn check(&self) -> Result<(), UpstreamError> {
        let now = self.0.exchange.sender.now();
        match self.calls_in_window(now - TimeDelta::minutes(1), now, None).await {
            Ok(_) => {}
            Err(PageError::Upstream(error)) => return Err(error),
            Err(died @ PageError::CursorDied) => return Err(UpstreamError::Retry(died.to_string())),
        }
        let nobodys = ["0".to_owned()];
        self.calls(&nobodys).await?;
        self.transcripts(&nobodys).await?;
        Ok(())
    }

    /// Whether requests are let through at present.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.0.exchange.sender.breaker()
    }

    /// Waits for leave to send one request.
    pub(super) async fn turn(&self) -> Result<Turn, UpstreamError> {
        self.0.exchange.turn().await
    }

    /// Calls by id; the first request goes in the given turn.
    pub(super) async fn calls_by_id(&self, turn: Turn, ids: &[String]) -> Result<HashMap<String, Call>, Refusal> {
        self.by_id(turn, ids, Endpoints::calls, one_call).await
    }

    /// Transcripts with words by the ids of their calls; the first request goes in the given turn.
    pub(super) async fn transcripts_by_id(
        &self,
        turn: Turn,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<StoredTurn>>, Refusal> {
        let mut found = self.by_id(turn, ids, Endpoints::transcripts, shapes::transcript).await?;
        found.retain(|_, turns| !turns.is_empty());
        Ok(found)
    }

    /// Asks for ids. When a request is refused for something in it, its halves are asked for, down to the id that is at
    /// fault: it is left out, since it must not keep all others from ever being read.
    async fn in_parts<T>(
        &self,
        ids: &[String],
        listing: fn(&Endpoints, &[String]) -> Listing,
        read: fn(&Value) -> Option<(String, T)>,
    ) -> Result<HashMap<String, T>, UpstreamError> {
        let (mut found, mut at_fault) = (HashMap::new(), 0);
        let mut parts = vec![ids];
        while let Some(part) = parts.pop() {
            match self.by_id(self.turn().await?, part, listing, read).await {
                Ok(some) => found.extend(some),
                Err(Refusal::Request(_)) if part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([other, one]);
                }
                Err(Refusal::Request(why)) if ids.len() > 1 && at_fault < MOST_AT_FAULT => {
                    at_fault += 1;
                    warn!(call.id = part[0], why, "Gong refuses to be asked for a call; it is left out");
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(found)
    }

    async fn page<T>(
        &self,
        listing: &Listing,
        cursor: Option<&str>,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Page<T>, PageError> {
        let turn = self.turn().await?;
        Ok(self.0.exchange.page(turn, listing, cursor, read).await?)
    }

    /// Asks for ids. One that Gong names as unknown is not asked for again; the others are.
    async fn by_id<T>(
        &self,
        turn: Turn,
        ids: &[String],
        listing: fn(&Endpoints, &[String]) -> Listing,
        read: fn(&Value) -> Option<(String, T)>,
    ) -> Result<HashMap<String, T>, Refusal> {
        let wanted: HashSet<&String> = ids.iter().collect();
        let mut asked = ids.to_vec();
        let mut turn = Some(turn);
        while !asked.is_empty() {
            match self.0.exchange.all(turn.take(), &listing(&self.0.endpoints, &asked), read).await {
                // A filter that is ignored must not bring other calls in.
                Ok(found) => return Ok(found.into_iter().filter(|(id, _)| wanted.contains(id)).collect()),
                Err(Refusal::UnknownCall { .. }) if asked.len() == 1 => break,
                Err(Refusal::UnknownCall { said, text }) => {
                    let known = without_named(&asked, &said);
                    if known.len() == asked.len() {
                        return Err(Refusal::Request(text)); // it does not say which
                    }
                    asked = known;
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(HashMap::new())
    }
}

fn one_call(value: &Value) -> Option<(String, Call)> {
    shapes::call(value).map(|call| (call.id.clone(), call))
}

/// The ids that a text does not name.
fn without_named(ids: &[String], said: &str) -> Vec<String> {
    let words: HashSet<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    ids.iter().filter(|id| !words.contains(id.as_str())).cloned().collect()
}
