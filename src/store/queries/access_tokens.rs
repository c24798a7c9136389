//! Access tokens of connections.
//!
//! Whoever makes or removes one holds the lock of its connection; a deletion forgets them (`cascade::secrets`).

use diesel::prelude::*;

use super::Conn;
use crate::domain::ids::{AccessTokenId, ConnectionId, OrgId};
use crate::store::rows::AccessTokenRow;
use crate::store::schema::access_tokens as a;

pub(in crate::store) fn insert_access_token(
    conn: &mut Conn,
    row: &AccessTokenRow,
) -> QueryResult<usize> {
    diesel::insert_into(a::table).values(row).execute(conn)
}

pub(in crate::store) fn find_access_token(
    conn: &mut Conn,
    org: OrgId,
    digest: &str,
) -> QueryResult<Option<AccessTokenRow>> {
    a::table
        .filter(a::org_id.eq(org))
        .filter(a::digest.eq(digest))
        .select(AccessTokenRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_access_tokens(
    conn: &mut Conn,
    org: OrgId,
    connection: ConnectionId,
    after: Option<AccessTokenId>,
    limit: i64,
) -> QueryResult<Vec<AccessTokenRow>> {
    let mut query = a::table
        .filter(a::org_id.eq(org))
        .filter(a::connection_id.eq(connection))
        .order(a::id)
        .limit(limit)
        .select(AccessTokenRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(a::id.gt(after));
    }
    query.load(conn)
}

pub(in crate::store) fn drop_access_token(
    conn: &mut Conn,
    org: OrgId,
    connection: ConnectionId,
    id: AccessTokenId,
) -> QueryResult<usize> {
    diesel::delete(
        a::table
            .find((org, id))
            .filter(a::connection_id.eq(connection)),
    )
    .execute(conn)
}

pub(in crate::store) fn drop_access_tokens(
    conn: &mut Conn,
    org: OrgId,
    connection: ConnectionId,
) -> QueryResult<usize> {
    diesel::delete(
        a::table
            .filter(a::org_id.eq(org))
            .filter(a::connection_id.eq(connection)),
    )
    .execute(conn)
}
