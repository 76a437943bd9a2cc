//! `import`: takes calls and transcripts from files, and with `--process` starts a run for each call not seen before.

use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;

use super::session::Session;
use crate::{
    config::Config,
    db::tenants,
    domain::{access::OWN_TENANT, ids::DEFAULT_SOURCE},
    intake::{
        Callback, Intake,
        import::{Imported, import},
    },
    queue::Wake,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files (*.json, *.jsonl), or directories of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Also start a run for each call not seen before; running workers take it up
    #[arg(long)]
    process: bool,
    /// Whose calls they are
    #[arg(long, default_value = OWN_TENANT)]
    tenant: String,
}

/// Imports, reports, and exits 1 if anything could not be read.
pub async fn run(config: Config, args: Args) -> anyhow::Result<ExitCode> {
    let session = Session::open(&config).await?;
    let clock = session.clock.clone();
    tenants::find_tenant(&session.pool, &args.tenant)
        .await?
        .with_context(|| format!("there is no tenant {:?}", args.tenant))?;
    let imported = import(&session.pool, &args.tenant, &args.paths, clock.now()).await?;
    let (calls, transcripts) = (imported.calls.len(), imported.transcripts);
    writeln!(stdout(), "took {calls} calls and {transcripts} transcripts")?;
    for problem in &imported.problems {
        writeln!(stderr(), "{}: {}", problem.path.display(), problem.text)?;
    }
    let bad = !imported.problems.is_empty();
    if args.process {
        let wake = Wake::default();
        let intake = Intake::start(session.pool.clone(), clock, wake.clone());
        let started = start_runs(&intake, &args.tenant, imported).await?;
        // Workers of other processes would find the runs by themselves a second later.
        wake.tell_others(&session.pool).await;
        writeln!(stdout(), "started {started} runs, {} calls were known", calls - started)?;
    }
    session.close().await;
    Ok(ExitCode::from(u8::from(bad)))
}

async fn start_runs(intake: &Intake, tenant: &str, imported: Imported) -> anyhow::Result<usize> {
    let mut started = 0;
    for call in imported.calls.into_values() {
        let accepted = intake.accept(Callback::found(tenant, DEFAULT_SOURCE, call)).await?;
        started += usize::from(!accepted.duplicate);
    }
    Ok(started)
}
