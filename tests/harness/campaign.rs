//! What the stories of a campaign say often: periods, edits, wall-clock times, calls that are up.

use chrono_tz::Tz;
use outbound::Time;
use serde_json::{Value, json};

use crate::{World, eventually};

/// The zone of a world's enterprise.
pub const ZONE: Tz = chrono_tz::Asia::Shanghai;

/// A time of a JSON body.
pub fn time(value: &Value) -> Time {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

/// `12-01 18:00:5x`: when a call started, on a wall in `zone`; to ten seconds, since a busy machine
/// takes a few.
pub fn wall_tens(record: &Value, zone: Tz) -> String {
    let mut shown =
        time(&record["started_at"]).with_timezone(&zone).format("%m-%d %H:%M:%S").to_string();
    shown.pop();
    shown + "x"
}

/// `10:00 10:10 10:30`: when the calls started, on the enterprise's wall.
pub fn wall(records: &[Value]) -> String {
    let minute = |record: &Value| {
        time(&record["started_at"]).with_timezone(&ZONE).format("%H:%M").to_string()
    };
    records.iter().map(minute).collect::<Vec<_>>().join(" ")
}

/// The last `digits` digits of the numbers that were called, in the order of the calls.
pub fn rung(records: &[Value], digits: usize) -> String {
    let last = |record: &Value| {
        let number = record["customer_number"].as_str().expect("a number");
        number[number.len() - digits..].to_owned()
    };
    records.iter().map(last).collect::<Vec<_>>().join(" ")
}

/// `busy answered`: how the calls ended.
pub fn results(records: &[Value]) -> String {
    let word = |record: &Value| record["result"].as_str().unwrap_or("?").to_owned();
    records.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// `422 /schedule/scheduled_start not_a_range_start`, and what it says to a person.
pub fn refusal((status, problem): &(u16, Value)) -> (String, String) {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let codes = errors.iter().map(|error| {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        format!(" {} {}", text("pointer"), text("code"))
    });
    let detail = errors.first().unwrap_or(problem)["detail"].as_str().unwrap_or_default();
    (format!("{status}{}", codes.collect::<String>()), detail.to_owned())
}

/// Number objects of an import: one for each phone.
pub fn numbers<'a>(phones: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    phones.into_iter().map(|phone| json!({"phone_number": phone})).collect()
}

/// `count` numbers that nobody answers on an instant line.
pub fn silent_numbers(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"phone_number": format!("1390{:03}{:04}", n / 1_000, 5_000 + n % 1_000)}))
        .collect()
}

impl World {
    /// A period of ranges as `09:00-12:00 14:00-18:00`; gives its id.
    pub async fn period(&self, name: &str, kind: &str, ranges: &str) -> String {
        self.made("periods", json!({"name": name, "kind": kind, "ranges": Self::ranges(ranges)}))
            .await
    }

    /// Ranges in the form that a period has them.
    pub fn ranges(text: &str) -> Value {
        let range = |text: &str| {
            let (start, end) = text.split_once('-').expect("a range");
            json!({"start": start, "end": end})
        };
        text.split_whitespace().map(range).collect()
    }

    /// A trunk whose simulated line is `simulated` over one that takes no time, and what `more` says;
    /// with a caller ID of its own. Gives the ids of both.
    pub async fn line(
        &self,
        name: &str,
        phone: &str,
        simulated: Value,
        more: Value,
    ) -> (String, String) {
        let mut line = json!({"setup_ms": [0, 0], "ring_ms": [0, 0], "talk_ms": [0, 0], "mix": {"no_answer": 1}});
        merge(&mut line, simulated);
        let mut trunk = json!({"name": name, "concurrency": 1_000, "simulated": line});
        merge(&mut trunk, more);
        let trunk = self.made("trunks", trunk).await;
        let caller = self.made("caller_ids", json!({"trunk": trunk, "phone": phone})).await;
        (trunk, caller)
    }

