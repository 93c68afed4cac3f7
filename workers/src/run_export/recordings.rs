//! A ZIP of recordings, packed fast: silence packs to nothing, and sixteen-bit audio that came by G.711 to
//! about half. Each goes from the object store to the object store; a few are fetched at a time, as each takes
//! the store a while to find.
//!
//! A recording that is gone is named in `missing.csv` inside the ZIP, and stops nothing.

use async_zip::base::write::ZipFileWriter;
use async_zip::{Compression, DeflateOption, ZipEntryBuilder};
use chrono_tz::Tz;
use futures::StreamExt;
use futures::io::AsyncWriteExt;
use futures::stream::FuturesOrdered;
use storage::StoreError;
use storage::objects::Body;
use storage::records::RecordView;

use super::{Halt, Run};

/// Objects that are fetched at a time.
const FETCHED_AT_A_TIME: usize = 4;
/// Bytes of an object that is held until its turn comes; a larger one is only opened.
const HELD_BYTES_MAX: u64 = 16 << 20;

pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<u64, Halt> {
    let upload = run.env.objects.upload(key, "application/zip");
    let mut zip = ZipFileWriter::with_tokio(upload);
    let mut missing = Missing::default();
    loop {
        let chunk = run.next().await?;
        if chunk.is_empty() {
            break;
        }
        let env = run.env;
        let recorded = chunk.iter().filter_map(|view| Some((view, view.recording_key.as_deref()?)));
        let recorded: Vec<(&RecordView, &str)> = recorded.collect();
        let mut waiting = recorded.iter();
        let mut fetching = FuturesOrdered::new();
        for (at, (view, _)) in recorded.iter().enumerate() {
            run.left(recorded.len() - at);
            while fetching.len() < FETCHED_AT_A_TIME
                && let Some((_, key)) = waiting.next()
            {
                fetching.push_back(fetch(&env.objects, key));
            }
            let name = name(view, zone);
            let fetched = match fetching.next().await {
                Some(Err(StoreError::NotFound(_))) | None => {
                    missing.name(view, &name)?;
                    continue;
                }
                Some(fetched) => fetched?,
            };
            let entry = ZipEntryBuilder::new(name.into(), Compression::Deflate)
                .deflate_option(DeflateOption::Fast);
            let mut entry = zip.write_entry_stream(entry).await.map_err(Halt::file)?;
            match fetched {
                Fetched::Held(bytes) => entry.write_all(&bytes).await.map_err(Halt::file)?,
                Fetched::Opened(mut body) => {
                    while let Some(piece) = body.next().await? {
                        entry.write_all(&piece).await.map_err(Halt::file)?;
                    }
                }
            }
            entry.close().await.map_err(Halt::file)?;
        }
    }
    if let Some(bytes) = missing.file()? {
        let entry = ZipEntryBuilder::new("missing.csv".to_owned().into(), Compression::Stored);
        zip.write_entry_whole(entry, &bytes).await.map_err(Halt::file)?;
    }
    let upload = zip.close().await.map_err(Halt::file)?.into_inner();
    Ok(upload.finish().await?)
}

/// Names hold no phone number: the record of this id tells whose call it was.
fn name(view: &RecordView, zone: Tz) -> String {
    let started = view.record.started_at.with_timezone(&zone).format("%Y%m%d-%H%M%S");
    format!("{started}-{}.wav", view.record.id)
}

enum Fetched {
    Held(Vec<u8>),
    Opened(Body),
}

async fn fetch(objects: &storage::objects::Objects, key: &str) -> Result<Fetched, StoreError> {
    let mut body = objects.get(key).await?;
    if body.bytes > HELD_BYTES_MAX {
        return Ok(Fetched::Opened(body));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Fetched::Held(bytes))
}

/// Recordings that records speak of and that the store does not have, as CSV.
#[derive(Default)]
struct Missing {
    csv: Option<csv::Writer<Vec<u8>>>,
}

impl Missing {
    fn name(&mut self, view: &RecordView, name: &str) -> Result<(), Halt> {
        if self.csv.is_none() {
            let mut csv = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
            csv.write_record(["Call Record", "File", "Reason"]).map_err(Halt::file)?;
            self.csv = Some(csv);
        }
        if let Some(csv) = &mut self.csv {
            let id = view.record.id.to_string();
            let reason = "the object store does not have it any more";
            csv.write_record([&id, name, reason]).map_err(Halt::file)?;
        }
        Ok(())
    }

    fn file(self) -> Result<Option<Vec<u8>>, Halt> {
        self.csv.map(|csv| csv.into_inner().map_err(Halt::file)).transpose()
    }
}
