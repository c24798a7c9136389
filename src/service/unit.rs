//! The unit of work: every change goes through [`Services::write`].
//!
//! BEGIN, idempotency, effect, audit, event, COMMIT. What must stay true: no change without its audit record
//! and its event in the same transaction (promise 10), one effect for one idempotency key (promise 8), and the
//! whole closure again, at most three times, when another transaction got in the way.

use chrono::Duration;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Services;
use super::audit::{self, Call};
use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::purge::Purging;
use super::revoke::Ticket;
use crate::domain::actions;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, JobId, KeyId, RootId};
use crate::domain::json::JsonText;
use crate::domain::text::IdempotencyKey;
use crate::jobs::revoker::Revoker;
use crate::metrics::Fact;
use crate::secrets::Vault;
use crate::store::Conn;
use crate::store::rows::{AuditRow, ErasureJobRow, IdempotencyRow};

/// How long an answer is kept for its idempotency key.
const KEPT_FOR: Duration = Duration::hours(24);
/// How often a unit of work is tried when others get in its way.
const ATTEMPTS: u32 = 3;

/// An answer as it is stored for a repeated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status, always 2xx.
    pub status: u16,
    /// ETag header.
    pub etag: Option<String>,
    /// Location header.
    pub location: Option<String>,
    /// JSON body.
    pub body: Option<String>,
    /// The body holds a secret that is shown once: then it is not stored.
    pub shown_once: bool,
}

/// A request that must have one effect however often it is sent.
pub struct Once {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Tells this request from another one; keyed, since a plain hash of a body with a weak password could be
    /// guessed from a stolen database.
    pub fingerprint: String,
}

impl Once {
    /// The key of one row's own unit of work. Callers' keys have no space, so it is none of theirs.
    pub(super) fn of_row(&self, row: &str) -> Self {
        Self {
            key: self.key.of_row(row),
            fingerprint: self.fingerprint.clone(),
        }
    }
}

/// What a write came to.
#[derive(Debug)]
pub enum Written<T> {
    /// It was done now.
    Fresh(T, StoredAnswer),
    /// It was done before; this is the answer it got.
    Replayed(StoredAnswer),
}

/// A transaction with what every change needs.
pub struct Tx<'a> {
    /// The connection, inside the transaction.
    pub conn: &'a mut Conn,
    /// Who calls.
    pub caller: &'a Caller,
    /// Seals secrets.
    pub vault: &'a Vault,
    /// Revokes what was shredded, after the commit.
    pub revoker: &'a Revoker,
    /// How long things are kept, and whether the clock can be believed.
    pub purging: &'a Purging,
    /// The moment of this change by the service's clock; what must expire goes by the database's.
    pub at: Ts,
    recorded: bool,
    erasure_due: bool,
    purge_due: bool,
    revocations: Vec<Ticket>,
    facts: Vec<Fact>,
}

