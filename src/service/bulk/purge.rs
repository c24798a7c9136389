//! Purging many entries by hand: what a person has looked at in a list and confirmed as a whole.

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Problem, Result};
use super::super::trash::{self, PurgeRequest};
use super::check_ids;
use crate::domain::ids::EntryId;
use crate::domain::scopes::Scope;

/// What became of one entry.
#[derive(Debug)]
pub struct PurgeOutcome {
    /// The entry.
    pub entry_id: EntryId,
    /// The name of its root; none if there is no such entry.
    pub name: Option<String>,
    /// Why it stays, if it does.
    pub problem: Option<Problem>,
}

/// Purges entries by hand, each in a unit of work of its own and under its own name: what keeps one from being purged
/// alone keeps it here too. Whoever calls has shown what they are and had that confirmed.
pub fn purge(services: &Services, caller: &Caller, ids: &[EntryId]) -> Result<Vec<PurgeOutcome>> {
    caller.require(Scope::TrashPurge)?;
    check_ids(ids)?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        let mut name = None;
        let done = services.write_once(caller, |tx| {
            let root = trash::get(tx.conn, tx.caller, *id)?.root;
            name = Some(root.name.clone());
            trash::purge(tx, *id, &PurgeRequest { confirm: root.name })
        });
        let problem = done.err().map(|error| {
            let problem = error.told();
            if problem.code.status() >= 500 {
                tracing::error!(%error, "an entry of many could not be purged");
            }
            problem
        });
        outcomes.push(PurgeOutcome {
            entry_id: *id,
            name,
            problem,
        });
    }
    Ok(outcomes)
}
