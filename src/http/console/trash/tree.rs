//! What went with an entry: how many of each kind, the first names, and all of them page by page.

use crate::domain::kinds::{EntryState, RootKind};
use crate::http::console::trash::path_of;
use crate::http::console::words::number_of;
use crate::service::caller::Caller;
use crate::service::error::Result;
use crate::service::pages::PageQuery;
use crate::service::trash::{self, ItemsView};
use crate::service::views::EntryView;
use crate::store::Conn;

/// Names of a kind before one asks for all.
const FIRST: i64 = 5;
const ON_A_PAGE: i64 = 100;

/// The rows of one kind.
pub(super) struct Branch {
    /// "12 models"
    pub(super) label: String,
    /// The word in addresses.
    pub(super) kind: &'static str,
    pub(super) names: Vec<String>,
    /// There are more names than these.
    pub(super) more: bool,
    /// Whether all of it is being shown.
    pub(super) open: bool,
    /// Where the rest is, below the console: all of them, or the next page.
    pub(super) rest: String,
    /// Whether this is the first page.
    pub(super) first: bool,
}

/// What the address asks to see all of, and from where.
pub(super) struct Asked {
    pub(super) kind: Option<RootKind>,
    pub(super) page: Option<String>,
}

/// What went with an entry; of one that has left the trash only the numbers are known.
pub(super) fn load(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryView,
    asked: &Asked,
) -> Result<Vec<Branch>> {
    let rows = entry.impact.rows;
    let own = |kind| i64::from(entry.root.kind == kind);
    let mut branches = Vec::new();
    for (kind, count, one, many) in [
        (
            RootKind::Connection,
            rows.connections,
            "connection",
            "connections",
        ),
        (RootKind::Model, rows.models, "model", "models"),
        (
            RootKind::Content,
            rows.content,
            "piece of content",
            "pieces of content",
        ),
    ] {
        let count = count - own(kind);
        if count <= 0 {
            continue;
        }
        let open = asked.kind == Some(kind);
        let token = asked.page.clone().filter(|_| open);
        let first = token.is_none();
        // One more, since the root itself is among the rows of its kind.
        let size = if open { ON_A_PAGE } else { FIRST + own(kind) };
        let (names, next) = if entry.state == EntryState::InTrash {
            let page = PageQuery::new(Some(size), token)?;
            let items = trash::items(conn, caller, entry.id, kind, &page)?;
            names_of(items, &entry.root.id.to_string())
        } else {
            (Vec::new(), None)
        };
        let path = format!("{}?show={kind}", path_of(entry.id));
        branches.push(Branch {
            label: number_of(count, one, many),
            kind: kind.as_str(),
            more: next.is_some(),
            rest: match next.filter(|_| open) {
                Some(token) => format!("{path}&page={token}#with-{kind}"),
                None => format!("{path}#with-{kind}"),
            },
            names,
            open,
            first,
        });
    }
    Ok(branches)
}

/// The names but the root's, and the token of the next page.
fn names_of(items: ItemsView, root: &str) -> (Vec<String>, Option<String>) {
    let (names, next): (Vec<(String, String)>, _) = match items {
        ItemsView::Integrations(page) => (
            page.data
                .into_iter()
                .map(|row| (row.id.to_string(), row.name))
                .collect(),
            page.next_page_token,
        ),
        ItemsView::Connections(page) => (
            page.data
                .into_iter()
                .map(|row| (row.id.to_string(), row.name))
                .collect(),
            page.next_page_token,
        ),
        ItemsView::Models(page) => (
            page.data
                .into_iter()
                .map(|row| (row.id.to_string(), row.common.name))
                .collect(),
            page.next_page_token,
        ),
        ItemsView::Content(page) => (
            page.data
                .into_iter()
                .map(|row| (row.id.to_string(), row.common.name))
                .collect(),
            page.next_page_token,
        ),
    };
    let others = names.into_iter().filter(|(id, _)| id != root);
    (others.map(|(_, name)| name).collect(), next)
}
