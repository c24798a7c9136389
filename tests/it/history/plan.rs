//! What the clients of a run share, and what each of them asks for next.
//!
//! They share a few connections, so that they get in each other's way, and most of the time all turn to the same one.
//! A connection that has seen enough calls is left alone and another takes its place: no history of one grows long.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::record::{Answer, Call, Made, What};
use super::snapshot::reason;
use crate::races::Draw;
use crate::support::*;

/// Connections that are used at one moment.
const SLOTS: usize = 4;
/// Calls on one connection before another takes its place.
const MOST_CALLS: u32 = 60;
/// Calls on one connection after it was purged.
const CALLS_AFTER_PURGE: u32 = 8;
/// How long most clients turn to one connection.
const TURN_MILLIS: u128 = 30;

/// What the clients know of a connection.
#[derive(Default)]
struct Slot {
    object: Made,
    /// Empty until it is created.
    id: String,
    /// Those that were ever created, with their ids.
    children: Vec<(What, String)>,
    /// Entries that deletions answered: name, id, name of the root.
    entries: Vec<(Made, String, String)>,
    /// Whether the connection seems to be in the trash.
    trashed: bool,
    calls: u32,
}

/// All that the clients of a run share.
pub(crate) struct Load {
    started: Instant,
    pub(crate) stopped: AtomicBool,
    /// Where each process listens; changes when one is started again.
    pub(crate) addresses: Mutex<Vec<SocketAddr>>,
    pub(super) key: String,
    /// Part of every idempotency key.
    pub(super) seed: u64,
    next: AtomicU32,
    slots: Mutex<Vec<Slot>>,
    retired: Mutex<Vec<Slot>>,
    /// The entries whose ids answers named, in the order they were first named.
    entries: Mutex<Vec<String>>,
    /// What is wrong whatever the history says.
    pub(crate) complaints: Mutex<Vec<String>>,
    /// Changes that were sent again, and answered again as before.
    pub(crate) replays: AtomicU32,
    /// Attempts that ended without an answer that tells what came of them.
    pub(crate) cut_off: AtomicU32,
    /// Changes that such an attempt had made all the same, as the repetition was told.
    pub(crate) made_unseen: AtomicU32,
}

