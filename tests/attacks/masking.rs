//! Numbers that are written so that nobody takes them for numbers, and who reads them all the same.

use callwright::client::Api;
use harness::files::{read_csv, read_workbook};
use harness::{Line, World, ask};
use outbound::characters::digit;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Digits of a number in a row that may not be told.
const TOLD_MAX: usize = 6;
/// Numbers that are written in some way.
const FORMS: usize = 24;
/// Zeros of scripts: Latin, Arabic-Indic, Persian, Devanagari, Bengali, Thai, wide and mathematical ones.
const ZEROS: [char; 8] = ['0', '٠', '۰', '०', '০', '๐', '０', '𝟎'];
/// What may stand between two digits: in any text, and in a name.
const ANYWHERE: [&str; 10] = [
    "\n",
    "\r\n",
    "\t",
    "\u{200b}",
    "\u{202e}",
    "\u{3164}",
    "\u{feff}",
    "\u{ad}",
    "\u{2028}",
    "\\u{200b}",
];
const IN_NAMES: [&str; 12] = ["", "", "", " ", "-", ".", "\u{a0}", "/", "_", "·", ") (", ", "];

/// A phone, and how somebody wrote it.
#[derive(Debug)]
struct Written {
    digits: String,
    anyhow: String,
    in_name: String,
}

fn written() -> Vec<Written> {
    let mut runner = TestRunner::deterministic();
    let places = proptest::collection::vec(
        (0..ZEROS.len(), 0..ANYWHERE.len() + IN_NAMES.len(), 0..10_u32),
        11,
    );
    (0..FORMS)
        .map(|_| {
            let places = places.new_tree(&mut runner).expect("a number").current();
            let digits = ['1', '3', '8'].map(|c| c.to_digit(10).expect("a digit"));
            let digits: Vec<u32> =
                digits.into_iter().chain(places.iter().skip(3).map(|place| place.2)).collect();
            let write = |between: &dyn Fn(usize) -> &'static str| -> String {
                let written = digits.iter().zip(&places).map(|(value, (script, place, _))| {
                    let digit = char::from_u32(u32::from(ZEROS[*script]) + value).expect("a digit");
                    format!("{digit}{}", between(*place))
                });
                written.collect()
            };
            let name = |place: usize| IN_NAMES[place % IN_NAMES.len()];
            Written {
                digits: digits.iter().map(u32::to_string).collect(),
                anyhow: write(&|place| ANYWHERE.get(place).copied().unwrap_or_else(|| name(place))),
                in_name: write(&name),
            }
        })
        .collect()
}

/// Whether a text tells more of a number than may be told: digits of any script, whatever stands between them but
/// letters.
fn tells(text: &str, number: &str) -> bool {
    let normal: String = text
        .replace("\\u{200b}", "")
        // A letter, which nobody sees.
        .replace('\u{3164}', "")
        .chars()
        .filter_map(|c| match digit(c) {
            Some(value) => char::from_digit(value, 10),
            None => (c.is_alphabetic() || c == '*').then_some('x'),
        })
        .collect();
    let number: Vec<char> = number.chars().collect();
    number.windows(TOLD_MAX + 1).any(|told| normal.contains(&told.iter().collect::<String>()))
}

/// All texts of a JSON value, names of fields too.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            into.push(name.clone());
            texts(field, into);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A world in which every call is answered, and a robot says the note of the number.
