//! The motor: group commits on a real database, and a worker that survives what it works on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use aftercall::{
    domain::clock::Clock,
    queue::{Claim, Committer, GroupCommit, GroupCommitError, Queue, Worker, WorkerSettings},
};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sqlx::{PgConnection, postgres::PgPoolOptions};
use tokio::{sync::Semaphore, task::JoinSet};
use uuid::Uuid;

use crate::support::Database;

/// Inserts numbers; the table refuses negative ones.
struct Numbers {
    transactions: Arc<AtomicUsize>,
}

impl Committer for Numbers {
    type Item = i64;
    type Answer = i64;

    async fn commit(&self, db: &mut PgConnection, batch: &[i64]) -> sqlx::Result<Vec<i64>> {
        self.transactions.fetch_add(1, Ordering::SeqCst);
        sqlx::query("INSERT INTO numbers SELECT * FROM unnest($1::bigint[])").bind(batch).execute(db).await?;
        Ok(batch.to_vec())
    }
}

async fn numbers() -> (Database, GroupCommit<Numbers>, Arc<AtomicUsize>) {
    let database = Database::create().await;
    sqlx::query("CREATE TABLE numbers (n bigint CHECK (n >= 0))").execute(&database.pool).await.unwrap();
    let transactions = Arc::new(AtomicUsize::new(0));
    let committer = Numbers { transactions: Arc::clone(&transactions) };
    let group = GroupCommit::start(database.pool.clone(), committer, 64);
    (database, group, transactions)
}

async fn stored(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM numbers").fetch_one(&database.pool).await.unwrap()
}

#[tokio::test]
async fn concurrent_callers_share_transactions_and_each_is_answered_after_its_own() {
    let (database, group, transactions) = numbers().await;
    let answers = join_all((0..200).map(|n| group.commit(n))).await;
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(answer.unwrap(), n);
    }
    assert_eq!(stored(&database).await, 200);
    let transactions = transactions.load(Ordering::SeqCst);
    assert!(transactions <= 10, "{transactions} transactions for 200 callers at once");
}

#[tokio::test]
async fn one_item_that_the_database_refuses_does_not_take_the_others_with_it() {
    let (database, group, _) = numbers().await;
    let answers = join_all([1, 2, -3, 4].map(|n| group.commit(n))).await;
    let refused: Vec<bool> =
        answers.iter().map(|answer| matches!(answer, Err(GroupCommitError::Database(_)))).collect();
    assert_eq!(refused, [false, false, true, false]);
    assert_eq!(stored(&database).await, 3);
}

#[tokio::test]
async fn a_database_that_is_being_shut_down_is_not_asked_for_each_item() {
    let (database, group, transactions) = numbers().await;
    let shut_down = "CREATE FUNCTION shut_down() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE EXCEPTION 'terminating connection' USING ERRCODE = '57P01'; END $$";
    let on_insert = "CREATE TRIGGER shut_down BEFORE INSERT ON numbers EXECUTE FUNCTION shut_down()";
    for statement in [shut_down, on_insert] {
        sqlx::query(statement).execute(&database.pool).await.unwrap();
    }
    let answers = join_all((0..40).map(|n| group.commit(n))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(GroupCommitError::Database(_)))));
    let transactions = transactions.load(Ordering::SeqCst);
    assert!(transactions <= 5, "{transactions} tries for 40 callers at once");
}

#[tokio::test]
async fn a_database_that_is_away_is_told_to_every_caller_and_works_again_when_it_is_back() {
    let (database, group, _) = numbers().await;
    sqlx::query("ALTER TABLE numbers RENAME TO away").execute(&database.pool).await.unwrap();
    assert!(group.commit(1).await.is_err());
    sqlx::query("ALTER TABLE away RENAME TO numbers").execute(&database.pool).await.unwrap();
    assert_eq!(group.commit(2).await.unwrap(), 2);
}

/// Commits only what the gate lets through.
struct Gated {
    begun: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Committer for Gated {
    type Item = usize;
    type Answer = usize;

    async fn commit(&self, _: &mut PgConnection, batch: &[usize]) -> sqlx::Result<Vec<usize>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        Ok(batch.to_vec())
    }
}

