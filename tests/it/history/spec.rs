//! What a connection promises to one caller at a time: the answers and rows that every history is compared with.
//!
//! Written from docs/promises.md and the API's description, not from the service's code: no row counts, locks or
//! retries in here, only sets.

use std::collections::BTreeMap;

use super::record::{
    Answer, Call, ChildRow, ConnectionRow, Counts, EntrySeen, EntryState, GONE_PARENT, Made,
    Refusal, Rows, Seen, What,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Live,
    Trash(Made),
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Child {
    model: bool,
    parent: Option<Made>,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    root: What,
    state: EntryState,
    counts: Counts,
    shredded: u32,
}

/// A connection and all that hangs on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State {
    connection: Place,
    version: u32,
    secret: Option<u32>,
    children: BTreeMap<Made, Child>,
    entries: BTreeMap<Made, Entry>,
}

impl State {
    /// Before the connection is created.
    pub(crate) fn nothing() -> Self {
        Self {
            connection: Place::Gone,
            version: 0,
            secret: None,
            children: BTreeMap::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Carries out the call with this number; what is answered.
    pub(crate) fn apply(&mut self, number: Made, call: &Call) -> Answer {
        match self.tried(number, call) {
            Ok(answer) => answer,
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn tried(&mut self, number: Made, call: &Call) -> Result<Answer, Refusal> {
        match call {
            Call::CreateConnection(secret) => {
                self.connection = Place::Live;
                self.version = 1;
                self.secret = *secret;
                Ok(Answer::Connection(self.seen()))
            }
            Call::CreateModel(parent) => self.create(number, true, *parent),
            Call::CreateContent(parent) => self.create(number, false, *parent),
            Call::PutSecret(value) => {
                self.live_connection()?;
                self.secret = Some(*value);
                self.version += 1;
                Ok(Answer::Connection(self.seen()))
            }
            Call::Delete(what) => self.delete(number, *what),
            Call::Restore {
                entry,
                with_ancestors,
            } => self.restore(*entry, *with_ancestors),
            Call::Purge(entry) => {
                self.open_entry(*entry)?;
                self.close(*entry, EntryState::Purged, Place::Gone);
                Ok(Answer::Entry(self.entry_seen(*entry)))
            }
            Call::GetConnection => {
                self.live_connection()?;
                Ok(Answer::Connection(self.seen()))
            }
            Call::GetSecret => {
                self.live_connection()?;
                self.secret
                    .map(Answer::Secret)
                    .ok_or_else(|| Refusal::new("needs_credentials"))
            }
            Call::ListModels => self.list(true),
            Call::ListContent => self.list(false),
            Call::GetEntry(entry) if self.entries.contains_key(entry) => {
                Ok(Answer::Entry(self.entry_seen(*entry)))
            }
            Call::GetEntry(_) => Err(Refusal::new("not_found")),
            Call::Look => Ok(Answer::Rows(Box::new(self.rows()))),
        }
    }

    fn seen(&self) -> Seen {
        let status = if self.secret.is_some() {
            "untested"
        } else {
            "needs_credentials"
        };
        Seen {
            status: status.to_owned(),
            version: self.version,
        }
    }

    fn live_connection(&self) -> Result<(), Refusal> {
        live(self.connection)
    }

    fn place(&self, what: What) -> Place {
        match what {
            What::Connection => self.connection,
            What::Model(child) | What::Content(child) => self
                .children
                .get(&child)
                .map_or(Place::Gone, |child| child.place),
        }
    }

    fn create(
        &mut self,
        number: Made,
        model: bool,
        parent: Option<Made>,
    ) -> Result<Answer, Refusal> {
        self.live_connection()?;
        if parent.is_some_and(|parent| self.place(What::Model(parent)) != Place::Live) {
            return Err(Refusal::new("invalid_input"));
        }
        let place = Place::Live;
        self.children.insert(
            number,
            Child {
                model,
                parent,
                place,
            },
        );
        Ok(Answer::Created)
    }

    fn list(&self, model: bool) -> Result<Answer, Refusal> {
        self.live_connection()?;
        let live = |child: &Child| child.model == model && child.place == Place::Live;
        let of = self.children.iter().filter(|(_, child)| live(child));
        Ok(Answer::Children(of.map(|(name, _)| *name).collect()))
    }

    /// Takes the root and every live row that hangs on it, directly or not.
    fn delete(&mut self, entry: Made, root: What) -> Result<Answer, Refusal> {
        live(self.place(root))?;
        let mut counts = Counts::default();
        let mut shredded = 0;
        if root == What::Connection {
            counts.connections = 1;
            shredded = u32::from(self.secret.take().is_some());
            self.connection = Place::Trash(entry);
            self.version += 1;
        }
        // A parent is always older than its children.
        for name in self.children.keys().copied().collect::<Vec<_>>() {
            let child = &self.children[&name];
            let hangs_on = |parent| self.place(What::Model(parent)) == Place::Trash(entry);
            let goes = match root {
                What::Connection => true,
                What::Model(root) | What::Content(root) => {
                    root == name || child.parent.is_some_and(hangs_on)
                }
            };
            if goes && child.place == Place::Live {
                if child.model {
                    counts.models += 1;
                } else {
                    counts.content += 1;
                }
                self.children.get_mut(&name).unwrap().place = Place::Trash(entry);
            }
        }
        let state = EntryState::InTrash;
        self.entries.insert(
            entry,
            Entry {
                root,
                state,
                counts,
                shredded,
            },
        );
        Ok(Answer::Entry(self.entry_seen(entry)))
    }

    fn open_entry(&self, entry: Made) -> Result<&Entry, Refusal> {
        match self.entries.get(&entry) {
            None => Err(Refusal::new("not_found")),
            Some(entry) if entry.state == EntryState::InTrash => Ok(entry),
            Some(entry) => Err(Refusal::closed(entry.state)),
        }
    }

    fn restore(&mut self, entry: Made, with_ancestors: bool) -> Result<Answer, Refusal> {
        let root = self.open_entry(entry)?.root;
        let mut ancestors = Vec::new();
        self.find_ancestors(root, with_ancestors, &mut Vec::new(), &mut ancestors)?;
        let mut counts = Counts::default();
        for entry in ancestors.iter().chain([&entry]) {
            let of = self.entries[entry].counts;
            counts.connections += of.connections;
            counts.models += of.models;
            counts.content += of.content;
            if self.connection == Place::Trash(*entry) {
                self.version += 1;
            }
            self.close(*entry, EntryState::Restored, Place::Live);
        }
        Ok(Answer::Restored {
            counts,
            ancestors,
            connection: self.seen(),
        })
    }

    /// The entries that hold what this row hangs on, outermost first.
    fn find_ancestors(
        &self,
        row: What,
        allowed: bool,
        met: &mut Vec<Made>,
        found: &mut Vec<Made>,
    ) -> Result<(), Refusal> {
        let (What::Model(child) | What::Content(child)) = row else {
            return Ok(());
        };
        let model = self.children[&child].parent.map(What::Model);
        for parent in [Some(What::Connection), model].into_iter().flatten() {
            match self.place(parent) {
                Place::Live => {}
                Place::Gone => return Err(Refusal::new("parent_purged")),
                Place::Trash(holder) if !allowed => {
                    return Err(Refusal::naming("parent_in_trash", holder));
                }
                Place::Trash(holder) if met.contains(&holder) => {}
                Place::Trash(holder) => {
                    met.push(holder);
                    self.find_ancestors(self.entries[&holder].root, allowed, met, found)?;
                    found.push(holder);
                }
            }
        }
        Ok(())
    }

    /// Ends an entry: exactly its rows leave the trash.
    fn close(&mut self, entry: Made, state: EntryState, place: Place) {
        if self.connection == Place::Trash(entry) {
            self.connection = place;
        }
        for child in self.children.values_mut() {
            if child.place == Place::Trash(entry) {
                child.place = place;
            }
        }
        self.entries.get_mut(&entry).unwrap().state = state;
    }

    fn entry_seen(&self, name: Made) -> EntrySeen {
        let entry = &self.entries[&name];
        let blocker = match self.open_entry(name) {
            Err(refusal) => Some(refusal),
            Ok(open) => self
                .find_ancestors(open.root, false, &mut Vec::new(), &mut Vec::new())
                .err(),
        };
        EntrySeen {
            entry: name,
            state: entry.state,
            counts: entry.counts,
            shredded: entry.shredded,
            blocker: blocker.map(|refusal| (refusal.code, refusal.entry)),
        }
    }

    fn rows(&self) -> Rows {
        let entry = |place| match place {
            Place::Trash(entry) => Some(entry),
            Place::Live | Place::Gone => None,
        };
        let connection = (self.connection != Place::Gone).then(|| ConnectionRow {
            entry: entry(self.connection),
            version: self.version,
            secret: self.secret.is_some(),
        });
        let there = self
            .children
            .iter()
            .filter(|(_, child)| child.place != Place::Gone);
        let parent = |parent| match self.place(What::Model(parent)) {
            Place::Gone => GONE_PARENT,
            Place::Live | Place::Trash(_) => parent,
        };
        let child_row = |child: &Child| ChildRow {
            model: child.model,
            parent: child.parent.map(parent),
            entry: entry(child.place),
        };
        let entries = self.entries.iter();
        Rows {
            connection,
            children: there
                .map(|(name, child)| (*name, child_row(child)))
                .collect(),
            entries: entries
                .map(|(name, entry)| (*name, (entry.state, entry.counts)))
                .collect(),
        }
    }
}

fn live(place: Place) -> Result<(), Refusal> {
    match place {
        Place::Live => Ok(()),
        Place::Trash(entry) => Err(Refusal::naming("in_trash", entry)),
        Place::Gone => Err(Refusal::new("not_found")),
    }
}
