//! What the URL of a list asks for: filters, and the place in the list. It can be shared and edited by hand, so a value that
//! cannot be read is told at its field and otherwise left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use http::Uri;
use minijinja::Value;
use uuid::Uuid;

use crate::db::Page;

/// How much a list shows at once.
const SHOWN: i64 = 50;

/// The parameters of a URL, and what is wrong with them.
pub struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<(String, String)>,
}

impl Query {
    /// Reads those of a URL. Empty ones are fields that were not filled in.
    pub fn of(uri: &Uri) -> Self {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let pairs = pairs.map(|(name, value)| (name.into_owned(), value.replace('\0', "").trim().to_owned()));
        Self { pairs: pairs.filter(|(_, value)| !value.is_empty()).collect(), faults: Vec::new() }
    }

    /// A text as it is.
    pub fn text(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// A parameter read by `parse`; `otherwise` says what would be right.
    pub fn read<T>(&mut self, name: &str, otherwise: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.faults.push((format!("/{name}"), otherwise.to_owned()));
        }
        value
    }

    /// The beginning of a day (UTC).
    pub fn first_day(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.read(name, "a day such as 2031-05-06", |text| day(text, 0))
    }

    /// The end of a day (UTC).
    pub fn last_day(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.read(name, "a day such as 2031-05-06", |text| day(text, 1))
    }

    /// The page of the list.
    pub fn page(&mut self) -> Page {
        let before = self.read("cursor", "the place in the list is not known; this is its beginning", |text| {
            Uuid::try_parse(text).ok()
        });
        Page { limit: SHOWN, before }
    }

    /// The parameters that could be read, for the form and for links.
    pub fn asked(&self) -> Value {
        let is_read = |name: &str| !self.faults.iter().any(|(fault, _)| fault.strip_prefix('/') == Some(name));
        let read = self.pairs.iter().rev().filter(|(name, _)| is_read(name));
        Value::from(read.cloned().collect::<BTreeMap<String, String>>())
    }

    /// What is wrong, as `parts.fault` takes it.
    pub fn faults(&self) -> Value {
        let fault = |(name, text): &(String, String)| Value::from(vec![name.clone(), text.clone()]);
        minijinja::context! { errors => self.faults.iter().map(fault).collect::<Value>() }
    }
}

/// The beginning of the day that is so many behind this one. Years have four digits, as RFC 3339 has them.
fn day(text: &str, behind: u64) -> Option<DateTime<Utc>> {
    let day: NaiveDate = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(day.checked_add_days(Days::new(behind))?.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_and_left_out() {
        let mut query = Query::of(&"/panel/calls?since=2031-05-06&until=soon&cursor=x&state=".parse().unwrap());
        assert_eq!(query.first_day("since").unwrap().to_rfc3339(), "2031-05-06T00:00:00+00:00");
        assert_eq!((query.last_day("until"), query.page().before, query.text("state")), (None, None, None));
        let told: Vec<&str> = query.faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(told, ["/until", "/cursor"]);
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let mut query = Query::of(&"/?until=2031-12-31&since=+10000-01-01".parse().unwrap());
        assert_eq!(query.last_day("until").unwrap().to_rfc3339(), "2032-01-01T00:00:00+00:00");
        assert_eq!(query.first_day("since"), None);
    }
}
