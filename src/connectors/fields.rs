//! What a connector declares: its settings, its secrets, and which secrets it can't do without.
//!
//! These types are at once the form of the files in `catalogue/` and of the answer to
//! `GET /v1/connectors`. [`Connector::from_toml`] is the only way to make one, so that every
//! connector there is has passed its checks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::probes::ProbeKind;
use super::revocation::Revocable;
use super::settings::SettingValue;

/// The secret field that every connector has: imports put into it what the connector does not
/// declare, because nobody can tell whether an unknown option is harmless.
pub const EXTRA: &str = "extra";

/// A kind of system that a connection can lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// The stable name that connections refer to.
    pub key: String,
    /// The name for people.
    pub label: String,
    /// The family it belongs to.
    pub category: Category,
    /// What is not secret, in the order in which a form shows it.
    pub settings: Vec<SettingField>,
    /// What is secret, in the order in which a form shows it; the last is always `extra`.
    pub secrets: Vec<SecretField>,
    /// Groups of secret fields of which at least one must be set.
    #[serde(default)]
    pub require_one_of: Vec<Vec<String>>,
    /// How a connection is tested; without one a test answers `unsupported`.
    #[serde(default)]
    pub probe: Option<ProbeKind>,
    /// How its credentials are revoked at the source when they are deleted; without it they stay valid there.
    #[serde(default)]
    pub revocation: Option<Revocable>,
}

/// The family of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A database server.
    Database,
    /// An analytical warehouse or query service.
    Warehouse,
    /// A service behind an HTTP API.
    Http,
}

/// A field of a connection that is not secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingField {
    /// The name in the connection's `settings`.
    pub key: String,
    /// The name for people.
    pub label: String,
    /// Which values it takes.
    #[serde(rename = "type")]
    pub kind: SettingKind,
    /// Whether a connection must have it.
    #[serde(default)]
    pub required: bool,
    /// Whether it decides where the secrets are sent: changing it asks for them again.
    #[serde(default)]
    pub destination: bool,
    /// Whether only an integration has it: its connections are never asked for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub integration_only: bool,
    /// What holds when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<SettingValue>,
    /// The values of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The least value of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// The greatest value of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// One sentence for the person who fills it in.
    pub help: String,
}

/// Which values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// One line of text.
    Text,
    /// A host name or an IP address.
    Host,
    /// A name that becomes part of a host name: an account, a region.
    HostPart,
    /// An `http` or `https` URL without user, password or secret parameter.
    Url,
    /// A path below a URL of the same connection, with a query or without; it can't lead out of there.
    UrlPath,
    /// PEM text of public certificates.
    Certificate,
    /// One of `values`.
    Choice,
    /// A whole number between `minimum` and `maximum`.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A field of a connection that is stored encrypted and shredded when the connection is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretField {
    /// The name in the connection's `secrets`.
    pub key: String,
    /// The name for people.
    pub label: String,
    /// Whether a connection can't be used without it. A field of a `require_one_of` group is
    /// not required on its own.
    #[serde(default)]
    pub required: bool,
    /// Whether its line breaks matter, as in PEM text: a form needs more than one line for it.
    #[serde(default)]
    pub multiline: bool,
    /// Whether only an integration has it: its connections are never asked for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub integration_only: bool,
    /// One sentence for the person who fills it in.
    pub help: String,
}

impl Connector {
    /// Reads one file of the catalogue and adds what every connector has.
    pub(super) fn from_toml(file: &str, text: &str) -> Result<Self, String> {
        let mut connector: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        connector.secrets.push(SecretField {
            key: EXTRA.to_owned(),
            label: "Additional connection options".to_owned(),
            required: false,
            multiline: true,
            integration_only: false,
            help: "Options that this connector does not declare, kept as a secret.".to_owned(),
        });
        connector.check(file)?;
        Ok(connector)
    }

    /// Whether this is a setting of the connector.
    pub fn declares(&self, setting: &str) -> bool {
        self.setting(setting).is_some()
    }

    /// Every secret field, `extra` included.
    pub fn secret_fields(&self) -> &[SecretField] {
        &self.secrets
    }

    /// The secret fields that a connection can have.
    pub fn secrets_of_connections(&self) -> impl Iterator<Item = &SecretField> {
        self.secrets.iter().filter(|field| !field.integration_only)
    }

