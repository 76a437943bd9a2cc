//! Cuts lists into pages, with cursors that fit one question only and die.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Refused;

pub struct Pages {
    pub size: usize,
    pub still_analysed: usize,
    /// Beyond how many pages cursors have expired, and how many of them.
    pub deaths: Option<(usize, usize)>,
    pub lead_back: bool,
    pub endless: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { size: 100, still_analysed: 0, deaths: None, lead_back: false, endless: false }
    }
}

/// The part of a list that is answered, and what stands in `records` beside it.
pub struct Cut {
    pub start: usize,
    pub end: usize,
    pub records: Value,
}

impl Pages {
    /// `question` is everything but the cursor: a cursor of another question cannot be verified.
    pub fn cut(&mut self, question: &str, cursor: Option<&str>, length: usize) -> Result<Cut, Refused> {
        let number = match cursor.filter(|cursor| !cursor.is_empty()) {
            None => 0,
            Some(cursor) => {
                page_number(question, cursor).ok_or_else(|| Refused::new(400, "The cursor could not be verified"))?
            }
        };
        if let Some((pages, times)) = &mut self.deaths
            && number >= *pages
            && *times > 0
        {
            *times -= 1;
            return Err(Refused::new(400, "The provided cursor has expired"));
        }
        let start = (number * self.size).min(length);
        let end = (start + self.size).min(length);
        let mut records = json!({
            "totalRecords": length + self.still_analysed, "currentPageSize": end - start, "currentPageNumber": number,
        });
        if self.lead_back {
            records["cursor"] = cursor_to(question, 0).into();
        } else if end < length || self.endless {
            records["cursor"] = cursor_to(question, number + 1).into();
        }
        Ok(Cut { start, end, records })
    }
}

fn cursor_to(question: &str, page: usize) -> String {
    // "+", "/" and "=" stand in it, so that whoever forgets to encode it is found out.
    format!("{}+/=", URL_SAFE_NO_PAD.encode(format!("{page}.{}", fingerprint(question))))
}

fn page_number(question: &str, cursor: &str) -> Option<usize> {
    let decoded = URL_SAFE_NO_PAD.decode(cursor.strip_suffix("+/=")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (page, print) = text.split_once('.')?;
    if print == fingerprint(question).to_string() { page.parse().ok() } else { None }
}

fn fingerprint(question: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    hasher.finish()
}
