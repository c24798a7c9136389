//! Re-entry by someone without an API key: a link whose code is exchanged, once, for the cookie of a session that may
//! enter the secrets of one connection.
//!
//! What must stay true:
//! * Of code and cookie only digests are stored, and neither is ever an API key: whoever holds one can enter secrets
//!   here and do nothing else.
//! * A session dies with its connection: the deletion forgets it in its own transaction, a restore brings none back.
//! * Whoever opens, ends or uses the sessions of a connection locks the connection first, as a deletion does.
//! * What is unknown, used, expired or ended is refused alike.
//! * Where a visitor is led at the end was said by whoever made the link, and by nothing that a browser sends.

mod form;
mod leave;

use chrono::Duration;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use utoipa::ToSchema;

use super::caller::Caller;
use super::connections::lock;
use super::error::{Error, Result};
use super::secrets::{self, PutSecrets};
use super::tokens::{Token, hex};
use super::unit::Tx;
use super::views::{ConnectionView, connector_of, missing_secrets};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, OrgId, SessionId};
use crate::domain::kinds::OwnerKind;
use crate::metrics::Fact;
use crate::store::Conn;
use crate::store::rows::{ConnectionRow, SessionRow};

pub use form::{Form, FormField, Value, fields_of_new, lacking};
pub use leave::{AuthCode, Leave, redeem};

use leave::RedirectUri;

/// How long a link, and the session that comes of it, works.
const LIFETIME: Duration = Duration::minutes(30);
const CODE: &str = "rpe_";
const COOKIE: &str = "rpc_";

/// A new re-entry session; the one time its code is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewReentryView {
    /// The session's id: what is entered by it is written down to `reentry:<id>`.
    pub id: SessionId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// The link to send to whoever knows the secrets.
    pub url: String,
    /// The code in the link: works once, and is in this answer alone.
    pub code: String,
    /// When link and session stop working.
    pub expires_at: Ts,
    /// The required secrets that are not set.
    pub missing: Vec<String>,
}

/// A re-entry session to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReentry {
    /// Where the visitor is led when he is done, with `auth_code` added to the query: https, or http on the visitor's own
    /// machine. Without it the last page leads nowhere.
    pub redirect_uri: Option<String>,
}

/// What ending the re-entry sessions of a connection came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedReentryView {
    /// The connection.
    pub connection_id: ConnectionId,
    /// How many sessions were open: there is one at most.
    pub ended: usize,
}

/// Opens a session for a live connection, in place of the one that may be open. `base` is how people reach the service.
pub fn create(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    base: &str,
    new: &NewReentry,
) -> Result<NewReentryView> {
    let redirect_uri = new.redirect_uri.as_deref().map(RedirectUri::parse);
    let redirect_uri = redirect_uri.transpose()?;
    let row = lock(tx, id)?;
    let connector = connector_of(&row)?;
    let stored = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Connection, id.into())?;
    let at = tx.conn.now()?;
    let replaced = tx.conn.end_sessions(row.org_id, id, at)?;
    let session = SessionId::mint();
    let code = Token::mint(row.org_id, session.0)?;
    let expires_at = at.plus(LIFETIME);
    let fields = form::to_enter(tx.conn, connector, &row, &stored)?.join(" ");
    tx.conn.insert_session(&SessionRow {
        org_id: row.org_id,
        id: session,
        connection_id: id,
        code_digest: code.digest(),
        cookie_digest: None,
        fields,
        created_at: at,
        created_by: tx.caller.actor.id.clone(),
        expires_at,
        used_at: None,
        ended_at: None,
        redirect_uri: redirect_uri.map(RedirectUri::into_string),
        auth_digest: None,
        auth_expires_at: None,
    })?;
    let missing = missing_secrets(connector, &stored);
    tx.count(Fact::LinkCreated);
    tx.record(
        "connection.reentry_created",
        "connection",
        id.into(),
        None,
        &json!({ "session": session, "expires_at": expires_at, "missing": missing, "replaced": replaced }),
    )?;
    let code = code.text(CODE);
    Ok(NewReentryView {
        id: session,
        connection_id: id,
        url: format!("{base}/enter/{code}"),
        code,
        expires_at,
        missing,
    })
}

/// Ends the session of a live connection, if one is open.
pub fn end(tx: &mut Tx<'_>, id: ConnectionId) -> Result<EndedReentryView> {
    let row = lock(tx, id)?;
    let ended = end_open(tx, &row, "on request")?;
    Ok(EndedReentryView {
        connection_id: id,
        ended,
    })
}

/// The connection is locked.
fn end_open(tx: &mut Tx<'_>, row: &ConnectionRow, why: &str) -> Result<usize> {
    let at = tx.conn.now()?;
    let ended = tx.conn.end_sessions(row.org_id, row.id, at)?;
    if ended > 0 {
        tx.record(
            "connection.reentry_ended",
            "connection",
            row.id.into(),
            None,
            &json!({ "why": why }),
        )?;
    }
    Ok(ended)
}

/// The code of a link as it was sent, which nothing has proved yet.
pub struct LinkCode(Token);

/// The cookie of a session as it was sent, which nothing has proved yet.
pub struct Visitor(Token);

