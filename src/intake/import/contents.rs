//! What a file for import says: pure reading, no file and no database.

use serde_json::Value;

use crate::{
    clients::gong::{parse_json_exact, shapes},
    domain::{call::Call, transcript::StoredTurn},
};

/// What a file brought, in its order.
#[derive(Debug, Default)]
pub struct Contents {
    /// What it says of calls.
    pub calls: Vec<Call>,
    /// What was said on calls, by their ids.
    pub transcripts: Vec<(String, Vec<StoredTurn>)>,
    /// What could not be read, and where in the file.
    pub problems: Vec<String>,
}

impl Contents {
    /// Reads a file that is one JSON document.
    #[must_use]
    pub fn of_document(text: &str) -> Self {
        let mut contents = Self::default();
        match parse_json_exact(without_mark(text).as_bytes()) {
            Ok(value) => contents.take(&value, ""),
            Err(error) => contents.problems.push(format!("not JSON: {error}")),
        }
        contents
    }

    /// Reads a file that has one JSON document a line.
    #[must_use]
    pub fn of_lines(text: &str) -> Self {
        let mut contents = Self::default();
        for (index, line) in without_mark(text).lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match parse_json_exact(line.as_bytes()) {
                Ok(value) => contents.take(&value, &format!("line {}", index + 1)),
                Err(error) => contents.problems.push(format!("line {}: not JSON: {error}", index + 1)),
            }
        }
        contents
    }

    /// Of a file that cannot be read at all.
    pub(super) fn problem(text: String) -> Self {
        Self { problems: vec![text], ..Self::default() }
    }

    /// What the file says of calls; of one that only has a transcript here, its id.
    pub(super) fn told(&self) -> impl Iterator<Item = Call> + '_ {
        let spoken = self.transcripts.iter().map(|(id, _)| Call { id: id.clone(), ..Call::default() });
        spoken.chain(self.calls.iter().cloned())
    }

    /// Takes what a value brings; `place` says where in the file it stands.
    fn take(&mut self, value: &Value, place: &str) {
        let list = |name: &str| value.get(name).and_then(Value::as_array);
        if let Value::Array(elements) = value {
            for (index, element) in elements.iter().enumerate() {
                self.take(element, &format!("{place}/{index}"));
            }
        } else if let Some(elements) = list("calls").or_else(|| list("callTranscripts")) {
            for (index, element) in elements.iter().enumerate() {
                self.take(element, &format!("{place}/{index}"));
            }
        } else if let Some((id, turns)) = shapes::transcript(value) {
            self.transcripts.push((id, turns));
        } else if let Some(call) = shapes::callback_call(value).or_else(|| shapes::call(value)) {
            self.calls.push(call);
        } else {
            self.problems.push(format!(
                "{}: neither a call (metaData.id), nor a transcript (callId), nor a callback (callData)",
                if place.is_empty() { "the document" } else { place }
            ));
        }
    }
}

/// Some editors begin a file with a byte order mark.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}
