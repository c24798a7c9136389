//! API keys: the list, a new one, and revoking one. A key's text is in the answer that made it and nowhere else.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::Duration;

use super::Tab;
use super::fields::Faults;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::KeyId;
use crate::domain::scopes::{Grants, Scope};
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::When;
use crate::http::form::Form;
use crate::service::error::Error;
use crate::service::keys::{self, NewKey};
use crate::service::pages::PageQuery;
use crate::service::views::ApiKeyView;

const ON_A_PAGE: i64 = 50;
const LIST: &str = "/settings/keys";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings/keys", web::get().to(list))
        .route("/settings/keys", web::post().to(create))
        .route("/settings/keys/new", web::get().to(new))
        .route("/settings/keys/{id}/revoke", web::get().to(ask))
        .route("/settings/keys/{id}/revoke", web::post().to(revoke));
}

#[derive(Template)]
#[template(path = "console/templates/settings/keys.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    rows: Vec<Row>,
    begin: String,
    next: Option<String>,
    first: bool,
}

/// One key, as the list has it.
struct Row {
    id: String,
    name: String,
    scopes: Vec<String>,
    state: State,
    own: bool,
    made: When,
    used: Option<When>,
    expires: Option<When>,
}

/// Whether a key works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    Expired,
    Revoked,
}

impl State {
    fn of(key: &ApiKeyView, now: Ts) -> Self {
        if key.revoked_at.is_some() {
            Self::Revoked
        } else if key.expires_at.is_some_and(|at| at <= now) {
            Self::Expired
        } else {
            Self::Works
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Works => "Works",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
        }
    }

    fn tone(self) -> &'static str {
        match self {
            Self::Works => "good",
            Self::Expired | Self::Revoked => "plain",
        }
    }
}

#[derive(Template)]
#[template(path = "console/templates/settings/key_new.html")]
struct NewPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    typed: Typed,
    faults: &'a Faults,
    groups: Vec<ScopeGroup>,
    /// Whether the own key may do everything, and so may give that away.
    everything: bool,
}

/// What was typed into the form of a new key.
#[derive(Default)]
struct Typed {
    name: String,
    expires: String,
    scopes: Vec<String>,
}

impl Typed {
    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|one| one == scope)
    }
}

/// The scopes of one family that the own key covers.
struct ScopeGroup {
    label: String,
    scopes: Vec<Scope>,
}

#[derive(Template)]
#[template(path = "console/templates/settings/key_made.html")]
struct MadePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    name: &'a str,
    key: &'a str,
}

#[derive(Template)]
#[template(path = "console/templates/settings/key_revoke.html")]
struct RevokePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    id: String,
    name: String,
    own: bool,
    used: Option<When>,
}

async fn list(visit: Visit<needs::KeysAdmin>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let token = person.query("page");
    let first = token.is_none();
    let page = person
        .read_list(move |conn, caller| {
            keys::list(conn, caller, &PageQuery::new(Some(ON_A_PAGE), token)?)
        })
        .await?;
    let now = person.frame.now;
    let rows = page.data.into_iter().map(|key| Row {
        id: key.id.to_string(),
        state: State::of(&key, now),
        own: is_own(&person, key.id),
        made: When::new(key.created_at, now),
        used: key.last_used_at.map(|at| When::new(at, now)),
        expires: key.expires_at.map(|at| When::new(at, now)),
        name: key.name,
        scopes: key.scopes,
    });
    Ok(person.page(&ListPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Keys,
        rows: rows.collect(),
        begin: LIST.to_owned(),
        next: page
            .next_page_token
            .map(|token| format!("{LIST}?page={token}")),
        first,
    }))
}

fn is_own(person: &Person, id: KeyId) -> bool {
    person.caller().key_id == Some(id)
}

fn form<'a>(person: &'a Person, typed: Typed, faults: &'a Faults) -> NewPage<'a> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in Scope::ALL.iter().filter(|scope| person.may(**scope)) {
        let family = scope.as_str().split(':').next().unwrap_or_default();
        let label = family_of(family);
        match groups.last_mut() {
            Some(group) if group.label == label => group.scopes.push(*scope),
            _ => groups.push(ScopeGroup {
                label,
                scopes: vec![*scope],
            }),
        }
    }
    let all = Grants::parse(["*"]);
    NewPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Keys,
        typed,
        faults,
        groups,
        everything: all.is_ok_and(|all| person.caller().grants.cover(&all)),
    }
}

