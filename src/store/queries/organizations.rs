//! Organizations and API keys.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{KeyId, OrgId};
use crate::store::rows::{ApiKeyRow, OrganizationRow};
use crate::store::schema::{api_keys, organizations};

pub(in crate::store) fn insert_organization(
    conn: &mut Conn,
    row: &OrganizationRow,
) -> QueryResult<usize> {
    diesel::insert_into(organizations::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn update_organization(
    conn: &mut Conn,
    row: &OrganizationRow,
) -> QueryResult<usize> {
    diesel::update(organizations::table.find(row.id))
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn find_organization(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Option<OrganizationRow>> {
    organizations::table
        .find(org)
        .select(OrganizationRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn find_organization_by_name(
    conn: &mut Conn,
    name: &str,
) -> QueryResult<Option<OrganizationRow>> {
    organizations::table
        .filter(organizations::name.eq(name))
        .select(OrganizationRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_organizations(
    conn: &mut Conn,
    after: Option<OrgId>,
    limit: i64,
) -> QueryResult<Vec<OrganizationRow>> {
    let mut query = organizations::table
        .select(OrganizationRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(organizations::id.gt(after));
    }
    query.order(organizations::id).limit(limit).load(conn)
}

pub(in crate::store) fn insert_key(conn: &mut Conn, row: &ApiKeyRow) -> QueryResult<usize> {
    diesel::insert_into(api_keys::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn find_key(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
) -> QueryResult<Option<ApiKeyRow>> {
    api_keys::table
        .find((org, id))
        .select(ApiKeyRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_keys(
    conn: &mut Conn,
    org: OrgId,
    after: Option<KeyId>,
    limit: i64,
) -> QueryResult<Vec<ApiKeyRow>> {
    let mut query = api_keys::table
        .filter(api_keys::org_id.eq(org))
        .select(ApiKeyRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(api_keys::id.gt(after));
    }
    query.order(api_keys::id).limit(limit).load(conn)
}

pub(in crate::store) fn revoke_key(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        api_keys::table
            .find((org, id))
            .filter(api_keys::revoked_at.is_null()),
    )
    .set(api_keys::revoked_at.eq(at))
    .execute(conn)
}

/// Never moves the moment back: replicas flush what they saw in any order.
pub(in crate::store) fn touch_key(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        api_keys::table.find((org, id)).filter(
            api_keys::last_used_at
                .is_null()
                .or(api_keys::last_used_at.lt(at)),
        ),
    )
    .set(api_keys::last_used_at.eq(at))
    .execute(conn)
}
