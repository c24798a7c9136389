//! The pages of re-entry: `/enter/{code}` and `/enter`, for people without an API key.
//!
//! A GET of a link uses nothing up, since chat programs fetch what is sent in them; its button exchanges the code for a
//! cookie that goes to `/enter` alone. What must stay true: no handler here takes an API key and none of the API takes a
//! code or a cookie; a request that carried one of them leaves no trace of it in the log.

mod pages;

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, get, post, web};

use super::State;
use super::auth::{close_if, request_id};
use super::body;
use super::form::{self, Form};
use super::probing::test_connection;
use crate::domain::kinds::Outcome;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::reentry::{self, Leave, LinkCode, NewVisit, Saved, Visitor};
use crate::service::secrets::PutSecrets;
use crate::service::unit::Written;

/// Said when there was no test although there is a way to: too many at once, or something came in between.
const NOT_TESTED: &str = "What you entered is saved, but the connection could not be tested now. Wait a minute and press \
    the button again; the fields may stay empty.";

/// The pages.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(show_link)
        .service(follow_link)
        .service(show_form)
        .service(send_form);
}

/// A neutral page with one button.
#[get("/enter/{code}")]
async fn show_link(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(code) = code(&request) else {
        return pages::gone();
    };
    let open = Arc::clone(&state)
        .run(move |services| services.store.read(|conn| reentry::check(conn, &code)))
        .await;
    match open {
        Ok(()) => pages::link(),
        Err(error) => pages::problem(&error, &request_id(&request)),
    }
}

/// Exchanges the code for a cookie.
#[post("/enter/{code}")]
async fn follow_link(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let response = match code(&request) {
        None => pages::gone(),
        Some(_) if !form::is_from_here(&request, &state.public_url) => pages::out_of_date(),
        Some(code) => {
            let caller = code.caller(address(&request), request_id(&request));
            let exchanged = Arc::clone(&state)
                .run_write(move |services| {
                    services.write_once(&caller, |tx| reentry::exchange(tx, &code))
                })
                .await;
            match exchanged {
                Ok(visit) => redirect(&state, &visit),
                Err(error) => pages::problem(&error, &request_id(&request)),
            }
        }
    };
    close_if(true, response)
}

/// What is to be entered.
#[get("/enter")]
async fn show_form(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(visitor) = visitor(&state, &request) else {
        return pages::gone();
    };
    match fill_in(&state, &Arc::new(visitor), StatusCode::OK, None, &[]).await {
        Ok(page) => page,
        Err(error) => pages::problem(&error, &request_id(&request)),
    }
}

/// Takes what was entered. The connection is closed after it, as after every request with a secret.
#[post("/enter")]
async fn send_form(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let response = match visitor(&state, &request) {
        None => pages::gone(),
        Some(visitor) => take(&state, &request, payload.into_inner(), visitor)
            .await
            .unwrap_or_else(|error| pages::problem(&error, &request_id(&request))),
    };
    close_if(true, response)
}

async fn take(
    state: &Arc<State>,
    request: &HttpRequest,
    payload: Payload,
    visitor: Visitor,
) -> Result<HttpResponse> {
    if !form::is_from_here(request, &state.public_url) {
        return Ok(pages::out_of_date());
    }
    let body = body::read_form(request, payload, body::JSON, state.body_timeout).await?;
    let parsed = Form::parse(&body);
    drop(body);
    // Nothing but secrets is entered here.
    let Some(sent) = parsed.filter(|form| form.fields().is_empty()) else {
        return Ok(pages::out_of_date());
    };
    if !sent.is_of(&visitor.form_token()?) {
        return Ok(pages::out_of_date());
    }
    let visitor = Arc::new(visitor);
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    let notice =
        Some("Nothing was saved. Please correct what is marked, and enter everything again.");
    if !sent.errors.is_empty() {
        return fill_in(state, &visitor, wrong, notice, &sent.errors).await;
    }
    let caller = visitor.caller(address(request), request_id(request));
    let input = PutSecrets {
        secrets: sent.secrets,
        source_hints: [].into(),
        test: false,
    };
    let saved = match save(state, &visitor, &caller, input).await {
        Err(Error::Problem(problem)) if !problem.errors.is_empty() => {
            return fill_in(state, &visitor, wrong, notice, &problem.errors).await;
        }
        result => result?,
    };
    match test(state, &caller, &saved).await {
        Tested::Done(outcome) => {
            let leave = finish(state, &visitor, caller).await.unwrap_or_else(|error| {
                // What it was for is done; it ends by itself.
                tracing::warn!(%error, connection = %saved.connection, "a re-entry session could not be ended");
                None
            });
            Ok(pages::thanks(&saved.name, &outcome, leave.as_ref()))
        }
        Tested::Again(notice) => fill_in(state, &visitor, StatusCode::OK, Some(&notice), &[]).await,
    }
}