/// A family of scopes as a heading.
fn family_of(family: &str) -> String {
    let words = match family {
        "keys" => "API keys",
        "connect_sessions" => "Connect sessions",
        "data" => "Export and import",
        "actor" => "People",
        "platform" => "The whole service",
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            return first.into_iter().chain(letters).collect();
        }
    };
    words.to_owned()
}

async fn new(visit: Visit<needs::KeysAdmin>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    Ok(person.page(&form(&person, Typed::default(), &Faults::default())))
}

async fn create(visit: Visit<needs::KeysAdmin>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let typed = typed(&sent);
    let mut faults = Faults::default();
    let expires_at = match last_moment(&typed.expires) {
        Ok(at) => at,
        Err(fault) => {
            faults.add("/expires_at", "invalid_format", fault);
            None
        }
    };
    if typed.scopes.is_empty() {
        faults.add("/scopes", "empty", "Tick what the key may do.");
    }
    if faults.any() {
        return Ok(person.refused(&form(&person, typed, &faults)));
    }
    let new = NewKey {
        name: typed.name.clone(),
        scopes: typed.scopes.clone(),
        expires_at,
    };
    match person.write(move |tx| keys::create(tx, &new)).await {
        Ok(made) => Ok(person.page(&MadePage {
            frame: &person.frame,
            section: Some(Section::Settings),
            tab: Tab::Keys,
            name: &made.about.name,
            key: &made.key,
        })),
        Err(error) => {
            let faults = at_its_field(error).map_err(|error| person.trouble(&error))?;
            Ok(person.refused(&form(&person, typed, &faults)))
        }
    }
}

/// More than the own key holds is said beside the scopes, too.
fn at_its_field(error: Error) -> Result<Faults, Error> {
    match error {
        Error::Problem(problem) if problem.code == Code::MissingScope => {
            let mut faults = Faults::default();
            faults.add("/scopes", "missing_scope", &problem.detail);
            Ok(faults)
        }
        error => Faults::of(error),
    }
}

fn typed(sent: &Form) -> Typed {
    Typed {
        name: sent.text("name").to_owned(),
        expires: sent.text("expires").trim().to_owned(),
        scopes: sent.all("scope").to_vec(),
    }
}

/// The end of a day, UTC; none where nothing was entered.
fn last_moment(day: &str) -> Result<Option<Ts>, &'static str> {
    if day.is_empty() {
        return Ok(None);
    }
    let begins = (day.len() == 10)
        .then(|| Ts::parse(&format!("{day}T00:00:00Z")))
        .flatten();
    match begins {
        Some(begins) => Ok(Some(begins.plus(Duration::days(1)))),
        None => Err("Write the day as year-month-day, such as 2027-01-31."),
    }
}

fn key_id(person: &Person) -> Result<KeyId, Trouble> {
    let id = person.input.id("API key", KeyId::parse);
    id.map_err(|error| person.trouble(&error))
}

async fn ask(visit: Visit<needs::KeysAdmin>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = key_id(&person)?;
    let key = person
        .read(move |conn, caller| keys::get(conn, caller, id))
        .await?;
    if key.revoked_at.is_some() {
        let told = Flash::good(format!("The key '{}' is revoked already.", key.name));
        return Ok(person.see(LIST, &told).await);
    }
    Ok(person.page(&RevokePage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Keys,
        id: key.id.to_string(),
        name: key.name,
        own: is_own(&person, key.id),
        used: key.last_used_at.map(|at| When::new(at, person.frame.now)),
    }))
}

async fn revoke(visit: Visit<needs::KeysAdmin>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = key_id(&person)?;
    let done = person.write(move |tx| keys::revoke(tx, id)).await;
    let key = done.map_err(|error| person.trouble(&error))?;
    if is_own(&person, id) {
        // The session has ended with it.
        return Ok(person.to("/sign-in"));
    }
    let told = format!("The key '{}' was revoked: it works no longer.", key.name);
    Ok(person.see(LIST, &Flash::good(told)).await)
}
