//! The standing check: plants a secret of its own, deletes it, waits until it is erased, and looks for what is left of it.
//!
//! In an organization of its own, by the ordinary ways. What must stay true: before the deletion the search has to find the
//! secret where it should be, or the check is broken and not clean; of several replicas one works at a time; what it has
//! planted is purged; nothing that it says tells a byte of the secret.

mod files;
mod sought;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Services;
use super::alarms;
use super::caller::Caller;
use super::connections;
use super::delete::{DeleteRequest, delete};
use super::error::{Error, Result};
use super::impact::Target;
use super::organizations::ensure_canary;
use super::secrets;
use super::trash::{self, PurgeRequest};
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId, JobId, OrgId};
use crate::domain::kinds::{EntryState, OwnerKind};
use crate::store::filters::{ConnectionFilter, EntryFilter, EntryOrder};
use crate::store::{StoreError, StoreResult};

pub use sought::{Found, Sought, What};

/// Who works on a check says so this often, and has gone away when it has not for this long.
const BEAT: Duration = Duration::from_secs(30);
const GONE_AFTER: chrono::Duration = chrono::Duration::minutes(5);
/// The format and the epoch at the head of a record are the same for all.
const COMMON_HEAD: usize = 5;
/// Characters of the secret.
const LENGTH: usize = 44;
/// Leftovers that are removed at once.
const SWEPT: i64 = 100;

/// How a check waits for the erasure.
pub struct Wait<'a> {
    /// No longer than this: then it is overdue, for which there is an alarm of its own.
    pub patience: Duration,
    /// Waits a little, and may do something for the erasure meanwhile. Whether to go on.
    pub pause: &'a mut dyn FnMut() -> bool,
}

/// What a call for a check came to.
#[derive(Debug)]
pub enum Check {
    /// It was made; the report says what was found.
    Made(Report),
    /// It was made and can't be believed: what should have been found was not. Why.
    Broken(String),
    /// The erasure takes longer than the check waits: nothing can be told.
    Overdue,
    /// It was told to stop while it waited.
    Stopped,
    /// It is not due, or somebody else is at it.
    NotNow,
    /// The encryption key is missing, without which no secret can be planted. In words.
    Locked(String),
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// Bytes of the secret by where they are; none is what should be.
    pub found: BTreeMap<String, Found>,
    /// Bytes of the record that were looked for.
    pub record: usize,
    /// How much was looked through.
    pub seen: Seen,
    /// How long the erasure took.
    pub erased_after: Duration,
}

/// How much was looked through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Tables.
    pub tables: usize,
    /// Their rows.
    pub rows: u64,
    /// Bytes of files; none on PostgreSQL, whose files are the server's.
    pub file_bytes: u64,
}

impl Report {
    /// How many bytes are left of the secret.
    pub fn residue(&self) -> u64 {
        self.found.values().map(|found| found.bytes()).sum()
    }

    /// Where they are, in words.
    pub fn places(&self) -> String {
        let places: Vec<String> = self
            .found
            .iter()
            .map(|(place, found)| {
                let parts = [
                    (found.plaintext, "of the plain text"),
                    (found.record, "of the sealed record"),
                ];
                let parts: Vec<String> = parts
                    .into_iter()
                    .filter(|(bytes, _)| *bytes > 0)
                    .map(|(bytes, what)| format!("{bytes} bytes {what}"))
                    .collect();
                format!("{place}: {}", parts.join(", "))
            })
            .collect();
        places.join("; ")
    }
}

