//! Around every request: its id, its log line, and a look at its path before anything routes by it.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::State;
use super::fallback::refuse;
use crate::domain::codes::Code;
use crate::domain::ids::{KeyId, OrgId};
use crate::service::error::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, in its log line, its audit records and its answer.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Put into a request through which a secret passes, however it ends: its answer closes the connection.
#[derive(Debug, Clone, Copy)]
pub struct Closing;

/// The organization and key that a request names; it has proved to be them unless the answer is 401 or 503.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The organization in the key.
    pub org: OrgId,
    /// The key.
    pub key: KeyId,
}

/// Gives the request its id, logs one line for it, never its body, its query or its headers, and counts it.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let id = Uuid::now_v7().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let mut response = match refuse_path(&request, &id) {
        Some(refusal) => request.into_response(refusal).map_into_right_body(),
        None => next.call(request).await?.map_into_left_body(),
    };
    let closing = response.request().extensions().contains::<Closing>();
    if closing {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    let (status, took) = (response.status(), began.elapsed());
    let route = response.request().match_pattern();
    let named = response
        .request()
        .extensions()
        .get::<Named>()
        .copied()
        .filter(|_| {
            !matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::SERVICE_UNAVAILABLE
            )
        });
    tracing::info!(
        request_id = %id,
        organization = named.map(|named| tracing::field::display(named.org)),
        key = named.map(|named| tracing::field::display(named.key)),
        method = %method,
        route = route.as_deref().unwrap_or("-"),
        status = status.as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    if let Some(state) = response.request().app_data::<web::Data<State>>() {
        let metrics = &state.services.metrics;
        metrics.request(method.as_str(), route, status.as_u16(), took);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response.headers_mut().insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

/// Bad UTF-8 would fold two paths into one, and a NUL is a 500 on one database and a row on the other.
fn refuse_path(request: &ServiceRequest, request_id: &str) -> Option<HttpResponse> {
    let clean = percent_decode_str(request.path())
        .decode_utf8()
        .is_ok_and(|path| !path.chars().any(char::is_control));
    (!clean).then(|| {
        let problem = Problem::new(Code::InvalidRequest, "The path is not clean UTF-8.");
        refuse(request.request(), problem, request_id)
    })
}
