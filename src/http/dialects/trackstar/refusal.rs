//! Trackstar's error envelope: `{"error", "origin"}`, with `detail` where a part of the request is wrong.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::http::dialects::{Limited, Settings};
use crate::service::error::Error;

/// What is wrong, by the place in the request (`headers`, `json`, `query`) and the field.
type Detail = BTreeMap<&'static str, BTreeMap<String, Vec<String>>>;

/// A refusal as Trackstar tells it.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    detail: Detail,
    limited: Option<Limited>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    /// Who refuses: never the system behind the connection.
    origin: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: &'a Detail,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            detail: Detail::new(),
            limited: None,
        }
    }

    /// There is no key, or none that works.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The API key is not valid.")
    }

    /// A header that the call needs is missing.
    pub fn missing_header(name: &str) -> Self {
        let missing = vec!["Missing data for required field.".to_owned()];
        Self {
            detail: [("headers", [(name.to_owned(), missing)].into())].into(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation error")
        }
    }
}

impl super::super::Refusal for Refusal {
    fn of(error: &Error, _: &'static str, _: &Settings) -> Self {
        let problem = error.told();
        let status = StatusCode::from_u16(problem.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, problem.detail)
    }

    fn limited(limited: Limited, _: &HttpRequest) -> Self {
        Self {
            limited: Some(limited),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.")
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
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
        response.json(Body {
            error: &self.error,
            origin: "trackstar",
            detail: &self.detail,
        })
    }
}
