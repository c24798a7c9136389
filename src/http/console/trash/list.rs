//! The list of what is in the trash.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError as _};
use askama::Template;

use super::filter::{Filter, ME, Since};
use super::timeline::Timeline;
use super::{path_by, went_with, what};
use crate::domain::clock::Ts;
use crate::domain::kinds::RootKind;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::http::console::words::{TO_COUNT, When, called, counted, number, who};
use crate::service::organizations;
use crate::service::pages::PageQuery;
use crate::service::trash;
use crate::service::views::EntryView;

const ON_A_PAGE: i64 = 50;
/// What the tabs lead to; there is none for integrations.
const TABS: [Option<RootKind>; 4] = [
    None,
    Some(RootKind::Connection),
    Some(RootKind::Model),
    Some(RootKind::Content),
];

#[derive(Template)]
#[template(path = "console/templates/trash/list.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    filter: &'a Filter,
    /// "30 days"
    retention: String,
    paused: bool,
    tabs: Vec<Tab>,
    /// Whether the list is narrowed to what the reader deleted.
    mine: bool,
    /// The others who deleted anything: ids and names.
    people: Vec<(String, String)>,
    rows: Vec<Row>,
    timeline: Option<Timeline>,
    begin: String,
    next: Option<String>,
    first: bool,
}

struct Tab {
    label: &'static str,
    count: String,
    address: String,
    current: bool,
}

struct Row {
    id: String,
    name: String,
    what: String,
    went: Option<String>,
    by: String,
    by_path: String,
    deleted: When,
    purge: Purge,
}

/// When an entry goes, and what keeps it.
pub(super) struct Purge {
    pub(super) when: When,
    /// Whether that is near: "soon" within three days, "due" when its date has come.
    pub(super) near: Option<&'static str>,
    /// Nothing purges it while this is so.
    pub(super) held: bool,
    /// Nobody purges it before its date.
    pub(super) protected: bool,
}

impl Purge {
    pub(super) fn of(entry: &EntryView, now: Ts) -> Self {
        let when = When::new(entry.purge_at, now);
        let word = if entry.purge_at <= now { "due" } else { "soon" };
        Self {
            near: (when.is_soon() && !entry.held).then_some(word),
            held: entry.held,
            protected: entry.purge_protected,
            when,
        }
    }
}

impl ListPage<'_> {
    fn is_since(&self, since: &str) -> bool {
        match self.filter.since {
            Since::Ever => since.is_empty(),
            Since::Today => since == "today",
            Since::Week => since == "week",
        }
    }

    /// Whether there is anything to do with what is selected.
    fn selects(&self) -> bool {
        self.frame.may(Scope::TrashRestore) || self.frame.may(Scope::TrashPurge)
    }

    /// What an empty list is of.
    fn of_what(&self) -> String {
        let heading = self.filter.kind.map(|kind| called(kind).heading);
        heading.map_or_else(|| "entries".to_owned(), str::to_lowercase)
    }

    /// "No models match", "No content matches".
    fn none_match(&self) -> String {
        let verb = match self.filter.kind {
            Some(RootKind::Content) => "matches",
            _ => "match",
        };
        format!("No {} {verb}", self.of_what())
    }
}

/// A tab for each of [`TABS`], whose counts these are.
fn tabs(filter: &Filter, counts: &[i64]) -> Vec<Tab> {
    TABS.into_iter()
        .zip(counts)
        .map(|(kind, count)| Tab {
            label: kind.map_or("All", |kind| called(kind).heading),
            count: counted(*count),
            address: filter.of_kind(kind).address(None),
            current: filter.kind == kind,
        })
        .collect()
}

fn row(entry: EntryView, now: Ts) -> Row {
    Row {
        id: entry.id.to_string(),
        what: what(&entry),
        went: went_with(entry.root.kind, entry.impact.rows),
        by: who(&entry.deleted_by),
        by_path: path_by(&entry.deleted_by),
        deleted: When::new(entry.deleted_at, now),
        purge: Purge::of(&entry, now),
        name: entry.root.name,
    }
}

pub(super) async fn show(visit: Visit<needs::TrashRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let filter = Filter::read(|name| person.query(name));
    let token = person.query("page");
    let (first, now) = (token.is_none(), person.frame.now);
    let wanted = filter.of_entries(&person.caller().actor.id, now);
    let by_purge_date = !filter.newest;
    // The picture is of the whole trash, and stands above the first page of that alone.
    let plain = first && filter.kind.is_none() && filter.q.is_empty() && !filter.narrows();
    let read = person
        .read(move |conn, caller| {
            let page = PageQuery::new(Some(ON_A_PAGE), token)?;
            let page = trash::list(conn, caller, &wanted, by_purge_date, &page)?;
            let counts: Vec<i64> = TABS
                .into_iter()
                .map(|kind| trash::count_up_to(conn, caller, kind, TO_COUNT))
                .collect::<Result<_, _>>()?;
            let purges = if plain {
                trash::purges(conn, caller)?
            } else {
                Vec::new()
            };
            let organization = organizations::own(conn, caller)?;
            let deleters = trash::deleters(conn, caller)?;
            Ok((page, counts, purges, deleters, organization))
        })
        .await;
    let (page, counts, purges, deleters, organization) = match read {
        // The token of another list: of yesterday's "today", or mistyped.
        Err(trouble) if !first && trouble.status_code() == StatusCode::UNPROCESSABLE_ENTITY => {
            return Ok(person.to(&filter.address(None)));
        }
        other => other?,
    };
    let me = &person.caller().actor.id;
    let mine = filter.by == ME || filter.by == *me;
    let others = deleters.iter().filter(|actor| actor.id != *me);
    let mut people: Vec<_> = others.map(|one| (one.id.clone(), who(one))).collect();
    let listed = people.iter().any(|(id, _)| *id == filter.by);
    if !listed && !mine && !filter.by.is_empty() {
        let known = page.data.first().map(|entry| who(&entry.deleted_by));
        people.push((
            filter.by.clone(),
            known.unwrap_or_else(|| filter.by.clone()),
        ));
    }
    Ok(person.page(&ListPage {
        frame: &person.frame,
        section: Some(Section::Trash),
        retention: number(i64::from(organization.retention_days), "day"),
        paused: organization.purge_paused_at.is_some(),
        tabs: tabs(&filter, &counts),
        mine,
        people,
        rows: page.data.into_iter().map(|entry| row(entry, now)).collect(),
        timeline: Timeline::of(&purges, now.utc().date_naive()),
        begin: filter.address(None),
        next: page
            .next_page_token
            .map(|token| filter.address(Some(&token))),
        first,
        filter: &filter,
    }))
}
