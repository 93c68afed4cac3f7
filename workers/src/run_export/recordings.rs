//! A ZIP of recordings, packed fast: silence packs to nothing, and sixteen-bit audio that came by G.711 to
//! about half. Each is streamed from the object store to the object store.

use async_zip::base::write::ZipFileWriter;
use async_zip::{Compression, DeflateOption, ZipEntryBuilder};
use futures::io::AsyncWriteExt;

use super::{Halt, Run};

pub async fn write(run: &mut Run<'_>, key: &str) -> Result<u64, Halt> {
    let upload = run.env.objects.upload(key, "application/zip");
    let mut zip = ZipFileWriter::with_tokio(upload);
    loop {
        let chunk = run.next().await?;
        if chunk.is_empty() {
            break;
        }
        for view in &chunk {
            let Some(recording) = &view.recording_key else { continue };
            // Names hold no phone number: the record of this id tells whose call it was.
            let started = view.record.started_at.format("%Y%m%d-%H%M%S");
            let name = format!("{started}-{}.wav", view.record.id);
            let mut from = run.env.objects.get(recording).await?;
            let entry = ZipEntryBuilder::new(name.into(), Compression::Deflate)
                .deflate_option(DeflateOption::Fast);
            let mut entry = zip.write_entry_stream(entry).await.map_err(Halt::file)?;
            while let Some(piece) = from.next().await? {
                entry.write_all(&piece).await.map_err(Halt::file)?;
            }
            entry.close().await.map_err(Halt::file)?;
        }
    }
    let upload = zip.close().await.map_err(Halt::file)?.into_inner();
    Ok(upload.finish().await?)
}
