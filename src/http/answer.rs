//! Answers: how a value that a service returned becomes a response, now and for a repeated request.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION,
};
use serde::Serialize;

use crate::service::access_tokens::{self, NewAccessTokenView};
use crate::service::alarms::AlarmView;
use crate::service::brakes::BrakeView;
use crate::service::bulk::{BulkDeleteView, BulkRestoreView};
use crate::service::connections::Upserted;
use crate::service::dependents::BatchView;
use crate::service::holds::HoldView;
use crate::service::impact::ImpactView;
use crate::service::organizations::NewOrganizationView;
use crate::service::probe::ConnectionTestView;
use crate::service::purge::status::PurgeDueView;
use crate::service::reentry::{EndedReentryView, NewReentryView};
use crate::service::restore::{RestorePlanView, RestoreView};
use crate::service::retention::{PauseView, RetentionView};
use crate::service::transfer::ImportView;
use crate::service::unit::StoredAnswer;
use crate::service::views::{
    ApiKeyView, ConnectionView, ContentView, EntryView, IntegrationView, ModelView, NewKeyView,
    OrganizationView,
};
use crate::service::webhooks::deliveries::{DeliveryView, ReplayView};
use crate::service::webhooks::{SignedWebhookView, WebhookView};

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A value that a client can be answered with.
pub trait Answer: Serialize {
    /// The version that a later `If-Match` names.
    fn version(&self) -> Option<i64> {
        None
    }

    /// Where the thing is, for an answer that it was made.
    fn location(&self) -> Option<String> {
        None
    }

    /// The status.
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// Whether it holds a secret that is shown once, so that it is not stored for a repetition.
    fn shown_once(&self) -> bool {
        false
    }
}

/// Something new: answered 201 with its place.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Created<T>(pub T);

impl<T: Answer> Answer for Created<T> {
    fn version(&self) -> Option<i64> {
        self.0.version()
    }

    fn location(&self) -> Option<String> {
        self.0.location()
    }

    fn status(&self) -> StatusCode {
        StatusCode::CREATED
    }

    fn shown_once(&self) -> bool {
        self.0.shown_once()
    }
}

/// Something that goes on after the answer: answered 202 with the place to look.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Accepted<T>(pub T);

impl<T: Answer> Answer for Accepted<T> {
    fn location(&self) -> Option<String> {
        self.0.location()
    }

    fn status(&self) -> StatusCode {
        StatusCode::ACCEPTED
    }
}

/// Either new or there before.
pub struct CreatedOr<T> {
    /// Whether it is new.
    pub created: bool,
    /// The thing.
    pub view: T,
}

impl<T: Serialize> Serialize for CreatedOr<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view.serialize(serializer)
    }
}

impl<T: Answer> Answer for CreatedOr<T> {
    fn version(&self) -> Option<i64> {
        self.view.version()
    }

    fn location(&self) -> Option<String> {
        self.view.location()
    }

    fn status(&self) -> StatusCode {
        if self.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        }
    }

    fn shown_once(&self) -> bool {
        self.view.shown_once()
    }
}

impl From<access_tokens::Added> for CreatedOr<NewAccessTokenView> {
    fn from(added: access_tokens::Added) -> Self {
        Self {
            created: added.created,
            view: added.view,
        }
    }
}

impl From<Upserted> for CreatedOr<ConnectionView> {
    fn from(upserted: Upserted) -> Self {
        Self {
            created: upserted.created,
            view: upserted.view,
        }
    }
}

macro_rules! answers {
    ($($view:ty { $(version: $version:expr,)? $(location: $location:expr,)? $(shown_once: $once:expr,)? })+) => {$(
        impl Answer for $view {
            $(fn version(&self) -> Option<i64> { let read: fn(&Self) -> i64 = $version; Some(read(self)) })?
            $(fn location(&self) -> Option<String> { let read: fn(&Self) -> String = $location; Some(read(self)) })?
            $(fn shown_once(&self) -> bool { $once })?
        }
    )+};
}

answers! {
    IntegrationView { version: |view| view.version, location: |view| format!("/v1/integrations/{}", encoded(&view.key)), }
    ConnectionView { version: |view| view.version, location: |view| format!("/v1/connections/{}", view.id), }
    ModelView { version: |view| view.common.version, location: |view| format!("/v1/models/{}", view.id), }
    ContentView { version: |view| view.common.version, location: |view| format!("/v1/content/{}", view.id), }
    OrganizationView { version: |view| view.version, location: |view| format!("/v1/organizations/{}", view.id), }
    NewOrganizationView {
        version: |view| view.organization.version,
        location: |view| format!("/v1/organizations/{}", view.organization.id),
        shown_once: true,
    }
    NewKeyView { location: |view| format!("/v1/api-keys/{}", view.about.id), shown_once: true, }
    NewReentryView {
        location: |view| format!("/v1/connections/{}/reentry-session", view.connection_id),
        shown_once: true,
    }
    EndedReentryView {}
    access_tokens::RemovedView {}
    AlarmView {}
    BrakeView {}
    HoldView { location: |view| format!("/v1/trash/{}", view.entry_id), }
    PauseView {}
    PurgeDueView {}
    RetentionView { version: |view| view.version, }
    ApiKeyView { location: |view| format!("/v1/api-keys/{}", view.id), }
    EntryView { location: |view| format!("/v1/trash/{}", view.id), }
    ImportView { location: |view| format!("/v1/imports/{}", view.id), }
    ConnectionTestView { version: |view| view.version, }
    BatchView {}
    BulkRestoreView {}
    BulkDeleteView {}
    ImpactView {}
    WebhookView {}
    DeliveryView {}
    ReplayView {}
    RestoreView {}
    RestorePlanView {}
}

impl Answer for SignedWebhookView {
    fn version(&self) -> Option<i64> {
        Some(self.webhook.version)
    }

    fn location(&self) -> Option<String> {
        Some(format!("/v1/webhooks/{}", self.webhook.id))
    }

    fn shown_once(&self) -> bool {
        self.signing_secret.is_some()
    }
}

impl Answer for NewAccessTokenView {
    fn location(&self) -> Option<String> {
        let id = self.about.connection_id;
        Some(format!("/v1/connections/{id}/access-tokens"))
    }

    fn shown_once(&self) -> bool {
        self.token.is_some()
    }
}

/// A key as one segment of a path.
fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The answer as it is stored for a repetition.
pub fn stored<T: Answer>(value: &T) -> StoredAnswer {
    let status = value.status();
    StoredAnswer {
        status: status.as_u16(),
        etag: value.version().map(|version| format!("\"{version}\"")),
        location: if matches!(status, StatusCode::CREATED | StatusCode::ACCEPTED)
            || value.shown_once()
        {
            value.location()
        } else {
            None
        },
        body: serde_json::to_string(value).ok(),
        shown_once: value.shown_once(),
    }
}

/// The response of a stored answer.
pub fn respond(answer: StoredAnswer, replayed: bool) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    if replayed {
        response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
    if let Some(etag) = answer.etag {
        response.insert_header((ETAG, etag));
    }
    if let Some(location) = answer.location {
        response.insert_header((LOCATION, location));
    }
    match answer.body {
        Some(body) => response
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(body),
        None => response.finish(),
    }
}

/// The response of a read.
pub fn render<T: Serialize>(value: &T, version: Option<i64>) -> HttpResponse {
    let body = serde_json::to_string(value).ok();
    let etag = version.map(|version| format!("\"{version}\""));
    respond(
        StoredAnswer {
            status: 200,
            etag,
            location: None,
            body,
            shown_once: false,
        },
        false,
    )
}