/// What a test means for whoever entered the secrets. They are saved either way.
enum Tested {
    /// They have done what they were asked for.
    Done(String),
    /// Something is wrong; they may try again as long as the session lasts.
    Again(String),
}

/// Tests the connection, if there is a way to.
async fn test(state: &Arc<State>, caller: &Caller, saved: &Saved) -> Tested {
    if !saved.testable {
        return Tested::Done(
            "What you entered is saved. A connection of this kind can't be tested beforehand."
                .to_owned(),
        );
    }
    let tested = match test_connection(state, caller, saved.connection, None, None).await {
        // Somebody who changed the connection meanwhile made it another one than was tested.
        Ok(Written::Fresh(tested, _)) if tested.recorded => tested.test,
        Ok(_) => return Tested::Again(NOT_TESTED.to_owned()),
        Err(error) => {
            tracing::info!(%error, connection = %saved.connection, "secrets were re-entered and could not be tested");
            return Tested::Again(NOT_TESTED.to_owned());
        }
    };
    match tested.outcome {
        Outcome::Ok => Tested::Done("Connection test succeeded.".to_owned()),
        // What Reprieve may reach is no matter of whoever has the link.
        Outcome::RefusedByPolicy | Outcome::Unsupported => Tested::Done(
            "What you entered is saved. Reprieve may not reach this system to test it.".to_owned(),
        ),
        Outcome::AuthFailed
        | Outcome::Unreachable
        | Outcome::TlsFailed
        | Outcome::Timeout
        | Outcome::ProtocolError => Tested::Again(format!(
            "Connection failed: {} What you entered is saved. Enter it again to correct it, or leave the fields empty to \
             test once more.",
            tested.detail
        )),
    }
}

/// Stores what was entered.
async fn save(
    state: &Arc<State>,
    visitor: &Arc<Visitor>,
    caller: &Caller,
    input: PutSecrets,
) -> Result<Saved> {
    let (visitor, caller) = (Arc::clone(visitor), caller.clone());
    Arc::clone(state)
        .run_write(move |services| {
            services.write_once(&caller, |tx| reentry::save(tx, &visitor, &input))
        })
        .await
}

async fn finish(
    state: &Arc<State>,
    visitor: &Arc<Visitor>,
    caller: Caller,
) -> Result<Option<Leave>> {
    let visitor = Arc::clone(visitor);
    Arc::clone(state)
        .run_write(move |services| services.write_once(&caller, |tx| reentry::finish(tx, &visitor)))
        .await
}

/// The form as it is now.
async fn fill_in(
    state: &Arc<State>,
    visitor: &Arc<Visitor>,
    status: StatusCode,
    notice: Option<&str>,
    errors: &[crate::domain::FieldError],
) -> Result<HttpResponse> {
    let token = visitor.form_token()?;
    let visitor = Arc::clone(visitor);
    let shown = Arc::clone(state)
        .run(move |services| {
            services
                .store
                .read_snapshot(|conn| reentry::form(conn, &visitor))
        })
        .await?;
    Ok(pages::form(status, &shown, &token, notice, errors))
}

fn redirect(state: &State, visit: &NewVisit) -> HttpResponse {
    let (name, flags) = cookie_of(state);
    // Behind a proxy the service may lie below a path.
    let path = format!("{}/enter", state.public_url.path().trim_end_matches('/'));
    let cookie = format!(
        "{name}={}; Path={path}; Max-Age={}; HttpOnly; SameSite=Strict{flags}",
        visit.cookie, visit.seconds
    );
    let mut response = HttpResponse::SeeOther();
    pages::protect(&mut response);
    response
        .insert_header((LOCATION, path))
        .insert_header((SET_COOKIE, cookie))
        .finish()
}

/// The cookie's name, and what else it says. The prefix makes browsers take it over HTTPS alone.
fn cookie_of(state: &State) -> (&'static str, &'static str) {
    if state.public_url.scheme() == "https" {
        ("__Secure-reprieve-reentry", "; Secure")
    } else {
        ("reprieve-reentry", "")
    }
}

fn code(request: &HttpRequest) -> Option<LinkCode> {
    LinkCode::parse(request.match_info().get("code")?)
}

fn visitor(state: &State, request: &HttpRequest) -> Option<Visitor> {
    Visitor::parse(&form::cookie(request, cookie_of(state).0)?)
}

fn address(request: &HttpRequest) -> Option<String> {
    request.peer_addr().map(|address| address.ip().to_string())
}
