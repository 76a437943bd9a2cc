//! What happened is counted exactly once, whatever happens; the figures made of it are right over hours and days.

use std::time::Duration;

use aftercall::db::tallies::{self, Outcomes, Span};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{Receiver, TestApp, callback};

/// Counts by itself whatever comes to stand in the tables.
const WITNESS: &str = "
    CREATE TABLE witnessed (what text NOT NULL, event_id uuid);
    CREATE FUNCTION witness_delivery() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.status = 'filtered' THEN INSERT INTO witnessed VALUES ('delivery.filtered', NEW.event_id); END IF;
        ELSIF NEW.status IN ('sent', 'failed') AND OLD.status IN ('pending', 'retrying')
           OR NEW.status = 'retrying' AND OLD.claim_id IS NOT NULL AND NEW.claim_id IS NULL THEN
            INSERT INTO witnessed VALUES ('delivery.' || NEW.status, NEW.event_id);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT OR UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION witness_delivery();
    CREATE FUNCTION witness_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN INSERT INTO witnessed VALUES ('call.received', NULL); END IF;
        IF NEW.state <> 'active' AND (TG_OP = 'INSERT' OR OLD.state = 'active') THEN
            INSERT INTO witnessed VALUES ('call.' || NEW.state, NULL);
        ELSIF TG_OP = 'UPDATE' AND NEW.stage <> OLD.stage THEN
            INSERT INTO witnessed VALUES (CASE OLD.stage WHEN 'fetch' THEN 'call.fetched'
                WHEN 'summarise' THEN 'call.summarised' WHEN 'document' THEN 'call.documented' END, NULL);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION witness_run()";

/// Numbers that look drawn, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn rows(app: &TestApp, sql: &'static str) -> Vec<(String, i64)> {
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&app.app.pool).await.unwrap()
}

async fn expect_as_witnessed(app: &TestApp, when: &str) {
    let tallied =
        rows(app, "SELECT what, sum(n)::bigint FROM tallies WHERE what <> 'call.put_back' GROUP BY what ORDER BY 1");
    let witnessed = rows(
        app,
        "SELECT what, count(*) FROM witnessed GROUP BY what
         UNION ALL
         SELECT 'latency', count(DISTINCT w.event_id) FROM witnessed w JOIN events e ON e.id = w.event_id
         WHERE w.what = 'delivery.sent' AND e.type = 'call.summarised' HAVING count(*) > 0
         ORDER BY 1",
    );
    assert_eq!(tallied.await, witnessed.await, "{when}");
}

#[tokio::test]
async fn whatever_happens_counts_exactly_once() {
    for seed in 1..=3 {
        let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s,5s").start().await;
        sqlx::raw_sql(WITNESS).execute(&app.app.pool).await.unwrap();
        let mut dice = Dice(seed);
        let mut endpoints = Vec::new();
        for filters in [json!({}), json!({"events": ["call.summarised"]}), json!({"events": ["custom.*"]})] {
            let answers = (0..200).map(|_| [200, 200, 200, 500, 429, 404, 503][usize::try_from(dice.roll(7)).unwrap()]);
            let receiver = Receiver::answering(answers.collect::<Vec<_>>()).await;
            let body = json!({"kind": "webhook", "target": receiver.url(), "filters": filters});
            endpoints.push(app.add_endpoint(body).await["id"].as_str().unwrap().to_owned());
        }
        let mut calls = 0;
        for step in 0..60 {
            let (call, endpoint) =
                (dice.roll(calls + 1).to_string(), &endpoints[usize::try_from(dice.roll(3)).unwrap()]);
            let notify = "/api/v1/admin/notify";
            match dice.roll(14) {
                0..=2 => {
                    calls += 1;
                    let id = calls.to_string();
                    if dice.roll(4) > 0 {
                        app.import_transcript(&id).await;
                    }
                    let mut told = callback(&id);
                    told["callData"]["metaData"]["isPrivate"] = json!(dice.roll(6) == 0);
                    app.post_signed(&told).await.expect(202);
                }
                3 => drop(app.post_signed(&callback(&call)).await),
                4 | 5 => drop(app.raise(json!({"type": "custom.x", "subject": call, "data": {}})).await),
                6 => drop(app.api("POST", &format!("{notify}/endpoints/{endpoint}/toggle"), None).await.expect(200)),
                7 => {
                    let since = json!({"since": "2031-01-01T00:00:00Z", "include_sent": dice.roll(2) == 0});
                    app.api("POST", &format!("{notify}/endpoints/{endpoint}/recover"), Some(since)).await;
                }
                8 => drop(app.api("POST", &format!("{notify}/test/{endpoint}"), None).await.expect(200)),
                9 => drop(app.api("POST", &format!("/api/v1/admin/calls/{call}/reprocess"), None).await),
                10 => drop(app.api("DELETE", &format!("/api/v1/admin/calls/{call}"), None).await),
                11 => app.clock.advance(Duration::from_secs(60 * (1 + dice.roll(120)))),
                _ => drop(app.api("POST", "/api/v1/admin/jobs/sweep", None).await.expect(200)),
            }
            if dice.roll(3) > 0 {
                let (first, one, two) = (app.stages(), app.deliveries(), app.deliveries());
                let (stages, sent, sent_too) = tokio::join!(first.run_due(), one.run_due(), two.run_due());
                stages.and(sent).and(sent_too).unwrap();
            }
            app.clock.advance(Duration::from_secs(dice.roll(10)));
            expect_as_witnessed(&app, &format!("seed {seed}, step {step}")).await;
        }
    }
}

