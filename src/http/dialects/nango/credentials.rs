//! The credentials of a connection as Nango has them, and what our connectors keep of them.
//!
//! Each member of a type is a field of the connector: a secret, but for what is not secret there (`expires_at`, and say the
//! user name of `http-basic`). Objects are kept as one secret, as JSON text. What must stay true: nothing that a connector does
//! not declare is kept anywhere but in its secret `extra`.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::value::{RawValue, to_raw_value};

use super::input::{Faults, Object, kind, secret, secret_json, text};
use super::providers::{AuthMode, Form};
use crate::connectors::{Connector, EXTRA};
use crate::domain::clock::Ts;
use crate::domain::json::JsonText;
use crate::secrets::value::SecretValue;
use crate::service::error::{Error, Result};
use crate::service::secrets::{Plain, SecretInput, SecretsView};

/// A copy of what was entered for one attempt of the unit of work: each takes it for itself.
pub(super) fn for_one_attempt(entered: &SecretInput) -> SecretInput {
    let copy = |value: &SecretValue| SecretValue::parse(value.expose().to_owned()).ok();
    entered
        .iter()
        .map(|(field, value)| (field.clone(), value.as_ref().and_then(copy)))
        .collect()
}

/// JSON by name, as it is sent.
pub(super) type Members = BTreeMap<String, Box<RawValue>>;

/// A member of a type of credentials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: &'static str,
    kind: Kind,
    /// Whether it must be there.
    pub(super) required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text with something in it.
    Text,
    /// A text that may be empty.
    AnyText,
    /// An object.
    Json,
    /// A text or an object.
    TextOrJson,
    /// A moment.
    Moment,
    /// All members that no other one is, as one object.
    Rest,
}