impl Services {
    /// Runs `work` as one unit. `render` makes the answer that a repetition would get.
    pub fn write<T>(
        &self,
        caller: &Caller,
        once: Option<&Once>,
        render: impl Fn(&T) -> StoredAnswer,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T>,
    ) -> Result<Written<T>> {
        let mut attempt = 1;
        loop {
            let (mut recorded, mut erasure_due, mut purge_due) = (false, false, false);
            let (mut revocations, mut facts) = (Vec::new(), Vec::new());
            let result: Result<Written<T>> = self.store.write(|conn| {
                let mut tx = Tx {
                    conn,
                    caller,
                    vault: &self.vault,
                    revoker: &self.revoker,
                    purging: &self.purging,
                    at: Ts::now(),
                    recorded: false,
                    erasure_due: false,
                    purge_due: false,
                    revocations: Vec::new(),
                    facts: Vec::new(),
                };
                if let Some((once, key_id)) = once.zip(caller.key_id)
                    && let Some(answer) = tx.answered_before(once, key_id)?
                {
                    return Ok(Written::Replayed(answer));
                }
                let value = work(&mut tx)?;
                let answer = render(&value);
                if let Some((once, key_id)) = once.zip(caller.key_id) {
                    tx.remember(once, key_id, &answer)?;
                }
                recorded = tx.recorded;
                erasure_due = tx.erasure_due;
                purge_due = tx.purge_due;
                revocations = tx.revocations;
                facts = tx.facts;
                Ok(Written::Fresh(value, answer))
            });
            match result {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    tracing::debug!(%error, attempt, "another transaction got in the way; trying again");
                    attempt += 1;
                }
                Err(error) if error.is_conflict() => {
                    tracing::warn!(%error, "other transactions kept getting in the way");
                    return Err(Problem::new(
                        Code::ConcurrentChange,
                        "Other requests kept changing the same rows.",
                    )
                    .into());
                }
                result => {
                    if recorded && result.is_ok() {
                        self.sealer.nudge();
                        self.deliverer.nudge();
                    }
                    if erasure_due && result.is_ok() {
                        self.eraser.nudge();
                    }
                    if purge_due && result.is_ok() {
                        self.purging.nudge();
                    }
                    if result.is_ok() {
                        self.metrics.count(&facts);
                        self.revoker.submit(self, revocations);
                    }
                    return result;
                }
            }
        }
    }

    /// A write whose answer nobody repeats: the command line's.
    pub fn write_once<T>(
        &self,
        caller: &Caller,
        work: impl FnMut(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let no_answer = |_: &T| StoredAnswer {
            status: 200,
            etag: None,
            location: None,
            body: None,
            shown_once: false,
        };
        match self.write(caller, None, no_answer, work)? {
            Written::Fresh(value, _) => Ok(value),
            Written::Replayed(_) => Err(Error::Internal(
                "a replay without an idempotency key".to_owned(),
            )),
        }
    }
}

