//! Filters over call records, and identifiers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::filter;
use outbound::ids::TaskId;

fuzz_target!(|text: &str| {
    match filter::parse(text) {
        Ok(filter) => drop(format!("{filter:?}")),
        Err(error) => {
            let length = text.chars().count();
            assert!((1..=length + 1).contains(&error.column), "{error}");
        }
    }
    if let Ok(task) = text.parse::<TaskId>() {
        assert_eq!(task.to_string(), text.to_lowercase());
    }
});
