//! Calls through the whole chain: callback, transcript from Gong, summary by a model, documents in Drive, webhooks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    deliver::with_endpoints,
    load::{BODY, Prepared, closed_loop, rate},
    machine::{Machine, PUBLIC_URL},
    reference::pgbench,
    report::{Section, number},
    sink::Sink,
    support::{
        Signing, callback,
        drive::{DriveStandIn, Layout},
        gong_api::GongApiStandIn,
        openai::OpenAiStandIn,
        transcript,
    },
};

const CALLS: usize = 1000;
/// A company's customers: each has a folder.
const CUSTOMERS: usize = 100;
const CLIENTS: usize = 32;

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let outside = through(machine, true).await?;
    let inside = through(machine, false).await?;
    let commits = pgbench(&machine.database().await?, CLIENTS, Duration::from_secs(4)).await? * 60.0;
    let row = |what: &str, rate: f64| vec![what.to_owned(), number(rate), number(commits / rate)];
    Ok(Section {
        title: "Calls through the whole pipeline",
        about: "1,000 callbacks at once, until each call's summary has arrived at three endpoints. Gong, the model and Drive are \
                local stand-ins that answer at once.",
        head: &["", "calls a minute", "commits by pgbench in the time of a call"],
        rows: vec![
            row("Gong's API, a model, Google Drive", outside),
            row("imported transcripts, the built-in summariser, files", inside),
        ],
    })
}

/// How many calls a minute pass all stages.
async fn through(machine: &Machine, outside: bool) -> anyhow::Result<f64> {
    let (database, sink) = (machine.database().await?, Sink::start()?);
    let (gong, model) = (GongApiStandIn::start().await, OpenAiStandIn::start().await);
    let drive = DriveStandIn::start(Layout::SharedDrive).await;
    let files = tempfile::tempdir()?;
    for number in 0..CALLS {
        let (id, told) = (number.to_string(), transcript(&number.to_string()));
        if outside {
            gong.add_call(call(&id, number), Some(told["callTranscripts"][0]["transcript"].clone()));
        } else {
            std::fs::write(files.path().join(format!("{id}.json")), told.to_string())?;
        }
    }
    let vars = if outside {
        vec![
            ("GONG_API_URL", gong.url().to_owned()),
            ("GONG_ACCESS_KEY", gong.key().to_owned()),
            ("GONG_ACCESS_KEY_SECRET", gong.secret().to_owned()),
            ("OPENAI_BASE_URL", model.base_url()),
            ("OPENAI_API_KEY", model.key().to_owned()),
            ("OPENAI_MODEL", model.model().to_owned()),
            ("GOOGLE_CREDS_JSON", drive.key_json()),
            ("GOOGLE_DRIVE_FOLDER_ID", drive.root_id()),
            ("GOOGLE_API_URL", drive.server.url.clone()),
        ]
    } else {
        vec![("IMPORT_DIR", files.path().display().to_string())]
    };
    let service = machine.service(&["serve"], &database, &vars).await?;
    with_endpoints(&service, &sink, &["call.summarised"]).await?;
    let requests: Vec<Prepared> = (0..CALLS).map(|number| signed(machine, number)).collect();
    let begun = Instant::now();
    closed_loop(&service.address(), CLIENTS, &Arc::new(requests)).await?;
    sink.reached(CALLS * 3).await?;
    Ok(rate(CALLS, begun.elapsed()) * 60.0)
}

fn signed(machine: &Machine, number: usize) -> Prepared {
    let id = number.to_string();
    let mut body = callback(&id);
    body["callData"] = call(&id, number);
    let body = body.to_string();
    debug_assert!(body.len() <= BODY);
    let url = format!("{PUBLIC_URL}/webhooks/gong");
    let signing = Signing { url: &url, body: body.as_bytes(), exp: i64::MAX / 1_000_000 };
    let authorization = machine.gong.token(&signing);
    Prepared { path: "/webhooks/gong", authorization, body: body.into(), expect: 202 }
}

fn call(id: &str, number: usize) -> serde_json::Value {
    let mut call = callback(id)["callData"].clone();
    call["context"][0]["objects"][0]["fields"][0]["value"] = json!(format!("Customer {}", number % CUSTOMERS));
    call
}
