//! What bodies say of an integration.

use std::collections::BTreeMap;

use serde_json::value::to_raw_value;

use super::credentials::{Members, for_one_attempt, raw_text};
use super::input::{Faults, Object, filled, secret, secret_json, text, within};
use super::providers::AuthMode;
use crate::connectors::{Connector, EXTRA};
use crate::domain::json::JsonText;
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::secrets::SecretInput;

/// Whether webhooks of the provider are to be forwarded; nobody does.
pub(super) const FORWARD: &str = "forward_webhooks";

/// What a body says of an integration.
#[derive(Default)]
pub(super) struct Said {
    /// The name to show.
    pub(super) name: Option<String>,
    /// What is not secret.
    pub(super) settings: Members,
    secrets: SecretInput,
}

impl Said {
    /// Takes what is said of an integration of this connector.
    pub(super) fn take(
        body: &mut Object<'_>,
        connector: &Connector,
        mode: AuthMode,
        faults: &mut Faults,
    ) -> Self {
        let mut said = Self::default();
        let path = body.at("display_name");
        said.name = body
            .text("display_name", faults)
            .and_then(|name| filled(name, &path, faults))
            .and_then(|name| within(name, 255, &path, faults));
        let path = body.at(FORWARD);
        if let Some(forward) = body.flag(FORWARD, faults) {
            if connector.declares(FORWARD) {
                let forward = to_raw_value(&forward).ok();
                said.settings
                    .extend(forward.map(|it| (FORWARD.to_owned(), it)));
            } else if !forward {
                faults.add("custom", "This provider keeps no such setting", &path);
            }
        }
        if let Some(credentials) = body.object("credentials", faults) {
            said.take_credentials(credentials, connector, mode, faults);
        }
        let mut others = BTreeMap::new();
        for name in ["integration_config", "custom"] {
            others.extend(body.json(name, faults).map(|json| (name, json)));
        }
        if !others.is_empty() {
            let json = serde_json::to_string(&others).unwrap_or_default();
            let value = secret_json(json, &["integration_config".to_owned()], faults);
            said.secrets.insert(EXTRA.to_owned(), value);
        }
        said
    }

    fn take_credentials(
        &mut self,
        mut credentials: Object<'_>,
        connector: &Connector,
        mode: AuthMode,
        faults: &mut Faults,
    ) {
        let path = credentials.at("type");
        credentials.need("type", "string", faults);
        let named = credentials.text("type", faults);
        let fits = named.as_deref() == Some(mode.as_str());
        if named.is_some() && !fits {
            let message = format!("The provider takes credentials of type {}", mode.as_str());
            faults.add("custom", message, &path);
            credentials.rest();
        }
        for (name, required) in of_integration(mode) {
            let path = credentials.at(name);
            let field = connector.secret_field(name).map(|field| field.key.clone());
            if *required && fits {
                credentials.need(name, "string", faults);
            }
            let Some(raw) = credentials.take(name) else {
                continue;
            };
            if let Some(field) = field {
                let value = secret(raw, &path, faults);
                self.secrets.insert(field, value);
            } else if connector.declares(name) {
                let text = text(raw, &path, faults);
                let text = text.and_then(|text| raw_text(&text).ok());
                self.settings
                    .extend(text.map(|text| ((*name).to_owned(), text)));
            } else {
                faults.add("custom", "This provider keeps no such member", &path);
            }
        }
        credentials.end(faults);
    }

    /// What is not secret, as JSON.
    pub(super) fn settings_json(&self) -> ServiceResult<JsonText> {
        serde_json::to_string(&self.settings)
            .map(JsonText::from_trusted)
            .map_err(|error| Error::Internal(error.to_string()))
    }

    pub(super) fn secrets(&self) -> SecretInput {
        for_one_attempt(&self.secrets)
    }
}

/// The members of an integration's credentials, and whether they must be there.
pub(super) fn of_integration(mode: AuthMode) -> &'static [(&'static str, bool)] {
    match mode {
        AuthMode::OAuth1 | AuthMode::OAuth2 | AuthMode::Tba => &[
            ("client_id", true),
            ("client_secret", true),
            ("scopes", false),
            ("webhook_secret", false),
        ],
        AuthMode::App => &[("app_id", true), ("app_link", true), ("private_key", true)],
        AuthMode::Custom => &[
            ("client_id", true),
            ("client_secret", true),
            ("app_id", true),
            ("app_link", true),
            ("private_key", true),
        ],
        _ => &[],
    }
}
