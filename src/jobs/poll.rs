//! Asks Gong for calls at its interval. Every replica tries; the poller's own row says who does.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{app::App, domain::retry::jittered};

/// How often a replica looks whether it is time, at most.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Polls whenever it is time, until `stop`.
pub async fn poll_until(stop: CancellationToken, app: Arc<App>) {
    let Some(poller) = &app.poller else { return };
    let polling = async {
        loop {
            if let Err(error) = poller.poll(false).await {
                tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "polling Gong did not end well");
            }
            tokio::time::sleep(jittered(LOOK_EVERY.min(poller.polling.interval), rand::random())).await;
        }
    };
    stop.run_until_cancelled(polling).await;
}
