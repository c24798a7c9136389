//! Connect tokens.
//!
//! Whoever opens one of a connection holds its lock; a deletion closes them (`cascade::secrets`).

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, OrgId, SessionId};
use crate::store::rows::ConnectTokenRow;
use crate::store::schema::connect_tokens as t;

pub(in crate::store) fn insert_connect_token(
    conn: &mut Conn,
    row: &ConnectTokenRow,
) -> QueryResult<usize> {
    diesel::insert_into(t::table).values(row).execute(conn)
}

pub(in crate::store) fn find_connect_token(
    conn: &mut Conn,
    org: OrgId,
    digest: &str,
) -> QueryResult<Option<ConnectTokenRow>> {
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::digest.eq(digest))
        .select(ConnectTokenRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn end_connect_token(
    conn: &mut Conn,
    org: OrgId,
    id: SessionId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        t::table
            .find((org, id))
            .filter(t::ended_at.is_null())
            .filter(t::expires_at.gt(at)),
    )
    .set(t::ended_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn close_connect_tokens(
    conn: &mut Conn,
    org: OrgId,
    connection: ConnectionId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::connection_id.eq(connection))
            .filter(t::gone_at.is_null()),
    )
    .set(t::gone_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn drop_expired_connect_tokens(
    conn: &mut Conn,
    org: OrgId,
    before: Ts,
) -> QueryResult<usize> {
    diesel::delete(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::expires_at.lt(before)),
    )
    .execute(conn)
}
