//! The admin console: `/console`, for people in a browser.
//!
//! Server-rendered pages over the same services as the API. What must stay true: a person may what their key may, at this
//! moment; every change is a form with the token of its sign-in and is answered by 303 to a page; every step works without
//! the script; nothing comes from elsewhere, and the policy that every page carries says so; an API key is in no cookie, on
//! no page and in no log.

mod activity;
mod assets;
mod confirm;
mod connections;
mod flash;
mod frame;
mod settings;
mod sign_in;
mod trash;
mod trouble;
mod visit;
mod words;

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
            .default_service(web::to(nothing_here)),
    );
}

/// The first page that the key may see.
async fn home(visit: Visit<needs::AnyKey>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    Ok(person.to(person.frame.first_section().path()))
}

async fn nothing_here(visit: Visit<needs::AnyKey>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    Err(person.trouble_of(Trouble::nothing_here()))
}
