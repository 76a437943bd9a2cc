//! Whether everything that was promised came true, counted at the rim, and a line that tells how it went.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use super::{
    Arrivals, DOCUMENTED, SUMMARISED, arrivals, arrived_at, assert_each_arrived, assert_each_documented_once, count,
    plan::Fault,
    world::{CONCURRENCY, World},
};

/// How a run went.
#[derive(Default)]
pub(super) struct Report {
    pub(super) seeds: Vec<u64>,
    pub(super) faults: BTreeMap<Fault, usize>,
    pub(super) answered: usize,
    pub(super) deliveries: i64,
    pub(super) repeated: usize,
    pub(super) slowest: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.faults.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
        write!(
            f,
            "seeds {:?}: {}; {} callbacks answered, {} deliveries, {} repeated under their id, longest recovery {:.1} s",
            self.seeds,
            faults.join(", "),
            self.answered,
            self.deliveries,
            self.repeated,
            self.slowest.as_secs_f64()
        )
    }
}

/// Checks what arrived of these calls, all of which were answered, and completes the report. Everything has settled.
pub(super) async fn judge(world: &World, calls: &BTreeSet<String>, processes: usize, report: &mut Report) {
    let expected = i64::try_from(calls.len()).unwrap();
    assert_eq!(count(&world.database, "SELECT count(*) FROM runs WHERE state = 'done'").await, expected);
    assert_eq!(count(&world.database, "SELECT count(*) FROM runs").await, expected, "one run for each call");
    assert_eq!(count(&world.database, "SELECT count(*) FROM jobs").await, 0, "no job is left behind");
    let undelivered = "SELECT count(*) FROM deliveries WHERE status NOT IN ('sent', 'filtered')";
    assert_eq!(count(&world.database, undelivered).await, 0, "each delivery was made");
    assert_each_documented_once(world.dir.path(), calls.len());

    let steady = arrived_at(&world.steady);
    let suffered = world.rogue.suffered();
    let rogue = arrivals(suffered.iter().map(|one| (one.body.clone(), one.id.clone())));
    let refused =
        arrivals(suffered.iter().filter(|one| !one.misdeed.is_taken()).map(|one| (one.body.clone(), one.id.clone())));
    assert_each_arrived(&steady, DOCUMENTED, calls);
    assert_each_arrived(&steady, SUMMARISED, calls);
    assert_each_arrived(&rogue, SUMMARISED, calls);
    let mails = mails(&world.mail.mails());
    assert_eq!(mails.len(), calls.len(), "each call was mailed, under one Message-ID");

    let claims = claims(world).await;
    let [steady_id, rogue_id, _] = &world.endpoints;
    for (endpoint, arrivals) in [(steady_id, &steady), (rogue_id, &rogue)] {
        for id in arrivals.values().flatten() {
            let (times, claimed) = (times(arrivals, id), claims[&(endpoint.clone(), id.clone())]);
            assert!(times <= claimed, "{id} arrived {times} times and was claimed {claimed} times");
        }
    }
    // What was taken and came again all the same must have been under way when something struck.
    let again = |arrivals: &Arrivals, excused: usize| {
        let arrived: usize = arrivals.values().map(Vec::len).sum();
        arrived - arrivals.len() - excused
    };
    let unanswered = world.mail.hung_up();
    let mailed_again = mails.values().sum::<usize>() - mails.len();
    report.repeated =
        again(&steady, 0) + again(&rogue, refused.values().map(Vec::len).sum()) + mailed_again - unanswered;
    let struck: usize = report.faults.values().sum();
    let under_way = struck * processes * 3 * CONCURRENCY / 4; // to three endpoints
    assert!(report.repeated <= under_way, "{} came again, at most {under_way} were under way", report.repeated);
    report.deliveries = count(&world.database, "SELECT count(*) FROM deliveries WHERE status = 'sent'").await;
    report.answered = calls.len();
}

fn times(arrivals: &Arrivals, id: &str) -> usize {
    arrivals.values().flatten().filter(|arrived| *arrived == id).count()
}

/// How often each `Message-ID` came.
fn mails(mails: &[String]) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for mail in mails {
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("a Message-ID");
        *ids.entry(id.to_owned()).or_default() += 1;
    }
    ids
}

/// How often each delivery was claimed, by its endpoint and its `webhook-id`.
async fn claims(world: &World) -> BTreeMap<(String, String), usize> {
    let claims =
        "SELECT 'ep_' || replace(endpoint_id::text, '-', ''), 'evt_' || replace(event_id::text, '-', ''), attempt
                  FROM deliveries";
    let rows: Vec<(String, String, i32)> = sqlx::query_as(claims).fetch_all(&world.database.pool).await.unwrap();
    rows.into_iter().map(|(endpoint, event, claims)| ((endpoint, event), usize::try_from(claims).unwrap())).collect()
}
