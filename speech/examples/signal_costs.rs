//! What the analysis of the customer's sound costs: `cargo run --release -p speech --example signal_costs -- <models>`.
//!
//! Prints lines `name value unit`. CPU time is that of the whole process, as rten works on threads of its own. The sound
//! is noise that swells: for these costs it does not matter what is said.

use std::path::Path;

use dialog::robot::NoiseReduction;
use speech::signal::noise::NoiseFilter;
use speech::signal::turn::TurnHint;
use speech::signal::voice::VoiceCheck;
use speech::signal::{FRAME_SAMPLES, Models};

/// Seconds of sound.
const SECONDS: usize = 120;
const JUDGEMENTS: usize = 20;
const CALLS: usize = 200;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/tools/models".to_owned());
    let sound = sound();
    let frames: &[[i16; FRAME_SAMPLES]] = sound.as_chunks().0;

    let before = resident_kib();
    let models = Models::load(Path::new(&folder)).expect("the models");
    println!("models_resident {} KiB", resident_kib() - before);

    let mut filter = NoiseFilter::new(NoiseReduction::High).expect("a filter");
    let spent = cpu_ms(|| {
        for frame in frames {
            filter.filter(&mut frame.to_owned());
        }
    });
    println!("noise_filter {:.2} ms/call-second", spent / SECONDS as f64);

    let mut check = VoiceCheck::new(&models);
    let spent = cpu_ms(|| {
        for frame in frames {
            check.hear(frame).expect("a probability");
        }
    });
    println!("voice_check {:.2} ms/call-second", spent / SECONDS as f64);

    let hint = TurnHint::new(&models);
    let turn = &sound[..8 * 8_000];
    let spent = cpu_ms(|| {
        for _ in 0..JUDGEMENTS {
            hint.judge(turn).expect("a probability");
        }
    });
    println!("turn_hint {:.1} ms/judgement", spent / JUDGEMENTS as f64);

    let before = resident_kib();
    let mut filters: Vec<_> =
        (0..CALLS).filter_map(|_| NoiseFilter::new(NoiseReduction::High)).collect();
    for filter in &mut filters {
        filter.filter(&mut frames[0].to_owned());
    }
    println!("noise_filter_memory {} KiB/call", (resident_kib() - before) / CALLS);

    let before = resident_kib();
    let mut checks: Vec<_> = (0..CALLS).map(|_| VoiceCheck::new(&models)).collect();
    for check in &mut checks {
        check.hear(&frames[0]).expect("a probability");
    }
    println!("voice_check_memory {} KiB/call", (resident_kib() - before) / CALLS);
}

fn sound() -> Vec<i16> {
    let mut chance: u32 = 1;
    let sample = |n: usize| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = i32::from((chance >> 16) as u16) - 32_768;
        let swell = (n % 4_000) as i32;
        (noise * swell / 16_000) as i16
    };
    (0..SECONDS * 8_000).map(sample).collect()
}

/// The processor time of this process, all threads, that some work took.
fn cpu_ms(work: impl FnOnce()) -> f64 {
    let before = ticks();
    work();
    // A tick is 10 ms.
    (ticks() - before) as f64 * 10.0
}

fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
