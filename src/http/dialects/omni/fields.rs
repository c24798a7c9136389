//! Which field of Omni's is which setting or secret of ours, a row for each of its dialects.
//!
//! What must stay true: a secret of the original's body becomes a secret field and nothing else, [`EXTRA`] where the
//! connector has none for it; whatever is not secret and no setting is kept in the metadata under `omni`, so that a restore
//! brings it back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::connectors::EXTRA;
use crate::secrets::value::SecretValue;
use crate::service::error::{Error, Result};
use crate::service::secrets::SecretInput;

/// The member of the metadata that is this dialect's.
pub(super) const OMNI: &str = "omni";

/// What Omni puts behind the account of a Snowflake address.
const SNOWFLAKE: &str = ".snowflakecomputing.com";

/// One of Omni's dialects, which has the key of our connector.
#[derive(Debug)]
pub(super) struct Kind {
    /// The key.
    pub(super) key: &'static str,
    /// Omni's field and our setting.
    settings: &'static [(&'static str, &'static str)],
    /// The secret field for `passwordUnencrypted`.
    password: &'static str,
    /// The one for `privateKey`.
    private_key: Option<&'static str>,
    /// The one for `oauthClientSecretUnencrypted`.
    oauth: Option<&'static str>,
}

const SERVER: &[(&str, &str)] = &[
    ("host", "host"),
    ("hostOverride", "host"),
    ("port", "port"),
    ("database", "database"),
    ("username", "username"),
];
const SERVER_WITH_SCHEMA: &[(&str, &str)] = &[
    ("host", "host"),
    ("hostOverride", "host"),
    ("port", "port"),
    ("database", "database"),
    ("username", "username"),
    ("defaultSchema", "schema"),
];

const fn server(key: &'static str, settings: &'static [(&'static str, &'static str)]) -> Kind {
    Kind {
        key,
        settings,
        password: "password",
        private_key: None,
        oauth: None,
    }
}

/// Every dialect that a connection can be created with.
pub(super) const KINDS: [Kind; 17] = [
    Kind {
        password: "secret_access_key",
        ..server(
            "athena",
            &[
                ("region", "region"),
                ("warehouse", "workgroup"),
                ("database", "database"),
                ("username", "access_key_id"),
            ],
        )
    },
    Kind {
        password: "service_account_json",
        ..server(
            "bigquery",
            &[
                ("database", "project_id"),
                ("defaultSchema", "dataset"),
                ("region", "location"),
            ],
        )
    },
    server("clickhouse", SERVER),
    Kind {
        password: "token",
        oauth: Some("client_secret"),
        ..server(
            "databricks",
            &[
                ("host", "host"),
                ("hostOverride", "host"),
                ("warehouse", "http_path"),
                ("database", "catalog"),
                ("defaultSchema", "schema"),
                ("oauthClientId", "client_id"),
            ],
        )
    },
    Kind {
        oauth: Some("client_secret"),
        ..server(
            "databricks_lakebase",
            &[
                ("host", "host"),
                ("hostOverride", "host"),
                ("port", "port"),
                ("database", "database"),
                ("username", "username"),
                ("defaultSchema", "schema"),
                ("oauthClientId", "client_id"),
            ],
        )
    },
    server(
        "exasol",
        &[
            ("host", "host"),
            ("hostOverride", "host"),
            ("port", "port"),
            ("username", "username"),
            ("defaultSchema", "schema"),
        ],
    ),
    server("mariadb", SERVER),
    Kind {
        password: "token",
        ..server("motherduck", &[("database", "database")])
    },
    server("mssql", SERVER_WITH_SCHEMA),
    server("mysql", SERVER),
    server(
        "oracle",
        &[
            ("host", "host"),
            ("hostOverride", "host"),
            ("port", "port"),
            ("database", "service_name"),
            ("username", "username"),
            ("defaultSchema", "schema"),
        ],
    ),
    server("postgres", SERVER_WITH_SCHEMA),
    server("redshift", SERVER_WITH_SCHEMA),
    server("sap_hana", SERVER_WITH_SCHEMA),
    Kind {
        private_key: Some("private_key"),
        ..server(
            "snowflake",
            &[
                ("host", "account"),
                ("hostOverride", "host"),
                ("database", "database"),
                ("username", "username"),
                ("warehouse", "warehouse"),
                ("defaultSchema", "schema"),
            ],
        )
    },
    server("starrocks", SERVER),
    server(
        "trino",
        &[
            ("host", "host"),
            ("hostOverride", "host"),
            ("port", "port"),
            ("database", "catalog"),
            ("username", "username"),
            ("defaultSchema", "schema"),
        ],
    ),
];

