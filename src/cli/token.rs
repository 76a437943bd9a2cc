//! `token`: admin tokens, straight on the database.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;
use sqlx::PgConnection;

use super::session::Session;
use crate::{
    config::Config,
    db::{
        Page,
        audit::{NewAudit, insert_audit},
        tenants,
        tokens::{self, NewToken},
    },
    domain::{
        access::{OWN_TENANT, Role, generate_token, token_hash},
        ids::TokenId,
        text,
    },
};

/// Who the audit names for changes made here.
const ACTOR: &str = "command line";
/// How many tokens are read at once.
const PAGE: i64 = 200;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, this once
    Create {
        /// Who or what will use it
        #[arg(long)]
        name: String,
        /// What it may do: admin, producer (raises events only) or viewer (reads only)
        #[arg(long, value_parser = role)]
        role: Role,
        /// Whose data it opens
        #[arg(long, default_value = OWN_TENANT)]
        tenant: String,
        /// When it ends, such as 2031-12-31T00:00:00Z; never, if left out
        #[arg(long)]
        expires_at: Option<DateTime<Utc>>,
    },
    /// List the tokens that were not revoked, of all tenants
    List {
        /// Only of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Revoke a token, at once
    Revoke {
        /// Its id, `tok_…`
        id: TokenId,
    },
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "admin, producer or viewer".to_owned())
}

/// Runs the command.
pub async fn run(config: Config, args: Args) -> anyhow::Result<ExitCode> {
    let session = Session::open(&config).await?;
    let done = match args.command {
        Command::Create { name, role, tenant, expires_at } => create(&session, &name, role, &tenant, expires_at).await,
        Command::List { tenant } => list(&session, tenant.as_deref()).await,
        Command::Revoke { id } => revoke(&session, id).await,
    };
    session.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn create(
    session: &Session,
    name: &str,
    role: Role,
    tenant: &str,
    expires_at: Option<DateTime<Utc>>,
) -> anyhow::Result<()> {
    let now = session.clock.now();
    if !text::is_name(name) {
        bail!("--name: one line of 1 to 200 characters");
    }
    if expires_at.is_some_and(|at| at <= now) {
        bail!("--expires-at: a time that is still to come");
    }
    let mut tx = session.pool.begin().await?;
    tenants::find_tenant(&mut *tx, tenant).await?.with_context(|| format!("there is no tenant {tenant:?}"))?;
    let (id, secret) = (TokenId::new(), generate_token());
    let token = NewToken { id, tenant, name, role, hash: &token_hash(&secret), expires_at };
    tokens::insert_token(&mut *tx, &token, now).await?;
    let after = json!({"name": name, "role": role, "tenant": tenant, "expires_at": expires_at});
    audit(&mut tx, tenant, "token.create", id, None, Some(after), now).await?;
    tx.commit().await?;
    writeln!(stdout(), "{id}\n{secret}\nThe token is shown this once.")?;
    Ok(())
}

async fn list(session: &Session, tenant: Option<&str>) -> anyhow::Result<()> {
    let day = |at: Option<DateTime<Utc>>| at.map_or_else(|| "never".to_owned(), |at| at.format("%F").to_string());
    let mut out = stdout().lock();
    writeln!(out, "{:36}  {:8}  {:16}  {:10}  {:10}  NAME", "ID", "ROLE", "TENANT", "EXPIRES", "LAST USED")?;
    let mut page = Page { limit: PAGE, before: None };
    loop {
        let rows = tokens::list_tokens(&session.pool, tenant, page).await?;
        for row in &rows {
            let (id, role) = (row.id.to_string(), row.role.as_str());
            let (expires, used) = (day(row.expires_at), day(row.last_used_at));
            writeln!(out, "{id:36}  {role:8}  {:16}  {expires:10}  {used:10}  {}", row.tenant, row.name)?;
        }
        match rows.last() {
            Some(last) => page.before = Some(last.id.uuid()),
            None => return Ok(()),
        }
    }
}

async fn revoke(session: &Session, id: TokenId) -> anyhow::Result<()> {
    let now = session.clock.now();
    let mut tx = session.pool.begin().await?;
    let token = tokens::revoke_token(&mut *tx, None, id, now).await?;
    let token = token.with_context(|| format!("there is no token {id}, or it was revoked before"))?;
    let before = json!({"name": token.name, "role": token.role, "tenant": token.tenant});
    audit(&mut tx, &token.tenant, "token.revoke", id, Some(before), None, now).await?;
    tx.commit().await?;
    writeln!(stdout(), "revoked {id} ({})", token.name)?;
    Ok(())
}

async fn audit(
    tx: &mut PgConnection,
    tenant: &str,
    action: &str,
    id: TokenId,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let entry = NewAudit { tenant, actor: ACTOR, address: None, action, object: id.to_string(), before, after };
    insert_audit(tx, entry, now).await
}
