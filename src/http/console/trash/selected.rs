//! What is done with several entries at once: each on its own, and told one by one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::filter::Filter;
use super::{Purges, path_of, went_with, what};
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::EntryState;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::confirm::Confirm;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::number_of;
use crate::http::form::Form;
use crate::service::bulk::{self, BulkRestore};
use crate::service::trash;

/// The failures that are told by name; the rest is counted.
const TOLD: usize = 5;

#[derive(Template)]
#[template(path = "console/templates/trash/selected.html")]
struct SelectedPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    rows: Vec<Row>,
    confirm: Confirm,
}

struct Row {
    name: String,
    what: String,
    went: Option<String>,
    /// Why it will stay.
    kept: Option<String>,
}

/// What became of an entry, as far as it is told here.
#[derive(Deserialize)]
struct Outcome {
    entry_id: EntryId,
    name: Option<String>,
    needs_credentials: Vec<String>,
    problem: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    detail: String,
}

/// One that stays as it is.
struct Failure {
    id: EntryId,
    name: Option<String>,
    why: String,
}

/// Restores what is selected, or asks before it is deleted.
pub(super) async fn send(visit: Visit<needs::TrashRead>) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let (ids, back) = (chosen(&form), back(&form));
    if ids.is_empty() {
        return Err(nothing_chosen(&person, &back));
    }
    match form.text("act") {
        "restore" => restore(&person, ids, &back).await,
        "delete" => {
            let allowed = person.caller().require(Scope::TrashPurge);
            allowed.map_err(|error| person.trouble(&error))?;
            if let [one] = ids.as_slice() {
                return Ok(person.to(&format!("{}/delete", path_of(*one))));
            }
            let confirm = confirm(&form, &ids, &back);
            let page = ask(&person, ids, confirm).await?;
            Ok(person.page(&page))
        }
        _ => Err(person.trouble_of(Trouble::out_of_date())),
    }
}

/// Deletes what is selected, once that is confirmed.
pub(super) async fn delete(visit: Visit<Purges>) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let (ids, back) = (chosen(&form), back(&form));
    if ids.is_empty() {
        return Err(nothing_chosen(&person, &back));
    }
    let confirm = confirm(&form, &ids, &back);
    if !confirm.is(form.text("confirm")) {
        let page = ask(&person, ids, confirm.wrong()).await?;
        return Ok(person.refused(&page));
    }
    let outcomes = person
        .look(move |services, caller| bulk::purge(services, caller, &ids))
        .await?;
    let done = outcomes.iter().filter(|one| one.problem.is_none()).count();
    let failures = outcomes.into_iter().filter_map(|one| {
        let problem = one.problem?;
        Some(Failure {
            id: one.entry_id,
            name: one.name,
            why: why(problem.code.as_str(), &problem.detail),
        })
    });
    let failures: Vec<Failure> = failures.collect();
    Ok(person
        .see(&back, &told("deleted permanently", done, &failures, false))
        .await)
}

async fn restore(person: &Person, ids: Vec<EntryId>, back: &str) -> Result<HttpResponse, Trouble> {
    let request = BulkRestore {
        ids: Some(ids),
        ..BulkRestore::default()
    };
    let view = person
        .look(move |services, caller| bulk::restore(services, caller, None, &request))
        .await?
        .0;
    let outcomes: Vec<Outcome> = view
        .data
        .iter()
        .filter_map(|row| serde_json::from_str(row.as_str()).ok())
        .collect();
    let secrets = outcomes.iter().any(|one| !one.needs_credentials.is_empty());
    let failures: Vec<Failure> = outcomes
        .into_iter()
        .filter_map(|one| {
            let problem = one.problem?;
            Some(Failure {
                id: one.entry_id,
                name: one.name,
                why: why(&problem.code, &problem.detail),
            })
        })
        .collect();
    let flash = told("restored", view.restored, &failures, secrets);
    Ok(person.see(back, &flash).await)
}

