//! The rows of a result: texts by column name, joined from the partitions that Snowflake cuts a result into.

use crate::clients::http::{Reply, UpstreamError};
use serde_json::Value;

use super::api::Handle;

/// More rows than any transcript has speakers: a query that brings more is not the one we want.
const MOST_ROWS: usize = 10_000;
/// All partitions together, in bytes. A partition alone is bounded by the sender.
const LARGEST_RESULT: usize = 64 << 20;
/// Partitions that a result within those bounds may have.
const MOST_PARTITIONS: usize = 1000;

/// What a statement brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Option<String>],
}

impl Rows {
    /// The names of the columns as Snowflake spells them.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether there is a column of that name, whatever its case.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.eq_ignore_ascii_case(name))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { columns: &self.columns, cells })
    }
}

impl<'a> Row<'a> {
    /// The cell under that name, whatever its case; `None` for NULL and where there is no such column.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let index = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.cells.get(index)?.as_deref()
    }
}

/// A result of which some partitions are still to come.
pub(super) struct Gathering {
    rows: Rows,
    bytes: usize,
    promised_rows: Option<u64>,
    partitions: usize,
    handle: Option<Handle>,
}

impl Gathering {
    /// Begins with the first answer: all metadata and partition 0 (contract §1.6).
    pub(super) fn begin(reply: &Reply) -> Result<Self, UpstreamError> {
        let body = reply.json().ok_or_else(|| {
            odd("something that is no JSON; is a proxy in between, or SNOWFLAKE_URL the address of another server?")
        })?;
        if body.get("code").and_then(Value::as_str) == Some("391908") {
            return Err(UpstreamError::Never(
                "Snowflake cut the result off (391908): the query brings too much; select fewer rows or columns".into(),
            ));
        }
        let metadata = body.get("resultSetMetaData");
        let columns = metadata.and_then(|metadata| metadata.get("rowType")?.as_array());
        let columns = columns.ok_or_else(|| odd("no description of the columns"))?;
        // Lenient: a column without a name cannot be asked for, but keeps its place.
        let name = |column: &Value| column.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let partitions = metadata.and_then(|metadata| metadata.get("partitionInfo")?.as_array());
        let mut gathering = Self {
            rows: Rows { columns: columns.iter().map(name).collect(), rows: Vec::new() },
            bytes: 0,
            promised_rows: metadata.and_then(|metadata| metadata.get("numRows")?.as_u64()),
            partitions: partitions.map_or(1, Vec::len).max(1),
            handle: Handle::find(&body),
        };
        if gathering.partitions > MOST_PARTITIONS {
            return Err(too_much());
        }
        gathering.take(body.get("data"), reply.body.len())?;
        Ok(gathering)
    }

    /// How many partitions there are, the first one included.
    pub(super) fn partitions(&self) -> usize {
        self.partitions
    }

    /// What to fetch them by.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }

    /// Adds a further partition: rows without metadata.
    pub(super) fn add(&mut self, reply: &Reply) -> Result<(), UpstreamError> {
        let body = reply.json().ok_or_else(|| odd("a partition that is no JSON"))?;
        let data = if body.is_array() { Some(&body) } else { body.get("data") };
        self.take(data, reply.body.len())
    }

    /// Ends when all partitions are there.
    pub(super) fn finish(self) -> Result<Rows, UpstreamError> {
        match self.promised_rows {
            Some(promised) if promised != self.rows.len() as u64 => {
                Err(odd(&format!("{} rows where it promised {promised}", self.rows.len())))
            }
            _ => Ok(self.rows),
        }
    }

    fn take(&mut self, data: Option<&Value>, bytes: usize) -> Result<(), UpstreamError> {
        let data = data.and_then(Value::as_array).ok_or_else(|| odd("no rows, not even an empty list of them"))?;
        self.bytes += bytes;
        if self.bytes > LARGEST_RESULT || self.rows.len() + data.len() > MOST_ROWS {
            return Err(too_much());
        }
        let width = self.rows.columns.len();
        for row in data {
            let cells = row.as_array().filter(|cells| cells.len() == width);
            let cells = cells.ok_or_else(|| odd(&format!("a row that has not {width} cells")))?;
            self.rows.rows.push(cells.iter().map(cell).collect());
        }
        Ok(())
    }
}

/// Cells are texts (contract §1.6); what is another type nevertheless is taken as its JSON.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn odd(what: &str) -> UpstreamError {
    UpstreamError::Retry(format!("Snowflake answered with {what}"))
}

fn too_much() -> UpstreamError {
    UpstreamError::Never(format!(
        "the result in Snowflake is larger than {MOST_ROWS} rows or {} MiB; make the query select one call's transcript",
        LARGEST_RESULT >> 20
    ))
}
