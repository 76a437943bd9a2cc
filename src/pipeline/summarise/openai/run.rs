//! Summarises one call: at once if it fits into the budget, otherwise piece by piece, and the pieces' summaries into one.

use std::sync::{Mutex, PoisonError};

use crate::{clients::http::UpstreamError, domain::summary::Summary};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    CallContext, OpenAiSummariser, Spent,
    answer::Reader,
    fence,
    ground::Ground,
    lines::Line,
    merge,
    prompt::{self, Task},
    split,
};
use crate::clients::openai::{Completed, Completion, CompletionError};

/// How many pieces are under way at once: a job's time is limited, and so is a server's patience.
const AT_ONCE: usize = 3;
/// More pieces are no call, and would cost accordingly.
const MOST_PIECES: usize = 100;
/// What a cap that was too small is multiplied with, once.
const LARGER_CAP: u32 = 4;
/// A piece has room for at least so many bytes: the longest head of a line twice.
pub(super) const LEAST_ROOM: usize = 1024;

/// The work on one call.
pub(super) struct Run<'a> {
    summariser: &'a OpenAiSummariser,
    lines: &'a [Line],
    details: String,
    ground: Ground,
    meter: Mutex<Meter>,
}

/// What was spent so far, also by pieces that came to nothing.
struct Meter {
    spent: Spent,
    /// The largest request, in estimated tokens.
    largest: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(summariser: &'a OpenAiSummariser, call: &CallContext<'_>, lines: &'a [Line]) -> Self {
        let spent = Spent { model: summariser.client.model().to_owned(), ..Spent::default() };
        Self {
            summariser,
            lines,
            details: prompt::details(call),
            ground: Ground::new(lines),
            meter: Mutex::new(Meter { spent, largest: 0 }),
        }
    }

    /// The budget is an estimate; a server that finds a piece too long is asked once more with half of what it got.
    pub(super) async fn summarise(&self) -> Result<(Summary, Spent), UpstreamError> {
        let budget = self.summariser.settings.input_budget_tokens;
        let mut result = self.within(budget).await;
        if matches!(result, Err(CompletionError::InputTooLong { .. })) {
            let sent = self.with_meter(|meter| meter.largest);
            result = self.within(budget.min(sent) / 2).await;
        }
        Ok((result?, self.with_meter(|meter| meter.spent.clone())))
    }

    /// Summarises with requests of at most `budget` tokens each.
    async fn within(&self, budget: usize) -> Result<Summary, CompletionError> {
        let room = split::bytes(budget).saturating_sub(self.summariser.fixed_bytes + self.details.len());
        if room < LEAST_ROOM {
            let why = format!("the model does not even take {budget} tokens at once: name one with a larger context");
            return Err(UpstreamError::Never(why).into());
        }
        let pieces = split::pieces(self.lines, room);
        if let [whole] = pieces.as_slice() {
            return self.ask(Task::Whole, whole).await;
        }
        let of = pieces.len();
        if of > MOST_PIECES {
            let why = format!("the call would take {of} requests to the model server: raise OPENAI_INPUT_TOKENS");
            return Err(UpstreamError::Never(why).into());
        }
        let asked = pieces.iter().zip(1..).map(|(piece, number)| self.ask(Task::Piece { number, of }, piece));
        let partials = some_at_once(asked.collect()).await?;
        self.merged(partials, room).await
    }

    /// Makes summaries of parts into fewer until one is left.
    async fn merged(&self, mut partials: Vec<Summary>, room: usize) -> Result<Summary, CompletionError> {
        loop {
            let rows = merge::rows(&partials, room);
            let groups = merge::groups(&rows, room).into_iter();
            let groups = groups.filter_map(|group| partials.get(group.clone()).zip(rows.get(group)));
            let asked = groups.map(|(parts, rows)| self.merged_group(parts, rows)).collect();
            let mut merged = some_at_once(asked).await?;
            if merged.len() == 1
                && let Some(summary) = merged.pop()
            {
                return Ok(summary);
            }
            // Cannot be, as two always fit; but a loop that costs money must not depend on it.
            if merged.len() >= partials.len() {
                let why = "the summaries of the parts do not fit together: raise OPENAI_INPUT_TOKENS".to_owned();
                return Err(UpstreamError::Never(why).into());
            }
            partials = merged;
        }
    }

    /// One summary of a few; the last one of an uneven number stays as it is.
    async fn merged_group(&self, parts: &[Summary], rows: &[String]) -> Result<Summary, CompletionError> {
        match parts {
            [alone] => Ok(alone.clone()),
            _ => self.ask(Task::Merge { count: rows.len() }, &rows.join("\n")).await,
        }
    }

    /// One question. An answer that was cut is asked for once more with a larger cap, an empty one once more as it is.
    async fn ask(&self, task: Task, data: &str) -> Result<Summary, CompletionError> {
        let settings = &self.summariser.settings;
        let input = prompt::message(task, &self.details, data);
        let (mut cap, mut enlarged, mut repeated) = (settings.output_tokens, false, false);
        loop {
            match self.complete(&input, cap).await {
                Ok(completed) => {
                    let reader = Reader { ground: &self.ground, intents: &settings.intents };
                    return Ok(reader.read(&completed.text)?);
                }
                Err(CompletionError::TooLong { .. }) if !enlarged => {
                    (cap, enlarged) = (cap.saturating_mul(LARGER_CAP), true);
                }
                Err(CompletionError::Empty { .. }) if !repeated => repeated = true,
                Err(error) => return Err(error),
            }
        }
    }

    async fn complete(&self, input: &str, max_output_tokens: u32) -> Result<Completed, CompletionError> {
        let summariser = self.summariser;
        let request = Completion {
            instructions: &summariser.instructions,
            input,
            schema_name: prompt::SCHEMA_NAME,
            schema: &summariser.schema,
            max_output_tokens,
        };
        let size = split::tokens(input) + split::tokens(&summariser.instructions);
        self.with_meter(|meter| meter.largest = meter.largest.max(size));
        let result = summariser.client.complete(&request).await;
        self.with_meter(|meter| super::count(&mut meter.spent, &result));
        result
    }

    fn with_meter<T>(&self, read: impl FnOnce(&mut Meter) -> T) -> T {
        read(&mut self.meter.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The results in the order of the questions, with [`AT_ONCE`] under way. The first failure ends them all.
async fn some_at_once<F>(asked: Vec<F>) -> Result<Vec<Summary>, CompletionError>
where
    F: Future<Output = Result<Summary, CompletionError>>,
{
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

/// What every request holds beside the details and the words of a call, in bytes: the instructions, the schema, and the
/// words around the block.
pub(super) fn fixed_bytes(instructions: &str, schema: &serde_json::Value) -> usize {
    instructions.len() + schema.to_string().len() + prompt::MOST_WORDS_AROUND + fence::OVERHEAD
}
