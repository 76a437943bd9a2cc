//! The clients of outside systems, each against a stand-in on the wire that refuses what the real system refuses. The
//! head of each module is a table: what the system does, what we do, which test shows it.

mod gong;
mod google;
mod openai;
mod snowflake;
