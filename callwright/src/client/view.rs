//! A task's progress as lines of a given width. Pure: what it shows comes from the API's answer.

use chrono::TimeDelta;
use chrono_tz::Tz;
use outbound::wait::WaitReason;
use outbound::{Time, wall};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::told::{grouped, of};

/// Bars of answers that are kept, at most.
pub const BARS_MAX: usize = 240;
const ANSWERS: &str = "answers  ";
/// Cells of the bar of ended numbers, at most.
const BAR_CELLS_MAX: u64 = 40;
/// A name is cut to this, however wide the terminal is.
const NAME_CELLS_MAX: usize = 60;
/// Narrower terminals show what fits.
const WIDTH_MIN: u16 = 20;
const BETWEEN: &str = " · ";

/// What does not change while a task is watched.
#[derive(Debug, Clone)]
pub struct About {
    pub name: String,
    /// The enterprise's.
    pub zone: Tz,
}

/// A task's progress at one moment, in lines that fit a terminal of `width` columns. The first is its name and
/// state; the last tells new answers, bar by bar, the newest at its end.
pub fn lines(about: &About, progress: &Value, answers: &[u64], width: u16) -> Vec<String> {
    let width = usize::from(width.max(WIDTH_MIN));
    let parts = parts(about, progress);
    let mut lines = vec![head(&parts, width), bar(progress, width)];
    lines.extend(flow(&parts.states, width));
    lines.extend(flow(&parts.calls, width));
    let told = parts.waits.iter().chain(&parts.why);
    lines.extend(told.flat_map(|text| wrap(text, width)));
    lines.push(sparkline(answers, width));
    lines
}

/// All of it in one line, for a log.
pub fn one_line(about: &About, progress: &Value) -> String {
    let parts = parts(about, progress);
    let head = format!("{}{BETWEEN}{}", parts.name, parts.state);
    let all = [vec![head, ended(progress)], parts.states, parts.calls, parts.waits, parts.why];
    all.concat().join(" | ")
}

/// All of it as paragraphs, for whoever asks once.
pub fn text(about: &About, progress: &Value) -> String {
    let parts = parts(about, progress);
    let head = format!("{}{BETWEEN}{}", parts.name, parts.state);
    let mut lines = vec![head, ended(progress)];
    lines.extend([parts.states.join(BETWEEN), parts.calls.join(BETWEEN)]);
    lines.extend(parts.waits);
    lines.extend(parts.why);
    lines.join("\n")
}

/// What is told, piece by piece.
struct Parts {
    name: String,
    state: String,
    states: Vec<String>,
    calls: Vec<String>,
    waits: Vec<String>,
    why: Vec<String>,
}

fn parts(about: &About, progress: &Value) -> Parts {
    let count = |state: &str| progress["numbers"][state].as_u64().unwrap_or(0);
    let number = |name: &str| progress[name].as_u64().unwrap_or(0);
    let word = |name: &str| progress[name].as_str().unwrap_or_default().replace('_', " ");
    let now = time(&progress["at"]);
    let state = match word("pause_reason") {
        reason if reason.is_empty() => word("state"),
        reason => format!("{} ({reason})", word("state")),
    };
    let clock = now.map(|now| format!("{BETWEEN}{}", wall::zoned(now, about.zone)));
    let states =
        ["pending", "waiting", "calling", "connected", "unconnected", "suppressed", "cancelled"];
    let states = states.map(|state| {
        let word = if state == "suppressed" { "do not call" } else { state };
        format!("{word} {}", grouped(count(state)))
    });
    let rounds = progress["live_by_round"].as_object().filter(|rounds| !rounds.is_empty());
    let rounds = rounds.map(|rounds| {
        let rounds = rounds.iter().map(|(round, calls)| format!("round {round}: {calls}"));
        format!(" ({})", rounds.collect::<Vec<_>>().join(", "))
    });
    let rate = progress["connect_rate"]
        .as_f64()
        .map_or("–".into(), |rate| format!("{:.0} %", rate * 100.0));
    let calls = vec![
        format!("calls up {} of {}{}", number("live"), number("limit"), rounds.unwrap_or_default()),
        of(number("calls"), "call", "calls"),
        format!("{} answered", grouped(number("answered"))),
        format!("connect rate {rate}"),
    ];
    let listed = |name: &str| progress[name].as_array().into_iter().flatten();
    let waits: Vec<String> = listed("waiting").map(|wait| waits(wait, now, about.zone)).collect();
    // What waits is told above, with how long it takes.
    let told = |code: &str| !waits.is_empty() && code.starts_with("waiting_");
    let why = listed("why")
        .filter(|why| !told(why["code"].as_str().unwrap_or_default()))
        .filter_map(|why| why["detail"].as_str().map(str::to_owned))
        .collect();
    Parts {
        name: cut(&about.name, NAME_CELLS_MAX),
        state: state + &clock.unwrap_or_default(),
        states: states.to_vec(),
        calls,
        waits,
        why,
    }
}

/// `300 numbers wait: next redial in 9 min, 10:30:00`
fn waits(wait: &Value, now: Option<Time>, zone: Tz) -> String {
    let count = wait["numbers"].as_u64().unwrap_or(0);
    let numbers = of(count, "number waits", "numbers wait");
    let reason = wait["reason"].as_str().unwrap_or_default();
    let next = match WaitReason::from_word(reason) {
        Some(WaitReason::Redial) => "next redial",
        Some(WaitReason::PhoneBusy) => "their phone is in another call; next look",
        Some(WaitReason::FrequencyCap) => "called as often as the frequency cap allows; next",
        Some(WaitReason::CalleeWindow) => "closed hours at the callee's place; next",
        Some(WaitReason::TrunkRefused) => "the line refused; next",
        // Of a newer server.
        None => reason,
    };
    let due = match (time(&wait["next_due_at"]), now) {
        (Some(due), Some(now)) => format!(" {}", soon(due, now, zone)),
        (Some(due), None) => format!(" at {}", wall::zoned(due, zone)),
        (None, _) => String::new(),
    };
    format!("{numbers}: {next}{due}")
}

