//! Where the parts are chosen and wired. Cheap to share: one [`App`] per process, in an `Arc`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::timeout};
use tracing::info;
use url::Url;

use crate::{
    clients::{
        egress::Egress,
        gong::{GongBatches, LARGEST_BATCH},
        http::SenderContext,
    },
    config::{self, Config},
    db::stats::{self, QueueDepth},
    domain::{clock::Clock, keyring::KeyRing},
    intake::{Intake, gong::Poller, import::ImportDir, proof::Source},
    notify::{Channels, Mailboxes, Notifier, Raising},
    pipeline::{
        COMMITS, Pipeline, PutBacks, TranscriptSource,
        document::{DocumentStore, DriveStore, FileStore},
        summarise::{LocalSummariser, OpenAiSettings, OpenAiSummariser, Summarisers, local::Intents},
    },
    queue::Wake,
    systems::Systems,
    telemetry::Metrics,
    templates::Templates,
};

/// How long the gauges wait for the database and the disk: less than the ten seconds that Prometheus waits for us.
const GAUGE_PATIENCE: Duration = Duration::from_secs(5);

/// Everything a process works with.
pub struct App {
    /// What the environment says.
    pub config: Config,
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// Wakes workers.
    pub wake: Wake,
    /// Counts and times.
    pub metrics: Arc<Metrics>,
    /// The token that `ADMIN_TOKEN` or the first start set.
    pub admin_token: SecretString,
    /// Seals what must be used again.
    pub key_ring: KeyRing,
    /// The Gong connection of the environment.
    pub default_source: Source,
    /// The addresses under which we may be called.
    pub public_urls: Vec<Url>,
    /// Takes callbacks in.
    pub intake: Intake,
    /// Takes events of other programs in.
    pub raising: Raising,
    /// Finds calls by asking, if that is wanted.
    pub poller: Option<Poller>,
    /// The outside systems.
    pub systems: Systems,
    /// Drives runs.
    pub pipeline: Arc<Pipeline>,
    /// Sends deliveries.
    pub notifier: Arc<Notifier>,
    /// The guarded way out, asked when an endpoint is created.
    pub egress: Egress,
    has_workers: AtomicBool,
}

impl App {
    /// Wires an app onto a migrated database. `port` is the one that the server really got.
    pub fn new(
        config: Config,
        pool: PgPool,
        clock: Clock,
        metrics: Arc<Metrics>,
        port: u16,
    ) -> anyhow::Result<Arc<Self>> {
        let data_dir = config.service.data_dir.clone();
        std::fs::create_dir_all(&data_dir).with_context(|| format!("DATA_DIR: cannot make {}", data_dir.display()))?;
        let (admin_token, token_file) = config.access.admin_token(&data_dir)?;
        let (key_ring, keys_file) = config.access.key_ring(&data_dir)?;
        // Where they are, not what they are.
        for (variable, file) in [("ADMIN_TOKEN", token_file), ("ENCRYPTION_KEYS", keys_file)] {
            if let Some(file) = file {
                info!("{variable} is not set; what was made for this installation is in {}", file.display());
            }
        }
        let wake = Wake::default();
        let templates = Arc::new(Templates::embedded());
        let egress = Egress::new(&config.egress).context("EXTRA_CA_FILE, or the system's certificates")?;
        let context = sender_context(&config, &clock, &metrics);
        let systems = Systems::new(&config, pool.clone(), &context)?;
        let channels = Channels {
            egress: egress.clone(),
            mailer: systems.mailer.clone(),
            templates: Arc::clone(&templates),
            key_ring: key_ring.clone(),
            clock: clock.clone(),
            timeout: config.retries.delivery_timeout,
        };
        let notifier = Notifier::start(
            pool.clone(),
            clock.clone(),
            &config.retries,
            config.service.worker_concurrency,
            channels,
            Arc::clone(&metrics),
            wake.clone(),
        );
        let intake = Intake::start(pool.clone(), clock.clone(), wake.clone());
        let raising = Raising::start(pool.clone(), clock.clone(), wake.clone());
        let mailboxes = Mailboxes { pool: pool.clone(), key_ring: key_ring.clone() };
        let pipeline = Pipeline {
            pool: pool.clone(),
            clock: clock.clone(),
            wake: wake.clone(),
            retries: config.retries.clone(),
            import_dir: config.transcripts.import_dir.clone().map(ImportDir::new),
            transcripts: match (config.transcripts.source, &systems.snowflake) {
                (config::TranscriptSource::Snowflake, Some(snowflake)) => {
                    TranscriptSource::Snowflake(snowflake.clone())
                }
                (config::TranscriptSource::Gong, _) => TranscriptSource::Gong,
                _ => TranscriptSource::Import,
            },
            gong: systems.gong.clone().map(|api| GongBatches::new(api, LARGEST_BATCH)),
            summarisers: summarisers(&config, &systems)?,
            documents: documents(&config, &systems)?,
            mailboxes: config.mail.account_mail.then_some(mailboxes),
            templates,
            metrics: Arc::clone(&metrics),
            commits: Semaphore::new(COMMITS),
            put_backs: PutBacks::start(pool.clone(), clock.clone()),
        };
        let poller = config.gong.polling.zip(systems.gong_in_background.clone()).map(|(polling, api)| Poller {
            pool: pool.clone(),
            clock: clock.clone(),
            intake: intake.clone(),
            api,
            polling,
        });
        Ok(Arc::new(Self {
            intake,
            raising,
            poller,
            systems,
            default_source: Source::from_config(&config.gong),
            public_urls: public_urls(&config, port),
            notifier: Arc::new(notifier),
            pipeline: Arc::new(pipeline),
            config,
            pool,
            clock,
            wake,
            metrics,
            admin_token,
            key_ring,
            egress,
            has_workers: AtomicBool::new(false),
        }))
    }

