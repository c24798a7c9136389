//! The way from the last page: back to where whoever made the link wants its visitor, with a code that says he is done.
//!
//! The code is exchanged once, by an API key of the organization, for an access token. That key could have an access token
//! without it: the code only says which connection it is, and that the secrets are there.

use chrono::Duration;
use url::{Host, Url};

use super::super::connections::lock;
use super::super::error::{Error, Result};
use super::super::tokens::Token;
use super::super::unit::Tx;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, SessionId};
use crate::store::rows::SessionRow;

/// How long a code can be exchanged.
const LIFETIME: Duration = Duration::minutes(10);
const CODE: &str = "rpa_";
const PARAMETER: &str = "auth_code";
const LONGEST: usize = 2_000;

/// Where a visitor may be led: https, or http on his own machine, where programs wait for their users.
pub(super) struct RedirectUri(Url);

impl RedirectUri {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refuse = |code, detail: &str| Err(Error::field("/redirect_uri", code, detail));
        if text.len() > LONGEST {
            return refuse("too_long", "This address has more than 2000 bytes.");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("invalid_value", "Expected a whole URL.");
        };
        let allowed = match (url.scheme(), url.host()) {
            ("https", Some(_)) => true,
            ("http", Some(Host::Domain(name))) => name == "localhost",
            ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
            ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
            _ => false,
        };
        if !allowed {
            return refuse(
                "not_allowed_value",
                "Only https is taken, and http on the loopback addresses.",
            );
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return refuse(
                "not_allowed_value",
                "This address may have neither a user nor a fragment.",
            );
        }
        if url.query_pairs().any(|(name, _)| name == PARAMETER) {
            return refuse(
                "not_allowed_value",
                "The parameter auth_code is added by Reprieve.",
            );
        }
        Ok(Self(url))
    }

    pub(super) fn into_string(self) -> String {
        self.0.into()
    }
}

/// The way from the last page.
pub struct Leave {
    /// Where it leads, for people.
    pub host: String,
    /// The link.
    pub url: String,
}

/// Gives a session that is done its code, if it has a way to go.
pub(super) fn of(tx: &mut Tx<'_>, session: &SessionRow) -> Result<Option<Leave>> {
    let Some(redirect_uri) = &session.redirect_uri else {
        return Ok(None);
    };
    let mut url = Url::parse(redirect_uri).map_err(|error| {
        Error::Internal(format!("session {} leads nowhere: {error}", session.id))
    })?;
    let code = Token::mint(session.org_id, session.id.0)?;
    let expires_at = tx.conn.now()?.plus(LIFETIME);
    tx.conn
        .grant_session(session.org_id, session.id, &code.digest(), expires_at)?;
    url.query_pairs_mut()
        .append_pair(PARAMETER, &code.text(CODE));
    Ok(Some(Leave {
        host: url.host_str().unwrap_or_default().to_owned(),
        url: url.into(),
    }))
}

/// The code that a visitor took along, as it was sent, which nothing has proved yet.
pub struct AuthCode(Option<Token>);

impl AuthCode {
    /// Takes the text apart. One that can't be a code is as wrong as one that is unknown.
    pub fn parse(text: &str) -> Self {
        Self(Token::parse(CODE, text))
    }
}

/// Uses a code up; the connection whose secrets were entered, locked.
pub fn redeem(tx: &mut Tx<'_>, code: &AuthCode) -> Result<ConnectionId> {
    let code = code.0.as_ref().filter(|code| code.org == tx.caller.org);
    let code = code.ok_or_else(spent)?;
    let session = tx.conn.find_session(code.org, SessionId(code.id))?;
    let matches = code.matches(session.as_ref().and_then(|row| row.auth_digest.as_deref()));
    let session = session.filter(|_| matches).ok_or_else(spent)?;
    match lock(tx, session.connection_id) {
        Ok(_) => {}
        Err(Error::Problem(problem)) if matches!(problem.code, Code::NotFound | Code::InTrash) => {
            return Err(spent());
        }
        Err(error) => return Err(error),
    }
    let now = tx.conn.now()?;
    // Under the lock: a deletion that came first has forgotten the session.
    let redeemed = tx
        .conn
        .redeem_session(session.org_id, session.id, &code.digest(), now)?;
    if redeemed == 0 {
        return Err(spent());
    }
    Ok(session.connection_id)
}

/// One refusal for all.
fn spent() -> Error {
    Error::field(
        "/auth_code",
        "invalid_value",
        "This code can't be used, or not any more.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_is_led_to_https_or_to_his_own_machine_alone() {
        for good in [
            "https://app.example.com/done",
            "https://app.example.com:8443/done?state=a%20b",
            "http://localhost:3000/",
            "http://127.0.0.1:9/x",
            "http://[::1]:9/x",
            "https://xn--bcher-kva.example/",
        ] {
            let parsed = RedirectUri::parse(good).map(RedirectUri::into_string);
            assert_eq!(parsed.ok().as_deref(), Some(good));
        }
        for bad in [
            "",
            "/done",
            "//evil.example/",
            "app.example.com",
            "http://app.example.com/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "https://",
            "https:///",
            "https://me@evil.example/",
            "https://:pw@evil.example/",
            "https://app.example.com/#fragment",
            "https://app.example.com/?auth_code=mine",
            "https://app.example.com/?%61uth_code=mine",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp://done",
            "ftp://localhost/",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
        let long = format!("https://app.example.com/{}", "a".repeat(LONGEST));
        assert!(RedirectUri::parse(&long).is_err());
    }
}
