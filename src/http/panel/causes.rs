//! Why a run ended, in words for whoever has to do something about it: what happened, and what to do now.
//!
//! Runs keep what the failing part said, as exact as it is; here is said what that means. What is not recognised is told by
//! the stage, and what was said stands beside it in any case.

use serde::Serialize;

use crate::domain::run::{RunState, Stage, skip_reason};

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// One sentence: what happened.
    pub what: String,
    /// What to do about it.
    pub advice: String,
    /// What the failing part said itself.
    pub said: Option<String>,
}

/// Why a run was skipped.
const SKIPPED: [(&str, &str, &str); 4] = [
    (
        skip_reason::PRIVATE,
        "The call is private.",
        "Nothing of it is summarised, filed or sent. That is as it should be; there is nothing to do.",
    ),
    (
        skip_reason::NO_TRANSCRIPT,
        "No transcript came within the time that one is awaited.",
        "Calls without a recording or without speech have none. If it is there by now, or once you have imported it, \
         reprocess the call.",
    ),
    (
        skip_reason::NOT_VISIBLE,
        "Gong did not show the call, so nobody could tell whether it is private.",
        "Check in Gong that the access key may see all calls, then reprocess this one.",
    ),
    (skip_reason::ERASED, "The call was erased.", "Nothing is left that could be processed."),
];

/// What our own parts say, by words that only they use.
const OURS: [(&str, &str, &str); 12] = [
    (
        "the worker ended",
        "The service itself ended during every try.",
        "Too little memory is the usual reason. Look at its logs, then retry.",
    ),
    (
        "the model was not done within",
        "The model took too long.",
        "Retry. If it keeps happening, raise TIMEOUT or name a quicker model.",
    ),
    ("not done within", "The stage took too long.", "Retry. If it keeps happening, raise TIMEOUT."),
    (
        "has been erased",
        "What the stage works on was erased meanwhile.",
        "Reprocess the call, if its source still has it.",
    ),
    ("has no summary", "The summary is not there any more.", "Reprocess the call, which makes it anew."),
    (
        "the summariser broke",
        "The built-in summariser cannot cope with this call.",
        "Retrying will not help. Please report it, with the run’s trace.",
    ),
    ("no words to summarise", "The transcript holds no words.", "There is nothing that could be summarised."),
    (
        "transcript is not there yet",
        "The transcript did not come in all the time that it was awaited.",
        "Once Gong has it, or you have imported it, retry.",
    ),
    (
        "does not show the call",
        "Gong does not show the call, so nobody can tell whether it is private.",
        "Check in Gong that the access key may see all calls, then retry.",
    ),
    (
        "cannot write to",
        "The documents cannot be written on this machine.",
        "Check that the disk has room and that the service may write to DATA_DIR, then retry.",
    ),
    (
        "writing documents broke off",
        "Writing the documents broke off.",
        "Retry. If it keeps happening, look at the logs of the service.",
    ),
    ("database", "The database could not be reached or refused.", "Once it answers again, retry."),
];

/// The systems that a stage talks to: how what they say begins, their names, and where they are set up.
const SYSTEMS: [(&str, &str, &str); 6] = [
    ("gong", "Gong", "GONG_API_URL, GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET"),
    ("snowflake", "Snowflake", "the SNOWFLAKE_ variables"),
    ("google", "Google Drive", "the service account and GOOGLE_DRIVE_FOLDER_ID"),
    ("openai", "The model", "OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL"),
    ("the model server", "The model server", "OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL"),
    ("too many requests to", "An outside system", "the configuration"),
];

/// Why a run ended; nothing while it has not, or when all went well.
pub fn of_run(state: RunState, stage: Stage, reason: Option<&str>) -> Option<Cause> {
    match state {
        RunState::Active | RunState::Done => None,
        RunState::Skipped => Some(skipped(reason.unwrap_or_default())),
        RunState::Failed => Some(failed(stage, reason.unwrap_or_default())),
    }
}

fn skipped(reason: &str) -> Cause {
    let known = SKIPPED.iter().find(|(known, ..)| *known == reason);
    let (what, advice) =
        known.map_or(("The run was skipped.", "Reprocess the call to try again."), |row| (row.1, row.2));
    let said = known.is_none().then(|| reason.to_owned()).filter(|reason| !reason.is_empty());
    Cause { what: what.to_owned(), advice: advice.to_owned(), said }
}

