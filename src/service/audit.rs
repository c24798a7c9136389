//! Audit: what was done and what was refused, by whom, in a chain that shows whether any of it was changed afterwards.
//!
//! What must stay true (promise 10): no change without its record, in its own transaction; a record is never changed or
//! removed. None of this needs an encryption key (promise 12).

pub mod chain;
pub mod seal;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Services;
use super::caller::{Actor, Caller};
use super::error::{Error, Result};
use super::pages::{Cursor, PageQuery};
use super::unit::to_json;
use super::views::{Counts, Page};
use crate::domain::actions;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, KeyId, OrgId, RecordId, RootId};
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::store::filters::AuditFilter;
use crate::store::rows::AuditRow;
use crate::store::{Conn, StoreResult};

/// Organizations in one statement.
const PAGE: i64 = 200;
/// The outcome of what was done.
pub const DONE: &str = "done";
/// The outcome of what was refused.
pub const REFUSED: &str = "refused";

/// What an audit record is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The kind of thing: `connection`, `trash`, `api_key`, ...
    pub kind: String,
    /// Its id, if it has one.
    pub id: Option<RootId>,
}

/// An audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditView {
    /// Its place in the organization's chain, counted from 1 without gaps. `null` until it is sealed, mostly for less than a
    /// second.
    pub seq: Option<i64>,
    /// SHA-256 over the record and the hash before (docs/security.md, "The audit chain").
    pub hash: Option<String>,
    /// The record's id; that of the event too, if it is one.
    pub id: RecordId,
    /// When it happened, by the service's clock.
    pub at: Ts,
    /// Who did it.
    pub actor: Actor,
    /// With which API key; `null` for the command line and the service itself.
    pub key_id: Option<KeyId>,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// What was done; of a refused call its method and path.
    pub action: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// To what.
    pub subject: Subject,
    /// The trash entry it concerns.
    pub entry_id: Option<EntryId>,
    /// Whether it is an event, too.
    pub announced: bool,
    /// Counts and names, of a refused call its status and code. Never a secret.
    #[schema(value_type = Object)]
    pub detail: JsonText,
}

impl AuditView {
    /// From a row, its number and its hash.
    pub fn new((row, seq, hash): (AuditRow, Option<i64>, Option<String>)) -> Self {
        Self {
            seq,
            hash,
            id: row.id,
            at: row.at,
            actor: Actor {
                id: row.actor_id,
                name: row.actor_name,
            },
            key_id: row.key_id,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            outcome: row.outcome,
            subject: Subject {
                kind: row.subject_kind,
                id: row.subject_id,
            },
            entry_id: row.entry_id,
            announced: row.announced,
            detail: row.detail,
        }
    }
}

/// How much is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The organization whose chain it is.
    pub organization_id: OrgId,
    /// The number of the last sealed record; 0 if there is none.
    pub seq: i64,
    /// Its hash. Whoever keeps both can tell later that nothing up to there was changed or removed.
    pub hash: String,
    /// Records that have no number yet.
    pub unsealed: i64,
}

/// Which records are asked for.
#[derive(Debug, Default, Clone)]
pub struct AuditQuery {
    /// An action or a family (`trash.*`), or the method and path of a refused call.
    pub action: Option<String>,
    /// The rest.
    pub filter: AuditFilter,
}

impl AuditQuery {
    /// The chain is whole or none.
    pub fn refuse_filters(&self) -> Result<()> {
        let filter = &self.filter;
        let any = self.action.is_some()
            || filter.actor.is_some()
            || filter.outcome.is_some()
            || filter.subject.is_some()
            || filter.entry.is_some()
            || filter.request_id.is_some()
            || filter.after.is_some()
            || filter.before.is_some();
        if any {
            return Err(Error::field(
                "sort",
                "invalid_value",
                "The chain (sort=seq) is read without a filter.",
            ));
        }
        Ok(())
    }

    fn filter(&self) -> AuditFilter {
        let actions = self.action.as_ref().map(|pattern| {
            let words = actions::matching(pattern)
                .map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            // What is none of the catalogue may be a refused call.
            words.unwrap_or_else(|| vec![pattern.clone()])
        });
        AuditFilter {
            actions,
            ..self.filter.clone()
        }
    }
}

/// A page of records, newest first.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    query: &AuditQuery,
    page: &PageQuery,
) -> Result<Page<AuditView>> {
    caller.require(Scope::AuditRead)?;
    let filter = query.filter();
    let cursor: Option<Cursor<RecordId>> = page.cursor("audit", &filter)?;
    let mut rows = conn.list_audit(caller.org, &filter, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.0.id));
    Ok(Page {
        next_page_token: page.next("audit", &filter, more, last),
        data: rows.into_iter().map(AuditView::new).collect(),
    })
}

