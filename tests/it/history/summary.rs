//! What a history was worth: how many calls met, and who lost.

use std::collections::BTreeMap;
use std::fmt;

use super::record::{Answer, Call, Made, Record};

/// Numbers about a run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Summary {
    pub(crate) calls: usize,
    /// Changes that were made.
    pub(crate) changes: usize,
    /// Changes that were refused.
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    /// Refused because others kept changing the same rows.
    pub(crate) gave_way: usize,
    pub(crate) objects: usize,
    pub(crate) looks: usize,
    /// Changes that were refused while another change of the same connection was made: loser, winner, how often.
    pub(crate) lost: BTreeMap<(&'static str, &'static str), usize>,
}

impl Summary {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut objects: BTreeMap<Made, Vec<&Record>> = BTreeMap::new();
        let mut summary = Self::default();
        for record in records {
            if record.call == Call::Look {
                summary.looks += 1;
                continue;
            }
            summary.calls += 1;
            match &record.answer {
                Answer::Unknown => summary.unknown += 1,
                Answer::Refused(refusal) if refusal.code == "concurrent_change" => {
                    summary.gave_way += 1;
                }
                Answer::Refused(_) if record.call.writes() => summary.refused += 1,
                _ if record.call.writes() => summary.changes += 1,
                _ => {}
            }
            objects.entry(record.object).or_default().push(record);
        }
        summary.objects = objects.len();
        for calls in objects.into_values() {
            summary.count_lost(calls);
        }
        summary
    }

    fn count_lost(&mut self, mut calls: Vec<&Record>) {
        calls.retain(|record| record.call.writes() && record.answer != Answer::Unknown);
        calls.sort_by_key(|record| record.began);
        let refused = |record: &Record| matches!(record.answer, Answer::Refused(_));
        for loser in calls.iter().filter(|record| refused(record)) {
            let winners = calls
                .iter()
                .take_while(|other| other.began <= loser.ended)
                .filter(|other| other.ended >= loser.began && !refused(other));
            for winner in winners {
                *self
                    .lost
                    .entry((loser.call.name(), winner.call.name()))
                    .or_default() += 1;
            }
        }
    }

    /// How often one of two lost against the other.
    pub(crate) fn met(&self, one: &str, other: &str) -> usize {
        let pair = |(loser, winner): (&str, &str)| {
            (loser == one && winner == other) || (loser == other && winner == one)
        };
        let meetings = self.lost.iter().filter(|(names, _)| pair(**names));
        meetings.map(|(_, count)| count).sum()
    }

    /// How often a change lost against another.
    pub(crate) fn conflicts(&self) -> usize {
        self.lost.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls on {} connections, {} changes made, {} refused ({} gave way), {} unknown, {} conflicts \
             (restore against purge {}, create against delete {}), {} views of connections in snapshots",
            self.calls,
            self.objects,
            self.changes,
            self.refused,
            self.gave_way,
            self.unknown,
            self.conflicts(),
            self.met("restore", "purge"),
            self.met("create child", "delete connection"),
            self.looks,
        )
    }
}