fn failed(stage: Stage, reason: &str) -> Cause {
    let said = reason.to_lowercase();
    let (what, advice) = match SYSTEMS.iter().find(|(beginning, ..)| said.starts_with(beginning)) {
        Some((_, name, settings)) => of_system(name, settings, &said),
        None => match OURS.iter().find(|(words, ..)| said.contains(words)) {
            Some((_, what, advice)) => ((*what).to_owned(), (*advice).to_owned()),
            None => {
                (of_stage(stage).to_owned(), "Retry. If it fails again, look at the logs of the service.".to_owned())
            }
        },
    };
    Cause { what, advice, said: Some(reason.to_owned()).filter(|reason| !reason.is_empty()) }
}

fn of_system(name: &str, settings: &str, said: &str) -> (String, String) {
    let unreachable = ["cannot connect", "connection broke", "no answer in time", "keeps failing"];
    let (what, advice) = match status(said) {
        _ if said.contains("does not show the call") => {
            ("does not show the call".to_owned(), "Check that the access key may see all calls, then retry.".to_owned())
        }
        _ if unreachable.iter().any(|words| said.contains(words)) => {
            ("could not be reached".to_owned(), format!("Once it answers again, retry. It is set up by {settings}."))
        }
        Some(401 | 407) => (
            "does not take our credentials".to_owned(),
            format!("Correct {settings}, restart the service, then retry."),
        ),
        Some(403) => ("does not allow this".to_owned(), "Give the rights that are missing, then retry.".to_owned()),
        Some(404 | 410) => ("does not have what was asked for".to_owned(), format!("Check {settings}, then retry.")),
        Some(429) => (
            "asked for more patience than there is, or its quota is used up".to_owned(),
            "Retry later, or raise the quota there.".to_owned(),
        ),
        Some(500..) => {
            ("broke on its side".to_owned(), "It was tried several times. Retry once it works again.".to_owned())
        }
        _ => ("refused the request".to_owned(), "What it said is below; put that right, then retry.".to_owned()),
    };
    (format!("{name} {what}."), advice)
}

/// The HTTP status in what a client says of an answer: the first number of three digits that can be one.
fn status(said: &str) -> Option<u16> {
    let numbers = said.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| digits.len() == 3);
    numbers.filter_map(|digits| digits.parse().ok()).find(|number| (300..600).contains(number))
}

const fn of_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Fetch => "The transcript could not be fetched.",
        Stage::Summarise => "The call could not be summarised.",
        Stage::Document => "The summary could not be filed.",
        Stage::Notify => "What was to be told could not be put together.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(stage: Stage, reason: &str) -> String {
        of_run(RunState::Failed, stage, Some(reason)).unwrap().what
    }

    #[test]
    fn failures_are_told_by_who_failed_and_how() {
        let told = [
            (
                Stage::Fetch,
                "Gong (transcript): 401: bad key (wrong access key or secret)",
                "Gong does not take our credentials.",
            ),
            (
                Stage::Fetch,
                "snowflake (query): cannot connect: refused (SNOWFLAKE_ACCOUNT)",
                "Snowflake could not be reached.",
            ),
            (Stage::Fetch, "Snowflake answered 503 (query)", "Snowflake broke on its side."),
            (
                Stage::Summarise,
                "OpenAI answered 429 (insufficient_quota)",
                "The model asked for more patience than there is, or its quota is used up.",
            ),
            (Stage::Summarise, "the model server llm.example answered 500", "The model server broke on its side."),
            (
                Stage::Document,
                "google-drive (folder): 404 notFound: gone",
                "Google Drive does not have what was asked for.",
            ),
            (
                Stage::Document,
                "cannot write to /data/documents: no space left",
                "The documents cannot be written on this machine.",
            ),
            (Stage::Notify, "not done within 120s", "The stage took too long."),
            (
                Stage::Fetch,
                "error communicating with database: broken pipe",
                "The database could not be reached or refused.",
            ),
            (Stage::Fetch, "something new", "The transcript could not be fetched."),
        ];
        for (stage, reason, words) in told {
            assert_eq!(what(stage, reason), words, "{reason}");
        }
    }

    #[test]
    fn skipped_runs_say_why_and_those_that_go_well_say_nothing() {
        for reason in [skip_reason::PRIVATE, skip_reason::NO_TRANSCRIPT, skip_reason::NOT_VISIBLE, skip_reason::ERASED]
        {
            let cause = of_run(RunState::Skipped, Stage::Fetch, Some(reason)).unwrap();
            assert!(cause.said.is_none() && cause.what.ends_with('.'), "{cause:?}");
        }
        assert_eq!(of_run(RunState::Done, Stage::Notify, None), None);
    }
}
