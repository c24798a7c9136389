//! Connections: the list, a new one, and what is done with one: settings, content, archive.

mod archive;
mod content;
mod fields;
mod list;
mod new;
mod reentry;
mod secrets;
mod settings;

use actix_web::web;

pub(super) use content::path_of as path_of_content;

use super::visit::needs_too;
use crate::connectors;
use crate::domain::kinds::Status;
use crate::service::views::ConnectionView;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/connections", web::get().to(list::show))
        .route("/connections/new", web::get().to(new::show))
        .route("/connections/new", web::post().to(new::create))
        .route("/connections/{id}", web::get().to(settings::show))
        .route("/connections/{id}", web::post().to(settings::save))
        .route("/connections/{id}/reentry", web::post().to(reentry::create))
        .route("/connections/{id}/content", web::get().to(content::show))
        .route(
            "/connections/{id}/{kind}/{row}/move-to-trash",
            web::post().to(content::delete),
        )
        .route("/connections/{id}/archive", web::get().to(archive::show))
        .route(
            "/connections/{id}/protection",
            web::post().to(archive::protect),
        )
        .route(
            "/connections/{id}/move-to-trash",
            web::get().to(archive::ask),
        )
        .route(
            "/connections/{id}/move-to-trash",
            web::post().to(archive::delete),
        );
}

// Whoever changes a connection here sees it, too.
needs_too! {
    Writes = ConnectionsWrite, ConnectionsRead;
    Deletes = ConnectionsDelete, ConnectionsRead;
    Enters = SecretsWrite, ConnectionsRead;
}

/// A tab of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Settings,
    Content,
    Archive,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Settings, Self::Content, Self::Archive];

    fn label(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Content => "Content",
            Self::Archive => "Archive",
        }
    }

    /// Where it is, below the connection.
    fn path(self) -> &'static str {
        match self {
            Self::Settings => "",
            Self::Content => "/content",
            Self::Archive => "/archive",
        }
    }
}

/// What stands above the tabs of a connection.
struct Head {
    id: String,
    name: String,
    kind: String,
    state: State,
}

impl Head {
    fn of(view: &ConnectionView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.clone(),
            kind: kind_of(&view.connector),
            state: State::of(view),
        }
    }
}

/// The state of a connection as people read it.
struct State {
    word: &'static str,
    tone: &'static str,
}

impl State {
    fn of(view: &ConnectionView) -> Self {
        let (word, tone) = match view.status {
            Status::NeedsCredentials => ("Needs credentials", "warn"),
            Status::Active => ("Working", "good"),
            Status::Untested => ("Not tested", "plain"),
            Status::Failing => ("Failing", "bad"),
        };
        Self { word, tone }
    }
}

/// What people call a kind of connection.
fn kind_of(connector: &str) -> String {
    let found = connectors::find(connector);
    found.map_or(connector, |found| &found.label).to_owned()
}
