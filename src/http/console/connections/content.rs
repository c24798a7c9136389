//! What hangs on a connection: its models and its content. One of them goes to the trash by one press, with Undo.

use actix_web::HttpResponse;
use askama::Template;

use super::settings::id_of;
use super::{Deletes, Head, Tab};
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::kinds::DependentKind;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::{When, day, grouped, rows};
use crate::service::connections;
use crate::service::delete::{self, DeleteRequest};
use crate::service::dependents;
use crate::service::error::Error;
use crate::service::impact::Target;
use crate::service::pages::PageQuery;
use crate::service::views::{ContentView, DependentView, ModelView, Page};
use crate::store::filters::DependentFilter;

const ON_A_PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "console/templates/connections/content.html")]
struct ContentPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    head: Head,
    kinds: [KindTab; 2],
    rows: Vec<Row>,
    begin: String,
    next: Option<String>,
    first: bool,
}

/// Models or content, with how many there are.
struct KindTab {
    of: DependentKind,
    count: String,
    current: bool,
}

struct Row {
    id: String,
    name: String,
    word: String,
    changed: When,
    protected: bool,
}

impl KindTab {
    fn label(&self) -> &'static str {
        match self.of {
            DependentKind::Model => "Models",
            DependentKind::Content => "Content",
        }
    }

    fn word(&self) -> &'static str {
        word_of(self.of)
    }
}

/// Where the models or the content of a connection are, below the console.
pub(in crate::http::console) fn path_of(id: ConnectionId, kind: DependentKind) -> String {
    format!("/connections/{id}/content?kind={}", word_of(kind))
}

/// As the address has it.
fn word_of(kind: DependentKind) -> &'static str {
    match kind {
        DependentKind::Model => "models",
        DependentKind::Content => "content",
    }
}

fn kind_of(word: Option<&str>) -> DependentKind {
    match word {
        Some("models") => DependentKind::Model,
        _ => DependentKind::Content,
    }
}

pub(in crate::http::console) async fn show(
    visit: Visit<needs::ConnectionsRead>,
) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = id_of(&person)?;
    let (asked, token) = (person.query("kind"), person.query("page"));
    let first = token.is_none();
    let (view, counts, kind, page) = person
        .read_list(move |conn, caller| {
            let view = connections::get(conn, caller, id)?;
            let counts = dependents::per_connection(conn, caller, &[id])?;
            let counts = counts.get(&id).copied().unwrap_or_default();
            let kind = match asked.as_deref() {
                None if counts.1 == 0 && counts.0 > 0 => DependentKind::Model,
                asked => kind_of(asked),
            };
            let page = PageQuery::new(Some(ON_A_PAGE), token)?;
            let filter = DependentFilter::default;
            let page = match kind {
                DependentKind::Model => {
                    let found: Page<ModelView> =
                        dependents::list(conn, caller, kind, id, filter(), &page)?;
                    plain(found, |view| (view.id.to_string(), view.common))
                }
                DependentKind::Content => {
                    let found: Page<ContentView> =
                        dependents::list(conn, caller, kind, id, filter(), &page)?;
                    plain(found, |view| (view.id.to_string(), view.common))
                }
            };
            Ok((view, counts, kind, page))
        })
        .await?;
    let begin = path_of(id, kind);
    let now = person.frame.now;
    Ok(person.page(&ContentPage {
        frame: &person.frame,
        section: Some(Section::Connections),
        tab: Tab::Content,
        head: Head::of(&view),
        kinds: [
            (DependentKind::Model, counts.0),
            (DependentKind::Content, counts.1),
        ]
        .map(|(one, count)| KindTab {
            of: one,
            count: grouped(count),
            current: one == kind,
        }),
        rows: page
            .data
            .into_iter()
            .map(|(id, view)| Row {
                id,
                name: view.name,
                word: view.kind,
                changed: When::new(view.updated_at, now),
                protected: view.deletion_protection,
            })
            .collect(),
        next: page
            .next_page_token
            .map(|token| format!("{begin}&page={token}")),
        begin,
        first,
    }))
}

fn plain<V>(
    page: Page<V>,
    of: impl Fn(V) -> (String, DependentView),
) -> Page<(String, DependentView)> {
    Page {
        data: page.data.into_iter().map(of).collect(),
        next_page_token: page.next_page_token,
    }
}

/// Moves one of them to the trash, with what hangs on it.
pub(in crate::http::console) async fn delete(
    visit: Visit<Deletes>,
) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let kind = match person.request.match_info().get("kind") {
        Some("models") => DependentKind::Model,
        Some("content") => DependentKind::Content,
        _ => return Err(person.trouble_of(Trouble::nothing_here())),
    };
    let row = row_of(&person, kind)?;
    let hangs_on = person
        .read(move |conn, caller| {
            Ok(dependents::get(conn, &caller.deleting(), kind, row)?.connection_id)
        })
        .await?;
    if hangs_on != id {
        return Err(person.trouble_of(Trouble::nothing_here()));
    }
    let deleted = person
        .write(move |tx| {
            delete::delete(tx, &Target::Dependent(kind, row), &DeleteRequest::default())
        })
        .await;
    let entry = deleted.map_err(|error| person.trouble(&error))?;
    let impact = entry.impact.rows;
    // The row itself is counted, too.
    let (models, content) = match kind {
        DependentKind::Model => (impact.models - 1, impact.content),
        DependentKind::Content => (impact.models, impact.content - 1),
    };
    let with = rows(0, models, content).map(|with| format!(" with {with}"));
    let mut flash = Flash::good(format!(
        "'{}' was moved to the trash{}. It will be purged on {}.",
        entry.root.name,
        with.unwrap_or_default(),
        day(entry.purge_at)
    ));
    if person.may_undo() {
        flash = flash.undo(entry.id);
    }
    if person.may(Scope::TrashRead) {
        flash = flash.link("View trash", "/trash");
    }
    Ok(person.see(&path_of(id, kind), &flash).await)
}

fn row_of(person: &Person, kind: DependentKind) -> Result<DependentId, Trouble> {
    let text = person.request.match_info().get("row").unwrap_or_default();
    DependentId::parse(text).ok_or_else(|| {
        let missing = Error::not_found(kind.as_str());
        person.trouble(&missing)
    })
}
