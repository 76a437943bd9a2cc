//! Finds what of the log is wanted, in a time that does not follow the length of history, be it rare or frequent.
//!
//! Settled deliveries stand in their indexes by status and type of event, each kind in the order of the log: the kinds that
//! there are (a few dozen) are found by hopping from one to the next, and each gives its newest. Those that wait have an index
//! of their own. The statement is built for what is asked, so that each part finds its index.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::LogFilter;
use crate::{
    db::{Page, retention::first_id_at},
    domain::delivery::DeliveryStatus,
};

/// What the two indexes of settled deliveries hold, word for word.
const SETTLED: &str = "d.status IN ('sent', 'failed', 'filtered')";
/// Ids begin with the time of the decision. Those of versions before went by the machine's clock, which was off by less.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// Finds the ids of a page, newest first.
pub(super) async fn find_ids(
    db: impl PgExecutor<'_>,
    tenant: &str,
    filter: &LogFilter,
    page: Page,
) -> sqlx::Result<Vec<Uuid>> {
    if let Some(id) = filter.id {
        return Ok(vec![id.uuid()]);
    }
    let wanted = Wanted { tenant, filter, page };
    let mut sql = QueryBuilder::new("");
    if filter.status.is_none() && filter.event_type.is_none() && filter.endpoint_id.is_none() {
        wanted.push_newest(&mut sql, |sql| wanted.push_tenant(sql));
    } else {
        wanted.push_filtered(&mut sql);
    }
    // Planned for these very values: what is right for a rare one is wrong for a frequent one.
    sql.build_query_scalar().persistent(false).fetch_all(db).await
}

struct Wanted<'a> {
    tenant: &'a str,
    filter: &'a LogFilter,
    page: Page,
}

type Sql = QueryBuilder<Postgres>;

impl Wanted<'_> {
    fn push_filtered(&self, sql: &mut Sql) {
        let waiting = matches!(self.filter.status, None | Some(DeliveryStatus::Pending | DeliveryStatus::Retrying));
        let settled: Vec<&str> = [DeliveryStatus::Sent, DeliveryStatus::Failed, DeliveryStatus::Filtered]
            .into_iter()
            .filter(|status| self.filter.status.is_none_or(|wanted| wanted == *status))
            .map(DeliveryStatus::as_str)
            .collect();
        if !settled.is_empty() {
            self.push_kinds(sql, &settled);
            sql.push(" SELECT d.id FROM kind CROSS JOIN LATERAL (");
            self.push_newest(sql, |sql| {
                self.push_place(sql);
                sql.push(format_args!(" AND {SETTLED} AND d.status = kind.status AND d.event_type = kind.event_type"));
            });
            sql.push(") d WHERE ");
            self.push_event(sql, "kind.event_type");
        }
        if !settled.is_empty() && waiting {
            sql.push(" UNION ALL ");
        }
        if waiting {
            sql.push("SELECT id FROM (");
            self.push_newest(sql, |sql| {
                self.push_tenant(sql);
                sql.push(" AND d.status IN ('pending', 'retrying') AND ");
                self.push_event(sql, "d.event_type");
                if let Some(status) = self.filter.status {
                    sql.push(" AND d.status = ").push_bind(status.as_str());
                }
                if let Some(endpoint) = self.filter.endpoint_id {
                    sql.push(" AND d.endpoint_id = ").push_bind(endpoint.uuid());
                }
            });
            sql.push(") waiting");
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(self.page.limit);
    }

    /// `kind`: what there is of settled deliveries, by status and type of event.
    fn push_kinds(&self, sql: &mut Sql, statuses: &[&'static str]) {
        let statuses: Vec<String> = statuses.iter().map(|&status| status.to_owned()).collect();
        if let Some(event_type) = self.filter.event_type.as_deref().filter(|pattern| family(pattern).is_none()) {
            sql.push("WITH kind AS (SELECT status, ").push_bind(event_type.to_owned()).push("::text AS event_type");
            sql.push(" FROM unnest(").push_bind(statuses).push("::text[]) AS status)");
            return;
        }
        let first_behind = |sql: &mut Sql, status: &str, behind: &str| {
            sql.push(format_args!(
                "(SELECT min(d.event_type) FROM deliveries d WHERE {SETTLED} AND d.status = {status}{behind} AND "
            ));
            self.push_place(sql);
            sql.push(")");
        };
        sql.push("WITH RECURSIVE kind(status, event_type) AS (SELECT status, ");
        first_behind(sql, "first.status", "");
        sql.push(" FROM unnest(").push_bind(statuses).push("::text[]) AS first(status) UNION ALL SELECT kind.status, ");
        first_behind(sql, "kind.status", " AND d.event_type > kind.event_type");
        sql.push(" FROM kind WHERE kind.event_type IS NOT NULL)");
    }

    /// A page of what `condition` says.
    fn push_newest(&self, sql: &mut Sql, condition: impl FnOnce(&mut Sql)) {
        sql.push("SELECT d.id FROM deliveries d WHERE ");
        condition(sql);
        if let Some(before) = self.page.before {
            sql.push(" AND d.id < ").push_bind(before);
        }
        if let Some(since) = self.filter.since {
            sql.push(" AND d.id >= ").push_bind(first_id_since(since));
            sql.push(" AND d.created_at >= ").push_bind(since);
        }
        if let Some(until) = self.filter.until {
            sql.push(" AND d.id < ").push_bind(first_id_at(moved(until, MARGIN)));
            sql.push(" AND d.created_at < ").push_bind(until);
        }
        sql.push(" ORDER BY d.id DESC LIMIT ").push_bind(self.page.limit);
    }

    /// The endpoint, which then is the tenant's, or else the tenant: one index or the other.
    fn push_place(&self, sql: &mut Sql) {
        let Some(endpoint) = self.filter.endpoint_id else { return self.push_tenant(sql) };
        sql.push("d.endpoint_id = (SELECT id FROM endpoints WHERE id = ").push_bind(endpoint.uuid());
        sql.push(" AND tenant_id = ").push_bind(self.tenant.to_owned()).push(")");
    }

    fn push_tenant(&self, sql: &mut Sql) {
        sql.push("d.tenant_id = ").push_bind(self.tenant.to_owned());
    }

    fn push_event(&self, sql: &mut Sql, column: &str) {
        match self.filter.event_type.as_deref() {
            None => sql.push("true"),
            Some(pattern) => match family(pattern) {
                Some(prefix) => sql.push(format_args!("starts_with({column}, ")).push_bind(prefix.to_owned()).push(")"),
                None => sql.push(format_args!("{column} = ")).push_bind(pattern.to_owned()),
            },
        };
    }
}

/// No delivery that was decided since a time has a smaller id.
pub(super) fn first_id_since(since: DateTime<Utc>) -> Uuid {
    first_id_at(moved(since, -MARGIN))
}

/// What types of a family begin with: `call.` for `call.*`.
fn family(pattern: &str) -> Option<&str> {
    pattern.ends_with(".*").then(|| &pattern[..pattern.len() - 1])
}

fn moved(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(at)
}
