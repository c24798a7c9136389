//! Deletions, restores, purges, and what keeps an entry from being purged.

use chrono::Duration;
use reprieve::domain::clock::Ts;
use reprieve::domain::ids::{ConnectionId, DependentId, EntryId};
use reprieve::domain::kinds::{DependentKind, EntryState, RootKind};
use reprieve::service::delete::{self, DeleteRequest};
use reprieve::service::impact::{self, Target};
use reprieve::service::restore::{self, RestoreRequest, RestoreTarget, RestoreView};
use reprieve::service::trash::{self, PurgeRequest};
use reprieve::service::views::EntryView;
use uuid::Uuid;

use super::connections::seen_version;
use super::{Agreement, ODD, Run};
use crate::model::rules::{Overrides, Refusals, Restored, Scope, Target as Place, count};
use crate::model::state::{CONNECTORS, Counts, Entry, Hold, Id};
use crate::model::steps::{Pick, Seen, Step};
use crate::model::world::Answer;

/// What a retention that is not valid means.
const LONGEST_RETENTION_DAYS: i32 = 3_650;

impl Run<'_> {
    pub(super) fn delete(&mut self, step: &Step) -> Agreement {
        let Step::Delete {
            climbs,
            kind,
            which,
            reason,
            version,
            plan,
            only_validate,
        } = step
        else {
            return Ok(());
        };
        let parent = climbs.then(|| self.pick_parent_of_trash(*which)).flatten();
        let Some((kind, mut root)) =
            parent.or_else(|| Some((*kind, self.pick_root(*kind, *which)?)))
        else {
            return Ok(());
        };
        let target = match kind {
            RootKind::Integration => {
                let key = self.key_of(root);
                // Another one may have the key of one that is in the trash.
                root = self.model.integration_by_key(&key).unwrap_or(root);
                Target::Integration(key)
            }
            RootKind::Connection => Target::Connection(ConnectionId(root)),
            RootKind::Model => Target::Dependent(DependentKind::Model, DependentId(root)),
            RootKind::Content => Target::Dependent(DependentKind::Content, DependentId(root)),
        };
        self.tell(&format!("{kind} {root}"));
        let mut expected = self.model.absence(kind, root);
        let mut request = DeleteRequest {
            reason: reason.clone(),
            ..DeleteRequest::default()
        };
        let mut scope = Scope::default();
        if expected.is_empty() {
            scope = self.model.scope(kind, root);
            request.plan_token = self.seen_impact(*plan, &target, &scope)?;
            request.if_match = seen_version(*version, self.version_of(root));
            if *version == Seen::Before {
                expected.insert("version_mismatch");
            }
            if *plan == Seen::Before {
                expected.insert("plan_stale");
            }
            if self.model.is_protected(&scope) {
                expected.insert("deletion_protected");
            }
        }
        let (caller, world) = (self.caller.clone(), self.world);
        if *only_validate {
            let answer = world.read(|conn| delete::preview(conn, &caller, &target, &request));
            if let Some(view) = self.settle(&expected, answer)? {
                let told = counts(&view.impact);
                return agree("the plan's counts", &told, &self.model.counts_of(&scope));
            }
            return Ok(());
        }
        let answer = world.write(&caller, |tx| delete::delete(tx, &target, &request));
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        self.deleted(kind, root, &scope, reason.clone(), &view)
    }

    /// A live row under which something is in the trash. Mostly a model while there is one: deletions that hang on each
    /// other come from going up one step at a time.
    fn pick_parent_of_trash(&self, pick: Pick) -> Option<(RootKind, Id)> {
        let mut parents = self.model.parents_of_trash();
        let is_model = |parent: &(RootKind, Id)| parent.0 == RootKind::Model;
        if !pick.0.is_multiple_of(4) && parents.iter().any(is_model) {
            parents.retain(is_model);
        }
        let place = usize::from(pick.0).checked_rem(parents.len())?;
        parents.get(place).copied()
    }

    fn version_of(&self, root: Id) -> i64 {
        let integration = self.model.integrations.get(&root).map(|row| row.version);
        let connection = self.model.connections.get(&root).map(|row| row.version);
        let known = integration.or(connection);
        known.unwrap_or_else(|| self.model.dependents[&root].version)
    }

    /// The owners in a scope that have a secret, with its field.
    fn secrets_of(&self, scope: &Scope) -> Vec<(Id, &'static str)> {
        let integration = scope.integration.into_iter().filter_map(|id| {
            let row = &self.model.integrations[&id];
            row.secret.is_some().then_some((id, row.connector.secret))
        });
        let connections = scope.connections.iter().filter_map(|id| {
            let row = &self.model.connections[id];
            row.secret.is_some().then_some((*id, row.connector.secret))
        });
        integration.chain(connections).collect()
    }

    /// The token of a plan, and whether the plan says what the model does.
    fn seen_impact(
        &mut self,
        seen: Seen,
        target: &Target,
        scope: &Scope,
    ) -> Agreement<Option<String>> {
        match seen {
            Seen::Nothing => Ok(None),
            Seen::Before => Ok(Some("of another plan".to_owned())),
            Seen::Now => {
                let caller = self.caller.clone();
                let view = match self.world.read(|conn| impact::of(conn, &caller, target)) {
                    Answer::Done(view) => view,
                    Answer::Refused(problem) => {
                        return Err(format!("no impact: {}", problem.detail));
                    }
                    Answer::Broken(text) => return Err(text),
                };
                let told = (
                    counts(&view.impact),
                    view.references,
                    view.protected.is_some(),
                    view.secrets_count,
                );
                let known = (
                    self.model.counts_of(scope),
                    scope.references,
                    self.model.is_protected(scope),
                    count(self.secrets_of(scope).len()),
                );
                agree("the impact", &told, &known)?;
                Ok(Some(view.plan_token))
            }
        }
    }

    pub(super) fn deleted(
        &mut self,
        kind: RootKind,
        root: Id,
        scope: &Scope,
        reason: Option<String>,
        view: &EntryView,
    ) -> Agreement {
        let id = view.id.0;
        let secrets = self.secrets_of(scope);
        let shredded = count(secrets.len());
        let days = match self.model.retention_days {
            days if days > 0 => days,
            _ => LONGEST_RETENTION_DAYS,
        };
        // Deleting again never gets an earlier date (promise 6).
        let before = self
            .model
            .entries
            .values()
            .filter(|entry| entry.root == root);
        let purge_at: Ts = before
            .map(|entry| entry.purge_at)
            .chain([view.deleted_at.plus(Duration::days(i64::from(days)))])
            .max()
            .unwrap();
        agree("purge_at", &view.purge_at, &purge_at)?;
        let entry = Entry {
            reason,
            purge_at,
            counts: self.model.counts_of(scope),
            references: scope.references,
            shredded,
            root_secret: secrets
                .iter()
                .find(|(id, _)| *id == root)
                .map(|(_, field)| *field),
            shredded_below: secrets.into_iter().filter(|(id, _)| *id != root).collect(),
            ..self.entry_of(kind, root)
        };
        agree("the counts", &counts(&view.impact.rows), &entry.counts)?;
        agree("the references", &view.impact.references, &entry.references)?;
        agree("the shredded secrets", &view.secrets.shredded, &shredded)?;
        self.tell(&format!("entry {id}"));
        self.model.delete(scope, id, entry);
        self.blockers_agree(view)
    }

    /// What an entry says of its root.
    fn entry_of(&self, kind: RootKind, root: Id) -> Entry {
        let mut entry = Entry {
            state: EntryState::InTrash,
            root_kind: kind,
            root,
            root_name: String::new(),
            root_external_id: None,
            connector: "",
            integration: String::new(),
            connection: None,
            model: None,
            reason: None,
            purge_at: Ts::now(),
            purge_protected: self.model.purge_protection,
            counts: Counts::default(),
            references: 0,
            shredded: 0,
            root_secret: None,
            shredded_below: Vec::new(),
        };
        if let Some(row) = self.model.integrations.get(&root) {
            entry.root_name.clone_from(&row.name);
            entry.root_external_id = Some(row.key.clone());
            entry.connector = row.connector.key;
            entry.integration.clone_from(&row.key);
            return entry;
        }
        let dependent = self.model.dependents.get(&root);
        let id = dependent.map_or(root, |row| row.connection);
        let connection = &self.model.connections[&id];
        entry
            .root_name
            .clone_from(dependent.map_or(&connection.name, |row| &row.name));
        entry
            .root_external_id
            .clone_from(dependent.map_or(&connection.external_id, |row| &row.external_id));
        entry.connector = connection.connector.key;
        entry.integration.clone_from(&connection.integration);
        entry.connection = Some(id);
        entry.model = dependent.and_then(|row| row.parent);
        entry
    }

    /// The entry says whether it can be restored as the model does.
    pub(super) fn blockers_agree(&self, view: &EntryView) -> Agreement {
        let open = self.model.entries[&view.id.0].is_open();
        let expected = self.model.blockers(view.id.0);
        let told: Vec<&str> = view
            .blockers
            .iter()
            .flatten()
            .map(|blocker| blocker.code)
            .collect();
        let fits = view.restorable == expected.is_empty()
            && told.iter().all(|code| expected.contains(code))
            && told.is_empty() == expected.is_empty();
        if fits {
            Ok(())
        } else {
            Err(format!(
                "entry {} (open: {open}) says {told:?} and restorable {}; expected {expected:?}",
                view.id, view.restorable
            ))
        }
    }

    pub(super) fn restore(&mut self, step: &Step) -> Agreement {
        let Step::Restore {
            entry,
            name,
            external_id,
            target,
            with_ancestors,
            plan,
            only_validate,
        } = step
        else {
            return Ok(());
        };
        let Some(entry) = self.pick_entry(*entry) else {
            return Ok(());
        };
        let target = target.and_then(|(place, model)| self.resolve_target(entry, place, model));
        let asked = Overrides {
            name: name.clone(),
            external_id: external_id.clone(),
            target,
            with_ancestors: *with_ancestors,
        };
        self.tell(&format!("entry {entry}, {asked:?}"));
        let (mut expected, outcome) = match self.model.restore(entry, &asked) {
            Ok(outcome) => (Refusals::new(), Some(outcome)),
            Err(refusals) => (refusals, None),
        };
        let mut request = request(&asked);
        if *plan == Seen::Before {
            request.plan_token = Some("of another plan".to_owned());
            if !expected.contains("not_found") && !expected.contains("entry_closed") {
                expected.insert("plan_stale");
            }
        }
        let (caller, world) = (self.caller.clone(), self.world);
        if *only_validate || *plan == Seen::Now {
            let answer =
                world.read(|conn| restore::preview(conn, &caller, EntryId(entry), &request));
            if let Some(view) = self.settle(&expected, answer)?
                && let Some((_, restored)) = &outcome
            {
                let told = Restored {
                    counts: restored_counts(view.restores),
                    lost_links: restored.lost_links,
                    ancestors: view.ancestors.iter().map(|id| id.0).collect(),
                };
                agree("the plan", &told, restored)?;
                request.plan_token = Some(view.plan_token);
            }
            if *only_validate {
                return Ok(());
            }
        }
        let answer = world.write(&caller, |tx| restore::restore(tx, EntryId(entry), &request));
        let (Some(view), Some((after, restored))) = (self.settle(&expected, answer)?, outcome)
        else {
            return Ok(());
        };
        let lost: i64 = view.not_restored.iter().map(|lost| lost.count).sum();
        let told = Restored {
            counts: restored_counts(view.restored),
            lost_links: lost,
            ancestors: view.ancestors.iter().map(|id| id.0).collect(),
        };
        agree("what was restored", &told, &restored)?;
        match restored.ancestors.len() {
            0 => {}
            1 => self.came_to("done with an ancestor"),
            _ => self.came_to("done with several ancestors"),
        }
        if asked.target.is_some() {
            self.came_to("done at a target");
        }
        if lost > 0 {
            self.came_to("done with lost links");
        }
        self.model = after;
        self.shows_restored(entry, &view)
    }

    /// The answer shows what was restored, and which secrets it lacks.
    fn shows_restored(&self, entry: Id, view: &RestoreView) -> Agreement {
        let entry = &self.model.entries[&entry];
        let integration = self
            .model
            .integrations
            .contains_key(&entry.root)
            .then_some(entry.root);
        let connection = match self.model.dependents.get(&entry.root) {
            Some(row) => Some(row.connection),
            None => (integration.is_none()).then_some(entry.root),
        };
        let told = (
            view.integration.as_ref().map(|view| view.id.0),
            view.connection.as_ref().map(|view| view.id.0),
        );
        agree("what it is about", &told, &(integration, connection))?;
        let lacks = match connection.map(|id| &self.model.connections[&id]) {
            Some(row) => row.secret.is_none().then_some(row.connector.secret),
            None => entry.root_secret,
        };
        let lacks: Vec<String> = lacks.into_iter().map(str::to_owned).collect();
        agree("the missing secrets", &view.needs_credentials, &lacks)
    }

    /// A place of the kind that the root hangs on; now and then of another kind.
    fn resolve_target(&self, entry: Id, place: Pick, model: Option<Pick>) -> Option<Place> {
        let kind = self
            .model
            .entries
            .get(&entry)
            .map_or(RootKind::Content, |entry| entry.root_kind);
        let fits = place.0 < ODD.0;
        if (kind == RootKind::Connection) == fits {
            let integrations = self.model.live_integrations();
            let number = usize::from(place.0) % (integrations.len() + 1);
            let key = integrations
                .get(number)
                .map_or_else(|| CONNECTORS[0].key.to_owned(), |id| self.key_of(*id));
            return Some(Place::Integration(key));
        }
        let connection = self.pick_connection(place)?;
        Some(Place::Rows(
            connection,
            model.and_then(|model| self.pick_parent(connection, model)),
        ))
    }

    pub(super) fn purge(&mut self, entry: Pick, confirmed: bool) -> Agreement {
        let Some(entry) = self.pick_entry(entry) else {
            return Ok(());
        };
        self.tell(&format!("entry {entry}"));
        let name = self
            .model
            .entries
            .get(&entry)
            .map(|entry| entry.root_name.clone());
        let name = name.filter(|_| confirmed);
        let request = PurgeRequest {
            confirm: name.unwrap_or_else(|| "another".to_owned()),
        };
        let expected = self.model.purge_refusals(entry, &request.confirm);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| trash::purge(tx, EntryId(entry), &request));
        if let Some(view) = self.settle(&expected, answer)? {
            self.model.purge(entry);
            agree("the state", &view.state, &EntryState::Purged)?;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, entry: Pick, hold: Hold) {
        let open = self.model.open_entries();
        let Some(entry) = open.get(usize::from(entry.0) % open.len().max(1)).copied() else {
            return;
        };
        let id = Uuid::now_v7();
        let now = Ts::now();
        let ends = match hold {
            Hold::ForEver => "NULL".to_owned(),
            Hold::Over => format!("'{}'", now.plus(Duration::days(-1))),
            Hold::Running => format!("'{}'", now.plus(Duration::days(1))),
        };
        self.world.run(&format!(
            "INSERT INTO holds (org_id, id, entry_id, owner, reason, ends_at, created_at) \
             VALUES ('{}', '{id}', '{entry}', 'legal', 'a case', {ends}, '{now}')",
            self.caller.org
        ));
        self.model.holds.insert(id, (entry, hold));
    }

    pub(super) fn lift_hold(&mut self, which: Pick) {
        let holds: Vec<Id> = self.model.holds.keys().copied().collect();
        if let Some(id) = holds.get(usize::from(which.0) % holds.len().max(1)) {
            self.world.run(&format!(
                "DELETE FROM holds WHERE org_id = '{}' AND id = '{id}'",
                self.caller.org
            ));
            self.model.holds.remove(id);
        }
    }

    pub(super) fn policy(&mut self, purge_protection: bool, retention_days: i32) {
        self.model.purge_protection = purge_protection;
        self.model.retention_days = retention_days;
        // True and false are words that both databases know.
        self.world.run(&format!(
            "UPDATE organizations SET purge_protection = {purge_protection}, retention_days = {retention_days} WHERE id = '{}'",
            self.caller.org
        ));
    }
}

