//! `/v1/trash`: look, restore, purge.

use actix_web::{HttpResponse, delete, get, patch, post};

use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::text::Name;
use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::Input;
use crate::http::problem::ApiError;
use crate::service::error::Result as ServiceResult;
use crate::service::holds::{self, EntryPatch, HoldView, NewHold};
use crate::service::purge::status::{self, PurgeDue, PurgeDueView};
use crate::service::restore::{self, RestoreRequest, RestoreView};
use crate::service::trash::{self, ItemsView, PurgeRequest, SummaryView};
use crate::service::views::{EntryView, Page};
use crate::store::filters::EntryFilter;

const LIST: &[&str] = &[
    "page_size",
    "page_token",
    "kind",
    "q",
    "deleted_by",
    "deleted_after",
    "deleted_before",
    "purge_before",
    "held",
    "restorable",
    "state",
    "sort",
];

/// Lists trash entries; those in the trash, unless `state` says otherwise.
#[utoipa::path(
    operation_id = "list_trash", tag = "trash",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("kind" = Option<RootKind>, Query, description = "The kind of what was deleted"),
        ("q" = Option<String>, Query, description = "Part of the name of what was deleted, whatever its case"),
        ("deleted_by" = Option<String>, Query, description = "The id of the actor"),
        ("deleted_after" = Option<String>, Query, description = "At or after this moment (RFC 3339)"),
        ("deleted_before" = Option<String>, Query, description = "Before this moment (RFC 3339)"),
        ("purge_before" = Option<String>, Query, description = "To be purged before this moment (RFC 3339)"),
        ("held" = Option<bool>, Query, description = "Whether a hold is on it"),
        ("restorable" = Option<bool>, Query, description = "Whether a restore without overrides would bring it back"),
        ("state" = Option<String>, Query, description = "in_trash (the default), purging, restored, purged or any"),
        ("sort" = Option<String>, Query, description = "deleted_at (the default): newest first; purge_at: next to go first"),
    ),
    responses((status = 200, body = Page<EntryView>)),
    security(("api_key" = ["trash:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/trash")]
pub(super) async fn list_trash(auth: Auth<needs::TrashRead>) -> Result<HttpResponse, ApiError> {
    auth.read(LIST, |conn, caller, input| {
        let filter = filter(input)?;
        let by_purge_date = input.parsed("sort", "deleted_at or purge_at", |word| match word {
            "deleted_at" => Some(false),
            "purge_at" => Some(true),
            _ => None,
        })?;
        Ok((
            trash::list(
                conn,
                caller,
                &filter,
                by_purge_date.unwrap_or(false),
                &input.page()?,
            )?,
            None,
        ))
    })
    .await
}

/// The trash in numbers: entries by kind, purges of the next 30 days.
#[utoipa::path(
    operation_id = "get_trash_summary", tag = "trash",
    responses((status = 200, body = SummaryView)),
    security(("api_key" = ["trash:read"])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/trash/summary")]
pub(super) async fn get_trash_summary(
    auth: Auth<needs::TrashRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, _| {
        Ok((trash::summary(conn, caller)?, None))
    })
    .await
}

/// Reads one entry, also after it was restored or purged.
#[utoipa::path(
    operation_id = "get_trash_entry", tag = "trash",
    params(("id" = String, Path, description = "The entry's id")),
    responses((status = 200, body = EntryView)),
    security(("api_key" = ["trash:read"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[get("/v1/trash/{id}")]
pub(super) async fn get_trash_entry(
    auth: Auth<needs::TrashRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        Ok((trash::get(conn, caller, input.entry()?)?, None))
    })
    .await
}

/// Lists the rows of an entry of one kind, without bodies.
#[utoipa::path(
    operation_id = "list_trash_items", tag = "trash",
    params(
        ("id" = String, Path, description = "The entry's id"),
        ("kind" = Option<RootKind>, Query, description = "integration, connection, model or content (the default)"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = ItemsView)),
    security(("api_key" = ["trash:read"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found"])))
)]
#[get("/v1/trash/{id}/items")]
pub(super) async fn list_trash_items(
    auth: Auth<needs::TrashRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(
        &["page_size", "page_token", "kind"],
        |conn, caller, input| {
            let kind = kind(input)?.unwrap_or(RootKind::Content);
            Ok((
                trash::items(conn, caller, input.entry()?, kind, &input.page()?)?,
                None,
            ))
        },
    )
    .await
}

/// Brings back exactly what one deletion removed. With `validate_only` it answers what it would do.
#[utoipa::path(
    operation_id = "restore_trash_entry", tag = "trash",
    params(("id" = String, Path, description = "The entry's id")),
    request_body = RestoreRequest,
    responses((status = 200, body = RestoreView)),
    security(("api_key" = ["trash:restore"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "entry_closed", "name_taken", "external_id_taken", "parent_in_trash", "parent_purged", "parent_moved", "plan_stale", "concurrent_change"])))
)]
#[post("/v1/trash/{id}/restore")]
pub(super) async fn restore_trash_entry(
    mut auth: Auth<needs::TrashRestore>,
) -> Result<HttpResponse, ApiError> {
    let request: RestoreRequest = auth.json_or_empty(body::JSON).await?;
    if request.validate_only {
        return auth
            .read(&[], move |conn, caller, input| {
                Ok((
                    restore::preview(conn, caller, input.entry()?, &request)?,
                    None,
                ))
            })
            .await;
    }
    auth.write(&[], move |tx, input| {
        restore::restore(tx, input.entry()?, &request)
    })
    .await
}

