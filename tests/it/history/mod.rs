//! Whether everything that many clients at several servers see can be explained by one order of their calls
//! (promises 1, 2, 5, 7, 8), whatever the seed. docs/reliability.md says how to run more and what a failure looks like.

mod check;
mod client;
mod plan;
mod record;
mod run;
mod snapshot;
mod spec;
mod stories;
mod summary;

use std::path::{Path, PathBuf};
use std::time::Duration;

use run::judge;
pub(crate) use run::{Place, Run};

use crate::support::*;

/// How a run is made; CI's, unless the environment says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) first_seed: u64,
    pub(crate) seeds: u64,
    pub(crate) seconds: Duration,
    /// Server processes on PostgreSQL; SQLite has one.
    pub(crate) processes: usize,
    pub(crate) clients: usize,
    /// How often each kill test kills.
    pub(crate) rounds: Option<usize>,
    /// A history that was kept, to be judged again.
    file: Option<PathBuf>,
}

impl Settings {
    /// `scripts/history` sets these.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the history tests are told how long to run"
    )]
    pub(crate) fn read() -> Self {
        fn number(name: &str) -> Option<u64> {
            let text = std::env::var(name).ok()?;
            let number = text.parse();
            Some(number.unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")))
        }
        let small = |name| number(name).map(|number| usize::try_from(number).unwrap());
        Self {
            first_seed: number("REPRIEVE_HISTORY_SEED").unwrap_or(1),
            seeds: number("REPRIEVE_HISTORY_SEEDS").unwrap_or(1),
            seconds: Duration::from_secs(number("REPRIEVE_HISTORY_SECONDS").unwrap_or(20)),
            processes: small("REPRIEVE_HISTORY_PROCESSES").unwrap_or(2),
            clients: small("REPRIEVE_HISTORY_CLIENTS").unwrap_or(6),
            rounds: small("REPRIEVE_KILL_ROUNDS"),
            file: std::env::var("REPRIEVE_HISTORY_FILE")
                .ok()
                .map(PathBuf::from),
        }
    }
}

fn every_history_has_an_order(backend: Backend) {
    let settings = Settings::read();
    for seed in settings.first_seed..settings.first_seed + settings.seeds {
        let place = Place::new(backend);
        let mut run = Run::start(&place, &settings, seed);
        run.load_for(settings.seconds);
        let outcome = run.finish();
        println!("{backend:?}, seed {seed}: {outcome}");
        let summary = &outcome.summary;
        assert!(
            summary.conflicts() >= 50
                && summary.met("restore", "purge") > 0
                && summary.met("create child", "delete connection") > 0
                && outcome.replays > 0,
            "seed {seed}: too few calls met to prove anything: {outcome}, {:#?}",
            summary.lost
        );
    }
}

#[test]
fn every_history_has_an_order_on_sqlite() {
    every_history_has_an_order(Backend::Sqlite);
}

#[test]
fn every_history_has_an_order_on_postgres() {
    every_history_has_an_order(Backend::Postgres);
}

/// Looks again at the file that `REPRIEVE_HISTORY_FILE` names; without one, at a history made here.
#[test]
fn a_history_that_was_kept_is_judged_as_it_was_at_first() {
    if let Some(file) = Settings::read().file {
        println!(
            "{}",
            judged_again(&file).unwrap_or_else(|told| panic!("{told}"))
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (good, records) in [(true, stories::good()), (false, stories::lost_row())] {
        let file = folder.path().join("history.jsonl");
        record::keep(&records, &file);
        assert_eq!(record::read(&file), records);
        assert_eq!(judged_again(&file).is_ok(), good);
    }
}

fn judged_again(file: &Path) -> Result<String, String> {
    let records = record::read(file);
    let effort = judge(&records)?;
    Ok(format!("{}; {effort:?}", summary::Summary::of(&records)))
}