    /// The secret field with this key.
    pub fn secret_field(&self, key: &str) -> Option<&SecretField> {
        self.secrets.iter().find(|field| field.key == key)
    }

    /// The secrets without which the connection can't be used, given the keys of those that are
    /// set. A group of `require_one_of` with none set is represented by its first field.
    pub fn missing_secrets(&self, present: &BTreeSet<String>) -> Vec<&SecretField> {
        let lacking = |field: &SecretField| {
            let alone = field.required && !present.contains(&field.key);
            let for_its_group = self.require_one_of.iter().any(|group| {
                group.first() == Some(&field.key) && group.iter().all(|key| !present.contains(key))
            });
            alone || for_its_group
        };
        self.secrets.iter().filter(|field| lacking(field)).collect()
    }

    pub(super) fn setting(&self, key: &str) -> Option<&SettingField> {
        self.settings.iter().find(|field| field.key == key)
    }

    /// Refuses what the rest of the program relies on not to find.
    fn check(&self, file: &str) -> Result<(), String> {
        if self.key != file {
            return Err(format!("its key is {}", self.key));
        }
        let mut keys = BTreeSet::new();
        let settings = self.settings.iter().map(|field| &field.key);
        for key in settings.chain(self.secrets.iter().map(|field| &field.key)) {
            if !keys.insert(key) {
                return Err(format!("{key} is declared twice"));
            }
        }
        for key in self.require_one_of.iter().flatten() {
            match self.secret_field(key) {
                None => return Err(format!("require_one_of names {key}, which is no secret")),
                Some(field) if field.required => {
                    return Err(format!("{key} is in require_one_of and also required"));
                }
                Some(_) => {}
            }
        }
        if let Some(field) = self
            .secrets
            .iter()
            .find(|field| field.required && field.integration_only)
        {
            return Err(format!("{} is required of integrations alone", field.key));
        }
        if let Some(revocable) = &self.revocation {
            self.check_revocation(revocable)?;
        }
        self.settings.iter().try_for_each(|field| {
            field
                .check()
                .map_err(|reason| format!("{}: {reason}", field.key))
        })
    }

    /// Tokens go nowhere but to a destination that was entered together with them.
    fn check_revocation(&self, revocable: &Revocable) -> Result<(), String> {
        if revocable.tokens.is_empty() {
            return Err("revocation names no token".to_owned());
        }
        if let Some(other) = revocable
            .tokens
            .iter()
            .find(|key| self.secret_field(key).is_none())
        {
            return Err(format!("revocation names {other}, which is no secret"));
        }
        match self.setting(&revocable.url) {
            Some(field) if field.kind == SettingKind::Url && field.destination => Ok(()),
            _ => Err(format!(
                "revocation names {}, which is no URL that is a destination",
                revocable.url
            )),
        }
    }
}

