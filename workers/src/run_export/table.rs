//! CSV in UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8.

use chrono_tz::Tz;
use outbound::record::cell;
use tokio::io::AsyncWriteExt;

use super::{Halt, Run, conversation_text, shown};

pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<u64, Halt> {
    let (fields, shown) = (run.export.options.columns(), shown(run.export));
    let mut upload = run.env.objects.upload(key, "text/csv; charset=utf-8");
    upload.write_all("\u{feff}".as_bytes()).await.map_err(Halt::file)?;
    let mut lines = csv::WriterBuilder::new().from_writer(Vec::new());
    lines.write_record(fields.iter().map(|field| field.title)).map_err(Halt::file)?;
    loop {
        let written = lines.into_inner().map_err(Halt::file)?;
        upload.write_all(&written).await.map_err(Halt::file)?;
        let chunk = run.next().await?;
        if chunk.is_empty() {
            return Ok(upload.finish().await?);
        }
        lines = csv::WriterBuilder::new().from_writer(Vec::new());
        for view in &chunk {
            let text = conversation_text(view, shown);
            let cells =
                fields.iter().map(|field| cell(&view.record, &text, field, shown).text(zone));
            lines.write_record(cells).map_err(Halt::file)?;
        }
    }
}
