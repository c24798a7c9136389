//! From the parts of a `SQLAlchemy` URI to the fields of our connectors.
//!
//! What must stay true: every part of the URI ends up as a setting, as a secret or as undeclared, never nowhere; and
//! what could be a secret never ends up as a setting.

use std::fmt;

use zeroize::Zeroizing;

use super::error::Problem;
use super::uri::{Parts, fault};

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// Text.
    Text(String),
    /// A whole number, such as a port.
    Integer(i64),
}

/// A database's URI, sorted into what its connector knows.
#[derive(Default)]
pub struct ParsedUri {
    /// The key of the connector.
    pub connector: &'static str,
    /// The settings that the URI names.
    pub settings: Vec<(String, SettingValue)>,
    /// The secrets that the URI holds. One that Superset masked is not there.
    pub secrets: Vec<(String, Zeroizing<String>)>,
    /// What the connector has no field for. It may hold secrets.
    pub undeclared: Vec<(String, Zeroizing<String>)>,
}

impl fmt::Debug for ParsedUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ParsedUri")
            .field("connector", &self.connector)
            .field("settings", &names(&self.settings))
            .field("secrets", &names(&self.secrets))
            .field("undeclared", &names(&self.undeclared))
            .finish()
    }
}

/// All that may be shown of fields whose values may be secret.
pub(super) fn names<T>(fields: &[(String, T)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}

/// Sorts a URI. A password that stands beside the URI wins over the one inside of it, which Superset masks.
pub(super) fn sort(uri: &str, password: Option<Zeroizing<String>>) -> Result<ParsedUri, Problem> {
    let mut parts = Parts::parse(uri)?;
    if password.is_some() {
        parts.password = password;
    }
    let mut sorted = ParsedUri {
        connector: connector_of(&parts)?,
        ..ParsedUri::default()
    };
    match sorted.connector {
        "snowflake" => sorted.snowflake(&mut parts)?,
        "bigquery" => sorted.bigquery(&mut parts)?,
        "databricks" => sorted.databricks(&mut parts)?,
        "athena" => sorted.athena(&mut parts)?,
        "oracle" => sorted.oracle(&mut parts)?,
        "trino" => sorted.trino(&mut parts)?,
        "motherduck" => sorted.motherduck(&mut parts)?,
        "exasol" => sorted.server(&mut parts, Some("schema"))?,
        _ => sorted.server(&mut parts, Some("database"))?,
    }
    sorted.keep_leftovers(parts)?;
    sorted.check()?;
    Ok(sorted)
}

fn connector_of(parts: &Parts) -> Result<&'static str, Problem> {
    Ok(match parts.dialect.as_str() {
        "postgresql" | "postgres" => "postgres",
        "mysql" => "mysql",
        "mariadb" => "mariadb",
        "snowflake" => "snowflake",
        "bigquery" => "bigquery",
        "redshift" => "redshift",
        "databricks" => "databricks",
        "clickhouse" | "clickhousedb" => "clickhouse",
        "mssql" => "mssql",
        "oracle" => "oracle",
        "trino" => "trino",
        "awsathena" => "athena",
        "exa" => "exasol",
        "duckdb" if cloud_database(&parts.path).is_some() => "motherduck",
        "hana" => "sap_hana",
        "starrocks" => "starrocks",
        other => {
            return Err(Problem::UnknownDialect {
                dialect: other.to_owned(),
            });
        }
    })
}

/// `DuckDB` is a local file unless its path begins with `md:`.
fn cloud_database(path: &str) -> Option<&str> {
    path.strip_prefix("md:")
        .or_else(|| path.strip_prefix("motherduck:"))
}

impl ParsedUri {
    /// Most systems: one server, one database or schema on it.
    fn server(&mut self, parts: &mut Parts, path: Option<&str>) -> Result<(), Problem> {
        self.set("host", parts.host.take());
        if let Some(port) = parts.port.take() {
            self.settings
                .push(("port".to_owned(), SettingValue::Integer(port.into())));
        }
        if let Some(path) = path {
            self.set(path, parts.take_path()?);
        }
        self.set("username", parts.username.take());
        self.set("tls", take_tls(parts).map(str::to_owned));
        self.keep_secret("password", parts.password.take());
        Ok(())
    }

    fn snowflake(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        let (database, schema) = parts.take_path_pair()?;
        self.set("account", parts.host.take());
        self.set_from_query("warehouse", parts, &["warehouse"]);
        self.set("database", database);
        self.set("schema", schema);
        self.set_from_query("role", parts, &["role"]);
        self.set("username", parts.username.take());
        self.keep_secret("password", parts.password.take());
        Ok(())
    }

    fn bigquery(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        self.set("project_id", parts.host.take());
        self.set("dataset", parts.take_path()?);
        self.set_from_query("location", parts, &["location"]);
        Ok(())
    }

    fn databricks(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        self.set("host", parts.host.take());
        self.set_from_query("http_path", parts, &["http_path"]);
        self.set_from_query("catalog", parts, &["catalog"]);
        self.set_from_query("schema", parts, &["schema"]);
        if !self.has("schema") {
            self.set("schema", parts.take_path()?);
        }
        // The username is a fixed word, and the port is the one of HTTPS.
        parts.username.take_if(|username| username == "token");
        parts.port.take_if(|port| *port == 443);
        self.keep_secret("token", parts.password.take());
        Ok(())
    }

