//! A link for whoever knows the secrets: made here, shown once.

use actix_web::HttpResponse;
use askama::Template;

use super::settings::id_of;
use super::{Enters, Head, Tab};
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::http::console::words::When;
use crate::service::connections;
use crate::service::reentry::{self, NewReentry};

#[derive(Template)]
#[template(path = "console/templates/connections/reentry.html")]
struct LinkPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    head: Head,
    url: &'a str,
    until: When,
}

/// Opens a session in place of the one that may be open. The link is on this answer alone: it is kept nowhere.
pub(in crate::http::console) async fn create(
    visit: Visit<Enters>,
) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let (id, base) = (id_of(&person)?, person.state.public_base());
    let made = person
        .write(move |tx| {
            let made = reentry::create(tx, id, &base, &NewReentry::default())?;
            Ok((made, connections::get(tx.conn, tx.caller, id)?))
        })
        .await;
    let (made, view) = made.map_err(|error| person.trouble(&error))?;
    Ok(person.page(&LinkPage {
        frame: &person.frame,
        section: Some(Section::Connections),
        tab: Tab::Settings,
        head: Head::of(&view),
        url: &made.url,
        until: When::new(made.expires_at, person.frame.now),
    }))
}
