//! Many at once: each row comes to what its own call would have, one after the other.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use reprieve::domain::ids::{ConnectionId, EntryId};
use reprieve::domain::json::JsonText;
use reprieve::domain::kinds::RootKind;
use reprieve::service::bulk::{self, BulkDelete, BulkFilter, BulkRestore};
use serde_json::Value;

use super::trash::agree;
use super::{Agreement, Run};
use crate::model::rules::{Overrides, Refusals, Restored};
use crate::model::state::{Counts, Id, Model};
use crate::model::steps::{Pick, Seen};
use crate::model::world::answer;

/// What one entry of a bulk restore comes to.
enum Outcome {
    Restored(Restored),
    /// It came back as an ancestor of one before it.
    WithAnother,
    Failed(Refusals),
}

// Restore

impl Run<'_> {
    /// Restores those picked or, without a pick, all of a kind.
    pub(super) fn bulk_restore(
        &mut self,
        entries: &[Pick],
        kind: RootKind,
        with_ancestors: bool,
        only_validate: bool,
    ) -> Agreement {
        let by_kind = entries.is_empty();
        let ids: Vec<Id> = if by_kind {
            let of_kind = |id: &Id| self.model.entries[id].root_kind == kind;
            self.model
                .open_entries()
                .into_iter()
                .filter(of_kind)
                .collect()
        } else {
            all_of(entries, |pick| self.pick_entry(pick))
        };
        let mut expected = Refusals::new();
        if ids.is_empty() && !by_kind && entries.len() > 1 {
            return Ok(());
        }
        if !by_kind && (ids.is_empty() || has_twins(&ids)) {
            expected.insert("invalid_input");
        }
        self.tell(&format!("entries {ids:?}"));
        let request = BulkRestore {
            ids: (!by_kind).then(|| ids.iter().map(|id| EntryId(*id)).collect()),
            filter: by_kind.then(|| BulkFilter {
                kind: Some(kind),
                ..BulkFilter::default()
            }),
            with_ancestors,
            ..BulkRestore::default()
        };
        let (after, outcomes) = restored_together(&self.model, ids, with_ancestors);
        let (caller, world) = (self.caller.clone(), self.world);
        // The plan changes nothing and says what the call itself then does.
        let plan = world.read(|conn| bulk::plan_restore(conn, &caller, &request));
        if let Some(view) = self.settle(&expected, plan)? {
            restores_agree("would_restore", &view.data, &outcomes)?;
        }
        if only_validate {
            return Ok(());
        }
        let restored = answer(bulk::restore(&world.services, &caller, None, &request));
        if let Some((view, _)) = self.settle(&expected, restored)? {
            restores_agree("restored", &view.data, &outcomes)?;
            self.model = after;
        }
        Ok(())
    }
}

/// The newest deletion first, each as those before it left things.
fn restored_together(
    model: &Model,
    mut ids: Vec<Id>,
    with_ancestors: bool,
) -> (Model, Vec<(Id, Outcome)>) {
    // Ids are as old as their entries; what there is no entry of comes last.
    ids.sort_by_key(|id| Reverse((model.entries.contains_key(id), *id)));
    let asked = Overrides {
        with_ancestors,
        ..Overrides::default()
    };
    let mut model = model.clone();
    let mut with_another = BTreeSet::new();
    let mut outcomes = Vec::new();
    for id in ids {
        let outcome = if with_another.contains(&id) {
            Outcome::WithAnother
        } else {
            match model.restore(id, &asked) {
                Err(refusals) => Outcome::Failed(refusals),
                Ok((after, restored)) => {
                    model = after;
                    with_another.extend(restored.ancestors.iter().copied());
                    Outcome::Restored(restored)
                }
            }
        };
        outcomes.push((id, outcome));
    }
    (model, outcomes)
}

fn restores_agree(word: &str, told: &[JsonText], known: &[(Id, Outcome)]) -> Agreement {
    agree("how many entries there are", &told.len(), &known.len())?;
    for (told, (id, outcome)) in told.iter().zip(known) {
        let told: Value = serde_json::from_str(told.as_str()).unwrap();
        let fits = told["entry_id"] == id.to_string()
            && match outcome {
                Outcome::Failed(refusals) => failed_so(&told, refusals),
                Outcome::WithAnother => told["outcome"] == word && told["restored"].is_null(),
                Outcome::Restored(restored) => {
                    told["outcome"] == word
                        && counts(&told["restored"]) == restored.counts
                        && told["ancestors"] == serde_json::json!(restored.ancestors)
                }
            };
        if !fits {
            let outcome = match outcome {
                Outcome::Restored(restored) => format!("{restored:?}"),
                Outcome::WithAnother => "restored with another one".to_owned(),
                Outcome::Failed(refusals) => format!("{refusals:?}"),
            };
            return Err(format!("entry {id}: {told}; expected {word}: {outcome}"));
        }
    }
    Ok(())
}

