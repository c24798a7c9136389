//! The providers that integrations can be made of, and how each connector of ours looks to clients of Nango: data, from
//! `providers.toml`.
//!
//! What must stay true: a provider that has the name of a connector has that connector, so that an integration under the
//! connector's key is the connector's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::connectors::{self, Connector};

/// The types of credentials, in Nango's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum AuthMode {
    ApiKey,
    App,
    #[serde(rename = "AWS_SIGV4")]
    AwsSigV4,
    Basic,
    Bill,
    Custom,
    Jwt,
    None,
    #[serde(rename = "OAUTH1")]
    OAuth1,
    #[serde(rename = "OAUTH2")]
    OAuth2,
    #[serde(rename = "OAUTH2_CC")]
    OAuth2Cc,
    Signature,
    Tba,
    TwoStep,
}

impl AuthMode {
    /// The word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "API_KEY",
            Self::App => "APP",
            Self::AwsSigV4 => "AWS_SIGV4",
            Self::Basic => "BASIC",
            Self::Bill => "BILL",
            Self::Custom => "CUSTOM",
            Self::Jwt => "JWT",
            Self::None => "NONE",
            Self::OAuth1 => "OAUTH1",
            Self::OAuth2 => "OAUTH2",
            Self::OAuth2Cc => "OAUTH2_CC",
            Self::Signature => "SIGNATURE",
            Self::Tba => "TBA",
            Self::TwoStep => "TWO_STEP",
        }
    }
}

/// How the connections of one connector look to clients of Nango.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    key: String,
    /// The type of the credentials.
    pub(super) auth_mode: AuthMode,
    /// Members of the credentials that the connector has under another name.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    /// Settings that `connection_config` has under another name: that name, then the setting.
    #[serde(default)]
    pub(super) config: BTreeMap<String, String>,
}

/// Whose API it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// Its name.
    pub(super) name: String,
    /// Its name for people.
    pub(super) display_name: String,
    connector: String,
    /// The families it belongs to.
    pub(super) categories: Vec<String>,
    /// Where its API is described.
    pub(super) docs: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    connectors: Vec<Form>,
    providers: Vec<Provider>,
}

// Part of the program: a test reads it, so it is not found to be wrong here.
static FILE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(include_str!("providers.toml")).unwrap_or_default());

/// Every provider.
pub(super) fn all() -> &'static [Provider] {
    &FILE.providers
}

/// The provider with this name.
pub(super) fn find(name: &str) -> Option<&'static Provider> {
    FILE.providers.iter().find(|provider| provider.name == name)
}

/// How connections of this connector look; databases have no credentials here.
pub(super) fn form(connector: &str) -> Option<&'static Form> {
    FILE.connectors.iter().find(|form| form.key == connector)
}

impl Provider {
    /// What keeps its connections.
    pub(super) fn connector(&self) -> Option<&'static Connector> {
        connectors::find(&self.connector)
    }

    /// How its connections look.
    pub(super) fn form(&self) -> Option<&'static Form> {
        form(&self.connector)
    }

    /// The type of its credentials.
    pub(super) fn auth_mode(&self) -> AuthMode {
        self.form().map_or(AuthMode::None, |form| form.auth_mode)
    }
}

impl Form {
    /// The connector that it is about.
    pub(super) fn connector(&self) -> Option<&'static Connector> {
        connectors::find(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::credentials::members;
    use super::*;

    #[test]
    fn the_file_is_whole_and_names_what_there_is() {
        let file: File = toml::from_str(include_str!("providers.toml")).unwrap();
        let mut names = BTreeSet::new();
        for provider in &file.providers {
            assert!(names.insert(&provider.name), "{}", provider.name);
            assert!(provider.connector().is_some(), "{}", provider.name);
            assert!(form(&provider.connector).is_some(), "{}", provider.name);
            // Its integrations may be given the key that is its name.
            if connectors::find(&provider.name).is_some() {
                assert_eq!(provider.name, provider.connector);
            }
        }
        assert!(find("github").is_some() && find("algolia").is_some());
    }

    #[test]
    fn every_type_of_credentials_has_a_provider_and_a_connector_of_its_own() {
        let of_providers: BTreeSet<AuthMode> = all().iter().map(Provider::auth_mode).collect();
        let of_ours: BTreeSet<AuthMode> = FILE
            .connectors
            .iter()
            .filter(|form| form.key.starts_with("nango-"))
            .map(|form| form.auth_mode)
            .collect();
        assert_eq!(of_providers.len(), 14);
        assert_eq!(of_providers, of_ours);
        for form in &FILE.connectors {
            assert_eq!(
                serde_json::to_string(&form.auth_mode).unwrap(),
                format!("\"{}\"", form.auth_mode.as_str())
            );
        }
    }

    #[test]
    fn every_required_secret_of_a_connector_is_a_member_of_its_credentials() {
        for form in &FILE.connectors {
            let connector = form.connector().unwrap();
            for secret in connector
                .secret_fields()
                .iter()
                .filter(|field| field.required)
            {
                let named =
                    |name: &str| form.fields.get(name).map_or(name, String::as_str) == secret.key;
                assert!(
                    members(form.auth_mode)
                        .iter()
                        .any(|member| named(member.name)),
                    "{} {}",
                    form.key,
                    secret.key
                );
            }
            for (member, field) in &form.fields {
                assert!(
                    members(form.auth_mode)
                        .iter()
                        .any(|known| known.name == member)
                );
                assert!(connector.secret_field(field).is_some() || connector.declares(field));
            }
            for setting in form.config.values() {
                assert!(connector.declares(setting));
            }
        }
    }
}
