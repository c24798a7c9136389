//! Re-entry sessions.
//!
//! Whoever opens or ends the sessions of a connection holds its lock; a deletion forgets them (`cascade::secrets`).

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, OrgId, SessionId};
use crate::store::rows::SessionRow;
use crate::store::schema::connect_sessions as s;

pub(in crate::store) fn insert_session(conn: &mut Conn, row: &SessionRow) -> QueryResult<usize> {
    diesel::insert_into(s::table).values(row).execute(conn)
}

pub(in crate::store) fn find_session(
    conn: &mut Conn,
    org: OrgId,
    id: SessionId,
) -> QueryResult<Option<SessionRow>> {
    s::table
        .find((org, id))
        .select(SessionRow::as_select())
        .first(conn)
        .optional()
}

/// The row itself decides who was first: of two exchanges one finds it used.
pub(in crate::store) fn exchange_session(
    conn: &mut Conn,
    org: OrgId,
    id: SessionId,
    code_digest: &str,
    cookie_digest: &str,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        s::table
            .find((org, id))
            .filter(s::code_digest.eq(code_digest))
            .filter(s::used_at.is_null())
            .filter(s::ended_at.is_null())
            .filter(s::expires_at.gt(at)),
    )
    .set((s::cookie_digest.eq(cookie_digest), s::used_at.eq(at)))
    .execute(conn)
}

/// Gives a session its one code to take along.
pub(in crate::store) fn grant_session(
    conn: &mut Conn,
    org: OrgId,
    id: SessionId,
    auth_digest: &str,
    expires_at: Ts,
) -> QueryResult<usize> {
    diesel::update(s::table.find((org, id)))
        .set((
            s::auth_digest.eq(auth_digest),
            s::auth_expires_at.eq(expires_at),
        ))
        .execute(conn)
}

/// As with the exchange of a link, the row itself decides who was first.
pub(in crate::store) fn redeem_session(
    conn: &mut Conn,
    org: OrgId,
    id: SessionId,
    auth_digest: &str,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        s::table
            .find((org, id))
            .filter(s::auth_digest.eq(auth_digest))
            .filter(s::auth_expires_at.gt(at)),
    )
    .set(s::auth_digest.eq(None::<String>))
    .execute(conn)
}

pub(in crate::store) fn end_sessions(
    conn: &mut Conn,
    org: OrgId,
    connection: ConnectionId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        s::table
            .filter(s::org_id.eq(org))
            .filter(s::connection_id.eq(connection))
            .filter(s::ended_at.is_null())
            .filter(s::expires_at.gt(at)),
    )
    .set(s::ended_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn drop_expired_sessions(
    conn: &mut Conn,
    org: OrgId,
    before: Ts,
) -> QueryResult<usize> {
    diesel::delete(
        s::table
            .filter(s::org_id.eq(org))
            .filter(s::expires_at.lt(before)),
    )
    .execute(conn)
}
