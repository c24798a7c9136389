//! What the lines of a file must be to each other: in order, each once, each with its parents, the entries with the
//! rows they say they hold.
//!
//! What must stay true: bounded memory, some 16 to 40 bytes a row and nothing of its body; whatever passes satisfies
//! every check of `reprieve verify` and can be restored.

use sha2::{Digest as _, Sha256};

use super::faults::Faults;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, IntegrationId, RootId};
use crate::domain::kinds::{EntryState, OwnerKind, RecordKind, RootKind};
use crate::store::records::{Key, Record};
use crate::store::rows::{
    ConnectionRow, DependentRow, EntryRow, IntegrationRow, LinkRow, TrashSecretRow,
};

/// No model.
const NONE: u32 = u32::MAX;

/// The rows of a file so far.
#[derive(Default)]
pub(super) struct Relations {
    last: Option<(RecordKind, Key)>,
    lacks_rows: bool,
    /// The line of the first model; the others follow one by one.
    first_model: u64,
    integrations: Vec<Integration>,
    connections: Vec<ConnectionId>,
    models: Vec<Model>,
    content: Vec<DependentId>,
    closed: Vec<EntryId>,
    open: Vec<Open>,
    trash_integrations: Vec<(IntegrationId, u32)>,
    trash_connections: Vec<(ConnectionId, u32)>,
    trash_models: Vec<(DependentId, u32)>,
    trash_content: Vec<(DependentId, u32)>,
    /// Base models that come after what extends them: line, the model's place, the base.
    later: Vec<(u64, u32, DependentId)>,
    /// The same in the trash, with the entry.
    later_in_trash: Vec<(u64, u32, DependentId)>,
    uniques: [Vec<([u8; 16], u32)>; UNIQUES.len()],
}

struct Integration {
    id: IntegrationId,
    key: String,
    connector: String,
}

struct Model {
    id: DependentId,
    connection: u32,
    base: u32,
}

/// An entry whose rows are in the trash.
struct Open {
    id: EntryId,
    line: u64,
    /// Its rows are on their way out, so that some may be gone.
    purging: bool,
    root_kind: RootKind,
    root: RootId,
    connection: Option<ConnectionId>,
    has_root: bool,
    /// Connections, models and content that it says it holds and that have not come yet.
    left: [i64; 3],
}

/// What may be there once: pointer, code and sentence.
const UNIQUES: [(&str, &str, &str); 5] = [
    (
        "/name",
        "duplicate_name",
        "Another connection of the integration has this name in the file.",
    ),
    (
        "/external_id",
        "duplicate_external_id",
        "Another connection of the integration has this external id in the file.",
    ),
    (
        "/external_id",
        "duplicate_external_id",
        "Another model of the connection has this external id in the file.",
    ),
    (
        "/external_id",
        "duplicate_external_id",
        "Another piece of content of the connection has this external id in the file.",
    ),
    (
        "/key",
        "duplicate_key",
        "Another integration has this key in the file.",
    ),
];

impl Relations {
    /// Takes the next row; what is wrong with it goes to `faults`.
    pub(super) fn add(&mut self, line: u64, record: &Record, faults: &mut Faults) {
        if let Some((pointer, code, detail)) = self.out_of_order(record) {
            faults.add(line, pointer, code, detail);
            self.a_row_is_missing();
        } else if self.lacks_rows {
            // Whose parent was on a wrong line is not to blame for it.
            self.relate(line, record, &mut Faults::default());
        } else {
            self.relate(line, record, faults);
        }
    }

    /// A line could not be read: what refers to it is not told as well.
    pub(super) fn a_row_is_missing(&mut self) {
        self.lacks_rows = true;
    }

