//! The built-in summariser on the bundled conversations.

use std::{fs, path::Path};

use aftercall::{
    clients::gong::{parse_json_exact, shapes},
    domain::{call::Call, summary::Summary, transcript::Transcript},
    pipeline::summarise::{CallContext, LocalSummariser, local::Intents},
};
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use serde_json::Value;

/// Three minutes of English, thirteen of Spanish, twenty of English.
#[divan::bench(args = ["quick-check-in", "renovacion-clinica", "renewal-at-risk"])]
fn conversation(bencher: Bencher<'_, '_>, slug: &str) {
    let (call, transcript) = bundled(slug);
    let summariser = LocalSummariser::new(Intents::default());
    let bytes: usize = transcript.turns.iter().flat_map(|turn| &turn.sentences).map(String::len).sum();
    let bencher = bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(transcript.turns.len()));
    bencher.bench(|| summarise(&summariser, &call, &transcript));
}

/// Reading the transcript of the long one as Gong's API gives it.
#[divan::bench]
fn transcript_read(bencher: Bencher<'_, '_>) {
    let bytes = file("renewal-at-risk.transcript.json");
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let body = parse_json_exact(&bytes).expect("JSON");
        shapes::transcript(&body["callTranscripts"][0]).expect("a transcript")
    });
}

/// The long conversation and what the summariser makes of it.
pub fn long_call() -> (Call, Summary) {
    let (call, transcript) = bundled("renewal-at-risk");
    let summary = summarise(&LocalSummariser::new(Intents::default()), &call, &transcript);
    (call, summary)
}

/// All that was said on a bundled conversation, a sentence a line.
pub fn words(slug: &str) -> String {
    let sentences = bundled(slug).1.turns.into_iter().flat_map(|turn| turn.sentences);
    sentences.collect::<Vec<_>>().join("\n")
}

fn summarise(summariser: &LocalSummariser, call: &Call, transcript: &Transcript) -> Summary {
    let account = call.crm_account.as_ref().map(|account| account.name.as_str());
    summariser.summarise(&CallContext { title: call.title.as_deref(), account, language: None }, transcript)
}

fn bundled(slug: &str) -> (Call, Transcript) {
    let read = |kind: &str| -> Value { parse_json_exact(&file(&format!("{slug}.{kind}.json"))).expect("JSON") };
    let call = shapes::callback_call(&read("callback")).expect("a call");
    let (_, turns) = shapes::transcript(&read("transcript")["callTranscripts"][0]).expect("a transcript");
    let transcript = Transcript::joined(turns, &call.parties);
    (call, transcript)
}

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/conversations").join(name)).expect("a bundled file")
}
