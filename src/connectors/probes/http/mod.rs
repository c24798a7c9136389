//! Services behind an HTTP API: a bearer token, a user name and password, or an API key, whichever the connector has.
//!
//! Below are the probes of services that have a way of their own. What they all share is here: how a secret gets into a
//! request, and what a status means. What must stay true:
//!
//! * A wrong secret never counts as `ok`. A page that anybody may see proves nothing: [`probe`] asks for it without the
//!   credentials first, and sends them only if that was refused.
//! * A secret travels in a header. Two exceptions: an API key in the query, where the settings say so, and Algolia's, whose
//!   documented check has it in the path. Neither URL is ever logged or repeated.

pub(super) mod algolia;
pub(super) mod client_credentials;
pub(super) mod github;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::StatusCode;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use serde::de::DeserializeOwned;
use url::Url;

use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, TlsMode};

/// Headers that say where a request goes and where it ends. An API key in one of them would make another request of it.
const FRAMING: &[HeaderName] = &[
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What to do about a page that is not there.
const SET_TEST_PATH: &str =
    "Set Test path to a path of the API that answers only to who is signed in.";

/// Asks for the base URL, or the test path below it, first as a stranger, then with the credentials.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let Some(url) = address(target) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Without a base URL there is nothing to ask. Set Base URL to test the credentials.",
        ));
    };
    let credentials = Credentials::of(target)?;
    let tls = target.tls();
    let stranger = dialer.call_with(Call::get(url.clone()), &tls).await?;
    if stranger.status.is_success() {
        return Err(Failure::answered(
            Outcome::Unsupported,
            format!(
                "The address answers everybody, so it says nothing about the credentials. They were not sent. \
                 {SET_TEST_PATH}"
            ),
        ));
    }
    if is_busy(stranger.status) || stranger.status.is_server_error() {
        // How it answers strangers when it is well is not known, so what it answers to us would prove nothing.
        return Err(refusal(stranger.status, SET_TEST_PATH));
    }
    let reply = dialer.call_with(credentials.sign(url), &tls).await?;
    if reply.status.is_success() {
        Ok(Found::default())
    } else {
        Err(refusal(reply.status, SET_TEST_PATH))
    }
}

/// The base URL with the test path appended.
pub(super) fn address(target: &Target<'_>) -> Option<Url> {
    let mut url = Url::parse(target.text("base_url")?).ok()?;
    if let Some(text) = target.text("test_path") {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let whole = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&whole);
        url.set_query(query);
    }
    Some(url)
}

/// Who asks, in the form in which the API wants it.
enum Credentials {
    Header(HeaderName, HeaderValue),
    Query(String, String),
}

impl Credentials {
    fn of(target: &Target<'_>) -> Result<Self, Failure> {
        if let Some(token) = target.secret("token").or(target.secret("access_token")) {
            let (name, value) = bearer(token)?;
            return Ok(Self::Header(name, value));
        }
        if let Some(key) = target.secret("api_key") {
            return Self::api_key(target, key);
        }
        if let (Some(user), Some(password)) = (target.text("username"), target.secret("password")) {
            let (name, value) = basic(user, password)?;
            return Ok(Self::Header(name, value));
        }
        Err(Failure::answered(
            Outcome::Unsupported,
            "This connection has no credentials that can be tested.",
        ))
    }

    fn api_key(target: &Target<'_>, key: &str) -> Result<Self, Failure> {
        let parameter = target.text("parameter").unwrap_or_default();
        if target.text("placement") == Some("query") {
            return Ok(Self::Query(parameter.to_owned(), key.to_owned()));
        }
        match HeaderName::from_bytes(parameter.as_bytes()) {
            Ok(name) if !FRAMING.contains(&name) => Ok(Self::Header(name, value(key)?)),
            _ => Err(Failure::answered(
                Outcome::Unsupported,
                "No header of this name can carry a key. Correct Parameter name.",
            )),
        }
    }

    fn sign(self, mut url: Url) -> Call {
        match self {
            Self::Header(name, value) => Call {
                headers: vec![(name, value)],
                ..Call::get(url)
            },
            Self::Query(name, key) => {
                url.query_pairs_mut().append_pair(&name, &key);
                Call::get(url)
            }
        }
    }
}

/// A secret as the value of a header.
pub(super) fn value(secret: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_bytes(secret.as_bytes()).map_err(|_| {
        Failure::answered(
            Outcome::AuthFailed,
            "The secret has a line break or another character that can't be sent. Enter it again.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Authorization: Bearer` (RFC 6750, 2.1).
pub(super) fn bearer(token: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    Ok((AUTHORIZATION, value(&format!("Bearer {token}"))?))
}

/// `Authorization: Basic` (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    if user.contains(':') {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "A user name with a colon can't be sent with a password this way.",
        ));
    }
    let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
    Ok((AUTHORIZATION, value(&format!("Basic {both}"))?))
}

/// The root of a server that the settings `host` and `port` name; without a port that of `https`. There is nothing in HTTP
/// to ask a server whether it speaks TLS, so `prefer` means TLS too.
pub(super) fn root(target: &Target<'_>) -> Option<Url> {
    let host = target.text("host")?;
    let scheme = match target.tls().mode {
        TlsMode::Disable => "http",
        _ => "https",
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut url = Url::parse(&format!("{scheme}://{host}/")).ok()?;
    if target.connector.declares("port") {
        url.set_port(Some(target.port()?)).ok()?;
    }
    Some(url)
}

/// What an answer means that is no success. `nothing_there` says what to do about an address that leads nowhere.
pub(super) fn refusal(status: StatusCode, nothing_there: &str) -> Failure {
    let (outcome, detail) = match status {
        StatusCode::UNAUTHORIZED => (
            Outcome::AuthFailed,
            "The system refuses these credentials. They may be wrong, expired or revoked.".to_owned(),
        ),
        StatusCode::FORBIDDEN => (
            Outcome::AuthFailed,
            "The system refuses access with these credentials. They may be wrong, or lack the rights for this address."
                .to_owned(),
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => (
            Outcome::ProtocolError,
            format!("There is nothing to be had at this address ({}). {nothing_there}", status.as_u16()),
        ),
        _ if status.is_redirection() => (
            Outcome::ProtocolError,
            "The system answers with a redirect. Redirects are not followed, since they would take the secret elsewhere. \
             Enter the address where the API really is."
                .to_owned(),
        ),
        _ if is_busy(status) => (
            Outcome::Unreachable,
            "The system takes no more requests at the moment. Try again later.".to_owned(),
        ),
        _ if status.is_server_error() => (
            Outcome::Unreachable,
            format!(
                "The system has a fault of its own (status {}). Try again later.",
                status.as_u16()
            ),
        ),
        _ => (
            Outcome::ProtocolError,
            format!(
                "The system does not take the request (status {}). Check the settings.",
                status.as_u16()
            ),
        ),
    };
    Failure::answered(outcome, detail)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
    )
}

/// The body of an answer, if it is the JSON that is expected of `who`.
pub(super) fn json<T: DeserializeOwned>(reply: &Reply, who: &str) -> Result<T, Failure> {
    serde_json::from_slice(&reply.body).map_err(|_| Failure::protocol(who))
}