impl Tx<'_> {
    /// What this request was answered before: for work that is not a transaction, before it begins.
    pub(super) fn answered(&mut self, once: Option<&Once>) -> Result<Option<StoredAnswer>> {
        match once.zip(self.caller.key_id) {
            Some((once, key_id)) => self.answered_before(once, key_id),
            None => Ok(None),
        }
    }

    fn answered_before(&mut self, once: &Once, key_id: KeyId) -> Result<Option<StoredAnswer>> {
        let org = self.caller.org;
        if !self.conn.try_lock(lock_number(&[
            self.caller.org.0.as_bytes(),
            key_id.0.as_bytes(),
            once.key.as_str().as_bytes(),
        ]))? {
            return Err(Problem::new(
                Code::RequestInProgress,
                "A request with this Idempotency-Key is being worked on.",
            )
            .into());
        }
        let Some(row) = self.conn.find_idempotent(org, key_id, once.key.as_str())? else {
            return Ok(None);
        };
        if row.expires_at <= self.at {
            self.conn.drop_expired_idempotent(org, self.at)?;
            return Ok(None);
        }
        if row.fingerprint != once.fingerprint {
            return Err(Problem::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used for a request with another method, path or body.",
            )
            .into());
        }
        if row.shown_once {
            return Err(Problem::new(
                Code::SecretAlreadyShown,
                "This request was answered before; the secret in its answer is not stored.",
            )
            .with("location", row.location)
            .into());
        }
        Ok(Some(StoredAnswer {
            status: u16::try_from(row.status).unwrap_or(200),
            etag: row.etag,
            location: row.location,
            body: row.body,
            shown_once: false,
        }))
    }

    fn remember(&mut self, once: &Once, key_id: KeyId, answer: &StoredAnswer) -> Result<()> {
        self.conn.insert_idempotent(&IdempotencyRow {
            org_id: self.caller.org,
            key_id,
            key: once.key.as_str().to_owned(),
            fingerprint: once.fingerprint.clone(),
            status: i32::from(answer.status),
            etag: answer.etag.clone(),
            location: answer.location.clone(),
            body: if answer.shown_once {
                None
            } else {
                answer.body.clone()
            },
            shown_once: answer.shown_once,
            created_at: self.at,
            expires_at: self.at.plus(KEPT_FOR),
        })?;
        Ok(())
    }

    /// Writes down a change: one record, which is its event, too. `action` is a word of the catalogue
    /// (`domain::actions`), `detail` the counts and names of what changed, never a value of a secret.
    pub fn record(
        &mut self,
        action: &str,
        subject_kind: &str,
        subject: RootId,
        entry: Option<EntryId>,
        detail: &impl Serialize,
    ) -> Result<()> {
        let detail = to_json(detail)?;
        self.append(AuditRow {
            announced: true,
            ..self.row(action, subject_kind, Some(subject), entry, detail)
        })
    }

    /// Writes down what is not a change, such as reading a secret: a record that is no event.
    pub fn audit(
        &mut self,
        action: &str,
        subject_kind: &str,
        subject: Option<RootId>,
        entry: Option<EntryId>,
        detail: JsonText,
    ) -> Result<()> {
        let row = self.row(action, subject_kind, subject, entry, detail);
        self.append(row)
    }

    /// Writes down that a call was refused.
    pub(super) fn refusal(&mut self, call: &Call, detail: JsonText) -> Result<()> {
        let row = AuditRow {
            outcome: audit::REFUSED.to_owned(),
            ..self.row(&call.name, &call.kind, call.subject, call.entry, detail)
        };
        self.append(row)
    }

    fn row(
        &self,
        action: &str,
        subject_kind: &str,
        subject: Option<RootId>,
        entry: Option<EntryId>,
        detail: JsonText,
    ) -> AuditRow {
        AuditRow {
            subject_id: subject,
            entry_id: entry,
            ..audit::row(self.caller, self.at, action, subject_kind, detail)
        }
    }

    fn append(&mut self, row: AuditRow) -> Result<()> {
        debug_assert!(
            row.outcome == audit::REFUSED
                || actions::find(&row.action)
                    .is_some_and(|action| action.announced == row.announced),
            "{} is not in the catalogue",
            row.action
        );
        self.recorded = true;
        audit::append(self.conn, &[row])?;
        Ok(())
    }

    /// Counts something that this transaction does, once it is committed.
    pub(super) fn count(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Hands over a credential that this transaction shreds, to be revoked at the source after the commit; without one
    /// it is dropped.
    pub(super) fn revoke_after_commit(&mut self, ticket: Ticket) {
        self.revocations.push(ticket);
    }

    /// Asks for the rows of an entry that is being purged to be removed after the commit.
    pub(super) fn purge_after_commit(&mut self) {
        self.purge_due = true;
    }

    /// Asks for the bytes of what this transaction shredded to be erased from the files after the commit.
    pub fn erase_after_commit(&mut self, entry: Option<EntryId>) -> Result<()> {
        self.conn.insert_erasure_job(&ErasureJobRow {
            org_id: self.caller.org,
            id: JobId::mint(),
            entry_id: entry,
            created_at: self.at,
            finished_at: None,
            attempts: 0,
            last_problem: None,
        })?;
        self.erasure_due = true;
        Ok(())
    }
}

/// A document of ours as JSON text.
pub(super) fn to_json(value: &impl Serialize) -> Result<JsonText> {
    serde_json::to_string(value)
        .map(JsonText::from_trusted)
        .map_err(|error| Error::Internal(format!("a value has no JSON form: {error}")))
}

/// The number of the lock that stands for something (`Conn::try_lock`).
pub(super) fn lock_number(parts: &[&[u8]]) -> i64 {
    let digest = parts
        .iter()
        .fold(Sha256::new(), Sha256::chain_update)
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0_i64, |number, byte| (number << 8) | i64::from(*byte))
}
