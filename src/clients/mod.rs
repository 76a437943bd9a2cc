//! One file (or folder) per outside system. Each knows how its system really behaves, and nothing of our database.

pub mod egress;
pub mod gong;
pub mod google;
pub mod http;
pub mod mail;
pub mod openai;
pub mod snowflake;