/// A call that is about to be made.
pub(super) struct Planned {
    pub(super) number: Made,
    pub(super) object: Made,
    pub(super) call: Call,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Load {
    pub(crate) fn new(seed: u64, key: &str, addresses: Vec<SocketAddr>) -> Self {
        Self {
            started: Instant::now(),
            stopped: AtomicBool::new(false),
            addresses: Mutex::new(addresses),
            key: key.to_owned(),
            seed,
            next: AtomicU32::new(0),
            slots: Mutex::new(Vec::new()),
            retired: Mutex::new(Vec::new()),
            entries: Mutex::new(Vec::new()),
            complaints: Mutex::new(Vec::new()),
            replays: AtomicU32::new(0),
            cut_off: AtomicU32::new(0),
            made_unseen: AtomicU32::new(0),
        }
    }

    /// Nanoseconds since the run began.
    pub(crate) fn moment(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap()
    }

    pub(crate) fn complain(&self, text: String) {
        self.complaints.lock().unwrap().push(text);
    }

    /// The entry that an answer names, as a number that [`Self::entry_names`] tells the final name of.
    pub(super) fn entry_number(&self, id: &str) -> Made {
        let mut entries = self.entries.lock().unwrap();
        let at = entries
            .iter()
            .position(|known| known == id)
            .unwrap_or_else(|| {
                entries.push(id.to_owned());
                entries.len() - 1
            });
        u32::try_from(at).unwrap()
    }

    /// The final names of the entries that answers named; one that the database has not is none of ours.
    pub(crate) fn entry_names(&self, known: &BTreeMap<String, Made>) -> Vec<Made> {
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .map(|id| known.get(id).copied().unwrap_or(Made::MAX))
            .collect()
    }

    /// A read of everything that was ever made.
    pub(super) fn plan_read_back(&self) -> Vec<Planned> {
        let mut planned = Vec::new();
        let slots = self.slots.lock().unwrap();
        let retired = self.retired.lock().unwrap();
        for slot in retired.iter().chain(slots.iter()) {
            if slot.id.is_empty() {
                continue;
            }
            let path = format!("/v1/connections/{}", slot.id);
            let mut read = |call, path| planned.push(self.planned(slot, call, "GET", path));
            read(Call::GetConnection, path.clone());
            read(Call::GetSecret, format!("{path}/secrets"));
            read(Call::ListModels, format!("{path}/models?page_size=200"));
            read(Call::ListContent, format!("{path}/content?page_size=200"));
            for (entry, id, _) in &slot.entries {
                read(Call::GetEntry(*entry), format!("/v1/trash/{id}"));
            }
        }
        planned
    }

    fn planned(&self, slot: &Slot, call: Call, method: &'static str, path: String) -> Planned {
        Planned {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            object: slot.object,
            call,
            method,
            path,
            body: None,
        }
    }

    /// The next call, from what all clients know by now; none while the connection it would be about is being made.
    pub(super) fn plan(&self, draw: &mut Draw) -> Option<Planned> {
        let mut slots = self.slots.lock().unwrap();
        slots.resize_with(SLOTS, Slot::default);
        let turn = usize::try_from(self.started.elapsed().as_millis() / TURN_MILLIS).unwrap();
        let at = if draw.below(4) > 0 {
            turn
        } else {
            draw.index(SLOTS)
        } % SLOTS;
        let slot = &mut slots[at];
        if slot.calls > 0 && slot.id.is_empty() {
            return None;
        }
        slot.calls += 1;
        if slot.calls > 1 && slot.calls <= MOST_CALLS {
            return Some(self.plan_call(slot, draw));
        }
        let old = std::mem::take(slot);
        if !old.id.is_empty() {
            self.retired.lock().unwrap().push(old);
        }
        slot.calls = 1;
        Some(self.plan_connection(slot, draw))
    }

    fn plan_connection(&self, slot: &mut Slot, draw: &mut Draw) -> Planned {
        let mut planned = self.planned(
            slot,
            Call::CreateConnection(None),
            "POST",
            "/v1/connections".to_owned(),
        );
        slot.object = planned.number;
        planned.object = planned.number;
        let mut body = json!({
            "name": format!("c{}", planned.number),
            "connector": "postgres",
            "settings": {"host": "db.example.com", "database": "sales", "username": "bi"},
        });
        if draw.below(2) == 0 {
            body["secrets"] = json!({"password": format!("v{}", planned.number)});
            planned.call = Call::CreateConnection(Some(planned.number));
        }
        planned.body = Some(body);
        planned
    }

    fn plan_call(&self, slot: &Slot, draw: &mut Draw) -> Planned {
        let path = format!("/v1/connections/{}", slot.id);
        let model = pick(draw, &slot.children, |(what, _)| {
            matches!(what, What::Model(_))
        });
        let child = pick(draw, &slot.children, |_| true);
        // Mostly the newest entry, so that clients fight for it.
        let newest = slot.entries.last().filter(|_| draw.below(3) > 0).cloned();
        let entry = newest.or_else(|| pick(draw, &slot.entries, |_| true));
        // In the trash most calls are refused: it should come back soon, or go.
        let roll = match draw.below(100) {
            roll if slot.trashed && roll < 40 => 54 + roll % 26,
            roll => roll,
        };
        match roll {
            roll @ 0..22 => {
                let kind = if roll < 9 { "models" } else { "content" };
                let parent = model.filter(|_| draw.below(2) == 0);
                let made = parent.as_ref().and_then(|(what, _)| match what {
                    What::Model(made) => Some(*made),
                    _ => None,
                });
                let (call, letter, field) = if roll < 9 {
                    (Call::CreateModel(made), 'm', "base_model_id")
                } else {
                    (Call::CreateContent(made), 'k', "model_id")
                };
                let mut planned = self.planned(slot, call, "POST", format!("{path}/{kind}"));
                let mut body =
                    json!({"name": format!("{letter}{}.{}", slot.object, planned.number)});
                if let Some((_, id)) = parent {
                    body[field] = json!(id);
                }
                planned.body = Some(body);
                planned
            }
            22..30 => {
                let mut planned =
                    self.planned(slot, Call::PutSecret(0), "PUT", format!("{path}/secrets"));
                planned.call = Call::PutSecret(planned.number);
                planned.body =
                    Some(json!({"secrets": {"password": format!("v{}", planned.number)}}));
                planned
            }
            roll @ 30..54 => {
                let (what, path) = match child {
                    Some((what, id)) if roll >= 42 => {
                        let kind = if matches!(what, What::Model(_)) {
                            "models"
                        } else {
                            "content"
                        };
                        (what, format!("/v1/{kind}/{id}"))
                    }
                    _ => (What::Connection, path),
                };
                let mut planned = self.planned(slot, Call::Delete(what), "DELETE", path);
                planned.path = format!("{}?reason={}", planned.path, reason(planned.number));
                planned
            }
            roll @ 54..80 if entry.is_some() => {
                let (entry, id, name) = entry.unwrap();
                let (call, verb, body) = if roll < 73 {
                    let with_ancestors = draw.below(4) == 0;
                    let call = Call::Restore {
                        entry,
                        with_ancestors,
                    };
                    (call, "restore", json!({"with_ancestors": with_ancestors}))
                } else {
                    (Call::Purge(entry), "purge", json!({"confirm": name}))
                };
                let mut planned =
                    self.planned(slot, call, "POST", format!("/v1/trash/{id}/{verb}"));
                planned.body = Some(body);
                planned
            }
            80..84 if entry.is_some() => {
                let (entry, id, _) = entry.unwrap();
                self.planned(
                    slot,
                    Call::GetEntry(entry),
                    "GET",
                    format!("/v1/trash/{id}"),
                )
            }
            84..88 => self.planned(slot, Call::GetSecret, "GET", format!("{path}/secrets")),
            88..91 => {
                let path = format!("{path}/models?page_size=200");
                self.planned(slot, Call::ListModels, "GET", path)
            }
            91..95 => {
                let path = format!("{path}/content?page_size=200");
                self.planned(slot, Call::ListContent, "GET", path)
            }
            _ => self.planned(slot, Call::GetConnection, "GET", path),
        }
    }

    /// What others may use from now on.
    pub(super) fn learn(&self, planned: &Planned, reply: Option<&Reply>, answer: &Answer) {
        let mut slots = self.slots.lock().unwrap();
        let mut retired = self.retired.lock().unwrap();
        let Some(slot) = slots
            .iter_mut()
            .chain(retired.iter_mut())
            .find(|slot| slot.object == planned.object)
        else {
            return;
        };
        let Some(reply) = reply else {
            if let Call::CreateConnection(_) = planned.call {
                // It may exist, but nobody knows its id: another takes its place.
                *slot = Slot::default();
            }
            return;
        };
        match (&planned.call, answer) {
            (Call::Delete(What::Connection), Answer::Entry(_)) => slot.trashed = true,
            (_, Answer::Restored { .. }) => slot.trashed = false,
            _ => {}
        }
        let id = || reply.json()["id"].as_str().unwrap().to_owned();
        match (&planned.call, answer) {
            (Call::CreateConnection(_), Answer::Connection(_)) => slot.id = id(),
            (Call::CreateModel(_), Answer::Created) => {
                slot.children.push((What::Model(planned.number), id()));
            }
            (Call::CreateContent(_), Answer::Created) => {
                slot.children.push((What::Content(planned.number), id()));
            }
            (Call::Delete(_), Answer::Entry(_)) => {
                let root = reply.json()["root"]["name"].as_str().unwrap().to_owned();
                slot.entries.push((planned.number, id(), root));
            }
            (Call::Purge(_), Answer::Entry(seen)) if seen.counts.connections > 0 => {
                slot.calls = slot.calls.max(MOST_CALLS - CALLS_AFTER_PURGE);
            }
            _ => {}
        }
    }
}

fn pick<T: Clone>(draw: &mut Draw, all: &[T], fits: impl Fn(&T) -> bool) -> Option<T> {
    let fitting: Vec<&T> = all.iter().filter(|one| fits(one)).collect();
    let at = draw.index(fitting.len().max(1));
    fitting.get(at).copied().cloned()
}
