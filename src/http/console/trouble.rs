//! Errors as pages: what is wrong, and what to do next.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use url::form_urlencoded;

use super::assets;
use super::frame::{self, Frame, Section};
use crate::domain::codes::Code;
use crate::http::State;
use crate::http::auth::request_id;
use crate::http::problem::log;
use crate::service::error::{Error, Problem};

/// Why there is not the page that was asked for. Boxed, since every answer has room for one.
#[derive(Debug)]
pub(super) struct Trouble(Box<Told>);

/// What its page tells.
#[derive(Debug)]
struct Told {
    status: StatusCode,
    title: String,
    text: String,
    /// What to do next: what the link says, and where below the console it leads.
    next: Vec<(String, String)>,
    request_id: Option<String>,
    away: Option<String>,
    frame: Option<Frame>,
    root: String,
}

#[derive(Template)]
#[template(path = "console/templates/trouble.html")]
struct TroublePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    trouble: &'a Told,
}

#[derive(Template)]
#[template(path = "console/templates/trouble_outside.html")]
struct OutsidePage<'a> {
    root: &'a str,
    assets: String,
    trouble: &'a Told,
}

impl Trouble {
    pub(super) fn new(
        status: StatusCode,
        title: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self(Box::new(Told {
            status,
            title: title.into(),
            text: text.into(),
            next: Vec::new(),
            request_id: None,
            away: None,
            frame: None,
            root: "/console".to_owned(),
        }))
    }

    /// Adds a way on; `path` is below the console.
    #[must_use]
    pub(super) fn link(mut self, label: &str, path: impl Into<String>) -> Self {
        self.0.next.push((label.to_owned(), path.into()));
        self
    }

    /// Where the console begins, for a page without a frame.
    #[must_use]
    pub(super) fn below(mut self, root: String) -> Self {
        self.0.root = root;
        self
    }

    /// With the frame of whoever is there.
    #[must_use]
    pub(super) fn within(mut self, frame: Frame) -> Self {
        self.0.frame = Some(frame);
        self
    }

    /// Nobody is signed in: to the page where one does, which leads back to `path` below the console. It may have `ended`
    /// while a form was filled in.
    pub(super) fn signed_out(root: &str, path: &str, ended: bool) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if ended {
            query.append_key_only("ended");
        }
        if !matches!(path, "" | "/") {
            query.append_pair("next", path);
        }
        match query.finish().as_str() {
            "" => Self::to(format!("{root}/sign-in")),
            query => Self::to(format!("{root}/sign-in?{query}")),
        }
    }

    /// It is elsewhere.
    pub(super) fn to(path: String) -> Self {
        let mut trouble = Self::new(StatusCode::SEE_OTHER, "", "");
        trouble.0.away = Some(path);
        trouble
    }

    /// Whether an error means that.
    pub(super) fn is_signed_out(error: &Error) -> bool {
        matches!(error, Error::Problem(problem) if problem.code == Code::Unauthenticated)
    }

    /// A form that no page of ours sent, or an old one.
    pub(super) fn out_of_date() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Not done",
            "This page is out of date. Reload it and try again.",
        )
    }

    /// There is no such page.
    pub(super) fn nothing_here() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is nothing here",
            "The address may be mistyped, or what was here has been purged.",
        )
        .link("Connections", "/connections")
        .link("Trash", "/trash")
    }

    /// What a service refused, or what broke: of that the page tells nothing.
    pub(super) fn of(error: &Error, request: &HttpRequest) -> Self {
        let id = request_id(request);
        log(error, &id);
        let problem = error.told();
        let status = StatusCode::from_u16(problem.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut explained = Self::explained(problem, status);
        explained.0.request_id = status.is_server_error().then_some(id);
        if let Some(state) = request.app_data::<web::Data<State>>() {
            explained.0.root = frame::root(state);
        }
        explained
    }

    fn explained(problem: Problem, status: StatusCode) -> Self {
        let entry = problem
            .members
            .get("entry_id")
            .and_then(|id| id.as_str())
            .map(str::to_owned);
        match problem.code {
            Code::InTrash => {
                let trouble = Self::new(
                    StatusCode::NOT_FOUND,
                    "This is in the trash",
                    problem.detail,
                );
                match entry {
                    Some(entry) => trouble.link("See it in the trash", format!("/trash/{entry}")),
                    None => trouble.link("Trash", "/trash"),
                }
            }
            Code::NotFound => Self::nothing_here(),
            Code::MissingScope => Self::new(
                status,
                "Your key may not do this",
                format!("{} Ask whoever gave it to you.", problem.detail),
            ),
            Code::NotInTrash => Self::new(status, "No longer in the trash", problem.detail)
                .link("Trash", "/trash")
                .link("Connections", "/connections"),
            Code::VersionMismatch => Self::out_of_date(),
            Code::Busy | Code::ConcurrentChange => Self::new(
                status,
                "Try again shortly",
                "There is more to do than the service can at the moment. Nothing was changed.",
            ),
            Code::InternalError => Self::new(
                status,
                "Something went wrong here",
                "Try again; if it stays, tell whoever runs the service.",
            ),
            _ => {
                let mut text = problem.detail;
                for error in problem.errors.iter().filter(|_| problem.errors.len() > 1) {
                    text.push(' ');
                    text.push_str(&error.detail);
                }
                Self::new(status, "Not done", text)
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.title, self.0.text)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let told = &*self.0;
        if let Some(away) = &told.away {
            return HttpResponse::SeeOther()
                .insert_header((LOCATION, away.as_str()))
                .finish();
        }
        let mut response = match &told.frame {
            Some(frame) => frame::page(
                told.status,
                &TroublePage {
                    frame,
                    section: None,
                    trouble: told,
                },
            ),
            None => frame::page(
                told.status,
                &OutsidePage {
                    root: &told.root,
                    assets: format!("{}{}", told.root, assets::folder()),
                    trouble: told,
                },
            ),
        };
        if told.status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