async fn saying_notes() -> (World, String) {
    let world = World::with("2026-12-01T10:00:00+08:00", 60, Line::Natural).await;
    let line = json!({"test_numbers": false, "mix": {"answered": 1, "no_answer": 0, "busy": 0, "power_off": 0,
        "out_of_service": 0, "invalid_number": 0, "call_assistant": 0}, "personas": ["polite"]});
    world.patch(&format!("trunks/{}", world.trunk), json!({"simulated": line})).await;
    let navigation = json!({"name": "note", "start": "say", "variables": [{"name": "note"}], "nodes": [
        {"name": "say", "kind": "play", "text": "Your note: {{note}}.", "next": "end"},
        {"name": "end", "kind": "hangup"},
    ]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    (world, navigation)
}

/// Everything that a key is shown of what can be had as JSON, path by path.
async fn shown(api: &Api, paths: &[String]) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for path in paths {
        let answer = ask(api, "GET", path, Value::Null).await;
        assert_eq!(answer.told(), "200", "{path}");
        let mut found = Vec::new();
        match answer.json() {
            Value::Null => {
                for row in read_csv(&answer.bytes) {
                    // The row's own number in front, and our words behind.
                    found.extend(row.into_iter().skip(1).take(2));
                }
            }
            value => texts(&value, &mut found),
        }
        shown.extend(found.into_iter().map(|text| (path.clone(), text)));
    }
    shown
}

/// The cells of an export that a key makes.
async fn exported(world: &World, api: &Api, format: &str) -> Vec<(String, String)> {
    let options = json!({"content": "call_records", "format": format});
    let made = ask(api, "POST", "exports", options).await.json();
    let path = format!("exports/{}", made["id"].as_str().expect("an id"));
    world.until_over(&path).await;
    let bytes = world.download(&format!("{path}/download")).await;
    let rows = if format == "csv" { read_csv(&bytes) } else { read_workbook(&bytes) };
    rows.into_iter().flatten().map(|cell| (format!("{format} export"), cell)).collect()
}

#[tokio::test]
async fn no_number_is_told_to_a_masked_key_however_it_was_written_and_wherever_it_stands() {
    let (world, navigation) = saying_notes().await;
    let numbers = written();
    let masked = world.key("admin", &["export"]).await;
    let mut paths: Vec<String> = [
        "records",
        "conversations",
        "suppressions",
        "suppressions/imports",
        "exports",
        "audit?limit=200",
    ]
    .map(str::to_owned)
    .to_vec();

    let task = world.task("notes", json!({"navigation": navigation, "concurrency": 30})).await;
    let rows = numbers.iter().map(|number| {
        let name = format!("n {}", number.in_name.chars().take(60).collect::<String>());
        json!({"phone_number": number.digits, "variables": {"note": number.anyhow, name: "x"}})
    });
    let wrong = numbers.iter().map(|number| json!({"phone_number": format!("{}x", number.anyhow)}));
    let options = json!({"batch_name": numbers[0].in_name, "start": "auto"});
    let import = world.import_numbers(&task, &options, rows.chain(wrong).collect()).await;
    let import = import["id"].as_str().expect("an id").to_owned();
    paths.extend([
        format!("tasks/{task}/numbers?limit=200"),
        format!("tasks/{task}/batches"),
        format!("tasks/{task}/imports"),
        format!("imports/{import}"),
        format!("imports/{import}/errors"),
    ]);
    for batch in
        world.get(&format!("tasks/{task}/batches")).await["data"].as_array().expect("a list")
    {
        paths.push(format!("batches/{}", batch["id"].as_str().expect("an id")));
    }

    for (place, number) in numbers.iter().enumerate() {
        // A reason has no control character but tabs and line ends, and neither have these.
        let added =
            json!({"phone_numbers": [format!("1390000{place:04}")], "reason": number.anyhow});
        world.post("suppressions", added).await;
        let key = json!({"name": number.in_name, "role": "viewer", "permissions": []});
        world.post("keys", key).await;
        for filter in [
            format!("customer_number = +86{}", number.digits),
            format!("variables.note = {}", json!(number.in_name)),
        ] {
            let options = json!({"content": "call_records", "format": "csv", "filter": filter});
            world.post("exports", options).await;
        }
    }
    let [reason, wrong] = ["", "x"].map(|end| json!(format!("{}{end}", numbers[1].in_name)));
    let list = format!("Phone Number,Reason\n13900001000,{reason}\n{wrong},x\n");
    let options = json!({"reason": numbers[2].anyhow});
    let list =
        world.upload_to("suppressions/imports", "list.csv", list.into_bytes(), &options).await;
    let list = format!("suppressions/imports/{}", list.json()["id"].as_str().expect("an id"));
    world.until_over(&list).await;
    paths.extend([format!("{list}/errors"), list]);

    for record in world.until_records(&task, numbers.len()).await {
        let id = |name: &str| record[name].as_str().expect("an id").to_owned();
        paths.extend([
            format!("records/{}", id("id")),
            format!("records/{}/conversation", id("id")),
            format!("numbers/{}", id("number")),
        ]);
    }
    paths.push("records?fields=conversation_text&limit=200".to_owned());

    let mut all = shown(&masked, &paths).await;
    for format in ["csv", "xlsx"] {
        all.extend(exported(&world, &masked, format).await);
    }
    for number in &numbers {
        for (path, text) in &all {
            assert!(!tells(text, &number.digits), "{path} tells {}: {text:?}", number.digits);
        }
    }
    // Who may see them sees them in each of these places: else there were nothing to mask.
    let full = shown(&world.api, &paths).await;
    for path in paths.iter().filter(|path| !path.contains("numbers/") && !path.contains("records/"))
    {
        let told = full.iter().any(|(other, text)| {
            other == path && numbers.iter().any(|number| tells(text, &number.digits))
        });
        // No robot took these calls.
        assert!(told || path == "conversations", "{path} has no number at all");
    }
    world.end().await;
}
