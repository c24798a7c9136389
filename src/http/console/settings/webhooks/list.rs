//! The list of webhook endpoints.

use actix_web::HttpResponse;
use askama::Template;

use super::{LIST, State, Tab, format_of, types_of};
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::http::console::words::When;
use crate::service::pages::PageQuery;
use crate::service::webhooks;

const ON_A_PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "console/templates/settings/webhooks.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    rows: Vec<Row>,
    begin: String,
    next: Option<String>,
    first: bool,
}

/// One endpoint, as the list has it.
struct Row {
    id: String,
    url: String,
    description: String,
    types: String,
    format: &'static str,
    state: State,
    delivered: Option<When>,
}

pub(super) async fn show(visit: Visit<needs::WebhooksRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let token = person.query("page");
    let first = token.is_none();
    let page = person
        .read_list(move |conn, caller| {
            webhooks::list(conn, caller, &PageQuery::new(Some(ON_A_PAGE), token)?)
        })
        .await?;
    let now = person.frame.now;
    let rows = page.data.into_iter().map(|view| Row {
        id: view.id.to_string(),
        state: State::of(&view),
        types: types_of(&view.types),
        format: format_of(view.format),
        delivered: view.last_delivered_at.map(|at| When::new(at, now)),
        url: view.url,
        description: view.description,
    });
    Ok(person.page(&ListPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Webhooks,
        rows: rows.collect(),
        begin: LIST.to_owned(),
        next: page
            .next_page_token
            .map(|token| format!("{LIST}?page={token}")),
        first,
    }))
}