macro_rules! tokens {
    ($($name:ident: $prefix:expr;)+) => {$(
        impl $name {
            /// Takes the text apart; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                Token::parse($prefix, text).map(Self)
            }

            /// Who calls by it, if it proves to be one.
            pub fn caller(&self, address: Option<String>, request_id: String) -> Caller {
                Caller {
                    address,
                    request_id: Some(request_id),
                    ..Caller::reentry(self.0.org, SessionId(self.0.id))
                }
            }
        }
    )+};
}

tokens! {
    LinkCode: CODE;
    Visitor: COOKIE;
}

/// A session that a code was exchanged for; the one time its cookie is shown.
pub struct NewVisit {
    /// The text of the cookie.
    pub cookie: String,
    /// How many seconds it is good for.
    pub seconds: i64,
}

/// Refuses a code that can't be exchanged any more; changes nothing.
pub fn check(conn: &mut Conn, code: &LinkCode) -> Result<()> {
    unused(conn, &code.0).map(|_| ())
}

/// Exchanges a code for the cookie of its session; a code works once.
pub fn exchange(tx: &mut Tx<'_>, code: &LinkCode) -> Result<NewVisit> {
    let session = unused(tx.conn, &code.0)?;
    let cookie = Token::mint(session.org_id, session.id.0)?;
    let at = tx.conn.now()?;
    let (was, is) = (code.0.digest(), cookie.digest());
    if tx
        .conn
        .exchange_session(session.org_id, session.id, &was, &is, at)?
        == 0
    {
        return Err(gone());
    }
    tx.count(Fact::LinkUsed);
    tx.record(
        "connection.reentry_opened",
        "connection",
        session.connection_id.into(),
        None,
        &json!({ "session": session.id }),
    )?;
    Ok(NewVisit {
        cookie: cookie.text(COOKIE),
        seconds: (session.expires_at.utc() - at.utc()).num_seconds(),
    })
}

/// What a visitor is asked for.
pub fn form(conn: &mut Conn, visitor: &Visitor) -> Result<Form> {
    let session = visit(conn, visitor)?;
    let row = conn
        .find_connection(session.org_id, session.connection_id)?
        .ok_or_else(gone)?;
    Form::of(conn, &session, &row)
}

/// A live connection with what can be entered for it.
pub fn fields(
    conn: &mut Conn,
    caller: &Caller,
    id: ConnectionId,
) -> Result<(ConnectionView, Vec<FormField>)> {
    let row = super::connections::find(conn, caller, id)?;
    let fields = form::fields(conn, &row)?;
    Ok((ConnectionView::load(conn, row)?, fields))
}

/// What a visitor's secrets were saved to.
pub struct Saved {
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub name: String,
    /// Whether there is a way to test it.
    pub testable: bool,
}

/// Enters what a visitor sent: all that is missing, in one step. A field left empty keeps what is stored.
pub fn save(tx: &mut Tx<'_>, visitor: &Visitor, input: &PutSecrets) -> Result<Saved> {
    let (session, row) = locked(tx, visitor)?;
    Form::of(tx.conn, &session, &row)?.check(&input.secrets)?;
    if !input.secrets.is_empty() {
        secrets::put(tx, row.id, None, input)?;
    }
    Ok(Saved {
        testable: connector_of(&row)?.probe.is_some(),
        connection: row.id,
        name: row.name,
    })
}

/// Ends a session that has done what it was for; the way that its visitor is to take. One that ended meanwhile is over,
/// too, and leads nowhere.
pub fn finish(tx: &mut Tx<'_>, visitor: &Visitor) -> Result<Option<Leave>> {
    match locked(tx, visitor) {
        Ok((session, row)) => {
            end_open(tx, &row, "the secrets have been entered")?;
            leave::of(tx, &session)
        }
        Err(Error::Problem(problem)) if problem.code == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Visitor {
    /// What a form of this session carries, so that no other page can send one: follows from the cookie and leads to
    /// nothing.
    pub fn form_token(&self) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.secret().as_bytes())
            .map_err(|error| Error::Internal(error.to_string()))?;
        mac.update(b"the form of a re-entry session");
        Ok(hex(&mac.finalize().into_bytes()))
    }
}

/// The session of a visitor with its connection, locked; asked again under the lock, since whoever ends it holds that.
fn locked(tx: &mut Tx<'_>, visitor: &Visitor) -> Result<(SessionRow, ConnectionRow)> {
    let session = visit(tx.conn, visitor)?;
    let row = lock(tx, session.connection_id)?;
    Ok((visit(tx.conn, visitor)?, row))
}

fn unused(conn: &mut Conn, code: &Token) -> Result<SessionRow> {
    let session = open(conn, code, |row| Some(&row.code_digest))?;
    if session.used_at.is_some() {
        return Err(gone());
    }
    Ok(session)
}

fn visit(conn: &mut Conn, visitor: &Visitor) -> Result<SessionRow> {
    open(conn, &visitor.0, |row| row.cookie_digest.as_deref())
}

/// The session that a token proves to be, if it is open.
fn open(
    conn: &mut Conn,
    token: &Token,
    digest: fn(&SessionRow) -> Option<&str>,
) -> Result<SessionRow> {
    let org: OrgId = token.org;
    let row = conn.find_session(org, SessionId(token.id))?;
    let now = conn.now()?;
    let matches = token.matches(row.as_ref().and_then(digest));
    row.filter(|row| matches && row.ended_at.is_none() && row.expires_at > now)
        .ok_or_else(gone)
}

/// One refusal for all.
fn gone() -> Error {
    Error::not_found("re-entry session")
}
