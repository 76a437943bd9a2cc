//! Where the parts are chosen and wired. Cheap to share: one [`App`] per process, in an `Arc`.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use secrecy::SecretString;
use sqlx::PgPool;
use tracing::info;
use url::Url;

use crate::{
    clients::{egress::Egress, mail::Mailer},
    config::Config,
    db::endpoints,
    domain::{clock::Clock, keyring::KeyRing},
    intake::{Intake, import::ImportDir, proof::Source},
    notify::{self, Channels, Notifier},
    pipeline::{
        Pipeline,
        document::FileStore,
        summarise::{LocalSummariser, local::Intents},
    },
    queue::Wake,
    telemetry::Metrics,
    templates::Templates,
};

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
    pub fn new(config: Config, pool: PgPool, clock: Clock, port: u16) -> anyhow::Result<Arc<Self>> {
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
        let metrics = Arc::new(Metrics::new()?);
        let templates = Arc::new(Templates::embedded());
        let egress = Egress::new(&config.egress).context("EXTRA_CA_FILE, or the system's certificates")?;
        let channels = channels(&config, &data_dir, &egress, &templates, &key_ring, &clock)?;
        let notifier = Notifier::start(
            pool.clone(),
            clock.clone(),
            &config.retries,
            config.service.worker_concurrency,
            channels,
            Arc::clone(&metrics),
            wake.clone(),
        );
        let intents = match &config.summary.intents {
            Some(json) => Intents::from_json(json).context("SUMMARY_INTENTS_PATH")?,
            None => Intents::default(),
        };
        let pipeline = Pipeline {
            pool: pool.clone(),
            clock: clock.clone(),
            wake: wake.clone(),
            retries: config.retries.clone(),
            import_dir: config.transcripts.import_dir.clone().map(ImportDir::new),
            summariser: Arc::new(LocalSummariser::new(intents)),
            documents: FileStore::new(&data_dir.join("documents"))?,
            templates,
            metrics: Arc::clone(&metrics),
        };
        Ok(Arc::new(Self {
            intake: Intake::start(pool.clone(), clock.clone(), wake.clone()),
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

    /// Fails if an endpoint was sealed by a key that is no longer given: better now than with the first delivery.
    pub async fn check_keys(&self) -> anyhow::Result<()> {
        for (id, name, sealed) in endpoints::list_sealed(&self.pool).await? {
            notify::open(&self.key_ring, id, &sealed)
                .with_context(|| format!("ENCRYPTION_KEYS: the endpoint {id} ({name}) cannot be opened"))?;
        }
        Ok(())
    }

    /// Says that this process has workers, for `/readyz`.
    pub fn workers_started(&self) {
        self.has_workers.store(true, Ordering::Relaxed);
    }

    /// Whether this process has workers.
    #[must_use]
    pub fn has_workers(&self) -> bool {
        self.has_workers.load(Ordering::Relaxed)
    }
}

fn channels(
    config: &Config,
    data_dir: &Path,
    egress: &Egress,
    templates: &Arc<Templates>,
    key_ring: &KeyRing,
    clock: &Clock,
) -> anyhow::Result<Channels> {
    let mailer = Mailer::new(&config.mail, &config.egress.extra_ca, data_dir.join("outbox")).context("SMTP_HOST")?;
    Ok(Channels {
        egress: egress.clone(),
        mailer,
        templates: Arc::clone(templates),
        key_ring: key_ring.clone(),
        clock: clock.clone(),
        timeout: config.retries.delivery_timeout,
    })
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
