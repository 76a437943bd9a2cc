//! Many callers, few requests.

use std::{sync::Arc, time::Duration};

use aftercall::clients::gong::{GongBatches, LARGEST_BATCH};
use aftercall::clients::http::UpstreamError;
use futures_util::future::join_all;

use super::{Gong, client};
use crate::{
    clients::gong::pace::HeldBack,
    support::Fault,
    support::gong_api::{GongApiStandIn, NotReady, generated_id},
};

/// A Gong that knows a thousand calls, and batches that wait for turns which the test grants.
async fn held_back(largest: usize) -> (GongApiStandIn, Arc<HeldBack>, GongBatches) {
    let gong = GongApiStandIn::with_generated(1000).await;
    let pace = Arc::new(HeldBack::new());
    let batches = GongBatches::new(client(&gong, Arc::<HeldBack>::clone(&pace)), largest);
    (gong, pace, batches)
}

/// How many ids each request asked for.
fn sizes(gong: &GongApiStandIn) -> Vec<usize> {
    gong.server.asked().iter().map(|asked| asked.body["filter"]["callIds"].as_array().map_or(0, Vec::len)).collect()
}

/// Waits until something is so; fails when it never is.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about");
}

#[tokio::test]
async fn ids_that_arrive_while_the_turn_is_awaited_ride_along() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    let asking = tokio::spawn({
        let batches = batches.clone();
        async move { batches.call(&generated_id(0)).await }
    });
    until(|| pace.asked() == 1).await;
    let later = (1..30).map(|number| {
        let batches = batches.clone();
        async move { batches.call(&generated_id(number)).await.unwrap().unwrap().id }
    });
    let later = tokio::spawn(join_all(later));
    tokio::time::sleep(Duration::from_millis(20)).await;
    pace.grant(1);
    assert_eq!(asking.await.unwrap().unwrap().unwrap().id, generated_id(0));
    assert_eq!(later.await.unwrap(), (1..30).map(generated_id).collect::<Vec<_>>());
    assert_eq!((sizes(&gong), pace.asked()), (vec![30], 1));
}

#[tokio::test]
async fn ids_that_arrive_while_a_request_is_under_way_share_the_next() {
    let gong = Gong::with_generated(1000).await;
    let batches = GongBatches::new(gong.api.clone(), LARGEST_BATCH);
    gong.stand_in.server.fail_next("POST", Fault::Slow(Duration::from_millis(200)));
    let first = tokio::spawn({
        let batches = batches.clone();
        async move { batches.transcript(&generated_id(0)).await }
    });
    until(|| gong.requests() == 1).await;
    let others = join_all((1..40).map(|number| {
        let batches = batches.clone();
        async move { batches.transcript(&generated_id(number)).await.unwrap().unwrap().len() }
    }));
    assert_eq!(others.await, [2; 39]);
    assert_eq!(first.await.unwrap().unwrap().unwrap().len(), 2);
    assert_eq!((sizes(&gong.stand_in), gong.pace.turns()), (vec![1, 39], 2));
}

#[tokio::test]
async fn a_batch_has_no_more_distinct_ids_than_it_may_and_each_is_asked_for_once() {
    let (gong, pace, batches) = held_back(20).await;
    // Each id is wanted by two callers.
    let callers: Vec<_> = (0..45).flat_map(|number| [number, number]).collect();
    let asking = join_all(callers.iter().map(|number| {
        let batches = batches.clone();
        async move { batches.call(&generated_id(*number)).await.unwrap().unwrap().id }
    }));
    pace.grant(100);
    assert_eq!(asking.await, callers.iter().map(|number| generated_id(*number)).collect::<Vec<_>>());
    let sizes = sizes(&gong);
    assert!(sizes.iter().all(|size| *size <= 20) && sizes.len() <= 4, "{sizes:?}");
    assert_eq!(pace.asked(), sizes.len());
}

#[tokio::test]
async fn what_is_not_known_or_not_ready_is_none_for_its_caller_only() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    gong.transcript_not_ready(&generated_id(1), NotReady::Empty, 1);
    let numbers = [generated_id(1), generated_id(2)];
    pace.grant(100);
    let transcripts = join_all(numbers.iter().map(|id| batches.transcript(id)));
    let ready: Vec<bool> = transcripts.await.into_iter().map(|turns| turns.unwrap().is_some()).collect();
    assert_eq!(ready, [false, true]);
    let (known, unknown) = (generated_id(3), "404".to_owned());
    let (known, unknown) = tokio::join!(batches.call(&known), batches.call(&unknown));
    assert!(known.unwrap().is_some() && unknown.unwrap().is_none());
}

