//! Dialects: the HTTP contracts of Nango, Omni and Trackstar, spoken on top of the same services.
//!
//! Each is one folder: its routes, its forms and its refusals. A new one is a folder, a variant of [`Dialect`] and its
//! arms here. What must stay true: no dialect has rules of its own about deletion, trash, restore or secrets, all of
//! them call `service`; no path is normalised, so that an id that arrives unencoded never reaches another row; a path
//! of a dialect is refused in that dialect's form.

mod guest;
mod limit;
pub mod nango;
pub mod omni;
mod settings;
pub mod trackstar;

use actix_web::guard::GuardContext;
use actix_web::http::header::HeaderMap;
use actix_web::{App, HttpRequest, HttpResponse, ResponseError as _, web};
use utoipa::openapi::{InfoBuilder, License, OpenApi};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_actix_web::{AppExt as _, scope};

use super::State;
use super::fallback::{self, fallback};
use crate::service::error::Error;

pub use guest::{Admitted, Guest, Refusal, Stop, Wire};
pub use limit::{Limited, Limits};
pub use settings::{NangoGone, OmniGone, Settings};

/// The header names that tell Trackstar from Nango, which has the same paths.
const TRACKSTAR: &str = "x-trackstar-";
/// What the paths of Nango and Trackstar begin with.
const ROOTS: &[&str] = &[
    "connections",
    "connection",
    "connect",
    "integrations",
    "providers",
    "link",
    "auth",
    "api-auth",
    "oauth2",
];

/// Where the description of a dialect is.
pub const DESCRIPTION: &str = "/dialects/{dialect}/openapi.json";

/// A foreign HTTP contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// <https://nango.dev>, at the root.
    Nango,
    /// <https://omni.co>, under `/api/v1`.
    Omni,
    /// <https://trackstarhq.com>, at the root, told by its headers.
    Trackstar,
}

impl Dialect {
    /// Every dialect there is.
    pub const ALL: [Self; 3] = [Self::Nango, Self::Omni, Self::Trackstar];

    /// The word for it in configuration and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nango => "nango",
            Self::Omni => "omni",
            Self::Trackstar => "trackstar",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Nango => "Nango API",
            Self::Omni => "Omni API",
            Self::Trackstar => "Trackstar API",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == word)
    }

    /// Whose path this is, if it is a dialect's.
    pub fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        let mut parts = path.split('/').skip(1);
        match (parts.next()?, parts.next()) {
            ("api", Some("v1")) => Some(Self::Omni),
            (root, _) if !ROOTS.contains(&root) => None,
            _ if says_trackstar(headers) => Some(Self::Trackstar),
            _ => Some(Self::Nango),
        }
    }

    /// Its description (OpenAPI 3.1).
    pub fn document(self) -> OpenApi {
        let (_, mut document) = App::new()
            .into_utoipa_app()
            .configure(|config| self.routes(config))
            .split_for_parts();
        document.info = InfoBuilder::new()
            .title(self.title())
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(format!(
                "What Reprieve serves of this contract; docs/dialects/{}.md tells the differences.",
                self.as_str()
            )))
            .license(Some(License::new("MIT OR Apache-2.0")))
            .build();
        self.describe(&mut document);
        document
    }

    fn routes(self, config: &mut ServiceConfig<'_>) {
        match self {
            Self::Nango => nango::routes(config),
            Self::Omni => omni::routes(config),
            Self::Trackstar => trackstar::routes(config),
        }
    }

    fn describe(self, document: &mut OpenApi) {
        match self {
            Self::Nango => nango::describe(document),
            Self::Omni => omni::describe(document),
            Self::Trackstar => trackstar::describe(document),
        }
    }

    /// A refusal of what no handler of it took.
    pub fn refuse(self, error: &Error, settings: &Settings) -> HttpResponse {
        match self {
            Self::Nango => nango::Refusal::of(error, "", settings).error_response(),
            Self::Omni => omni::Refusal::of(error, "", settings).error_response(),
            Self::Trackstar => trackstar::Refusal::of(error, "", settings).error_response(),
        }
    }
}

/// The description of the dialect in the path, if it is spoken.
pub async fn description(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let dialect = Dialect::parse(request.match_info().get("dialect").unwrap_or_default())
        .filter(|dialect| state.dialects.served.contains(dialect));
    match dialect {
        Some(dialect) => HttpResponse::Ok().json(dialect.document()),
        None => fallback::nothing_here(&request),
    }
}

/// The routes of the dialects that are spoken.
pub fn routes(config: &mut ServiceConfig<'_>, settings: &Settings) {
    // First: its paths are Nango's, too.
    if settings.served.contains(&Dialect::Trackstar) {
        config.service(
            scope::scope("")
                .guard(is_trackstar)
                .configure(trackstar::routes)
                .default_service(web::to(fallback)),
        );
    }
    for dialect in [Dialect::Nango, Dialect::Omni] {
        if settings.served.contains(&dialect) {
            dialect.routes(config);
        }
    }
}

/// The dialect of a request, if it is spoken here.
pub fn spoken(request: &HttpRequest, settings: &Settings) -> Option<Dialect> {
    Dialect::of(request.path(), request.headers())
        .filter(|dialect| settings.served.contains(dialect))
}

fn is_trackstar(context: &GuardContext<'_>) -> bool {
    let head = context.head();
    Dialect::of(head.uri.path(), head.headers()) == Some(Dialect::Trackstar)
}

fn says_trackstar(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with(TRACKSTAR))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_path_belongs_to_one_dialect_whatever_it_looks_like() {
        let none = HeaderMap::new();
        let mut trackstar = HeaderMap::new();
        trackstar.insert(
            HeaderName::from_static("x-trackstar-anything"),
            HeaderValue::from_static(""),
        );
        for (path, bare, marked) in [
            (
                "/connections",
                Some(Dialect::Nango),
                Some(Dialect::Trackstar),
            ),
            (
                "/connections/",
                Some(Dialect::Nango),
                Some(Dialect::Trackstar),
            ),
            (
                "/connections/a/b",
                Some(Dialect::Nango),
                Some(Dialect::Trackstar),
            ),
            (
                "/connect/session",
                Some(Dialect::Nango),
                Some(Dialect::Trackstar),
            ),
            (
                "/api/v1/connections",
                Some(Dialect::Omni),
                Some(Dialect::Omni),
            ),
            ("/api/v2/connections", None, None),
            ("/v1/connections", None, None),
            ("//connections", None, None),
            ("/Connections", None, None),
            ("/", None, None),
            ("", None, None),
        ] {
            assert_eq!(Dialect::of(path, &none), bare, "{path}");
            assert_eq!(Dialect::of(path, &trackstar), marked, "{path}");
        }
    }
}
