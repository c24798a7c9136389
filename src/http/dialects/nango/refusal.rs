//! Nango's error envelope, `StdError`: `{"error": {"code", "message"?, "errors"?}}` and nothing else.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::scopes::Scope;
use crate::http::dialects::{Limited, NangoGone, Settings};
use crate::service::error::{Error, Problem};

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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Issue {
    /// zod's issue code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// The place; indexes of arrays are strings, too.
    pub path: Vec<String>,
}

/// Every refusal.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StdError {
    error: ErrorBody,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErrorBody {
    /// The stable code.
    code: &'static str,
    /// A sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What is wrong with single places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Issue>,
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

    /// Some places of the input are wrong.
    pub(super) fn invalid(code: &'static str, errors: Vec<Issue>) -> Self {
        Self {
            message: None,
            errors,
            ..Self::new(StatusCode::BAD_REQUEST, code, "")
        }
    }

    /// The body as a whole does not fit.
    pub(super) fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_body", message)
    }

    /// There is no such integration.
    pub(super) fn unknown_provider_config() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unknown_provider_config",
            "There is no integration with this key.",
        )
    }

    /// There is no such thing.
    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The header says that the body is something else than JSON.
    pub(super) fn invalid_content_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_content_type",
            "The Content-Type header must begin with application/json.",
        )
    }

    /// What is not there is a connection that was to be deleted: the published document has another status for that than
    /// the server.
    pub(super) fn gone(self, settings: &Settings) -> Self {
        let status = match settings.nango_gone {
            NangoGone::NotFound => StatusCode::NOT_FOUND,
            NangoGone::BadRequest => StatusCode::BAD_REQUEST,
        };
        self.unknown_connection(status)
    }

    /// Whether it says that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        self.code == "not_found"
    }

    /// What is not there is a connection.
    pub(super) fn unknown_connection(self, status: StatusCode) -> Self {
        if self.code != "not_found" {
            return self;
        }
        Self {
            message: None,
            ..Self::new(status, "unknown_connection", "")
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
    fn of(error: &Error, scope: &'static str, _: &Settings) -> Self {
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
            Code::MissingScope => (status, "forbidden", lacks(&problem, scope)),
            Code::NotFound | Code::InTrash => (StatusCode::NOT_FOUND, "not_found", problem.detail),
            Code::NeedsCredentials | Code::TestRequired => (
                StatusCode::FAILED_DEPENDENCY,
                "invalid_credentials",
                problem.detail,
            ),
            Code::MalformedJson => (status, "invalid_json", problem.detail),
            Code::InvalidInput | Code::SecretInSettings => {
                return Self::invalid("invalid_body", problem.errors.iter().map(issue).collect());
            }
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

/// Which scope is missing: in the dialect's words, unless it is one that the dialect does not know.
fn lacks(problem: &Problem, scope: &str) -> String {
    let ours = problem
        .members
        .get("scope")
        .and_then(|scope| scope.as_str());
    match ours {
        Some(ours) if scope.is_empty() || ours == Scope::ActorAssert.as_str() => {
            format!("This API key lacks the scope {ours}.")
        }
        _ => format!("This API key lacks the scope {scope}."),
    }
}

/// What a service says of a field, at the place where this dialect has it.
fn issue(error: &FieldError) -> Issue {
    let parts = error.pointer.split('/').skip(1);
    let path = parts
        .enumerate()
        .map(|(at, part)| {
            let ours = part.replace("~1", "/").replace("~0", "~");
            match (at, ours.as_str()) {
                (0, "settings") => "connection_config".to_owned(),
                (0, "secrets") => "credentials".to_owned(),
                (0, "external_id") => "connection_id".to_owned(),
                (0, "key") => "unique_key".to_owned(),
                (0, "name") => "display_name".to_owned(),
                (0, "integration") => "provider_config_key".to_owned(),
                _ => ours,
            }
        })
        .collect();
    Issue {
        code: "custom",
        message: error.detail.clone(),
        path,
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
            error: ErrorBody {
                code: self.code,
                message: self.message.clone(),
                errors: self.errors.clone(),
            },
        })
    }
}
