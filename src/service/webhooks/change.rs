//! Changing a webhook endpoint: merge patches, and another signing secret.

use std::collections::BTreeMap;

use chrono::Duration;
use serde_json::json;

use super::{
    PREVIOUS, SECRET, SignedWebhookView, WebhookPatch, enter_secret, host, input, lock, record,
    shred, stored,
};
use crate::domain::alarms::AlarmCode;
use crate::domain::codes::Code;
use crate::domain::ids::WebhookId;
use crate::domain::kinds::{WebhookState, WebhookStop};
use crate::service::alarms;
use crate::service::connections::check_version;
use crate::service::error::{Error, Problem, Result};
use crate::service::secrets::{self, Owner};
use crate::service::unit::Tx;
use crate::store::rows::WebhookRow;

/// How long the secret before a rotation signs, too.
const OVERLAP: Duration = Duration::hours(24);

/// Changes an endpoint by a merge patch. Another address gets another secret: what the old one has signed proves nothing
/// there, and what goes there proves nothing at the old one.
pub fn patch(
    tx: &mut Tx<'_>,
    id: WebhookId,
    if_match: Option<i64>,
    patch: &WebhookPatch,
) -> Result<SignedWebhookView> {
    let before = lock(tx, id)?;
    check_version(before.version, if_match)?;
    let mut row = before.clone();
    let mut errors = Vec::new();
    let mut set = |field: &mut String, result: Option<std::result::Result<String, _>>| match result
    {
        Some(Ok(text)) => *field = text,
        Some(Err(error)) => errors.push(error),
        None => {}
    };
    set(&mut row.url, patch.url.as_deref().map(input::url));
    set(
        &mut row.description,
        patch.description.as_deref().map(input::description),
    );
    set(&mut row.types, patch.types.as_deref().map(input::types));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    row.format = patch.format.unwrap_or(row.format);
    let mut signing_secret = None;
    if row.url != before.url {
        shred(tx, &row, &[PREVIOUS])?;
        row.previous_until = None;
        (row.failures, row.paused_until) = (0, None);
        signing_secret = Some(enter_secret(tx, &row)?);
    }
    match patch.state {
        Some(WebhookState::Enabled) if row.state == WebhookState::Disabled => enable(tx, &mut row)?,
        Some(WebhookState::Disabled) if row.state == WebhookState::Enabled => {
            row.state = WebhookState::Disabled;
            row.stop = Some(WebhookStop::ByHand);
        }
        _ => {}
    }
    if row != before || signing_secret.is_some() {
        row.version += 1;
        row.updated_at = tx.at;
        tx.conn.update_webhook(&row)?;
        let changed: Vec<&str> = [
            ("url", before.url != row.url),
            ("description", before.description != row.description),
            ("types", before.types != row.types),
            ("format", before.format != row.format),
            ("state", before.state != row.state),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect();
        record(
            tx,
            "webhook.updated",
            &row,
            &json!({ "host": host(&row.url), "changed": changed, "state": row.state }),
        )?;
    }
    Ok(SignedWebhookView {
        signing_secret,
        webhook: row.into(),
    })
}

fn enable(tx: &mut Tx<'_>, row: &mut WebhookRow) -> Result<()> {
    if stored(tx, row, &[SECRET])?.is_empty() {
        return Err(Problem::new(
            Code::NeedsCredentials,
            "The endpoint has lost its signing secret: rotate it first (POST /v1/webhooks/{id}/rotate-secret).",
        )
        .with("missing", [SECRET])
        .into());
    }
    row.state = WebhookState::Enabled;
    row.stop = None;
    (row.failures, row.paused_until) = (0, None);
    let now = tx.conn.now()?;
    tx.conn.revive_deliveries(row.org_id, row.id, now)?;
    alarms::resolve(
        tx.conn,
        Some(row.org_id),
        AlarmCode::WebhookDisabled,
        &row.id.to_string(),
    )?;
    Ok(())
}

/// Makes a new signing secret. The one before signs too for a day, so that whoever verifies can change without a gap.
pub fn rotate_secret(tx: &mut Tx<'_>, id: WebhookId) -> Result<SignedWebhookView> {
    let mut row = lock(tx, id)?;
    let facts: Vec<_> = Owner::from(&row)
        .facts(tx)?
        .into_iter()
        .filter(|secret| secret.field == SECRET)
        .collect();
    let mut values = match secrets::open_values(tx, &row, &facts) {
        Ok(values) => values,
        // One that does not open signs nothing any more.
        Err(Error::Problem(problem)) if problem.code == Code::NeedsCredentials => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    let now = tx.conn.now()?;
    if let Some(current) = values.remove(SECRET) {
        let moved = BTreeMap::from([(PREVIOUS.to_owned(), Some(current))]);
        secrets::apply(tx, &row, &moved, &BTreeMap::new())?;
        row.previous_until = Some(now.plus(OVERLAP));
    }
    let secret = enter_secret(tx, &row)?;
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_webhook(&row)?;
    record(
        tx,
        "webhook.secret_rotated",
        &row,
        &json!({ "host": host(&row.url), "previous_until": row.previous_until }),
    )?;
    Ok(SignedWebhookView {
        signing_secret: Some(secret),
        webhook: row.into(),
    })
}

/// Shreds the earlier secret of an endpoint once it signs no longer.
pub(crate) fn end_overlap(tx: &mut Tx<'_>, id: WebhookId) -> Result<()> {
    let now = tx.conn.now()?;
    let Some(mut row) = tx.conn.lock_webhook(tx.caller.org, id)? else {
        return Ok(());
    };
    if row.previous_until.is_none_or(|until| until > now) {
        return Ok(());
    }
    shred(tx, &row, &[PREVIOUS])?;
    row.previous_until = None;
    tx.conn.update_webhook(&row)?;
    Ok(())
}
