//! The catalogue of connectors: which kinds of systems a connection can lead to, what each
//! must be told, and which of its fields are secret.
//!
//! A connector is data. Adding one means one file in `catalogue/` and one line in the list
//! below; no other code knows a connector by name, except its probe.
//!
//! What must stay true:
//!
//! * A secret is never a setting. Settings are copied into the trash, events and exports,
//!   so whatever is secret is declared as a secret field, and [`Settings::parse`] refuses it
//!   everywhere else.
//! * Every setting that decides where a secret is sent is marked `destination`: changing one
//!   asks for the secrets again. Loading refuses a file that forgets the mark.
//! * The files are read once, by [`load`], before the service answers anything. A slip in one
//!   is a start that fails with the file's name, not a connector that is missing at run time.

mod fields;
pub mod probes;
pub mod revocation;
mod rules;
mod settings;
mod text;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use fields::{Category, Connector, EXTRA, SecretField, SettingField, SettingKind};
pub use probes::ProbeKind;
pub use revocation::{Revocable, RevocationKind};
pub use settings::{SettingValue, Settings};
pub(crate) use text::{is_host, is_url};

/// Embeds `catalogue/<key>.toml` for every key.
macro_rules! embed {
    ($($key:literal,)*) => {
        &[$(($key, include_str!(concat!("catalogue/", $key, ".toml")))),*]
    };
}

/// The files, each under the key that its connector must have.
const FILES: &[(&str, &str)] = embed![
    "algolia",
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "databricks_lakebase",
    "exasol",
    "github",
    "gitlab",
    "http-api-key",
    "http-basic",
    "http-bearer",
    "mariadb",
    "motherduck",
    "mssql",
    "mysql",
    "nango-api-key",
    "nango-app",
    "nango-aws-sigv4",
    "nango-basic",
    "nango-bill",
    "nango-custom",
    "nango-jwt",
    "nango-none",
    "nango-oauth1",
    "nango-oauth2",
    "nango-oauth2-cc",
    "nango-signature",
    "nango-tba",
    "nango-two-step",
    "oauth2",
    "oauth2-client-credentials",
    "oracle",
    "postgres",
    "redshift",
    "sap_hana",
    "snowflake",
    "starrocks",
    "trino",
];

static CATALOGUE: LazyLock<Result<Catalogue, CatalogueError>> =
    LazyLock::new(|| Catalogue::read(FILES));

/// Every connector, by key.
#[derive(Debug)]
pub struct Catalogue(BTreeMap<String, Connector>);

/// Why the embedded catalogue can't be used. It is part of the program, so this is always a
/// mistake in a file of `catalogue/`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connector file {file}.toml is wrong: {reason}")]
pub struct CatalogueError {
    /// The file, without its extension.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads and checks the catalogue. Call it once at start and refuse to run if it fails; from
/// then on [`all`] and [`find`] see every connector.
pub fn load() -> Result<&'static Catalogue, CatalogueError> {
    CATALOGUE.as_ref().map_err(Clone::clone)
}

/// Every connector, in the order of their keys.
pub fn all() -> impl Iterator<Item = &'static Connector> {
    CATALOGUE.iter().flat_map(Catalogue::connectors)
}

/// The connector with this key.
pub fn find(key: &str) -> Option<&'static Connector> {
    CATALOGUE.iter().find_map(|catalogue| catalogue.find(key))
}