    fn relate(&mut self, line: u64, record: &Record, faults: &mut Faults) {
        match record {
            Record::Integration(row) => self.integration(line, row),
            Record::Connection(row) => self.connection(line, row, faults),
            Record::Model(row) => self.model(line, row, faults),
            Record::Content(row) => self.content(line, row, faults),
            Record::Link(row) => self.link(line, row, faults),
            Record::Entry(row) => self.entry(line, row),
            Record::TrashIntegration(entry, row) => {
                let found = self
                    .integrations
                    .binary_search_by_key(&row.id, |live| live.id);
                if let Some(at) = self.trashed(line, *entry, found.is_ok(), faults) {
                    self.trash_integrations.push((row.id, at));
                    let id = RootId(row.id.0);
                    self.of_entry(line, at, None, RootKind::Integration, id, faults);
                }
            }
            Record::TrashSecret(row) => self.trash_secret(line, row, faults),
            Record::TrashConnection(entry, row) => {
                let is_live = self.connections.binary_search(&row.id).is_ok();
                if let Some(at) = self.trashed(line, *entry, is_live, faults) {
                    self.trash_connections.push((row.id, at));
                    self.of_entry(
                        line,
                        at,
                        Some(0),
                        RootKind::Connection,
                        row.id.into(),
                        faults,
                    );
                }
            }
            Record::TrashModel(entry, row) => self.trash_model(line, *entry, row, faults),
            Record::TrashContent(entry, row) => self.trash_content(line, *entry, row, faults),
            Record::TrashLink(entry, row) => self.trash_link(line, *entry, row, faults),
            Record::Hold(row) => {
                if self.find_open(row.entry_id).is_none()
                    && self.closed.binary_search(&row.entry_id).is_err()
                {
                    missing(line, "/entry_id", "trash entry", faults);
                }
            }
        }
    }

    /// What can only be said of the whole file.
    pub(super) fn finish(&mut self, faults: &mut Faults) {
        if self.lacks_rows {
            return;
        }
        // A row that was refused was not counted.
        let counted = faults.is_empty();
        self.resolve_later(faults);
        self.refuse_cycles(faults);
        for entry in self.open.iter().filter(|_| counted) {
            let whole = entry.left.iter().all(|left| *left == 0);
            let too_many = entry.left.iter().any(|left| *left < 0);
            if too_many || (!whole && !entry.purging) {
                let detail = "The file has other numbers of rows of this entry than it says.";
                faults.add(entry.line, "", "entry_incomplete", detail);
            } else if !entry.has_root && !entry.purging {
                let detail = "The file lacks the row that this entry is about.";
                faults.add(entry.line, "/root_id", "entry_incomplete", detail);
            }
        }
        for ((pointer, code, detail), hashes) in UNIQUES.iter().zip(&mut self.uniques) {
            hashes.sort_unstable();
            for pair in hashes.windows(2) {
                if let [(one, _), (other, line)] = pair
                    && one == other
                {
                    faults.add(u64::from(*line), pointer, code, *detail);
                }
            }
        }
    }

    fn out_of_order(
        &mut self,
        record: &Record,
    ) -> Option<(&'static str, &'static str, &'static str)> {
        let this = (record.kind(), record.key());
        let last = self.last.replace(this.clone())?;
        let at = match this.0 {
            RecordKind::Link | RecordKind::TrashLink | RecordKind::TrashSecret => "",
            _ => "/id",
        };
        if this == last {
            return Some((at, "duplicate_id", "The line before has the same id."));
        }
        if this < last {
            return Some((
                at,
                "out_of_order",
                "Lines are in the order of their types, and of their ids within one.",
            ));
        }
        None
    }

    fn integration(&mut self, line: u64, row: &IntegrationRow) {
        self.integrations.push(Integration {
            id: row.id,
            key: row.key.clone(),
            connector: row.connector.clone(),
        });
        self.unique(4, line, &[&row.key]);
    }

    fn connection(&mut self, line: u64, row: &ConnectionRow, faults: &mut Faults) {
        if let Some(id) = row.integration_id {
            let found = self.integrations.binary_search_by_key(&id, |live| live.id);
            let found = found.ok().and_then(|at| self.integrations.get(at));
            if found.is_none_or(|own| own.key != row.integration || own.connector != row.connector)
            {
                missing(
                    line,
                    "/integration_id",
                    "live integration of its key",
                    faults,
                );
            }
        }
        self.connections.push(row.id);
        self.unique(0, line, &[&row.integration, &row.name_key]);
        if let Some(external_id) = &row.external_id {
            self.unique(1, line, &[&row.integration, external_id]);
        }
    }

    fn model(&mut self, line: u64, row: &DependentRow, faults: &mut Faults) {
        let Some(connection) = place(&self.connections, &row.connection_id) else {
            return missing(line, "/connection_id", "live connection", faults);
        };
        let at = number(self.models.len());
        if at == 0 {
            self.first_model = line;
        }
        let base = match row.parent {
            None => NONE,
            Some(base) => {
                let found = self.find_model(base);
                if found.is_none() {
                    self.later.push((line, at, base));
                }
                found.unwrap_or(NONE)
            }
        };
        if self
            .model_at(base)
            .is_some_and(|base| base.connection != connection)
        {
            return missing(line, "/base_model_id", "model of its connection", faults);
        }
        self.models.push(Model {
            id: row.id,
            connection,
            base,
        });
        if let Some(external_id) = &row.external_id {
            self.unique(2, line, &[&row.connection_id.to_string(), external_id]);
        }
    }

