//! What is around the content of every page: navigation, who is there, what is wrong, what the last change has to tell;
//! and the headers that no page lacks.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY,
};
use askama::Template;

use super::assets;
use super::flash::Flash;
use super::words::{TO_COUNT, counted};
use crate::domain::clock::Ts;
use crate::domain::scopes::{Grants, Scope};
use crate::http::State;
use crate::service::error::Result;
use crate::service::pages::PageQuery;
use crate::service::sign_ins::SignedIn;
use crate::service::{alarms, organizations, trash};
use crate::store::Conn;

/// Scripts and styles are the console's own files, forms go back to it, and no other page may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Where the console begins, below which all its links lie. Behind a proxy the service may lie below a path.
pub(super) fn root(state: &State) -> String {
    format!("{}/console", state.public_url.path().trim_end_matches('/'))
}

/// The cookie of a sign-in.
pub(super) struct CookieOf {
    pub(super) name: &'static str,
    pub(super) path: String,
    pub(super) flags: &'static str,
}

/// Over HTTPS the prefix makes browsers take it over HTTPS alone and from nobody else, which wants the whole host.
pub(super) fn cookie_of(state: &State) -> CookieOf {
    if state.public_url.scheme() == "https" {
        CookieOf {
            name: "__Host-reprieve-console",
            path: "/".to_owned(),
            flags: "; Secure",
        }
    } else {
        CookieOf {
            name: "reprieve-console",
            path: root(state),
            flags: "",
        }
    }
}

/// A part of the console, as the navigation has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Connections,
    Trash,
    Activity,
    Settings,
}

impl Section {
    const ALL: [Self; 4] = [
        Self::Connections,
        Self::Trash,
        Self::Activity,
        Self::Settings,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connections => "Connections",
            Self::Trash => "Trash",
            Self::Activity => "Activity",
            Self::Settings => "Settings",
        }
    }

    /// Where it begins, below the console.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Connections => "/connections",
            Self::Trash => "/trash",
            Self::Activity => "/activity",
            Self::Settings => "/settings",
        }
    }

    /// How many there are of what it lists: told of the trash alone.
    pub(super) fn count(self, frame: &Frame) -> Option<String> {
        let count = frame.trashed.filter(|_| self == Self::Trash)?;
        Some(counted(count))
    }

    /// Any of these lets one in.
    fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Connections => &[Scope::ConnectionsRead],
            Self::Trash => &[Scope::TrashRead],
            Self::Activity => &[Scope::AuditRead],
            Self::Settings => &[
                Scope::RetentionRead,
                Scope::WebhooksRead,
                Scope::KeysAdmin,
                Scope::AlarmsRead,
            ],
        }
    }
}

/// What is around the content.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Where the console begins.
    pub(super) root: String,
    /// What every form carries.
    pub(super) token: String,
    /// The organization's name to show.
    pub(super) organization: String,
    /// The person's name to show.
    pub(super) person: String,
    /// What the last change has to tell.
    pub(super) flash: Option<Flash>,
    /// What the open alarms are called that nobody looks after yet, for those who may see them.
    pub(super) alarms: Vec<&'static str>,
    /// The moment of this page.
    pub(super) now: Ts,
    /// What is in the trash, of those who may see it, counted up to [`TO_COUNT`].
    pub(super) trashed: Option<i64>,
    grants: Grants,
}

impl Frame {
    pub(super) fn load(
        conn: &mut Conn,
        state: &State,
        who: &SignedIn,
        token: String,
    ) -> Result<Self> {
        let caller = &who.caller;
        let alarms = if caller.may(Scope::AlarmsRead) {
            let open = alarms::list(conn, caller, Some(true), &PageQuery::new(None, None)?)?;
            let fresh = open
                .data
                .iter()
                .filter(|alarm| alarm.acknowledged_at.is_none());
            fresh.map(|alarm| alarm.code.title()).collect()
        } else {
            Vec::new()
        };
        let trashed = if caller.may(Scope::TrashRead) {
            Some(trash::count_up_to(conn, caller, None, TO_COUNT)?)
        } else {
            None
        };
        let actor = &caller.actor;
        Ok(Self {
            root: root(state),
            token,
            organization: organizations::own(conn, caller)?.display_name,
            person: actor.name.clone().unwrap_or_else(|| actor.id.clone()),
            flash: None,
            alarms,
            now: Ts::now(),
            trashed,
            grants: caller.grants.clone(),
        })
    }

    /// Whether the person may do this: what they may not is not shown.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.grants.allow(scope)
    }

    /// The parts that the person may see.
    pub(super) fn sections(&self) -> impl Iterator<Item = Section> {
        Section::ALL.into_iter().filter(|section| {
            let mut scopes = section.scopes().iter();
            scopes.any(|scope| self.grants.allow(*scope))
        })
    }

    /// Where one begins; a key that may see none of them lands on the connections, which say so.
    pub(super) fn first_section(&self) -> Section {
        self.sections().next().unwrap_or(Section::Connections)
    }

    /// Where style, script and icon lie.
    pub(super) fn assets(&self) -> String {
        format!("{}{}", self.root, assets::folder())
    }
}

/// Puts on the headers that no answer of the console lacks. What is kept by its address says so itself.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A page.
pub(super) fn page(status: StatusCode, page: &impl Template) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    match page.render() {
        Ok(text) => response
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .body(text),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            response.status(StatusCode::INTERNAL_SERVER_ERROR).finish()
        }
    }
}
