//! Alarms: what somebody has to look at, of an organization or of the service itself.
//!
//! One surface: a row, a log line, a gauge (docs/metrics.md), `GET /v1/alarms`. What must stay true: one open alarm for
//! one cause (organization, code and subject), however often it is raised; it ends when its cause does.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::audit;
use super::caller::{Actor, Caller};
use super::error::{Error, Result};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::Page;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{AlarmId, OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::store::rows::{AlarmRow, AuditRow};
use crate::store::{Conn, StoreResult};

/// Stands for the organization of an alarm that is the service's own.
pub const SERVICE: OrgId = OrgId(uuid::Uuid::nil());

/// An alarm.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmView {
    /// Its id.
    pub id: AlarmId,
    /// What it is about.
    pub code: AlarmCode,
    /// Whether it is about the service itself and not about this organization; then `platform:admin` acknowledges it.
    pub of_service: bool,
    /// The same in a sentence.
    pub title: &'static str,
    /// What was seen.
    pub detail: String,
    /// What to do next.
    pub next: &'static str,
    /// When it was raised.
    pub raised_at: Ts,
    /// When its cause was seen last.
    pub last_seen_at: Ts,
    /// When somebody took note of it.
    pub acknowledged_at: Option<Ts>,
    /// Who.
    pub acknowledged_by: Option<Actor>,
    /// When it ended.
    pub resolved_at: Option<Ts>,
}

impl From<AlarmRow> for AlarmView {
    fn from(row: AlarmRow) -> Self {
        Self {
            id: row.id,
            code: row.code,
            of_service: row.org_id == SERVICE,
            title: row.code.title(),
            detail: row.detail,
            next: row.code.next(),
            raised_at: row.raised_at,
            last_seen_at: row.last_seen_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by.map(|id| Actor {
                id,
                name: row.acknowledged_by_name,
            }),
            resolved_at: row.resolved_at,
        }
    }
}

/// Raises an alarm of an organization, or of the service itself. `subject` tells apart causes that can stand side by
/// side; mostly empty. Answers whether it is new.
///
/// Writes: call it in a unit of work. The log line comes with it, also if that unit is rolled back.
pub fn raise(
    conn: &mut Conn,
    org: Option<OrgId>,
    code: AlarmCode,
    subject: &str,
    detail: &str,
) -> StoreResult<bool> {
    let (org_id, now) = (org.unwrap_or(SERVICE), conn.now()?);
    if conn.touch_alarm(org_id, code, subject, detail, now)? > 0 {
        return Ok(false);
    }
    let row = AlarmRow {
        org_id,
        id: AlarmId::mint(),
        code,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
        raised_at: now,
        last_seen_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledged_by_name: None,
        resolved_at: None,
    };
    let new = conn.insert_alarm(&row)? > 0;
    if new {
        announce(conn, org, &row)?;
        tracing::error!(alarm = %code, org = org.map(|org| org.to_string()), detail, next = code.next(), "alarm: {}", code.title());
    }
    Ok(new)
}

/// The event of an alarm: of its organization, or of each if it is the service's.
fn announce(conn: &mut Conn, org: Option<OrgId>, alarm: &AlarmRow) -> StoreResult<()> {
    let detail = JsonText::from_trusted(
        json!({
            "code": alarm.code,
            "title": alarm.code.title(),
            "detail": alarm.detail,
            "of": if org.is_some() { "organization" } else { "service" },
            "next": alarm.code.next(),
        })
        .to_string(),
    );
    let record = |org| AuditRow {
        subject_id: Some(RootId(alarm.id.0)),
        announced: true,
        ..audit::row(
            &Caller::service(org),
            alarm.raised_at,
            "alarm.raised",
            "alarm",
            detail.clone(),
        )
    };
    match org {
        Some(org) => audit::append(conn, &[record(org)]),
        None => audit::append_everywhere(conn, record),
    }
}

/// Ends an alarm whose cause is gone. Answers whether one was open.
pub fn resolve(
    conn: &mut Conn,
    org: Option<OrgId>,
    code: AlarmCode,
    subject: &str,
) -> StoreResult<bool> {
    let now = conn.now()?;
    let ended = conn.resolve_alarm(org.unwrap_or(SERVICE), code, subject, now)? > 0;
    if ended {
        tracing::info!(alarm = %code, org = org.map(|org| org.to_string()), "the alarm has ended");
    }
    Ok(ended)
}

/// A page of the alarms of the caller's organization and of the service itself, newest first. `open` of `None` is all.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    open: Option<bool>,
    page: &PageQuery,
) -> Result<Page<AlarmView>> {
    caller.require(Scope::AlarmsRead)?;
    let cursor: Option<Cursor<AlarmId>> = page.cursor("alarms", &open)?;
    let mut rows = conn.list_alarms(
        &[caller.org, SERVICE],
        open,
        cursor.map(|c| c.0),
        page.limit() + 1,
    )?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("alarms", &open, more, last),
        data: rows.into_iter().map(AlarmView::from).collect(),
    })
}

/// Takes note of an alarm. One that stands until then ends; a jump of the clock is then none: what the clock says is
/// right from now on.
pub fn acknowledge(tx: &mut Tx<'_>, id: AlarmId) -> Result<AlarmView> {
    tx.caller.require(Scope::AlarmsWrite)?;
    let own = tx.conn.find_alarm(tx.caller.org, id)?;
    let row = match own {
        Some(row) => row,
        None => tx
            .conn
            .find_alarm(SERVICE, id)?
            .ok_or_else(|| Error::not_found("alarm"))?,
    };
    if row.org_id == SERVICE {
        tx.caller.require(Scope::PlatformAdmin)?;
    }
    if row.acknowledged_at.is_none() {
        let (now, actor) = (tx.conn.now()?, &tx.caller.actor);
        tx.conn
            .acknowledge_alarm(row.org_id, id, now, &actor.id, actor.name.as_deref())?;
        if row.code == AlarmCode::ClockJump {
            tx.conn.forget_ticks()?;
        }
        if row.code.ends_with_a_word() {
            tx.conn.resolve_alarm_by_id(row.org_id, id, now)?;
        }
        tx.record(
            "alarm.acknowledged",
            "alarm",
            RootId(id.0),
            None,
            &json!({ "code": row.code, "detail": row.detail }),
        )?;
    }
    let row = tx
        .conn
        .find_alarm(row.org_id, id)?
        .ok_or_else(|| Error::not_found("alarm"))?;
    Ok(row.into())
}
