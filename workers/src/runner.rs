//! The workers of a process: apalis workers a queue, sweeps, signs of life, and a clean stop.

use std::time::Duration;

use jobs::{
    AnalyzeCall, ClockEdge, DialAttempt, EndTask, ImportBatch, Redial, ReorderNumbers, RunExport,
    StartTask, UploadRecording,
};
use outbound::fleet::Kind;
use outbound::outcome::cause;
use tokio::task::JoinSet;

use crate::apart::apart;
use crate::environment::Environment;
use crate::live::Notice;
use crate::presence::Presence;
use crate::unending::unending;
use crate::work::keep;
use crate::{decided, fleet, leases, lines, sweep};

/// How long hung-up calls may take to be written down.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// The work of a process, until it is stopped.
pub struct Running {
    work: JoinSet<()>,
    presence: Presence,
    env: Environment,
}

impl Running {
    /// Start the work of these kinds.
    pub fn start(env: Environment, kinds: &[Kind]) -> std::io::Result<Self> {
        let mut work = JoinSet::new();
        let presence = announce(&env, kinds);
        for kind in kinds {
            match kind {
                // The API is served by whoever starts it.
                Kind::Serve => {}
                Kind::Sweep => {
                    work.spawn(sweep::run(env.clone()));
                    let (store, queues) = (env.store.clone(), env.queues.clone());
                    work.spawn(fleet::tell(store, queues, env.stopping.clone()));
                }
                Kind::Step => {
                    keep::<StartTask>(&mut work, &env);
                    keep::<EndTask>(&mut work, &env);
                    keep::<ClockEdge>(&mut work, &env);
                    keep::<ReorderNumbers>(&mut work, &env);
                }
                Kind::Dial => {
                    work.spawn(lines::keep(env.clone()));
                    keep::<DialAttempt>(&mut work, &env);
                    let renewals =
                        apart("renewals", unending("renewals", env.clone(), leases::renew))?;
                    work.spawn(async move {
                        if renewals.await.is_err() {
                            tracing::error!("the thread that renews leases ended");
                        }
                    });
                    work.spawn(unending("hang_up", env.clone(), leases::hang_up));
                    work.spawn(unending("decisions", env.clone(), decided::listen));
                }
                Kind::Redial => keep::<Redial>(&mut work, &env),
                Kind::Import => keep::<ImportBatch>(&mut work, &env),
                Kind::Export => keep::<RunExport>(&mut work, &env),
                Kind::Upload => {
                    work.spawn(sweep::keep_spool(env.clone()));
                    keep::<UploadRecording>(&mut work, &env);
                }
                Kind::Analyze => keep::<AnalyzeCall>(&mut work, &env),
            }
        }
        Ok(Self { work, presence, env })
    }

    /// Take nothing new, let calls finish for the drain time or until `at_once` resolves, hang up what is
    /// left, and end.
    pub async fn stop(mut self, at_once: impl Future<Output = ()>) {
        self.env.stopping.cancel();
        let quiet = async {
            while let Some(ended) = self.work.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a part of the work ended badly");
                }
            }
            self.env.live.quiet().await;
        };
        let live = self.env.live.clone();
        tokio::pin!(quiet);
        let drained = tokio::select! {
            () = &mut quiet => true,
            () = tokio::time::sleep(self.env.settings.drain) => false,
            () = at_once => false,
        };
        if !drained {
            tracing::warn!(
                calls = live.len(),
                "calls are hung up; their numbers go the redial way"
            );
            live.tell_all(Notice::HangUp(cause::WORKER_STOPPING));
            if tokio::time::timeout(LAST_WORDS, quiet).await.is_err() {
                tracing::warn!(
                    calls = live.len(),
                    "some calls were not finished; their leases will end"
                );
            }
        }
        self.presence.leave().await;
    }
}

/// Give signs of life for a process that does these kinds of work.
fn announce(env: &Environment, kinds: &[Kind]) -> Presence {
    let (live, settings) = (env.live.clone(), &env.settings);
    let calls_max = if kinds.contains(&Kind::Dial) { settings.dial_concurrency } else { 0 };
    Presence::start(
        env.store.clone(),
        env.worker.to_string(),
        kinds.to_vec(),
        settings.metrics,
        env.stopping.clone(),
        move || (live.len(), calls_max),
    )
}
