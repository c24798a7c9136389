//! Organizations: the tenants. Whoever administers the platform makes them; the first one makes itself.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::connections::check_version;
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::{NewKeyView, OrganizationView, Page};
use super::{Services, keys};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{OrgId, RootId};
use crate::domain::merge_patch::not_null;
use crate::domain::scopes::{Grants, Scope};
use crate::domain::text::{Name, OrganizationName};
use crate::store::Conn;
use crate::store::rows::OrganizationRow;

/// The organization that an empty database begins with.
pub const DEFAULT: &str = "default";
/// The organization of the standing check, which makes it when it is needed; nobody else may.
pub const CANARY: &str = "reprieve-canary";
/// Days a deletion stays in the trash, unless the organization says otherwise.
const RETENTION_DAYS: i32 = 30;
/// Connections deleted within an hour that the brake lets through.
const BRAKE_DELETIONS: i32 = 20;
/// The part of all connections, in percent, that it lets through.
const BRAKE_PERCENT: i32 = 50;

/// An organization to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Lower case letters, digits and hyphens; unique.
    pub name: String,
    /// A name to show; the name without one.
    pub display_name: Option<String>,
}

/// A change of an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationPatch {
    /// Another name to show.
    #[serde(default, deserialize_with = "not_null")]
    pub display_name: Option<String>,
    /// Whether a restored connection can be used only after a test has passed, where its connector can be tested.
    #[serde(default, deserialize_with = "not_null")]
    pub require_test_after_restore: Option<bool>,
}

/// A new organization with its first key.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewOrganizationView {
    /// The organization.
    pub organization: OrganizationView,
    /// A key with every scope but the platform's.
    pub admin_key: NewKeyView,
}

/// Makes an organization and its first key.
pub fn create(tx: &mut Tx<'_>, new: &NewOrganization) -> Result<NewOrganizationView> {
    tx.caller.require(Scope::PlatformAdmin)?;
    let row = insert(tx, new)?;
    let admin_key = keys::issue(tx, row.id, "admin", &Grants::organization_admin(), None)?;
    Ok(NewOrganizationView {
        organization: row.into(),
        admin_key,
    })
}

/// The caller's own.
pub fn own(conn: &mut Conn, caller: &Caller) -> Result<OrganizationRow> {
    conn.find_organization(caller.org)?
        .ok_or_else(|| Error::not_found("organization"))
}

/// One organization.
pub fn get(conn: &mut Conn, caller: &Caller, id: OrgId) -> Result<OrganizationView> {
    caller.require(Scope::PlatformAdmin)?;
    find(conn, id).map(OrganizationView::from)
}

/// A page of organizations, oldest first.
pub fn list(conn: &mut Conn, caller: &Caller, page: &PageQuery) -> Result<Page<OrganizationView>> {
    caller.require(Scope::PlatformAdmin)?;
    let cursor: Option<Cursor<OrgId>> = page.cursor("organizations", &())?;
    let mut rows = conn.list_organizations(cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("organizations", &(), more, last),
        data: rows.into_iter().map(OrganizationView::from).collect(),
    })
}

/// Changes an organization.
pub fn patch(
    tx: &mut Tx<'_>,
    id: OrgId,
    if_match: Option<i64>,
    patch: &OrganizationPatch,
) -> Result<OrganizationView> {
    tx.caller.require(Scope::PlatformAdmin)?;
    let mut row = find(tx.conn, id)?;
    check_version(row.version, if_match)?;
    if let Some(name) = &patch.display_name {
        row.display_name = Name::parse(name)
            .map_err(|problem| problem.at("/display_name"))?
            .into_string();
    }
    if let Some(required) = patch.require_test_after_restore {
        row.require_test_after_restore = required;
    }
    if patch.display_name.is_some() || patch.require_test_after_restore.is_some() {
        row.version += 1;
        row.updated_at = tx.at;
        tx.conn.update_organization(&row)?;
        tx.record(
            "organization.updated",
            "organization",
            RootId(id.0),
            None,
            &json!({
                "display_name": row.display_name,
                "require_test_after_restore": row.require_test_after_restore,
            }),
        )?;
    }
    Ok(row.into())
}

/// The organization the command line works in: by name, else the only one there is.
pub fn choose(conn: &mut Conn, name: Option<&str>) -> Result<OrganizationRow> {
    if let Some(name) = name {
        return conn.find_organization_by_name(name)?.ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                format!("There is no organization named {name}; `reprieve org list` shows them."),
            )
            .into()
        });
    }
    match others(conn, 2)?.as_slice() {
        [] => Err(Problem::new(
            Code::NotFound,
            "There is no organization yet; `reprieve org create` makes one.",
        )
        .into()),
        [only] => Ok(only.clone()),
        [..] => Err(Problem::new(
            Code::InvalidInput,
            "There are several organizations: name one with --organization.",
        )
        .into()),
    }
}

