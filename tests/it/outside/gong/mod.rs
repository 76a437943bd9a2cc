//! Transcripts from Gong (`TRANSCRIPT_SOURCE=gong`).
//!
//! | What Gong does | What we do | Tests |
//! | --- | --- | --- |
//! | has the transcript | one request for it, then the call once more before anything leaves | `words::a_callback_becomes_…` |
//! | says in one of three forms that it has none yet | come back, 30 s doubling to 1 h, no retry spent | `words::a_transcript_that_is_not_ready_…` |
//! | has none for 48 hours | `skipped`, `no_transcript` | `words::after_two_days_…` |
//! | names speakers by ids; some of nobody, some null | names where known, labels elsewhere, every word kept | `words::speakers_are_named_…` |
//! | sends ids of twenty digits, also as numbers | every digit survives | `words::ids_of_twenty_digits_…` |
//! | allows three requests a second for the whole company | runs share requests | `words::thirty_runs_at_once_…` |
//! | 429, with and without `Retry-After` | `later`, no retry spent, all replicas hold back, the job is put back | `limits::a_429_…` |
//! | 429 for hours | the same: nobody waits in a worker | `limits::a_429_…` |
//! | ten thousand requests a day | kept by ourselves: `later` until midnight UTC | `limits::the_day_…` |
//! | 5xx, a proxy's page, an answer that is cut, odd, or breaks off | `retry` | `refusals::what_may_pass_…` |
//! | goes on like that | `failed` with what it said; retried by hand, `done` | `refusals::what_does_not_pass_…` |
//! | fails five times in a row | left alone for a while: `later` | `limits::a_gong_that_keeps_failing_…` |
//! | does not answer | `retry` after `TIMEOUT` | `refusals::an_answer_that_does_not_come_…` |
//! | nobody there | `retry`, then `failed` | `refusals::nobody_at_the_address_…` |
//! | 401 bad credentials, 401 missing scope, 403, 404 wrong path or host, 405, 415, redirect | `failed` at once; the reason names the variable or the scope | `refusals::what_somebody_has_to_mend_…`, `refusals::wrong_settings_…` |

mod limits;
mod refusals;
mod words;