    fn content(&mut self, line: u64, row: &DependentRow, faults: &mut Faults) {
        let Some(connection) = place(&self.connections, &row.connection_id) else {
            return missing(line, "/connection_id", "live connection", faults);
        };
        if let Some(model) = row.parent {
            let found = self.find_model(model).and_then(|at| self.model_at(at));
            if found.is_none_or(|model| model.connection != connection) {
                return missing(line, "/model_id", "live model of its connection", faults);
            }
        }
        self.content.push(row.id);
        if let Some(external_id) = &row.external_id {
            self.unique(3, line, &[&row.connection_id.to_string(), external_id]);
        }
    }

    fn link(&self, line: u64, row: &LinkRow, faults: &mut Faults) {
        for (pointer, end) in [("/from_id", row.from_id), ("/to_id", row.to_id)] {
            if self.content.binary_search(&end).is_err() {
                missing(line, pointer, "live content", faults);
            }
        }
    }

    fn entry(&mut self, line: u64, row: &EntryRow) {
        if matches!(row.state, EntryState::Restored | EntryState::Purged) {
            self.closed.push(row.id);
            return;
        }
        self.open.push(Open {
            id: row.id,
            line,
            purging: row.state == EntryState::Purging,
            root_kind: row.root_kind,
            root: row.root_id,
            connection: row.connection_id,
            has_root: false,
            left: [row.connections_count, row.models_count, row.content_count],
        });
    }

    /// Of a connection that left with its integration; the root's own are in its entry.
    fn trash_secret(&self, line: u64, row: &TrashSecretRow, faults: &mut Faults) {
        let at = self.find_open(row.entry_id);
        let owner = ConnectionId(row.owner_id.0);
        if row.owner_kind != OwnerKind::Connection
            || at.is_none()
            || entry_of(&self.trash_connections, &owner) != at
        {
            missing(line, "/owner_id", "connection of its entry", faults);
        }
    }

    fn trash_model(&mut self, line: u64, entry: EntryId, row: &DependentRow, faults: &mut Faults) {
        let is_live = self.find_model(row.id).is_some();
        let Some(at) = self.trashed(line, entry, is_live, faults) else {
            return;
        };
        self.trash_models.push((row.id, at));
        let is_root = self.of_entry(line, at, Some(1), RootKind::Model, RootId(row.id.0), faults);
        self.in_connection(line, at, row, faults);
        if let (false, Some(base)) = (is_root, row.parent) {
            self.later_in_trash.push((line, at, base));
        }
    }

    fn trash_content(
        &mut self,
        line: u64,
        entry: EntryId,
        row: &DependentRow,
        faults: &mut Faults,
    ) {
        let is_live = self.content.binary_search(&row.id).is_ok();
        let Some(at) = self.trashed(line, entry, is_live, faults) else {
            return;
        };
        self.trash_content.push((row.id, at));
        let is_root = self.of_entry(
            line,
            at,
            Some(2),
            RootKind::Content,
            RootId(row.id.0),
            faults,
        );
        self.in_connection(line, at, row, faults);
        if let (false, Some(model)) = (is_root, row.parent)
            && entry_of(&self.trash_models, &model) != Some(at)
        {
            missing(line, "/model_id", "model of its entry", faults);
        }
    }

    fn trash_link(&self, line: u64, entry: EntryId, row: &LinkRow, faults: &mut Faults) {
        let Some(at) = self.find_open(entry) else {
            return missing(line, "/entry_id", "trash entry that holds rows", faults);
        };
        let ends = [row.from_id, row.to_id];
        if ends
            .iter()
            .all(|end| entry_of(&self.trash_content, end) != Some(at))
        {
            missing(line, "", "content of its entry at either end", faults);
        }
    }

    /// The entry of a row in the trash.
    fn trashed(
        &self,
        line: u64,
        entry: EntryId,
        is_live: bool,
        faults: &mut Faults,
    ) -> Option<u32> {
        if is_live {
            faults.add(
                line,
                "/id",
                "duplicate_id",
                "This row is live in the file, too.",
            );
            return None;
        }
        let at = self.find_open(entry);
        if at.is_none() {
            missing(line, "/entry_id", "trash entry that holds rows", faults);
        }
        at
    }

