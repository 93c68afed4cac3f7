//! What was said in a call, as it is shown.

use std::collections::BTreeMap;

use dialog::transcript::{Line, as_text};
use outbound::mask;
use outbound::record::Shown;
use serde_json::Value;

use super::read::Conversation;
use super::stream::RecordView;

impl Conversation {
    /// As somebody sees it who sees no full numbers. Customers say numbers in pieces, so the lines of a speaker count
    /// as one text, and so do the entries of one kind in the log.
    pub fn masked(mut self) -> Self {
        mask_each(&mut self.transcript, "speaker", "text");
        mask_each(&mut self.log, "kind", "detail");
        self.problem = self.problem.map(|problem| mask::text(&problem));
        self
    }
}

impl RecordView {
    /// The whole conversation as text: who spoke, and when; empty where nothing was said, or was not asked for.
    pub fn conversation_text(&self, shown: Shown) -> String {
        let Some(conversation) = self.conversation.clone() else { return String::new() };
        let conversation = match shown {
            Shown::Full => conversation,
            Shown::Masked => conversation.masked(),
        };
        let lines = serde_json::from_value::<Vec<Line>>(conversation.transcript);
        as_text(&lines.unwrap_or_default())
    }
}

/// Mask the texts `text` of a list, those with the same `of` together, and then whatever else there is.
fn mask_each(entries: &mut Value, of: &str, text: &str) {
    let mut groups: BTreeMap<String, Vec<&mut String>> = BTreeMap::new();
    for entry in entries.as_array_mut().into_iter().flatten() {
        let group = entry[of].as_str().unwrap_or_default().to_owned();
        if let Some(Value::String(words)) = entry.get_mut(text) {
            groups.entry(group).or_default().push(words);
        }
    }
    for words in groups.values_mut() {
        mask::parts(words);
    }
    mask::json(entries);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_that_the_customer_says_is_masked_also_when_it_is_said_piece_by_piece() {
        let line = |speaker: &str, text: &str| json!({"speaker": speaker, "text": text, "at_ms": 1_234_567, "start_ms": 0, "end_ms": 0});
        let transcript = json!([
            line("customer", "call me on 13800000001, or"),
            line("customer", "139"),
            line("robot", "Yes?"),
            line("customer", "0000"),
            line("customer", "0002"),
        ]);
        let log = json!([
            {"at_ms": 1_234_567, "kind": "asr_result", "detail": "138"},
            {"at_ms": 1_234_568, "kind": "speech_started"},
            {"at_ms": 1_234_568, "kind": "asr_result", "detail": "00000001"},
        ]);
        let said = Conversation { transcript, log, analyzed: true, problem: None }.masked();
        let texts: Vec<_> = said.transcript.as_array().into_iter().flatten().collect();
        let texts: Vec<_> = texts.iter().map(|line| line["text"].as_str().unwrap_or("")).collect();
        assert_eq!(texts, ["call me on 138********, or", "139", "Yes?", "****", "****"]);
        assert_eq!(said.transcript[0]["at_ms"], 1_234_567);
        assert_eq!(
            (&said.log[0]["detail"], &said.log[2]["detail"]),
            (&json!("138"), &json!("********"))
        );
    }
}
