//! The guarded way out, as one who chooses targets would attack it.
//!
//! | attack | where it is played |
//! | --- | --- |
//! | an address of the inside: typed, behind a name, in a redirect, given to the API | `forms` |
//! | a name that changes its answer between check and connection, or has two answers | `names` |
//! | answers that trickle, never end or are huge; a receiver that does not read; a large body | `limits` |
//! | a certificate that proves nothing; another protocol; a proxy in between | `tls`, `proxy` |

mod forms;
mod limits;
mod names;
mod proxy;
mod tls;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use aftercall::{
    clients::egress::{Answer, Egress, EgressError, Lookup},
    config::EgressConfig,
};
use bytes::Bytes;
use http::HeaderMap;

/// Long enough for everything that is meant to work, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn config(allowed: &[&str]) -> EgressConfig {
    let allowed_networks = allowed.iter().map(|network| network.parse().unwrap()).collect();
    EgressConfig { allowed_networks, allow_http: true, extra_ca: Vec::new() }
}

fn egress(allowed: &[&str]) -> Egress {
    Egress::new(&config(allowed)).unwrap()
}

async fn post(egress: &Egress, target: &str) -> Result<Answer, EgressError> {
    egress.post(target, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE).await
}

/// A name server: one answer after the other, the last one for ever, and a record of what was asked.
#[derive(Clone)]
struct Names {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    fn answering(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Self { answers: Arc::new(answers.iter().map(parse).collect()), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn egress(&self, allowed: &[&str]) -> Egress {
        Egress::with_lookup(&config(allowed), self.lookup()).unwrap()
    }

    fn lookup(&self) -> Lookup {
        let names = self.clone();
        Arc::new(move |name| {
            let mut asked = names.asked.lock().unwrap();
            let answer = names.answers.get(asked.len()).or(names.answers.last()).cloned().unwrap_or_default();
            asked.push(name);
            Box::pin(async move { Ok(answer.into_iter().map(|address| SocketAddr::new(address, 0)).collect()) })
        })
    }
}
