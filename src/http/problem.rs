//! Problem documents (RFC 9457), made from the catalogue alone.
//!
//! What must stay true: a 5xx carries no inner text; that goes to the log line with the request id.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::codes::Code;
use crate::service::error::{Error, Problem};
use crate::store::StoreError;

/// An error on its way to a client, with the id of the request it answers.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    request_id: String,
    closing: bool,
}

impl ApiError {
    /// The error of one request.
    pub fn new(error: impl Into<Error>, request_id: &str) -> Self {
        Self {
            error: error.into(),
            request_id: request_id.to_owned(),
            closing: false,
        }
    }

    /// Closes the connection with this answer, because the request may have carried a secret.
    #[must_use]
    pub fn closing(mut self, closing: bool) -> Self {
        self.closing = closing;
        self
    }

    fn problem(&self) -> Problem {
        log(&self.error, &self.request_id);
        self.error.told()
    }
}

/// What broke goes into the log, which is the only place that tells of it.
pub(super) fn log(error: &Error, request_id: &str) {
    match error {
        Error::Problem(_) => {}
        Error::Store(StoreError::Unavailable(cause)) => {
            tracing::warn!(request_id, cause, "the database is not available");
        }
        other => {
            tracing::error!(request_id, cause = %other, "a request failed");
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        let code = match &self.error {
            Error::Problem(problem) => problem.code,
            Error::Store(StoreError::Unavailable(_)) => Code::Busy,
            _ => Code::InternalError,
        };
        StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let problem = self.problem();
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        match problem.code {
            Code::Unauthenticated => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            Code::Busy | Code::RequestInProgress => {
                response.insert_header((RETRY_AFTER, "1"));
            }
            Code::TooManyTests => {
                let seconds = problem.members.get("retry_after").and_then(Value::as_u64);
                response.insert_header((RETRY_AFTER, seconds.unwrap_or(1)));
            }
            // What is left of the body would be read as the next request.
            Code::BodyTooLarge | Code::RequestTimeout => {
                response.force_close();
            }
            _ => {}
        }
        if self.closing {
            response.force_close();
        }
        response.body(document(&problem, &self.request_id))
    }
}

/// The document's members in the order people read them.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    next: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'a>>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Field<'a> {
    pointer: &'a str,
    code: &'a str,
    detail: &'a str,
}

fn document(problem: &Problem, request_id: &str) -> String {
    let code = problem.code;
    let errors = problem
        .errors
        .iter()
        .map(|error| Field {
            pointer: &error.pointer,
            code: error.code,
            detail: &error.detail,
        })
        .collect();
    let document = Document {
        r#type: format!("urn:reprieve:problem:{}", code.as_str()),
        title: code.title(),
        status: code.status(),
        code: code.as_str(),
        detail: &problem.detail,
        next: code.next(),
        request_id,
        errors,
        members: &problem.members,
    };
    serde_json::to_string(&document).unwrap_or_default()
}
