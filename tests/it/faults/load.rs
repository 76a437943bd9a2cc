//! A steady load of signed callbacks, and what was answered. Like Gong, and more patient: what gets no answer, or one that
//! says "not now", is sent again to whoever takes callbacks by then.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::PATIENCE;
use crate::support::{Door, Gong, callback};

/// The pause before a callback is sent again.
const AGAIN: Duration = Duration::from_millis(200);

/// Where callbacks are taken at present.
pub(super) type Doors = Arc<Mutex<Vec<Door>>>;

/// When each call was answered.
type Answered = Arc<Mutex<BTreeMap<String, Instant>>>;

pub(super) struct Load {
    answered: Answered,
    stop: CancellationToken,
    sending: tokio::task::JoinHandle<JoinSet<()>>,
}

impl Load {
    /// Tells of one call after another, at this pace, until told to stop.
    pub(super) fn start(doors: Doors, calls: Vec<String>, pace: Duration) -> Self {
        let (answered, stop) = (Answered::default(), CancellationToken::new());
        let (noted, stopped) = (Arc::clone(&answered), stop.clone());
        let sending = tokio::spawn(async move {
            let (mut posts, mut ticks) = (JoinSet::new(), tokio::time::interval(pace));
            for (index, call) in calls.into_iter().enumerate() {
                if stopped.run_until_cancelled(ticks.tick()).await.is_none() {
                    break;
                }
                posts.spawn(post(Arc::clone(&doors), call, index, Arc::clone(&noted)));
            }
            posts
        });
        Self { answered, stop, sending }
    }

    /// What was answered so far.
    pub(super) fn answered(&self) -> Vec<String> {
        self.answered.lock().unwrap().keys().cloned().collect()
    }

    /// Tells of no more calls, and waits until all are answered of which it told. Gives when each was.
    pub(super) async fn end(self) -> BTreeMap<String, Instant> {
        self.stop.cancel();
        self.sending.await.unwrap().join_all().await;
        std::mem::take(&mut self.answered.lock().unwrap())
    }
}

/// Posts a callback until it is answered, and some once more: the answer must be the same run then.
async fn post(doors: Doors, call: String, index: usize, answered: Answered) {
    let first = post_once(&doors, &call, index).await;
    answered.lock().unwrap().insert(call.clone(), Instant::now());
    if index.is_multiple_of(5) {
        assert_eq!(post_once(&doors, &call, index + 1).await, first, "a repeated callback got another run");
    }
}

/// Posts until there is an answer, and gives the run that it names.
async fn post_once(doors: &Doors, call: &str, index: usize) -> String {
    let deadline = Instant::now() + PATIENCE;
    for number in index.. {
        let door = {
            let doors = doors.lock().unwrap();
            doors[number % doors.len()].clone()
        };
        match door.post_signed(&Gong::shared(), &callback(call)).await {
            Some((200 | 202, answer)) => return answer["run_id"].as_str().expect("a run").to_owned(),
            Some((429 | 500.., _)) | None => tokio::time::sleep(AGAIN).await,
            Some((status, answer)) => panic!("a callback was refused: {status} {answer}"),
        }
        assert!(Instant::now() < deadline, "a callback was not answered in time");
    }
    unreachable!("numbers do not end")
}
