//! Sign-ins to the console.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, SignInId};
use crate::domain::json::JsonText;
use crate::store::rows::SignInRow;
use crate::store::schema::sign_ins as t;

pub(in crate::store) fn insert_sign_in(conn: &mut Conn, row: &SignInRow) -> QueryResult<usize> {
    diesel::insert_into(t::table).values(row).execute(conn)
}

pub(in crate::store) fn find_sign_in(
    conn: &mut Conn,
    org: OrgId,
    id: SignInId,
) -> QueryResult<Option<SignInRow>> {
    t::table
        .find((org, id))
        .select(SignInRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn touch_sign_in(
    conn: &mut Conn,
    org: OrgId,
    id: SignInId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(t::table.find((org, id)))
        .set(t::seen_at.eq(at))
        .execute(conn)
}

pub(in crate::store) fn set_flash(
    conn: &mut Conn,
    org: OrgId,
    id: SignInId,
    flash: Option<&JsonText>,
) -> QueryResult<usize> {
    diesel::update(t::table.find((org, id)))
        .set(t::flash.eq(flash))
        .execute(conn)
}

pub(in crate::store) fn drop_sign_in(
    conn: &mut Conn,
    org: OrgId,
    id: SignInId,
) -> QueryResult<usize> {
    diesel::delete(t::table.find((org, id))).execute(conn)
}

pub(in crate::store) fn drop_expired_sign_ins(
    conn: &mut Conn,
    org: OrgId,
    now: Ts,
    since: Ts,
) -> QueryResult<usize> {
    diesel::delete(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::expires_at.le(now).or(t::seen_at.le(since))),
    )
    .execute(conn)
}
