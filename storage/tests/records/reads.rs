//! Lists, details and exports.

use outbound::export::Content;
use outbound::ids::AttemptId;
use outbound::outcome::CallResult;
use sqlx::PgPool;
use storage::StoreError;
use storage::records::{self, Analysis, Order, RecordCursor, RecordQuery, RecordStream};
use storage::rows::Page;

use crate::data::{Call, enterprise, minutes, nine, world};

#[sqlx::test(migrations = "../migrations")]
async fn a_list_stays_steady_while_new_records_come_in(pool: PgPool) {
    let world = world(pool).await;
    let mut expected = Vec::new();
    for n in 0..7 {
        // Three started at one instant: the id tells them apart.
        expected.push(world.call(Call::at(nine() + minutes(n / 3))).await);
    }
    expected.reverse();
    let query = RecordQuery { task: Some(world.task), ..RecordQuery::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = Page { limit: 3, after };
        let page = records::list(&world.store, world.enterprise, &query, page).await.unwrap();
        seen.extend(page.rows.iter().map(|view| view.record.id));
        world.call(Call::at(nine() + minutes(60))).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    // The other way round, and from where a page ended.
    let query = RecordQuery { order: Order::OldestFirst, ..query };
    let first =
        records::list(&world.store, world.enterprise, &query, Page::first(4)).await.unwrap();
    let rest = Page { limit: 3, after: first.next };
    let rest = records::list(&world.store, world.enterprise, &query, rest).await.unwrap();
    let rising: Vec<_> = first.rows.iter().chain(&rest.rows).map(|view| view.record.id).collect();
    assert_eq!(rising, expected.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(records::count(&world.store, world.enterprise, &query).await.unwrap(), 10);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_record_of_another_enterprise_is_not_found(pool: PgPool) {
    let world = world(pool).await;
    let (other, _) = enterprise(&world.pool, "Other", 365).await;
    let id = world.call(Call::at(nine())).await;
    let record = records::get(&world.store, world.enterprise, id).await.unwrap().record;
    assert_eq!((record.id, record.result, record.turns), (id, CallResult::Answered, 3));
    assert_eq!(record.talk_ms(), 62_500);
    for gone in [
        records::get(&world.store, other, id).await.map(drop),
        records::conversation(&world.store, other, id).await.map(drop),
        records::get(&world.store, world.enterprise, clock::new_id::<AttemptId>()).await.map(drop),
    ] {
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    }
    let all = RecordQuery::default();
    assert!(
        records::list(&world.store, other, &all, Page::first(10)).await.unwrap().rows.is_empty()
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_reads_one_snapshot(pool: PgPool) {
    let world = world(pool).await;
    for n in 0..4_500 {
        world.call(Call::at(nine() + minutes(n % 100)).result("busy")).await;
    }
    let mut stream =
        RecordStream::open(&world.store, world.enterprise, RecordQuery::default()).await.unwrap();
    assert_eq!(stream.total, 4_500);
    let mut seen = Vec::new();
    loop {
        let chunk = stream.next().await.unwrap();
        if chunk.is_empty() {
            break;
        }
        // Newer than all, and older than all: neither is of the snapshot.
        world.call(Call::at(nine() + minutes(1_000))).await;
        world.call(Call::at(nine() - minutes(1_000))).await;
        seen.extend(chunk.into_iter().map(|view| (view.record.started_at, view.record.id)));
    }
    assert_eq!(seen.len(), 4_500);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_of_conversations_or_recordings_holds_those(pool: PgPool) {
    let world = world(pool).await;
    let spoken = world.call(Call::at(nine())).await;
    world.call(Call::at(nine()).result("busy")).await;
    world.recording(spoken, nine(), "ready").await;
    let pending = world.call(Call::at(nine() + minutes(1))).await;
    world.recording(pending, nine(), "pending").await;
    for (content, expected) in
        [(Content::CallRecords, 3), (Content::Conversations, 2), (Content::Recordings, 1)]
    {
        let query = RecordQuery::all(content);
        let mut stream = RecordStream::open(&world.store, world.enterprise, query).await.unwrap();
        let rows = stream.next().await.unwrap();
        assert_eq!((rows.len(), stream.total), (expected, expected as u64), "{content:?}");
        let words = rows.iter().filter(|row| row.conversation.is_some()).count();
        assert_eq!(words, if content == Content::Conversations { 2 } else { 0 });
        if content == Content::Recordings {
            let key = format!("recordings/{spoken}.wav");
            assert_eq!(rows[0].recording_key.as_ref(), Some(&key));
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn an_analysis_is_written_once_and_what_lacks_one_is_found(pool: PgPool) {
    let world = world(pool).await;
    let first = world.call(Call::at(nine())).await;
    let second = world.call(Call::at(nine() + minutes(1))).await;
    let lacking = || records::unanalyzed(&world.store, nine() - minutes(1), None, 10);
    let ids =
        |found: Vec<RecordCursor>| found.into_iter().map(|found| found.id).collect::<Vec<_>>();
    assert_eq!(ids(lacking().await.unwrap()), [first, second]);
    let analysis = Analysis {
        intent_tags: vec!["vip".into()],
        captures: [("date".to_owned(), "Monday".to_owned())].into(),
        process_hangup_point: "farewell".into(),
    };
    for _ in 0..2 {
        records::set_analysis(&world.store, first, nine(), &analysis).await.unwrap();
    }
    assert_eq!(ids(lacking().await.unwrap()), [second]);
    let record = records::get(&world.store, world.enterprise, first).await.unwrap().record;
    assert_eq!(record.intent_tags, ["vip"]);
    assert_eq!(record.captures, analysis.captures);
    assert_eq!(record.process_hangup_point, "farewell");
    let words = records::conversation(&world.store, world.enterprise, first).await.unwrap();
    assert!(words.analyzed);
    assert_eq!(words.transcript[0]["text"], "hello");
}
