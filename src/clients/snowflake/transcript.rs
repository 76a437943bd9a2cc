//! The transcript query, and what its rows mean by the names of their columns.

use crate::{
    clients::{gong::shapes, http::UpstreamError},
    domain::{
        call::{Account, Party},
        text::clean,
        transcript::StoredTurn,
    },
};
use serde_json::{Map, Value, json};

use super::{
    lines,
    result::{Row, Rows},
};

/// The column that a query must bring; all others may be absent.
const TEXT_COLUMN: &str = "transcript_text";

/// Brings one row per speaker, or one where nobody knows the speakers. A transcript whose call or account is not there
/// comes all the same. The order makes a second run tell the same.
pub const DEFAULT_TRANSCRIPT_QUERY: &str = "\
SELECT t.transcript_text, a.account_name, a.account_number, c.speaker_name, c.speaker_email, a.cs_email, a.am_email
FROM transcripts t
LEFT JOIN calls c ON c.call_id = t.call_id
LEFT JOIN accounts a ON a.account_id = c.account_id
WHERE t.transcript_id = ?
ORDER BY a.account_name, c.speaker_name, c.speaker_email";

/// What the warehouse knows of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnowflakeTranscript {
    /// What was said; never empty.
    pub turns: Vec<StoredTurn>,
    /// The customer, if the call's row leads to an account with a name.
    pub account: Option<Account>,
    /// Who spoke, as far as the rows tell. The turns name their speakers themselves; no ids join the two.
    pub speakers: Vec<Party>,
    /// The customer's contact in customer success.
    pub cs_email: Option<String>,
    /// The customer's account manager.
    pub am_email: Option<String>,
}

/// Fails when a query of somebody's own does not bring the one column that is needed.
pub(super) fn check_columns(rows: &Rows) -> Result<(), UpstreamError> {
    if rows.has_column(TEXT_COLUMN) {
        return Ok(());
    }
    Err(UpstreamError::Never(format!(
        "the query in Snowflake brings no column {TEXT_COLUMN} but {}; name one so in the SQL of SNOWFLAKE_QUERY_PATH",
        rows.columns().join(", ").to_lowercase()
    )))
}

/// Reads the rows of one call. `None` when there are none, or no words in them: the transcript is not ready.
pub(super) fn read(rows: &Rows, call_id: &str) -> Result<Option<SnowflakeTranscript>, UpstreamError> {
    check_columns(rows)?;
    let speakers = speakers(rows);
    // The join repeats the text for each speaker; texts that differ are parts of one transcript.
    let mut texts: Vec<&str> = Vec::new();
    for text in rows.iter().filter_map(|row| row.text(TEXT_COLUMN)) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let mut turns = Vec::new();
    for text in texts {
        turns.extend(read_text(text, call_id, &speakers)?);
    }
    if turns.is_empty() {
        return Ok(None);
    }
    let mailbox = |column| rows.iter().find_map(|row| member(row, column).filter(|address| address.contains('@')));
    Ok(Some(SnowflakeTranscript {
        turns,
        account: rows.iter().find_map(|row| {
            Some(Account { name: member(row, "account_name")?, number: member(row, "account_number") })
        }),
        cs_email: mailbox("cs_email"),
        am_email: mailbox("am_email"),
        speakers,
    }))
}

fn speakers(rows: &Rows) -> Vec<Party> {
    let mut speakers: Vec<Party> = Vec::new();
    for row in rows.iter() {
        let (name, email) = (member(row, "speaker_name"), member(row, "speaker_email"));
        let party = Party { name, email, ..Party::default() };
        if (party.name.is_some() || party.email.is_some()) && !speakers.contains(&party) {
            speakers.push(party);
        }
    }
    speakers
}

fn member(row: Row<'_>, column: &str) -> Option<String> {
    clean(row.text(column)?)
}

/// Reads a text that is either Gong's JSON or lines. A VARIANT column gives lines as a JSON string.
pub fn read_text(text: &str, call_id: &str, speakers: &[Party]) -> Result<Vec<StoredTurn>, UpstreamError> {
    let read_lines = |text: &str| {
        let known: Vec<&str> = speakers.iter().filter_map(|party| party.name.as_deref()).collect();
        lines::turns(&text.replace('\0', ""), &known) // PostgreSQL stores no NUL
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::String(inner)) => Ok(read_lines(&inner)),
        Ok(Value::Object(object)) => read_gong(&Value::Object(object), call_id),
        Ok(Value::Array(list)) if list.iter().all(Value::is_object) => read_gong(&json!({"transcript": list}), call_id),
        _ => Ok(read_lines(text)),
    }
}

/// Reads a whole answer of Gong's API (`callTranscripts`), an element of it, or its `transcript` alone.
fn read_gong(value: &Value, call_id: &str) -> Result<Vec<StoredTurn>, UpstreamError> {
    let calls: Vec<&Value> = match value.get("callTranscripts").and_then(Value::as_array) {
        Some(calls) => {
            let ours: Vec<&Value> = calls.iter().filter(|call| is_of(call, call_id)).collect();
            // The tables may know the call by another id than Gong does: the row was chosen by it all the same.
            if ours.is_empty() { calls.iter().collect() } else { ours }
        }
        None => vec![value],
    };
    let monologues: Vec<&Value> =
        calls.iter().filter_map(|call| call.get("transcript")?.as_array()).flatten().collect();
    let list = value.get("callTranscripts").or_else(|| value.get("transcript"));
    let in_place = list.is_some_and(|list| list.is_array() || list.is_null());
    let spoken = |monologue: &&Value| monologue.get("sentences").is_some();
    let empty = value.as_object().is_some_and(Map::is_empty);
    if !empty && !(in_place && (monologues.is_empty() || monologues.iter().any(spoken))) {
        return Err(UpstreamError::Never(format!(
            "{TEXT_COLUMN} in Snowflake holds JSON that is not Gong's transcript; bring that, or lines \"Name: words\""
        )));
    }
    let whole = json!({"callId": "-", "transcript": monologues});
    Ok(shapes::transcript(&whole).map(|(_, turns)| turns).unwrap_or_default())
}

fn is_of(call: &Value, call_id: &str) -> bool {
    match call.get("callId") {
        Some(Value::String(id)) => id.trim() == call_id,
        Some(Value::Number(id)) => id.to_string() == call_id,
        _ => false,
    }
}
