//! `Retry-After` headers.

use std::time::Duration;

use aftercall::domain::retry::retry_after;
use chrono::{DateTime, TimeDelta, Utc};

use super::proofs::NOW;

const BOUNDS: (u128, u128) = (1, 24 * 60 * 60);

/// A wait is between a second and a day; seconds and dates are understood, white space around them does not matter.
pub fn hold(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let now = DateTime::<Utc>::from_timestamp(NOW, 0).expect("a time");
    let wait = retry_after(header, now);
    let (least, most) = BOUNDS;
    assert!(wait.is_none_or(|wait| (1000 * least..=1000 * most).contains(&wait.as_millis())), "{wait:?}");
    assert_eq!(wait, retry_after(&format!(" \t{header} "), now));
    let digits = header.trim();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let asked = match digits.trim_start_matches('0') {
            "" => 0,
            significant => significant.parse().unwrap_or(u128::MAX),
        };
        assert_eq!(wait.expect("seconds are understood").as_secs(), bounded(asked));
    }

    let [a, b, c, ..] = *data else { return };
    let ahead = u32::from_be_bytes([0, a, b, c]);
    let date = (now + TimeDelta::seconds(ahead.into())).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert_eq!(retry_after(&date, now), Some(Duration::from_secs(bounded(ahead.into()))), "{date}");
}

fn bounded(seconds: u128) -> u64 {
    seconds.clamp(BOUNDS.0, BOUNDS.1).try_into().expect("at most a day")
}
