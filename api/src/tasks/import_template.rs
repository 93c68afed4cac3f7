//! `GET /v1/tasks/{task_id}/import_template`: a file with the headers that the task's imports must
//! have, as XLSX or CSV.

use axum::body::Body;
use axum::extract::State;
use outbound::import::template_headers;
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use schemars::JsonSchema;
use serde::Deserialize;
use storage::{navigations, tasks};

use super::TaskPath;
use crate::auth::Viewer;
use crate::input::{Path, Query};
use crate::problem::Problem;
use crate::reply::{Attachment, Reply};
use crate::state::ApiState;

/// Width of a column, in characters.
const TEXT_COLUMN_WIDTH: f64 = 20.0;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct How {
    /// `xlsx` without.
    format: Option<TemplateFormat>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TemplateFormat {
    #[default]
    Xlsx,
    Csv,
}

pub(crate) async fn import_template(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
    Query(how): Query<How>,
) -> Reply<Attachment> {
    let task = tasks::get(&state.store, caller.enterprise, path.task_id).await?;
    let navigation = task.config.navigation;
    let published = navigations::published_now(&state.store, caller.enterprise, navigation).await?;
    let variables = published.iter().flat_map(|published| published.variables());
    let headers = template_headers(variables.map(|used| used.name.as_str()));
    let (extension, bytes) = match how.format.unwrap_or_default() {
        TemplateFormat::Csv => ("csv", csv(&headers)),
        TemplateFormat::Xlsx => (
            "xlsx",
            xlsx(&headers).map_err(|error| {
                tracing::error!(%error, "an import template can't be written");
                Problem::internal()
            })?,
        ),
    };
    let file_name = format!("import-{}.{extension}", path.task_id);
    Ok(Attachment { file_name, body: Body::from(bytes) })
}

/// One line, with the mark that tells spreadsheets that it is UTF-8.
fn csv(headers: &[String]) -> Vec<u8> {
    let cell = |text: &String| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.clone(),
    };
    let line = headers.iter().map(cell).collect::<Vec<_>>().join(",");
    format!("\u{feff}{line}\r\n").into_bytes()
}

/// One bold row, above columns of text: a spreadsheet would round the digits of long numbers.
fn xlsx(headers: &[String]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let (text, bold) = (Format::new().set_num_format("@"), Format::new().set_bold());
    for (column, header) in (0..).zip(headers) {
        sheet.set_column_format(column, &text)?;
        sheet.set_column_width(column, TEXT_COLUMN_WIDTH)?;
        sheet.write_string_with_format(0, column, header, &bold)?;
    }
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_the_headers_in_either_format() {
        let headers = ["Phone Number".to_owned(), "a,b".to_owned()];
        assert_eq!(csv(&headers), "\u{feff}Phone Number,\"a,b\"\r\n".as_bytes());
        let book = xlsx(&headers).expect("a workbook");
        assert!(book.starts_with(b"PK"));
    }
}
