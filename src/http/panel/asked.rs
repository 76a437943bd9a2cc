//! What the URL of a page asks for. A field that was left empty asks for nothing; one that cannot be read is told of at its
//! place, and the page is shown as if it had not been asked.

use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use http::{StatusCode, Uri};
use minijinja::{Value, context};
use uuid::Uuid;

use super::session::Viewer;
use crate::{
    db::Page,
    http::{
        extract::moment,
        problem::{FieldError, Problem},
    },
};

/// The parameters of a URL.
#[derive(Debug)]
pub struct Asked {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldError>,
}

impl Asked {
    /// Reads a URL.
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self { pairs: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(), faults: Vec::new() }
    }

    /// What a parameter says, unless it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, text) = self.pairs.iter().find(|(known, _)| known == name)?;
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    /// Reads a parameter by `parse`, whose error says what would be right.
    pub fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    /// Notes what is wrong with a parameter.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(FieldError { pointer: format!("/{name}"), detail: detail.into() });
    }

    /// The part of a list that is wanted: `cursor` says behind which row.
    pub fn page(&mut self, limit: i64) -> Page {
        let before = self.read("cursor", |text| {
            Uuid::try_parse(text).map_err(|_| "this is no place in the list; here is its beginning".to_owned())
        });
        Page { limit, before }
    }

    /// Text that the database can compare with.
    pub fn plain(&mut self, name: &str) -> Option<String> {
        self.read(name, crate::http::extract::plain)
    }

    /// What is wrong, as [`super::page`] tells it of forms; none if nothing is.
    pub fn refusal(&self) -> Value {
        if self.faults.is_empty() {
            return Value::from(());
        }
        let errors: Value = self.faults.iter().map(|fault| (fault.pointer.clone(), fault.detail.clone())).collect();
        context! { detail => "not everything that was asked can be read", errors }
    }

    /// A page with what is wrong told at its fields, and a 422 then.
    pub fn page_for(&self, viewer: &Viewer, template: &str, context: Value) -> Result<Response, Problem> {
        let mut response = viewer.page(template, context! { refusal => self.refusal(), ..context })?;
        if !self.faults.is_empty() {
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        }
        Ok(response)
    }

    /// Fails if anything is wrong: for what is no page.
    pub fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid(self.faults)) }
    }
}

/// A time as people and fields of forms write it, in UTC: `2031-05-06T09:30`, a day, or RFC 3339. `ends` says that a day means
/// its end.
pub fn time(text: &str, ends: bool) -> Result<DateTime<Utc>, String> {
    let day = |day: NaiveDate| day.checked_add_days(Days::new(u64::from(ends)))?.and_time(NaiveTime::MIN).into();
    let local = || {
        let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
        formats.into_iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let at: Option<NaiveDateTime> = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(day).or_else(local);
    let fault = || "a time in UTC such as 2031-05-06T09:30, or a day".to_owned();
    // By the API's rule too, which keeps to years that can be written.
    at.map_or_else(|| moment(text), |at| moment(&at.and_utc().to_rfc3339())).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_fields_send_them_and_as_people_write_them() {
        let read = [
            ("2031-05-06T09:30", false, "2031-05-06T09:30:00Z"),
            ("2031-05-06 09:30", false, "2031-05-06T09:30:00Z"),
            ("2031-05-06T11:30:00+02:00", true, "2031-05-06T09:30:00Z"),
            ("2031-05-06", false, "2031-05-06T00:00:00Z"),
            ("2031-05-06", true, "2031-05-07T00:00:00Z"),
        ];
        for (text, ends, at) in read {
            assert_eq!(time(text, ends), Ok(at.parse().unwrap()), "{text}");
        }
        for text in ["yesterday", "2031-13-01", "99999-01-01", "9999-12-31T23:59:60-02:00", "262142-12-31"] {
            assert!(time(text, true).is_err(), "{text}");
        }
    }
}
