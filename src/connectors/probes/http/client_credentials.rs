//! OAuth 2.0 by client credentials (RFC 6749, 4.4): a token is fetched, then the API is called with it.
//!
//! The token is the proof: nobody gets one for a wrong secret. So the API may well answer everybody, or have nothing at its
//! base URL; only if it refuses the token something is wrong.

use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{SET_TEST_PATH, address, bearer, refusal, value};
use crate::connectors::probes::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, Tls};
use crate::secrets::value::SecretValue;

/// Fetches a token and, if there is a base URL, calls it.
pub(in crate::connectors::probes) async fn probe(
    dialer: &Dialer,
    target: &Target<'_>,
) -> Result<Found, Failure> {
    let endpoint = target
        .text("token_url")
        .and_then(|url| Url::parse(url).ok());
    let (Some(endpoint), Some(id), Some(secret)) = (
        endpoint,
        target.text("client_id"),
        target.secret("client_secret"),
    ) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Token URL, client ID and client secret are needed for a test.",
        ));
    };
    let tls = target.tls();
    let client = Client { id, secret };
    let token = client
        .token(dialer, endpoint, target.text("scopes"), &tls)
        .await?;
    let Some(url) = address(target) else {
        return Ok(Found::default());
    };
    let call = Call {
        headers: vec![bearer(token.expose())?],
        ..Call::get(url)
    };
    let status = dialer.call_with(call, &tls).await?.status;
    match status.as_u16() {
        _ if status.is_success() => Ok(Found::default()),
        401 | 403 => Err(Failure::answered(
            Outcome::AuthFailed,
            "The token URL knows the client, but the API refuses the token. Check Scopes and the rights of the client.",
        )),
        404 | 405 | 410 if target.text("test_path").is_none() => Ok(Found {
            remark: Some(
                "The token URL knows the client; the API has nothing at its base URL. To have it called too, set Test path.",
            ),
            ..Found::default()
        }),
        _ => Err(refusal(status, SET_TEST_PATH)),
    }
}

/// A client of an authorization server.
pub(in crate::connectors::probes) struct Client<'a> {
    pub(in crate::connectors::probes) id: &'a str,
    pub(in crate::connectors::probes) secret: &'a str,
}

/// RFC 6749, 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretValue,
    token_type: Option<String>,
}

/// RFC 6749, 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Client<'_> {
    /// Asks for a token. The client says who it is by `client_secret_basic`, which every server has to take (2.3.1).
    pub(in crate::connectors::probes) async fn token(
        &self,
        dialer: &Dialer,
        endpoint: Url,
        scopes: Option<&str>,
        tls: &Tls,
    ) -> Result<SecretValue, Failure> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scopes) = scopes {
            form.append_pair("scope", scopes);
        }
        let call = Call {
            method: Method::POST,
            headers: vec![
                (AUTHORIZATION, self.basic()?),
                (ACCEPT, HeaderValue::from_static("application/json")),
                (
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/x-www-form-urlencoded"),
                ),
            ],
            body: form.finish().into_bytes(),
            ..Call::get(endpoint)
        };
        let reply = dialer.call_with(call, tls).await?;
        if !reply.status.is_success() {
            return Err(refused(&reply));
        }
        let granted: Granted = serde_json::from_slice(&reply.body).map_err(|_| {
            Failure::answered(
                Outcome::ProtocolError,
                "The token URL answers, but with no token. Check Token URL.",
            )
        })?;
        match granted.token_type {
            Some(kind) if !kind.eq_ignore_ascii_case("bearer") => Err(Failure::answered(
                Outcome::Unsupported,
                "The token URL gives tokens of another kind than bearer. They can't be tested.",
            )),
            _ => Ok(granted.access_token),
        }
    }

    /// Both parts are form-encoded first (2.3.1), so a colon in the ID does no harm here.
    fn basic(&self) -> Result<HeaderValue, Failure> {
        use base64::Engine as _;
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let both = format!("{}:{}", encoded(self.id), encoded(self.secret));
        value(&format!(
            "Basic {}",
            base64::prelude::BASE64_STANDARD.encode(both)
        ))
    }
}

fn refused(reply: &Reply) -> Failure {
    let known: Option<Refused> = serde_json::from_slice(&reply.body).ok();
    let (outcome, detail) = match known.as_ref().map(|refused| refused.error.as_str()) {
        Some("invalid_client" | "invalid_grant" | "access_denied") => (
            Outcome::AuthFailed,
            "The token URL refuses this client ID and client secret. They may be wrong, expired or revoked.",
        ),
        Some("unauthorized_client") => (
            Outcome::AuthFailed,
            "The token URL gives this client no token by its own credentials. Check the client ID and what the client may do.",
        ),
        Some("invalid_scope") => (
            Outcome::ProtocolError,
            "The token URL does not give these scopes to the client. Correct Scopes.",
        ),
        Some("unsupported_grant_type") => (
            Outcome::ProtocolError,
            "The token URL gives no tokens by client credentials. Check Token URL.",
        ),
        Some("temporarily_unavailable" | "server_error") => (
            Outcome::Unreachable,
            "The token URL gives no tokens at the moment. Try again later.",
        ),
        _ => return refusal(reply.status, "Check Token URL."),
    };
    Failure::answered(outcome, detail)
}