#[tokio::test]
async fn what_is_added_up_says_the_same_in_fewer_rows() {
    let app = TestApp::start().await;
    app.add_webhook(&Receiver::start().await).await;
    for id in 1..=5 {
        app.process(&id.to_string()).await;
    }
    let figures = app.get("/api/v1/admin/stats").await.expect(200).body;
    let (pulse, before) = (tallies::pulse(&app.app.pool, "default").await.unwrap(), app.count("tallies").await);
    let (one, two) = tokio::join!(tallies::compact(&app.app.pool), tallies::compact(&app.app.pool));
    one.and(two).unwrap();
    assert!(app.count("tallies").await < before);
    assert_eq!(app.get("/api/v1/admin/stats").await.expect(200).body, figures);
    assert_eq!(tallies::pulse(&app.app.pool, "default").await.unwrap(), pulse, "nothing happened");
}

#[tokio::test]
async fn the_pulse_beats_with_every_stage_and_every_delivery() {
    let app = TestApp::start().await;
    app.add_webhook(&Receiver::answering([500, 200]).await).await;
    let mut pulses = Vec::new();
    let mut feel = async || pulses.push(tallies::pulse(&app.app.pool, "default").await.unwrap());
    feel().await;
    app.post_signed(&callback("1")).await.expect(202);
    feel().await;
    app.stages().run_due().await.unwrap(); // waits for the transcript
    feel().await;
    app.import_transcript("1").await;
    app.stages().run_due().await.unwrap();
    feel().await;
    app.deliveries().run_due().await.unwrap(); // in vain
    feel().await;
    app.clock.advance(Duration::from_hours(1));
    app.deliveries().run_due().await.unwrap();
    feel().await;
    assert!(pulses.is_sorted_by(|before, after| before < after), "{pulses:?}");
}

async fn stats(app: &TestApp, hours: u32) -> Value {
    app.get(&format!("/api/v1/admin/stats?hours={hours}")).await.expect(200).body
}

#[tokio::test]
async fn figures_are_of_the_hours_that_were_asked_for() {
    let app = TestApp::start().await;
    app.add_webhook(&Receiver::start().await).await;
    app.process("1").await;
    app.clock.advance(Duration::from_secs(3599));
    let first = stats(&app, 1).await;
    assert_eq!((&first["runs"]["done"], &first["since"]), (&json!(1), &json!("2031-05-06T10:00:00Z")));
    assert_eq!(first["calls"], json!({"received": 1, "fetched": 1, "summarised": 1, "documented": 1, "notified": 1}));
    assert_eq!(first["callback_to_sent"]["within_five_minutes"], 1.0);
    app.clock.advance(Duration::from_secs(1));
    let next = stats(&app, 1).await;
    assert_eq!((&next["runs"]["done"], &next["deliveries"]), (&json!(0), &json!([])));
    assert_eq!(next["callback_to_sent"]["p95_seconds"], Value::Null);
    assert_eq!(stats(&app, 2).await["runs"]["done"], 1);
    assert_eq!(
        app.get("/api/v1/admin/stats").await.body["since"],
        "2031-05-05T12:00:00Z",
        "24 hours unless told otherwise"
    );
    for wrong in ["0", "721", "-1", "1.5", "x", ""] {
        let refused = app.get(&format!("/api/v1/admin/stats?hours={wrong}")).await.expect(422).body;
        assert_eq!(refused["errors"][0]["pointer"], "/hours", "{wrong}");
    }
}

