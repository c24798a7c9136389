//! What Trackstar's clients see. The fields are listed, so nothing is shown by accident.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::connections::{CUSTOMER_ID, WEBHOOKS_DISABLED};
use crate::connectors::{self, Category};
use crate::domain::clock::Ts;
use crate::domain::ids::ConnectionId;
use crate::domain::json::JsonText;
use crate::domain::kinds::Status;
use crate::domain::tags::Tags;
use crate::service::error::{Error, Result};
use crate::service::views::ConnectionView;

const CONNECTION: &str = "connection";

macro_rules! done {
    ($($(#[$doc:meta])* $name:ident, $title:literal: $(#[$about:meta])* $word:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Serialize, ToSchema)]
        #[schema(title = $title)]
        pub(super) struct $name {
            /// The id of the connection.
            id: ConnectionId,
            /// The type of the object.
            #[schema(example = "connection")]
            object: &'static str,
            $(#[$about])*
            $word: bool,
        }

        impl $name {
            pub(super) fn of(id: ConnectionId) -> Self {
                Self { id, object: CONNECTION, $word: true }
            }
        }
    )+};
}

done! {
    /// A connection was deleted.
    DeletedConnection, "DeleteConnectionResponse":
        /// Whether or not the object was deleted.
        deleted;
    /// A connection was changed.
    UpdatedConnection, "UpdateConnectionResponse":
        /// Whether or not the object was updated.
        updated;
}

/// A page of connections.
#[derive(Serialize, ToSchema)]
pub(super) struct ListOfConnections {
    /// The connections of this page.
    pub(super) data: Vec<ConnectionObject>,
    /// Send it as `page_token` for the next page; null on the last one.
    pub(super) next_token: Option<String>,
    /// How many there are on all pages.
    pub(super) total_count: i64,
}

/// One connection.
#[derive(Serialize, ToSchema)]
pub(super) struct OneConnection {
    /// The connection.
    pub(super) data: ConnectionObject,
}

/// A connection. What Reprieve does not do (syncs, actions) is empty, what it does not count is null.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionObject {
    /// Its id, which is that of /v1.
    connection_id: ConnectionId,
    /// The key of its integration; the connector's key without one.
    integration_name: String,
    /// What people call the kind of system.
    integration_display_name: &'static str,
    /// The family of its connector: `database`, `warehouse` or `http`.
    integration_type: Category,
    /// Your own id: its tag `customer_id`.
    customer_id: Option<String>,
    /// When it was made.
    created_at: Ts,
    /// Not counted.
    #[schema(value_type = Option<String>)]
    last_used: Option<Ts>,
    /// Not counted.
    times_used: Option<u64>,
    /// Nothing is synchronised.
    sync_schedules: [String; 0],
    /// Nothing is synchronised.
    historical_sync_completed: BTreeMap<String, bool>,
    /// Why it can't be used: secrets that are missing, or the last test.
    errors: Vec<ConnectionError>,
    /// There are none.
    available_actions: [String; 0],
    /// There are none.
    available_endpoints: [String; 0],
    /// Its tag `webhooks_disabled`.
    webhooks_disabled: bool,
}

/// What is wrong with a connection.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionError {
    /// What to do, in a sentence.
    error_message: String,
    /// There are none.
    affected_endpoints: [String; 0],
    /// When the connection came into this state, or was tested.
    first_seen: Ts,
    /// The same: only the last test is kept.
    last_seen: Ts,
}

/// What is read of a stored test.
#[derive(Deserialize)]
struct LastTest {
    detail: String,
    at: Ts,
}

impl ConnectionObject {
    pub(super) fn of(view: &ConnectionView) -> Result<Self> {
        let connector = connectors::find(&view.connector).ok_or_else(|| {
            Error::Internal(format!("connection {} has an unknown connector", view.id))
        })?;
        Ok(Self {
            connection_id: view.id,
            integration_name: view.integration.clone(),
            integration_display_name: &connector.label,
            integration_type: connector.category,
            customer_id: tag(view, CUSTOMER_ID)?,
            created_at: view.created_at,
            last_used: None,
            times_used: None,
            sync_schedules: [],
            historical_sync_completed: BTreeMap::new(),
            errors: errors(view)?,
            available_actions: [],
            available_endpoints: [],
            webhooks_disabled: tag(view, WEBHOOKS_DISABLED)?.as_deref() == Some("true"),
        })
    }
}

/// The value of a tag.
pub(super) fn tag(view: &ConnectionView, key: &str) -> Result<Option<String>> {
    let tags = Tags::parse(&view.tags, "/tags").map_err(|_| damaged(view))?;
    Ok(tags.get(key).map(str::to_owned))
}

fn errors(view: &ConnectionView) -> Result<Vec<ConnectionError>> {
    let (error_message, at) = match view.status {
        Status::Untested | Status::Active => return Ok(Vec::new()),
        Status::NeedsCredentials => {
            let missing: Vec<&str> = view
                .secrets
                .values()
                .filter(|secret| secret.required && !secret.set)
                .map(|secret| secret.label.as_str())
                .collect();
            let what = if missing.is_empty() {
                "one of several that would do".to_owned()
            } else {
                missing.join(", ")
            };
            let text = format!("Credentials are missing: {what}. Enter them again.");
            (text, view.updated_at)
        }
        Status::Failing => {
            let test = view.last_test.as_ref().map(JsonText::as_str);
            let test: LastTest = test
                .and_then(|test| serde_json::from_str(test).ok())
                .ok_or_else(|| damaged(view))?;
            (test.detail, test.at)
        }
    };
    Ok(vec![ConnectionError {
        error_message,
        affected_endpoints: [],
        first_seen: at,
        last_seen: at,
    }])
}

fn damaged(view: &ConnectionView) -> Error {
    Error::Internal(format!("connection {} has damaged stored JSON", view.id))
}

/// A link token.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkToken {
    /// Send the user to `/enter/<link_token>`; works once, for 30 minutes.
    pub(super) link_token: String,
}

/// What an auth code was exchanged for.
#[derive(Serialize, ToSchema)]
pub(super) struct Exchanged {
    /// A new access token of the connection: keep it, it is shown once.
    pub(super) access_token: String,
    /// The connection.
    pub(super) connection_id: ConnectionId,
    /// The key of its integration.
    pub(super) integration_name: String,
    /// Your own id.
    pub(super) customer_id: Option<String>,
    /// There are none.
    pub(super) available_actions: [String; 0],
    /// There are none.
    pub(super) available_endpoints: [String; 0],
}

/// A refusal, as the description has it; [`super::Refusal`] is the one that is sent.
#[derive(Serialize, ToSchema)]
pub(super) struct ValidationError {
    /// What is wrong.
    error: String,
    /// Who refuses.
    #[schema(example = "trackstar")]
    origin: String,
    /// What is wrong with single fields, by place (`headers`, `json`, `query`) and field.
    detail: Option<BTreeMap<String, BTreeMap<String, Vec<String>>>>,
}
