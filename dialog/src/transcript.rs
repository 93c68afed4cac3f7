//! What was said, and what was decided while it was said.
//!
//! [`Line`]s are the conversation as a person would read it; [`Entry`]s are the interaction log, one for each
//! decision, in milliseconds since the customer answered. Both are bounded: a call that never ends does not
//! grow without end; what comes after the bounds is left out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds since the customer answered.
pub type Millis = u64;

/// Lines kept of one call.
pub const LINES_MAX: usize = 1_000;
/// Log entries kept of one call.
pub const ENTRIES_MAX: usize = 5_000;
/// Characters kept of one text, spoken or logged.
pub const TEXT_CHARS_MAX: usize = 4_000;

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The person who was called.
    Customer,
    /// The robot, or a played announcement.
    Robot,
}

/// One stretch of speech.
///
/// A robot's line holds only what was heard: a text that was stopped is cut where the playback stopped, and
/// ends with an ellipsis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TranscriptLine")]
pub struct Line {
    /// Where the line stands in the conversation, milliseconds since answer: the start of the speech.
    pub at_ms: Millis,
    /// Who spoke.
    pub speaker: Speaker,
    /// The words.
    pub text: String,
    /// The robot's text was stopped before its end.
    #[serde(default)]
    pub cut: bool,
    /// How long the robot's text was played, in milliseconds; `None` for the customer.
    #[serde(default)]
    pub heard_ms: Option<Millis>,
    /// When the speech began on the line, milliseconds since answer.
    pub start_ms: Millis,
    /// When the speech ended on the line, milliseconds since answer.
    pub end_ms: Millis,
}

/// What a log entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// The customer answered.
    Answered,
    /// The navigation entered a node; the detail is its name.
    NodeEnter,
    /// The recogniser heard the customer begin to speak.
    SpeechStarted,
    /// The customer's voice paused; if it stays silent, the speech is over.
    VoicePaused,
    /// The recogniser gave a final text.
    AsrResult,
    /// Nobody could tell what the customer said any more.
    HearingFailed,
    /// A text was sent to the agent.
    AgentRequest,
    /// A request to the agent was cancelled, or its answer came too late and was thrown away.
    AgentCancel,
    /// The first words of the agent's answer came.
    AgentFirstWords,
    /// The agent answered; the detail is the whole answer.
    AgentReply,
    /// The agent could not answer.
    AgentFailed,
    /// The agent called a tool; the detail is which, and with what.
    ToolCall,
    /// A tool answered or failed; the detail is how, and after how long.
    ToolResult,
    /// Documents were looked through for the agent; the detail is what was used.
    Knowledge,
    /// A provider failed, and the next one was asked; the detail is which, and why.
    ProviderFailed,
    /// A text was given to speech synthesis.
    Tts,
    /// Nothing of a text could be heard; the detail is its number.
    SpeakingFailed,
    /// The line began to play.
    PlaybackStart,
    /// The line ended playing: to the end, or stopped.
    PlaybackStop,
    /// The customer spoke over the robot, and this is what was decided.
    Interruption {
        /// The robot was stopped; otherwise the speech was ignored and playback went on.
        valid: bool,
    },
    /// An interruption turned out to be nothing; the robot goes on where it was stopped.
    Resume,
    /// The robot showed that it is listening.
    Backchannel,
    /// The customer said nothing for too long.
    NoInput,
    /// Pieces of a sentence were put together; the detail is the whole.
    Accumulated,
    /// The agent gave a command.
    Command,
    /// A key: pressed by the customer, or sent to the line.
    Dtmf,
    /// A person is looked for; the detail is who.
    TransferRequest,
    /// The phone of a person rings; the detail is the employee number.
    TransferRinging,
    /// A person took the call.
    TransferConnected,
    /// Nobody took the call; the detail is why.
    TransferFailed,
    /// A system of the enterprise was asked; the detail is which, and for what.
    HttpRequest,
    /// It answered or failed; the detail is how.
    HttpAnswer,
    /// It is known who answered; the detail is who.
    AnsweredBy,
    /// The number is to be called again; the detail is when.
    Callback,
    /// Either side hung up.
    HangUp,
}

