//! What handlers work with: the servers, the line, the clock, and the settings of the process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use jobs::Queues;
use storage::Store;
use storage::objects::Objects;
use tokio_util::sync::CancellationToken;

use crate::ear::Senses;
use crate::fail_point::DieAt;
use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::live::LiveCalls;
use crate::providers::Providers;
use crate::spool::Spool;
use crate::turns::Turns;

/// How the process works, not what for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// After how long without a sign of life a worker's calls count as lost, by the database's clock.
    pub lease: Duration,
    /// How long a stopping process lets calls finish.
    pub drain: Duration,
    /// Calls that this process carries at a time.
    pub dial_concurrency: usize,
    /// Looks at what may have been lost happen this often.
    pub sweep_every: Duration,
    pub die_at: DieAt,
    /// Where this process tells its metrics; it is written down for whoever scrapes them.
    pub metrics: Option<SocketAddr>,
    /// The program that reads imported files when it is called with [`crate::READ_IMPORT`].
    pub reader: PathBuf,
}

/// Calls that a process carries at a time, unless it is set otherwise.
pub const DIAL_CONCURRENCY: usize = 500;

/// This program, also after its file was replaced by a newer one.
const THIS_PROGRAM: &str = "/proc/self/exe";

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            drain: Duration::from_secs(20),
            dial_concurrency: DIAL_CONCURRENCY,
            sweep_every: Duration::from_secs(1),
            die_at: DieAt::default(),
            metrics: None,
            reader: PathBuf::from(THIS_PROGRAM),
        }
    }
}

/// What every handler gets. Clones share all of it.
#[derive(Clone)]
pub struct Environment {
    pub store: Store,
    pub queues: Queues,
    pub objects: Objects,
    pub clock: Clock,
    pub lines: Arc<Lines>,
    pub providers: Providers,
    pub senses: Senses,
    pub spool: Spool,
    pub settings: Settings,
    /// This process among all: its attempts are leased to this name.
    pub worker: Arc<str>,
    pub(crate) ledger: Ledger,
    pub(crate) live: LiveCalls,
    pub(crate) import_turns: Turns,
    pub(crate) export_turns: Turns,
    /// Cancelled when the process is asked to stop.
    pub stopping: CancellationToken,
}

impl Environment {
    /// Put it together. Call it inside a tokio runtime: it starts the group writers.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        store: Store,
        queues: Queues,
        objects: Objects,
        clock: Clock,
        lines: Lines,
        (providers, senses): (Providers, Senses),
        spool: &Path,
        settings: Settings,
        stopping: CancellationToken,
    ) -> std::io::Result<Self> {
        let spool = Spool::open(spool)?;
        let worker: Arc<str> = format!("worker-{}", uuid::Uuid::now_v7().simple()).into();
        let live = LiveCalls::default();
        let ledger = Ledger::start(
            store.clone(),
            queues.clone(),
            clock.clone(),
            worker.clone(),
            live.clone(),
            &settings,
        );
        Ok(Self {
            store,
            queues,
            objects,
            clock,
            lines: Arc::new(lines),
            providers,
            senses,
            spool,
            settings,
            worker,
            ledger,
            live,
            import_turns: Turns::default(),
            export_turns: Turns::default(),
            stopping,
        })
    }

    /// Whether a call may follow on the one that ends. Not while every place is taken: then the place is
    /// for whoever waits in the queue, of whatever enterprise.
    pub(crate) fn goes_on(&self) -> bool {
        !self.stopping.is_cancelled() && self.live.len() < self.settings.dial_concurrency
    }

    /// Calls that this process has up.
    pub fn calls_up(&self) -> usize {
        self.live.len()
    }
}