    /// A published navigation that says so many words and hangs up; a word lasts 160 ms.
    pub async fn speech(&self, name: &str, words: usize) -> String {
        let text = vec!["word"; words].join(" ");
        let navigation = json!({"name": name, "start": "speech", "nodes": [
            {"name": "speech", "kind": "play", "text": text, "next": "end"},
            {"name": "end", "kind": "hangup"},
        ]});
        let id = self.made("navigations", navigation).await;
        self.post(&format!("navigations/{id}/publish"), json!({})).await;
        id
    }

    /// An edit that may be refused: the status and the body.
    pub async fn edit(&self, path: &str, patch: Value) -> (u16, Value) {
        let read = self
            .api
            .request("GET".parse().expect("a method"), path)
            .send()
            .await
            .expect("an answer");
        let tag = read.headers().get("etag").cloned().expect("an ETag");
        let request = self.api.request("PATCH".parse().expect("a method"), path);
        let reply = request.header("If-Match", tag).json(&patch).send().await.expect("an answer");
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or_default())
    }

    /// Import numbers and start the task by it.
    pub async fn import_auto(&self, task: &str, batch: &str, phones: &[&str]) -> Value {
        let options = json!({"batch_name": batch, "start": "auto"});
        self.import_numbers(task, &options, numbers(phones.iter().copied())).await
    }

    pub async fn pause(&self, task: &str) -> Value {
        self.post(&format!("tasks/{task}/pause"), json!({})).await
    }

    pub async fn progress(&self, task: &str) -> Value {
        self.get(&format!("tasks/{task}/progress")).await
    }

    /// Numbers of a task, in the order of their import.
    pub async fn numbers(&self, task: &str) -> Vec<Value> {
        let path = format!("tasks/{task}/numbers");
        let mut numbers = self.api.list(&path, &[], 100_000).await.expect("numbers");
        numbers.sort_by_key(|number| number["seq"].as_i64());
        numbers
    }

    /// The states of a task's numbers, in the order of their import: `connected pending`.
    pub async fn number_states(&self, task: &str) -> String {
        let numbers = self.numbers(task).await;
        let states =
            numbers.iter().map(|number| number["state"].as_str().unwrap_or("?").to_owned());
        states.collect::<Vec<_>>().join(" ")
    }

    pub async fn until_number_states(&self, task: &str, wanted: &str) {
        let what = format!("the numbers to be {wanted}");
        eventually(&what, || async { (self.number_states(task).await == wanted).then_some(()) })
            .await;
    }

    /// What happened to a task, oldest first: `scheduled_start nothing_pending`.
    pub async fn events(&self, task: &str) -> String {
        let path = format!("tasks/{task}/events");
        let mut events = self.api.list(&path, &[], 1_000).await.expect("events");
        events.reverse();
        let words = events.iter().map(|event| event["event"].as_str().unwrap_or("?").to_owned());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Wait until numbers of a task wait for that reason, and give until when the first does.
    pub async fn until_waiting(&self, task: &str, reason: &str) -> Time {
        eventually(&format!("numbers that wait for {reason}"), || async {
            let progress = self.progress(task).await;
            let waiting = progress["waiting"].as_array().cloned().unwrap_or_default();
            let found = waiting.iter().find(|waiting| waiting["reason"] == reason);
            found.map(|waiting| time(&waiting["next_due_at"]))
        })
        .await
    }

    /// Wait until that many calls of a task are up.
    pub async fn until_live(&self, task: &str, calls: u64) -> Value {
        eventually(&format!("{calls} calls to be up"), || async {
            let progress = self.progress(task).await;
            (progress["live"] == calls).then_some(progress)
        })
        .await
    }

    /// Wait until numbers of a task have been called (their call began), and give how many.
    pub async fn until_begun(&self, task: &str, calls: usize) {
        eventually(&format!("{calls} calls to have begun"), || async {
            let mut begun = 0;
            for number in self.numbers(task).await {
                let id = number["id"].as_str().expect("an id");
                let journey = self.get(&format!("numbers/{id}")).await;
                begun += usize::from(!journey["live"]["started_at"].is_null());
            }
            (begun >= calls).then_some(())
        })
        .await;
    }
}

/// Put fields over an object.
pub fn merge(object: &mut Value, over: Value) {
    if let (Some(object), Value::Object(over)) = (object.as_object_mut(), over) {
        object.extend(over);
    }
}
