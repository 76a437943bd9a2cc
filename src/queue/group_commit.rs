//! Lets concurrent callers share a transaction.
//!
//! Callers hand in items and wait. While one batch commits, the next gathers, so a lone caller waits for nobody and a
//! crowd pays for one commit together. Nobody is answered before the commit of its item.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{in_time, is_away};

/// How many items may wait before callers are turned away: a few seconds of what a small database commits.
const WAITING: usize = 4096;

/// Commits a batch of items, all or none, and answers each.
pub trait Committer: Send + Sync + 'static {
    /// What a caller hands in.
    type Item: Send + 'static;
    /// What the caller gets once its item is committed.
    type Answer: Send + 'static;

    /// Commits the batch; the answers stand in the order of the items.
    fn commit(&self, batch: &[Self::Item]) -> impl Future<Output = sqlx::Result<Vec<Self::Answer>>> + Send;
}

/// Why an item was not committed.
#[derive(Debug, thiserror::Error)]
pub enum GroupCommitError {
    /// The database did not take it.
    #[error("the database did not take it")]
    Database(#[source] Arc<sqlx::Error>),
    /// Too many wait already, or the service is stopping.
    #[error("too much is waiting to be stored")]
    Overloaded,
}

type Waiting<C> = (<C as Committer>::Item, oneshot::Sender<Result<<C as Committer>::Answer, GroupCommitError>>);

/// The callers' side.
pub struct GroupCommit<C: Committer> {
    queue: mpsc::Sender<Waiting<C>>,
}

impl<C: Committer> Clone for GroupCommit<C> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<C: Committer> GroupCommit<C> {
    /// Starts the committing task. It ends when the last clone is dropped and what waits is committed.
    pub fn start(committer: C, largest_batch: usize) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(committer, waiting, largest_batch));
        Self { queue }
    }

    /// Hands in an item and waits for its commit.
    pub async fn commit(&self, item: C::Item) -> Result<C::Answer, GroupCommitError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((item, answer)).map_err(|_| GroupCommitError::Overloaded)?;
        answered.await.unwrap_or(Err(GroupCommitError::Overloaded))
    }
}

async fn run<C: Committer>(committer: C, mut waiting: mpsc::Receiver<Waiting<C>>, largest_batch: usize) {
    let mut batch = Vec::with_capacity(largest_batch);
    while waiting.recv_many(&mut batch, largest_batch).await > 0 {
        let (items, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        match in_time(committer.commit(&items)).await {
            Ok(results) => {
                debug_assert_eq!(results.len(), answers.len(), "one answer per item");
                for (answer, result) in answers.into_iter().zip(results) {
                    let _ = answer.send(Ok(result)); // a caller that hung up lost nothing: its item is committed
                }
            }
            // One item that the database refuses must not take the others with it. A database that is going away refuses
            // all, and asking it for each would hold up whoever comes next.
            Err(error @ sqlx::Error::Database(_)) if items.len() > 1 && !is_away(&error) => {
                error!(%error, items = items.len(), "a batch was refused, committing one by one");
                one_by_one(&committer, items, answers).await;
            }
            Err(error) => {
                let error = Arc::new(error);
                for answer in answers {
                    let _ = answer.send(Err(GroupCommitError::Database(Arc::clone(&error))));
                }
            }
        }
    }
}

async fn one_by_one<C: Committer>(
    committer: &C,
    items: Vec<C::Item>,
    answers: Vec<oneshot::Sender<Result<C::Answer, GroupCommitError>>>,
) {
    for (item, answer) in items.into_iter().zip(answers) {
        let result = in_time(committer.commit(std::slice::from_ref(&item))).await;
        let result = result.and_then(|mut results| results.pop().ok_or(sqlx::Error::RowNotFound));
        let _ = answer.send(result.map_err(|error| GroupCommitError::Database(Arc::new(error))));
    }
}
