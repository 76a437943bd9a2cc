//! Faults drawn from a seed, under a steady load. The same seed strikes the same victims in the same order with the same
//! pauses; how that meets the work under way is another matter each time.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    ids,
    load::Load,
    plan::{FAULTS, Plan, seeds},
    settled,
    verdict::{Report, judge},
    world::World,
};

/// More than are told of in the time that the faults take.
const CALLS: usize = 600;
/// How many of a seed's faults strike where it runs with all tests.
const SHORT: usize = 5;
/// A restart, a lease and a retry take less than this on a busy machine.
const RECOVERY: Duration = Duration::from_secs(30);

/// Says how to run a seed again when it fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {0} failed; again: AFTERCALL_FAULT_SEEDS={0} cargo test --test it faults::chaos::many -- --ignored --nocapture",
                self.0
            );
        }
    }
}

/// Runs a seed with so many of its faults.
async fn run(seed: u64, strikes: usize) -> Report {
    let _seed = Seed(seed);
    let (plan, calls) = (Plan::of(seed), ids(CALLS));
    let mut world = World::start(&plan, &calls).await;
    let mut report = Report { seeds: vec![seed], ..Report::default() };
    let load = Load::start(world.doors.clone(), calls, plan.pace);
    for strike in plan.strikes.iter().take(strikes) {
        tokio::time::sleep(strike.after).await;
        let (answered, struck_at) = (load.answered(), Instant::now());
        world.strike(strike).await;
        *report.faults.entry(strike.fault).or_default() += 1;
        if !strike.hurried {
            world.caught_up(&answered).await;
            let recovery = struck_at.elapsed();
            assert!(recovery < RECOVERY, "recovering from {:?} took {recovery:?}", strike.fault);
            report.slowest = report.slowest.max(recovery);
        }
    }
    let answered: BTreeSet<String> = load.end().await.into_keys().collect();
    world.rogue.behave(); // or its backlog would take minutes
    settled(&world.database).await;
    judge(&world, &answered, plan.processes.len(), &mut report).await;
    world.stop().await;
    println!("{report}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_frozen_or_cut_off_nothing_that_was_answered_is_lost_and_nothing_is_done_twice() {
    let mut struck = BTreeSet::new();
    for seed in [1, 2] {
        struck.extend(run(seed, SHORT).await.faults.into_keys());
    }
    assert_eq!(struck.len(), FAULTS.len(), "together these seeds bring every kind of fault: {struck:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "many seeds: see the head of `faults`"]
async fn many() {
    let mut total = Report::default();
    let wanted = std::env::var_os("AFTERCALL_FAULT_SEEDS").expect("AFTERCALL_FAULT_SEEDS, such as 1..20");
    for seed in seeds(&wanted.to_string_lossy()) {
        let report = run(seed, FAULTS.len()).await;
        for (fault, count) in report.faults {
            *total.faults.entry(fault).or_default() += count;
        }
        total.seeds.extend(report.seeds);
        total.answered += report.answered;
        total.deliveries += report.deliveries;
        total.repeated += report.repeated;
        total.slowest = total.slowest.max(report.slowest);
    }
    println!("all together, {total}");
}