/// The members of a type of credentials.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn members(mode: AuthMode) -> &'static [Member] {
    use Kind::{AnyText, Json, Moment, Rest, Text, TextOrJson};
    const fn need(name: &'static str, kind: Kind) -> Member {
        Member {
            name,
            kind,
            required: true,
        }
    }
    const fn may(name: &'static str, kind: Kind) -> Member {
        Member {
            name,
            kind,
            required: false,
        }
    }
    const EXPIRES: Member = may("expires_at", Moment);
    const RAW: Member = may("raw", Json);
    match mode {
        AuthMode::ApiKey => const { &[need("apiKey", Text)] },
        AuthMode::Basic => const { &[need("username", AnyText), need("password", AnyText)] },
        AuthMode::OAuth1 => {
            const {
                &[
                    need("oauth_token", Text),
                    need("oauth_token_secret", Text),
                    RAW,
                ]
            }
        }
        AuthMode::OAuth2 => {
            const {
                &[
                    need("access_token", Text),
                    may("refresh_token", Text),
                    EXPIRES,
                    may("config_override", Json),
                    RAW,
                ]
            }
        }
        AuthMode::OAuth2Cc => {
            const {
                &[
                    // The browser client has none: the original asks the provider for one.
                    may("token", Text),
                    need("client_id", Text),
                    need("client_secret", Text),
                    may("client_certificate", Text),
                    may("client_private_key", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Tba => {
            const {
                &[
                    need("token_id", Text),
                    need("token_secret", Text),
                    may("config_override", Json),
                ]
            }
        }
        AuthMode::App => {
            const {
                &[
                    need("access_token", Text),
                    may("jwtToken", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Custom => const { &[may("app", Json), may("user", Json), RAW] },
        AuthMode::Jwt => {
            const {
                &[
                    may("privateKey", TextOrJson),
                    may("privateKeyId", Text),
                    may("issuerId", Text),
                    may("token", Text),
                    EXPIRES,
                    may("fields", Rest),
                ]
            }
        }
        AuthMode::TwoStep => const { &[may("token", Text), EXPIRES, RAW, may("fields", Rest)] },
        AuthMode::Bill => {
            const {
                &[
                    need("username", Text),
                    need("password", Text),
                    need("organization_id", Text),
                    need("dev_key", Text),
                    may("session_id", Text),
                    may("user_id", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Signature => {
            const {
                &[
                    need("username", Text),
                    need("password", Text),
                    may("token", Text),
                    EXPIRES,
                ]
            }
        }
        AuthMode::AwsSigV4 => {
            const {
                &[
                    need("access_key_id", Text),
                    need("secret_access_key", Text),
                    may("session_token", Text),
                    may("role_arn", Text),
                    may("external_id", Text),
                    may("region", Text),
                    may("service", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::None => const { &[] },
    }
}

/// What is kept of credentials and of `connection_config`.
#[derive(Default)]
pub(super) struct Entered {
    /// Secrets by field; `None` shreds what an earlier entry left.
    pub(super) secrets: SecretInput,
    credentials: Members,
    config: Option<Members>,
}

impl Entered {
    /// The settings of a connection: those of the entry, and of `stored` what is not replaced by it.
    pub(super) fn settings(&self, form: &Form, stored: Option<&JsonText>) -> Result<JsonText> {
        let mut settings = match (&self.config, stored) {
            (Some(config), _) => copy(config),
            (None, Some(stored)) => object(stored.as_str())?,
            (None, None) => Members::new(),
        };
        for member in members(form.auth_mode) {
            settings.remove(form.field(member.name));
        }
        settings.extend(copy(&self.credentials));
        json(&settings)
    }
}

impl Form {
    /// The field of the connector in which a member is kept.
    pub(super) fn field<'a>(&'a self, member: &'a str) -> &'a str {
        self.fields.get(member).map_or(member, String::as_str)
    }

    /// What `connection_config` calls a setting.
    pub(super) fn config_name<'a>(&'a self, setting: &'a str) -> &'a str {
        let renamed = self.config.iter().find(|(_, ours)| *ours == setting);
        renamed.map_or(setting, |(theirs, _)| theirs.as_str())
    }

    /// Where a member is kept; nowhere, if the connector has no place for it.
    fn place(&self, connector: &Connector, member: &str) -> Option<Place> {
        let field = self.field(member);
        if connector.declares(field) {
            return Some(Place::Setting);
        }
        connector
            .secrets_of_connections()
            .any(|secret| secret.key == field)
            .then_some(Place::Secret)
    }

    /// Reads credentials, the object without its `type`.
    pub(super) fn enter(&self, mut object: Object<'_>, faults: &mut Faults) -> Entered {
        let mut entered = Entered::default();
        let Some(connector) = self.connector() else {
            return entered;
        };
        for member in members(self.auth_mode) {
            let Some(place) = self.place(connector, member.name) else {
                continue;
            };
            if member.required {
                object.need(member.name, "string", faults);
            }
            let path = object.at(member.name);
            let field = self.field(member.name).to_owned();
            if member.kind == Kind::Rest {
                let rest = object.rest();
                let value = (!rest.is_empty())
                    .then(|| serde_json::to_string(&rest).unwrap_or_default())
                    .and_then(|json| secret_json(json, &path, faults));
                entered.secrets.insert(field, value);
                continue;
            }
            let raw = object.take(member.name);
            if place == Place::Setting {
                let value = raw.and_then(|raw| member.setting(raw, &path, faults));
                if let Some(value) = value {
                    entered.credentials.insert(field, value);
                }
                continue;
            }
            let value = raw.and_then(|raw| member.secret(raw, &path, faults));
            entered.secrets.insert(field, value);
        }
        object.end(faults);
        entered
    }

    /// Reads `connection_config`: what the connector declares are settings, all else goes into its secret `extra`, since
    /// nobody knows whether it is harmless.
    pub(super) fn configure(
        &self,
        entered: &mut Entered,
        mut config: Object<'_>,
        faults: &mut Faults,
    ) {
        let Some(connector) = self.connector() else {
            return;
        };
        let path = config.path().to_vec();
        let (mut settings, mut others) = (Members::new(), BTreeMap::new());
        let credentials: Vec<&str> = members(self.auth_mode)
            .iter()
            .map(|member| self.field(member.name))
            .collect();
        for (name, raw) in config.rest() {
            let setting = self.config.get(&name).unwrap_or(&name);
            let declared = connector
                .settings
                .iter()
                .any(|field| field.key == *setting && !field.integration_only);
            if declared && !credentials.contains(&setting.as_str()) {
                settings.insert(setting.clone(), raw.to_owned());
            } else {
                others.insert(name, raw);
            }
        }
        let extra = (!others.is_empty())
            .then(|| serde_json::to_string(&others).unwrap_or_default())
            .and_then(|json| secret_json(json, &path, faults));
        entered.secrets.insert(EXTRA.to_owned(), extra);
        entered.config = Some(settings);
    }

    /// The credentials with their type.
    pub(super) fn show(
        &self,
        secrets: &SecretsView,
        settings: &JsonText,
        refresh_tokens: bool,
    ) -> Result<Members> {
        let mut shown = Members::new();
        if self.auth_mode == AuthMode::None {
            return Ok(shown);
        }
        let settings = object(settings.as_str())?;
        let mut raw = None;
        for member in members(self.auth_mode) {
            let field = self.field(member.name);
            let stored = secrets.secrets.get(field).map(Plain::expose);
            let value = match (member.kind, stored, settings.get(field)) {
                (Kind::Rest, Some(text), _) => {
                    shown.extend(object(text)?);
                    continue;
                }
                (Kind::Json, Some(text), _) => raw_or_text(text)?,
                (Kind::TextOrJson, Some(text), _) if text.starts_with('{') => raw_or_text(text)?,
                (_, Some(text), _) => raw_text(text)?,
                (_, None, Some(value)) => value.clone(),
                (Kind::AnyText, None, None) => raw_text("")?,
                (_, None, None) => continue,
            };
            if member.name == "raw" {
                raw = Some(value);
            } else {
                shown.insert(member.name.to_owned(), value);
            }
        }
        shown.insert("type".to_owned(), raw_text(self.auth_mode.as_str())?);
        if members(self.auth_mode)
            .iter()
            .any(|member| member.name == "raw")
        {
            // The original has what was entered there, unless the provider answered something.
            let raw = match raw {
                Some(raw) => raw,
                None => to_raw_value(&shown).map_err(|_| damaged())?,
            };
            shown.insert("raw".to_owned(), raw);
        }
        if !refresh_tokens {
            shown = without_refresh_tokens(shown)?;
        }
        Ok(shown)
    }

    /// What `connection_config` shows: the settings, and `extra` to those who may read secrets.
    pub(super) fn config(&self, settings: &JsonText, extra: Option<&str>) -> Result<Members> {
        // What a native client keeps there need not be JSON.
        let mut shown = extra
            .and_then(|extra| object(extra).ok())
            .unwrap_or_default();
        let credentials: Vec<&str> = members(self.auth_mode)
            .iter()
            .map(|member| self.field(member.name))
            .collect();
        for (setting, value) in object(settings.as_str())? {
            if credentials.contains(&setting.as_str()) {
                continue;
            }
            shown.insert(self.config_name(&setting).to_owned(), value);
        }
        Ok(shown)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Setting,
    Secret,
}

impl Member {
    fn secret(
        &self,
        raw: &RawValue,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<crate::secrets::value::SecretValue> {
        let is_object = kind(raw) == "object";
        match self.kind {
            Kind::Json if !is_object => {
                faults.wrong_type("record", kind(raw), path);
                None
            }
            Kind::Json | Kind::TextOrJson if is_object => {
                secret_json(raw.get().to_owned(), path, faults)
            }
            _ => {
                if raw.get() == "\"\"" && self.kind != Kind::AnyText {
                    faults.add(
                        "too_small",
                        "Too small: expected string to have >=1 characters",
                        path,
                    );
                    return None;
                }
                secret(raw, path, faults)
            }
        }
    }

    fn setting(
        &self,
        raw: &RawValue,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<Box<RawValue>> {
        let text = text(raw, path, faults)?;
        if self.kind != Kind::Moment {
            return to_raw_value(&text).ok();
        }
        let moment = Ts::parse(&text).or_else(|| Ts::parse(&format!("{text}T00:00:00Z")));
        if moment.is_none() {
            faults.wrong_type("date", "Date", path);
        }
        // As clients of the original write moments, who compare them as text.
        let text = moment?.utc().to_rfc3339_opts(SecondsFormat::Millis, true);
        to_raw_value(&text).ok()
    }
}

/// Takes the refresh tokens out, however deep they are.
fn without_refresh_tokens(members: Members) -> Result<Members> {
    let is_one = |name: &str| matches!(name, "refresh_token" | "refreshToken");
    members
        .into_iter()
        .filter(|(name, _)| !is_one(name))
        .map(|(name, value)| Ok((name, cleared(&value)?)))
        .collect()
}

fn cleared(value: &RawValue) -> Result<Box<RawValue>> {
    let read = |_| damaged();
    match kind(value) {
        "object" => {
            let members = without_refresh_tokens(object(value.get())?)?;
            to_raw_value(&members).map_err(read)
        }
        "array" => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(read)?;
            let items: Vec<Box<RawValue>> =
                items.into_iter().map(cleared).collect::<Result<_>>()?;
            to_raw_value(&items).map_err(read)
        }
        _ => Ok(value.to_owned()),
    }
}

fn copy(members: &Members) -> Members {
    members
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn json(members: &Members) -> Result<JsonText> {
    serde_json::to_string(members)
        .map(JsonText::from_trusted)
        .map_err(|_| damaged())
}

/// The members of an object that is stored.
pub(super) fn object(text: &str) -> Result<Members> {
    serde_json::from_str(text).map_err(|_| damaged())
}

/// A text as JSON.
pub(super) fn raw_text(text: &str) -> Result<Box<RawValue>> {
    to_raw_value(text).map_err(|_| damaged())
}

/// JSON that is stored; of a text that was entered elsewhere and is none, the text.
fn raw_or_text(text: &str) -> Result<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).or_else(|_| raw_text(text))
}

fn damaged() -> Error {
    Error::Internal("stored JSON can't be read".to_owned())
}
