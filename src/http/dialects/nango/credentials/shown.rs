//! What is kept, put together again as clients of Nango see it.

use serde_json::value::{RawValue, to_raw_value};

use super::super::input::kind;
use super::super::providers::{AuthMode, Form};
use super::members::{Kind, members};
use super::{Members, damaged, object, raw_text};
use crate::domain::json::JsonText;
use crate::service::error::Result;
use crate::service::secrets::{Plain, SecretsView};

impl Form {
    /// The credentials with their type.
    pub(in crate::http::dialects::nango) fn show(
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
    pub(in crate::http::dialects::nango) fn config(
        &self,
        settings: &JsonText,
        extra: Option<&str>,
    ) -> Result<Members> {
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

/// JSON that is stored; of a text that was entered elsewhere and is none, the text.
fn raw_or_text(text: &str) -> Result<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).or_else(|_| raw_text(text))
}
