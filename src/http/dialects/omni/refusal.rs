//! Omni's error envelope: `{"detail", "status"}`, and the sentences that its clients show.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::http::dialects::{Limited, OmniGone, Settings};
use crate::service::error::{Error, Problem};

/// A refusal as Omni tells it.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    detail: String,
    retry_after: Option<u64>,
    code: Option<Code>,
}

/// What a refusal looks like.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiError)]
pub(super) struct Body<'a> {
    /// What is wrong, in a sentence.
    detail: &'a str,
    /// The HTTP status.
    status: u16,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry_after: None,
            code: None,
        }
    }

    /// There is no key.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized: there is no valid API key in the Authorization header.",
        )
    }

    /// One field is wrong; without a name it is the whole request.
    pub fn bad(field: &str, reason: &str) -> Self {
        let detail = if field.is_empty() {
            format!("Bad Request: {reason}")
        } else {
            format!("Bad Request: {field}: {reason}")
        };
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Names the thing that is not there, or not any more, as the original does.
    #[must_use]
    pub fn about(mut self, thing: &str, id: &str) -> Self {
        self.detail = match (self.code, self.status) {
            (Some(Code::InTrash), StatusCode::GONE) => {
                format!("{thing} with id {id} is in the trash")
            }
            (Some(Code::InTrash | Code::NotFound), _) => {
                format!("{thing} with id {id} does not exist")
            }
            _ => return self,
        };
        self
    }

    /// Says this where an identifier means several.
    #[must_use]
    pub fn ambiguous(mut self, detail: &str) -> Self {
        if self.code == Some(Code::Ambiguous) {
            detail.clone_into(&mut self.detail);
        }
        self
    }

    /// The same where the original knows nothing of a trash: what is in it is not there.
    #[must_use]
    pub fn hiding_trash(mut self) -> Self {
        if self.code == Some(Code::InTrash) {
            self.status = StatusCode::NOT_FOUND;
        }
        self
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
        Self {
            code: Some(problem.code),
            ..Self::new(status, detail(problem))
        }
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

fn detail(problem: Problem) -> String {
    match problem.code {
        Code::Unauthenticated => format!("Unauthorized: {}", problem.detail),
        Code::MissingScope => format!("Forbidden: {}", problem.detail),
        Code::MalformedJson => "Bad Request: Invalid JSON".to_owned(),
        Code::InvalidRequest => format!("Bad Request: {}", problem.detail),
        Code::NameTaken => match problem.members.get("suggested_name") {
            Some(free) => format!("{} {free} is free.", problem.detail),
            None => problem.detail,
        },
        _ if problem.errors.is_empty() => problem.detail,
        _ => {
            let faults: Vec<String> = problem.errors.iter().map(fault).collect();
            format!("Bad Request: {}", faults.join("; "))
        }
    }
}

/// A fault as zod tells it, by which the original checks.
fn fault(error: &FieldError) -> String {
    let field = field(&error.pointer);
    let reason = match error.code {
        "unknown_field" => return format!("Unrecognized key: \"{field}\""),
        "required" | "missing_setting" => "Required",
        _ if error.detail == "Expected a UUID." => "Invalid uuid",
        // The parser's words for types of ours.
        "wrong_type" if error.detail.starts_with("Expected struct") => "Expected an object.",
        "wrong_type" if error.detail == "Expected i64." => "Expected a whole number.",
        _ => &error.detail,
    };
    if field.is_empty() {
        reason.to_owned()
    } else {
        format!("{field}: {reason}")
    }
}

/// A JSON pointer of ours as the name of Omni's field.
fn field(pointer: &str) -> String {
    match pointer.trim_start_matches('/') {
        "page_token" => "cursor".to_owned(),
        "page_size" => "pageSize".to_owned(),
        other => {
            let mut name = String::with_capacity(other.len());
            let mut upper = false;
            for c in other.chars() {
                match c {
                    '_' => upper = true,
                    '/' => name.push('.'),
                    c if upper => {
                        upper = false;
                        name.push(c.to_ascii_uppercase());
                    }
                    c => name.push(c),
                }
            }
            name
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
