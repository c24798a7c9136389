//! The admin console: `/console`, for people in a browser.
//!
//! Server-rendered pages over the same services as the API. What must stay true: a person may what their key may, at this
//! moment; every change is a form with the token of its sign-in and is answered by 303 to a page,
//! but for what is shown once; every step works without
//! the script; nothing comes from elsewhere, and the policy that every page carries says so; an API key is in no cookie, on
//! no page and in no log.

mod activity;
mod assets;
mod confirm;
mod connections;
mod days;
mod flash;
mod frame;
mod settings;
mod sign_in;
mod trash;
mod trouble;
mod visit;
mod words;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpResponse, web};

use trouble::Trouble;
use visit::Visit;

use crate::http::auth::needs;

/// The console's pages.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/console")
            .route("", web::get().to(home))
            .route("/", web::get().to(home))
            .configure(assets::routes)
            .configure(sign_in::routes)
            .configure(connections::routes)
            .configure(trash::routes)
            .configure(activity::routes)
            .configure(settings::routes)
            .default_service(web::to(nothing_here))
            .wrap(from_fn(answered)),
    );
}

/// What holds for every answer: it carries the headers, and to HEAD it is that to GET, without its body (RFC 9110, section
/// 9.3.2), which the server leaves out by itself.
async fn answered(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let mut response = next.call(request).await?;
    frame::protect(response.headers_mut());
    Ok(response)
}

/// The first page that the key may see.
async fn home(visit: Visit<needs::AnyKey>) -> Result<HttpResponse, Trouble> {
    let person = visit.passer_by().await?;
    Ok(person.to(person.frame.first_section().path()))
}

/// Where forms are sent to that answer with what is wrong: whoever loads that address again comes back to the page before it.
const SENT_TO: [&str; 5] = ["/holds", "/restore", "/pause", "/protection", "/reentry"];

async fn nothing_here(visit: Visit<needs::AnyKey>) -> Result<HttpResponse, Trouble> {
    let path = visit.request.path().to_owned();
    let before = SENT_TO.iter().find_map(|end| path.strip_suffix(end));
    let is_look = visit.request.method() == Method::GET;
    if let Some(page) = before
        .filter(|_| is_look)
        .and_then(|path| path.strip_prefix("/console"))
    {
        let person = visit.passer_by().await?;
        return Ok(person.to(page));
    }
    let person = visit.person().await?;
    Err(person.trouble_of(Trouble::nothing_here()))
}
