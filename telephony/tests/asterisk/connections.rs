//! Who may connect with AudioSocket: only who names a call that is waited for, once and in time.

use std::time::Duration;

use telephony::carrier::Carrier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::asterisk::phones::{Act, phone};
use crate::asterisk::world::{PATIENCE, World, answered, eventually, until};

async fn connect(world: &World) -> TcpStream {
    let address = world.gate.driver().address().expect("it listens");
    TcpStream::connect(address).await.unwrap()
}

/// Wait until the far end has closed, without a byte of audio.
async fn is_shut_out(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    // A reset closes as well.
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok() && bytes.is_empty(), "{read:?} {bytes:?}");
}

#[tokio::test]
async fn a_connection_that_names_no_call_is_shut_out() {
    let world = World::new("audiosocket").await;
    let mut unknown = vec![0x01, 0, 16];
    unknown.extend_from_slice(uuid::Uuid::from_u128(7).as_bytes());
    let mut audio_first = vec![0x10, 1, 64];
    audio_first.resize(323, 0);
    for first in [unknown, audio_first, vec![0xff; 64], b"GET / HTTP/1.1\r\n\r\n\r\n".to_vec()] {
        let mut stream = connect(&world).await;
        stream.write_all(&first).await.unwrap();
        is_shut_out(stream).await;
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_shut_out_in_time_and_calls_go_on_meanwhile() {
    let world = World::new("audiosocket").await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(connect(&world).await);
    }
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    let id = call.call_id().to_owned();
    eventually(|| world.asterisk.ear(&id).is_some_and(|ear| ear.played.len() > 10)).await;
    for stream in silent {
        tokio::time::timeout(Duration::from_secs(20), is_shut_out(stream)).await.unwrap();
    }
}

#[tokio::test]
async fn the_name_of_a_call_is_good_for_one_connection() {
    let world = World::new("audiosocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    let media = format!("{}-media", call.call_id());
    let id = call.call_id().to_owned();
    eventually(|| world.asterisk.ear(&id).is_some_and(|ear| ear.played.len() > 10)).await;
    let asked = world.asterisk.inside().channels[&media].originate.clone();
    let name: uuid::Uuid = asked["data"].as_str().unwrap().parse().unwrap();
    let mut stream = connect(&world).await;
    stream.write_all(&[0x01, 0, 16]).await.unwrap();
    stream.write_all(name.as_bytes()).await.unwrap();
    is_shut_out(stream).await;
    let before = world.asterisk.ear(&id).unwrap().played.len();
    eventually(|| world.asterisk.ear(&id).unwrap().played.len() > before + 10).await;
}
