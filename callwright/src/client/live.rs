//! A task, watched live in the terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::{Api, Refused};

const LOOK: Duration = Duration::from_millis(500);
/// How long the API may be away once it has answered, as while its database starts again, before watching
/// is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Looks between two lines where the output is no terminal.
const LINE_EVERY: u32 = 10;
const BAR_CELLS: u64 = 30;

/// Draws a task's progress over itself; where the output is no terminal, a line now and then.
#[derive(Debug, Default)]
pub struct Live {
    drawn: usize,
    looks: u32,
}

/// Why watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Every number has ended.
    Done,
    /// A person ended or paused it.
    Stopped,
}

impl Live {
    /// Watch until every number of the task has ended, or a person stopped it.
    pub async fn watch(&mut self, api: &Api, task: &str) -> Result<Over> {
        let path = format!("tasks/{task}/progress");
        let mut answered: Option<Instant> = None;
        loop {
            let progress = match api.get(&path).await {
                Ok(progress) => progress,
                Err(error)
                    if may_pass(&error) && answered.is_some_and(|at| at.elapsed() < PATIENCE) =>
                {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            answered = Some(Instant::now());
            self.draw(&progress)?;
            if let Some(over) = over(&progress) {
                return Ok(over);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn draw(&mut self, progress: &Value) -> Result<()> {
        let lines = lines(progress);
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            if self.drawn > 0 {
                write!(out, "\x1b[{}A", self.drawn)?;
            }
            for line in &lines {
                writeln!(out, "\x1b[2K{line}")?;
            }
            self.drawn = lines.len();
        } else if self.looks.is_multiple_of(LINE_EVERY) || over(progress).is_some() {
            writeln!(out, "{}", lines.join(" | "))?;
        }
        self.looks += 1;
        out.flush()?;
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
        _ => None,
    }
}

fn lines(progress: &Value) -> Vec<String> {
    let count = |state: &str| progress["numbers"][state].as_u64().unwrap_or(0);
    let text = |name: &str| progress[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| progress[name].as_u64().unwrap_or(0);
    let total = number("total");
    let ended =
        count("connected") + count("unconnected") + count("suppressed") + count("cancelled");
    let full = (ended * BAR_CELLS).checked_div(total).unwrap_or(0);
    let bar: String = (0..BAR_CELLS).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let state = match text("pause_reason").as_str() {
        "" => text("state"),
        reason => format!("{} ({reason})", text("state")),
    };
    let rate = progress["connect_rate"]
        .as_f64()
        .map_or("–".into(), |rate| format!("{:.0} %", rate * 100.0));
    let rounds = progress["live_by_round"].as_object().map(|rounds| {
        rounds
            .iter()
            .map(|(round, calls)| format!("round {round}: {calls}"))
            .collect::<Vec<_>>()
            .join(", ")
    });
    let mut lines = vec![
        format!("{bar} {ended}/{total} numbers · {state}"),
        format!(
            "pending {} · waiting {} · calling {} · connected {} · unconnected {} · do not call {}",
            count("pending"),
            count("waiting"),
            count("calling"),
            count("connected"),
            count("unconnected"),
            count("suppressed")
        ),
        format!(
            "calls up {} of {} ({}) · {} calls · {} answered · connect rate {rate}",
            number("live"),
            number("limit"),
            rounds.filter(|rounds| !rounds.is_empty()).unwrap_or_else(|| "none".into()),
            number("calls"),
            number("answered"),
        ),
    ];
    let waits: Vec<String> = progress["waiting"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|wait| {
            let part = |name: &str| wait[name].as_str().unwrap_or_default().to_owned();
            format!("{} for {} from {}", wait["numbers"], part("reason"), part("next_due_at"))
        })
        .collect();
    let why: Vec<String> = progress["why"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|why| why["detail"].as_str().map(str::to_owned))
        .collect();
    lines.push(format!("waits: {}", if waits.is_empty() { "–".into() } else { waits.join("; ") }));
    lines.push(if why.is_empty() { "–".into() } else { why.join("; ") });
    lines
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
}