impl Catalogue {
    /// Every connector, in the order of their keys.
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        self.0.values()
    }

    /// The connector with this key.
    pub fn find(&self, key: &str) -> Option<&Connector> {
        self.0.get(key)
    }

    fn read(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        files
            .iter()
            .map(|&(file, text)| match Connector::from_toml(file, text) {
                Ok(connector) => Ok((connector.key.clone(), connector)),
                Err(reason) => Err(CatalogueError {
                    file: file.to_owned(),
                    reason,
                }),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_embedded_file_is_a_valid_connector() {
        for (file, text) in FILES {
            let read = Connector::from_toml(file, text);
            assert!(read.is_ok(), "{file}: {read:?}");
        }
        assert_eq!(load().unwrap().connectors().count(), FILES.len());
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_list() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/connectors/catalogue");
        let found: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(key, _)| (*key).to_owned()).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_connector_is_found_by_its_key_and_by_nothing_else() {
        assert_eq!(find("postgres").unwrap().label, "PostgreSQL");
        for key in ["", "Postgres", "postgres ", "nothing"] {
            assert!(find(key).is_none(), "{key:?}");
        }
        assert_eq!(all().count(), FILES.len());
        assert!(all().map(|connector| &connector.key).is_sorted());
    }

    #[test]
    fn field_keys_are_unique_within_a_connector() {
        for connector in all() {
            let mut seen = BTreeSet::new();
            let settings = connector.settings.iter().map(|field| &field.key);
            let secrets = connector.secret_fields().iter().map(|field| &field.key);
            for key in settings.chain(secrets) {
                assert!(
                    seen.insert(key),
                    "{}: {key} is declared twice",
                    connector.key
                );
            }
        }
    }

    #[test]
    fn whatever_decides_where_a_secret_goes_is_marked_as_destination() {
        let decides = |key: &str| {
            let exact = [
                "host",
                "port",
                "account",
                "app_id",
                "region",
                "tls",
                "ca_certificate",
            ];
            exact.contains(&key) || key.ends_with("_url") || key.ends_with("_host")
        };
        for connector in all() {
            for field in connector
                .settings
                .iter()
                .filter(|field| decides(&field.key))
            {
                assert!(field.destination, "{}: {}", connector.key, field.key);
            }
        }
    }

    #[test]
    fn every_database_that_is_reached_by_host_and_port_verifies_tls_by_default() {
        for connector in all().filter(|connector| connector.declares("port")) {
            let tls = connector
                .settings
                .iter()
                .find(|field| field.key == "tls")
                .unwrap();
            assert_eq!(
                tls.default,
                Some(SettingValue::Text("verify".into())),
                "{}",
                connector.key
            );
            assert_eq!(
                tls.values,
                ["disable", "prefer", "require", "verify"],
                "{}",
                connector.key
            );
            assert!(connector.declares("ca_certificate"), "{}", connector.key);
        }
    }

    #[test]
    fn every_connector_but_the_one_for_open_apis_needs_a_secret_and_all_take_additional_options() {
        for connector in all() {
            assert_eq!(
                connector.missing_secrets(&BTreeSet::new()).is_empty(),
                connector.key == "nango-none",
                "{}",
                connector.key
            );
            assert!(
                !connector.secret_field(EXTRA).unwrap().required,
                "{}",
                connector.key
            );
        }
    }

    #[test]
    fn a_broken_file_is_named_with_the_reason() {
        let error = Catalogue::read(&[("first", "key = 1")]).unwrap_err();
        assert_eq!(error.file, "first");
        assert!(
            error
                .to_string()
                .starts_with("the connector file first.toml is wrong: ")
        );
    }

    #[test]
    fn a_connector_is_rendered_for_clients_with_all_its_fields() {
        let rendered = serde_json::to_value(find("postgres").unwrap()).unwrap();
        let at = |pointer: &str| rendered.pointer(pointer).unwrap();
        assert_eq!(at("/category"), "database");
        assert_eq!(
            *at("/settings/1"),
            serde_json::json!({
                "key": "port", "label": "Port", "type": "integer", "required": false,
                "destination": true, "default": 5432, "minimum": 1, "maximum": 65535,
                "help": "The TCP port the server listens on."
            })
        );
        assert_eq!(at("/secrets/0/key"), "password");
        assert_eq!(at("/secrets/1/key"), EXTRA);
        assert_eq!(*at("/require_one_of"), serde_json::json!([]));
    }
}
