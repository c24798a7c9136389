//! Access tokens: texts by which a dialect names a connection, beside the API key of whoever calls.
//!
//! What must stay true:
//! * A token alone opens nothing, and an API key with one may do no more than the key's scopes allow.
//! * Only a digest is stored. It needs no key of the ring: a connection can be deleted by its token without one.
//! * A token dies with its connection: the deletion forgets it in its own transaction, a restore brings none back.
//! * Whoever makes or removes the tokens of a connection locks the connection first, as a deletion does.
//! * A text names one connection of an organization at most.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::caller::Caller;
use super::connections::{find, lock};
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::tokens::{Token, hex};
use super::unit::Tx;
use super::views::Page;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{AccessTokenId, ConnectionId, OrgId};
use crate::domain::merge_patch::not_null;
use crate::secrets::value::SecretValue;
use crate::store::Conn;
use crate::store::rows::AccessTokenRow;

const PREFIX: &str = "rpt_";
/// How long a token may be that a client brings. Below it could be guessed by trying.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// An access token to make or to register.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccessToken {
    /// One that a client holds already: 16 to 512 visible ASCII characters. Without it a new one is made.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<String>)]
    pub token: Option<SecretValue>,
}

/// What is known of an access token; never the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessTokenView {
    /// Its id, which stands in the text of one that was made here.
    pub id: AccessTokenId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Whether a client brought it.
    pub registered: bool,
    /// When it was made or registered.
    pub created_at: Ts,
    /// By whom.
    pub created_by: String,
}

impl From<AccessTokenRow> for AccessTokenView {
    fn from(row: AccessTokenRow) -> Self {
        Self {
            id: row.id,
            connection_id: row.connection_id,
            registered: row.registered,
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// An access token that was made or registered; the one time a new one is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewAccessTokenView {
    /// The token itself: keep it, it is shown once. Absent for one that was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is known of it.
    #[serde(flatten)]
    pub about: AccessTokenView,
}

/// What came of registering a token.
pub struct Added {
    /// Whether it is new.
    pub created: bool,
    /// The token.
    pub view: NewAccessTokenView,
}

/// Makes a token of a live connection, or registers the one that the client brought.
pub fn create(tx: &mut Tx<'_>, id: ConnectionId, new: &NewAccessToken) -> Result<Added> {
    match &new.token {
        Some(token) => register(tx, id, token),
        None => issue(tx, id).map(|(token, about)| Added {
            created: true,
            view: NewAccessTokenView {
                token: Some(token),
                about,
            },
        }),
    }
}

/// Makes a token of a live connection: the text, this one time, and what is known of it.
pub fn issue(tx: &mut Tx<'_>, id: ConnectionId) -> Result<(String, AccessTokenView)> {
    lock(tx, id)?;
    let token_id = AccessTokenId::mint();
    let text = Token::mint(tx.caller.org, token_id.0)?.text(PREFIX);
    let about = insert(tx, id, token_id, &text, false)?;
    Ok((text, about))
}

fn register(tx: &mut Tx<'_>, id: ConnectionId, token: &SecretValue) -> Result<Added> {
    let text = token.expose();
    check(text)?;
    lock(tx, id)?;
    let there = tx
        .conn
        .find_access_token(tx.caller.org, &digest(tx.caller.org, text))?;
    let (created, about) = match there {
        Some(row) if row.connection_id == id => (false, row.into()),
        Some(_) => {
            return Err(Problem::new(
                Code::TokenTaken,
                "This token is registered for another connection.",
            )
            .into());
        }
        None => (true, insert(tx, id, AccessTokenId::mint(), text, true)?),
    };
    Ok(Added {
        created,
        view: NewAccessTokenView { token: None, about },
    })
}

/// A page of a connection's tokens, oldest first.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    id: ConnectionId,
    page: &PageQuery,
) -> Result<Page<AccessTokenView>> {
    let row = find(conn, caller, id)?;
    let cursor: Option<Cursor<AccessTokenId>> = page.cursor("access_tokens", &id)?;
    let mut rows =
        conn.list_access_tokens(row.org_id, id, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("access_tokens", &id, more, last),
        data: rows.into_iter().map(AccessTokenView::from).collect(),
    })
}

/// Removes a token of a live connection: it stops working with the commit.
pub fn remove(tx: &mut Tx<'_>, id: ConnectionId, token: AccessTokenId) -> Result<RemovedView> {
    let row = lock(tx, id)?;
    if tx.conn.drop_access_token(row.org_id, id, token)? == 0 {
        return Err(Error::not_found("access token"));
    }
    tx.record(
        "connection.access_token_removed",
        "connection",
        id.into(),
        None,
        &json!({ "access_token": token }),
    )?;
    Ok(RemovedView {
        id: token,
        connection_id: id,
    })
}

/// A token that was removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedView {
    /// Its id.
    pub id: AccessTokenId,
    /// The connection it was of.
    pub connection_id: ConnectionId,
}

/// The connection of the caller's organization that a text names, if it is a token.
pub fn connection(conn: &mut Conn, caller: &Caller, text: &str) -> Result<Option<ConnectionId>> {
    let row = conn.find_access_token(caller.org, &digest(caller.org, text))?;
    Ok(row.map(|row| row.connection_id))
}

/// The connection is locked.
fn insert(
    tx: &mut Tx<'_>,
    connection: ConnectionId,
    id: AccessTokenId,
    text: &str,
    registered: bool,
) -> Result<AccessTokenView> {
    let row = AccessTokenRow {
        org_id: tx.caller.org,
        id,
        connection_id: connection,
        digest: digest(tx.caller.org, text),
        registered,
        created_at: tx.at,
        created_by: tx.caller.actor.id.clone(),
    };
    tx.conn.insert_access_token(&row)?;
    tx.record(
        "connection.access_token_created",
        "connection",
        connection.into(),
        None,
        &json!({ "access_token": id, "registered": registered }),
    )?;
    Ok(row.into())
}

fn check(text: &str) -> Result<()> {
    let refuse = |code, detail: &str| Err(Error::field("/token", code, detail));
    if !(SHORTEST..=LONGEST).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse(
            "invalid_value",
            "A token has 16 to 512 visible ASCII characters.",
        );
    }
    // An API key that was sent by mistake, or a token that ended with an earlier deletion.
    if matches!(text.as_bytes(), [b'r', b'p', _, b'_', ..]) {
        return refuse(
            "reserved",
            "Reprieve made this text for something; leave `token` out to get a new one.",
        );
    }
    Ok(())
}

/// What is stored of a token. The organization is part of it, so that equal tokens of two leave no equal digests.
fn digest(org: OrgId, text: &str) -> String {
    hex(&Sha256::digest(format!("access token\0{org}\0{text}")))
}
