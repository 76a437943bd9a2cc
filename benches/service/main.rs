//! How fast the service is, beside what the same machine does in the same run: the real binary, a durable PostgreSQL, signed
//! callbacks, a sink that answers at once.
//!
//! `cargo bench --bench service` measures everything, prints it and writes `docs/performance.md`. Names of parts behind it
//! (`cargo bench --bench service -- accept latency`) measure only those and write nothing. Nothing here fails for being
//! slow: machines differ, so what is told are ratios to a reference.

mod accept;
mod boot;
mod deliver;
mod growth;
mod latency;
mod load;
mod machine;
mod pages;
mod pipeline;
mod reference;
mod report;
mod sink;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests' world, of which this uses a part")]
mod support;
mod sync;
#[path = "../../tests/it/panel/visitor.rs"]
#[expect(dead_code, reason = "one of the tests' people, of whom this wants the cookies")]
mod visitor;

use self::{machine::Machine, report::Section};

/// What can be measured, in the order of the report.
const PARTS: &[&str] = &["accept", "deliver", "latency", "pipeline", "boot", "growth", "pages", "sync"];

fn main() -> anyhow::Result<()> {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if named == [reference::NULL_SERVER] {
        return runtime.block_on(reference::serve_nothing());
    }
    if let Some(unknown) = named.iter().find(|name| !PARTS.contains(&name.as_str())) {
        anyhow::bail!("there is no part {unknown}; there are {}", PARTS.join(", "));
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    runtime.block_on(async {
        let machine = Machine::start().await?;
        let mut sections = Vec::new();
        for part in PARTS.iter().filter(|part| named.is_empty() || named.iter().any(|name| name == *part)) {
            let section = measure(part, &machine).await?;
            println!("{section}");
            sections.push(section);
        }
        if named.is_empty() {
            report::write(&machine, &sections)?;
        }
        machine.stop().await
    })
}

async fn measure(part: &str, machine: &Machine) -> anyhow::Result<Section> {
    match part {
        "accept" => accept::measure(machine).await,
        "deliver" => deliver::measure(machine).await,
        "latency" => latency::measure(machine).await,
        "pipeline" => pipeline::measure(machine).await,
        "boot" => boot::measure(machine).await,
        "growth" => growth::measure(machine).await,
        "pages" => pages::measure(machine).await,
        _ => sync::measure(machine).await,
    }
}