    /// Counts a row for its entry; answers whether the entry is about it.
    fn of_entry(
        &mut self,
        line: u64,
        at: u32,
        table: Option<usize>,
        kind: RootKind,
        id: RootId,
        faults: &mut Faults,
    ) -> bool {
        let Some(entry) = self.open.get_mut(index(at)) else {
            return false;
        };
        if let Some(left) = table.and_then(|table| entry.left.get_mut(table)) {
            *left -= 1;
        }
        let is_root = entry.root_kind == kind && entry.root == id;
        entry.has_root |= is_root;
        if kind == RootKind::Connection && entry.root_kind == RootKind::Connection && !is_root {
            missing(line, "/entry_id", "entry about it", faults);
        }
        is_root
    }

    /// What leaves together is of one connection.
    fn in_connection(&self, line: u64, at: u32, row: &DependentRow, faults: &mut Faults) {
        let Some(entry) = self.open.get(index(at)) else {
            return;
        };
        let fits = match entry.root_kind {
            RootKind::Integration => {
                entry_of(&self.trash_connections, &row.connection_id) == Some(at)
            }
            RootKind::Connection => RootId::from(row.connection_id) == entry.root,
            RootKind::Model | RootKind::Content => Some(row.connection_id) == entry.connection,
        };
        if !fits {
            missing(line, "/connection_id", "connection of its entry", faults);
        }
    }

    fn resolve_later(&mut self, faults: &mut Faults) {
        for (line, at, base) in std::mem::take(&mut self.later) {
            let connection = self.model_at(at).map(|model| model.connection);
            let found = self
                .find_model(base)
                .filter(|base| self.model_at(*base).map(|base| base.connection) == connection);
            match (found, self.models.get_mut(index(at))) {
                (Some(base), Some(model)) => model.base = base,
                _ => missing(line, "/base_model_id", "model of its connection", faults),
            }
        }
        for (line, at, base) in std::mem::take(&mut self.later_in_trash) {
            if entry_of(&self.trash_models, &base) != Some(at) {
                missing(line, "/base_model_id", "model of its entry", faults);
            }
        }
    }

    /// A model may not extend itself, however far around. Each is walked once: the walks mark where they have been.
    fn refuse_cycles(&self, faults: &mut Faults) {
        let mut walk_of = vec![0_u32; self.models.len()];
        for start in 0..self.models.len() {
            let walk = number(start) + 1;
            let mut at = number(start);
            while let Some(seen) = walk_of.get_mut(index(at)) {
                if *seen == walk {
                    let detail = "A model of the file extends itself, directly or through others.";
                    let line = self.first_model + u64::from(at);
                    faults.add(line, "/base_model_id", "cycle", detail);
                    return;
                }
                if *seen != 0 {
                    break;
                }
                *seen = walk;
                at = self.model_at(at).map_or(NONE, |model| model.base);
            }
        }
    }

    fn unique(&mut self, list: usize, line: u64, parts: &[&str]) {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(&digest) {
            *to = *from;
        }
        if let Some(list) = self.uniques.get_mut(list) {
            list.push((short, u32::try_from(line).unwrap_or(u32::MAX)));
        }
    }

    fn find_model(&self, id: DependentId) -> Option<u32> {
        self.models
            .binary_search_by_key(&id, |model| model.id)
            .ok()
            .map(number)
    }

    fn model_at(&self, at: u32) -> Option<&Model> {
        self.models.get(index(at))
    }

    fn find_open(&self, id: EntryId) -> Option<u32> {
        self.open
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()
            .map(number)
    }
}

fn missing(line: u64, pointer: &str, what: &str, faults: &mut Faults) {
    let detail = format!("There is no such {what} in the file before this line.");
    faults.add(line, pointer, "missing_parent", detail);
}

fn place<T: Ord>(sorted: &[T], id: &T) -> Option<u32> {
    sorted.binary_search(id).ok().map(number)
}

fn entry_of<T: Ord + Copy>(sorted: &[(T, u32)], id: &T) -> Option<u32> {
    let at = sorted.binary_search_by_key(id, |(id, _)| *id).ok()?;
    sorted.get(at).map(|(_, entry)| *entry)
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