    /// The service is a parameter or, in older URIs, the path.
    fn oracle(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        self.set_from_query("service_name", parts, &["service_name"]);
        let path = (!self.has("service_name")).then_some("service_name");
        self.server(parts, path)
    }

    fn athena(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        self.set_from_query("region", parts, &["region_name"]);
        // athena.<region>.amazonaws.com, where China has its own ending.
        let region = parts.host.as_deref().and_then(|host| {
            let (region, rest) = host.strip_prefix("athena.")?.split_once('.')?;
            rest.starts_with("amazonaws.com").then(|| region.to_owned())
        });
        if !self.has("region") && region.is_some() {
            parts.host = None;
            self.set("region", region);
        }
        parts.port.take_if(|port| *port == 443);
        self.set("database", parts.take_path()?);
        self.set_from_query("s3_staging_dir", parts, &["s3_staging_dir"]);
        self.set_from_query("workgroup", parts, &["work_group", "workgroup"]);
        self.set("access_key_id", parts.username.take());
        self.keep_secret("secret_access_key", parts.password.take());
        Ok(())
    }

    fn trino(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        let (catalog, schema) = parts.take_path_pair()?;
        self.set("host", parts.host.take());
        if let Some(port) = parts.port.take() {
            self.settings
                .push(("port".to_owned(), SettingValue::Integer(port.into())));
        }
        self.set("catalog", catalog);
        self.set("schema", schema);
        self.set("username", parts.username.take());
        self.keep_secret("password", parts.password.take());
        Ok(())
    }

    fn motherduck(&mut self, parts: &mut Parts) -> Result<(), Problem> {
        parts.path = cloud_database(&parts.path).unwrap_or_default().to_owned();
        self.set("database", parts.take_path()?);
        let token = parts.take_query(&["motherduck_token", "token"]);
        self.keep_secret("token", token.or_else(|| parts.password.take()));
        Ok(())
    }

    fn set(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.settings
                .push((name.to_owned(), SettingValue::Text(value)));
        }
    }

    fn set_from_query(&mut self, name: &str, parts: &mut Parts, parameters: &[&str]) {
        self.set(
            name,
            parts.take_query(parameters).map(|value| value.to_string()),
        );
    }

    fn has(&self, name: &str) -> bool {
        self.settings.iter().any(|(other, _)| other == name)
    }

    /// A masked secret is a missing one: it has to be entered again.
    fn keep_secret(&mut self, name: &str, value: Option<Zeroizing<String>>) {
        if let Some(value) = value.filter(|value| !is_masked(value)) {
            self.secrets.push((name.to_owned(), value));
        }
    }

    fn keep_leftovers(&mut self, mut parts: Parts) -> Result<(), Problem> {
        let path = parts.take_path()?;
        let named = [
            ("username", parts.username.map(Zeroizing::new)),
            ("password", parts.password.filter(|value| !is_masked(value))),
            ("host", parts.host.map(Zeroizing::new)),
            (
                "port",
                parts.port.map(|port| Zeroizing::new(port.to_string())),
            ),
            ("path", path.map(Zeroizing::new)),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        self.undeclared.extend(named);
        self.undeclared.append(&mut parts.query);
        Ok(())
    }

    fn check(&self) -> Result<(), Problem> {
        let unseen = |text: &str| text.chars().any(char::is_control);
        let in_settings = self
            .settings
            .iter()
            .any(|(_, value)| matches!(value, SettingValue::Text(text) if unseen(text)));
        let in_names = self.undeclared.iter().any(|(name, _)| unseen(name));
        if in_settings || in_names {
            Err(fault("holds a control character"))
        } else {
            Ok(())
        }
    }
}

/// Takes the parameter that says how the connection is encrypted, if its value has a word among ours.
fn take_tls(parts: &mut Parts) -> Option<&'static str> {
    let (at, mode) = parts
        .query
        .iter()
        .enumerate()
        .find_map(|(at, (name, value))| {
            let mode = match (
                name.to_ascii_lowercase().as_str(),
                value.to_ascii_lowercase().as_str(),
            ) {
                ("sslmode" | "ssl_mode", "disable" | "disabled")
                | ("ssl" | "secure" | "encrypt", "false" | "0" | "no") => "disable",
                ("sslmode" | "ssl_mode", "allow" | "prefer" | "preferred") => "prefer",
                ("sslmode" | "ssl_mode", "require" | "required")
                | ("ssl" | "secure" | "encrypt", "true" | "1" | "yes") => "require",
                (
                    "sslmode" | "ssl_mode",
                    "verify-ca" | "verify_ca" | "verify-full" | "verify_identity",
                ) => "verify",
                _ => return None,
            };
            Some((at, mode))
        })?;
    parts.query.remove(at);
    Some(mode)
}

/// Superset writes `XXXXXXXXXX` in place of a password, `SQLAlchemy` itself `***`.
fn is_masked(secret: &str) -> bool {
    let all = |mask: u8, at_least: usize| {
        secret.len() >= at_least && secret.bytes().all(|byte| byte == mask)
    };
    all(b'X', 4) || all(b'*', 3)
}

#[cfg(test)]
mod tests;
