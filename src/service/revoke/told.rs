//! What an entry says of its credentials at the source: the word, and the sentence that says what to do.

use std::collections::HashMap;

use crate::connectors;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::{Revocation, RevocationOutcome};
use crate::service::error::Result;
use crate::store::Conn;
use crate::store::rows::EntryRow;

/// What became of the credentials of an entry: how often each outcome.
#[derive(Debug, Default)]
pub(in crate::service) struct Revoked(Vec<(RevocationOutcome, i64)>);

/// What became of the credentials of these entries.
pub(in crate::service) fn of_entries(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryRow],
) -> Result<HashMap<EntryId, Revoked>> {
    let asked: Vec<EntryId> = entries
        .iter()
        .filter(|row| row.secrets_shredded > 0 && offers(&row.connector))
        .map(|row| row.id)
        .collect();
    let mut found: HashMap<EntryId, Revoked> = HashMap::new();
    if !asked.is_empty() {
        for (entry, outcome, count) in conn.count_revocations(org, &asked)? {
            found.entry(entry).or_default().0.push((outcome, count));
        }
    }
    Ok(found)
}

fn offers(connector: &str) -> bool {
    connectors::find(connector).is_some_and(|connector| connector.revocation.is_some())
}

impl Revoked {
    /// Of one owner.
    pub(in crate::service) fn one(outcome: RevocationOutcome) -> Self {
        Self(vec![(outcome, 1)])
    }

    /// As an entry says it: the worst of its owners, and what to do.
    pub(in crate::service) fn told(&self, entry: &EntryRow) -> (Revocation, Option<String>) {
        if entry.secrets_shredded == 0 {
            return (Revocation::None, None);
        }
        if self.0.is_empty() {
            // Deleted elsewhere, or before Reprieve knew how.
            let reason = if offers(&entry.connector) {
                "Reprieve did not ask there"
            } else {
                "Reprieve can't revoke credentials of this connector"
            };
            return (Revocation::NotOffered, Some(still_valid(reason)));
        }
        (self.state(), Some(self.sentence()))
    }

    pub(in crate::service) fn state(&self) -> Revocation {
        let states: Vec<Revocation> = self.0.iter().map(|(one, _)| one.state()).collect();
        [
            Revocation::Pending,
            Revocation::Failed,
            Revocation::NotOffered,
            Revocation::Done,
        ]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(Revocation::None)
    }

    /// What to do, in a sentence or two.
    pub(in crate::service) fn sentence(&self) -> String {
        if let [(outcome, 1)] = self.0[..] {
            return match outcome {
                RevocationOutcome::Pending => {
                    "The source is being asked to revoke the credential.".to_owned()
                }
                RevocationOutcome::Revoked => "The source has revoked the credential.".to_owned(),
                other => still_valid(reason(other)),
            };
        }
        let all: i64 = self.0.iter().map(|(_, count)| count).sum();
        let of = |wanted: Revocation| -> i64 {
            let these = self.0.iter().filter(|(one, _)| one.state() == wanted);
            these.map(|(_, count)| count).sum()
        };
        let (done, pending) = (of(Revocation::Done), of(Revocation::Pending));
        let still = if pending > 0 {
            format!(" and is being asked to revoke {pending}")
        } else {
            String::new()
        };
        let left: Vec<String> = self
            .0
            .iter()
            .filter(|(one, _)| matches!(one.state(), Revocation::Failed | Revocation::NotOffered))
            .map(|(one, count)| format!("{count} ({})", reason(*one)))
            .collect();
        let rotate = if left.is_empty() {
            String::new()
        } else {
            format!(
                " Still valid there, rotate them there: {}.",
                left.join(", ")
            )
        };
        format!("Of {all} credentials the source has revoked {done}{still}.{rotate}")
    }
}

fn still_valid(reason: &str) -> String {
    format!("The credential is still valid at the source: {reason}. Rotate it there.")
}

/// Why a credential was not revoked.
fn reason(outcome: RevocationOutcome) -> &'static str {
    match outcome {
        RevocationOutcome::Pending => "the source is being asked",
        RevocationOutcome::Revoked => "the source has revoked it",
        RevocationOutcome::Refused => "the source said no",
        RevocationOutcome::Unavailable => "the source can't do it at the moment",
        RevocationOutcome::Unreachable => "the source does not answer",
        RevocationOutcome::RefusedByPolicy => {
            "Reprieve may not connect there (see the setting allow_cidrs)"
        }
        RevocationOutcome::OutOfTime => "the minute that there is for it was over",
        RevocationOutcome::Interrupted => "the service stopped before the source had answered",
        RevocationOutcome::Unreadable => "the stored secret could not be opened",
        RevocationOutcome::TooMany => "too many were waiting to be revoked",
        RevocationOutcome::OptedOut => "its integration has revoke_on_delete off",
        RevocationOutcome::NoAddress => "the settings do not say where to revoke it",
        RevocationOutcome::NoToken => "what was stored is no token that can be revoked",
    }
}
