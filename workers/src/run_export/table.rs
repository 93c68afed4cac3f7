//! CSV in UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8. Times are texts of the
//! enterprise's wall clock, and what a spreadsheet would run is defused.

use chrono_tz::Tz;
use outbound::spreadsheet::defuse;
use tokio::io::AsyncWriteExt;

use super::{Halt, Run, shown};

pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<u64, Halt> {
    let (columns, shown) = (run.columns.clone(), shown(run.export));
    let mut upload = run.env.objects.upload(key, "text/csv; charset=utf-8");
    upload.write_all("\u{feff}".as_bytes()).await.map_err(Halt::file)?;
    let mut lines = csv::WriterBuilder::new().from_writer(Vec::new());
    // A variable's name is what somebody typed, as its values are.
    let head = columns.iter().map(|column| defuse(&column.title(shown)));
    lines.write_record(head).map_err(Halt::file)?;
    loop {
        let written = lines.into_inner().map_err(Halt::file)?;
        upload.write_all(&written).await.map_err(Halt::file)?;
        let chunk = run.next().await?;
        if chunk.is_empty() {
            return Ok(upload.finish().await?);
        }
        lines = csv::WriterBuilder::new().from_writer(Vec::new());
        for view in &chunk {
            let text = view.conversation_text(shown);
            let cells = columns
                .iter()
                .map(|column| defuse(&column.cell(&view.record, &text, shown).text(zone)));
            lines.write_record(cells).map_err(Halt::file)?;
        }
    }
}
