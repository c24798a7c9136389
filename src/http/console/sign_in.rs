//! Signing in and out.
//!
//! The key comes in a form and is compared; what the browser keeps is the text of a sign-in, which is no key. Before anybody
//! is signed in the form carries a token that follows from a cookie of its own, so that no other page can sign a person in.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use askama::Template;
use url::form_urlencoded;

use super::assets;
use super::frame::{self, CookieOf};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::domain::codes::Code;
use crate::http::auth::{needs, request_id};
use crate::http::form::{self, Form};
use crate::http::middleware::Closing;
use crate::http::{State, body};
use crate::service::caller::Caller;
use crate::service::error::Error;
use crate::service::keys::ParsedKey;
use crate::service::sign_ins::{self, LIFETIME, SignIn, random};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/sign-in", web::get().to(show))
        .route("/sign-in", web::post().to(send))
        .route("/sign-out", web::post().to(sign_out));
}

#[derive(Template)]
#[template(path = "console/templates/sign_in.html")]
struct SignInPage<'a> {
    root: String,
    assets: String,
    token: String,
    next: &'a str,
    name: &'a str,
    error: Option<&'a str>,
    name_error: Option<&'a str>,
    ended: bool,
}

impl SignInPage<'_> {
    /// The form as it is at first.
    fn new(state: &State, door: &str) -> Self {
        let root = frame::root(state);
        Self {
            assets: format!("{root}{}", assets::folder()),
            root,
            token: token_of(door),
            next: "",
            name: "",
            error: None,
            name_error: None,
            ended: false,
        }
    }
}

/// The form.
async fn show(
    state: web::Data<State>,
    request: HttpRequest,
) -> std::result::Result<HttpResponse, Trouble> {
    let query: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes())
        .into_owned()
        .collect();
    let value = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let CookieOf { name, path, flags } = door_of(&state);
    let known = form::cookie(&request, name).filter(|door| is_door(door));
    let door = match known {
        Some(door) => door,
        None => random().map_err(|error| Trouble::of(&error, &request))?,
    };
    let page = SignInPage {
        next: value("next")
            .filter(|next| is_below(next))
            .unwrap_or_default(),
        ended: value("ended").is_some(),
        ..SignInPage::new(&state, &door)
    };
    let mut response = frame::page(StatusCode::OK, &page);
    let cookie = format!("{name}={door}; Path={path}; HttpOnly; SameSite=Lax{flags}");
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The cookie of the form.
fn door_of(state: &State) -> CookieOf {
    let known = frame::cookie_of(state);
    if known.flags.is_empty() {
        CookieOf {
            name: "reprieve-sign-in",
            path: format!("{}/sign-in", known.path),
            ..known
        }
    } else {
        CookieOf {
            name: "__Host-reprieve-sign-in",
            ..known
        }
    }
}

/// Takes the key.
async fn send(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> std::result::Result<HttpResponse, Trouble> {
    request.extensions_mut().insert(Closing);
    let (form, door) = sent(&state, &request, payload.into_inner()).await?;
    let key = form
        .secrets
        .get("key")
        .and_then(Option::as_ref)
        .and_then(|key| ParsedKey::parse(key.expose().trim()));
    let next = Some(form.text("next"))
        .filter(|next| is_below(next))
        .unwrap_or_default();
    let again = |status, error, name_error| {
        let page = SignInPage {
            next,
            name: form.text("name"),
            error,
            name_error,
            ..SignInPage::new(&state, &door)
        };
        frame::page(status, &page)
    };
    let refused = || {
        again(
            StatusCode::UNAUTHORIZED,
            Some("That key was not accepted."),
            None,
        )
    };
    let Some(key) = key else {
        return Ok(refused());
    };
    let name = form.given("name").map(str::to_owned);
    let (address, id) = (
        request.peer_addr().map(|address| address.ip().to_string()),
        request_id(&request),
    );
    let before =
        form::cookie(&request, frame::cookie_of(&state).name).and_then(|text| SignIn::parse(&text));
    let opened = Arc::clone(&state)
        .run_write(move |services| {
            sign_ins::open(services, &key, name.as_deref(), before.as_ref(), |caller| {
                Caller {
                    address,
                    request_id: Some(id),
                    ..caller
                }
            })
        })
        .await;
    match opened {
        Ok(text) => Ok(welcome(&state, &text, next)),
        Err(Error::Problem(problem)) if problem.code == Code::Unauthenticated => Ok(refused()),
        Err(Error::Problem(problem)) if !problem.errors.is_empty() => {
            let error = problem.errors.first().map(|error| error.detail.as_str());
            Ok(again(StatusCode::UNPROCESSABLE_ENTITY, None, error))
        }
        Err(error) => Err(Trouble::of(&error, &request)),
    }
}

async fn sent(
    state: &Arc<State>,
    request: &HttpRequest,
    payload: Payload,
) -> std::result::Result<(Form, String), Trouble> {
    if !form::is_from_here(request, &state.public_url) {
        return Err(expired(state));
    }
    let body = body::read_form(request, payload, body::JSON, state.body_timeout)
        .await
        .map_err(|error| Trouble::of(&error, request))?;
    let door = form::cookie(request, door_of(state).name).filter(|door| is_door(door));
    let form = Form::parse(&body);
    form.zip(door)
        .filter(|(form, door)| form.is_of(&token_of(door)))
        .ok_or_else(|| expired(state))
}

/// The form of another page, or one whose cookie is gone.
fn expired(state: &State) -> Trouble {
    Trouble::out_of_date()
        .link("Sign in", "/sign-in")
        .below(frame::root(state))
}

fn welcome(state: &State, text: &str, next: &str) -> HttpResponse {
    let CookieOf { name, path, flags } = frame::cookie_of(state);
    let cookie = format!(
        "{name}={text}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{flags}",
        LIFETIME.num_seconds()
    );
    HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("{}{next}", frame::root(state))))
        .insert_header((SET_COOKIE, cookie))
        .finish()
}

/// Ends the sign-in here, and with it what the browser keeps.
async fn sign_out(visit: Visit<needs::AnyKey>) -> std::result::Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    person
        .leave()
        .await
        .map_err(|error| person.trouble(&error))?;
    let CookieOf { name, path, flags } = frame::cookie_of(&person.state);
    let mut response = person.to("/sign-in");
    let cookie = format!("{name}=; Path={path}; Max-Age=0; HttpOnly; SameSite=Lax{flags}");
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Whether this is a path below the console and nothing that a browser takes for another host. It goes into a header.
fn is_below(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    path.starts_with('/') && !path.starts_with("/sign-") && path.chars().all(plain)
}

fn is_door(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the form carries: follows from the cookie, which no other site can read, nor set over HTTPS.
fn token_of(door: &str) -> String {
    sign_ins::token_of(door, "the form of signing in")
}
