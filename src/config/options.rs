//! The options as clap reads them: flags first, else their environment variables.
//!
//! Defaults are not clap's, since the file comes between the environment and them; their text in the help is
//! compared with the constants by a test.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Span, SpanOrOff};

/// What every subcommand takes.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// Folder of the SQLite database, the keyring and the first key [default: ./reprieve-data]
    #[arg(long, global = true, value_name = "DIR", env = "REPRIEVE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The database: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME` [default: sqlite:<data-dir>/reprieve.db]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "REPRIEVE_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<DatabaseUrlText>,
    /// Folder of the encryption keys; the first key is made in it [default: <data-dir>/keys]
    #[arg(long, global = true, value_name = "DIR", env = "REPRIEVE_KEYS")]
    pub keys: Option<PathBuf>,
    /// One encryption key given as a file of 32 bytes, instead of --keys [default: none]
    #[arg(long, global = true, value_name = "FILE", env = "REPRIEVE_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// TOML file with any of these options, say `data_dir = "/var/lib/reprieve"` [default: none]
    #[arg(long, global = true, value_name = "FILE", env = "REPRIEVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// How log lines look on stderr [default: text]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "REPRIEVE_LOG_FORMAT"
    )]
    pub log_format: Option<LogFormat>,
    /// What is logged: off, error, warn, info, debug or trace, or by target, say `info,reprieve::store=debug` [default: `info,actix_server=warn`]
    #[arg(long, global = true, value_name = "FILTER", env = "REPRIEVE_LOG_LEVEL")]
    pub log_level: Option<String>,
    /// Nothing is purged sooner after its deletion, whoever asks: days, 0 is no floor [default: 0]
    #[arg(
        long,
        global = true,
        value_name = "DAYS",
        env = "REPRIEVE_MIN_RETENTION_DAYS"
    )]
    pub min_retention_days: Option<i32>,
    /// The most entries of an organization that are purged within an hour [default: 1000, or a tenth of its entries if that is more]
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        env = "REPRIEVE_PURGE_HOURLY_LIMIT"
    )]
    pub purge_hourly_limit: Option<u64>,
    /// Longer than the service is ever down: a clock that is further ahead at a start has jumped, and nothing is purged [default: 7d]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "REPRIEVE_MAX_DOWNTIME"
    )]
    pub max_downtime: Option<Span>,
}

/// What `serve` takes besides.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeOptions {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:3003]
    #[arg(long, value_name = "ADDRESS", env = "REPRIEVE_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Address and port that serve metrics at /metrics, to whoever reaches it; port 0 takes a free one [default: none]
    #[arg(long, value_name = "ADDRESS", env = "REPRIEVE_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// How people reach the service from outside [default: the address it listens on]
    #[arg(long, value_name = "URL", env = "REPRIEVE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// HTTP worker threads [default: one per CPU]
    #[arg(long, value_name = "NUMBER", env = "REPRIEVE_WORKERS")]
    pub workers: Option<usize>,
    /// The most database connections [default: 10]
    #[arg(long, value_name = "NUMBER", env = "REPRIEVE_POOL_SIZE")]
    pub pool_size: Option<u32>,
    /// Refuse to start while migrations are pending, instead of applying them [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "REPRIEVE_NO_MIGRATE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub no_migrate: Option<bool>,
    /// How often what was shredded is erased from PostgreSQL's files, 24h at most [default: 1h]
    #[arg(long, value_name = "DURATION", env = "REPRIEVE_ERASURE_INTERVAL")]
    pub erasure_interval: Option<Span>,
    /// How often a secret is planted, deleted and looked for, or `off` [default: 6h]
    #[arg(long, value_name = "DURATION", env = "REPRIEVE_CANARY_INTERVAL")]
    pub canary_interval: Option<SpanOrOff>,
    /// How often the encryption keys rotate by themselves, or `off` [default: 30d]
    #[arg(long, value_name = "DURATION", env = "REPRIEVE_KEY_ROTATION_INTERVAL")]
    pub key_rotation_interval: Option<SpanOrOff>,
    /// What `keys` takes too.
    #[command(flatten)]
    pub keys: KeyOptions,
    /// The largest file that `POST /v1/import` takes, in bytes [default: 1073741824]
    #[arg(long, value_name = "BYTES", env = "REPRIEVE_MAX_IMPORT_BYTES")]
    pub max_import_bytes: Option<u64>,
    /// Loopback and private ranges that tests of connections may reach, say 10.0.0.0/8,127.0.0.0/8 [default: none]
    #[arg(
        long,
        value_name = "CIDR",
        env = "REPRIEVE_ALLOW_CIDRS",
        value_delimiter = ','
    )]
    pub allow_cidrs: Option<Vec<IpNet>>,
    /// When what is due is purged: a length of time, a cron expression of five fields such as "30 2 * * *", or off [default: 15m]
    #[arg(long, value_name = "SCHEDULE", env = "REPRIEVE_PURGE_SCHEDULE")]
    pub purge_schedule: Option<String>,
    /// Whose clocks a cron expression goes by, say Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", env = "REPRIEVE_PURGE_TIME_ZONE")]
    pub purge_time_zone: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented where clap reads them")]
    pub dialects: DialectOptions,
}

/// What `serve` takes about the dialects; in the file these are the tables `[dialects]`, `[dialects.nango]` and
/// `[dialects.omni]`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DialectOptions {
    /// The foreign contracts to serve: some of nango, omni, trackstar, or none; `served` in the file [default: all]
    #[arg(
        long,
        value_name = "DIALECT",
        env = "REPRIEVE_DIALECTS",
        value_delimiter = ','
    )]
    pub dialects: Option<Vec<String>>,
    /// How many requests a minute each dialect answers to one key, 0 for as many as come [default: 0]
    #[arg(
        long,
        value_name = "REQUESTS",
        env = "REPRIEVE_DIALECT_REQUESTS_PER_MINUTE"
    )]
    pub dialect_requests_per_minute: Option<u32>,
    /// What Nango's delete answers when there is no such connection: 404, or 400 as its server does [default: 404]
    #[arg(long, value_name = "STATUS", env = "REPRIEVE_NANGO_GONE_STATUS")]
    pub nango_gone_status: Option<u16>,
    /// What Omni's delete answers when it is in the trash already: 410, or 404 for clients that know only that [default: 410]
    #[arg(long, value_name = "STATUS", env = "REPRIEVE_OMNI_GONE_STATUS")]
    pub omni_gone_status: Option<u16>,
}

/// What `serve` and `keys` take.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct KeyOptions {
    /// How long an encryption key is kept after its retirement before it is destroyed; with `off` only `reprieve keys destroy` does it [default: 7d]
    #[arg(long, value_name = "DURATION", env = "REPRIEVE_KEY_DESTROY_AFTER")]
    pub key_destroy_after: Option<SpanOrOff>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Json,
}

/// A database URL as it was given. May hold a password, so it is never shown, nor judged by clap, whose refusals
/// repeat the value.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrlText(String);

impl DatabaseUrlText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DatabaseUrlText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabaseUrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrlText")
    }
}

/// The API key for commands that work by a server's API, if the environment has one. It is no option: an option could
/// be given as an argument, which every user of the machine can read.
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that clap must not know"
)]
pub fn api_key() -> Option<Zeroizing<String>> {
    std::env::var("REPRIEVE_API_KEY")
        .ok()
        .filter(|key| !key.is_empty())
        .map(Zeroizing::new)
}
