//! What the demo prints.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write, stdout},
    net::SocketAddr,
    path::Path,
};

use serde_json::Value;

use super::{
    api::{Api, text},
    conversations::Conversation,
    receiver::Receiver,
};
use crate::config::Config;

/// Where long lines are broken.
const WIDTH: usize = 100;

/// The teller.
pub struct Story {
    colours: bool,
}

impl Story {
    /// Says what is about to happen.
    pub fn begin(config: &Config) -> io::Result<Self> {
        let story = Self { colours: stdout().is_terminal() };
        story.heading("aftercall demo: one signed callback, all the way")?;
        say(&format!("starting on a private PostgreSQL, everything under {}", shown(&config.service.data_dir)))?;
        Ok(story)
    }

    /// The server is up.
    pub fn up(&self, address: SocketAddr) -> io::Result<()> {
        self.done(&format!("server and workers are up at http://{address}"))
    }

    /// The endpoints stand.
    pub fn endpoints(&self, receiver: &Receiver) -> io::Result<()> {
        self.done("three endpoints registered through the admin API")?;
        say(&format!("    Slack    {}", receiver.url("slack")))?;
        say("    e-mail   success-team@brindlemoor.example (no SMTP configured: .eml files)")?;
        say(&format!("    webhook  {} (both signatures)", receiver.url("crm")))
    }

    /// The transcripts are there.
    pub fn imported(&self, transcripts: usize) -> io::Result<()> {
        self.done(&format!("{transcripts} bundled conversations imported, all invented"))
    }

    /// A callback is on record.
    pub fn accepted(&self, title: &str, run_id: &str) -> io::Result<()> {
        self.heading("A callback arrives")?;
        self.done("POST /webhooks/gong, signed with RS256 → 202, after the commit")?;
        say(&format!("    \"{title}\" is {run_id}"))
    }

    /// Shows each stage as it ends.
    pub async fn watch(&self, api: &Api, run_id: &str) -> anyhow::Result<()> {
        let mut shown = 0;
        loop {
            let run = api.run(run_id).await?;
            let attempts = run["attempts"].as_array().cloned().unwrap_or_default();
            for attempt in attempts.iter().skip(shown).take_while(|attempt| !attempt["outcome"].is_null()) {
                let outcome = format!("{} in {} ms", text(&attempt["outcome"]), attempt["duration_ms"]);
                self.done(&format!("{:<10} {outcome}", text(&attempt["stage"])))?;
                shown += 1;
            }
            if run["state"] != "active" {
                anyhow::ensure!(run["state"] == "done", "the run ended as {}: {}", run["state"], run["reason"]);
                return Ok(());
            }
            api.pause().await;
        }
    }

    /// The summary, whole.
    pub fn summary(&self, call: &Value) -> io::Result<()> {
        let summary = &call["summary"];
        self.heading(text(&summary["headline"]))?;
        let about = [text(&call["account"]["name"]), text(&summary["intent"]), text(&summary["language"])];
        say(&format!("{} · sentiment {}", about.join(" · "), summary["sentiment"]))?;
        for paragraph in text(&summary["text"]).split("\n\n") {
            say("")?;
            Self::wrapped(paragraph, "")?;
        }
        self.list("Key points", &summary["key_points"], |item| text(item).to_owned())?;
        self.list("Action items", &summary["action_items"], |item| match item["owner"].as_str() {
            Some(owner) => format!("{owner}: {}", text(&item["text"])),
            None => text(&item["text"]).to_owned(),
        })?;
        self.list("Risks", &summary["risks"], |item| text(item).to_owned())
    }

    /// One line for each of the other conversations.
    pub async fn others(&self, api: &Api, runs: &[(&Conversation, String)]) -> anyhow::Result<()> {
        self.heading("The other conversations")?;
        for (conversation, run_id) in runs {
            let run = api.run(run_id).await?;
            let call = api.recorded_call(&conversation.call_id).await?;
            match run["state"].as_str() {
                Some("done") => self.done(text(&call["summary"]["headline"]))?,
                Some(state) => say(&format!("  – {state} ({}): {}", text(&run["reason"]), conversation.title))?,
                None => {}
            }
        }
        Ok(())
    }