/// Purges one entry for good, by whoever types its name.
#[utoipa::path(
    operation_id = "purge_trash_entry", tag = "trash",
    params(("id" = String, Path, description = "The entry's id")),
    request_body = PurgeRequest,
    responses((status = 200, body = EntryView)),
    security(("api_key" = ["trash:purge"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "entry_closed", "confirm_mismatch", "held", "purge_protected", "min_retention", "braked"])))
)]
#[post("/v1/trash/{id}/purge")]
pub(super) async fn purge_trash_entry(
    mut auth: Auth<needs::TrashPurge>,
) -> Result<HttpResponse, ApiError> {
    let request: PurgeRequest = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        trash::purge(tx, input.entry()?, &request)
    })
    .await
}

/// Moves the date of an entry's purge. Later needs `trash:hold`; sooner needs `trash:purge`, and no purge protection.
#[utoipa::path(
    operation_id = "patch_trash_entry", tag = "trash",
    params(("id" = String, Path, description = "The entry's id")),
    request_body = EntryPatch,
    responses((status = 200, body = EntryView)),
    security(("api_key" = ["trash:hold"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "entry_closed", "purge_protected", "min_retention"])))
)]
#[patch("/v1/trash/{id}")]
pub(super) async fn patch_trash_entry(
    mut auth: Auth<needs::AnyKey>,
) -> Result<HttpResponse, ApiError> {
    let patch: EntryPatch = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        holds::reschedule(tx, input.entry()?, &patch)
    })
    .await
}

/// Purges what is due: all of it, or what is named. What is not due yet stays.
#[utoipa::path(
    operation_id = "purge_due_entries", tag = "trash", request_body = PurgeDue,
    responses((status = 200, body = PurgeDueView)),
    security(("api_key" = ["trash:purge"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_in_trash"])))
)]
#[post("/v1/trash/purge")]
pub(super) async fn purge_due_entries(
    mut auth: Auth<needs::TrashPurge>,
) -> Result<HttpResponse, ApiError> {
    let request: PurgeDue = auth.json(body::JSON).await?;
    if request.validate_only {
        return auth
            .read_beside(&[], move |services, caller, _| {
                status::plan_due(services, caller, &request)
            })
            .await;
    }
    auth.many(&[], move |services, caller, once| {
        status::purge_due(services, caller, once, &request)
    })
    .await
}

/// Puts an entry on hold: it is not purged until every hold has ended, nor within a day of that.
#[utoipa::path(
    operation_id = "create_hold", tag = "trash",
    params(("id" = String, Path, description = "The entry's id")),
    request_body = NewHold,
    responses((status = 201, body = HoldView)),
    security(("api_key" = ["trash:hold"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "entry_closed"])))
)]
#[post("/v1/trash/{id}/holds")]
pub(super) async fn create_hold(
    mut auth: Auth<needs::TrashHold>,
) -> Result<HttpResponse, ApiError> {
    let new: NewHold = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        holds::hold(tx, input.entry()?, &new).map(Created)
    })
    .await
}

/// Ends a hold. What it held is not purged within a day.
#[utoipa::path(
    operation_id = "release_hold", tag = "trash",
    params(
        ("id" = String, Path, description = "The entry's id"),
        ("hold" = String, Path, description = "The hold's id"),
    ),
    responses((status = 200, body = HoldView)),
    security(("api_key" = ["trash:hold"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[delete("/v1/trash/{id}/holds/{hold}")]
pub(super) async fn release_hold(auth: Auth<needs::TrashHold>) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        holds::release(tx, input.entry()?, input.hold()?)
    })
    .await
}

fn kind(input: &Input) -> ServiceResult<Option<RootKind>> {
    input.parsed(
        "kind",
        "integration, connection, model or content",
        RootKind::parse,
    )
}

fn filter(input: &Input) -> ServiceResult<EntryFilter> {
    let state = input.parsed(
        "state",
        "in_trash, purging, restored, purged or any",
        |word| match word {
            "any" => Some(None),
            word => EntryState::parse(word).map(Some),
        },
    )?;
    Ok(EntryFilter {
        kind: kind(input)?,
        state: state.unwrap_or(Some(EntryState::InTrash)),
        q: input
            .text("q")
            .filter(|q| !q.is_empty())
            .map(|q| Name::fold(&q)),
        deleted_by: input.text("deleted_by"),
        deleted_after: input.moment("deleted_after")?,
        deleted_before: input.moment("deleted_before")?,
        purge_before: input.moment("purge_before")?,
        held: input.flag("held")?,
        restorable: input.flag("restorable")?,
    })
}
