//! Nango's error envelope, `StdError`: `{"error": {"code", "message"?, "errors"?}}` and nothing else.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::domain::codes::Code;
use crate::http::dialects::{Limited, NangoGone, Settings};
use crate::service::error::Error;

/// A refusal as Nango tells it.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Option<String>,
    errors: Vec<Issue>,
    limited: Option<Limited>,
}

/// What is wrong with one place of the input, in the words of zod, by which the original checks.
#[derive(Debug, Serialize)]
pub(super) struct Issue {
    /// zod's issue code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// The place; indexes of arrays are strings, too.
    pub path: Vec<String>,
}

#[derive(Serialize)]
struct StdError<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Issue]>::is_empty")]
    errors: &'a [Issue],
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: Some(message.into()),
            errors: Vec::new(),
            limited: None,
        }
    }

    /// There is no Authorization header.
    pub fn missing_auth_header() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "missing_auth_header",
            "Authentication failed. The request is missing the Authorization header.",
        )
    }

    /// The header names no key.
    pub fn malformed_auth_header() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "malformed_auth_header",
            "Authentication failed. The Authorization header is malformed.",
        )
    }

    /// What the header names has not the form of one of our keys.
    pub fn invalid_secret_key_format() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_secret_key_format",
            "Authentication failed. The provided secret/public key is not a key of this service.",
        )
    }
}

impl super::super::Refusal for Refusal {
    fn of(error: &Error, scope: &'static str, settings: &Settings) -> Self {
        let problem = error.told();
        let status = StatusCode::from_u16(problem.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (status, code, message) = match problem.code {
            Code::Unauthenticated => (
                status,
                "unknown_account",
                "Authentication failed. The provided secret/public key does not match any account."
                    .to_owned(),
            ),
            Code::MissingScope => (
                status,
                "forbidden",
                format!("This API key lacks the scope {scope}."),
            ),
            Code::NotFound | Code::InTrash => {
                let status = match settings.nango_gone {
                    NangoGone::NotFound => StatusCode::NOT_FOUND,
                    NangoGone::BadRequest => StatusCode::BAD_REQUEST,
                };
                (status, "unknown_connection", problem.detail)
            }
            Code::MalformedJson => (status, "invalid_json", problem.detail),
            Code::InvalidInput => (StatusCode::BAD_REQUEST, "invalid_body", problem.detail),
            Code::UnsupportedMediaType => (status, "invalid_content_type", problem.detail),
            _ if status.is_server_error() => (status, "server_error", problem.detail),
            code => (status, code.as_str(), problem.detail),
        };
        Self::new(status, code, message)
    }

    fn limited(limited: Limited, _: &HttpRequest) -> Self {
        Self {
            limited: Some(limited),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_request",
                "Too many requests; try again later.",
            )
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(limited) = self.limited {
            response
                .insert_header((RETRY_AFTER, limited.retry_after.to_string()))
                .insert_header(("x-ratelimit-limit", limited.limit.to_string()))
                .insert_header(("x-ratelimit-remaining", "0"))
                .insert_header(("x-ratelimit-reset", limited.reset.to_string()));
        }
        response.json(StdError {
            error: Body {
                code: self.code,
                message: self.message.as_deref(),
                errors: &self.errors,
            },
        })
    }
}