/// Makes the organization `default` in a database that has none.
pub fn ensure_default(services: &Services) -> Result<OrganizationRow> {
    let none_yet = services.store.read(|conn| others(conn, 1))?;
    if let Some(row) = none_yet.into_iter().next() {
        return Ok(row);
    }
    // Minted before it is written, since the caller of the unit of work belongs to it.
    let id = OrgId::mint();
    let caller = Caller::command_line(id);
    services.write_once(&caller, |tx| {
        if let Some(row) = others(tx.conn, 1)?.into_iter().next() {
            return Ok(row);
        }
        insert_with(
            tx,
            id,
            &NewOrganization {
                name: DEFAULT.to_owned(),
                display_name: None,
            },
        )
    })
}

/// The first organizations but that of the standing check.
fn others(conn: &mut Conn, limit: usize) -> Result<Vec<OrganizationRow>> {
    let mut rows = conn.list_organizations(None, i64::try_from(limit + 1).unwrap_or(i64::MAX))?;
    rows.retain(|row| row.name != CANARY);
    rows.truncate(limit);
    Ok(rows)
}

/// The organization of the standing check. Its entries go by hand; what can't stays a day, and no brake keeps it.
pub(super) fn ensure_canary(services: &Services) -> Result<OrgId> {
    let find = |conn: &mut Conn| conn.find_organization_by_name(CANARY);
    if let Some(row) = services.store.read(find)? {
        return Ok(row.id);
    }
    let id = OrgId::mint();
    services.write_once(&Caller::service(id), |tx| {
        // Of several replicas one was faster.
        if let Some(row) = find(tx.conn)? {
            return Ok(row.id);
        }
        let row = OrganizationRow {
            retention_days: 1,
            brake_deletions: 1_000_000,
            ..new_row(tx, id, CANARY.to_owned(), "Standing check".to_owned())
        };
        add(tx, &row)?;
        Ok(id)
    })
}

/// Makes a key for an organization from the command line.
pub fn issue_key(
    tx: &mut Tx<'_>,
    name: &str,
    scopes: &[String],
    expires_at: Option<Ts>,
) -> Result<NewKeyView> {
    let new = keys::NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        expires_at,
    };
    keys::create(tx, &new)
}

/// Makes the caller's own organization, from the command line; its keys come from `key create`. Its audit trail
/// begins with this.
pub fn create_bare(tx: &mut Tx<'_>, new: &NewOrganization) -> Result<OrganizationView> {
    insert_with(tx, tx.caller.org, new).map(OrganizationView::from)
}

fn find(conn: &mut Conn, id: OrgId) -> Result<OrganizationRow> {
    conn.find_organization(id)?
        .ok_or_else(|| Error::not_found("organization"))
}

fn insert(tx: &mut Tx<'_>, new: &NewOrganization) -> Result<OrganizationRow> {
    insert_with(tx, OrgId::mint(), new)
}

fn insert_with(tx: &mut Tx<'_>, id: OrgId, new: &NewOrganization) -> Result<OrganizationRow> {
    let name = OrganizationName::parse(&new.name).map_err(|problem| problem.at("/name"))?;
    let display_name = match &new.display_name {
        Some(text) => Name::parse(text)
            .map_err(|problem| problem.at("/display_name"))?
            .into_string(),
        None => name.as_str().to_owned(),
    };
    if name.as_str() == CANARY || tx.conn.find_organization_by_name(name.as_str())?.is_some() {
        return Err(Problem::new(Code::NameTaken, "An organization has this name.").into());
    }
    let row = new_row(tx, id, name.into_string(), display_name);
    add(tx, &row)?;
    Ok(row)
}

fn new_row(tx: &Tx<'_>, id: OrgId, name: String, display_name: String) -> OrganizationRow {
    OrganizationRow {
        id,
        name,
        display_name,
        retention_days: RETENTION_DAYS,
        purge_protection: false,
        require_test_after_restore: false,
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
        brake_deletions: BRAKE_DELETIONS,
        brake_percent: BRAKE_PERCENT,
        brake_refuses: false,
        purge_paused_at: None,
        purge_paused_by: None,
        purge_pause_reason: None,
        hold_while_used: false,
    }
}

fn add(tx: &mut Tx<'_>, row: &OrganizationRow) -> Result<()> {
    tx.conn.insert_organization(row)?;
    tx.record(
        "organization.created",
        "organization",
        RootId(row.id.0),
        None,
        &json!({ "name": row.name }),
    )
}
