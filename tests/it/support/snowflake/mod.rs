//! Plays Snowflake's SQL API v2: refuses what the real one refuses, and can be as unpleasant.
//!
//! It reads no SQL. A statement with one `?` selects the rows of a transcript by the bind's value from three small
//! tables, as the service's own query does.

mod answers;
mod checks;
mod key;
mod tables;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use aftercall::domain::clock::Clock;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use self::{
    answers::{Failure, failure, partition, result_set, still_running},
    checks::Expected,
    tables::Tables,
};
use super::stand_in::StandIn;

/// The account that knows the stand-in's key, as an operator may write it.
pub const ACCOUNT: &str = "brindle-prod_eu";
/// Its user.
pub const USER: &str = "aftercall_svc";

/// One row of a result.
pub type Cells = Vec<Option<String>>;

/// A running Snowflake.
#[derive(Clone)]
pub struct SnowflakeStandIn {
    /// The server beneath: what was asked, and faults that need no Snowflake.
    pub server: StandIn,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    clock: Clock,
    expected: Expected,
    /// Roles, warehouses, databases and schemas that exist, in the catalogue's spelling.
    names: HashSet<String>,
    tables: Tables,
    refusal: Option<[String; 3]>,
    truncated: bool,
    lower_case: bool,
    rows_per_partition: usize,
    /// So many answers about each statement say that it is still running.
    looks: usize,
    statements: HashMap<String, Statement>,
    /// The last execution of a request id.
    by_request: HashMap<String, String>,
    executions: HashMap<String, usize>,
    cancelled: Vec<String>,
}

/// A statement that was run.
struct Statement {
    rows: Vec<Cells>,
    looks_left: usize,
    cancelled: bool,
}

impl SnowflakeStandIn {
    /// Starts one that expects tokens of the shared key, by the machine's clock.
    pub async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    /// Starts one whose clock a test holds.
    pub async fn start_at(clock: Clock) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            clock,
            expected: Expected::KeyPair { subject: "BRINDLE-PROD_EU.AFTERCALL_SVC".to_owned(), key: key::shared() },
            names: ["READER", "LOAD_WH", "OPS", "RAW", "Mixed Case"].map(str::to_owned).into(),
            tables: Tables::default(),
            refusal: None,
            truncated: false,
            lower_case: false,
            rows_per_partition: usize::MAX,
            looks: 0,
            statements: HashMap::new(),
            by_request: HashMap::new(),
            executions: HashMap::new(),
            cancelled: Vec::new(),
        }));
        let router = Router::new()
            .route("/api/v2/statements", post(submit))
            .route("/api/v2/statements/{handle}", get(look))
            .route("/api/v2/statements/{handle}/cancel", post(cancel))
            .with_state(Arc::clone(&inner));
        Self { server: StandIn::serve(router).await, inner }
    }

    /// Goes by another clock from now on: that of an app which could only be started once the address was known.
    pub fn tell_time(&self, clock: Clock) {
        self.inner().clock = clock;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The address to use for `SNOWFLAKE_URL`.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The private key that belongs to the registered public one.
    pub fn private_key_pem() -> String {
        key::shared().private_pem()
    }

    /// The registered key's `RSA_PUBLIC_KEY_FP`.
    pub fn fingerprint() -> String {
        key::shared().fingerprint()
    }

    /// Registers another public key: the shared private key no longer fits.
    pub fn register_other_key(&self) {
        self.expect_user("BRINDLE-PROD_EU.AFTERCALL_SVC", key::generate());
    }

    /// Expects `ACCOUNT.USER` with the shared key.
    pub fn expect_subject(&self, subject: &str) {
        self.expect_user(subject, key::shared());
    }

    fn expect_user(&self, subject: &str, key: key::Pair) {
        self.inner().expected = Expected::KeyPair { subject: subject.to_owned(), key };
    }

    /// Expects this token and type instead of a signed one.
    pub fn expect_token(&self, token: &str, token_type: &str) {
        self.inner().expected = Expected::Token { token: token.to_owned(), token_type: token_type.to_owned() };
    }

    /// A row of `transcripts`.
    pub fn add_transcript(&self, transcript_id: &str, call_id: &str, text: &str) {
        self.inner().tables.add_transcript(transcript_id, call_id, text);
    }

    /// A row of `calls`: one speaker of a call.
    pub fn add_call(&self, call_id: &str, account_id: &str, speaker: &str, email: &str) {
        self.inner().tables.add_call(call_id, account_id, speaker, email);
    }

    /// A row of `accounts`.
    pub fn add_account(&self, account_id: &str, name: &str, number: &str, cs_email: &str, am_email: &str) {
        self.inner().tables.add_account(account_id, [name, number, cs_email, am_email]);
    }

    /// Makes every statement bring these columns and, for the bind `id`, these rows.
    pub fn answer_with(&self, id: &str, columns: &[&str], rows: &[&[Option<&str>]]) {
        let rows = rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect();
        self.inner().tables.fix(id, columns, rows);
    }

    /// Every statement fails like this from now on.
    pub fn refuse_statements(&self, code: &str, sql_state: &str, message: &str) {
        self.inner().refusal = Some([code, sql_state, message].map(str::to_owned));
    }

    /// Results are cut off (391908).
    pub fn truncate_results(&self) {
        self.inner().truncated = true;
    }

    /// Names and types of columns come in lower case.
    pub fn spell_columns_small(&self) {
        self.inner().lower_case = true;
    }

    /// Cuts results into partitions of so many rows.
    pub fn cut_into_partitions_of(&self, rows: usize) {
        self.inner().rows_per_partition = rows;
    }

    /// Each statement is "still running" for so many answers.
    pub fn run_long(&self, looks: usize) {
        self.inner().looks = looks;
    }

    /// How often the statement of a request id was run.
    pub fn executions(&self, request_id: Uuid) -> usize {
        self.inner().executions.get(&request_id.to_string()).copied().unwrap_or_default()
    }

    /// The handles that were cancelled.
    pub fn cancelled(&self) -> Vec<String> {
        self.inner().cancelled.clone()
    }
}

