//! How runs are drawn: a seed a run, so that a failure can be had again alone.

use std::time::{Duration, Instant};

use proptest::test_runner::{
    Config, RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner,
};

use crate::op::{Case, case};

/// Seeds that once failed, each with what it taught: `rules 4711 …` or `storage 4711 …`.
const REGRESSIONS: &str = include_str!("proptest-regressions/seeds.txt");

/// Runs of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Hunt {
    /// The word of its regressions.
    pub kind: &'static str,
    /// Runs without `SIMULATION_RUNS`.
    pub runs: u64,
    /// Where `SIMULATION_RUNS` asks for no number, no run begins after this time.
    pub patience: Duration,
    /// Steps of shrinking a failure.
    pub shrink_steps_max: u32,
}

impl Hunt {
    /// Every run: the seeds that failed once, then `SIMULATION_RUNS` from `SIMULATION_SEED` on.
    pub fn each(&self, run: impl Fn(&Case)) {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let first = number("SIMULATION_SEED").unwrap_or(1u64);
        let asked = number("SIMULATION_RUNS");
        let known = REGRESSIONS.lines().filter_map(|line| {
            let (kind, rest) = line.split_once(' ')?;
            let seed = rest.split(' ').next()?.parse().ok()?;
            (kind == self.kind).then_some(seed)
        });
        let began = Instant::now();
        for seed in known.chain(first..first + asked.unwrap_or(self.runs)) {
            if asked.is_none() && began.elapsed() > self.patience {
                return;
            }
            self.run(seed, &run);
        }
    }

    /// One run; a failure is shrunk, and told with its seed and its operations.
    fn run(&self, seed: u64, run: impl Fn(&Case)) {
        let config = Config {
            cases: 1,
            failure_persistence: None,
            max_shrink_iters: self.shrink_steps_max,
            ..Config::default()
        };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let tried = runner.run(&case(), |case| -> TestCaseResult {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&case)));
            result.map_err(|panic| TestCaseError::fail(reason(panic.as_ref())))
        });
        match tried {
            Ok(()) => {}
            Err(TestError::Fail(reason, case)) => {
                panic!("{reason}\nSIMULATION_SEED={seed} SIMULATION_RUNS=1, shrunk to {case:?}")
            }
            Err(TestError::Abort(reason)) => panic!("seed {seed}: {reason}"),
        }
    }
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}