/// Why a check came to no result.
enum Stop {
    Broken(String),
    Overdue,
    Stopped,
    Lost,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

type Step<T> = std::result::Result<T, Stop>;

/// Makes a check, if the last one ended longer ago than `every` (without it: whenever it was) and nobody is at one. Publishes
/// what it found: for the metrics, and as an alarm that it raises or ends.
pub fn check(services: &Services, every: Option<Duration>, mut wait: Wait<'_>) -> Result<Check> {
    if let Some(problem) = services.vault.problem() {
        return Ok(Check::Locked(problem));
    }
    let org = ensure_canary(services)?;
    let run = JobId::mint();
    let claimed = services.store.write(|conn| {
        let now = conn.now()?;
        let since = every.map(|every| chrono::Duration::from_std(every).unwrap_or_default());
        let due = since.map_or(Ts::FAR, |since| now.plus(-since));
        conn.claim_canary(org, run, now, now.plus(-GONE_AFTER), due)
    })?;
    if claimed == 0 {
        return Ok(Check::NotNow);
    }
    let ended = sweep(services, org)
        .map_err(Stop::from)
        .and_then(|()| plant(services, org))
        .and_then(|planted| planted.delete_and_look(services, run, &mut wait));
    if matches!(ended, Err(Stop::Lost)) {
        // Whoever took over has planted a secret of their own.
        return Ok(Check::NotNow);
    }
    let left = sweep(services, org);
    conclude(services, org, run, ended).and_then(|check| left.map(|()| check))
}

/// Says what came of it.
fn conclude(services: &Services, org: OrgId, run: JobId, ended: Step<Report>) -> Result<Check> {
    let end = |ended: bool,
               found: Option<i64>,
               tell: &dyn Fn(&mut crate::store::Conn) -> StoreResult<bool>| {
        services.store.write(|conn| {
            let now = conn.now()?;
            conn.end_canary(org, run, ended.then_some(now), found)?;
            tell(conn)
        })
    };
    match ended {
        Ok(report) => {
            let residue = i64::try_from(report.residue()).unwrap_or(i64::MAX);
            end(true, Some(residue), &|conn| {
                alarms::resolve(conn, None, AlarmCode::CanaryBroken, "")?;
                if residue == 0 {
                    return alarms::resolve(conn, None, AlarmCode::Residue, "");
                }
                let detail = format!(
                    "{residue} bytes of a secret that was deleted and erased are still there: {}.",
                    report.places()
                );
                alarms::raise(conn, None, AlarmCode::Residue, "", &detail)
            })?;
            Ok(Check::Made(report))
        }
        Err(Stop::Broken(why)) => {
            end(true, None, &|conn| {
                alarms::raise(conn, None, AlarmCode::CanaryBroken, "", &why)
            })?;
            Ok(Check::Broken(why))
        }
        Err(Stop::Overdue) => {
            end(true, None, &|_| Ok(false))?;
            Ok(Check::Overdue)
        }
        Err(Stop::Stopped | Stop::Lost) => {
            end(false, None, &|_| Ok(false))?;
            Ok(Check::Stopped)
        }
        Err(Stop::Failed(error)) => {
            // Whoever comes next tries again; if this fails too, nobody has said anything for long enough soon.
            if let Err(error) = end(false, None, &|_| Ok(false)) {
                tracing::debug!(%error, "the turn of the standing check could not be given back");
            }
            Err(error)
        }
    }
}

/// A secret that was planted and found where it should be.
pub struct Planted {
    org: OrgId,
    connection: ConnectionId,
    sought: Sought,
    record: usize,
}

/// Plants a secret in an organization and sees that the search finds it.
fn plant(services: &Services, org: OrgId) -> Step<Planted> {
    let secret = random_text()?;
    let connection = services.write_once(&Caller::service(org), |tx| {
        let new = json!({
            "name": format!("canary {}", tx.at),
            "connector": "postgres",
            "settings": {"host": "canary.invalid", "database": "canary", "username": "canary"},
            "secrets": {"password": secret},
        });
        let new = serde_json::from_str(&new.to_string())
            .map_err(|error| Error::Internal(format!("the canary has no form: {error}")))?;
        connections::create(tx, &new)
    })?;
    let connection = connection.id;
    let record = services.store.read(|conn| {
        let owner = connection.into();
        let known = conn.secrets_of(org, OwnerKind::Connection, owner)?;
        match known.as_slice() {
            [one] => conn.read_slot(org, one.slot_id),
            _ => Ok(None),
        }
    })?;
    let Some(record) = record else {
        return Err(Stop::Broken(
            "The record of the planted secret is not in its slot before the deletion.".to_owned(),
        ));
    };
    // Nothing but the record of this very secret opens to it.
    let opened = services.write_once(&Caller::service(org), |tx| secrets::read(tx, connection));
    match opened {
        Ok(view)
            if view
                .secrets
                .get("password")
                .is_some_and(|own| own.is(&secret)) => {}
        Err(Error::Problem(problem)) if problem.code != Code::NeedsCredentials => {
            return Err(Error::Problem(problem).into());
        }
        Err(Error::Store(error)) => return Err(error.into()),
        // It is not there, is wiped, is damaged, or is another's.
        Ok(_) | Err(_) => {
            return Err(Stop::Broken(
                "Before the deletion the record in the slot does not open to the planted secret."
                    .to_owned(),
            ));
        }
    }
    let own = record.get(COMMON_HEAD..).unwrap_or_default();
    let sought = Sought::new(&[(What::Plaintext, secret.as_bytes()), (What::Record, own)]);
    let planted = Planted {
        org,
        connection,
        sought,
        record: own.len(),
    };
    planted.control(services)?;
    Ok(planted)
}

impl Planted {
    /// The search has to find the record where it should be, or it would find nothing anywhere.
    fn control(&self, services: &Services) -> Step<()> {
        let (found, _) = search(services, self.org, &self.sought)?;
        let whole = |place: &str| {
            let found = found.get(place).copied().unwrap_or_default();
            // In hexadecimal digits a byte has two.
            found.record >= u64::try_from(self.record).unwrap_or(u64::MAX)
        };
        if !whole("the table secret_slots") {
            return Err(Stop::Broken(
                "Before the deletion the search does not find the planted secret's record in the table secret_slots."
                    .to_owned(),
            ));
        }
        let in_files = found
            .keys()
            .any(|place| place.starts_with("the file ") && whole(place));
        if services.store.sqlite_file().is_some() && !in_files {
            return Err(Stop::Broken(
                "Before the deletion the search does not find the planted secret's record in the database's files."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Deletes it, waits until it is erased and looks for what is left.
    fn delete_and_look(self, services: &Services, run: JobId, wait: &mut Wait<'_>) -> Step<Report> {
        let target = Target::Connection(self.connection);
        let entry = services.write_once(&Caller::service(self.org), |tx| {
            delete(tx, &target, &DeleteRequest::default())
        })?;
        let erased_after = self.wait(services, entry.id, run, wait)?;
        let (found, seen) = search(services, self.org, &self.sought)?;
        Ok(Report {
            found,
            record: self.record,
            seen,
            erased_after,
        })
    }

    fn wait(
        &self,
        services: &Services,
        entry: EntryId,
        run: JobId,
        wait: &mut Wait<'_>,
    ) -> Step<Duration> {
        let began = Instant::now();
        let mut said = began;
        loop {
            let row = services
                .store
                .read(|conn| conn.find_entry(self.org, entry))?;
            if row.is_some_and(|row| row.erased_at.is_some()) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > wait.patience {
                return Err(Stop::Overdue);
            }
            if !(wait.pause)() {
                return Err(Stop::Stopped);
            }
            if said.elapsed() > BEAT {
                said = Instant::now();
                let mine = services.store.write(|conn| {
                    let now = conn.now()?;
                    conn.beat_canary(self.org, run, now)
                })?;
                if mine == 0 {
                    return Err(Stop::Lost);
                }
            }
        }
    }
}

/// Where something of it stands: in the rows of an organization in all tables, and in the files of an SQLite database.
pub fn search(
    services: &Services,
    org: OrgId,
    sought: &Sought,
) -> Result<(BTreeMap<String, Found>, Seen)> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut note = |place: String, here: Found| {
        if here.bytes() > 0 {
            found.entry(place).or_default().add(here);
        }
    };
    let mut seen = Seen::default();
    seen.tables = services.store.read_snapshot(|conn| {
        // Before the first look, which takes the snapshot: the erasure cycle does not heed snapshots.
        conn.hold_slots()?;
        conn.allow_long_statements()?;
        conn.each_row(org, &mut |table, row| {
            seen.rows += 1;
            note(
                format!("the table {table}"),
                sought.in_bytes(row.as_bytes()),
            );
        })
    })?;
    if let Some(database) = services.store.sqlite_file() {
        let (in_files, read) =
            files::look(database, sought).map_err(|error| unreadable(database, &error))?;
        seen.file_bytes = read;
        for (file, here) in in_files {
            note(format!("the file {file}"), here);
        }
    }
    Ok((found, seen))
}

fn unreadable(file: &Path, error: &io::Error) -> Error {
    StoreError::Unavailable(format!("{} can't be read: {error}", file.display())).into()
}

/// Removes what checks have planted, by the ordinary ways: also what one that was killed has left. What may not be purged yet,
/// since the service keeps everything for a minimum time, goes by its date.
fn sweep(services: &Services, org: OrgId) -> Result<()> {
    let caller = Caller::service(org);
    let live = services
        .store
        .read(|conn| conn.list_connections(org, &ConnectionFilter::default(), None, SWEPT))?;
    for row in live {
        let target = Target::Connection(row.id);
        services.write_once(&caller, |tx| delete(tx, &target, &DeleteRequest::default()))?;
    }
    let filter = EntryFilter {
        state: Some(EntryState::InTrash),
        ..EntryFilter::default()
    };
    let entries = services.store.read(|conn| {
        let now = conn.now()?;
        conn.list_entries(org, &filter, EntryOrder::DeletedAt(None), now, SWEPT)
    })?;
    for row in entries {
        let request = PurgeRequest {
            confirm: row.root_name.clone(),
        };
        match services.write_once(&caller, |tx| trash::purge(tx, row.id, &request)) {
            Err(Error::Problem(problem)) if problem.code == Code::MinRetention => {}
            result => _ = result?,
        }
    }
    Ok(())
}

/// A text that stands nowhere else. Letters and digits alone, so that quoting it changes nothing.
fn random_text() -> Result<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Internal(format!("the system has no random bytes: {error}")))?;
    let letters = bytes.iter().map(|byte| LETTERS.get(usize::from(byte % 64)));
    Ok(letters.flatten().copied().map(char::from).collect())
}
