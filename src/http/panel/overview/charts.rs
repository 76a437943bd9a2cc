//! The geometry of charts. Templates draw it; every mark says in words what it shows, and a table says it all once more.

use chrono::{DateTime, Timelike, Utc};
use serde::Serialize;

use crate::{
    db::tallies::{DeliveryBucket, LatencyBucket, Span},
    domain::latency::PROMISE,
};

/// The size of a chart, in the units of its view box, and what is left free around it for labels.
const SIZE: (f64, f64) = (480.0, 180.0);
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const FOOT: f64 = 22.0;
const HEAD: f64 = 10.0;
/// What latencies are drawn between, in seconds: each doubling has the same height.
const LATENCIES: (f64, f64) = (0.1, 900.0);

/// A line across, with what it stands for.
#[derive(Debug, Serialize)]
pub struct Tick {
    at: f64,
    label: String,
}

/// A bar's part.
#[derive(Debug, Serialize)]
pub struct Part {
    tone: &'static str,
    y: f64,
    height: f64,
}

/// A bar.
#[derive(Debug, Serialize)]
pub struct Column {
    x: f64,
    width: f64,
    parts: Vec<Part>,
    /// What it shows, in words.
    title: String,
    /// For the table.
    label: String,
    values: [i64; 3],
}

/// Bars over time.
#[derive(Debug, Serialize)]
pub struct Bars {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    floor: f64,
    columns: Vec<Column>,
    rows: Vec<Tick>,
    labels: Vec<Tick>,
    is_empty: bool,
}

/// Deliveries over time by what became of them: sent at the foot, then filtered, what failed on top.
pub fn deliveries(buckets: &[DeliveryBucket], span: Span) -> Bars {
    let totals: Vec<_> = buckets.iter().map(DeliveryBucket::total).collect();
    let top = totals.iter().map(|total| total.sent + total.filtered + total.failed).max().unwrap_or(0);
    let ceiling = ceiling(top);
    let floor = SIZE.1 - FOOT;
    let scale = (floor - HEAD) / number(ceiling);
    let step = (SIZE.0 - LEFT - RIGHT) / number(i64::try_from(buckets.len()).unwrap_or(1).max(1));
    let columns = buckets.iter().zip(&totals).enumerate().map(|(place, (bucket, total))| {
        let values = [total.sent, total.filtered, total.failed];
        let mut y = floor;
        let parts = ["good", "mute", "bad"].into_iter().zip(values).filter(|(_, count)| *count > 0);
        // What failed is seen, however little it is beside the rest.
        let parts = parts.map(|(tone, count)| {
            let height = (number(count) * scale).max(2.0);
            y -= height;
            Part { tone, y: rounded(y), height: rounded(height) }
        });
        let label = name(bucket.start, span);
        let title = format!("{label}: {} sent, {} failed, {} filtered", total.sent, total.failed, total.filtered);
        let x = rounded(LEFT + step * place_of(place) + step * 0.14);
        Column { x, width: rounded(step * 0.72), parts: parts.collect(), title, label, values }
    });
    let columns: Vec<_> = columns.collect();
    Bars {
        width: SIZE.0,
        height: SIZE.1,
        left: LEFT,
        right: SIZE.0 - RIGHT,
        floor,
        labels: labels(buckets.iter().map(|bucket| bucket.start), span, step),
        rows: [ceiling / 2, ceiling]
            .map(|count| Tick { at: rounded(floor - number(count) * scale), label: count.to_string() })
            .into(),
        columns,
        is_empty: top == 0,
    }
}

/// An hour's latencies.
#[derive(Debug, Serialize)]
pub struct Point {
    x: f64,
    y: f64,
    title: String,
    label: String,
    count: u64,
    p50: f64,
    p95: f64,
}

/// Latencies over time.
#[derive(Debug, Serialize)]
pub struct Lines {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    floor: f64,
    /// Paths through half of the latencies, and through 95 in a hundred; interrupted where nothing happened.
    p50: String,
    p95: String,
    points: Vec<Point>,
    promise: f64,
    rows: Vec<Tick>,
    labels: Vec<Tick>,
}

