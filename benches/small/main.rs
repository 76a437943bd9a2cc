//! Small benchmarks: what one call or one delivery costs in computation, part by part. No network, no database; what the
//! service as a whole does is another benchmark's business.
//!
//! `cargo bench --bench small`, or with words of a name behind it to run some.

mod filters;
mod ids;
mod proofs;
mod rendering;
mod signatures;
mod summariser;
mod texts;

#[path = "../../tests/it/support/gong.rs"]
#[expect(dead_code, reason = "the tests have their sender say more")]
mod gong;

fn main() {
    divan::main();
}
