//! Webhooks: endpoints that are told of events, signed by the rules of Standard Webhooks.
//!
//! An endpoint has a place in the feed of its organization; [`fan_out`] turns what comes after it into deliveries, and
//! [`sending`] sends those. What must stay true: each event that the endpoint's types let through becomes one delivery, in
//! the transaction that moves the place; a delivery keeps its id and its bytes through all tries; an event that was rolled
//! back is never in the feed, and so is never sent; the signing secret is shown once and stored like every secret.

mod change;
pub mod deliveries;
pub mod fan_out;
mod input;
mod message;
pub mod sending;
pub mod signing;
pub mod testing;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::alarms;
use super::caller::Caller;
use super::error::{Error, Result};
use super::pages::{Cursor, PageQuery};
use super::secrets::{self, Owner};
use super::unit::Tx;
use super::views::Page;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, WebhookId};
use crate::domain::kinds::{WebhookFormat, WebhookState, WebhookStop};
use crate::secrets::value::SecretValue;
use crate::store::Conn;
use crate::store::rows::WebhookRow;

pub(crate) use change::end_overlap;
pub use change::{patch, rotate_secret};
pub use input::{NewWebhook, WebhookPatch};

/// The secret that signs.
const SECRET: &str = "signing_secret";
/// The one before the last rotation, which signs too for a while.
const PREVIOUS: &str = "previous_signing_secret";
/// Endpoints of one organization.
const MOST: i64 = 20;

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// Where is sent to. Addresses of chat tools are secrets: who has one can post there.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// What is sent.
    pub format: WebhookFormat,
    /// Event types and families that it is told of; all without one.
    pub types: Vec<String>,
    /// Whether it is told anything.
    pub state: WebhookState,
    /// Why it is disabled, if it is.
    pub disabled_reason: Option<WebhookStop>,
    /// Tries that failed since the last that did not.
    pub failures: i32,
    /// Until then nothing is tried, after failures or because it asked for that.
    pub paused_until: Option<Ts>,
    /// When it took something last.
    pub last_delivered_at: Option<Ts>,
    /// Until then the secret before the last rotation signs too.
    pub previous_secret_until: Option<Ts>,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl From<WebhookRow> for WebhookView {
    fn from(row: WebhookRow) -> Self {
        Self {
            id: row.id,
            url: row.url,
            description: row.description,
            format: row.format,
            types: row.types.split_whitespace().map(str::to_owned).collect(),
            state: row.state,
            disabled_reason: row.stop,
            failures: row.failures,
            paused_until: row.paused_until,
            last_delivered_at: row.last_delivered_at,
            previous_secret_until: row.previous_until,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// A webhook endpoint, with its signing secret if that is new.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedWebhookView {
    /// What its messages are signed by, if it is new: keep it, it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// The endpoint.
    #[serde(flatten)]
    pub webhook: WebhookView,
}

impl From<&WebhookRow> for Owner {
    fn from(row: &WebhookRow) -> Self {
        Self::of_webhook(row.org_id, row.id)
    }
}

/// Creates an endpoint; it is told of what is announced from now on.
pub fn create(tx: &mut Tx<'_>, new: &NewWebhook) -> Result<SignedWebhookView> {
    let mut errors = Vec::new();
    let mut checked = |result: std::result::Result<String, _>| match result {
        Ok(text) => text,
        Err(error) => {
            errors.push(error);
            String::new()
        }
    };
    let url = checked(input::url(&new.url));
    let description = checked(input::description(&new.description));
    let types = checked(input::types(&new.types));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let org = tx.caller.org;
    if tx.conn.count_webhooks(org)? >= MOST {
        return Err(Error::field(
            "/url",
            "too_many",
            "An organization has at most 20 webhook endpoints.",
        ));
    }
    let position = tx.conn.audit_head(org)?.map_or(0, |(seq, _)| seq);
    let row = WebhookRow {
        org_id: org,
        id: WebhookId::mint(),
        url,
        description,
        format: new.format,
        types,
        state: WebhookState::Enabled,
        stop: None,
        position,
        failures: 0,
        paused_until: None,
        last_delivered_at: None,
        previous_until: None,
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
    };
    tx.conn.insert_webhook(&row)?;
    let secret = enter_secret(tx, &row)?;
    record(
        tx,
        "webhook.created",
        &row,
        &json!({ "host": host(&row.url), "format": row.format, "types": row.types }),
    )?;
    Ok(SignedWebhookView {
        signing_secret: Some(secret),
        webhook: row.into(),
    })
}

/// One endpoint.
pub fn get(conn: &mut Conn, caller: &Caller, id: WebhookId) -> Result<WebhookView> {
    Ok(find(conn, caller.org, id)?.into())
}

/// A page of endpoints, oldest first.
pub fn list(conn: &mut Conn, caller: &Caller, page: &PageQuery) -> Result<Page<WebhookView>> {
    let cursor: Option<Cursor<WebhookId>> = page.cursor("webhooks", &())?;
    let mut rows = conn.list_webhooks(caller.org, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("webhooks", &(), more, last),
        data: rows.into_iter().map(WebhookView::from).collect(),
    })
}

/// Forgets an endpoint with all that is on its way to it, and shreds its secrets.
pub fn delete(tx: &mut Tx<'_>, id: WebhookId) -> Result<WebhookView> {
    let row = lock(tx, id)?;
    shred(tx, &row, &[SECRET, PREVIOUS])?;
    tx.conn.delete_webhook(row.org_id, id)?;
    alarms::resolve(
        tx.conn,
        Some(row.org_id),
        AlarmCode::WebhookDisabled,
        &id.to_string(),
    )?;
    record(
        tx,
        "webhook.deleted",
        &row,
        &json!({ "host": host(&row.url) }),
    )?;
    Ok(row.into())
}

/// Stops an endpoint, for a reason that is not somebody's wish.
pub(super) fn stop(tx: &mut Tx<'_>, row: &mut WebhookRow, reason: WebhookStop) -> Result<()> {
    row.state = WebhookState::Disabled;
    row.stop = Some(reason);
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_webhook(row)?;
    let why = match reason {
        WebhookStop::Gone => "it answered 410 Gone",
        WebhookStop::SecretLost => "its signing secret is lost",
        WebhookStop::Failing | WebhookStop::ByHand => "everything failed for three days",
    };
    let detail = format!(
        "The webhook endpoint {} at {} is disabled: {why}.",
        row.id,
        host(&row.url)
    );
    alarms::raise(
        tx.conn,
        Some(row.org_id),
        AlarmCode::WebhookDisabled,
        &row.id.to_string(),
        &detail,
    )?;
    record(
        tx,
        "webhook.disabled",
        row,
        &json!({ "host": host(&row.url), "reason": reason }),
    )
}

/// Stops an endpoint that has lost its present secret; one that has lost only the earlier one goes on.
pub(super) fn stop_without_secret(tx: &mut Tx<'_>, mut row: WebhookRow) -> Result<()> {
    let left = stored(tx, &row, &[SECRET, PREVIOUS])?;
    if !left.contains(&PREVIOUS) {
        row.previous_until = None;
    }
    if left.contains(&SECRET) || row.state == WebhookState::Disabled {
        tx.conn.update_webhook(&row)?;
        return Ok(());
    }
    stop(tx, &mut row, WebhookStop::SecretLost)
}

fn record(
    tx: &mut Tx<'_>,
    action: &str,
    row: &WebhookRow,
    detail: &serde_json::Value,
) -> Result<()> {
    tx.record(action, "webhook", row.id.into(), None, detail)
}

/// A new secret in the place of the one there is; its text.
fn enter_secret(tx: &mut Tx<'_>, row: &WebhookRow) -> Result<String> {
    let secret = signing::mint()?;
    let text = secret.expose().to_owned();
    let input: BTreeMap<String, Option<SecretValue>> =
        BTreeMap::from([(SECRET.to_owned(), Some(secret))]);
    secrets::apply(tx, row, &input, &BTreeMap::new())?;
    Ok(text)
}

/// Shreds those of these fields that are stored.
fn shred(tx: &mut Tx<'_>, row: &WebhookRow, fields: &[&'static str]) -> Result<()> {
    let fields = stored(tx, row, fields)?;
    secrets::shred(tx, row, &fields)
}

/// Those of these fields that are stored.
fn stored(tx: &mut Tx<'_>, row: &WebhookRow, fields: &[&'static str]) -> Result<Vec<&'static str>> {
    let facts = Owner::from(row).facts(tx)?;
    let is_stored = |field: &&'static str| facts.iter().any(|fact| fact.field == **field);
    Ok(fields.iter().copied().filter(is_stored).collect())
}

pub(super) fn lock(tx: &mut Tx<'_>, id: WebhookId) -> Result<WebhookRow> {
    tx.conn
        .lock_webhook(tx.caller.org, id)?
        .ok_or_else(|| Error::not_found("webhook endpoint"))
}

fn find(conn: &mut Conn, org: OrgId, id: WebhookId) -> Result<WebhookRow> {
    conn.find_webhook(org, id)?
        .ok_or_else(|| Error::not_found("webhook endpoint"))
}

/// The host of an address: what records say of it. The path may be a secret.
fn host(url: &str) -> String {
    Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}