/// One entry of the interaction log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogEntry")]
pub struct Entry {
    /// Milliseconds since answer.
    pub at_ms: Millis,
    /// What happened.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// The words, the node's or command's name, the reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The whole conversation as text: who spoke, and when.
pub fn as_text(lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| {
        let who = match line.speaker {
            Speaker::Customer => "Customer",
            Speaker::Robot => "Robot",
        };
        let seconds = line.start_ms / 1_000;
        format!("[{:02}:{:02}] {who}: {}", seconds / 60, seconds % 60, line.text)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The bounded record of one call, while it is being made.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    pub(crate) lines: Vec<Line>,
    pub(crate) entries: Vec<Entry>,
}

impl Scribe {
    /// Writes a log entry; the last ones are left out when the log is full.
    pub(crate) fn log(&mut self, at_ms: Millis, kind: EntryKind, detail: impl AsRef<str>) {
        if self.entries.len() < ENTRIES_MAX {
            let detail = bounded(detail.as_ref()).to_owned();
            self.entries.push(Entry { at_ms, kind, detail });
        }
    }

    /// Writes what the customer said.
    pub(crate) fn customer(&mut self, start_ms: Millis, end_ms: Millis, text: &str) {
        self.line(Line {
            at_ms: start_ms,
            speaker: Speaker::Customer,
            text: bounded(text).to_owned(),
            cut: false,
            heard_ms: None,
            start_ms,
            end_ms,
        });
    }

    /// Writes what the customer heard of the robot.
    pub(crate) fn robot(&mut self, start_ms: Millis, heard_ms: Millis, heard: Heard<'_>) {
        let (text, cut) = match heard {
            Heard::Whole(text) => (text.to_owned(), false),
            Heard::Part("") => return,
            Heard::Part(text) => (format!("{text}…"), true),
        };
        self.line(Line {
            at_ms: start_ms,
            speaker: Speaker::Robot,
            text: bounded(&text).to_owned(),
            cut,
            heard_ms: Some(heard_ms),
            start_ms,
            end_ms: start_ms + heard_ms,
        });
    }

    fn line(&mut self, line: Line) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(line);
        }
    }

    /// The lines in the order in which they began.
    pub(crate) fn into_parts(mut self) -> (Vec<Line>, Vec<Entry>) {
        self.lines.sort_by_key(|line| line.start_ms);
        (self.lines, self.entries)
    }
}

/// How much of a robot's text reached the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// All of it.
    Whole(&'a str),
    /// Only this beginning of it.
    Part(&'a str),
}

/// The text, or its first [`TEXT_CHARS_MAX`] characters.
pub(crate) fn bounded(text: &str) -> &str {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_text_is_shown_as_cut() {
        let mut scribe = Scribe::default();
        scribe.robot(100, 500, Heard::Part("Hello, this"));
        scribe.robot(900, 0, Heard::Part(""));
        let (lines, _) = scribe.into_parts();
        assert_eq!(lines.len(), 1, "what nobody heard is not in the transcript");
        assert_eq!((lines[0].text.as_str(), lines[0].cut), ("Hello, this…", true));
        assert_eq!((lines[0].start_ms, lines[0].end_ms), (100, 600));
    }

    #[test]
    fn an_endless_call_does_not_grow_without_end() {
        let mut scribe = Scribe::default();
        for at in 0..(2 * ENTRIES_MAX as u64) {
            scribe.log(at, EntryKind::AsrResult, "x".repeat(2 * TEXT_CHARS_MAX));
            scribe.customer(at, at, "hello");
        }
        let (lines, entries) = scribe.into_parts();
        assert_eq!((lines.len(), entries.len()), (LINES_MAX, ENTRIES_MAX));
        assert_eq!(entries[0].detail.len(), TEXT_CHARS_MAX);
    }
}