#[tokio::test]
async fn late_summaries_are_seen_in_the_latency_once() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "10m").start().await;
    for answers in [[200, 200, 200], [200, 200, 200], [200, 500, 200]] {
        app.add_webhook(&Receiver::answering(answers).await).await;
    }
    app.process("1").await; // at once, to all three
    app.import_transcript("2").await;
    app.post_signed(&callback("2")).await.expect(202);
    app.clock.advance(Duration::from_mins(6)); // nobody worked for so long
    app.run_due().await;
    app.clock.advance(Duration::from_hours(1));
    app.run_due().await; // what arrives later arrived elsewhere before
    let latency = stats(&app, 3).await["callback_to_sent"].clone();
    assert_eq!((&latency["count"], &latency["within_five_minutes"]), (&json!(2), &json!(0.5)));
    let p95 = latency["p95_seconds"].as_f64().unwrap();
    assert!((p95 / 360.0 - 1.0).abs() < 0.022, "{p95}");
}

#[tokio::test]
async fn series_have_a_place_for_every_hour_and_every_day() {
    let app = TestApp::start().await;
    app.add_webhook(&Receiver::start().await).await;
    app.process("1").await;
    app.clock.advance(Duration::from_hours(14) - Duration::from_secs(1)); // one second before midnight
    let (pool, now) = (&app.app.pool, app.clock.now());
    assert_eq!(tallies::calls_today(pool, "default", now).await.unwrap().done, 1);
    let hours = tallies::delivery_series(pool, "default", Span::Day, now).await.unwrap();
    let sent: Vec<i64> = hours.iter().map(|hour| hour.total().sent).collect();
    assert_eq!(
        (hours.len(), hours[0].start, hours[23].start),
        (24, at("2031-05-06T00:00:00Z"), at("2031-05-06T23:00:00Z"))
    );
    assert_eq!(sent, [vec![0; 10], vec![1], vec![0; 13]].concat());
    assert_eq!(hours[10].channels[2].outcomes, Outcomes { sent: 1, filtered: 2, ..Outcomes::default() });

    app.clock.advance(Duration::from_secs(1));
    let now = app.clock.now();
    assert_eq!(tallies::calls_today(pool, "default", now).await.unwrap(), tallies::CallCounts::default());
    let days = tallies::delivery_series(pool, "default", Span::Month, now).await.unwrap();
    let sent: Vec<i64> = days.iter().map(|day| day.total().sent).collect();
    assert_eq!((days.len(), days[29].start), (30, now));
    assert_eq!(sent, [vec![0; 28], vec![1, 0]].concat());
    let latencies = tallies::latency_series(pool, "default", now).await.unwrap();
    let counts: Vec<u64> = latencies.iter().map(|hour| hour.latencies.count()).collect();
    assert_eq!(counts, [vec![0; 9], vec![1], vec![0; 14]].concat());
    assert_eq!(tallies::delivery_series(pool, "nobody", Span::Day, now).await.unwrap().len(), 24);
    for bucket in tallies::delivery_series(pool, "nobody", Span::Day, now).await.unwrap() {
        assert_eq!(bucket.total(), Outcomes::default());
    }
}

#[tokio::test]
async fn figures_are_kept_for_four_hundred_days() {
    let app = TestApp::start().await;
    app.process("1").await;
    for (days, kept) in [(400, true), (1, false)] {
        app.clock.advance(Duration::from_hours(24 * days));
        app.api("POST", "/api/v1/admin/jobs/retention", None).await.expect(200);
        assert_eq!(app.count("tallies").await > 0, kept, "after {days} more days");
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse::<DateTime<Utc>>().unwrap() + TimeDelta::zero()
}
