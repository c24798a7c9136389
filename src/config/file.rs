//! The TOML file: the options' names with underscores; those of the dialects have tables of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use super::{ConfigError, DatabaseUrlText, LogFormat, Span, SpanOrOff};

/// What the file says. Each field is the option of that name in [`super::Options`] or [`super::ServeOptions`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented where clap reads them")]
pub struct File {
    pub data_dir: Option<PathBuf>,
    pub database_url: Option<DatabaseUrlText>,
    pub keys: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub log_format: Option<LogFormat>,
    pub log_level: Option<String>,
    pub listen: Option<SocketAddr>,
    pub metrics_listen: Option<SocketAddr>,
    pub public_url: Option<String>,
    pub workers: Option<usize>,
    pub pool_size: Option<u32>,
    pub no_migrate: Option<bool>,
    pub erasure_interval: Option<Span>,
    pub canary_interval: Option<SpanOrOff>,
    pub key_rotation_interval: Option<SpanOrOff>,
    pub key_destroy_after: Option<SpanOrOff>,
    pub max_import_bytes: Option<u64>,
    pub allow_cidrs: Option<Vec<IpNet>>,
    pub min_retention_days: Option<i32>,
    pub purge_hourly_limit: Option<u64>,
    pub max_downtime: Option<Span>,
    pub purge_schedule: Option<String>,
    pub purge_time_zone: Option<String>,
    #[serde(default)]
    pub dialects: Dialects,
}

/// The table `[dialects]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialects {
    pub served: Option<Vec<String>>,
    pub requests_per_minute: Option<u32>,
    #[serde(default)]
    pub nango: DialectOf,
    #[serde(default)]
    pub omni: DialectOf,
}

/// The table of one dialect: `[dialects.nango]`, `[dialects.omni]`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectOf {
    pub gone_status: Option<u16>,
}

impl File {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is for the refusal.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        // Not the error's own display: it prints the line, which may hold the password of a database URL.
        toml::from_str(text).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            detail: error.message().replace('\n', ", "),
        })
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