#[tokio::test]
async fn one_bad_id_does_not_take_the_others_with_it() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    gong.refuse_id(&generated_id(13));
    let asking = join_all((0..50).map(|number| {
        let batches = batches.clone();
        async move { batches.call(&generated_id(number)).await }
    }));
    pace.grant(1000);
    for (number, answer) in asking.await.into_iter().enumerate() {
        match answer {
            Ok(call) => assert_eq!(call.unwrap().id, generated_id(number)),
            Err(UpstreamError::Never(text)) => {
                assert!(number == 13 && text.contains("is not valid"), "{number}: {text}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let requests = sizes(&gong).len();
    assert!(requests <= 14, "halves find it: {requests} requests");
    assert_eq!(pace.asked(), requests);
}

#[tokio::test]
async fn an_error_that_is_nobodys_fault_goes_to_all_and_costs_one_request() {
    for fault in [
        GongApiStandIn::error(500, "An unexpected error"),
        GongApiStandIn::error(401, "revoked"),
        Fault::Answer(429, vec![("retry-after", "5".to_owned())], String::new()),
    ] {
        let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
        gong.server.fail_next("POST", fault);
        let wanted: Vec<String> = (0..10).map(generated_id).collect();
        let asking = join_all(wanted.iter().map(|id| batches.call(id)));
        pace.grant(100);
        let errors: Vec<UpstreamError> = asking.await.into_iter().map(Result::unwrap_err).collect();
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        assert_eq!(sizes(&gong), [10]);
    }
}

#[tokio::test]
async fn a_limit_that_is_met_among_the_halves_ends_the_asking() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    gong.refuse_id(&generated_id(0));
    gong.limit_day(3, "60");
    let wanted: Vec<String> = (0..16).map(generated_id).collect();
    let asking = join_all(wanted.iter().map(|id| batches.call(id)));
    pace.grant(100);
    assert!(asking.await.into_iter().all(|answer| matches!(answer, Err(UpstreamError::Later { .. }))));
    assert_eq!(sizes(&gong), [16, 8, 4, 2]);
}

#[tokio::test]
async fn a_pace_that_grants_no_turn_is_passed_on_to_all() {
    let gong = Gong::with_generated(10).await;
    let batches = GongBatches::new(gong.api.clone(), LARGEST_BATCH);
    let spent =
        UpstreamError::Later { why: "the day's requests are used up".to_owned(), wait: Duration::from_secs(60) };
    gong.pace.refuse(spent.clone());
    let wanted: Vec<String> = (0..10).map(generated_id).collect();
    let errors = join_all(wanted.iter().map(|id| batches.transcript(id))).await;
    assert!(errors.into_iter().all(|error| error == Err(spent.clone())));
    assert_eq!(gong.requests(), 0);
}

#[tokio::test]
async fn nobody_asks_for_those_who_gave_up() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    let ask = |number: usize| {
        let batches = batches.clone();
        tokio::spawn(async move { batches.call(&generated_id(number)).await })
    };
    let (gives_up, stays) = (ask(1), ask(2));
    until(|| pace.asked() == 1).await;
    gives_up.abort();
    assert!(gives_up.await.unwrap_err().is_cancelled());
    pace.grant(1);
    assert_eq!(stays.await.unwrap().unwrap().unwrap().id, generated_id(2));
    assert_eq!(gong.server.asked()[0].body["filter"]["callIds"], serde_json::json!([generated_id(2)]));
}

#[tokio::test]
async fn callers_who_all_gave_up_cost_no_request_and_stop_nobody_else() {
    let (gong, pace, batches) = held_back(LARGEST_BATCH).await;
    let given_up = tokio::time::timeout(Duration::from_millis(20), batches.call(&generated_id(1))).await;
    assert!(given_up.is_err() && pace.asked() == 1);
    pace.grant(1);
    until(|| pace.asked() == 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(sizes(&gong), [0; 0]);
    pace.grant(1);
    assert!(batches.call(&generated_id(2)).await.unwrap().is_some());
    assert_eq!(sizes(&gong), [1]);
}

#[tokio::test]
async fn more_callers_than_may_wait_are_sent_away_for_a_while() {
    let (_gong, pace, batches) = held_back(LARGEST_BATCH).await;
    let wanted: Vec<String> = (0..5000).map(|caller| generated_id(caller % 10)).collect();
    let asking = join_all(wanted.iter().map(|id| batches.call(id)));
    pace.grant(1000);
    let (answered, sent_away): (Vec<_>, Vec<_>) = asking.await.into_iter().partition(Result::is_ok);
    assert_eq!((answered.len(), sent_away.len()), (4096, 904));
    assert!(sent_away.iter().all(|answer| matches!(answer, Err(UpstreamError::Later { .. }))));
}

#[tokio::test]
async fn the_tasks_end_with_the_last_handle() {
    let gong = Gong::with_generated(1).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let batches = GongBatches::new(gong.api.clone(), LARGEST_BATCH);
    let clone = batches.clone();
    drop(batches);
    tokio::task::yield_now().await;
    assert_eq!(alive(), before + 2);
    drop(clone);
    until(|| alive() == before).await;
}
