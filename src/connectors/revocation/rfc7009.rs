//! RFC 7009: the token is posted to the revocation endpoint by the client that it was given to.
//!
//! A server answers 200 for a token it does not know, too: then it does not work either.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Failure, Source, Token, authorization};
use crate::domain::kinds::RevocationOutcome;
use crate::outbound::http::Call;

/// The hints that the RFC knows are called as our fields are.
const HINTS: [&str; 2] = ["access_token", "refresh_token"];

/// An error as RFC 6749 words it, 5.2.
#[derive(Deserialize)]
struct Refused {
    #[expect(dead_code, reason = "that there is one says enough")]
    error: String,
}

pub(super) async fn revoke(source: &Source<'_>, token: &Token<'_>) -> Result<(), Failure> {
    let reply = source.send(call(source, token)?).await?;
    match reply.status.as_u16() {
        // Some servers say no with a 200.
        200 | 204 if serde_json::from_slice::<Refused>(&reply.body).is_ok() => {
            Err(Failure::for_good(RevocationOutcome::Refused))
        }
        200 | 204 => Ok(()),
        _ => Err(Failure::of(&reply)),
    }
}

fn call(source: &Source<'_>, token: &Token<'_>) -> Result<Call, Failure> {
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token.value.expose());
    if HINTS.contains(&token.field) {
        form.append_pair("token_type_hint", token.field);
    }
    let mut headers = vec![
        (ACCEPT, HeaderValue::from_static("application/json")),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        ),
    ];
    match (&source.client.id, &source.client.secret) {
        // Every server takes a client's password this way (RFC 6749, 2.3.1); both parts are form-encoded first.
        (Some(id), Some(secret)) => {
            let encoded = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
            let both = format!("{}:{}", encoded(id), encoded(secret.expose()));
            headers.push(authorization(&format!(
                "Basic {}",
                BASE64_STANDARD.encode(both)
            ))?);
        }
        // A public client only says who it is (RFC 7009, 2.1).
        (Some(id), None) => {
            form.append_pair("client_id", id);
        }
        (None, _) => {}
    }
    Ok(Call {
        method: Method::POST,
        headers,
        body: form.finish().into_bytes(),
        ..Call::get(source.url("")?)
    })
}
