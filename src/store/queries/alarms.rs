//! Alarms, and the ticks by which a jump of the clock is noticed.

use diesel::prelude::*;

use super::Conn;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{AlarmId, OrgId};
use crate::store::rows::{AlarmRow, TickRow};
use crate::store::schema::{alarms, scheduler_ticks};

/// The open alarm of one cause; a macro, for its type has no short name.
macro_rules! open_alarm {
    ($org:expr, $code:expr, $subject:expr) => {
        alarms::table
            .filter(alarms::org_id.eq($org))
            .filter(alarms::code.eq($code))
            .filter(alarms::subject.eq($subject))
            .filter(alarms::resolved_at.is_null())
    };
}

/// Notes that an open alarm is still to be raised; 0 if none is open.
pub(in crate::store) fn touch_alarm(
    conn: &mut Conn,
    org: OrgId,
    code: AlarmCode,
    subject: &str,
    detail: &str,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(open_alarm!(org, code, subject))
        .set((alarms::last_seen_at.eq(at), alarms::detail.eq(detail)))
        .execute(conn)
}

/// Adds an alarm, unless one like it is open; answers whether it was added.
pub(in crate::store) fn insert_alarm(conn: &mut Conn, row: &AlarmRow) -> QueryResult<usize> {
    diesel::insert_into(alarms::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)
}

pub(in crate::store) fn resolve_alarm(
    conn: &mut Conn,
    org: OrgId,
    code: AlarmCode,
    subject: &str,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(open_alarm!(org, code, subject))
        .set(alarms::resolved_at.eq(at))
        .execute(conn)
}

pub(in crate::store) fn resolve_alarm_by_id(
    conn: &mut Conn,
    org: OrgId,
    id: AlarmId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        alarms::table
            .find((org, id))
            .filter(alarms::resolved_at.is_null()),
    )
    .set(alarms::resolved_at.eq(at))
    .execute(conn)
}

/// Ends the alarms whose cause nobody has seen since.
pub(in crate::store) fn resolve_unseen_alarms(
    conn: &mut Conn,
    org: OrgId,
    code: AlarmCode,
    since: Ts,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        alarms::table
            .filter(alarms::org_id.eq(org))
            .filter(alarms::code.eq(code))
            .filter(alarms::last_seen_at.lt(since))
            .filter(alarms::resolved_at.is_null()),
    )
    .set(alarms::resolved_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn find_alarm(
    conn: &mut Conn,
    org: OrgId,
    id: AlarmId,
) -> QueryResult<Option<AlarmRow>> {
    alarms::table
        .find((org, id))
        .select(AlarmRow::as_select())
        .first(conn)
        .optional()
}

/// The alarms of these organizations, newest first.
pub(in crate::store) fn list_alarms(
    conn: &mut Conn,
    orgs: &[OrgId],
    open: Option<bool>,
    after: Option<AlarmId>,
    limit: i64,
) -> QueryResult<Vec<AlarmRow>> {
    let mut query = alarms::table
        .filter(alarms::org_id.eq_any(orgs))
        .select(AlarmRow::as_select())
        .into_boxed();
    query = match open {
        Some(true) => query.filter(alarms::resolved_at.is_null()),
        Some(false) => query.filter(alarms::resolved_at.is_not_null()),
        None => query,
    };
    if let Some(after) = after {
        query = query.filter(alarms::id.lt(after));
    }
    query.order(alarms::id.desc()).limit(limit).load(conn)
}

/// How many alarms of each code are open, of all organizations: for the metrics.
pub(in crate::store) fn count_open_alarms(conn: &mut Conn) -> QueryResult<Vec<(AlarmCode, i64)>> {
    alarms::table
        .filter(alarms::resolved_at.is_null())
        .group_by(alarms::code)
        .select((alarms::code, diesel::dsl::count_star()))
        .load(conn)
}

/// Whether an alarm of this code is open.
pub(in crate::store) fn is_alarm_open(
    conn: &mut Conn,
    org: OrgId,
    code: AlarmCode,
) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        alarms::table
            .filter(alarms::org_id.eq(org))
            .filter(alarms::code.eq(code))
            .filter(alarms::resolved_at.is_null()),
    ))
    .get_result(conn)
}

pub(in crate::store) fn acknowledge_alarm(
    conn: &mut Conn,
    org: OrgId,
    id: AlarmId,
    at: Ts,
    by: &str,
    by_name: Option<&str>,
) -> QueryResult<usize> {
    diesel::update(
        alarms::table
            .find((org, id))
            .filter(alarms::acknowledged_at.is_null()),
    )
    .set((
        alarms::acknowledged_at.eq(at),
        alarms::acknowledged_by.eq(by),
        alarms::acknowledged_by_name.eq(by_name),
    ))
    .execute(conn)
}

// Ticks

pub(in crate::store) fn list_ticks(conn: &mut Conn) -> QueryResult<Vec<TickRow>> {
    scheduler_ticks::table
        .order(scheduler_ticks::ticked_at.desc())
        .select(TickRow::as_select())
        .load(conn)
}

pub(in crate::store) fn put_tick(conn: &mut Conn, row: &TickRow) -> QueryResult<usize> {
    diesel::insert_into(scheduler_ticks::table)
        .values(row)
        .on_conflict(scheduler_ticks::boot_id)
        .do_update()
        .set(row)
        .execute(conn)
}

/// Forgets what the clocks said: whatever they say now is right.
pub(in crate::store) fn forget_ticks(conn: &mut Conn) -> QueryResult<usize> {
    diesel::delete(scheduler_ticks::table).execute(conn)
}
