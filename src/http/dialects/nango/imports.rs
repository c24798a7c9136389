//! `POST /connections`: brings a connection with its credentials, or replaces those of one that is there.

use actix_web::{HttpResponse, post};
use uuid::Uuid;

use super::credentials::{Entered, for_one_attempt};
use super::input::{CONNECTION_ID, Faults, Object, PROVIDER_CONFIG_KEY, Query, text};
use super::providers::{self, Form};
use super::refusal::StdError;
use super::schemas::ImportBody;
use super::tags::{self, Said, Tags};
use super::view::Full;
use super::{BODY, Nango, Refusal, needs};
use crate::connectors::{self, Connector};
use crate::domain::codes::Code;
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::http::dialects::{Guest, Stop};
use crate::service::caller::Caller;
use crate::service::connections::{self, NewConnection, Replacement};
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::integrations;
use crate::service::secrets::{self, SecretInput};
use crate::service::unit::Tx;
use crate::service::views::ConnectionView;
use crate::store::Conn;

/// Imports a connection, or replaces the credentials of the one that is called so.
#[utoipa::path(
    operation_id = "importConnection", tag = "connections", request_body = ImportBody,
    responses(
        (status = 201, body = Full), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 413, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[post("/connections")]
pub(super) async fn import_connection(
    guest: Guest<Nango, needs::Create>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    let key = body.needed("provider_config_key", PROVIDER_CONFIG_KEY, &mut faults);
    let id = match body.text("connection_id", &mut faults) {
        Some(id) => {
            let path = body.at("connection_id");
            CONNECTION_ID.check(id, &path, &mut faults)
        }
        None => Some(Uuid::new_v4().to_string()),
    };
    let said = Said::take(&mut body, &mut faults);
    let metadata = body.json("metadata", &mut faults);
    super::changes::take_webhook_url(&mut body, &mut faults);
    body.need("credentials", "object", &mut faults);
    let credentials = body.object("credentials", &mut faults);
    let config = body.object("connection_config", &mut faults);
    body.end(&mut faults);
    let Some(((key, id), mut credentials)) = key.zip(id).zip(credentials) else {
        faults.refuse("invalid_body")?;
        return Err(Refusal::invalid_body("The body is not complete."));
    };
    let type_path = credentials.at("type");
    credentials.need("type", "string", &mut faults);
    let named = credentials.take("type");
    let mode = named.and_then(|raw| text(raw, &type_path, &mut faults));

    // Which members there are depends on the integration.
    let wanted = key.clone();
    let connector = guest
        .read(move |conn, caller| {
            home(conn, caller, &wanted)?
                .ok_or_else(|| Stop::Wire(Refusal::not_found("Integration does not exist")))
        })
        .await?;
    let form = providers::form(&connector.key);
    let Some(form) = form else {
        let message = format!("The connector {} has no credentials here", connector.key);
        return Err(Refusal::invalid_body(message));
    };
    if mode.is_some_and(|mode| mode != form.auth_mode.as_str()) {
        let expected = form.auth_mode.as_str();
        let message = format!("The provider of {key} takes credentials of type {expected}");
        return Err(Refusal::invalid_body(message));
    }
    let mut entered = form.enter(credentials, &mut faults);
    if let Some(config) = config {
        form.configure(&mut entered, config, &mut faults);
    }
    faults.refuse("invalid_body")?;
    let import = Import {
        key,
        id,
        connector,
        form,
        entered,
        said,
        metadata,
    };
    let full = guest.may(Scope::SecretsRead);
    let view = guest
        .write(move |tx| {
            let view = import.run(tx)?;
            let read = if full { shown(tx, &view)? } else { None };
            let (conn, caller) = (&mut *tx.conn, tx.caller);
            Ok(Full::of(conn, caller, &view, read.as_ref(), true)?)
        })
        .await?;
    Ok(HttpResponse::Created().json(view))
}

/// The connector of a key, if connections can have it.
pub(super) fn home(
    conn: &mut Conn,
    caller: &Caller,
    key: &str,
) -> ServiceResult<Option<&'static Connector>> {
    match integrations::get(conn, caller, key) {
        Ok(view) => Ok(connectors::find(&view.connector)),
        Err(Error::Problem(_)) => Ok(connectors::find(key)),
        Err(error) => Err(error),
    }
}

/// The secrets of what was just entered; none if it is not complete or has to be tested first.
fn shown(tx: &mut Tx<'_>, view: &ConnectionView) -> ServiceResult<Option<secrets::SecretsView>> {
    match secrets::read(tx, view.id) {
        Err(Error::Problem(problem))
            if matches!(problem.code, Code::NeedsCredentials | Code::TestRequired) =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// A connection to bring.
pub(super) struct Import {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) connector: &'static Connector,
    pub(super) form: &'static Form,
    pub(super) entered: Entered,
    pub(super) said: Said,
    pub(super) metadata: Option<JsonText>,
}

impl Import {
    /// Makes the connection, or replaces what the one that is called so has.
    pub(super) fn run(&self, tx: &mut Tx<'_>) -> ServiceResult<ConnectionView> {
        // One in the trash is another one: it may be restored under another name.
        match connections::lock_called(tx, &self.key, &self.id, true) {
            Ok(id) => {
                let before = connections::get(tx.conn, tx.caller, id)?;
                let replacement = Replacement {
                    settings: Some(self.entered.settings(self.form, Some(&before.settings))?),
                    tags: self.said.onto(&tags::stored(&before.tags)?),
                    metadata: self.metadata.clone(),
                    secrets: self.secrets(),
                };
                connections::replace(tx, id, &replacement)
            }
            Err(Error::Problem(problem))
                if matches!(problem.code, Code::NotFound | Code::InTrash) =>
            {
                let name = connections::name_for(tx.conn, tx.caller, &self.key, &self.id)?;
                let new = NewConnection {
                    name: Some(name),
                    connector: self.connector.key.clone(),
                    integration: Some(self.key.clone()),
                    external_id: Some(self.id.clone()),
                    settings: Some(self.entered.settings(self.form, None)?),
                    tags: self.said.onto(&Tags::new()),
                    metadata: self.metadata.clone(),
                    secrets: self.secrets(),
                    source_hints: std::collections::BTreeMap::new(),
                    deletion_protection: false,
                    on_trashed: None,
                };
                connections::create(tx, &new)
            }
            Err(error) => Err(error),
        }
    }

    fn secrets(&self) -> SecretInput {
        for_one_attempt(&self.entered.secrets)
    }
}
