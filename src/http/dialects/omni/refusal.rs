//! Omni's error envelope: `{"detail", "status"}`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::domain::codes::Code;
use crate::http::dialects::{Limited, OmniGone, Settings};
use crate::service::error::Error;

/// A refusal as Omni tells it.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    detail: String,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    detail: &'a str,
    status: u16,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// There is no key.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized: there is no valid API key in the Authorization header.",
        )
    }
}

impl super::super::Refusal for Refusal {
    fn of(error: &Error, _: &'static str, settings: &Settings) -> Self {
        let problem = error.told();
        let status = match (problem.code, settings.omni_gone) {
            (Code::InTrash, OmniGone::NotFound) => StatusCode::NOT_FOUND,
            (Code::InvalidInput | Code::SecretInSettings | Code::SecretsRequired, _) => {
                StatusCode::BAD_REQUEST
            }
            (code, _) => {
                StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        Self::new(status, problem.detail)
    }

    fn limited(limited: Limited, _: &HttpRequest) -> Self {
        Self {
            retry_after: Some(limited.retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests: wait for the seconds in Retry-After.",
            )
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        response.json(Body {
            detail: &self.detail,
            status: self.status.as_u16(),
        })
    }
}
