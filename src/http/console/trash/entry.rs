//! One entry of the trash, also after it has left it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError as _};
use askama::Template;

use super::list::Purge;
use super::options::{Given, Options};
use super::receipt::Shown;
use super::secrets::Secrets;
use super::tree::{self, Asked, Branch};
use super::{entry_of, path_by, path_of, path_of_restored, remove, what};
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, KeyId};
use crate::domain::kinds::{EntryState, Keep, RootKind};
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::confirm::Confirm;
use crate::http::console::frame::{self, Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::{When, number, rows, who, who_by_id};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::holds::HoldView;
use crate::service::restore::{self, RestorePlanView, RestoreRequest};
use crate::service::views::{EntryView, LinkView};
use crate::service::{keys, trash};
use crate::store::Conn;

/// The word that the pages use for it, said once.
const PURGED: &str = "Purged means deleted permanently.";

/// What was entered into the form of a hold, and what is wrong with it.
#[derive(Default)]
pub(super) struct HoldForm {
    pub(super) reason: String,
    pub(super) ends: String,
    pub(super) reason_error: Option<String>,
    pub(super) ends_error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/templates/trash/entry.html")]
struct EntryPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    name: &'a str,
    id: String,
    what: String,
    /// The words of its state, and whether it is in the trash.
    state: (&'static str, &'static str),
    open: bool,
    /// Whether it is gone for good, or on the way there.
    lost: bool,
    external_id: Option<&'a str>,
    deleted: When,
    by: String,
    by_path: String,
    through: Option<String>,
    reason: Option<&'a str>,
    purge: Purge,
    /// What else keeps it beyond its date.
    keeps: Vec<&'static str>,
    /// How often the purge tried and could not, and when it tries again.
    failed: Option<(String, When)>,
    /// When it left, and who did that.
    closed: Option<(When, Option<String>)>,
    /// Where what came back is, below the console.
    restored_at: Option<String>,
    tree: Vec<Branch>,
    secrets: Secrets,
    broken: Vec<&'a LinkView>,
    broken_more: usize,
    uses: Vec<User>,
    uses_count: String,
    holds: Vec<Hold>,
    hold_form: HoldForm,
    receipt: Option<Shown>,
    /// What a restore would bring back, if nothing is in the way.
    restores: Option<String>,
    /// The form of restore, while it is in the trash.
    options: Option<Options>,
    /// The same for whoever wants it otherwise, if nothing is in the way.
    another: Option<Options>,
    /// Why it can't be deleted permanently.
    kept: Option<String>,
    confirm: Confirm,
}

struct User {
    name: String,
    count: String,
    last: When,
}

struct Hold {
    id: String,
    owner: String,
    reason: String,
    since: When,
    ends: Option<When>,
    active: bool,
}

/// What is read for the page besides the entry.
struct Known {
    tree: Vec<Branch>,
    options: Option<Options>,
    another: Option<Options>,
    plan: Option<RestorePlanView>,
    kept: Option<String>,
    receipt: Option<Shown>,
    /// The name of the key that the deletion came through.
    key: Option<String>,
}

pub(super) async fn show(visit: Visit<needs::TrashRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = entry_of(&person)?;
    page(&person, id, HoldForm::default(), StatusCode::OK).await
}

/// The page, with what was entered into the form of a hold.
pub(super) async fn page(
    person: &Person,
    id: EntryId,
    hold_form: HoldForm,
    status: StatusCode,
) -> Result<HttpResponse, Trouble> {
    let asked = Asked {
        kind: person.query("show").as_deref().and_then(RootKind::parse),
        page: person.query("page"),
    };
    let later = asked.page.is_some();
    let known = person
        .look(move |services, caller| know(services, caller, id, &asked))
        .await;
    let (entry, known) = match known {
        Err(trouble) if later && trouble.status_code() == StatusCode::UNPROCESSABLE_ENTITY => {
            return Ok(person.to(&path_of(id)));
        }
        other => other?,
    };
    Ok(frame::page(
        status,
        &shown(person, &entry, known, hold_form),
    ))
}

fn know(
    services: &Services,
    caller: &Caller,
    id: EntryId,
    asked: &Asked,
) -> ServiceResult<(EntryView, Known)> {
    let (entry, mut known) = services.store.read_snapshot(|conn| {
        let entry = trash::get(conn, caller, id)?;
        let tree = tree::load(conn, caller, &entry, asked)?;
        let Planned {
            plan,
            options,
            another,
        } = plan(conn, caller, &entry)?;
        let kept = trash::why_kept(services, conn, caller, id)?.map(|problem| problem.detail);
        let known = Known {
            tree,
            options,
            another,
            plan,
            kept,
            receipt: None,
            key: None,
        };
        Ok::<_, Error>((entry, known))
    })?;
    known.receipt = Shown::load(services, caller, id)?;
    let key = known.receipt.as_ref().and_then(|receipt| receipt.api_key);
    let key = key.or_else(|| {
        let id = entry.deleted_by.id.strip_prefix("key:")?;
        KeyId::parse(id)
    });
    // The names of keys are for those who see to them; whoever deletes by a key is told by its name anyhow.
    if let Some(key) = key.filter(|_| caller.may(Scope::KeysAdmin)) {
        let found = services.store.read(|conn| keys::get(conn, caller, key));
        known.key = found.ok().map(|key| key.name);
    }
    Ok((entry, known))
}

/// What a restore would do, and the forms for it.
#[derive(Default)]
struct Planned {
    plan: Option<RestorePlanView>,
    options: Option<Options>,
    another: Option<Options>,
}

/// The same for those who may restore.
fn plan(conn: &mut Conn, caller: &Caller, entry: &EntryView) -> ServiceResult<Planned> {
    if entry.state != EntryState::InTrash || !caller.may(Scope::TrashRestore) {
        return Ok(Planned::default());
    }
    let request = RestoreRequest::default();
    let given = Given::default();
    match restore::preview(conn, caller, entry.id, &request) {
        Ok(plan) => {
            let options = Options::of(conn, caller, entry, &given, None)?;
            Ok(Planned {
                plan: Some(plan),
                options: Some(options),
                another: Some(Options::by_choice(conn, caller, entry)?),
            })
        }
        Err(Error::Problem(problem)) => {
            let options = Options::of(conn, caller, entry, &given, Some(&problem))?;
            Ok(Planned {
                options: Some(options),
                ..Planned::default()
            })
        }
        Err(error) => Err(error),
    }
}

fn shown<'a>(
    person: &'a Person,
    entry: &'a EntryView,
    known: Known,
    hold_form: HoldForm,
) -> EntryPage<'a> {
    /// Broken links that are told by name.
    const TOLD: usize = 20;
    let now = person.frame.now;
    let broken: Vec<&LinkView> = entry.broken_links.iter().flatten().collect();
    let restored = entry.state == EntryState::Restored && person.may(Scope::ConnectionsRead);
    EntryPage {
        frame: &person.frame,
        section: Some(Section::Trash),
        name: &entry.root.name,
        id: entry.id.to_string(),
        what: what(entry),
        state: match entry.state {
            EntryState::InTrash => ("In trash", "warn"),
            EntryState::Purging => ("Being purged", "bad"),
            EntryState::Restored => ("Restored", "good"),
            EntryState::Purged => ("Purged", "bad"),
        },
        open: entry.state == EntryState::InTrash,
        lost: matches!(entry.state, EntryState::Purging | EntryState::Purged),
        external_id: entry.root.external_id.as_deref(),
        deleted: When::new(entry.deleted_at, now),
        by: who(&entry.deleted_by),
        by_path: path_by(&entry.deleted_by),
        through: through(entry, &known),
        reason: entry.reason.as_deref(),
        purge: Purge::of(entry, now),
        keeps: entry.kept_by.iter().flatten().copied().map(keep).collect(),
        failed: entry.purge_problem.as_ref().map(|problem| {
            let tries = number(problem.attempts, "time");
            (tries, When::new(problem.retry_at, now))
        }),
        closed: entry
            .closed_at
            .map(|at| (When::new(at, now), entry.closed_by.as_ref().map(who))),
        restored_at: restored.then(|| path_of_restored(entry.root.kind, entry.connection_id)),
        tree: known.tree,
        secrets: Secrets::of(entry, now),
        broken_more: broken.len().saturating_sub(TOLD),
        broken: broken.into_iter().take(TOLD).collect(),
        uses: users(entry, now),
        uses_count: number(entry.uses.count, "call"),
        holds: entry
            .holds
            .iter()
            .flatten()
            .map(|hold| hold_of(hold, now))
            .collect(),
        hold_form,
        receipt: known.receipt,
        restores: known.plan.map(|plan| {
            let counts = plan.restores;
            rows(counts.connections, counts.models, counts.content)
                .unwrap_or_else(|| "the integration alone".to_owned())
        }),
        options: known.options,
        another: known.another,
        kept: known.kept,
        confirm: remove::confirm(entry).in_dialog(),
    }
}