impl Kind {
    /// The one with this key.
    pub(super) fn find(key: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.key == key)
    }

    /// Our setting for a field of Omni's.
    pub(super) fn ours(&self, field: &str) -> Option<&'static str> {
        let found = self.settings.iter().find(|(omni, _)| *omni == field);
        found.map(|(_, ours)| *ours)
    }

    /// Parts what a create body says, without its secrets, into our settings and what is kept as it is.
    pub(super) fn part(
        &self,
        given: Map<String, Value>,
    ) -> (Map<String, Value>, Map<String, Value>) {
        let (mut settings, mut kept) = (Map::new(), Map::new());
        for (field, value) in given {
            match self.ours(&field) {
                Some(ours) => settings.insert(ours.to_owned(), value),
                None => kept.insert(field, value),
            };
        }
        if self.key == "snowflake" {
            // Omni takes an account or the address that is made from it; ours is the account alone.
            let text = |key: &str| settings.get(key).and_then(Value::as_str).map(account);
            if let Some(account) = text("account").or_else(|| text("host")) {
                settings.insert("account".to_owned(), account.into());
            }
        }
        (settings, kept)
    }

    /// The project of a `BigQuery` connection that names none: the one of its service account.
    pub(super) fn default_project(
        &self,
        settings: &mut Map<String, Value>,
        key: Option<&SecretValue>,
    ) {
        #[derive(Deserialize)]
        struct ServiceAccount {
            project_id: String,
        }
        if self.key != "bigquery" || settings.contains_key("project_id") {
            return;
        }
        if let Some(account) =
            key.and_then(|key| serde_json::from_str::<ServiceAccount>(key.expose()).ok())
        {
            settings.insert("project_id".to_owned(), account.project_id.into());
        }
    }

    /// The secrets that a body brings, as ours.
    pub(super) fn secrets(&self, given: Secrets) -> Result<SecretInput> {
        let mut secrets = SecretInput::new();
        let mut extra = BTreeMap::new();
        for (name, field, value) in [
            ("passwordUnencrypted", Some(self.password), given.password),
            ("privateKey", self.private_key, given.private_key),
            ("oauthClientSecretUnencrypted", self.oauth, given.oauth),
        ] {
            match (field, value) {
                (_, None) => {}
                (Some(field), value) => {
                    secrets.insert(field.to_owned(), value);
                }
                (None, Some(value)) => {
                    extra.insert(name, value);
                }
            }
        }
        if !extra.is_empty() {
            let plain: BTreeMap<_, _> = extra
                .iter()
                .map(|(name, value)| (*name, value.expose()))
                .collect();
            let text = serde_json::to_string(&plain)
                .map_err(|error| Error::Internal(format!("secrets are no JSON: {error}")))?;
            let value = SecretValue::parse(text)
                .map_err(|error| Error::field("/privateKey", "invalid_value", error.to_string()))?;
            secrets.insert(EXTRA.to_owned(), Some(value));
        }
        Ok(secrets)
    }

    /// The service's words about our fields as words about Omni's.
    pub(super) fn translate(&self, error: Error) -> Error {
        let Error::Problem(mut problem) = error else {
            return error;
        };
        for fault in &mut problem.errors {
            let named = |own: &str| {
                let found = self.settings.iter().find(|(_, ours)| *ours == own);
                found.map(|(omni, _)| format!("/{omni}"))
            };
            let pointer = match fault.pointer.strip_prefix("/settings/") {
                Some(own) => named(own),
                None => fault
                    .pointer
                    .strip_prefix("/secrets/")
                    .and_then(|own| self.secret(own)),
            };
            if let Some(pointer) = pointer {
                fault.pointer = pointer;
            }
        }
        Error::Problem(problem)
    }

    fn secret(&self, own: &str) -> Option<String> {
        [
            (Some(self.password), "/passwordUnencrypted"),
            (self.private_key, "/privateKey"),
            (self.oauth, "/oauthClientSecretUnencrypted"),
        ]
        .into_iter()
        .find_map(|(field, name)| (field == Some(own)).then(|| name.to_owned()))
    }
}

/// The account in a Snowflake address.
fn account(address: &str) -> String {
    let address = address.trim_end_matches('.');
    match address
        .len()
        .checked_sub(SNOWFLAKE.len())
        .and_then(|at| address.split_at_checked(at))
    {
        Some((account, end)) if end.eq_ignore_ascii_case(SNOWFLAKE) => account.to_owned(),
        _ => address.to_owned(),
    }
}

/// The secrets of a body.
#[derive(Default)]
pub(super) struct Secrets {
    /// `passwordUnencrypted`
    pub(super) password: Option<SecretValue>,
    /// `privateKey`
    pub(super) private_key: Option<SecretValue>,
    /// `oauthClientSecretUnencrypted`
    pub(super) oauth: Option<SecretValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors;

    #[test]
    fn every_row_of_the_table_names_fields_that_its_connector_has() {
        for kind in &KINDS {
            let connector = connectors::find(kind.key).unwrap();
            for (omni, ours) in kind.settings {
                assert!(
                    connector.settings.iter().any(|field| field.key == *ours),
                    "{}: {omni}",
                    kind.key
                );
            }
            for secret in [Some(kind.password), kind.private_key, kind.oauth]
                .into_iter()
                .flatten()
            {
                assert!(
                    connector.secret_field(secret).is_some(),
                    "{}: {secret}",
                    kind.key
                );
            }
        }
    }

    #[test]
    fn every_setting_that_a_connector_needs_can_be_given_in_a_field_of_omni() {
        for kind in &KINDS {
            let needed = connectors::find(kind.key).unwrap().settings.iter();
            for setting in needed.filter(|setting| setting.required) {
                assert!(
                    kind.settings.iter().any(|(_, ours)| *ours == setting.key),
                    "{}: {}",
                    kind.key,
                    setting.key
                );
            }
        }
    }

    #[test]
    fn an_account_of_snowflake_is_read_from_its_address() {
        for (address, expected) in [
            ("xy12345.eu-central-1", "xy12345.eu-central-1"),
            ("XY12345.SnowflakeComputing.com", "XY12345"),
            ("a.privatelink.snowflakecomputing.com.", "a.privatelink"),
            ("é.example", "é.example"),
        ] {
            assert_eq!(account(address), expected);
        }
    }
}
