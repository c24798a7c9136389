//! `/v1/audit`: what was done and what was refused.

use actix_web::{HttpResponse, get};

use crate::domain::ids::{EntryId, RootId};
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::audit::{self, AuditQuery, AuditView, Head};
use crate::service::views::Page;
use crate::store::filters::AuditFilter;

const QUERY: &[&str] = &[
    "page_size",
    "page_token",
    "sort",
    "action",
    "actor",
    "outcome",
    "subject_id",
    "entry_id",
    "request_id",
    "after",
    "before",
];

/// Lists audit records, newest first; or the chain, sealed records in their order (`sort=seq`, without a filter).
#[utoipa::path(
    operation_id = "list_audit", tag = "audit",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("sort" = Option<String>, Query, description = "newest (the default), or seq: the chain from its beginning"),
        ("action" = Option<String>, Query, description = "An action, a family (`trash.*`), or the method and path of refused calls"),
        ("actor" = Option<String>, Query, description = "The id of the actor"),
        ("outcome" = Option<String>, Query, description = "done or refused"),
        ("subject_id" = Option<String>, Query, description = "What it was done to"),
        ("entry_id" = Option<String>, Query, description = "The trash entry it concerns"),
        ("request_id" = Option<String>, Query, description = "The request"),
        ("after" = Option<String>, Query, description = "At or after this moment (RFC 3339)"),
        ("before" = Option<String>, Query, description = "Before this moment (RFC 3339)"),
    ),
    responses((status = 200, body = Page<AuditView>)),
    security(("api_key" = ["audit:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/audit")]
pub(super) async fn list_audit(auth: Auth<needs::AuditRead>) -> Result<HttpResponse, ApiError> {
    auth.read(QUERY, |conn, caller, input| {
        let in_order = input.parsed("sort", "newest or seq", |word| match word {
            "newest" => Some(false),
            "seq" => Some(true),
            _ => None,
        })?;
        let query = AuditQuery {
            action: input.text("action"),
            filter: AuditFilter {
                actions: None,
                actor: input.text("actor"),
                outcome: input.parsed("outcome", "done or refused", |word| {
                    matches!(word, audit::DONE | audit::REFUSED).then(|| word.to_owned())
                })?,
                subject: input.parsed("subject_id", "an id", RootId::parse)?,
                entry: input.parsed("entry_id", "an id", EntryId::parse)?,
                request_id: input.text("request_id"),
                after: input.moment("after")?,
                before: input.moment("before")?,
            },
        };
        let page = input.page()?;
        let records = if in_order.unwrap_or(false) {
            query.refuse_filters()?;
            audit::in_order(conn, caller, &page)?
        } else {
            audit::list(conn, caller, &query, &page)?
        };
        Ok((records, None))
    })
    .await
}

/// The end of the audit chain. Keep it: nobody can change what was before it without your noticing.
#[utoipa::path(
    operation_id = "get_audit_head", tag = "audit",
    responses((status = 200, body = Head)),
    security(("api_key" = ["audit:read"])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/audit/head")]
pub(super) async fn get_audit_head(auth: Auth<needs::AuditRead>) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, _| {
        Ok((audit::head(conn, caller)?, None))
    })
    .await
}
