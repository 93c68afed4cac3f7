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
    assert_eq!(export.columns()[0].title, "Customer Number");
    assert!(!export.columns().iter().any(|field| field.name == "conversation_text"));
    export.content = Content::Conversations;
    assert_eq!(export.columns().len(), FIELDS.len());
    export.fields = vec!["turns".into(), "id".into()];
    let names: Vec<_> = export.columns().iter().map(|field| field.name).collect();
    assert_eq!(names, ["turns", "id"]);
}
