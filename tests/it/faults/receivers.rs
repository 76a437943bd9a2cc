//! Receivers that do what no decent one does. Whatever it is, deliveries to others go on meanwhile, and once the receiver
//! behaves it gets its own, under their own ids.

use super::{
    SUMMARISED, add_endpoint, arrivals, arrived_at, assert_each_arrived, ids, import_transcripts,
    rogue::{Misdeed, Rogue},
    settled, until, vars,
};
use crate::support::{Database, Gong, Receiver, Server, callback};

/// How many calls.
const CALLS: usize = 8;

async fn sent_to(database: &Database, endpoint: &str) -> i64 {
    let sent =
        "SELECT count(*) FROM deliveries WHERE status = 'sent' AND 'ep_' || replace(endpoint_id::text, '-', '') = $1";
    sqlx::query_scalar(sent).bind(endpoint).fetch_one(&database.pool).await.unwrap()
}

/// Delivers to a receiver that does this to everything until it behaves, and to one that is as it should be.
async fn outlast(misdeed: Misdeed) {
    let (database, dir, calls) = (Database::create().await, tempfile::tempdir().unwrap(), ids(CALLS));
    let (steady, rogue) = (Receiver::start().await, Rogue::start(vec![misdeed]).await);
    import_transcripts(&database, &calls).await;
    let mut server = Server::start(&["serve"], &vars(&database), dir.path()).await;
    add_endpoint(&server, "webhook", &steady.url(), &[SUMMARISED]).await;
    let endpoint = add_endpoint(&server, "webhook", &rogue.url(), &[SUMMARISED]).await;
    for id in &calls {
        assert_eq!(server.post_signed(&Gong::shared(), &callback(id)).await.unwrap().0, 202);
    }
    until("the others have got theirs", async || steady.count() == CALLS).await;
    if !misdeed.is_taken() {
        until("the receiver has done its worst", async || !rogue.suffered().is_empty()).await;
        assert_eq!(sent_to(&database, &endpoint).await, 0, "{misdeed:?} is no delivery");
        rogue.behave();
    }
    settled(&database).await;

    assert_eq!(sent_to(&database, &endpoint).await, 8, "{misdeed:?}: each delivery is made in the end");
    assert_eq!(assert_each_arrived(&arrived_at(&steady), SUMMARISED, &calls), 0);
    if misdeed != Misdeed::Early {
        let arrived = arrivals(rogue.suffered().into_iter().map(|one| (one.body, one.id)));
        let again = assert_each_arrived(&arrived, SUMMARISED, &calls);
        assert_eq!(again == 0, misdeed.is_taken(), "{misdeed:?}: {again} came again");
    }
    assert_eq!(server.terminate(), Some(0));
}

macro_rules! receivers {
    ($($name:ident: $misdeed:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            outlast(Misdeed::$misdeed).await;
        })*
    };
}

receivers! {
    a_receiver_that_never_answers_holds_up_nobody_and_gets_its_own_when_it_does: Silence,
    a_receiver_that_resets_the_connection_is_asked_again: Reset,
    an_answer_that_drops_after_the_request_was_done_repeats_it_under_its_id: HangUp,
    an_answer_that_trickles_is_none_and_holds_up_nobody: Trickle,
    headers_without_end_are_no_answer_and_hold_up_nobody: EndlessHead,
    an_answer_shorter_than_it_says_counts_by_its_status: TooLong,
    what_an_answer_has_too_much_answers_no_other_request: TooShort,
    an_answer_without_end_counts_by_its_status: EndlessBody,
    an_answer_before_the_request_was_read_counts_or_is_asked_again: Early,
}
