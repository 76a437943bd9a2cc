//! What is not well, in words, with the place to look at.

use serde::Serialize;

use crate::{
    db::stats::{EndpointCounts, QueueDepth},
    domain::latency::{Histogram, PROMISE},
};

/// What is due is normally taken within a second; so long means that nobody takes it.
const QUEUE_STANDS_SECONDS: f64 = 120.0;
/// The share of calls that may fail before it is said.
const SUCCESS: f64 = 0.98;
/// The share of summaries that has to keep the promise.
const ON_TIME: f64 = 0.95;

/// Something that is not well.
#[derive(Debug, Serialize)]
pub struct Trouble {
    /// `bad` or `warn`.
    tone: &'static str,
    text: String,
    /// Where to look.
    link: &'static str,
    link_text: &'static str,
}

/// What of a day is looked at.
pub struct Day<'a> {
    /// Runs that were done and that failed.
    pub runs: (i64, i64),
    /// From callbacks to the first delivery.
    pub latencies: &'a Histogram,
    /// What waits now.
    pub queues: &'a [QueueDepth],
    /// How endpoints are now.
    pub endpoints: &'a EndpointCounts,
}

/// Finds what is not well, the worst first.
pub fn find(day: &Day<'_>) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |tone, text, (link, link_text)| troubles.push(Trouble { tone, text, link, link_text });
    if let Some(queue) = day.queues.iter().find(|queue| queue.oldest_seconds > QUEUE_STANDS_SECONDS) {
        let minutes = (queue.oldest_seconds / 60.0).round();
        let text = format!(
            "The queue of {} stands: something has been due for {minutes} min. Is a worker running?",
            queue.queue
        );
        add("bad", text, ("/readyz", "State of this process"));
    }
    let (done, failed) = day.runs;
    if share(failed, done + failed) > 1.0 - SUCCESS {
        add(
            "bad",
            format!("{failed} of {} calls failed in the last 24 hours.", done + failed),
            ("/panel/runs", "Failed runs"),
        );
    }
    if day.latencies.within_promise().is_some_and(|share| share < ON_TIME) {
        let minutes = PROMISE.as_secs() / 60;
        let text = format!("Too many summaries took more than {minutes} minutes to arrive.");
        add("warn", text, ("/panel/calls", "Calls"));
    }
    if day.endpoints.open > 0 {
        add("bad", format!("{} keep failing; only a probe is sent now and then.", endpoints(day.endpoints.open)), LINK);
    }
    if day.endpoints.failing > 0 {
        add("warn", format!("The last try failed at {}.", endpoints(day.endpoints.failing)), LINK);
    }
    troubles
}

const LINK: (&str, &str) = ("/panel/endpoints", "Endpoints");

fn endpoints(count: i64) -> String {
    if count == 1 { "1 endpoint".to_owned() } else { format!("{count} endpoints") }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a day are far below 2^52")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
