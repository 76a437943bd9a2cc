//! Accounts: customers as an administrator tells of them, where no other system does.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use lettre::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListResponse, PageQuery, audit, faults::Faults, mailbox_for_audit, one_more, paged};
use crate::{
    app::App,
    db::{
        Page,
        accounts::{self, AccountRow},
    },
    http::{
        auth::{Admin, Reader},
        extract::{self, Params, PathText},
        problem::Problem,
    },
};

/// How long a number may be, and how many domains an account may have.
const NUMBER_LENGTH: usize = 100;
const DOMAINS: usize = 50;
/// How long an address and a domain may be, as mail has it.
const ADDRESS_LENGTH: usize = 254;
const DOMAIN_LENGTH: usize = 253;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountResponse {
    #[schema(example = "HF-20417")]
    number: String,
    #[schema(example = "Halden Freight")]
    name: String,
    /// E-mail domains of its people: a call with one of them is a call with this account.
    domains: Vec<String>,
    cs_email: Option<String>,
    am_email: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<AccountRow> for AccountResponse {
    fn from(row: AccountRow) -> Self {
        let AccountRow { row_id: _, number, name, domains, cs_email, am_email, created_at, updated_at } = row;
        Self { number, name, domains, cs_email, am_email, created_at, updated_at }
    }
}

/// An e-mail domain.
#[derive(ToSchema)]
#[schema(value_type = String, max_length = 253, example = "halden.example",
         pattern = "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$")]
#[expect(dead_code, reason = "describes the text")]
struct Domain(String);

/// What an account shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutAccountRequest {
    #[schema(min_length = 1, max_length = 200, example = "Halden Freight")]
    name: String,
    /// E-mail domains of its people.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["halden.example"]), value_type = Vec<Domain>)]
    domains: Vec<String>,
    /// Who takes care of it: customer success.
    #[schema(format = Email, max_length = 254, example = "cs@ours.example")]
    cs_email: Option<String>,
    /// Who takes care of it: account management.
    #[schema(format = Email, max_length = 254, example = "am@ours.example")]
    am_email: Option<String>,
}

#[utoipa::path(
    get, path = "/api/v1/admin/accounts", tag = "accounts", operation_id = "list_accounts",
    summary = "List accounts, newest first", security(("token" = [])), params(PageQuery),
    responses((status = 200, body = ListResponse<AccountResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<AccountResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = accounts::list_accounts(&app.pool, &caller.tenant, None, one_more(page)).await?;
    Ok(Json(paged(rows, page, |row| row.row_id)))
}

#[utoipa::path(
    put, path = "/api/v1/admin/accounts/{number}", tag = "accounts", operation_id = "put_account",
    summary = "Tell of an account, or replace what is known of it", security(("token" = [])),
    params(("number" = String, Path, description = "The number it goes by in the CRM", 
            min_length = 1, max_length = 100, example = "HF-20417")),
    request_body = PutAccountRequest, responses((status = 200, body = AccountResponse)),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathText(number): PathText,
    extract::Json(request): extract::Json<PutAccountRequest>,
) -> Result<Json<AccountResponse>, Problem> {
    let domains = check(&number, &request)?;
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let only = Page { limit: 1, before: None };
    let before = accounts::list_accounts(&mut *tx, &caller.tenant, Some(&number), only).await?.pop();
    let account = AccountRow {
        row_id: before.as_ref().map_or_else(Uuid::now_v7, |before| before.row_id),
        number,
        name: request.name,
        domains,
        cs_email: request.cs_email,
        am_email: request.am_email,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
        updated_at: now,
    };
    accounts::upsert_account(&mut *tx, &caller.tenant, &account).await?;
    let (was, is) = (before.as_ref().map(for_audit), Some(for_audit(&account)));
    audit(&mut tx, &caller, "account.put", &account.number, was, is, now).await?;
    tx.commit().await?;
    Ok(Json(account.into()))
}

/// Checks an account and returns its domains, in lower case.
fn check(number: &str, request: &PutAccountRequest) -> Result<Vec<String>, Problem> {
    let mut faults = Faults::default();
    if number.chars().count() > NUMBER_LENGTH {
        faults.add("/number", "at most 100 characters");
    }
    faults.check_name("/number", number);
    faults.check_name("/name", &request.name);
    for (pointer, address) in [("/cs_email", &request.cs_email), ("/am_email", &request.am_email)] {
        let is_address = |text: &String| text.chars().count() <= ADDRESS_LENGTH && text.parse::<Address>().is_ok();
        if address.as_ref().is_some_and(|address| !is_address(address)) {
            faults.add(pointer, "an e-mail address such as cs@example.com, or null");
        }
    }
    if request.domains.len() > DOMAINS {
        faults.add("/domains", "at most 50 domains");
    }
    let mut domains: Vec<String> = Vec::new();
    for (index, domain) in request.domains.iter().enumerate() {
        let domain = domain.to_ascii_lowercase();
        if !is_domain(&domain) {
            faults.add(format!("/domains/{index}"), "a domain such as example.com");
        } else if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    faults.finish().map(|()| domains)
}

/// Whether this is a domain as DNS has it, with at least two labels.
fn is_domain(text: &str) -> bool {
    let letters = |label: &str| label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && letters(label) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= DOMAIN_LENGTH && text.contains('.') && text.split('.').all(is_label)
}

/// What the audit keeps: of addresses only where they are.
fn for_audit(account: &AccountRow) -> Value {
    let shown = |address: &Option<String>| address.as_deref().map(mailbox_for_audit);
    json!({
        "name": account.name, "domains": account.domains,
        "cs_email": shown(&account.cs_email), "am_email": shown(&account.am_email),
    })
}

#[cfg(test)]
mod tests {
    use super::is_domain;

    #[test]
    fn domains_are_those_of_the_dns() {
        for text in ["halden.example", "a.b-c.example", "xn--bcher-kva.example"] {
            assert!(is_domain(text), "{text}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for text in
            ["halden", "-a.example", "a-.example", "a..example", "[127.0.0.1]", "a b.example", "a.example\n", &long]
        {
            assert!(!is_domain(text), "{text}");
        }
    }
}
