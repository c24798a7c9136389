//! Configuration: flags, environment (`REPRIEVE_*`), a TOML file, defaults; the first that speaks wins.
//!
//! [`Config`] is what the program runs with, checked. The command line builds it with [`load`]; tests build their
//! own. What must stay true: no refusal and no help text repeats a database URL, since it may hold a password.

mod file;
mod options;
mod schedule;
mod span;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::http::dialects::{Dialect, NangoGone, OmniGone, Settings as Dialects};
use crate::jobs::deliverer::Limits as DeliveryLimits;
use crate::jobs::keykeeper::{self, Times};
use crate::jobs::revoker::Limits;
use crate::metrics;
use crate::outbound::{Network, SystemNetwork};
use crate::secrets::KeySource;
use crate::service::probe::Allowance;
use crate::service::purge::{LONGEST_RETENTION_DAYS, Limits as PurgeLimits};
use crate::store::{DatabaseUrl, DatabaseUrlError};

pub use file::File;
pub use options::{
    DatabaseUrlText, DialectOptions, KeyOptions, LogFormat, Options, ServeOptions, api_key,
};
pub use schedule::Schedule;
pub use span::{Span, SpanError, SpanOrOff};

/// The folder of everything, unless told otherwise.
const DATA_DIR: &str = "./reprieve-data";
/// Where `serve` listens.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3003);
/// What is logged; actix tells of each of its workers.
const LOG_LEVEL: &str = "info,actix_server=warn";
/// How often the standing check looks for residue of deleted secrets.
const CANARY_INTERVAL: Duration = Duration::from_hours(6);
/// The most database connections.
const POOL_SIZE: u32 = 10;
/// How often PostgreSQL's table of secrets is rewritten.
const ERASURE_INTERVAL: Duration = Duration::from_hours(1);
/// Promise 4: within a day nothing shredded is left, whatever is configured.
const ERASURE_INTERVAL_MAX: Duration = Duration::from_hours(24);
/// How often the encryption keys rotate.
const KEY_ROTATION_INTERVAL: Duration = Duration::from_hours(30 * 24);
/// docs/security.md, "The process": a body that takes longer is a slow client's.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// When the purge runs.
const PURGE_SCHEDULE: &str = "15m";
/// A million rows of a kilobyte.
const MAX_IMPORT_BYTES: u64 = 1024 * 1024 * 1024;

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the SQLite file, the keyring and the first key are.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseUrl,
    /// The encryption keys.
    pub keys: KeySource,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the metrics are told, if they are; port 0 takes a free one.
    pub metrics_listen: Option<SocketAddr>,
    /// How people reach the service from outside.
    pub public_url: Option<Url>,
    /// The most database connections.
    pub pool_size: u32,
    /// HTTP worker threads.
    pub workers: usize,
    /// Whether `serve` applies pending migrations itself.
    pub migrate: bool,
    /// How often PostgreSQL's table of secrets is rewritten, so that nothing shredded is left in it.
    pub erasure_interval: Duration,
    /// How often it is looked for residue of a deleted secret; never without one.
    pub canary_interval: Option<Duration>,
    /// When encryption keys are made and destroyed.
    pub key_times: Times,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long the metrics show again what they found in the database.
    pub metrics_kept: Duration,
    /// The largest file that the API imports.
    pub max_import_bytes: u64,
    /// Loopback and private ranges that tests of connections may reach.
    pub allow_cidrs: Vec<IpNet>,
    /// How many tests an organization may make.
    pub tests: Allowance,
    /// How much time and room revocations at the source have.
    pub revocation: Limits,
    /// How much time and room deliveries to webhook endpoints have.
    pub webhooks: DeliveryLimits,
    /// How much a purge may do.
    pub purge: PurgeLimits,
    /// When `serve` purges by itself; never without one.
    pub purge_schedule: Option<Schedule>,
    /// The dialects that are spoken, and how.
    pub dialects: Dialects,
    /// Names and connections to other systems.
    pub network: Arc<dyn Network>,
}

/// How the program logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// What to log: levels and targets.
    pub level: String,
}

/// Why the configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named by `--config` can't be read.
    #[error("the configuration file {} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The file holds something else than options.
    #[error("{}, line {line}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// The database URL leads nowhere.
    #[error("--database-url")]
    Database(#[from] DatabaseUrlError),
    /// An option has a value that it can't have.
    #[error("{option} {detail}")]
    Option {
        /// The option, as a flag.
        option: &'static str,
        /// What it should be.
        detail: String,
    },
}

