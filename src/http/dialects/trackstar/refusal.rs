//! Trackstar's error envelope: `{"error", "origin"}`, with `detail` where a part of the request is wrong.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::http::dialects::{Limited, Settings};
use crate::service::error::Error;

const MISSING: &str = "Missing data for required field.";
const VALIDATION: &str = "Validation error";

/// What is wrong, by the place in the request (`headers`, `json`, `query`) and the field.
type Detail = BTreeMap<&'static str, BTreeMap<String, Vec<String>>>;

/// A refusal as Trackstar tells it.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    detail: Detail,
    limited: Option<Limited>,
    retry_after: Option<u64>,
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
            retry_after: None,
        }
    }

    /// There is no key, or none that works.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The API key is not valid.")
    }

    /// No connection of the organization has this access token, or none any more.
    pub fn unknown_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The access token is not valid.")
    }

    /// Headers that the call needs are missing.
    pub fn missing_headers(names: &[&str]) -> Self {
        let missing = names
            .iter()
            .map(|name| ((*name).to_owned(), vec![MISSING.to_owned()]))
            .collect();
        Self::invalid([("headers", missing)].into())
    }

    fn invalid(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, VALIDATION)
        }
    }
}

/// The place and the field of an error: pointers lead into the body, bare names are of the query. Tags are members here.
fn place(error: &FieldError) -> (&'static str, String) {
    let Some(pointer) = error.pointer.strip_prefix('/') else {
        return match error.pointer.as_str() {
            "" => ("json", "_schema".to_owned()),
            name => ("query", name.to_owned()),
        };
    };
    let field = pointer.strip_prefix("tags/").unwrap_or(pointer);
    ("json", field.to_owned())
}

/// In the words of the original where it has some.
fn words(error: &FieldError) -> String {
    match error.code {
        "unknown_field" => "Unknown field.".to_owned(),
        "required" => MISSING.to_owned(),
        _ => error.detail.clone(),
    }
}

impl super::super::Refusal for Refusal {
    fn of(error: &Error, _: &'static str, _: &Settings) -> Self {
        let problem = error.told();
        if !problem.errors.is_empty() {
            let mut detail = Detail::new();
            for error in &problem.errors {
                let (location, field) = place(error);
                let fields = detail.entry(location).or_default();
                fields.entry(field).or_default().push(words(error));
            }
            return Self::invalid(detail);
        }
        let status = match problem.code {
            Code::Unauthenticated => return Self::unauthenticated(),
            // The original has no trash.
            Code::InTrash => {
                return Self::new(
                    StatusCode::NOT_FOUND,
                    "There is no connection with this id.",
                );
            }
            // Its word for what is switched off. With 429 its clients would try again in a moment.
            Code::DeletionProtected | Code::DeletionBrake => StatusCode::FORBIDDEN,
            code => {
                StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        Self {
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
            ..Self::new(status, problem.detail)
        }
    }

    fn limited(limited: Limited, _: &HttpRequest) -> Self {
        Self {
            limited: Some(limited),
            retry_after: Some(limited.retry_after),
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
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(limited) = self.limited {
            response
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