impl SettingField {
    fn check(&self) -> Result<(), &'static str> {
        if self.leads_somewhere() && !self.destination {
            return Err("it decides where secrets are sent and is not marked destination");
        }
        if self.required && self.integration_only {
            return Err("it is required of integrations alone");
        }
        if self.required && self.default.is_some() {
            return Err("it is required and has a default");
        }
        if (self.kind == SettingKind::Choice) == self.values.is_empty() {
            return Err("a choice, and nothing else, has values");
        }
        match (self.kind, self.minimum, self.maximum) {
            (SettingKind::Integer, Some(minimum), Some(maximum)) if minimum <= maximum => {}
            (SettingKind::Integer, ..) => return Err("an integer has a minimum and a maximum"),
            (_, None, None) => {}
            _ => return Err("only an integer has a minimum and a maximum"),
        }
        if self
            .default
            .as_ref()
            .is_some_and(|value| self.fault(value).is_some())
        {
            return Err("its default is not allowed by its own rules");
        }
        Ok(())
    }

    /// Hosts and URLs by their type; the two that have a common type by their customary name.
    fn leads_somewhere(&self) -> bool {
        use SettingKind::{Certificate, Host, HostPart, Url};
        matches!(self.kind, Host | HostPart | Url | Certificate)
            || matches!(self.key.as_str(), "port" | "tls")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(fields: &str) -> Result<Connector, String> {
        let head = "key = \"shop\"\nlabel = \"Shop\"\ncategory = \"http\"\n";
        Connector::from_toml("shop", &format!("{head}{fields}"))
    }

    #[test]
    fn a_file_with_a_slip_is_refused_with_the_reason() {
        let setting = |rest: &str| {
            format!("secrets = []\n[[settings]]\nkey = \"x\"\nlabel = \"X\"\nhelp = \"X.\"\n{rest}")
        };
        let secret = |key: &str| {
            format!("[[secrets]]\nkey = \"{key}\"\nlabel = \"T\"\nrequired = true\nhelp = \"T.\"\n")
        };
        let cases = [
            (
                setting("type = \"url\""),
                "x: it decides where secrets are sent",
            ),
            (
                setting("type = \"host_part\""),
                "x: it decides where secrets are sent",
            ),
            (
                setting("type = \"text\"\nrequired = true\ndefault = \"a\""),
                "has a default",
            ),
            (
                setting("type = \"choice\""),
                "a choice, and nothing else, has values",
            ),
            (
                setting("type = \"text\"\nvalues = [\"a\"]"),
                "a choice, and nothing else",
            ),
            (
                setting("type = \"choice\"\nvalues = [\"a\"]\ndefault = \"b\""),
                "its default",
            ),
            (
                setting("type = \"text\"\nrequired = true\nintegration_only = true"),
                "required of integrations alone",
            ),
            (
                format!("settings = []\n{}integration_only = true", secret("t")),
                "t is required of integrations alone",
            ),
            (setting("type = \"integer\""), "has a minimum and a maximum"),
            (
                setting("type = \"integer\"\nminimum = 2\nmaximum = 1"),
                "has a minimum",
            ),
            (setting("type = \"text\"\nmaximum = 1"), "only an integer"),
            (
                setting("type = \"text\"\nhidden = true"),
                "unknown field `hidden`",
            ),
            (
                format!("settings = []\n{}{}", secret("t"), secret("t")),
                "t is declared twice",
            ),
            (
                format!("settings = []\n{}", secret(EXTRA)),
                "extra is declared twice",
            ),
            (
                format!("settings = []\nrequire_one_of = [[\"t\"]]\n{}", secret("t")),
                "t is in require_one_of and also required",
            ),
            (
                "settings = []\nsecrets = []\nrequire_one_of = [[\"t\"]]".to_owned(),
                "require_one_of names t, which is no secret",
            ),
            (
                "settings = []\nsecrets = []\nkey = \"s\"".to_owned(),
                "duplicate key",
            ),
        ];
        for (text, expected) in cases {
            let reason = connector(&text).unwrap_err();
            assert!(reason.contains(expected), "{text}\n{reason}");
        }
    }

    #[test]
    fn a_file_is_named_after_the_connector_in_it() {
        let text = "key = \"a\"\nlabel = \"A\"\ncategory = \"http\"\nsettings = []\nsecrets = []";
        assert!(Connector::from_toml("a", text).is_ok());
        assert_eq!(Connector::from_toml("b", text).unwrap_err(), "its key is a");
    }

    #[test]
    fn the_secrets_that_are_missing_are_named() {
        let cases: [(&str, &[&str], &[&str]); 8] = [
            ("postgres", &[], &["password"]),
            ("postgres", &["password"], &[]),
            ("postgres", &[EXTRA], &["password"]),
            ("snowflake", &[], &["password"]),
            ("snowflake", &["private_key_passphrase"], &["password"]),
            ("snowflake", &["private_key"], &[]),
            ("snowflake", &["password"], &[]),
            ("oauth2", &["refresh_token"], &["access_token"]),
        ];
        for (key, set, expected) in cases {
            let connector = crate::connectors::find(key).unwrap();
            let present = set.iter().map(|&key| key.to_owned()).collect();
            let missing = connector.missing_secrets(&present);
            let keys: Vec<_> = missing.iter().map(|field| field.key.as_str()).collect();
            assert_eq!(keys, expected, "{key} with {set:?}");
        }
    }

    #[test]
    fn settings_and_secrets_are_told_apart() {
        let postgres = crate::connectors::find("postgres").unwrap();
        assert!(postgres.declares("host"));
        assert!(!postgres.declares("password"));
        assert!(postgres.secret_field("password").is_some());
        assert!(postgres.secret_field("host").is_none());
        assert_eq!(postgres.secret_fields().last().unwrap().key, EXTRA);
    }
}