/// The entries of the form, each once.
fn chosen(form: &Form) -> Vec<EntryId> {
    let mut ids: Vec<EntryId> = Vec::new();
    for id in form.all("id").iter().filter_map(|id| EntryId::parse(id)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The list that it came from.
fn back(form: &Form) -> String {
    Filter::read(|name| form.given(name).map(str::to_owned)).address(None)
}

fn nothing_chosen(person: &Person, back: &str) -> Trouble {
    let trouble = Trouble::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Nothing is selected",
        "Tick the boxes of the entries it is about, then press the button again. Nothing was changed.",
    );
    person.trouble_of(trouble.link("Back to the trash", back))
}

fn confirm(form: &Form, ids: &[EntryId], back: &str) -> Confirm {
    let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let expected = format!("delete {}", number_of(count, "entry", "entries"));
    let filter = Filter::read(|name| form.given(name).map(str::to_owned));
    let mut fields = filter.pairs();
    fields.extend(ids.iter().map(|id| ("id", id.to_string())));
    Confirm {
        action: "/trash/selected/delete".to_owned(),
        fields,
        label: format!("Type “{expected}” to confirm"),
        expected,
        what: "text",
        error: None,
        button: "Delete permanently",
        back: back.to_owned(),
        dialog: false,
    }
}

async fn ask(
    person: &Person,
    ids: Vec<EntryId>,
    confirm: Confirm,
) -> Result<SelectedPage<'_>, Trouble> {
    let rows = person
        .look(move |services, caller| {
            services.store.read_snapshot(|conn| {
                let mut rows = Vec::with_capacity(ids.len());
                for id in &ids {
                    let entry = trash::get(conn, caller, *id)?;
                    let kept = match entry.state {
                        EntryState::InTrash => trash::why_kept(services, conn, caller, *id)?
                            .map(|problem| problem.detail),
                        _ => Some("It is no longer in the trash.".to_owned()),
                    };
                    rows.push(Row {
                        what: what(&entry),
                        went: went_with(entry.root.kind, entry.impact.rows),
                        name: entry.root.name,
                        kept,
                    });
                }
                Ok(rows)
            })
        })
        .await?;
    Ok(SelectedPage {
        frame: &person.frame,
        section: Some(Section::Trash),
        rows,
        confirm,
    })
}

/// "2 restored, 1 could not be: 'b': its name is taken."
fn told(what: &str, done: usize, failures: &[Failure], secrets: bool) -> Flash {
    if failures.is_empty() {
        let again = if secrets {
            " Their passwords and keys were removed when they were deleted: enter them again, then test the connections."
        } else {
            ""
        };
        return Flash::good(format!("{done} {what}.{again}"));
    }
    let mut list: Vec<String> = failures
        .iter()
        .take(TOLD)
        .map(|one| {
            let name = one.name.as_deref().unwrap_or("an unknown entry");
            format!("'{name}': {}", one.why)
        })
        .collect();
    if failures.len() > TOLD {
        list.push(format!("and {} more", failures.len() - TOLD));
    }
    let mut flash = Flash::bad(format!(
        "{done} {what}, {} could not be: {}.{}",
        failures.len(),
        list.join("; "),
        if secrets {
            " Enter the passwords and keys of what was restored again: they were removed when it was deleted."
        } else {
            ""
        }
    ));
    for one in failures.iter().take(TOLD) {
        if let Some(name) = &one.name {
            flash = flash.link(&format!("See {name}"), path_of(one.id));
        }
    }
    flash
}

/// Why an entry stays as it is, as a part of a sentence.
fn why(code: &str, detail: &str) -> String {
    let words = match Code::parse(code) {
        Some(Code::NameTaken) => "its name is taken",
        Some(Code::ExternalIdTaken) => "its external id is taken",
        Some(Code::ParentInTrash) => "what it belongs to is in the trash",
        Some(Code::ParentPurged) => "what it belonged to is gone for good",
        Some(Code::ParentMoved) => "what it belonged to is elsewhere now",
        Some(Code::EntryClosed) => "it is no longer in the trash",
        Some(Code::NotFound) => "there is no such entry",
        Some(Code::Held) => "a hold keeps it",
        Some(Code::PurgeProtected) => "nobody may delete it before its date",
        Some(Code::Braked) => "the brake on mass deletion keeps it",
        _ => detail.trim_end_matches('.'),
    };
    words.to_owned()
}
