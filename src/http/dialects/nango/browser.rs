//! What browsers ask before a page of somebody else's may call here (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Nango's browser client runs in its users' own pages. The calls it makes are open to every origin: nothing a browser
//! sends by itself proves anything here, the session token has to be known. No other path is open.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::http::State;
use crate::http::dialects::{Dialect, spoken};

/// What the paths begin with that take a session token.
const OPEN: &[&str] = &["auth", "api-auth", "oauth2", "integrations", "providers"];

/// Answers a browser's question by itself, and tells it of other answers that a page may read them.
pub async fn open_to_browsers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !request.headers().contains_key(ORIGIN) || !is_open(&request) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks {
        let answer = HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
            .finish();
        request.into_response(answer).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

fn is_open(request: &ServiceRequest) -> bool {
    let nango = request
        .app_data::<web::Data<State>>()
        .and_then(|state| spoken(request.request(), &state.dialects))
        == Some(Dialect::Nango);
    let mut parts = request.path().split('/').skip(1);
    nango
        && match parts.next() {
            Some("connect") => parts.next() == Some("session") && parts.next().is_none(),
            Some(root) => OPEN.contains(&root),
            None => false,
        }
}