/// Reads the file that the options name, and puts everything together.
pub fn load(options: Options, serve: ServeOptions) -> Result<(Config, LogConfig), ConfigError> {
    let file = match &options.config {
        Some(path) => File::read(path)?,
        None => File::default(),
    };
    resolve(options, serve, file)
}

/// Puts the layers together; `options` and `serve` hold what flags and environment say.
pub fn resolve(
    options: Options,
    serve: ServeOptions,
    file: File,
) -> Result<(Config, LogConfig), ConfigError> {
    let data_dir = options
        .data_dir
        .or(file.data_dir)
        .unwrap_or_else(|| DATA_DIR.into());
    if data_dir.as_os_str().is_empty() {
        return Err(refuse("--data-dir", "names no folder"));
    }
    let database = match options.database_url.or(file.database_url) {
        Some(url) => database(url.as_str())?,
        None => DatabaseUrl::Sqlite(data_dir.join("reprieve.db")),
    };
    let pool_size = serve.pool_size.or(file.pool_size).unwrap_or(POOL_SIZE);
    if !(1..=1_000).contains(&pool_size) {
        return Err(refuse("--pool-size", "goes from 1 to 1000"));
    }
    let erasure_interval = serve
        .erasure_interval
        .or(file.erasure_interval)
        .map_or(ERASURE_INTERVAL, Span::get);
    if erasure_interval > ERASURE_INTERVAL_MAX {
        return Err(refuse(
            "--erasure-interval",
            "is 24h at most: what was shredded must be gone within a day",
        ));
    }
    let config = Config {
        database,
        keys: key_source(
            [(options.keys, options.key_file), (file.keys, file.key_file)],
            &data_dir,
        )?,
        listen: serve.listen.or(file.listen).unwrap_or(LISTEN),
        metrics_listen: serve.metrics_listen.or(file.metrics_listen),
        public_url: serve
            .public_url
            .or(file.public_url)
            .map(|url| public_url(&url))
            .transpose()?,
        pool_size,
        workers: workers(serve.workers.or(file.workers))?,
        migrate: !serve.no_migrate.or(file.no_migrate).unwrap_or(false),
        erasure_interval,
        canary_interval: serve
            .canary_interval
            .or(file.canary_interval)
            .map_or(Some(CANARY_INTERVAL), SpanOrOff::get),
        key_times: Times {
            rotation: serve
                .key_rotation_interval
                .or(file.key_rotation_interval)
                .map_or(Some(KEY_ROTATION_INTERVAL), SpanOrOff::get),
            destruction: serve
                .keys
                .key_destroy_after
                .or(file.key_destroy_after)
                .map_or(Some(keykeeper::GRACE), SpanOrOff::get),
            look: keykeeper::LOOK,
        },
        body_timeout: BODY_TIMEOUT,
        metrics_kept: metrics::KEPT,
        max_import_bytes: serve
            .max_import_bytes
            .or(file.max_import_bytes)
            .unwrap_or(MAX_IMPORT_BYTES),
        allow_cidrs: serve.allow_cidrs.or(file.allow_cidrs).unwrap_or_default(),
        tests: Allowance::default(),
        revocation: Limits::default(),
        webhooks: DeliveryLimits::default(),
        purge: purge_limits(
            options.min_retention_days.or(file.min_retention_days),
            options.purge_hourly_limit.or(file.purge_hourly_limit),
            options.max_downtime.or(file.max_downtime),
        )?,
        purge_schedule: purge_schedule(
            serve.purge_schedule.or(file.purge_schedule).as_deref(),
            serve.purge_time_zone.or(file.purge_time_zone).as_deref(),
        )?,
        dialects: dialects(&serve.dialects, file.dialects)?,
        network: Arc::new(SystemNetwork),
        data_dir,
    };
    let log = LogConfig {
        format: options.log_format.or(file.log_format).unwrap_or_default(),
        level: options
            .log_level
            .or(file.log_level)
            .unwrap_or_else(|| LOG_LEVEL.to_owned()),
    };
    Ok((config, log))
}

fn purge_limits(
    min_retention_days: Option<i32>,
    hourly: Option<u64>,
    max_downtime: Option<Span>,
) -> Result<PurgeLimits, ConfigError> {
    let mut limits = PurgeLimits {
        hourly,
        ..PurgeLimits::default()
    };
    if let Some(days) = min_retention_days {
        if !(0..=LONGEST_RETENTION_DAYS).contains(&days) {
            return Err(refuse("--min-retention-days", "goes from 0 to 3650"));
        }
        limits.min_retention_days = days;
    }
    if hourly == Some(0) {
        return Err(refuse("--purge-hourly-limit", "is 1 at least"));
    }
    if let Some(span) = max_downtime {
        limits.max_downtime = chrono::Duration::from_std(span.get())
            .map_err(|_| refuse("--max-downtime", "is too long"))?;
    }
    Ok(limits)
}

