//! A delivery with the names of what it is about: where it goes, and which call it tells of.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::PgConnection;

use crate::{
    db::{
        call_labels::{self, CallLabel},
        delivery_log::LogRow,
        endpoints::{self, EndpointLabel},
    },
    domain::{ids::EndpointId, text},
    http::admin::logs::LogResponse,
};

/// A line of the log.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The delivery.
    #[serde(flatten)]
    pub log: LogResponse,
    /// What the endpoint is called.
    pub endpoint_name: String,
    /// Whether it takes deliveries.
    pub endpoint_enabled: bool,
    /// Whether it was removed.
    pub endpoint_is_deleted: bool,
    /// The call it tells of, if its subject is one.
    pub call: Option<Call>,
}

/// A call by its title.
#[derive(Debug, Serialize)]
pub struct Call {
    /// The source's id.
    pub id: String,
    /// Not that of a private call.
    pub title: Option<String>,
    /// Whether nothing of it is shown.
    pub is_private: bool,
    /// Whether nothing of it is left.
    pub is_erased: bool,
}

impl Line {
    /// Finds the names, for all rows at once.
    pub async fn of(db: &mut PgConnection, tenant: &str, rows: Vec<LogRow>) -> sqlx::Result<Vec<Self>> {
        let mut ids: Vec<EndpointId> = rows.iter().map(|row| row.endpoint_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut subjects: Vec<String> = rows.iter().filter_map(|row| row.subject.clone()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let endpoints = endpoints::find_labels(&mut *db, tenant, &ids).await?;
        let endpoints: HashMap<EndpointId, EndpointLabel> = endpoints.into_iter().map(|one| (one.id, one)).collect();
        let calls = call_labels::find_labels(&mut *db, tenant, &subjects).await?;
        let calls: HashMap<String, CallLabel> = calls.into_iter().map(|call| (call.call_id.clone(), call)).collect();
        let line = |row: LogRow| {
            let endpoint = endpoints.get(&row.endpoint_id);
            Self {
                endpoint_name: endpoint.map(|endpoint| endpoint.name.clone()).unwrap_or_default(),
                endpoint_enabled: endpoint.is_some_and(|endpoint| endpoint.enabled),
                endpoint_is_deleted: endpoint.is_none_or(|endpoint| endpoint.is_deleted),
                call: row.subject.as_ref().and_then(|subject| calls.get(subject)).map(Call::from),
                log: row.into(),
            }
        };
        Ok(rows.into_iter().map(line).collect())
    }
}

impl From<&CallLabel> for Call {
    fn from(label: &CallLabel) -> Self {
        let title = label.title.as_deref().filter(|_| !label.is_private && label.erased_at.is_none());
        Self {
            id: label.call_id.clone(),
            title: title.map(text::without_contacts),
            is_private: label.is_private,
            is_erased: label.erased_at.is_some(),
        }
    }
}
