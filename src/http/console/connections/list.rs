//! The list of connections.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::Value;

use super::{State, kind_of};
use crate::connectors;
use crate::domain::clock::Ts;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::http::auth::needs;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Visit, encoded};
use crate::http::console::words::{When, rows};
use crate::service::connections;
use crate::service::dependents;
use crate::service::pages::PageQuery;
use crate::service::views::ConnectionView;
use crate::store::filters::ConnectionFilter;

const ON_A_PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "console/templates/connections/list.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    rows: Vec<Row>,
    q: &'a str,
    begin: String,
    next: Option<String>,
    first: bool,
}

/// One connection, as the list has it.
struct Row {
    id: String,
    name: String,
    kind: String,
    host: String,
    state: State,
    hangs: Option<String>,
    tested: Option<When>,
}

fn test_of(view: &ConnectionView) -> Option<Value> {
    serde_json::from_str(view.last_test.as_ref()?.as_str()).ok()
}

/// When it was tested last.
pub(super) fn tested_at(view: &ConnectionView) -> Option<Ts> {
    Ts::parse(test_of(view)?.get("at")?.as_str()?)
}

/// Where it leads, from the settings that say so.
fn host_of(view: &ConnectionView) -> String {
    let settings: Value = serde_json::from_str(view.settings.as_str()).unwrap_or_default();
    let connector = connectors::find(&view.connector);
    connector
        .iter()
        .flat_map(|connector| &connector.settings)
        .filter(|field| field.destination)
        .find_map(|field| settings.get(&field.key)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

pub(super) async fn show(visit: Visit<needs::ConnectionsRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (q, token) = (person.query("q"), person.query("page"));
    let filter = ConnectionFilter {
        q: q.as_deref().map(Name::fold),
        ..ConnectionFilter::default()
    };
    let first = token.is_none();
    let (page, hangs) = person
        .read_list(move |conn, caller| {
            let page = PageQuery::new(Some(ON_A_PAGE), token)?;
            let page = connections::list(conn, caller, &filter, &page)?;
            let ids: Vec<_> = page.data.iter().map(|view| view.id).collect();
            let hangs = dependents::per_connection(conn, caller, &ids)?;
            Ok((page, hangs))
        })
        .await?;
    let now = person.frame.now;
    let rows = page.data.into_iter().map(|view| {
        let (models, content) = hangs.get(&view.id).copied().unwrap_or_default();
        Row {
            id: view.id.to_string(),
            kind: kind_of(&view.connector),
            host: host_of(&view),
            state: State::of(&view),
            hangs: rows(0, models, content),
            tested: tested_at(&view).map(|at| When::new(at, now)),
            name: view.name,
        }
    });
    let q = q.unwrap_or_default();
    let begin = format!("/connections?q={}", encoded(&q));
    Ok(person.page(&ListPage {
        frame: &person.frame,
        section: Some(Section::Connections),
        rows: rows.collect(),
        next: page
            .next_page_token
            .map(|token| format!("{begin}&page={token}")),
        begin,
        q: &q,
        first,
    }))
}
