use super::*;

fn options(content: Content, format: ExportFormat) -> ExportOptions {
    ExportOptions { task: None, content, format, fields: Vec::new(), filter: None }
}

#[test]
fn each_fault_of_an_export_is_named() {
    let good = options(Content::CallRecords, ExportFormat::Csv);
    assert_eq!(good.check(), Ok(()));
    assert_eq!(options(Content::Recordings, ExportFormat::Zip).check(), Ok(()));
    let names = |fields: &[&str]| fields.iter().map(|name| (*name).to_owned()).collect();
    for (options, pointer, code) in [
        (options(Content::Recordings, ExportFormat::Xlsx), "/format", "wrong_format"),
        (options(Content::CallRecords, ExportFormat::Zip), "/format", "wrong_format"),
        (
            ExportOptions { fields: names(&["id", "colour"]), ..good.clone() },
            "/fields/1",
            "unknown_field",
        ),
        (ExportOptions { fields: names(&["id", "id"]), ..good.clone() }, "/fields/1", "repeated"),
        (ExportOptions { filter: Some("turns >".into()), ..good.clone() }, "/filter", "bad_filter"),
    ] {
        let faults = options.check().unwrap_err();
        assert_eq!((&*faults[0].pointer, &*faults[0].code), (pointer, code));
        assert_eq!(faults.len(), 1);
    }
}

#[test]
fn columns_are_those_chosen_or_the_guides() {
    let mut export = options(Content::CallRecords, ExportFormat::Xlsx);
    assert_eq!(export.columns(&[])[0].title(Shown::Full), "Customer Number");
    assert!(export.has_words());
    assert_eq!(export.columns(&[]).len(), FIELDS.len());
    export.content = Content::Conversations;
    assert_eq!(export.columns(&[]).len(), FIELDS.len());
    export.fields = vec!["turns".into(), "id".into()];
    let columns = export.columns(&["model".to_owned()]);
    let names: Vec<_> = columns.iter().map(|column| column.title(Shown::Full)).collect();
    assert_eq!(names, ["Conversation Turns", "Call ID"], "the choice is all there is");
}

#[test]
fn each_variable_is_a_column_behind_the_table_up_to_a_bound() {
    let mut export = options(Content::CallRecords, ExportFormat::Xlsx);
    let table = export.columns(&[]).len();
    let variables: Vec<String> = (0..300).map(|at| format!("v{at}")).collect();
    let columns = export.columns(&variables);
    assert_eq!(columns.len(), table + EXPORT_VARIABLES_MAX);
    assert_eq!(columns[table].title(Shown::Masked), "v0", "its name is its head");
    export.fields = ["id", "variables.model", "variables"].map(str::to_owned).to_vec();
    assert_eq!(export.check(), Ok(()));
    let columns = export.columns(&variables);
    let titles: Vec<_> = columns.iter().map(|column| column.title(Shown::Full)).collect();
    assert_eq!(titles, ["Call ID", "model", "Custom Fields"]);
    for wrong in ["variables.".to_owned(), format!("variables.{}", "x".repeat(65))] {
        export.fields = vec![wrong];
        assert_eq!(export.check().unwrap_err()[0].code, "unknown_field");
    }
    export.fields = (0..=EXPORT_FIELDS_MAX).map(|at| format!("variables.v{at}")).collect();
    assert_eq!(export.check().unwrap_err()[0].pointer, "/fields");
}
