//! How the model server really behaves, what we do about it, and the test for each line.
//!
//! | It | We | Test |
//! |---|---|---|
//! | puts reasoning before the message | look for the message | `client::both_dialects_bring_the_text_the_cost_and_the_id` |
//! | comments before the final answer | take the final answer | `client::a_comment_before_the_final_answer_is_not_part_of_it` |
//! | adds kinds and members, leaves out usage, status, model | do not mind | `client::unknown_kinds_and_missing_members_do_no_harm` |
//! | refuses with HTTP 200 | fail for good, with its words | `client::a_refusal_is_permanent_and_says_why` |
//! | withholds or breaks off the answer | fail for good | `client::an_answer_that_is_withheld_is_permanent` |
//! | says `failed` with HTTP 200 | retry two codes, else fail for good | `client::a_failure_within_a_200_passes_only_by_its_code` |
//! | cuts the answer at the cap | never read it; ask once more with a larger cap | `client::an_answer_cut_at_the_cap_is_never_read`, `summariser::an_answer_that_was_cut_is_asked_for_once_more_with_a_larger_cap` |
//! | completes without a word | ask once more, then fail for good | `summariser::an_empty_answer_is_asked_for_once_more` |
//! | answers before it is done, or not in JSON | retry | `client::what_is_no_answer_yet_is_tried_again` |
//! | 400, 401, 403, 404, 405, 410, 422 | fail for good and say what to do | `client::refusals_are_permanent_and_say_what_to_do` |
//! | repeats a wrong key in part | never repeat it | `client::no_part_of_a_key_is_ever_repeated` |
//! | repeats the request in an error | never repeat words of the call | `client::no_words_of_the_call_are_ever_repeated` |
//! | 429 by rate, with and without a wait | wait as asked, else retry | `client::a_rate_limit_waits_as_asked_or_is_retried` |
//! | 429 without money | fail for good | `client::an_empty_purse_is_permanent` |
//! | 429 for one request over the limit | treat it as too long | `client::an_input_that_does_not_fit_is_told_apart` |
//! | 408, 409, 500, 503, broken answers | retry | `client::what_may_pass_is_tried_again`, `client::a_connection_that_breaks_is_tried_again` |
//! | 429 or 5xx as a page of HTML | the same as in JSON | `client::a_proxys_page_is_understood_by_its_status` |
//! | says whether to retry (`x-should-retry`) | obey | `client::the_servers_own_word_on_retrying_is_obeyed` |
//! | redirects | fail for good: wrong address | `client::a_redirect_is_a_wrong_address` |
//! | has no Assistants any more | 404 is permanent | `client::a_dead_path_is_permanent` |
//! | wants the key as Bearer, or none | as configured | `client::a_server_without_keys_gets_none` |
//! | announces when a model ends | warn from 90 days before | `models::a_model_that_ends_soon_is_worth_a_warning` |
//! | (a compatible one) lists no models | warn that nothing is verified | `models::a_server_that_lists_nothing_is_no_failure` |
//! | does not know the model | fail for good | `models::an_unknown_model_is_permanent` |
//! | ignores `strict` | check the schema ourselves, retry | `summariser::an_answer_outside_of_the_schema_is_tried_again` |
//! | takes only so much | split; halve once more if it still refuses | `summariser::a_long_call_is_read_in_pieces_and_put_together`, `summariser::summaries_that_do_not_fit_together_are_merged_in_steps`, `summariser::a_smaller_context_than_thought_halves_the_pieces_once` |
//! | may obey what it reads | fence the data, hold the answer against the call | `injection::*` |

mod client;
mod injection;
mod models;
mod setup;
mod summariser;