    /// What reached the receivers.
    pub fn arrivals(&self, receiver: &Receiver, log: &[Value]) -> io::Result<()> {
        self.heading("At the other end")?;
        let webhooks = receiver.webhooks();
        if let Some(webhook) = webhooks.iter().find(|webhook| webhook.body["type"] == "call.summarised") {
            let header = |name: &str| webhook.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
            let mark = |good: bool| if good { "verified" } else { "WRONG" };
            self.done(&format!("webhook {} of {}", text(&webhook.body["type"]), header("webhook-id")))?;
            say(&format!("    webhook-signature  {}  {}", header("webhook-signature"), mark(webhook.standard)))?;
            say(&format!("    X-Signature        {}  {}", header("x-signature"), mark(webhook.plain)))?;
        }
        let all = webhooks.iter().filter(|webhook| webhook.standard && webhook.plain).count();
        self.done(&format!("{all} of {} webhooks verified by both signatures", webhooks.len()))?;
        self.done(&format!("{} Slack messages, in blocks", receiver.slack().len()))?;
        let mails = log.iter().filter(|entry| entry["endpoint_kind"] == "email" && entry["status"] == "sent").count();
        self.done(&format!("{mails} mails written"))
    }

    /// The delivery log of the first call.
    pub fn log(&self, log: &[Value], call_id: &str) -> io::Result<()> {
        self.heading("On record: the delivery log of this call")?;
        say("    event              channel   status     tries  code      ms")?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in log {
            *counts.entry(text(&entry["status"])).or_default() += 1;
            if entry["subject"] == call_id {
                let code = entry["last_status_code"].as_i64().map_or("-".to_owned(), |code| code.to_string());
                let took = entry["duration_ms"].as_i64().map_or("-".to_owned(), |ms| ms.to_string());
                let (event, kind) = (text(&entry["event_type"]), text(&entry["endpoint_kind"]));
                let status = text(&entry["status"]);
                let tries = entry["attempt_count"].as_i64().unwrap_or_default();
                say(&format!("    {event:<18} {kind:<9} {status:<10} {tries:>5} {code:>5} {took:>7}"))?;
            }
        }
        let counts: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
        say(&format!("    all calls: {}", counts.join(", ")))
    }

    /// Where the files are.
    pub fn places(&self, config: &Config) -> io::Result<()> {
        self.heading("Where things are")?;
        let dir = &config.service.data_dir;
        say(&format!("    documents  {}", shown(&dir.join("documents"))))?;
        say(&format!("    mail       {}", shown(&dir.join("outbox"))))
    }

    /// The demo keeps running.
    pub fn stays_up(address: SocketAddr, token: &str) -> io::Result<()> {
        say(&format!("    panel      http://{address}/panel"))?;
        say(&format!("    API        http://{address}/docs"))?;
        say(&format!("    token      {token}"))?;
        say("")?;
        say("The server stays up. Press Ctrl-C to stop it.")
    }

    fn list(&self, title: &str, items: &Value, words: impl Fn(&Value) -> String) -> io::Result<()> {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() {
            return Ok(());
        }
        say("")?;
        say(&self.styled(title, "1"))?;
        items.iter().try_for_each(|item| Self::wrapped(&words(item), "  • "))
    }

    fn heading(&self, text: &str) -> io::Result<()> {
        say("")?;
        say(&self.styled(text, "1;36"))
    }

    fn done(&self, text: &str) -> io::Result<()> {
        say(&format!("  {} {text}", self.styled("✓", "32")))
    }

    fn styled(&self, text: &str, style: &str) -> String {
        if self.colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Breaks a line between words; further lines stand under the first one's text.
    fn wrapped(text: &str, bullet: &str) -> io::Result<()> {
        let indent = " ".repeat(bullet.chars().count());
        let mut line = bullet.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + word.chars().count() >= WIDTH {
                say(line.trim_end())?;
                line.clone_from(&indent);
            }
            line.push_str(word);
            line.push(' ');
            empty = false;
        }
        say(line.trim_end())
    }
}

fn say(text: &str) -> io::Result<()> {
    writeln!(stdout(), "{text}")
}

fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