    /// Says that this process has workers, for `/readyz`.
    pub fn workers_started(&self) {
        self.has_workers.store(true, Ordering::Relaxed);
    }

    /// Brings the gauges up to date: what the process stands on, and how queues, endpoints and outside systems are.
    pub async fn note_gauges(&self) {
        // Without the database, or while a disk hangs, the rest is worth all the more.
        let (asked, disk_free) =
            tokio::join!(timeout(GAUGE_PATIENCE, self.ask_database()), timeout(GAUGE_PATIENCE, self.ask_disk()));
        let asked = asked.ok().and_then(Result::ok);
        self.metrics.note_foundations(asked.is_some(), disk_free.ok().flatten());
        let (queues, gong_today) = asked.unwrap_or_default();
        self.metrics.note_queues(&queues);
        self.metrics.note_systems(&self.systems.breakers(), gong_today);
    }

    /// The queues, and how many requests to Gong were made today. Nothing here reads history.
    async fn ask_database(&self) -> sqlx::Result<(Vec<QueueDepth>, Option<i64>)> {
        let queues = stats::queue_depths(&self.pool, self.clock.now()).await?;
        self.metrics.note_endpoints(&stats::count_endpoints(&self.pool, None).await?);
        let used = self.systems.gong_used().await?;
        Ok((queues, used.map(|used| used.today)))
    }

    /// How many bytes may still be written under `DATA_DIR`.
    async fn ask_disk(&self) -> Option<u64> {
        let data_dir = self.config.service.data_dir.clone();
        // A network volume may take its time.
        let stat = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&data_dir)).await.ok()?.ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether this process has workers.
    #[must_use]
    pub fn has_workers(&self) -> bool {
        self.has_workers.load(Ordering::Relaxed)
    }
}

fn sender_context(config: &Config, clock: &Clock, metrics: &Arc<Metrics>) -> SenderContext {
    let metrics = Arc::clone(metrics);
    SenderContext {
        extra_ca: config.egress.extra_ca.clone(),
        clock: clock.clone(),
        count: Arc::new(move |system, status| metrics.upstream(system, status)),
    }
}

fn summarisers(config: &Config, systems: &Systems) -> anyhow::Result<Summarisers> {
    let intents = match &config.summary.intents {
        Some(json) => Intents::from_json(json).context("SUMMARY_INTENTS_PATH")?,
        None => Intents::default(),
    };
    let settings = OpenAiSettings {
        instructions: config.summary.instructions.clone(),
        input_budget_tokens: usize::try_from(config.summary.input_tokens).unwrap_or(usize::MAX),
        intents: intents.names().map(str::to_owned).collect(),
        ..OpenAiSettings::default()
    };
    let model = systems.openai.clone().map(|openai| OpenAiSummariser::new(openai, settings));
    Ok(Summarisers {
        model: model.transpose().context("OPENAI_INPUT_TOKENS, SUMMARY_INSTRUCTIONS_PATH, SUMMARY_INTENTS_PATH")?,
        local: Arc::new(LocalSummariser::new(intents)),
        fallback: config.summary.fallback,
    })
}

fn documents(config: &Config, systems: &Systems) -> anyhow::Result<DocumentStore> {
    let Some((drive, root)) = &systems.drive else {
        return Ok(DocumentStore::Files(FileStore::new(&config.service.data_dir.join("documents"))?));
    };
    let lease = config.retries.lease;
    let (pool, clock) = (systems.pool.clone(), systems.clock.clone());
    Ok(DocumentStore::Drive(Box::new(DriveStore::new(drive.clone(), root.clone(), pool, clock, lease))))
}

/// `PUBLIC_URL`; without it we are only known by the names of this machine's loopback.
fn public_urls(config: &Config, port: u16) -> Vec<Url> {
    if let Some(url) = &config.service.public_url {
        return vec![url.clone()];
    }
    let address = config.service.bind.ip();
    let mut hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    if !address.is_unspecified() && !address.is_loopback() {
        hosts.push(if address.is_ipv6() { format!("[{address}]") } else { address.to_string() });
    }
    hosts.iter().filter_map(|host| Url::parse(&format!("http://{host}:{port}/")).ok()).collect()
}
