//! The Snowflake client against a stand-in that refuses what Snowflake refuses.

mod client;
mod errors;
mod transcripts;
