//! Which deliveries are wanted: what the URL says, so that a view can be shared.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use minijinja::{Value, context};

use crate::{
    db::{delivery_log::LogFilter, endpoints},
    domain::{catalogue, delivery::DeliveryStatus, filter::pattern_problem, ids::EndpointId},
    http::{
        panel::{
            asked::{self, Asked},
            session::Viewer,
        },
        problem::Problem,
    },
};

/// Quick choices: how they stand in the URL, in words, and how far back they reach.
pub const PERIODS: [(&str, &str, TimeDelta); 4] = [
    ("1h", "the last hour", TimeDelta::hours(1)),
    ("24h", "the last 24 hours", TimeDelta::hours(24)),
    ("7d", "the last 7 days", TimeDelta::days(7)),
    ("30d", "the last 30 days", TimeDelta::days(30)),
];

/// A filter with what is needed to write it into a URL again.
pub struct Filter {
    /// What the database is asked for.
    pub log: LogFilter,
    /// Of the chosen endpoint.
    endpoint_name: Option<String>,
    period: Option<&'static str>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl Filter {
    /// Reads the URL.
    pub async fn read(asked: &mut Asked, viewer: &Viewer) -> Result<Self, Problem> {
        let statuses = || format!("one of {}", DeliveryStatus::ALL.map(DeliveryStatus::as_str).join(", "));
        let status = asked.read("status", |text| text.parse().map_err(|_| statuses()));
        let event_type = asked.read("event", |text| match pattern_problem(text) {
            Some(detail) => Err(detail.to_owned()),
            None => Ok(text.to_owned()),
        });
        let endpoint = endpoint(asked, viewer).await?;
        let (period, since) = start(asked, viewer.now());
        let until = asked.read("until", |text| asked::time(text, true));
        let log = LogFilter {
            id: None,
            status,
            event_type,
            endpoint_id: endpoint.as_ref().map(|(id, _)| *id),
            since: since.max(period.map(|(_, start)| start)),
            until,
        };
        let endpoint_name = endpoint.map(|(_, name)| name);
        Ok(Self { log, endpoint_name, period: period.map(|(name, _)| name), since, until })
    }

    /// Whether anything is left out.
    pub fn is_any(&self) -> bool {
        self.parameters().iter().any(|(_, value)| value.is_some())
    }

    /// What stands in the fields.
    pub fn fields(&self) -> Value {
        // With seconds only where there are any: fields show no more than they are given.
        let format = |at: DateTime<Utc>| if at.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
        let local = |at: Option<DateTime<Utc>>| at.map(|at| at.format(format(at)).to_string());
        context! {
            status => self.log.status.map(DeliveryStatus::as_str), event => self.log.event_type.clone(),
            endpoint_id => self.log.endpoint_id.map(|id| id.to_string()), endpoint_name => self.endpoint_name.clone(),
            period => self.period, since => local(self.since), until => local(self.until),
        }
    }

    /// A page of ours with this filter.
    pub fn url(&self, page: &str, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.parameters() {
            query.extend_pairs(value.map(|value| (name, value)));
        }
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let query = query.finish();
        if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
    }

    fn parameters(&self) -> [(&'static str, Option<String>); 6] {
        let time = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        [
            ("status", self.log.status.map(|status| status.as_str().to_owned())),
            ("event", self.log.event_type.clone()),
            ("endpoint_id", self.log.endpoint_id.map(|id| id.to_string())),
            ("period", self.period.map(str::to_owned)),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ]
    }
}

/// When what is wanted begins: by a quick choice, and by a time.
type Start = (Option<(&'static str, DateTime<Utc>)>, Option<DateTime<Utc>>);

/// Reads `period` and `since`.
pub fn start(asked: &mut Asked, now: DateTime<Utc>) -> Start {
    let period = asked.read("period", |text| {
        let period = PERIODS.iter().find(|(name, ..)| *name == text);
        period.map(|(name, _, length)| (*name, now - *length)).ok_or_else(|| "1h, 24h, 7d or 30d".to_owned())
    });
    (period, asked.read("since", |text| asked::time(text, false)))
}

/// Reads `endpoint_id`, and finds what the endpoint is called; it may have been removed since.
pub async fn endpoint(asked: &mut Asked, viewer: &Viewer) -> Result<Option<(EndpointId, String)>, Problem> {
    let unknown = "there is no such endpoint";
    let Some(id) = asked.read("endpoint_id", |text| text.parse::<EndpointId>().map_err(|_| unknown.to_owned())) else {
        return Ok(None);
    };
    let found = endpoints::find_labels(&viewer.app.pool, viewer.tenant(), &[id]).await?.pop();
    if found.is_none() {
        asked.fault("endpoint_id", unknown);
    }
    Ok(found.map(|endpoint| (id, endpoint.name)))
}

/// The types of events to choose from, family by family. What other programs raise beside the catalogue is `custom.*`.
pub fn event_groups() -> Value {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for entry in catalogue::entries() {
        let family = entry.event_type.split('.').next().unwrap_or_default();
        match groups.iter_mut().find(|(name, _)| name == family) {
            Some((_, types)) => types.push(entry.event_type),
            None => groups.push((family.to_owned(), vec![entry.event_type])),
        }
    }
    groups.push(("custom".to_owned(), Vec::new()));
    groups.into_iter().map(|(family, types)| context! { family, types }).collect()
}
