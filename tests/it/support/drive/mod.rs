//! Plays Google: the token endpoint of a service account, and a Drive in memory. Refuses what the real ones refuse, and
//! misbehaves as they do.

mod account;
mod fields;
mod files;
mod multipart;
mod refusal;
mod search;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use aftercall::domain::clock::Clock;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::Value;

use self::{refusal::Refusal, world::World};
use super::stand_in::StandIn;

pub use self::{
    account::{CLIENT_EMAIL, USER},
    refusal::drive_error,
    world::{File, Layout},
};

/// A running stand-in.
#[derive(Clone)]
pub struct DriveStandIn {
    pub server: StandIn,
    root: &'static str,
    world: Arc<Mutex<World>>,
}

impl DriveStandIn {
    pub async fn start(layout: Layout) -> Self {
        let world = Arc::new(Mutex::new(World::new(layout)));
        let router =
            Router::new().fallback(answer).layer(DefaultBodyLimit::max(64 << 20)).with_state(Arc::clone(&world));
        Self { server: StandIn::serve(router).await, root: world::ROOT, world }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The key file of the service account, whose tokens come from here.
    pub fn key_json(&self) -> String {
        account::key_json(&self.server.url)
    }

    /// The folder that a human made and shared.
    pub fn root_id(&self) -> String {
        self.root.to_owned()
    }

    /// All that was made below the root, in the order it was made, what is in the trash included.
    pub fn files(&self) -> Vec<File> {
        let world = self.world();
        let below = world.files.values().filter(|file| file.id != self.root);
        let mut files: Vec<File> =
            below.map(|file| File { trashed: world.is_trashed(&file.id), ..file.clone() }).collect();
        files.sort_by_key(|file| file.made);
        files
    }

    /// How many tokens were given out.
    pub fn tokens_made(&self) -> usize {
        self.world().account.made
    }

    /// From now on times are compared: of assertions, and the ends of tokens.
    pub fn tell_time(&self, clock: Clock) {
        self.world().account.clock = Some(clock);
    }

    /// Drive answers 401 to every token made so far.
    pub fn revoke_tokens(&self) {
        self.world().account.grants.clear();
    }

    /// Drive answers 401 to every token, made or to be made.
    pub fn refuse_tokens(&self) {
        self.world().account.useless = true;
    }

    /// The key is deleted: assertions are `invalid_grant`.
    pub fn revoke_key(&self) {
        self.world().account.key_revoked = true;
    }

    /// Acting for a user is `unauthorized_client`.
    pub fn refuse_delegation(&self) {
        self.world().account.no_delegation = true;
    }

    /// A human puts a file into the trash.
    pub fn trash(&self, id: &str) {
        self.world().file(id).trashed = true;
    }

    /// A human gives a file another name.
    pub fn rename(&self, id: &str, name: &str) {
        name.clone_into(&mut self.world().file(id).name);
    }

    /// A human deletes a file for good. Its id stays used.
    pub fn delete(&self, id: &str) {
        self.world().files.remove(id).expect("a file");
    }

    /// The root is not shared any more.
    pub fn unshare(&self) {
        self.world().unshared = true;
    }

    /// The root is shared again.
    pub fn share(&self) {
        self.world().unshared = false;
    }

    /// The account becomes a mere reader.
    pub fn forbid_adding(&self) {
        self.world().read_only = true;
    }

    /// The root is something else than a folder.
    pub fn make_root_a_document(&self) {
        world::DOCUMENT.clone_into(&mut self.world().file(self.root).mime_type);
    }

    /// New files are not found by the next `searches` searches.
    pub fn lag(&self, searches: u32) {
        self.world().lag = searches;
    }

    /// Searches answer at most `size` files a page, and an empty page before each.
    pub fn split_pages(&self, size: usize) {
        self.world().page_size = Some(size);
    }

    /// Searches say that they did not look everywhere.
    pub fn search_incompletely(&self) {
        self.world().incomplete = true;
    }

    /// Somebody else made the same file at the same time. The id of the copy.
    pub fn duplicate(&self, id: &str) -> String {
        let mut world = self.world();
        let (made, copy) = (world.next(), world.new_id());
        let copied = File { id: copy.clone(), made, ..world.file(id).clone() };
        world.files.insert(copy.clone(), copied);
        copy
    }
}

/// A request, whole.
struct Asking<'a> {
    method: &'a str,
    path: Vec<&'a str>,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl Asking<'_> {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The content type without its parameters.
    fn media_type(&self) -> &str {
        let whole = self.header(header::CONTENT_TYPE);
        whole.split_once(';').map_or(whole, |(media_type, _)| media_type).trim()
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asking = Asking {
        method: method.as_str(),
        path: uri.path().trim_start_matches('/').split('/').collect(),
        query: uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
    };
    let mut world = world.lock().unwrap();
    let answered: Result<Value, Refusal> = match asking.path[..] {
        ["token"] => account::token(&mut world.account, &asking),
        _ => files::answer(&mut world, &asking),
    };
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => (refusal.status, refusal.body),
    };
    (status, axum::Json(body)).into_response()
}
