//! Lets concurrent callers share a transaction.
//!
//! Callers hand in items and wait. While one batch commits, the next gathers, so a lone caller waits for nobody and a
//! crowd pays for one commit together. A large crowd is not kept waiting for a batch under way: a second one goes beside
//! it, and while the database works on one, this process prepares the other. Nobody is answered before the commit of its
//! item.

use std::sync::Arc;

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tracing::error;

use super::{in_time, is_away};

/// How many items may wait before callers are turned away: a few seconds of what a small database commits.
const WAITING: usize = 4096;
/// So many items are worth a batch beside the one under way. Fewer are better off in a larger batch soon.
const WORTH_ANOTHER: usize = 16;

/// Commits a batch of items, all or none, and answers each.
pub trait Committer: Send + Sync + 'static {
    /// What a caller hands in.
    type Item: Send + Sync + 'static;
    /// What the caller gets once its item is committed.
    type Answer: Send + 'static;

    /// Commits the batch on a connection that is in no transaction; the answers stand in the order of the items.
    fn commit(
        &self,
        db: &mut PgConnection,
        batch: &[Self::Item],
    ) -> impl Future<Output = sqlx::Result<Vec<Self::Answer>>> + Send;
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
    pub fn start(pool: PgPool, committer: C, largest_batch: usize) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(pool, committer, waiting, largest_batch));
        Self { queue }
    }

    /// Hands in an item and waits for its commit.
    pub async fn commit(&self, item: C::Item) -> Result<C::Answer, GroupCommitError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((item, answer)).map_err(|_| GroupCommitError::Overloaded)?;
        answered.await.unwrap_or(Err(GroupCommitError::Overloaded))
    }
}

async fn run<C: Committer>(pool: PgPool, committer: C, mut waiting: mpsc::Receiver<Waiting<C>>, largest_batch: usize) {
    let committer = Arc::new(committer);
    let mut under_way = JoinSet::new();
    // Connections stay here while there is something to do: the pool would ask each time whether they still live, and give
    // out one that knows nothing of these statements.
    let mut connections: Vec<PoolConnection<Postgres>> = Vec::new();
    let mut batch = Vec::new();
    let mut open = true;
    while open || !under_way.is_empty() {
        let room = largest_batch - batch.len();
        tokio::select! {
            Some(ended) = under_way.join_next() => {
                connections.extend(ended.ok().flatten().filter(|_| others_find_one(&pool)));
            }
            taken = waiting.recv_many(&mut batch, room), if open && room > 0 => open = taken > 0,
        }
        let enough = match under_way.len() {
            0 => 1,
            1 => WORTH_ANOTHER,
            _ => usize::MAX,
        };
        if batch.len() >= enough {
            let (committer, pool) = (Arc::clone(&committer), pool.clone());
            under_way.spawn(commit_batch(committer, pool, connections.pop(), std::mem::take(&mut batch)));
        } else if under_way.is_empty() {
            connections.clear();
        }
    }
}

/// Whether whoever else needs a connection gets one.
fn others_find_one(pool: &PgPool) -> bool {
    pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections()
}

/// Commits a batch and answers its callers. Gives back the connection if it is still good.
async fn commit_batch<C: Committer>(
    committer: Arc<C>,
    pool: PgPool,
    mut connection: Option<PoolConnection<Postgres>>,
    batch: Vec<Waiting<C>>,
) -> Option<PoolConnection<Postgres>> {
    let (items, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    match commit(&*committer, &pool, &mut connection, &items).await {
        Ok(results) => {
            debug_assert_eq!(results.len(), answers.len(), "one answer per item");
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(Ok(result)); // a caller that hung up lost nothing: its item is committed
            }
        }
        // One item that the database refuses must not take the others with it. A database that is going away refuses all,
        // and asking it for each would hold up whoever comes next.
        Err(error @ sqlx::Error::Database(_)) if items.len() > 1 && !is_away(&error) => {
            error!(%error, items = items.len(), "a batch was refused, committing one by one");
            for (item, answer) in items.into_iter().zip(answers) {
                let result = commit(&*committer, &pool, &mut connection, std::slice::from_ref(&item)).await;
                let result = result.and_then(|mut results| results.pop().ok_or(sqlx::Error::RowNotFound));
                let _ = answer.send(result.map_err(|error| GroupCommitError::Database(Arc::new(error))));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for answer in answers {
                let _ = answer.send(Err(GroupCommitError::Database(Arc::clone(&error))));
            }
        }
    }
    connection
}

/// Commits on the connection that is there, or on a new one, which then is. What failed gives its connection back to the
/// pool, which finds out what state it is in.
async fn commit<C: Committer>(
    committer: &C,
    pool: &PgPool,
    connection: &mut Option<PoolConnection<Postgres>>,
    items: &[C::Item],
) -> sqlx::Result<Vec<C::Answer>> {
    let committing = async {
        let mut db = match connection.take() {
            Some(db) => db,
            None => pool.acquire().await?,
        };
        let answers = committer.commit(&mut db, items).await?;
        *connection = Some(db);
        Ok(answers)
    };
    in_time(committing).await
}
