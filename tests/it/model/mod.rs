//! A property test of the whole service against a model in memory.
//!
//! Random sequences of creations, changes, deletions, restores with every override and purges run on the service and
//! on plain maps (`state`, `rules`), which know what the promises say and nothing of the code. After each step both
//! agree on what was answered and on every row of every table; after each sequence `verify` finds nothing. A sequence
//! that fails is made as small as it gets, and its seed is kept in `regressions.txt`, which every run begins with.
//!
//! docs/reliability.md, "Model test", says how to run more of them.

mod compare;
mod rules;
mod run;
mod state;
mod steps;
mod world;

use std::cell::Cell;
use std::time::Instant;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

use crate::support::Backend;
use run::{Agreement, Run};
use steps::Step;
use world::World;

/// Where the seeds of failed sequences are kept.
const KEPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/model/regressions.txt"
);

/// A run without a setting can be repeated: a change is not held up by what it did not cause. `scripts/model` takes
/// another seed each time and finds what others did not.
const USUAL_SEED: u64 = 1;

/// How many sequences run, unless `REPRIEVE_MODEL_SEQUENCES` says otherwise.
fn usual_sequences(backend: Backend) -> u32 {
    match backend {
        Backend::Sqlite => 2_000,
        Backend::Postgres => 200,
    }
}

#[test]
fn random_sequences_on_sqlite() {
    check(Backend::Sqlite);
}

#[test]
fn random_sequences_on_postgres() {
    check(Backend::Postgres);
}

fn check(backend: Backend) {
    let sequences = setting("REPRIEVE_MODEL_SEQUENCES")
        .map_or_else(|| usual_sequences(backend), |text| text.parse().unwrap());
    let seed: u64 = setting("REPRIEVE_MODEL_SEED").map_or(USUAL_SEED, |text| text.parse().unwrap());
    println!("model on {backend:?}: {sequences} sequences, REPRIEVE_MODEL_SEED={seed}");
    let began = Instant::now();
    let world = World::open(backend);
    let config = Config {
        cases: sequences,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(KEPT))),
        max_shrink_iters: 3_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let done = Cell::new(0_u32);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps::sequences(), |steps| {
        done.set(done.get() + 1);
        if done.get().is_multiple_of(5_000) {
            println!("{} sequences in {:.0?}", done.get(), began.elapsed());
        }
        sequence(&world, &steps).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => println!(
            "no difference in {:.0?}: {:#?}",
            began.elapsed(),
            world.tally.borrow()
        ),
        Err(TestError::Fail(difference, steps)) => {
            panic!(
                "REPRIEVE_MODEL_SEED={seed}, {} steps: {difference}",
                steps.len()
            )
        }
        Err(abort) => panic!("REPRIEVE_MODEL_SEED={seed}: {abort}"),
    }
}

fn sequence(world: &World, steps: &[Step]) -> Agreement {
    let mut run = Run::new(world, world.begin());
    run.run(steps)?;
    let problems = world.problems();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(format!("verify: {problems:#?}\nafter {steps:#?}"))
    }
}

/// The one place that reads how the model test runs.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the service"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
