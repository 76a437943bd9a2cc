//! The shapes of Snowflake's answers.

use std::io::Write;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::Cells;

fn answer(status: u16, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a response")
}

/// An answer with a code, most often a refusal.
pub struct Failure {
    status: u16,
    code: String,
    sql_state: String,
    message: String,
}

pub fn failure(status: u16, code: &str, sql_state: &str, message: &str) -> Failure {
    Failure { status, code: code.to_owned(), sql_state: sql_state.to_owned(), message: message.to_owned() }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.code.is_empty() {
            return Response::builder().status(self.status).body(Body::empty()).expect("a response");
        }
        let mut body = json!({"code": self.code, "message": self.message});
        if !self.sql_state.is_empty() {
            body["sqlState"] = self.sql_state.into();
            body["statementHandle"] = "019c06a4-0000-df4f-0000-00100006589e".into();
        }
        answer(self.status, &body)
    }
}

pub fn still_running(handle: &str) -> Response {
    let body = json!({
        "code": "333334", "sqlState": "00000", "statementHandle": handle,
        "message": "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.",
        // A trap: nobody may carry a token there.
        "statementStatusUrl": format!("http://127.0.0.1:9/api/v2/statements/{handle}"),
    });
    answer(202, &body)
}

/// All metadata and the first partition.
pub fn result_set(
    handle: &str,
    code: &str,
    columns: &[String],
    rows: &[Cells],
    rows_per_partition: usize,
    lower_case: bool,
) -> Response {
    let data_type = if lower_case { "text" } else { "TEXT" };
    let row_type: Vec<Value> = columns
        .iter()
        .map(|name| {
            json!({"name": name, "database": "OPS", "schema": "RAW", "table": "", "type": data_type, "length": 16_777_216,
                "precision": null, "scale": null, "nullable": true, "byteLength": 16_777_216, "collation": null})
        })
        .collect();
    let mut partitions: Vec<Value> = rows
        .chunks(rows_per_partition)
        .map(|rows| json!({"rowCount": rows.len(), "uncompressedSize": 4096, "compressedSize": 1024}))
        .collect();
    if partitions.is_empty() {
        partitions.push(json!({"rowCount": 0, "uncompressedSize": 2}));
    }
    let body = json!({
        "resultSetMetaData": {
            "numRows": rows.len(), "format": "jsonv2", "rowType": row_type, "partitionInfo": partitions,
        },
        "data": rows.chunks(rows_per_partition).next().unwrap_or_default(),
        "code": code, "sqlState": "00000", "message": "Statement executed successfully.",
        "statementHandle": handle, "createdOn": 1_893_456_000_000_u64,
        "statementStatusUrl": format!("/api/v2/statements/{handle}?requestId=4ab9c1de-9ac5-4f4c-b6f4-1b1f2d9d3d2b"),
    });
    answer(200, &body)
}

/// A further partition: compressed, and rows only.
pub fn partition(rows: &[Cells]) -> Response {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json!({"data": rows}).to_string().as_bytes()).expect("compresses");
    Response::builder()
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(Body::from(encoder.finish().expect("compresses")))
        .expect("a response")
}
