//! Lets concurrent callers who each want one thing by its id share requests.
//!
//! While one request is under way or waits for its turn, the ids for the next gather. A lone caller waits for nobody, and
//! a crowd that arrives while the turn is awaited rides along. What is asked, and of whom, is a [`Question`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::clients::http::UpstreamError;
use tokio::sync::{
    Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::{Instrument, Span, warn};

use super::{errors::Refusal, pace::Turn};

/// How many callers may wait before more are turned away: far more than there are workers.
const WAITING: usize = 4096;
/// How many requests may be under way at once, when answers are slow.
const MOST_UNDER_WAY: usize = 4;
/// An answer that takes longer is not waited for before the next request.
const SLOW: Duration = Duration::from_secs(2);
/// When those that were turned away may come back.
const TURNED_AWAY_FOR: Duration = Duration::from_secs(10);

/// Something that can be asked for many ids in one request.
pub(super) trait Question: Send + Sync + 'static {
    /// What one id brings. Several callers may want the same.
    type Answer: Clone + Send + 'static;

    /// Waits for leave to send one request.
    fn turn(&self) -> impl Future<Output = Result<Turn, UpstreamError>> + Send;

    /// Asks for some ids; those that are not known are missing in the answer.
    fn ask(
        &self,
        turn: Turn,
        ids: &[String],
    ) -> impl Future<Output = Result<HashMap<String, Self::Answer>, Refusal>> + Send;
}

type Answered<A> = oneshot::Sender<Result<Option<A>, UpstreamError>>;

/// One caller.
struct Waiting<A> {
    id: String,
    answer: Answered<A>,
    span: Span,
}

/// The callers' side.
pub(super) struct Batcher<Q: Question> {
    queue: mpsc::Sender<Waiting<Q::Answer>>,
}

impl<Q: Question> Clone for Batcher<Q> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Q: Question> Batcher<Q> {
    /// Starts the asking task. It ends when the last clone is dropped.
    pub(super) fn start(question: Q, largest: usize) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(question, waiting, largest.max(1)));
        Self { queue }
    }

    /// Asks for one id. `None` when it is not known.
    pub(super) async fn ask(&self, id: &str) -> Result<Option<Q::Answer>, UpstreamError> {
        let (answer, answered) = oneshot::channel();
        let given_up = || UpstreamError::Retry("asking Gong was given up".to_owned());
        self.queue.try_send(Waiting { id: id.to_owned(), answer, span: Span::current() }).map_err(
            |error| match error {
                TrySendError::Full(_) => UpstreamError::Later {
                    why: "too many calls wait to be asked for at Gong".to_owned(),
                    wait: TURNED_AWAY_FOR,
                },
                TrySendError::Closed(_) => given_up(),
            },
        )?;
        answered.await.unwrap_or_else(|_| Err(given_up()))
    }
}

async fn run<Q: Question>(question: Q, mut waiting: mpsc::Receiver<Waiting<Q::Answer>>, largest: usize) {
    let (question, room) = (Arc::new(question), Arc::new(Semaphore::new(MOST_UNDER_WAY)));
    while let Some(first) = waiting.recv().await {
        if first.answer.is_closed() {
            continue; // nobody waits, so no turn is spent
        }
        // The turn comes first and the batch is closed after it: the wait is when most ids arrive.
        let turn = question.turn().await;
        let span = first.span.clone(); // a request for many belongs to the trace of the first
        let batch = Batch::gather(first, &mut waiting, largest);
        match turn {
            Ok(turn) => {
                let (question, place) = (Arc::clone(&question), Arc::clone(&room).acquire_owned().await);
                let asking = async move {
                    ask(&*question, turn, batch).await;
                    drop(place);
                };
                let asking = tokio::spawn(asking.instrument(span));
                // While an answer is under way the next ids gather; one that hangs must not hold up the others.
                let _ = tokio::time::timeout(SLOW, asking).await;
            }
            Err(error) => batch.fail(&error),
        }
    }
}

/// Asks for a batch. When the request is refused for something in it, its halves are asked for, down to the id that is at
/// fault: it must not take the others with it.
async fn ask<Q: Question>(question: &Q, turn: Turn, batch: Batch<Q::Answer>) {
    let mut turn = Some(turn);
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        part.forget_who_gave_up();
        if part.callers.is_empty() {
            continue;
        }
        let asked = match turn.take() {
            Some(turn) => Ok(turn),
            None => question.turn().await,
        };
        let ids: Vec<String> = part.callers.keys().cloned().collect();
        let result = match asked {
            Ok(turn) => question.ask(turn, &ids).await,
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(found) => part.answer(&found),
            Err(Refusal::Request(why)) if ids.len() > 1 => {
                warn!(ids = ids.len(), why, "Gong refused a request for several ids, asking for half of them");
                let (one, other) = part.halves();
                parts.extend([other, one]);
            }
            Err(Refusal::Request(why)) => part.fail(&UpstreamError::Never(why)),
            // Whatever it is, the other halves would meet it too.
            Err(refusal) => {
                let error = refusal.into();
                part.fail(&error);
                parts.drain(..).for_each(|part| part.fail(&error));
            }
        }
    }
}

/// Ids, and who waits for each.
struct Batch<A> {
    callers: BTreeMap<String, Vec<Answered<A>>>,
}

impl<A: Clone> Batch<A> {
    /// Takes what waits, up to `largest` ids. Callers who gave up do not count.
    fn gather(first: Waiting<A>, waiting: &mut mpsc::Receiver<Waiting<A>>, largest: usize) -> Self {
        let mut batch = Self { callers: BTreeMap::new() };
        batch.admit(first);
        while batch.callers.len() < largest
            && let Ok(next) = waiting.try_recv()
        {
            batch.admit(next);
        }
        batch
    }

    fn admit(&mut self, caller: Waiting<A>) {
        if !caller.answer.is_closed() {
            self.callers.entry(caller.id).or_default().push(caller.answer);
        }
    }

    fn forget_who_gave_up(&mut self) {
        self.callers.retain(|_, answers| {
            answers.retain(|answer| !answer.is_closed());
            !answers.is_empty()
        });
    }

    fn halves(mut self) -> (Self, Self) {
        let middle = self.callers.keys().nth(self.callers.len() / 2).cloned().unwrap_or_default();
        let upper = Self { callers: self.callers.split_off(&middle) };
        (self, upper)
    }

    fn answer(self, found: &HashMap<String, A>) {
        for (id, answers) in self.callers {
            for answer in answers {
                let _ = answer.send(Ok(found.get(&id).cloned())); // whoever hung up no longer wants it
            }
        }
    }

    fn fail(self, error: &UpstreamError) {
        for answer in self.callers.into_values().flatten() {
            let _ = answer.send(Err(error.clone()));
        }
    }
}
