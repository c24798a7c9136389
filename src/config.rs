//! Configuration: flags, environment (`REPRIEVE_*`), a TOML file, defaults; the first that speaks wins.
//!
//! [`Config`] is what the program runs with, checked. The command line builds it; tests build their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::secrets::KeySource;
use crate::store::DatabaseUrl;

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
    /// How people reach the service from outside.
    pub public_url: Option<url::Url>,
    /// The most database connections.
    pub pool_size: u32,
    /// HTTP worker threads.
    pub workers: usize,
    /// Whether `serve` applies pending migrations itself.
    pub migrate: bool,
    /// How often PostgreSQL's table of secrets is rewritten, so that nothing shredded is left in it.
    pub erasure_interval: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
}
