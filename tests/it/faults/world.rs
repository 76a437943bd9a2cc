//! All that takes part in a seeded run, and how faults strike it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    DOCUMENTED, SUMMARISED, add_endpoint, arrived_at,
    cluster::Cluster,
    import_transcripts,
    load::Doors,
    plan::{Command, Fault, Plan, Strike},
    rogue::Rogue,
    until, vars,
};
use crate::support::{Certificate, Database, Protection, Receiver, Server, SmtpServer};

/// The lease of [`vars`].
const LEASE: Duration = Duration::from_secs(2);
/// How much every process does at once. A quarter of that goes to one endpoint.
pub(super) const CONCURRENCY: usize = 16;

type Vars = std::collections::HashMap<&'static str, String>;

/// A process, whichever runs at present.
struct Slot {
    command: Command,
    server: Server,
}

impl Slot {
    fn takes_callbacks(&self) -> bool {
        self.command[0] == "serve"
    }

    fn works(&self) -> bool {
        !self.command.contains(&"--no-workers")
    }
}

pub(super) struct World {
    cluster: Cluster,
    pub(super) database: Database,
    pub(super) dir: TempDir,
    vars: Vars,
    slots: Vec<Slot>,
    pub(super) doors: Doors,
    pub(super) steady: Receiver,
    pub(super) rogue: Rogue,
    pub(super) mail: SmtpServer,
    /// The endpoints' ids: of the steady receiver, the rogue, the mailbox.
    pub(super) endpoints: [String; 3],
}

impl World {
    /// Starts everything that the plan wants, with transcripts of these calls.
    pub(super) async fn start(plan: &Plan, calls: &[String]) -> Self {
        let (cluster, database) = Cluster::start().await;
        import_transcripts(&database, calls).await;
        let (steady, rogue) = (Receiver::start().await, Rogue::start(plan.misdeeds.clone()).await);
        let mail = SmtpServer::start(Protection::None, None, &Certificate::of_loopback()).await;
        for taken in &plan.mails_unanswered {
            (1..*taken).for_each(|_| mail.answer_next(".", "250 queued"));
            mail.answer_next(".", "0");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut vars = vars(&database);
        vars.extend([
            ("WORKER_CONCURRENCY", CONCURRENCY.to_string()),
            ("SMTP_HOST", "127.0.0.1".to_owned()),
            ("SMTP_PORT", mail.port.to_string()),
            ("SMTP_TLS", "none".to_owned()),
            ("FROM_EMAIL", "aftercall@brindlemoor.example".to_owned()),
        ]);
        let mut slots = Vec::new();
        for command in plan.processes {
            slots.push(Slot { command, server: Server::start(command, &vars, dir.path()).await });
        }
        let door = slots[0].server.door();
        let endpoints = [
            add_endpoint(&door, "webhook", &steady.url(), &[SUMMARISED, DOCUMENTED]).await,
            add_endpoint(&door, "webhook", &rogue.url(), &[SUMMARISED]).await,
            add_endpoint(&door, "email", "dana@brindlemoor.example", &[SUMMARISED]).await,
        ];
        let world = Self {
            cluster,
            database,
            dir,
            vars,
            slots,
            doors: Arc::new(Mutex::new(Vec::new())),
            steady,
            rogue,
            mail,
            endpoints,
        };
        world.open_doors();
        world
    }

    fn open_doors(&self) {
        let serving = self.slots.iter().filter(|slot| slot.takes_callbacks());
        *self.doors.lock().unwrap() = serving.map(|slot| slot.server.door()).collect();
    }

    /// Strikes, and returns when whoever was struck is there again.
    pub(super) async fn strike(&mut self, strike: &Strike) {
        match strike.fault {
            Fault::KillServer => self.replace(strike.victim, Slot::takes_callbacks, Server::kill).await,
            Fault::KillWorker => self.replace(strike.victim, Slot::works, Server::kill).await,
            Fault::StopProcess => self.replace(strike.victim, |_| true, stop).await,
            Fault::FreezeWorker => {
                let slot = self.chosen(strike.victim, Slot::works);
                slot.server.signal(Signal::STOP);
                tokio::time::sleep(LEASE + strike.excess).await;
                slot.server.signal(Signal::CONT);
            }
            Fault::KillDatabase => self.cluster.end_by(Signal::KILL).await,
            Fault::StopDatabase => self.cluster.end_by(Signal::INT).await,
            Fault::StopDatabaseAtOnce => self.cluster.end_by(Signal::QUIT).await,
            Fault::KillSession => self.cluster.kill_a_session(strike.victim).await,
            Fault::CutConnections => self.cluster.cut_connections().await,
        }
    }

    fn chosen(&mut self, victim: usize, may_be: fn(&Slot) -> bool) -> &mut Slot {
        let mut candidates: Vec<&mut Slot> = self.slots.iter_mut().filter(|slot| may_be(slot)).collect();
        let chosen = victim % candidates.len();
        candidates.swap_remove(chosen)
    }

    /// Ends a process and starts it anew; one that does not come up, for the database is away, is started once more.
    async fn replace(&mut self, victim: usize, may_be: fn(&Slot) -> bool, end: impl Fn(&mut Server)) {
        let (vars, dir) = (self.vars.clone(), self.dir.path().to_owned());
        let slot = self.chosen(victim, may_be);
        end(&mut slot.server);
        loop {
            slot.server = Server::spawn(slot.command, &vars, &dir);
            if slot.server.becomes_ready().await {
                break;
            }
        }
        self.open_doors();
    }

    /// Waits until all these calls have arrived where nothing is wrong.
    pub(super) async fn caught_up(&self, calls: &[String]) {
        until("the calls answered before a fault have arrived", async || {
            let arrived = arrived_at(&self.steady);
            calls.iter().all(|call| arrived.contains_key(&(SUMMARISED.to_owned(), call.clone())))
        })
        .await;
    }

    /// Stops all processes as an operator does, and the database at the end.
    pub(super) async fn stop(mut self) {
        self.slots.iter_mut().for_each(|slot| stop(&mut slot.server));
        self.database.pool.close().await;
        self.cluster.stop().await;
    }
}

fn stop(server: &mut Server) {
    assert_eq!(server.terminate(), Some(0), "a process that is told to stop exits well");
}
