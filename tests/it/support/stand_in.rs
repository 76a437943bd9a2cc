//! A local server that plays an outside system: routes of its own, a record of what was asked, and faults where a test
//! wants them.

use std::{
    collections::{HashSet, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub raw: Bytes,
    pub body: Value,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A way to misbehave.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing is done, and this is answered.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Nothing is done, and the answer breaks off.
    Broken,
    /// It is done, but the answer breaks off.
    AnswerLost,
    /// It is done, but the answer takes this long.
    Slow(Duration),
}

impl Fault {
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(status, vec![("content-type", "application/json".to_owned())], body.into())
    }
}

/// A running stand-in.
#[derive(Clone)]
pub struct StandIn {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    asked: Vec<Asked>,
    /// Faults for requests whose method and path contain the text, first come, first served.
    faults: VecDeque<(String, Fault)>,
    /// Every distinct request meets these, one each time, before it works.
    first: Option<Fault>,
    seen: HashSet<(String, Bytes)>,
}

impl StandIn {
    pub async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stand_in = Self { url, inner: Arc::default() };
        let router = router.layer(middleware::from_fn_with_state(stand_in.clone(), misbehave));
        // A thread of its own: a test's runtime may be busy, and a real system is elsewhere.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = listener.into_std().and_then(TcpListener::from_std).expect("the listener moves");
                axum::serve(listener, router).await
            })
        });
        stand_in
    }

    /// The next request whose "METHOD /path" contains `place` meets `fault`.
    pub fn fail_next(&self, place: &str, fault: Fault) {
        self.inner.lock().unwrap().faults.push_back((place.to_owned(), fault));
    }

    /// What was to fail next does not.
    pub fn forget_faults(&self) {
        self.inner.lock().unwrap().faults.clear();
    }

    /// Every distinct request (method, path, body) meets `fault` the first time.
    pub fn fail_each_once(&self, fault: Fault) {
        self.inner.lock().unwrap().first = Some(fault);
    }

    /// Everything that was asked, in order, what met a fault included.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.lock().unwrap().asked.clone()
    }

    /// How many requests' "METHOD /path" contained `place`.
    pub fn count(&self, place: &str) -> usize {
        self.asked().iter().filter(|asked| format!("{} {}", asked.method, asked.path).contains(place)).count()
    }

    fn fault_for(&self, asked: Asked) -> Option<Fault> {
        let mut inner = self.inner.lock().unwrap();
        let place = format!("{} {}", asked.method, asked.path);
        let key = (format!("{place}?{}", asked.query), asked.raw.clone());
        inner.asked.push(asked);
        if let Some(index) = inner.faults.iter().position(|(wanted, _)| place.contains(wanted)) {
            return inner.faults.remove(index).map(|(_, fault)| fault);
        }
        if inner.first.is_some() && inner.seen.insert(key) { inner.first.clone() } else { None }
    }
}

async fn misbehave(State(stand_in): State<StandIn>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let raw = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: serde_json::from_slice(&raw).unwrap_or_default(),
        raw: raw.clone(),
    };
    let fault = stand_in.fault_for(asked);
    let request = Request::from_parts(parts, Body::from(raw));
    match fault {
        None => next.run(request).await,
        Some(Fault::Answer(status, headers, body)) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).expect("a response")
        }
        Some(Fault::Broken) => broken_off(),
        Some(Fault::AnswerLost) => {
            next.run(request).await;
            broken_off()
        }
        Some(Fault::Slow(delay)) => {
            let response = next.run(request).await;
            tokio::time::sleep(delay).await;
            response
        }
    }
}

/// An answer that ends before its announced length.
fn broken_off() -> Response {
    let cut: Result<Bytes, std::io::Error> = Err(std::io::ErrorKind::ConnectionReset.into());
    let body = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), cut]);
    Response::builder().header("content-length", "4096").body(Body::from_stream(body)).expect("a response")
}