/// `in 9 min, 10:30:00`; another day's with its date.
fn soon(due: Time, now: Time, zone: Tz) -> String {
    let left = due - now;
    if left <= TimeDelta::zero() {
        return "is due now".to_owned();
    }
    let (seconds, minutes, hours) = (left.num_seconds(), left.num_minutes(), left.num_hours());
    let left = match (seconds, minutes, hours) {
        (seconds, 0, _) => format!("{} s", seconds.max(1)),
        (_, minutes, 0) => format!("{minutes} min"),
        (_, minutes, hours @ ..48) => format!("{hours} h {} min", minutes % 60),
        (_, _, hours) => format!("{} days", hours / 24),
    };
    let (due, now) = (due.with_timezone(&zone), now.with_timezone(&zone));
    let same_day = due.date_naive() == now.date_naive();
    format!("in {left}, {}", due.format(if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }))
}

fn time(value: &Value) -> Option<Time> {
    value.as_str().and_then(|text| text.parse().ok())
}

fn head(parts: &Parts, width: usize) -> String {
    let state = cut(&format!("{BETWEEN}{}", parts.state), width * 2 / 3);
    cut(&parts.name, width.saturating_sub(cells(&state))) + &state
}

/// Numbers that have ended.
fn ended_of(progress: &Value) -> (u64, u64) {
    let count = |state: &str| progress["numbers"][state].as_u64().unwrap_or(0);
    let ended = ["connected", "unconnected", "suppressed", "cancelled"].map(count).iter().sum();
    (ended, progress["total"].as_u64().unwrap_or(0))
}

fn ended(progress: &Value) -> String {
    let (ended, total) = ended_of(progress);
    let have = if total == 1 { "number has ended" } else { "numbers have ended" };
    format!("{} of {} {have}", grouped(ended), grouped(total))
}

fn bar(progress: &Value, width: usize) -> String {
    let (ended_count, total) = ended_of(progress);
    let words = format!(" {}", ended(progress));
    let room = u64::try_from(width.saturating_sub(cells(&words))).unwrap_or(0).min(BAR_CELLS_MAX);
    let full = (ended_count * room).checked_div(total).unwrap_or(0);
    let bar: String = (0..room).map(|cell| if cell < full { '█' } else { '░' }).collect();
    cut(&format!("{bar}{words}"), width)
}

/// Bars as high as their counts, beside the most that one of them holds.
fn sparkline(answers: &[u64], width: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = answers.iter().copied().max().unwrap_or(0).max(1);
    let bars = width.saturating_sub(ANSWERS.len()).min(answers.len());
    let height = |count: &u64| match usize::try_from(count * (HEIGHTS.len() as u64) / most) {
        Ok(height) if height > 0 => HEIGHTS[height.min(HEIGHTS.len()) - 1],
        // Few beside many are still more than none.
        _ if *count > 0 => HEIGHTS[0],
        _ => ' ',
    };
    let bars: String = answers[answers.len() - bars..].iter().map(height).collect();
    format!("{ANSWERS}{bars}").trim_end().to_owned()
}

/// Cells of a terminal that a text takes.
fn cells(text: &str) -> usize {
    text.width()
}

/// A text that fits; where something was cut off, `…` says so.
fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        if cells(&format!("{short}{letter}…")) > width {
            break;
        }
        short.push(letter);
    }
    short + "…"
}

/// Pieces set into lines, ` · ` between them.
fn flow(pieces: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut().filter(|line| cells(line) + cells(BETWEEN) + cells(piece) <= width) {
            Some(line) => *line = format!("{line}{BETWEEN}{piece}"),
            None => lines.push(cut(piece, width)),
        }
    }
    lines
}

/// A sentence broken into lines between its words; a word that is wider than a line is cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| cells(line) + 1 + cells(word) <= width) {
            Some(line) => *line = format!("{line} {word}"),
            // What goes on stands a little to the right.
            None => {
                let indent = if lines.is_empty() { "" } else { "  " };
                lines.push(cut(&format!("{indent}{word}"), width));
            }
        }
    }
    lines
}

/// Answers as bars, from the count that rises.
#[derive(Debug, Default)]
pub struct Answers {
    before: Option<u64>,
    bars: Vec<u64>,
    looks: u32,
}

impl Answers {
    /// Looks that one bar holds.
    const LOOKS_A_BAR: u32 = 4;

    /// Count what was answered since the look before.
    pub fn seen(&mut self, progress: &Value) {
        let count = progress["answered"].as_u64().unwrap_or(0);
        let new = count.saturating_sub(self.before.unwrap_or(count));
        self.before = Some(count);
        if self.looks.is_multiple_of(Self::LOOKS_A_BAR) {
            self.bars.push(0);
            let old = self.bars.len().saturating_sub(BARS_MAX);
            self.bars.drain(..old);
        }
        self.looks = self.looks.wrapping_add(1);
        if let Some(bar) = self.bars.last_mut() {
            *bar += new;
        }
    }

    pub fn bars(&self) -> &[u64] {
        &self.bars
    }
}

#[cfg(test)]
mod tests;
