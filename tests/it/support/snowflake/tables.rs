//! The three tables that a customer is expected to have, and their join.

use std::collections::HashMap;

use super::Cells;

const COLUMNS: [&str; 7] =
    ["TRANSCRIPT_TEXT", "ACCOUNT_NAME", "ACCOUNT_NUMBER", "SPEAKER_NAME", "SPEAKER_EMAIL", "CS_EMAIL", "AM_EMAIL"];

#[derive(Default)]
pub struct Tables {
    transcripts: Vec<[String; 3]>,
    calls: Vec<[String; 4]>,
    accounts: HashMap<String, [String; 4]>,
    /// What a test wants instead of the join.
    fixed: Option<Fixed>,
}

#[derive(Default)]
struct Fixed {
    columns: Vec<String>,
    rows: HashMap<String, Vec<Cells>>,
}

impl Tables {
    pub fn add_transcript(&mut self, transcript_id: &str, call_id: &str, text: &str) {
        self.transcripts.push([transcript_id, call_id, text].map(str::to_owned));
    }

    pub fn add_call(&mut self, call_id: &str, account_id: &str, speaker: &str, email: &str) {
        self.calls.push([call_id, account_id, speaker, email].map(str::to_owned));
    }

    pub fn add_account(&mut self, account_id: &str, values: [&str; 4]) {
        self.accounts.insert(account_id.to_owned(), values.map(str::to_owned));
    }

    pub fn fix(&mut self, id: &str, columns: &[&str], rows: Vec<Cells>) {
        let fixed = self.fixed.get_or_insert_default();
        fixed.columns = columns.iter().map(|&column| column.to_owned()).collect();
        fixed.rows.insert(id.to_owned(), rows);
    }

    pub fn columns(&self) -> Vec<String> {
        match &self.fixed {
            Some(fixed) => fixed.columns.clone(),
            None => COLUMNS.map(str::to_owned).to_vec(),
        }
    }

    /// The rows for a transcript's id. An empty text is NULL.
    pub fn select(&self, transcript_id: &str) -> Vec<Cells> {
        if let Some(fixed) = &self.fixed {
            return fixed.rows.get(transcript_id).cloned().unwrap_or_default();
        }
        let mut rows = Vec::new();
        for [_, call_id, text] in self.transcripts.iter().filter(|[id, ..]| id == transcript_id) {
            let calls: Vec<_> = self.calls.iter().filter(|[id, ..]| id == call_id).collect();
            if calls.is_empty() {
                rows.push(row([text, "", "", "", "", "", ""]));
            }
            for [_, account_id, speaker, speaker_email] in calls {
                let none = [const { String::new() }; 4];
                let [name, number, cs_email, am_email] = self.accounts.get(account_id).unwrap_or(&none);
                rows.push(row([text, name, number, speaker, speaker_email, cs_email, am_email]));
            }
        }
        rows
    }
}

fn row(cells: [&str; 7]) -> Cells {
    cells.map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).to_vec()
}