/// What the deletion came through.
fn through(entry: &EntryView, known: &Known) -> Option<String> {
    if let Some(name) = &known.key {
        return Some(format!("API key {name}"));
    }
    let key = known.receipt.as_ref().and_then(|receipt| receipt.api_key);
    match entry.deleted_by.id.as_str() {
        "cli" => Some("the command line".to_owned()),
        id if key.is_some() || id.starts_with("key:") => Some("an API key".to_owned()),
        _ => None,
    }
}

fn keep(keep: Keep) -> &'static str {
    match keep {
        Keep::Hold => "A hold keeps it: it is not purged until a day after every hold has ended.",
        Keep::EndedHold => {
            "A hold ended less than a day ago: it is not purged before that day is over."
        }
        Keep::Brake => "The brake on mass deletion keeps it until somebody releases the brake.",
        Keep::Use => "It was used within the last day, and the organization keeps what is used.",
    }
}

fn users(entry: &EntryView, now: Ts) -> Vec<User> {
    let callers = entry.uses.callers.iter().flatten();
    callers
        .map(|user| User {
            name: who(&user.actor),
            count: number(user.count, "call"),
            last: When::new(user.last_used_at, now),
        })
        .collect()
}

fn hold_of(hold: &HoldView, now: Ts) -> Hold {
    Hold {
        id: hold.id.to_string(),
        owner: who_by_id(&hold.owner),
        reason: hold.reason.clone(),
        since: When::new(hold.created_at, now),
        ends: hold.ends_at.map(|at| When::new(at, now)),
        active: hold.active,
    }
}
