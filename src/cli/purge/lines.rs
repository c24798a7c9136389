//! What a run of the purge says: a line for each organization that has anything, and one in total.

use serde::Serialize;

use crate::cli::output::{plain, table};
use crate::cli::people::words::counted_one;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::PurgeProblem;
use crate::service::purge::{Failed, Stop};

/// A line.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    /// The organization; none in the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization_id: Option<OrgId>,
    /// How many organizations have a line; in the total alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organizations: Option<usize>,
    /// Whether this only says what would be.
    pub(super) validate_only: bool,
    /// Entries that are gone, or would be.
    pub(super) purged: u64,
    /// Their rows, links aside.
    pub(super) rows: u64,
    /// Entries that could not be purged in this run.
    pub(super) failed: u64,
    /// Which, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<Failure>,
    /// Entries past their date that are still there.
    pub(super) past_date: u64,
    /// Of those, kept by a hold.
    pub(super) held: u64,
    /// Of those, kept by a brake.
    pub(super) braked: u64,
    /// Of those, kept since they were used within a day.
    pub(super) used: u64,
    /// Entries that could not be purged, now or before, and wait to be tried again.
    pub(super) blocked: u64,
    /// Why nothing more went.
    pub(super) stopped: Option<Stop>,
}

/// An entry that could not be purged.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    entry_id: EntryId,
    code: PurgeProblem,
}

impl From<&Failed> for Failure {
    fn from(failed: &Failed) -> Self {
        Self {
            entry_id: failed.entry,
            code: failed.problem,
        }
    }
}

/// All lines of a run.
pub(super) struct Lines {
    pub(super) organizations: Vec<Line>,
    pub(super) total: Line,
}

impl Lines {
    /// The lines with their total, which is stopped by the worst of what stopped any of them.
    pub(super) fn of(lines: Vec<Line>, validate_only: bool) -> Self {
        let sum = |number: fn(&Line) -> u64| lines.iter().map(number).sum();
        let total = Line {
            organizations: Some(lines.len()),
            validate_only,
            purged: sum(|line| line.purged),
            rows: sum(|line| line.rows),
            failed: sum(|line| line.failed),
            past_date: sum(|line| line.past_date),
            held: sum(|line| line.held),
            braked: sum(|line| line.braked),
            used: sum(|line| line.used),
            blocked: sum(|line| line.blocked),
            stopped: lines.iter().filter_map(|line| line.stopped).min(),
            ..Line::default()
        };
        Self {
            organizations: lines,
            total,
        }
    }

    /// For programs: one JSON object a line, the total last.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let lines = self.organizations.iter().chain([&self.total]);
        let lines: Result<Vec<String>, _> = lines.map(serde_json::to_string).collect();
        Ok(lines?.join("\n"))
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let entries = |number: u64| counted_one(signed(number), "entry", "entries");
        let total = &self.total;
        let sentence = match (total.purged, total.validate_only) {
            (0, false) => "Nothing was due.".to_owned(),
            (0, true) => "Nothing is due.".to_owned(),
            (number, validate_only) => format!(
                "{} {} with {}.",
                if validate_only {
                    "Would purge"
                } else {
                    "Purged"
                },
                entries(number),
                counted_one(signed(total.rows), "row", "rows")
            ),
        };
        if self.organizations.is_empty() {
            return sentence;
        }
        let purged = if total.validate_only {
            "WOULD PURGE"
        } else {
            "PURGED"
        };
        let mut rows = vec![
            [
                "ORGANIZATION",
                purged,
                "ROWS",
                "PAST DATE",
                "HELD",
                "BRAKED",
                "USED",
                "BLOCKED",
                "STOPPED",
            ]
            .map(str::to_owned),
        ];
        rows.extend(self.organizations.iter().map(|line| {
            [
                plain(line.organization.as_deref().unwrap_or_default()),
                line.purged.to_string(),
                line.rows.to_string(),
                line.past_date.to_string(),
                line.held.to_string(),
                line.braked.to_string(),
                line.used.to_string(),
                line.blocked.to_string(),
                line.stopped.map(word).unwrap_or_default(),
            ]
        }));
        format!("{}\n{sentence}", table(&rows))
    }
}

/// As the API has it.
fn word(stop: Stop) -> String {
    let word = serde_json::to_value(stop).ok();
    let word = word.as_ref().and_then(|word| word.as_str());
    super::why(word.unwrap_or_default())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
