//! GitHub. Personal, OAuth and app user tokens: `POST /credentials/revoke`, which asks for no authentication (and wants
//! none) on github.com, and for any on Enterprise Server. Installation tokens (`ghs_`): `DELETE /installation/token`.

use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::json;

use super::{Failure, Source, Token, authorization};
use crate::outbound::http::Call;

const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");

pub(super) async fn revoke(source: &Source<'_>, token: &Token<'_>) -> Result<(), Failure> {
    let plain = [
        (
            ACCEPT,
            HeaderValue::from_static("application/vnd.github+json"),
        ),
        (VERSION, HeaderValue::from_static("2022-11-28")),
    ];
    let bearer = || authorization(&format!("Bearer {}", token.value.expose()));
    if token.value.expose().starts_with("ghs_") {
        let mut headers = plain.to_vec();
        headers.push(bearer()?);
        let call = Call {
            method: Method::DELETE,
            headers,
            ..Call::get(source.url("/installation/token")?)
        };
        let reply = source.send(call).await?;
        return match reply.status.as_u16() {
            204 => Ok(()),
            _ => Err(Failure::of(&reply)),
        };
    }
    let url = source.url("/credentials/revoke")?;
    let call = |signature| {
        let json = HeaderValue::from_static("application/json");
        let mut headers = plain.to_vec();
        headers.push((CONTENT_TYPE, json));
        headers.extend(signature);
        Call {
            method: Method::POST,
            headers,
            body: json!({ "credentials": [token.value.expose()] })
                .to_string()
                .into_bytes(),
            ..Call::get(url.clone())
        }
    };
    let mut reply = source.send(call(None)).await?;
    if reply.status.as_u16() == 401 {
        reply = source.send(call(Some(bearer()?))).await?;
    }
    match reply.status.as_u16() {
        // It is done soon after: GitHub has taken it over.
        202 => Ok(()),
        _ => Err(Failure::of(&reply)),
    }
}