type Shared = State<Arc<Mutex<Inner>>>;
type Parameters = Query<HashMap<String, String>>;

async fn submit(
    State(inner): Shared,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let mut inner = inner.lock().unwrap();
    inner.check_request(&headers)?;
    checks::content_type(&headers)?;
    let request_id = checks::request_id(&parameters)?;
    let bind = inner.check_statement(&serde_json::from_slice::<Value>(&body).unwrap_or_default())?;
    if let Some([code, sql_state, message]) = &inner.refusal {
        return Err(failure(422, code, sql_state, message));
    }
    let known = inner.by_request.get(&request_id).cloned();
    let handle = match known.filter(|_| parameters.get("retry").is_some_and(|retry| retry == "true")) {
        Some(handle) => handle,
        None => inner.execute(request_id, &bind),
    };
    Ok(inner.answer(&handle))
}

async fn look(
    State(inner): Shared,
    Path(handle): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let mut inner = inner.lock().unwrap();
    inner.check_request(&headers)?;
    let number = parameters.get("partition").map(|number| number.parse::<usize>());
    let statement = inner.statements.get(&handle).ok_or_else(unknown_handle)?;
    if statement.cancelled {
        return Err(failure(422, "000604", "57014", "SQL execution canceled"));
    }
    match number {
        None => Ok(inner.answer(&handle)),
        Some(Ok(number)) => match statement.rows.chunks(inner.rows_per_partition).nth(number) {
            Some(rows) => Ok(partition(rows)),
            None => Err(failure(400, "390142", "", "no such partition")),
        },
        Some(Err(_)) => Err(failure(400, "390142", "", "partition must be a number")),
    }
}

async fn cancel(State(inner): Shared, Path(handle): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let mut inner = inner.lock().unwrap();
    inner.check_request(&headers)?;
    checks::content_type(&headers)?;
    inner.statements.get_mut(&handle).ok_or_else(unknown_handle)?.cancelled = true;
    inner.cancelled.push(handle.clone());
    Ok(failure(200, "000604", "57014", "successfully canceled").into_response())
}

fn unknown_handle() -> Failure {
    failure(422, "000709", "02000", "Statement not found")
}

impl Inner {
    fn execute(&mut self, request_id: String, bind: &str) -> String {
        let handle = Uuid::now_v7().to_string();
        let statement = Statement { rows: self.tables.select(bind), looks_left: self.looks, cancelled: false };
        self.statements.insert(handle.clone(), statement);
        *self.executions.entry(request_id.clone()).or_default() += 1;
        self.by_request.insert(request_id, handle.clone());
        handle
    }

    fn answer(&mut self, handle: &str) -> Response {
        let Some(statement) = self.statements.get_mut(handle) else { return unknown_handle().into_response() };
        if statement.looks_left > 0 {
            statement.looks_left -= 1;
            return still_running(handle);
        }
        let code = if self.truncated { "391908" } else { "090001" };
        let spell = |name: &String| if self.lower_case { name.to_lowercase() } else { name.clone() };
        let columns: Vec<String> = self.tables.columns().iter().map(spell).collect();
        result_set(handle, code, &columns, &statement.rows, self.rows_per_partition, self.lower_case)
    }
}