/// A page of the chain: sealed records in their order.
pub fn in_order(conn: &mut Conn, caller: &Caller, page: &PageQuery) -> Result<Page<AuditView>> {
    caller.require(Scope::AuditRead)?;
    let cursor: Option<Cursor<i64>> = page.cursor("chain", &())?;
    let after = cursor.map_or(0, |c| c.0);
    let mut rows = conn.sealed_after(caller.org, after, page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().and_then(|row| row.1).map(Cursor);
    Ok(Page {
        next_page_token: page.next("chain", &(), more, last),
        data: rows.into_iter().map(AuditView::new).collect(),
    })
}

/// The end of the chain.
pub fn head(conn: &mut Conn, caller: &Caller) -> Result<Head> {
    caller.require(Scope::AuditRead)?;
    head_of(conn, caller.org)
}

pub(super) fn head_of(conn: &mut Conn, org: OrgId) -> Result<Head> {
    let (seq, hash) = conn
        .audit_head(org)?
        .unwrap_or((0, chain::BEGINNING.to_owned()));
    Ok(Head {
        organization_id: org,
        seq,
        hash,
        unsealed: conn.count_unsealed(org)?,
    })
}

/// How many rows there are before and after they move from one place to another.
pub(super) fn moved(rows: &Counts, from: &str, to: &str) -> Value {
    let none = Counts::default();
    json!({
        "before": { from: rows, to: none },
        "after": { from: none, to: rows },
    })
}

/// A record of what this caller does, about nothing in particular.
pub(super) fn row(
    caller: &Caller,
    at: Ts,
    action: &str,
    subject_kind: &str,
    detail: JsonText,
) -> AuditRow {
    AuditRow {
        org_id: caller.org,
        id: RecordId::mint(),
        at,
        actor_id: caller.actor.id.clone(),
        actor_name: caller.actor.name.clone(),
        key_id: caller.key_id,
        address: caller.address.clone(),
        request_id: caller.request_id.clone(),
        action: action.to_owned(),
        outcome: DONE.to_owned(),
        subject_kind: subject_kind.to_owned(),
        subject_id: None,
        entry_id: None,
        detail,
        announced: false,
    }
}

/// Adds records. On SQLite they are sealed at once: there nobody else writes.
pub(super) fn append(conn: &mut Conn, rows: &[AuditRow]) -> StoreResult<()> {
    conn.insert_audits(rows)?;
    if conn.is_sqlite() {
        for row in rows {
            while seal::seal(conn, row.org_id)? > 0 {}
        }
    }
    Ok(())
}

/// Adds a record to each organization: for what is everybody's, such as the keys.
pub(super) fn append_everywhere(
    conn: &mut Conn,
    record: impl Fn(OrgId) -> AuditRow,
) -> StoreResult<()> {
    let mut after = None;
    loop {
        let page = conn.list_organizations(after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let records: Vec<AuditRow> = page.iter().map(|row| record(row.id)).collect();
        append(conn, &records)?;
    }
}

/// A call as it is written down when it is refused.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method and path, with the names of the parameters in place of their values; or the subcommand.
    pub name: String,
    /// The kind of thing that the call names.
    pub kind: String,
    /// The thing's id.
    pub subject: Option<RootId>,
    /// The trash entry that it names.
    pub entry: Option<EntryId>,
    /// Whether it would have changed something.
    pub change: bool,
}

impl Services {
    /// Writes down that a call was refused, if it was: for want of a right, or a change by a rule. Mistakes in the form of a
    /// request are no refusals. A record that can't be written changes nothing about the answer.
    pub fn note_refusal(&self, caller: &Caller, call: &Call, error: &Error) {
        let Error::Problem(problem) = error else {
            return;
        };
        if !is_refusal(problem.code, call.change) {
            return;
        }
        let code = problem.code;
        let written = self.write_once(caller, |tx| {
            let detail = to_json(&json!({
                "code": code.as_str(),
                "status": code.status(),
                "scope": problem.members.get("scope"),
            }))?;
            tx.refusal(call, detail)
        });
        if let Err(error) = written {
            tracing::warn!(%error, call = call.name, "a refused call could not be written down");
        }
    }
}

fn is_refusal(code: Code, change: bool) -> bool {
    match code {
        Code::MissingScope => true,
        // The same request, or a moment too early: nobody was told no.
        Code::RequestInProgress | Code::SecretAlreadyShown | Code::ConcurrentChange => false,
        Code::ConfirmMismatch => change,
        code => change && matches!(code.status(), 409 | 410 | 412 | 429),
    }
}
