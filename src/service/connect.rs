//! Connect tokens: a short-lived token with which an end user without an API key makes connections, or enters the
//! secrets of one.
//!
//! What must stay true:
//! * Of a token only its digest is stored, and it is never an API key.
//! * The token of a connection dies with it: the deletion closes it in its own transaction, a restore opens none again.
//! * Whoever opens or uses the token of a connection locks the connection first, as a deletion does.
//! * What is unknown, expired or ended is refused alike.
//!
//! What the session is about beside the connection (`context`) is the words of whoever opened it.

use chrono::Duration;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::caller::Caller;
use super::connections::lock;
use super::error::{Error, Result};
use super::keys::unauthenticated;
use super::tokens::hex;
use super::unit::Tx;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, OrgId, SessionId};
use crate::domain::json::JsonText;
use crate::store::Conn;
use crate::store::rows::ConnectTokenRow;

/// How long a token works.
const LIFETIME: Duration = Duration::minutes(30);
/// The digits of the organization, which leads every look-up, and of the secret.
const DIGITS: usize = 32;

/// A token as somebody sent it, which nothing has proved yet.
#[derive(Clone)]
pub struct ConnectToken {
    org: OrgId,
    digits: Zeroizing<String>,
}

/// A new token; the one time it is shown.
pub struct NewConnectToken {
    /// The session's id: what is done by it is written down to `connect:<id>`.
    pub id: SessionId,
    /// The text.
    pub token: String,
    /// When it stops working.
    pub expires_at: Ts,
}

/// What a token that works is for.
pub struct ConnectSession {
    /// The session's id.
    pub id: SessionId,
    /// The organization.
    pub org: OrgId,
    /// The one connection whose secrets may be entered; without one, connections may be made.
    pub connection: Option<ConnectionId>,
    /// Whether that connection has been deleted since.
    pub gone: bool,
    /// What whoever opened it said about it.
    pub context: JsonText,
}

impl ConnectToken {
    /// Takes a text apart, `prefix` and 64 lower case hexadecimal digits; `None` for anything else.
    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(prefix)?;
        let whole = digits.len() == 2 * DIGITS
            && digits
                .bytes()
                .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let (org, _) = digits.split_at_checked(DIGITS)?;
        whole.then_some(Self {
            org: OrgId(Uuid::try_parse(org).ok()?),
            digits: Zeroizing::new(digits.to_owned()),
        })
    }

    fn mint(org: OrgId) -> Result<Self> {
        let mut secret = Zeroizing::new([0_u8; DIGITS / 2]);
        getrandom::fill(secret.as_mut_slice()).map_err(|error| {
            Error::Internal(format!(
                "the operating system gave no random bytes: {error}"
            ))
        })?;
        let digits = format!("{}{}", org.0.simple(), hex(secret.as_slice()));
        Ok(Self {
            org,
            digits: Zeroizing::new(digits),
        })
    }

    fn digest(&self) -> String {
        hex(&Sha256::digest(self.digits.as_bytes()))
    }
}

/// Opens a session, of one live connection or for new ones. The text of its token begins with `prefix`.
pub fn open(
    tx: &mut Tx<'_>,
    connection: Option<ConnectionId>,
    context: JsonText,
    prefix: &str,
) -> Result<NewConnectToken> {
    if let Some(id) = connection {
        lock(tx, id)?;
    }
    let (org, at) = (tx.caller.org, tx.conn.now()?);
    let token = ConnectToken::mint(org)?;
    let row = ConnectTokenRow {
        org_id: org,
        id: SessionId::mint(),
        digest: token.digest(),
        connection_id: connection,
        context,
        created_at: at,
        created_by: tx.caller.actor.id.clone(),
        expires_at: at.plus(LIFETIME),
        ended_at: None,
        gone_at: None,
    };
    tx.conn.insert_connect_token(&row)?;
    tx.record(
        "connect_session.opened",
        "connect_session",
        row.id.into(),
        None,
        &json!({ "connection_id": connection, "expires_at": row.expires_at }),
    )?;
    Ok(NewConnectToken {
        id: row.id,
        token: format!("{prefix}{}", *token.digits),
        expires_at: row.expires_at,
    })
}

/// What a token is for, if it works.
pub fn find(conn: &mut Conn, token: &ConnectToken) -> Result<ConnectSession> {
    let now = conn.now()?;
    conn.find_connect_token(token.org, &token.digest())?
        .filter(|row| row.ended_at.is_none() && row.expires_at > now)
        .map(|row| ConnectSession {
            id: row.id,
            org: row.org_id,
            connection: row.connection_id,
            gone: row.gone_at.is_some(),
            context: row.context,
        })
        .ok_or_else(unauthenticated)
}

/// The same for a change: its connection is locked, and cannot be deleted until the change is done.
pub fn locked(tx: &mut Tx<'_>, token: &ConnectToken) -> Result<ConnectSession> {
    let session = find(tx.conn, token)?;
    match session.connection.filter(|_| !session.gone) {
        Some(id) => {
            lock(tx, id)?;
            find(tx.conn, token)
        }
        None => Ok(session),
    }
}

/// Ends a session.
pub fn end(tx: &mut Tx<'_>, token: &ConnectToken) -> Result<()> {
    let session = find(tx.conn, token)?;
    let at = tx.conn.now()?;
    if tx.conn.end_connect_token(session.org, session.id, at)? == 0 {
        return Err(unauthenticated());
    }
    tx.record(
        "connect_session.ended",
        "connect_session",
        session.id.into(),
        None,
        &json!({ "connection_id": session.connection }),
    )
}

impl ConnectSession {
    /// Who calls by its token.
    pub fn caller(&self, address: Option<String>, request_id: String) -> Caller {
        Caller {
            address,
            request_id: Some(request_id),
            ..Caller::connect(self.org, self.id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_of_its_own_kind_parses() {
        let made = ConnectToken::mint(OrgId::mint()).unwrap();
        let text = format!("x_{}", *made.digits);
        let read = ConnectToken::parse("x_", &text).unwrap();
        assert_eq!((read.org, read.digest()), (made.org, made.digest()));
        for broken in [
            "",
            "x_",
            &text.to_uppercase(),
            text.get(1..).unwrap(),
            text.strip_suffix(|_: char| true).unwrap(),
            &format!("{text}0"),
            &format!("x_{}", "é".repeat(32)),
            &text.replacen(|c: char| c.is_ascii_digit(), "g", 1),
        ] {
            assert!(ConnectToken::parse("x_", broken).is_none(), "{broken}");
        }
    }
}
