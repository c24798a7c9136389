//! Use after delete: who still calls for what is in the trash, and how often.
//!
//! Noted in memory by [`Caller::names_trashed`] and written down every ten seconds ([`PERIOD`]) to `trash_uses`, never to the
//! entry itself, so that a program that calls all day costs neither it nor whoever restores it anything. What must stay
//! true: nothing of a request waits for this, memory is bounded, and replicas add up. What a process that is killed has not
//! written down is lost: ten seconds of counting.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Actor, Caller};
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, KeyId, OrgId};
use crate::store::rows::UseRow;
use crate::store::{Conn, Store, StoreResult};

/// How often what was noted is written down.
pub const PERIOD: Duration = Duration::from_secs(10);
/// Pairs of an entry and a caller that are in memory at once, of one organization and of all: what one of them does never
/// costs the others their counts.
const MOST_OF_ONE: usize = 1_000;
const MOST: usize = 10_000;
/// The callers that an entry tells of, the latest first.
const TOLD: i64 = 20;

/// How often an entry was used.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UsesView {
    /// Calls that named something in it, within about ten seconds.
    pub count: i64,
    /// The last one.
    pub last_used_at: Option<Ts>,
    /// Who called, the latest first; up to 20. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callers: Option<Vec<UserView>>,
}

/// Who called.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The person or key.
    #[serde(flatten)]
    pub actor: Actor,
    /// The key of the last call.
    pub key_id: Option<KeyId>,
    /// How often.
    pub count: i64,
    /// For the first time.
    pub first_used_at: Ts,
    /// The last time.
    pub last_used_at: Ts,
}

/// How often each of these entries was used: one query for a page.
pub(super) fn of_entries(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
) -> StoreResult<HashMap<EntryId, UsesView>> {
    let counted = conn.count_uses(org, entries)?.into_iter();
    Ok(counted
        .map(|(entry, count, last)| {
            let view = UsesView {
                count,
                last_used_at: Some(last),
                callers: None,
            };
            (entry, view)
        })
        .collect())
}

/// The same of one entry, with who called.
pub(super) fn of_entry(conn: &mut Conn, org: OrgId, entry: EntryId) -> StoreResult<UsesView> {
    let mut view = of_entries(conn, org, &[entry])?
        .remove(&entry)
        .unwrap_or_default();
    let callers = conn.uses_of(org, entry, TOLD)?.into_iter();
    view.callers = Some(
        callers
            .map(|row| UserView {
                actor: Actor {
                    id: row.actor_id,
                    name: row.actor_name,
                },
                key_id: row.key_id,
                count: row.uses,
                first_used_at: row.first_used_at,
                last_used_at: row.last_used_at,
            })
            .collect(),
    );
    Ok(view)
}

/// What was used since it was last written down.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Noted>);

/// Uses by whom and of what, in the order in which they are written down, so that replicas never wait for each other in a
/// circle.
type Seen = BTreeMap<OrgId, BTreeMap<(EntryId, String), Use>>;

#[derive(Debug, Default)]
struct Noted {
    seen: Seen,
    pairs: usize,
    counted: u64,
    lost: u64,
}

#[derive(Debug)]
struct Use {
    name: Option<String>,
    key_id: Option<KeyId>,
    count: i64,
    /// By this process's own clock; what is written down goes by the database's.
    first: Instant,
    last: Instant,
}

impl Uses {
    /// Notes a call that named something in an entry. Beyond so many pairs of entry and caller the call is counted as
    /// one that is not written down ([`Self::totals`]); those that are in memory go on.
    pub fn note(&self, caller: &Caller, entry: EntryId) {
        let now = Instant::now();
        let mut noted = self.lock();
        noted.counted += 1;
        let one = Use {
            name: caller.actor.name.clone(),
            key_id: caller.key_id,
            count: 1,
            first: now,
            last: now,
        };
        if !noted.add(caller.org, (entry, caller.actor.id.clone()), one) {
            noted.lost += 1;
        }
    }

    /// Calls since the process started: all of them, and those of them that were not written down.
    pub fn totals(&self) -> (u64, u64) {
        let noted = self.lock();
        (noted.counted, noted.lost)
    }

    /// Writes down what was noted since the last time; what can't be written is kept for the next.
    pub fn flush(&self, store: &Store) -> StoreResult<()> {
        let seen = {
            let mut noted = self.lock();
            noted.pairs = 0;
            std::mem::take(&mut noted.seen)
        };
        if seen.is_empty() {
            return Ok(());
        }
        let written = store.write(|conn| {
            let (now, here) = (conn.now()?, Instant::now());
            let ago = |then: Instant| {
                let age = here.saturating_duration_since(then);
                now.plus(-chrono::Duration::from_std(age).unwrap_or_default())
            };
            for (org, uses) in &seen {
                for ((entry, actor), one) in uses {
                    conn.add_use(&UseRow {
                        org_id: *org,
                        entry_id: *entry,
                        actor_id: actor.clone(),
                        actor_name: one.name.clone(),
                        key_id: one.key_id,
                        uses: one.count,
                        first_used_at: ago(one.first),
                        last_used_at: ago(one.last),
                    })?;
                }
            }
            StoreResult::Ok(())
        });
        if written.is_err() {
            let mut noted = self.lock();
            for (org, uses) in seen {
                for (pair, one) in uses {
                    let count = one.count;
                    if !noted.add(org, pair, one) {
                        noted.lost += u64::try_from(count).unwrap_or(0);
                    }
                }
            }
        }
        written
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// Adds to what is noted; whether there was room.
    fn add(&mut self, org: OrgId, pair: (EntryId, String), one: Use) -> bool {
        let of_org = self.seen.entry(org).or_default();
        if let Some(known) = of_org.get_mut(&pair) {
            known.count += one.count;
            known.first = known.first.min(one.first);
            if one.last > known.last {
                (known.name, known.key_id, known.last) = (one.name, one.key_id, one.last);
            }
            return true;
        }
        if self.pairs >= MOST || of_org.len() >= MOST_OF_ONE {
            return false;
        }
        of_org.insert(pair, one);
        self.pairs += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(org: OrgId, number: usize) -> Caller {
        let mut caller = Caller::command_line(org);
        caller.actor.id = format!("caller {number}");
        caller
    }

    #[test]
    fn what_one_organization_does_never_fills_the_memory_of_the_others() {
        let (uses, entry) = (Uses::default(), EntryId::mint());
        let (many, few) = (OrgId::mint(), OrgId::mint());
        for number in 0..MOST_OF_ONE + 5 {
            uses.note(&caller(many, number), entry);
        }
        assert_eq!(uses.totals(), (1_005, 5));
        // Who is in memory goes on being counted, and so do others.
        uses.note(&caller(many, 0), entry);
        uses.note(&caller(few, 0), entry);
        assert_eq!(uses.totals(), (1_007, 5));
        assert_eq!(
            uses.lock().seen[&many][&(entry, "caller 0".to_owned())].count,
            2
        );
        assert_eq!(uses.lock().pairs, MOST_OF_ONE + 1);
    }

    #[test]
    fn all_of_them_together_are_bounded() {
        let (uses, entry) = (Uses::default(), EntryId::mint());
        for _ in 0..12 {
            let org = OrgId::mint();
            for number in 0..MOST_OF_ONE {
                uses.note(&caller(org, number), entry);
            }
        }
        assert_eq!(uses.totals(), (12_000, 2_000));
        assert_eq!(uses.lock().pairs, MOST);
    }
}
