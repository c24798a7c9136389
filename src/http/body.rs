//! Bodies, JSON and forms: limits, types and rules, the same for every endpoint and both databases.
//!
//! Order: content type, size, time, JSON rules (duplicate keys, NUL, depth, surrogates), then the typed form
//! with unknown fields refused. No message repeats what was sent.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::domain::codes::Code;
use crate::domain::json::{JsonProblem, MAX_DEPTH};
use crate::domain::typed;
use crate::service::error::{Error, Problem, Result};

/// The largest body of most requests.
pub const JSON: usize = 64 * 1024;
/// The largest body that holds one model or piece of content: its body, its links and what is around them.
pub const DEPENDENT: usize = 256 * 1024 + 128 * 1024;
/// The largest batch.
pub const BATCH: usize = 8 * 1024 * 1024;

/// Reads a body of at most `limit` bytes that must be JSON.
pub async fn read(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes> {
    let merge_patch = request.method() == Method::PATCH;
    check_type(request, "application/json", |essence| {
        essence == "application/json" || merge_patch && essence == "application/merge-patch+json"
    })?;
    receive(request, payload, limit, timeout).await
}

/// The same for a body that may be left out. Some clients announce a body whose length they don't know and then send
/// none, without a type.
pub async fn read_if_any(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    timeout: Duration,
) -> Result<Option<Bytes>> {
    if request.headers().contains_key(CONTENT_TYPE) {
        return read(request, payload, limit, timeout).await.map(Some);
    }
    let body = receive(request, payload, limit, timeout).await?;
    if body.is_empty() {
        return Ok(None);
    }
    check_type(request, "application/json", |_| false)?;
    Ok(Some(body))
}

/// Reads a body of at most `limit` bytes that must be an HTML form.
pub async fn read_form(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes> {
    const FORM: &str = "application/x-www-form-urlencoded";
    check_type(request, FORM, |essence| essence == FORM)?;
    receive(request, payload, limit, timeout).await
}

/// Reads a body of at most `limit` bytes, whatever it is.
pub async fn receive(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes> {
    let too_large = || {
        Error::from(Problem::new(
            Code::BodyTooLarge,
            format!("A body here has up to {limit} bytes."),
        ))
    };
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut payload = payload;
    let arriving = async {
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| {
                Problem::new(Code::InvalidRequest, "The body did not arrive whole.")
            })?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(timeout, arriving)
        .await
        .unwrap_or_else(|_| {
            Err(Problem::new(Code::RequestTimeout, "The body took too long to arrive.").into())
        })
}

fn check_type(request: &HttpRequest, expected: &str, fits: impl Fn(&str) -> bool) -> Result<()> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let encoding = header(CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Bodies are not taken compressed.",
        )
        .into());
    }
    let full = header(CONTENT_TYPE);
    let essence = full
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if fits(&essence) {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!("The body must be {expected}."),
    )
    .into())
}

/// Parses a body, an object, into its typed form.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    let parsed = parse_any(body)?;
    // serde takes an array, too, as the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::field("", "wrong_type", "Expected an object."));
    }
    Ok(parsed)
}

/// The same for a body that need not be an object.
pub fn parse_any<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    typed::read(body, MAX_DEPTH).map_err(|problem| match problem {
        JsonProblem::Malformed { line, column } => Error::from(Problem::new(
            Code::MalformedJson,
            format!("The body is not JSON at line {line}, column {column}."),
        )),
        JsonProblem::Refused(error) => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::connections::{ConnectionPatch, NewConnection};

    fn refused(body: &str) -> (Code, String, &'static str, String) {
        match parse::<NewConnection>(body.as_bytes()) {
            Err(Error::Problem(problem)) => {
                let error = problem.errors.first().cloned();
                let (pointer, code, detail) = error
                    .map_or((String::new(), "", problem.detail), |error| {
                        (error.pointer, error.code, error.detail)
                    });
                (problem.code, pointer, code, detail)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_body_is_told_where_and_why_and_never_repeated() {
        for (body, pointer, code) in [
            (
                r#"{"connector":"postgres","nmae":"x"}"#,
                "/nmae",
                "unknown_field",
            ),
            (r#"{"name":"x"}"#, "/connector", "required"),
            (r#"{"connector":7}"#, "/connector", "wrong_type"),
            (
                r#"{"connector":"postgres","on_trashed":"revive"}"#,
                "/on_trashed",
                "not_allowed_value",
            ),
            (
                r#"{"connector":"postgres","secrets":{"password":7}}"#,
                "/secrets/password",
                "wrong_type",
            ),
            (
                r#"{"connector":"postgres","secrets":{"password":""}}"#,
                "/secrets/password",
                "invalid_value",
            ),
            (
                r#"{"connector":"postgres","secrets":"x, expected revive"}"#,
                "/secrets",
                "wrong_type",
            ),
            (
                r#"{"connector":"a","connector":"b"}"#,
                "/connector",
                "duplicate_key",
            ),
            (r#"{"connector":"a\u0000b"}"#, "/connector", "nul_character"),
            (
                r#"{"metadata":{"a":{"b":1,"b":2}}}"#,
                "/metadata/a/b",
                "duplicate_key",
            ),
        ] {
            let (problem, at, found, detail) = refused(body);
            assert_eq!(
                (problem, at.as_str(), found),
                (Code::InvalidInput, pointer, code),
                "{body}: {detail}"
            );
            assert!(
                !detail.contains("revive") && !detail.contains('7'),
                "{detail}"
            );
        }
        for body in [
            "",
            "{",
            "[1,",
            "nul",
            "{\"connector\":\"x\"} x",
            "\u{feff}{}",
        ] {
            assert_eq!(refused(body).0, Code::MalformedJson, "{body}");
        }
        assert_eq!(refused("[]").0, Code::InvalidInput);
        for body in ["[]", " [\"renamed\"]"] {
            assert!(
                parse::<ConnectionPatch>(body.as_bytes()).is_err(),
                "an array is no patch, though it may have its fields in their order"
            );
        }
    }
}
