//! SIGTERM under load: what was begun is answered, what was answered is kept, and whoever comes next goes on at once.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    SUMMARISED, add_endpoint, arrivals, arrived_at, assert_each_arrived, assert_each_documented_once, count, ids,
    import_transcripts,
    load::Load,
    rogue::{Misdeed, Rogue},
    settled, until, vars,
};
use crate::support::{Database, Gong, Receiver, Server, Signing, callback};

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// Far longer than the test takes: whoever had to wait for one would be seen.
const LEASE: Duration = Duration::from_secs(300);

/// A callback of which only the first half was sent.
struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    async fn begin(server: &Server, call: &str) -> Self {
        let (url, body) = (server.url("/webhooks/gong"), callback(call).to_string().into_bytes());
        let token = Gong::shared().token(&Signing { url: &url, body: &body, exp: i64::MAX / 1_000_000 });
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        let head = format!(
            "POST /webhooks/gong HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\nauthorization: {token}\r\n\
             content-length: {}\r\n\r\n",
            server.port,
            body.len()
        );
        let (first, rest) = body.split_at(body.len() / 2);
        stream.write_all(&[head.as_bytes(), first].concat()).await.unwrap();
        // Whoever comes later is answered: so this one has been accepted.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert!(client.get(server.url("/healthz")).send().await.unwrap().status().is_success());
        Self { stream, rest: rest.to_owned() }
    }

    /// Sends the other half and gives the answer.
    async fn end(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_told_to_stop_under_load_answers_what_it_took_and_the_next_goes_on_without_waiting_for_a_lease() {
    let (database, dir, calls) = (Database::create().await, tempfile::tempdir().unwrap(), ids(121));
    let (halved, told) = calls.split_last().unwrap();
    import_transcripts(&database, &calls).await;
    let mut vars = vars(&database);
    vars.extend([
        ("LEASE", format!("{}s", LEASE.as_secs())),
        ("DELIVERY_TIMEOUT", "200s".to_owned()),
        ("SHUTDOWN_TIMEOUT", format!("{}s", SHUTDOWN_TIMEOUT.as_secs())),
    ]);
    let steady = Receiver::slow(Duration::from_millis(100)).await;
    let silent = Rogue::start(vec![Misdeed::Silence]).await; // what goes there is still under way at the end
    let mut server = Server::start(&["serve"], &vars, dir.path()).await;
    for url in [steady.url(), silent.url()] {
        add_endpoint(&server, "webhook", &url, &[SUMMARISED]).await;
    }
    let doors = Arc::new(Mutex::new(vec![server.door()]));
    let load = Load::start(Arc::clone(&doors), told.to_vec(), Duration::from_millis(10));
    until("work is under way everywhere", async || load.answered().len() > 40 && !silent.suffered().is_empty()).await;

    let half = Half::begin(&server, halved).await;
    let told_at = Instant::now();
    server.signal(Signal::TERM);
    until("nothing new is taken", async || TcpStream::connect(("127.0.0.1", server.port)).await.is_err()).await;
    let answer = half.end().await;
    assert!(answer.starts_with("HTTP/1.1 202"), "what was being sent is answered: {answer}");
    let exit = tokio::task::spawn_blocking(move || server.ended()).await.unwrap();
    assert_eq!(exit.code(), Some(0));
    let stopped_in = told_at.elapsed();
    assert!(stopped_in < SHUTDOWN_TIMEOUT + Duration::from_secs(5), "it took {stopped_in:?} to stop");
    assert_eq!(count(&database, "SELECT count(*) FROM jobs WHERE claim_id IS NOT NULL").await, 0);
    let held = "SELECT count(*) FROM deliveries WHERE claim_id IS NOT NULL AND status IN ('pending', 'retrying')";
    assert_eq!(count(&database, held).await, 0, "leases were handed back");

    silent.behave();
    let mut next = Server::start(&["serve"], &vars, dir.path()).await;
    *doors.lock().unwrap() = vec![next.door()];
    until("all callbacks are answered", async || load.answered().len() == told.len()).await;
    load.end().await;
    settled(&database).await;
    assert!(told_at.elapsed() < LEASE / 2, "nobody waited for a lease");
    assert_each_documented_once(dir.path(), calls.len());
    assert_each_arrived(&arrived_at(&steady), SUMMARISED, &calls);
    let at_silent = arrivals(silent.suffered().into_iter().map(|one| (one.body, one.id)));
    assert_each_arrived(&at_silent, SUMMARISED, &calls);
    println!("stopped under load in {stopped_in:?}");
    assert_eq!(next.terminate(), Some(0));
}
