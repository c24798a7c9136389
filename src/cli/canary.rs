//! `reprieve canary`: the standing check for residue, once and now.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use super::output::{complain, count, say};
use super::people::words::facts;
use super::{InWords as _, open};
use crate::config::Config;
use crate::jobs::eraser;
use crate::service::canary::{self, Check, Report, Wait};

/// How long something may be in the way of the erasure.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(500);
/// Nothing could be told.
const UNKNOWN: u8 = 3;

pub(super) const ABOUT: &str = "\
Makes a connection with a random secret in the organization reprieve-canary, deletes it, erases it, and looks for what is left: \
in every table, and on SQLite in the database file and its write-ahead log. A server does the same by itself \
(--canary-interval).

Exit code: 0 nothing is left; 1 something is, or the database can't be used; 3 the check could not be made, or can't be \
believed.";

pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    // Beside a server either erases; without one somebody has to.
    let mut pause = || {
        if let Err(error) = eraser::round(&services.store, &services.shreds) {
            tracing::debug!(%error, "the erasure is tried again");
        }
        sleep(PAUSE);
        true
    };
    let wait = Wait {
        patience: PATIENCE,
        pause: &mut pause,
    };
    let why = match canary::check(&services, None, wait).in_words()? {
        Check::Made(report) => {
            say(&render(&report))?;
            return Ok(if report.residue() == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Check::Broken(why) => format!("the check is broken, nothing can be told: {why}"),
        Check::Overdue => {
            "the secret is not erased yet, so nothing can be told: see `reprieve erase`".to_owned()
        }
        Check::Stopped | Check::NotNow => {
            "another check is running: see `reprieve alarms list` when it has ended, or try again later"
                .to_owned()
        }
        Check::Locked(problem) => format!("the check is not made: {problem}"),
    };
    complain(&why);
    Ok(ExitCode::from(UNKNOWN))
}

fn render(report: &Report) -> String {
    let outcome = match report.residue() {
        0 => "Clean: nothing is left of the deleted secret.".to_owned(),
        bytes => format!(
            "RESIDUE: {bytes} bytes of the deleted secret are left.\n{}",
            report.places().replace("; ", "\n")
        ),
    };
    let seen = report.seen;
    let rows = count(
        usize::try_from(seen.rows).unwrap_or(usize::MAX),
        "row",
        "rows",
    );
    let files = (seen.file_bytes > 0).then(|| {
        format!(
            "{} bytes of the database file and its write-ahead log",
            seen.file_bytes
        )
    });
    let lines = facts(&[
        (
            "before",
            Some(format!(
                "all {} bytes of its sealed record were found where they should be",
                report.record
            )),
        ),
        (
            "erased",
            Some(format!(
                "{:.1} s after the deletion",
                report.erased_after.as_secs_f64()
            )),
        ),
        (
            "looked at",
            Some(format!("{rows} of {}", count(seen.tables, "table", "tables"))),
        ),
        ("and at", files),
        (
            "for",
            Some(
                "any 12 bytes in a row of the plain text, the record and the wrapped key: as they are, in hexadecimal, base64, \
                 base64url, percent-encoded, JSON-escaped"
                    .to_owned(),
            ),
        ),
    ]);
    format!("{outcome}\n{lines}")
}