fn purge_schedule(text: Option<&str>, zone: Option<&str>) -> Result<Option<Schedule>, ConfigError> {
    let zone = zone
        .map_or(Ok(chrono_tz::Tz::UTC), str::parse)
        .map_err(|_| {
            refuse(
                "--purge-time-zone",
                "takes a name of the time zone database, such as Europe/Berlin",
            )
        })?;
    match text.unwrap_or(PURGE_SCHEDULE) {
        "off" => Ok(None),
        text => match Schedule::parse(text, zone) {
            Ok(schedule) => Ok(Some(schedule)),
            Err(expected) => Err(refuse("--purge-schedule", &expected)),
        },
    }
}

fn dialects(options: &DialectOptions, file: file::Dialects) -> Result<Dialects, ConfigError> {
    let mut settings = Dialects::default();
    if let Some(words) = options.dialects.as_ref().or(file.served.as_ref()) {
        let expected = || refuse("--dialects", "takes nango, omni, trackstar, or none");
        settings.served = match words.as_slice() {
            [none] if none == "none" => [].into(),
            words => words
                .iter()
                .map(|word| Dialect::parse(word).ok_or_else(expected))
                .collect::<Result<_, _>>()?,
        };
    }
    if let Some(limit) = options
        .dialect_requests_per_minute
        .or(file.requests_per_minute)
    {
        settings.requests_per_minute = NonZeroU32::new(limit);
    }
    match options.nango_gone_status.or(file.nango.gone_status) {
        None | Some(404) => {}
        Some(400) => settings.nango_gone = NangoGone::BadRequest,
        Some(_) => return Err(refuse("--nango-gone-status", "is 404 or 400")),
    }
    match options.omni_gone_status.or(file.omni.gone_status) {
        None | Some(410) => {}
        Some(404) => settings.omni_gone = OmniGone::NotFound,
        Some(_) => return Err(refuse("--omni-gone-status", "is 410 or 404")),
    }
    Ok(settings)
}

fn refuse(option: &'static str, detail: &str) -> ConfigError {
    ConfigError::Option {
        option,
        detail: detail.to_owned(),
    }
}

/// Beside the scheme, checks what libpq would otherwise complain about with a piece of the password in its words.
fn database(url: &str) -> Result<DatabaseUrl, ConfigError> {
    let parsed = DatabaseUrl::parse(url)?;
    let encode = |what: &str| {
        refuse(
            "--database-url",
            &format!(
                "has {what}: in a user name or password write it percent-encoded (%40 for @, %25 for %, %2F for /)"
            ),
        )
    };
    if let DatabaseUrl::Postgres(url) = &parsed {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        if let Some((credentials, after)) = rest.split_once('@')
            && (after.contains('@') || credentials.contains(['/', '?', '#']))
        {
            return Err(encode("an @ or / in an unexpected place"));
        }
        let hex = |piece: &str| piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !rest.split('%').skip(1).all(hex) {
            return Err(encode("a % without two hexadecimal digits after it"));
        }
    }
    Ok(parsed)
}

/// The first layer that names a folder or a file decides; both in one layer contradict each other.
fn key_source(
    layers: [(Option<PathBuf>, Option<PathBuf>); 2],
    data_dir: &Path,
) -> Result<KeySource, ConfigError> {
    for layer in layers {
        match layer {
            (Some(_), Some(_)) => {
                return Err(refuse("--key-file", "can't be given together with --keys"));
            }
            (Some(folder), None) => return Ok(KeySource::Folder(folder)),
            (None, Some(file)) => return Ok(KeySource::File(file)),
            (None, None) => {}
        }
    }
    Ok(KeySource::Folder(data_dir.join("keys")))
}

fn public_url(text: &str) -> Result<Url, ConfigError> {
    let expected = || {
        refuse(
            "--public-url",
            "must be like https://reprieve.example.com, without user, query or fragment",
        )
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err(expected()) }
}

fn workers(wanted: Option<usize>) -> Result<usize, ConfigError> {
    match wanted {
        Some(workers @ 1..=1_000) => Ok(workers),
        Some(_) => Err(refuse("--workers", "goes from 1 to 1000")),
        None => Ok(std::thread::available_parallelism().map_or(1, NonZeroUsize::get)),
    }
}
