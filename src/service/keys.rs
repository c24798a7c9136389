//! API keys: make, list, revoke, and tell who calls by one.
//!
//! A key is `rpv_<organization>_<key>_<secret>`: the organization in it leads the look-up, only a digest of the
//! 256-bit secret is stored (a slow hash would buy nothing and cost every request), and the text is shown once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::caller::{Actor, Caller};
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::tokens::Token;
use super::unit::Tx;
use super::views::{ApiKeyView, NewKeyView, Page, scope_list};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{KeyId, OrgId};
use crate::domain::scopes::Grants;
use crate::domain::text::Name;
use crate::store::rows::ApiKeyRow;
use crate::store::{Conn, Store, StoreResult};

pub(crate) const PREFIX: &str = "rpv_";

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may do: scopes and wildcards, none that the caller does not hold.
    pub scopes: Vec<String>,
    /// When it stops working by itself.
    pub expires_at: Option<Ts>,
}

/// Makes a key for the caller's organization.
pub fn create(tx: &mut Tx<'_>, new: &NewKey) -> Result<NewKeyView> {
    let name = Name::parse(&new.name).map_err(|problem| problem.at("/name"))?;
    let grants = Grants::parse(new.scopes.iter().map(String::as_str)).map_err(|_| {
        Error::field(
            "/scopes",
            "unknown_scope",
            "One of the scopes is not known; docs/api.md lists them.",
        )
    })?;
    if grants.is_empty() {
        return Err(Error::field(
            "/scopes",
            "empty",
            "A key needs at least one scope.",
        ));
    }
    if !tx.caller.grants.cover(&grants) {
        return Err(Problem::new(
            Code::MissingScope,
            "A key can't be given more than the caller's key holds.",
        )
        .into());
    }
    if new.expires_at.is_some_and(|at| at <= tx.at) {
        return Err(Error::field(
            "/expires_at",
            "in_the_past",
            "The expiry must lie in the future.",
        ));
    }
    issue(tx, tx.caller.org, name.as_str(), &grants, new.expires_at)
}

/// Makes a key of any organization: for the command line and for the first key of a new organization.
pub(super) fn issue(
    tx: &mut Tx<'_>,
    org: OrgId,
    name: &str,
    grants: &Grants,
    expires_at: Option<Ts>,
) -> Result<NewKeyView> {
    let id = KeyId::mint();
    let token = Token::mint(org, id.0)?;
    let row = ApiKeyRow {
        org_id: org,
        id,
        name: name.to_owned(),
        scopes: scope_list(grants).join(" "),
        digest: token.digest(),
        created_at: tx.at,
        created_by: tx.caller.actor.id.clone(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    tx.conn.insert_key(&row)?;
    tx.record(
        "api_key.created",
        "api_key",
        crate::domain::ids::RootId(id.0),
        None,
        &json!({ "name": name, "scopes": scope_list(grants) }),
    )?;
    Ok(NewKeyView {
        key: token.text(PREFIX),
        about: row.into(),
    })
}

/// One key.
pub fn get(conn: &mut Conn, caller: &Caller, id: KeyId) -> Result<ApiKeyView> {
    conn.find_key(caller.org, id)?
        .map(ApiKeyView::from)
        .ok_or_else(|| Error::not_found("API key"))
}

/// A page of keys, oldest first, revoked ones with them.
pub fn list(conn: &mut Conn, caller: &Caller, page: &PageQuery) -> Result<Page<ApiKeyView>> {
    let cursor: Option<Cursor<KeyId>> = page.cursor("api_keys", &())?;
    let mut rows = conn.list_keys(caller.org, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("api_keys", &(), more, last),
        data: rows.into_iter().map(ApiKeyView::from).collect(),
    })
}

/// Revokes a key; it stops working with the commit.
pub fn revoke(tx: &mut Tx<'_>, id: KeyId) -> Result<ApiKeyView> {
    let org = tx.caller.org;
    if tx.conn.revoke_key(org, id, tx.at)? > 0 {
        tx.record(
            "api_key.revoked",
            "api_key",
            crate::domain::ids::RootId(id.0),
            None,
            &json!({}),
        )?;
    }
    get(tx.conn, tx.caller, id)
}

/// A key as a caller sent it, which nothing has proved yet.
pub struct ParsedKey(Token);

impl ParsedKey {
    /// Takes the text of a key apart; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Token::parse(PREFIX, text).map(Self)
    }

    /// The organization and key it names, which nothing has proved yet.
    pub fn names(&self) -> (OrgId, KeyId) {
        (self.0.org, KeyId(self.0.id))
    }

    /// The secret part: keys the fingerprint of idempotent requests, and is stored nowhere.
    pub fn secret(&self) -> &str {
        self.0.secret()
    }

    /// Who calls by this key, if it is one that works.
    pub fn authenticate(&self, conn: &mut Conn, now: Ts) -> Result<Caller> {
        let (org, id) = self.names();
        let row = conn.find_key(org, id)?;
        let matches = self.0.matches(row.as_ref().map(|row| row.digest.as_str()));
        holder(row.filter(|_| matches), now)
    }
}

/// Who calls by this key of which has been proved elsewhere that the caller holds it, if it still works.
pub(super) fn by_id(conn: &mut Conn, org: OrgId, id: KeyId, now: Ts) -> Result<Caller> {
    holder(conn.find_key(org, id)?, now)
}

fn holder(row: Option<ApiKeyRow>, now: Ts) -> Result<Caller> {
    let works =
        |row: &ApiKeyRow| row.revoked_at.is_none() && row.expires_at.is_none_or(|at| at > now);
    let row = row.filter(works).ok_or_else(unauthenticated)?;
    Ok(Caller {
        org: row.org_id,
        key_id: Some(row.id),
        grants: Grants::parse(row.scopes.split(' ')).map_err(|word| {
            Error::Internal(format!("key {} has the unknown scope {word}", row.id))
        })?,
        actor: Actor {
            id: format!("key:{}", row.id),
            name: Some(row.name),
        },
        address: None,
        request_id: None,
        uses: None,
    })
}

/// The refusal of a missing, unknown, expired or revoked key: one answer for all.
pub fn unauthenticated() -> Error {
    Problem::new(
        Code::Unauthenticated,
        "There is no valid API key in the Authorization header.",
    )
    .into()
}

/// When keys were last used, kept in memory and written down in batches: no write for a request.
#[derive(Debug, Default)]
pub struct LastUse(Mutex<HashMap<(OrgId, KeyId), Ts>>);

impl LastUse {
    /// Notes a use.
    pub fn note(&self, caller: &Caller, at: Ts) {
        if let Some(key) = caller.key_id {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((caller.org, key), at);
        }
    }

    /// Writes down what was noted since the last time.
    pub fn flush(&self, store: &Store) -> StoreResult<()> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        store.write(|conn| {
            for ((org, key), at) in noted {
                conn.touch_key(org, key, at)?;
            }
            Ok(())
        })
    }
}