// Delete

impl Run<'_> {
    pub(super) fn bulk_delete(
        &mut self,
        which: &[Pick],
        reason: Option<&str>,
        plan: Seen,
    ) -> Agreement {
        let ids = all_of(which, |pick| self.pick_connection(pick));
        let mut expected = Refusals::new();
        if ids.is_empty() || has_twins(&ids) {
            expected.insert("invalid_input");
        }
        self.tell(&format!("connections {ids:?}"));
        let mut request = BulkDelete {
            ids: ids.iter().map(|id| ConnectionId(*id)).collect(),
            reason: reason.map(str::to_owned),
            ..BulkDelete::default()
        };
        let (caller, world) = (self.caller.clone(), self.world);
        if plan == Seen::Now {
            let answer = world.read(|conn| bulk::plan_delete(conn, &caller, &request));
            let Some(view) = self.settle(&expected, answer)? else {
                return Ok(());
            };
            // Each by itself: nothing has gone yet.
            for (id, told) in ids.iter().zip(&view.data) {
                self.deletion_agrees("would_delete", *id, told, None)?;
            }
            request.plan_token = view.plan_token;
        }
        if plan == Seen::Before {
            request.plan_token = Some("of another plan".to_owned());
            expected.insert("plan_stale");
        }
        let answer = answer(bulk::delete(&world.services, &caller, None, &request));
        let Some((view, _)) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        for (id, told) in ids.iter().zip(&view.data) {
            self.deletion_agrees("deleted", *id, told, reason)?;
        }
        Ok(())
    }

    /// What became of one connection; if it is gone, the model follows.
    fn deletion_agrees(
        &mut self,
        word: &str,
        id: Id,
        told: &JsonText,
        reason: Option<&str>,
    ) -> Agreement {
        let told: Value = serde_json::from_str(told.as_str()).unwrap();
        let mut refusals = self.model.absence(RootKind::Connection, id);
        let scope = self.model.scope(RootKind::Connection, id);
        if refusals.is_empty() && self.model.is_protected(&scope) {
            refusals.insert("deletion_protected");
        }
        if !refusals.is_empty() {
            return if failed_so(&told, &refusals) {
                Ok(())
            } else {
                Err(format!("connection {id}: {told}; expected {refusals:?}"))
            };
        }
        agree("the outcome", &told["outcome"].as_str(), &Some(word))?;
        agree(
            "the impact",
            &counts(&told["impact"]),
            &self.model.counts_of(&scope),
        )?;
        agree(
            "the references",
            &told["references"].as_i64(),
            &Some(scope.references),
        )?;
        if word != "deleted" {
            return Ok(());
        }
        let entry = EntryId::parse(told["entry_id"].as_str().unwrap_or_default());
        let entry = entry.ok_or_else(|| format!("no entry: {told}"))?;
        let caller = self.caller.clone();
        let view = self
            .world
            .read(|conn| reprieve::service::trash::get(conn, &caller, entry));
        let Some(view) = self.settle(&Refusals::new(), view)? else {
            return Ok(());
        };
        let reason = reason.map(str::to_owned);
        self.deleted(RootKind::Connection, id, &scope, reason, &view)
    }
}

/// The rows picked. To name none or one twice is a mistake that is made now and then.
fn all_of(picks: &[Pick], resolve: impl Fn(Pick) -> Option<Id>) -> Vec<Id> {
    let mut ids: Vec<Id> = Vec::new();
    for pick in picks {
        let twins_may_be = pick.0 % 8 == 7;
        ids.extend(resolve(*pick).filter(|id| twins_may_be || !ids.contains(id)));
    }
    ids
}

fn has_twins(ids: &[Id]) -> bool {
    let different: BTreeSet<&Id> = ids.iter().collect();
    different.len() < ids.len()
}

fn failed_so(told: &Value, refusals: &Refusals) -> bool {
    let code = told["problem"]["code"].as_str();
    told["outcome"] == "failed" && code.is_some_and(|code| refusals.contains(code))
}

fn counts(value: &Value) -> Counts {
    let of = |kind: &str| value[kind].as_i64().unwrap_or(-1);
    Counts {
        integrations: of("integrations"),
        connections: of("connections"),
        models: of("models"),
        content: of("content"),
        links: of("links"),
    }
}
