//! A ZIP of recordings, packed fast: silence packs to nothing, and sixteen-bit audio that came by G.711 to
//! about half. Each goes from the object store to the object store; a few are fetched at a time, as each takes
//! the store a while to find.
//!
//! A recording that is gone is named in `missing.csv` inside the ZIP, and stops nothing.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::Path;

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use outbound::Time;
use outbound::ids::AttemptId;
use outbound::recording::RecordingFormat;
use storage::StoreError;
use storage::objects::{Body, Objects};
use storage::records::RecordCursor;
use zip::DateTime;

use super::resume::Packing;
use super::{Halt, Run};

/// Objects that are fetched at a time.
const FETCHED_AT_A_TIME: usize = 4;
/// Bytes of an object that is held until its turn comes; a larger one is only opened.
const HELD_BYTES_MAX: u64 = 16 << 20;

/// Gives the file's key and its bytes.
pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<(String, u64), Halt> {
    let (env, export) = (run.env, run.export);
    let mut packing = Packing::open(run, key).await?;
    loop {
        let chunk = run.next().await?;
        if chunk.is_empty() {
            break;
        }
        let mut waiting = chunk.iter();
        let mut fetching = FuturesOrdered::new();
        for (at, view) in chunk.iter().enumerate() {
            let left = chunk.len() - at;
            run.left(left);
            while fetching.len() < FETCHED_AT_A_TIME
                && let Some(view) = waiting.next()
            {
                fetching.push_back(fetch(&env.objects, view.recording_key.as_deref()));
            }
            let (id, started_at) = (view.record.id, view.record.started_at);
            let format =
                RecordingFormat::of_name(view.recording_key.as_deref().unwrap_or_default());
            let name = name(id, started_at, zone, format);
            match fetching.next().await.transpose()?.flatten() {
                None => packing.missing.push((id, name)),
                Some(Fetched::Held(bytes)) => {
                    let length = bytes.len() as u64;
                    packing
                        .add(name, dos_time(started_at, zone), length, Cursor::new(bytes))
                        .await?;
                }
                Some(Fetched::Opened(body)) => {
                    let length = body.bytes;
                    let file = to_disk(body, env.spool.folder()).await?;
                    packing.add(name, dos_time(started_at, zone), length, file).await?;
                }
            }
            let rows = run.done.saturating_sub(left as u64 - 1);
            packing.done((env, export), RecordCursor { started_at, id }, rows).await?;
        }
    }
    if !packing.missing.is_empty() {
        let missing = missing(&packing.missing)?;
        let length = missing.len() as u64;
        packing.add("missing.csv".to_owned(), None, length, Cursor::new(missing)).await?;
    }
    packing.finish().await
}

/// Names hold no phone number: the record of this id tells whose call it was.
fn name(id: AttemptId, started_at: Time, zone: Tz, format: RecordingFormat) -> String {
    let (at, end) = (started_at.with_timezone(&zone).format("%Y%m%d-%H%M%S"), format.extension());
    format!("{at}-{id}.{end}")
}

/// When the call began, as a ZIP tells the times of its files; none outside of 1980 to 2107.
fn dos_time(started_at: Time, zone: Tz) -> Option<DateTime> {
    let at = started_at.with_timezone(&zone);
    let year = u16::try_from(at.year()).ok()?;
    let [month, day] = [at.month(), at.day()].map(|part| u8::try_from(part).unwrap_or(1));
    let [hour, minute, second] =
        [at.hour(), at.minute(), at.second()].map(|part| u8::try_from(part).unwrap_or(0));
    DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
}

enum Fetched {
    Held(Vec<u8>),
    Opened(Body),
}

/// None: the store does not have it any more.
async fn fetch(objects: &Objects, key: Option<&str>) -> Result<Option<Fetched>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let mut body = match objects.get(key).await {
        Ok(body) => body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    if body.bytes > HELD_BYTES_MAX {
        return Ok(Some(Fetched::Opened(body)));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(Fetched::Held(bytes)))
}

/// An object as a file without a name.
async fn to_disk(mut body: Body, folder: &Path) -> Result<std::fs::File, Halt> {
    let mut file = tempfile::tempfile_in(folder).map_err(Halt::file)?;
    while let Some(piece) = body.next().await? {
        let written = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file));
        file = written.await.map_err(Halt::file)?.map_err(Halt::file)?;
    }
    file.seek(SeekFrom::Start(0)).map_err(Halt::file)?;
    Ok(file)
}

/// Recordings that records speak of and that the store does not have, as CSV.
fn missing(recordings: &[(AttemptId, String)]) -> Result<Vec<u8>, Halt> {
    let mut csv = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    csv.write_record(["Call Record", "File", "Reason"]).map_err(Halt::file)?;
    for (id, name) in recordings {
        let reason = "the object store does not have it any more";
        csv.write_record([&id.to_string(), name, reason]).map_err(Halt::file)?;
    }
    csv.into_inner().map_err(Halt::file)
}
