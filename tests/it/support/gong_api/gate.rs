//! Who is let in: credentials, scopes, and not too often.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;

use super::Refused;

pub const KEY: &str = "AK-STAND-IN";
pub const SECRET: &str = "stand-in-secret";
/// What the company may ask in a second.
const PER_SECOND: usize = 3;

#[derive(Default)]
pub struct Gate {
    pub revoked: HashSet<String>,
    /// Whether the limit of a second is kept.
    pub rate_is_limited: bool,
    /// The `Retry-After` that goes with it.
    pub rate_retry_after: Option<String>,
    /// What is left for today, and the `Retry-After` once nothing is.
    pub day: Option<(usize, String)>,
    recent: VecDeque<Instant>,
}

impl Gate {
    pub fn admit(&mut self, headers: &HeaderMap, scope: &str) -> Result<(), Refused> {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{KEY}:{SECRET}")));
        if headers.get("authorization").is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
            return Err(Refused::new(401, "The access key or its secret is not valid"));
        }
        self.admit_by_rate()?;
        self.admit_by_day()?;
        if self.revoked.contains(scope) {
            return Err(Refused::new(401, format!("You don't have permission to use '{scope}' in your app.")));
        }
        Ok(())
    }

    fn admit_by_rate(&mut self) -> Result<(), Refused> {
        let now = Instant::now();
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            self.recent.pop_front();
        }
        if self.rate_is_limited && self.recent.len() >= PER_SECOND {
            let retry_after = self.rate_retry_after.clone();
            return Err(Refused { retry_after, ..Refused::new(429, "Too many requests: 3 per second are allowed") });
        }
        self.recent.push_back(now);
        Ok(())
    }

    fn admit_by_day(&mut self) -> Result<(), Refused> {
        match &mut self.day {
            None => Ok(()),
            Some((0, wait)) => {
                Err(Refused { retry_after: Some(wait.clone()), ..Refused::new(429, "The limit of the day is reached") })
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}
