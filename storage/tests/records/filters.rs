//! Filters find what they say: each on the same three records.

use outbound::filter;
use outbound::record::{Cell, FIELDS, FieldKind, Shown, cell};
use sqlx::PgPool;
use storage::records::{self, RecordQuery};
use storage::rows::Page;

use crate::data::{Call, World, minutes, nine, world};

/// Which of the records `a` (answered), `b` (busy) and `n` (not answered) a filter finds.
async fn found(world: &World, text: &str, [a, b, n]: [outbound::ids::AttemptId; 3]) -> String {
    let filter = filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let query = RecordQuery { filter: Some(filter), ..RecordQuery::default() };
    let page = records::list(&world.store, world.enterprise, &query, Page::first(10)).await;
    let rows = page.unwrap_or_else(|error| panic!("{text}: {error}")).rows;
    let has = |id| rows.iter().any(|view| view.record.id == id);
    [(a, 'a'), (b, 'b'), (n, 'n')].into_iter().filter(|(id, _)| has(*id)).map(|(_, c)| c).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_filter_finds_what_it_says(pool: PgPool) {
    let world = world(pool).await;
    let a = world.call(Call { turns: 6, tags: vec!["vip", "angry"], ..Call::at(nine()) }).await;
    let b = world
        .call(Call {
            phone: 8_613_800_000_002,
            variables: serde_json::json!({ "customerName": "Bob's \"O%_\" 名", "city": "" }),
            ..Call::at(nine() + minutes(1)).result("busy")
        })
        .await;
    let n = world
        .call(Call {
            phone: 8_613_800_000_003,
            variables: serde_json::json!({}),
            ..Call::at(nine() + minutes(2)).result("no_answer")
        })
        .await;
    let a_id = format!("id = {a}");
    for (text, expected) in [
        ("", "abn"),
        (r#"result = "answered""#, "a"),
        (r#"result = "answered" AND turns >= 6"#, "a"),
        (r#"result = "answered" AND turns > 6"#, ""),
        ("result != answered", "bn"),
        ("NOT result = answered", "bn"),
        ("result = busy OR result = no_answer", "bn"),
        ("NOT (result = busy OR turns = 6)", "n"),
        ("called_status = busy", "b"),
        ("called_status = \"\"", "a"),
        ("answer_status = unanswered", "bn"),
        ("robot_answer_status = answered", "a"),
        // Blank is a value: it differs from every other, and a NOT finds it.
        ("hangup_party = customer", "a"),
        ("hangup_party != customer", "bn"),
        ("NOT hangup_party = customer", "bn"),
        ("hangup_party = \"\"", "bn"),
        ("sip_code = 486", "bn"),
        ("sip_code != 486", "a"),
        ("NOT sip_code > 400", "a"),
        ("answered_at >= 2026-11-23T09:00:10Z", "a"),
        ("answered_at > 2026-11-23T09:00:10Z", ""),
        ("NOT answered_at < 2027-01-01T00:00:00Z", "bn"),
        ("started_at < 2026-11-23T09:01:00Z", "a"),
        ("started_at >= 2026-11-23T09:01:00Z AND started_at <= 2026-11-23T09:01:00Z", "b"),
        ("talk_seconds = 62.5", "a"),
        ("talk_seconds = 0", "bn"),
        ("ring_seconds = 6", "a"),
        ("total_seconds > 30", "a"),
        ("robot_talk_seconds >= 62", "a"),
        ("opening_hangup_seconds = 2.3", "a"),
        ("customer_number = +8613800000002", "b"),
        ("customer_number != +8613800000002", "an"),
        ("customer_number_encrypted = \"138****0002\"", "b"),
        ("customer_number_encrypted : 138", "abn"),
        ("conversation_text = \"[00:00] Customer: hello\"", "a"),
        ("conversation_text : HELLO", "a"),
        ("conversation_text = \"\"", "bn"),
        ("customer_number_location = \"Guangdong Shenzhen\"", "abn"),
        ("customer_number_location : shenzhen", "abn"),
        ("batch_name : NOV", "abn"),
        ("batch_name = NOV", ""),
        ("transferred = false", "abn"),
        ("intent_tags : vip", "a"),
        ("NOT intent_tags : vip", "bn"),
        ("intent_tags : \"\"", "bn"),
        ("variables.customerName = Ann", "a"),
        ("variables.customerName != Ann", "bn"),
        ("variables.customerName : an", "a"),
        ("variables.customerName : \"%\"", "b"),
        (r#"variables.customerName = "Bob's \"O%_\" 名""#, "b"),
        ("variables.customerName : 名", "b"),
        ("variables : customerName", "ab"),
        ("variables : city", "b"),
        ("variables : \"\"", "n"),
        ("variables.city = \"\"", "abn"),
        (a_id.as_str(), "a"),
    ] {
        assert_eq!(found(&world, text, [a, b, n]).await, expected, "{text}");
    }
}

/// A filter that asks for what a record has in a field; none: it has nothing there.
fn asking_for(name: &str, cell: &Cell) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\\\""));
    Some(match cell {
        Cell::Blank => return None,
        Cell::Text(text) => format!("{name} = {}", quoted(text)),
        Cell::Phone(phone) => format!("{name} = {}", phone.reveal()),
        Cell::Number(number) => format!("{name} = {number}"),
        Cell::Flag(flag) => format!("{name} = {flag}"),
        Cell::Time(at) => format!("{name} = {}", at.to_rfc3339()),
        Cell::List(values) => format!("{name} : {}", quoted(&values[0])),
        Cell::Map(values) => format!("{name} : {}", quoted(values.keys().next()?)),
    })
}

#[sqlx::test(migrations = "../migrations")]
async fn a_record_is_found_by_whatever_it_has_in_any_field(pool: PgPool) {
    let world = world(pool).await;
    let answered = world.call(Call { tags: vec!["vip"], ..Call::at(nine()) }).await;
    let busy = Call { phone: 8_613_800_000_002, ..Call::at(nine() + minutes(1)).result("busy") };
    let busy = world.call(busy).await;
    let rest = "update call_record
           set call_id = 'abc@line', cause = 'worker_lost', q850_cause = 17, robot_name = 'Anna',
               robot_answer_result = 'robot_answered', robot_ended_at = ended_at, interruptions = 2,
               process_hangup_point = 'closing', captures = '{\"time\": \"9:00\"}', recording_state = 'ready',
               outbound_number_province = 'Beijing', outbound_number_city = 'Beijing',
               agent_id = '1001', agent_name = 'Wang', agent_phone = 8613900000001,
               callback_at = ended_at + interval '1 hour', answered_by = 'person'
         where id = $1";
    world.run(rest, answered.uuid()).await;
    let query = RecordQuery::default();
    let rows = records::list(&world.store, world.enterprise, &query, Page::first(10)).await;
    let rows = rows.unwrap().rows;
    for field in FIELDS {
        let mut has_value = false;
        for view in &rows {
            let said = if view.record.id == answered { "[00:00] Customer: hello" } else { "" };
            let cell = cell(&view.record, said, field, Shown::Full);
            let Some(asked) = asking_for(field.name, &cell) else { continue };
            has_value = true;
            let id = view.record.id;
            let found = found(&world, &asked, [id, answered, busy]).await;
            assert!(found.contains('a'), "{asked} does not find its record");
        }
        // What no record can have is only shown.
        assert_eq!(has_value, field.kind != FieldKind::Shown, "{}", field.name);
    }
}
