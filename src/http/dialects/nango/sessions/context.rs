//! What a session was opened with, as it is stored with its token.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::Refusal;
use super::super::imports::home;
use super::super::input::{Faults, Object};
use super::super::tags::{ORGANIZATION_ID, ORGANIZATION_NAME, Said, Tags, stored};
use crate::domain::json::JsonText;
use crate::http::dialects::Stop;
use crate::service::caller::Caller;
use crate::service::connect::ConnectSession;
use crate::service::error::{Error, Result};
use crate::store::Conn;

/// What a session was opened with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    /// The tags that its connection gets, those of the end user among them; without any, those of a connection stay.
    pub(super) tags: Option<Tags>,
    /// The keys of the integrations in which connections may be made; all without any.
    pub(super) allowed_integrations: Option<Vec<String>>,
    /// What connections get if nobody says otherwise, by the integration's key.
    pub(super) integrations_config_defaults: Option<Box<RawValue>>,
    /// What screens show otherwise, by the integration's key.
    pub(super) overrides: Option<Box<RawValue>>,
}

/// What a body asks a session to be opened with, before anybody knows which tags its connection has.
pub(super) struct Asked {
    said: Said,
    organization: Tags,
    integrations_config_defaults: Option<Box<RawValue>>,
    overrides: Option<Box<RawValue>>,
}

impl Asked {
    /// Takes what the bodies of all sessions have.
    pub(super) fn take(body: &mut Object<'_>, faults: &mut Faults) -> Result<Self> {
        let said = Said::take(body, faults);
        let mut tags = Tags::new();
        if let Some(mut organization) = body.object("organization", faults) {
            organization.need("id", "string", faults);
            let (id, name) = (
                organization.filled("id", faults),
                organization.filled("display_name", faults),
            );
            organization.end(faults);
            for (key, value) in [(ORGANIZATION_ID, id), (ORGANIZATION_NAME, name)] {
                if let Some(value) = value {
                    tags.insert(key.to_owned(), value);
                }
            }
        }
        super::super::changes::take_webhook_url(body, faults);
        let raw = |text: Option<JsonText>| {
            text.map(|text| RawValue::from_string(text.as_str().to_owned()))
                .transpose()
                .map_err(|error| Error::Internal(error.to_string()))
        };
        Ok(Self {
            said,
            organization: tags,
            integrations_config_defaults: raw(body.json("integrations_config_defaults", faults))?,
            overrides: raw(body.json("overrides", faults))?,
        })
    }

    /// The same for a connection that has these tags before, and for connections of these integrations alone.
    pub(super) fn onto(
        self,
        before: &Tags,
        allowed_integrations: Option<Vec<String>>,
    ) -> Result<Context> {
        let mut tags = self.said.onto(before).as_ref().map(stored).transpose()?;
        if !self.organization.is_empty() {
            tags.get_or_insert_with(|| before.clone())
                .extend(self.organization);
        }
        Ok(Context {
            tags,
            allowed_integrations,
            integrations_config_defaults: self.integrations_config_defaults,
            overrides: self.overrides,
        })
    }
}

impl Context {
    /// What is stored with a session.
    pub(super) fn read(session: &ConnectSession) -> Result<Self> {
        serde_json::from_str(session.context.as_str())
            .map_err(|error| Error::Internal(format!("session {}: {error}", session.id)))
    }

    /// As it is stored.
    pub(super) fn text(&self) -> Result<JsonText> {
        serde_json::to_string(self)
            .map(JsonText::from_trusted)
            .map_err(|error| Error::Internal(error.to_string()))
    }

    /// Refuses integrations that are not there.
    pub(super) fn check(
        &self,
        conn: &mut Conn,
        caller: &Caller,
    ) -> std::result::Result<(), Stop<Refusal>> {
        let mut faults = Faults::default();
        let mut check = |place: &str, at: String, key: &str| -> Result<()> {
            if home(conn, caller, key)?.is_none() {
                let path = [place.to_owned(), at];
                faults.add("custom", "Integration does not exist", &path);
            }
            Ok(())
        };
        for (index, key) in self.allowed_integrations.iter().flatten().enumerate() {
            check("allowed_integrations", index.to_string(), key)?;
        }
        for (place, keyed) in [
            (
                "integrations_config_defaults",
                &self.integrations_config_defaults,
            ),
            ("overrides", &self.overrides),
        ] {
            for key in keys(keyed.as_deref()) {
                check(place, key.clone(), &key)?;
            }
        }
        faults.refuse("invalid_body").map_err(Stop::Wire)
    }

    /// Whether connections of this integration may be made.
    pub(super) fn allows(&self, integration: &str) -> bool {
        self.allowed_integrations
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|key| key == integration))
    }

    /// The `connection_config` that connections of this integration get if nobody says otherwise.
    pub(super) fn config(&self, integration: &str) -> Members {
        #[derive(Deserialize)]
        struct Defaults {
            #[serde(default)]
            connection_config: Members,
        }
        self.integrations_config_defaults
            .as_deref()
            .and_then(|all| serde_json::from_str::<Members>(all.get()).ok())
            .and_then(|all| serde_json::from_str::<Defaults>(all.get(integration)?.get()).ok())
            .map(|defaults| defaults.connection_config)
            .unwrap_or_default()
    }
}

/// JSON by name.
pub(super) type Members = std::collections::BTreeMap<String, Box<RawValue>>;

fn keys(object: Option<&RawValue>) -> Vec<String> {
    object
        .and_then(|object| serde_json::from_str::<Members>(object.get()).ok())
        .map(|members| members.into_keys().collect())
        .unwrap_or_default()
}