/// Two values that have to be the same.
pub(super) fn agree<T: PartialEq + std::fmt::Debug>(what: &str, told: &T, known: &T) -> Agreement {
    if told == known {
        Ok(())
    } else {
        Err(format!("{what}: {told:?}, not {known:?}"))
    }
}

fn request(asked: &Overrides) -> RestoreRequest {
    RestoreRequest {
        name: asked.name.clone(),
        external_id: asked.external_id.clone(),
        target: asked.target.as_ref().map(|target| match target {
            Place::Rows(connection, model) => RestoreTarget {
                connection_id: Some(ConnectionId(*connection)),
                model_id: model.map(DependentId),
                integration: None,
            },
            Place::Integration(key) => RestoreTarget {
                connection_id: None,
                model_id: None,
                integration: Some(key.clone()),
            },
        }),
        with_ancestors: asked.with_ancestors,
        ..RestoreRequest::default()
    }
}

fn counts(view: &reprieve::service::views::Counts) -> Counts {
    Counts {
        integrations: view.integrations,
        connections: view.connections,
        models: view.models,
        content: view.content,
        links: view.links,
    }
}

fn restored_counts(view: restore::RestoredCounts) -> Counts {
    Counts {
        integrations: view.integrations,
        connections: view.connections,
        models: view.models,
        content: view.content,
        links: view.links,
    }
}
