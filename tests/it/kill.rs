//! kill -9 of the server and of PostgreSQL while clients work: nothing that was acknowledged is lost, a request
//! that is repeated under its idempotency key has one effect, and the database stays whole (promises 1 and 8).
//!
//! The clients, their history and its judgement are those of `history`: a call that a kill cut off is sent again
//! under the same key until it is answered, so its answer has to fit what everybody saw before and after.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::history::{Place, Run, Settings};
use crate::races::Draw;
use crate::support::*;

/// CI's rounds, unless the environment says otherwise.
const ROUNDS: usize = 2;

/// A PostgreSQL server that nobody else uses, for it is going to be killed.
struct PrivatePostgres {
    folder: tempfile::TempDir,
    url: String,
}

impl PrivatePostgres {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = script(&["start", "--durable"], folder.path());
        let url = settings
            .lines()
            .find_map(|line| line.strip_prefix("export REPRIEVE_TEST_POSTGRES="))
            .unwrap_or_else(|| panic!("no URL in {settings:?}"))
            .to_owned();
        Self { folder, url }
    }

    /// kill -9 of all its processes.
    fn kill(&self) {
        script(&["kill"], self.folder.path());
    }

    /// Starts it again from what its files hold.
    fn recover(&self) {
        script(&["resume"], self.folder.path());
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // What went wrong before is what is to be read.
        let _ = run_script(&["stop"], self.folder.path());
    }
}

fn script(args: &[&str], folder: &Path) -> String {
    let output = run_script(args, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "scripts/postgres {args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn run_script(args: &[&str], folder: &Path) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    Command::new(script)
        .args(args)
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Long enough for some work, and never the same.
fn some_time(draw: &mut Draw) {
    thread::sleep(Duration::from_millis(700 + draw.below(1_500)));
}

/// Kills the server in each round and, where there is one to kill, PostgreSQL in every second one.
fn every_round_loses_nothing(place: &Place, postgres: Option<&PrivatePostgres>) {
    let settings = Settings::read();
    let rounds = settings.rounds.unwrap_or(ROUNDS);
    let mut draw = Draw(settings.first_seed);
    let mut run = Run::start(place, &settings, settings.first_seed);
    let (mut servers_killed, mut postgres_killed) = (0, 0);
    for round in 0..rounds {
        run.round(|place, servers, load| {
            some_time(&mut draw);
            if let Some(postgres) = postgres.filter(|_| round % 2 == 1) {
                postgres.kill();
                some_time(&mut draw);
                postgres.recover();
                postgres_killed += 1;
            } else {
                let at = draw.index(servers.len());
                servers.remove(at).kill();
                servers.insert(at, place.serve());
                servers_killed += 1;
            }
            for server in servers.iter_mut() {
                if server.has_ended() {
                    *server = place.serve();
                }
            }
            *load.addresses.lock().unwrap() = servers.iter().map(|server| server.address).collect();
        });
    }
    let outcome = run.finish();
    println!(
        "{:?}: {servers_killed} servers and {postgres_killed} PostgreSQL servers killed; {outcome}",
        place.backend
    );
    assert!(
        outcome.cut_off > 0 && outcome.summary.changes >= 5 * rounds,
        "no call was cut off, or too little was done for this to prove anything: {outcome}"
    );
    assert_eq!(outcome.summary.unknown, 0, "{outcome}");
}

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    every_round_loses_nothing(&Place::new(Backend::Sqlite), None);
}

#[test]
fn nothing_acknowledged_is_lost_on_postgres() {
    let postgres = PrivatePostgres::start();
    let place = Place::on_postgres(&postgres.url);
    every_round_loses_nothing(&place, Some(&postgres));
}