#[tokio::test]
async fn a_crowd_gets_a_batch_beside_the_one_under_way_and_a_few_wait_for_it() {
    let database = Database::create().await;
    let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let committer = Gated { begun: Arc::clone(&begun), gate: Arc::clone(&gate) };
    let group = GroupCommit::start(database.pool.clone(), committer, 64);
    let crowd = |count: usize| {
        let group = group.clone();
        tokio::spawn(async move { join_all((0..count).map(|n| group.commit(n))).await })
    };
    let until_begun = async |wanted| {
        while begun.load(Ordering::SeqCst) < wanted {
            tokio::task::yield_now().await;
        }
    };
    let first = crowd(1);
    until_begun(1).await;
    let few = crowd(3);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1, "three wait for the batch under way");
    let many = crowd(20);
    until_begun(2).await;
    gate.add_permits(10);
    for (answers, count) in [(first, 1), (few, 3), (many, 20)] {
        let answers: Vec<usize> = answers.await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..count).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_flood_of_commits_leaves_connections_to_others() {
    let database = Database::create().await;
    sqlx::query("CREATE TABLE numbers (n bigint CHECK (n >= 0))").execute(&database.pool).await.unwrap();
    let small = PgPoolOptions::new().max_connections(2).connect_with(database.options.clone()).await.unwrap();
    let group = GroupCommit::start(small.clone(), Numbers { transactions: Arc::default() }, 64);
    let mut flood = JoinSet::new();
    for n in 0..400 {
        let group = group.clone();
        flood.spawn(async move {
            loop {
                group.commit(n).await.unwrap();
            }
        });
    }
    for _ in 0..20 {
        sqlx::query("SELECT 1").execute(&small).await.unwrap();
    }
    assert_eq!(flood.len(), 400, "the flood went on");
}

/// Gives out so many items once; every other one panics.
struct Panicky {
    left: AtomicUsize,
    done: AtomicUsize,
}

impl Queue for Panicky {
    type Item = usize;
    const NAME: &'static str = "panicky";
    const PACE: Duration = Duration::ZERO;

    async fn claim(&self, _: Claim, limit: i64) -> sqlx::Result<Vec<usize>> {
        let wanted = usize::try_from(limit).unwrap();
        let taken =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(wanted)));
        let before = taken.unwrap();
        Ok((before.saturating_sub(wanted)..before).collect())
    }

    async fn work(&self, item: usize) {
        assert!(item.is_multiple_of(2), "an odd item");
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    async fn extend(&self, _: &[Uuid], _: DateTime<Utc>) -> sqlx::Result<()> {
        Ok(())
    }

    async fn release(&self, _: &[Uuid]) -> sqlx::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn work_that_panics_gives_its_place_back() {
    let queue = Arc::new(Panicky { left: AtomicUsize::new(20), done: AtomicUsize::new(0) });
    let settings = WorkerSettings { concurrency: 2, lease: Duration::from_secs(15) };
    let worker = Worker::new(Arc::clone(&queue), Clock::system(), settings);
    assert_eq!(worker.run_due().await.unwrap(), 20);
    assert_eq!(queue.done.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn tables_that_grow_in_a_burst_are_analyzed_before_the_database_gets_there() {
    let database = Database::create().await;
    let calls = "INSERT INTO calls (id, tenant_id, call_id, created_at, updated_at)
                 SELECT gen_random_uuid(), 'default', i::text, now(), now() FROM generate_series(1, 2000) AS i";
    sqlx::query(calls).execute(&database.pool).await.unwrap();
    let known = "SELECT reltuples FROM pg_class WHERE relname = 'calls'";
    let rows = async || sqlx::query_scalar::<_, f32>(known).fetch_one(&database.pool).await.unwrap();
    aftercall::db::statistics::analyze_grown(&database.pool).await.unwrap();
    assert!((rows().await - 2000.0).abs() < 1.0);
    assert_eq!(aftercall::db::statistics::analyze_grown(&database.pool).await.unwrap(), 0, "nothing has grown since");
}
