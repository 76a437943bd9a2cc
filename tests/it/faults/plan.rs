//! What a seed decides: who works, how fast callbacks come, which faults strike whom and when, and how a receiver misbehaves.

use std::{fmt, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::rogue::Misdeed;

/// A process's command.
pub(super) type Command = &'static [&'static str];

/// Who may work together on one database.
const TOPOLOGIES: [&[Command]; 4] = [
    &[&["serve"]],
    &[&["serve"], &["serve"]],
    &[&["serve"], &["worker"]],
    &[&["serve", "--no-workers"], &["worker"], &["worker"]],
];

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// SIGKILL to a process that takes callbacks.
    KillServer,
    /// SIGKILL to a process that works.
    KillWorker,
    /// SIGTERM to any process.
    StopProcess,
    /// SIGSTOP to a process that works, for longer than its leases; then it goes on as if nothing had been.
    FreezeWorker,
    /// SIGKILL to PostgreSQL.
    KillDatabase,
    /// A fast stop of PostgreSQL.
    StopDatabase,
    /// An immediate stop of PostgreSQL.
    StopDatabaseAtOnce,
    /// SIGKILL to the server process of one connection.
    KillSession,
    /// All connections are ended.
    CutConnections,
}

pub(super) const FAULTS: [Fault; 9] = [
    Fault::KillServer,
    Fault::KillWorker,
    Fault::StopProcess,
    Fault::FreezeWorker,
    Fault::KillDatabase,
    Fault::StopDatabase,
    Fault::StopDatabaseAtOnce,
    Fault::KillSession,
    Fault::CutConnections,
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillServer => "servers killed",
            Self::KillWorker => "workers killed",
            Self::StopProcess => "processes stopped",
            Self::FreezeWorker => "workers frozen",
            Self::KillDatabase => "databases killed",
            Self::StopDatabase => "databases stopped",
            Self::StopDatabaseAtOnce => "databases stopped at once",
            Self::KillSession => "sessions killed",
            Self::CutConnections => "times cut off",
        })
    }
}

/// A fault, and when it strikes whom.
pub(super) struct Strike {
    pub(super) fault: Fault,
    /// How long after the last one is over.
    pub(super) after: Duration,
    /// Whether the next one comes before work has caught up.
    pub(super) hurried: bool,
    /// Chooses among those whom it may strike.
    pub(super) victim: usize,
    /// How much longer than a lease a freeze lasts.
    pub(super) excess: Duration,
}

pub(super) struct Plan {
    pub(super) processes: &'static [Command],
    /// The time between two callbacks.
    pub(super) pace: Duration,
    pub(super) strikes: Vec<Strike>,
    /// What the misbehaving receiver does to one request after another, over and over.
    pub(super) misdeeds: Vec<Misdeed>,
    /// After how many mails, each time, the mail server hangs up instead of saying that it took one.
    pub(super) mails_unanswered: Vec<usize>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut faults = FAULTS;
        faults.shuffle(&mut dice);
        let strikes = faults.map(|fault| Strike {
            fault,
            after: Duration::from_millis(dice.random_range(50..600)),
            hurried: dice.random_bool(0.3),
            victim: dice.random_range(0..1000),
            excess: Duration::from_millis(dice.random_range(300..1500)),
        });
        let misdeed = |roll: u8| match roll {
            0..10 => Misdeed::None,
            10..13 => Misdeed::Refuse,
            13..16 => Misdeed::HangUp,
            16 => Misdeed::Reset,
            17 => Misdeed::TooShort,
            18 => Misdeed::TooLong,
            _ => Misdeed::Silence,
        };
        Self {
            processes: TOPOLOGIES[dice.random_range(0..TOPOLOGIES.len())],
            pace: Duration::from_millis(dice.random_range(40..160)),
            strikes: strikes.into(),
            misdeeds: (0..64).map(|_| misdeed(dice.random_range(0..20))).collect(),
            mails_unanswered: (0..8).map(|_| dice.random_range(1..12)).collect(),
        }
    }
}

/// Reads seeds: `17`, `1..20` (both included), or several of these with commas between.
pub(super) fn seeds(text: &str) -> Vec<u64> {
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is no seed"));
    let some = |part: &str| match part.split_once("..") {
        Some((first, last)) => number(first)..=number(last),
        None => number(part)..=number(part),
    };
    text.split(',').flat_map(some).collect()
}
