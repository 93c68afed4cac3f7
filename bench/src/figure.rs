//! What is printed: one line a figure, `name value unit`, the median of the runs; and the range.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// Values of one run, under their names.
#[derive(Debug, Default)]
pub struct Run {
    values: Vec<(String, f64, &'static str)>,
    faults: Vec<String>,
}

impl Run {
    /// It is also told at once, on standard error, as a run may take long or end early.
    pub fn put(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        eprintln!("  {name} {} {unit}", short(value));
        self.values.push((name, value, unit));
    }

    /// What came of one stage of several that do not need each other.
    pub fn stage(&mut self, name: &str, ended: Result<()>) {
        if let Err(error) = ended {
            eprintln!("  {name} failed: {error:?}");
            self.faults.push(format!("{name}: {error:#}"));
        }
    }
}

/// Fails where a stage of a run failed.
pub fn all_well(runs: &[Run]) -> Result<()> {
    let faults: Vec<&str> = runs.iter().flat_map(|run| &run.faults).map(String::as_str).collect();
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

/// Prints the figures of some runs, in the order in which they were put.
pub fn print(runs: &[Run]) {
    let mut order: Vec<(&str, &'static str)> = Vec::new();
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value, unit) in runs.iter().flat_map(|run| &run.values) {
        if !all.contains_key(name.as_str()) {
            order.push((name, unit));
        }
        all.entry(name).or_default().push(*value);
    }
    for (name, unit) in order {
        let Some(values) = all.get_mut(name) else { continue };
        values.sort_by(f64::total_cmp);
        let (Some(low), Some(high)) = (values.first(), values.last()) else { continue };
        println!("{name} {} {unit}", short(values[values.len() / 2]));
        if values.len() > 1 {
            println!("{name}.min {} {unit}", short(*low));
            println!("{name}.max {} {unit}", short(*high));
        }
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The value below which `share` of the values lie; 0 of none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