/// From callbacks to the first delivery, hour by hour.
pub fn latencies(buckets: &[LatencyBucket]) -> Lines {
    let floor = SIZE.1 - FOOT;
    let step = (SIZE.0 - LEFT - RIGHT) / number(i64::try_from(buckets.len()).unwrap_or(1).max(1));
    let height = |seconds: f64| {
        let (low, high) = LATENCIES;
        let share = (seconds.clamp(low, high) / low).ln() / (high / low).ln();
        rounded(floor - share * (floor - HEAD))
    };
    let (mut p50, mut p95, mut points) = (Path::default(), Path::default(), Vec::new());
    for (place, bucket) in buckets.iter().enumerate() {
        let both = bucket.latencies.percentile(50).zip(bucket.latencies.percentile(95));
        let Some((half, most)) = both else {
            p50.lift();
            p95.lift();
            continue;
        };
        let x = rounded(LEFT + step * (place_of(place) + 0.5));
        p50.to(x, height(half));
        p95.to(x, height(most));
        let label = name(bucket.start, Span::Day);
        let count = bucket.latencies.count();
        let title = format!("{label}: half within {half:.1} s, 95 % within {most:.1} s, of {count}");
        points.push(Point { x, y: height(most), title, label, count, p50: half, p95: most });
    }
    let ticks = [(1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (300.0, "5 min")];
    Lines {
        width: SIZE.0,
        height: SIZE.1,
        left: LEFT,
        right: SIZE.0 - RIGHT,
        floor,
        p50: p50.text,
        p95: p95.text,
        points,
        promise: height(PROMISE.as_secs_f64()),
        rows: ticks.map(|(seconds, label)| Tick { at: height(seconds), label: label.to_owned() }).into(),
        labels: labels(buckets.iter().map(|bucket| bucket.start), Span::Day, step),
    }
}

/// A path of SVG.
#[derive(Default)]
struct Path {
    text: String,
    is_down: bool,
}

impl Path {
    fn to(&mut self, x: f64, y: f64) {
        use std::fmt::Write;
        let command = if self.is_down { 'L' } else { 'M' };
        let _ = write!(self.text, "{command}{x} {y}");
        self.is_down = true;
    }

    fn lift(&mut self) {
        self.is_down = false;
    }
}

/// Names under some of the places: every sixth hour, or every fifth day back from today.
fn labels(starts: impl ExactSizeIterator<Item = DateTime<Utc>>, span: Span, step: f64) -> Vec<Tick> {
    let last = starts.len().saturating_sub(1);
    let shown = starts.enumerate().filter(|(place, start)| match span {
        Span::Day => start.hour().is_multiple_of(6),
        Span::Month => (last - place).is_multiple_of(5),
    });
    let tick = |(place, start): (usize, DateTime<Utc>)| {
        let label = match span {
            Span::Day => start.format("%H:%M"),
            Span::Month => start.format("%-d %b"),
        };
        Tick { at: rounded(LEFT + step * (place_of(place) + 0.5)), label: label.to_string() }
    };
    shown.map(tick).collect()
}

fn name(start: DateTime<Utc>, span: Span) -> String {
    match span {
        Span::Day => format!("{} UTC", start.format("%a %H:%M")),
        Span::Month => start.format("%a, %-d %b").to_string(),
    }
}

/// The next number that reads well: 2, 4, 10, 20, 40, 100, …
fn ceiling(top: i64) -> i64 {
    let mut unit = 1;
    loop {
        if let Some(ceiling) = [2, 4, 10].map(|digit| digit * unit).into_iter().find(|ceiling| *ceiling >= top) {
            return ceiling;
        }
        unit *= 10;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a chart has few places")]
fn place_of(place: usize) -> f64 {
    place as f64
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::ceiling;

    #[test]
    fn axes_end_at_numbers_that_read_well() {
        let ends = [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (399, 400), (401, 1000), (1_000_001, 2_000_000)];
        for (top, end) in ends {
            assert_eq!(ceiling(top), end);
        }
    }
}
