//! A task, watched live: drawn over itself in a terminal, a line now and then where the output is none.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::screen::Screen;
use super::view::{self, About, Answers};
use super::{Api, Refused};

const LOOK: Duration = Duration::from_millis(500);
/// How long the API may be away once it has answered, as while its database starts again, before watching
/// is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Looks between two lines where the output is no terminal.
const LINE_EVERY: u32 = 10;

/// A task that is watched.
#[derive(Debug)]
pub struct Live {
    about: About,
    answers: Answers,
    /// None: the output is no terminal.
    screen: Option<Screen>,
    looks: u32,
}

/// Why watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Every number has ended.
    Done,
    /// A person ended or paused it.
    Stopped,
    /// It was never started, and no start is scheduled.
    NeverStarted,
}

impl Live {
    /// What does not change while the task is watched.
    pub async fn about(api: &Api, task: &str) -> Result<About> {
        let name =
            api.get(&format!("tasks/{task}")).await?["name"].as_str().unwrap_or(task).to_owned();
        Ok(About { name, zone: api.zone().await? })
    }

    /// Watch until every number of the task has ended, or it goes on only by a person.
    pub async fn watch(api: &Api, task: &str) -> Result<Over> {
        let path = format!("tasks/{task}/progress");
        let mut live = Self {
            about: Self::about(api, task).await?,
            answers: Answers::default(),
            screen: Screen::open(),
            looks: 0,
        };
        let mut answered = Instant::now();
        loop {
            match api.get(&path).await {
                Ok(progress) => {
                    answered = Instant::now();
                    live.show(&progress)?;
                    if let Some(over) = over(&progress) {
                        return Ok(over);
                    }
                }
                Err(error) if may_pass(&error) && answered.elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn show(&mut self, progress: &Value) -> Result<()> {
        self.answers.seen(progress);
        let (about, bars) = (&self.about, self.answers.bars());
        if let Some(screen) = &mut self.screen {
            screen.draw(|width| view::lines(about, progress, bars, width))?;
        } else if self.looks.is_multiple_of(LINE_EVERY) || over(progress).is_some() {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", view::one_line(about, progress))?;
            out.flush()?;
        }
        self.looks = self.looks.wrapping_add(1);
        Ok(())
    }
}

/// Whether the same look may be answered a little later; a refusal of the request itself is none of these.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_none_or(|refused| refused.passing)
}

fn over(progress: &Value) -> Option<Over> {
    let count = |state: &str| progress["numbers"][state].as_u64().unwrap_or(0);
    let open = count("pending") + count("waiting") + count("calling");
    match (progress["state"].as_str(), progress["pause_reason"].as_str()) {
        (Some("ended"), _) | (_, Some("manual")) => Some(Over::Stopped),
        (Some("paused"), Some("no_pending_numbers")) if open == 0 => Some(Over::Done),
        // A scheduled start is waited for.
        (Some("initial"), _) if progress["next_step"]["step"] != "start" => {
            Some(Over::NeverStarted)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn watching_outlasts_an_api_that_is_away_but_not_a_refusal() {
        let refused = |passing| anyhow::Error::from(Refused { said: "no".into(), passing });
        assert!(may_pass(&refused(true)) && may_pass(&anyhow::anyhow!("connection refused")));
        assert!(!may_pass(&refused(false)));
    }

    #[test]
    fn a_task_with_a_waiting_redial_is_not_over() {
        let progress = |waiting: u64| {
            json!({"state": "paused", "pause_reason": "no_pending_numbers",
                "numbers": {"pending": 0, "waiting": waiting, "calling": 0, "connected": 3}})
        };
        assert_eq!(over(&progress(1)), None);
        assert_eq!(over(&progress(0)), Some(Over::Done));
    }

    #[test]
    fn a_task_that_never_started_is_not_watched_for_ever() {
        let initial = |next: Value| json!({"state": "initial", "next_step": next, "numbers": {}});
        assert_eq!(over(&initial(json!(null))), Some(Over::NeverStarted));
        let edge = json!({"step": "edge", "at": "2026-12-01T10:00:00Z"});
        assert_eq!(over(&initial(edge)), Some(Over::NeverStarted));
        let start = json!({"step": "start", "at": "2026-12-01T10:00:00Z"});
        assert_eq!(over(&initial(start)), None);
    }
}
