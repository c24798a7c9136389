//! The two-variant connection, where it connects to, and how a transaction begins on it.

use std::fmt;
use std::path::PathBuf;

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::pg::PgConnection;
use diesel::r2d2::R2D2Connection as _;
use diesel::sqlite::SqliteConnection;

use super::error::{StoreError, StoreResult};
use super::{postgres, sqlite};

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as libpq reads it. Holds a password: shown without it.
    Postgres(String),
}

/// Why a database URL was refused.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither of the two schemes.
    #[error(
        "unknown database URL: expected sqlite:PATH, sqlite://PATH, postgres://... or postgresql://..."
    )]
    Scheme,
    /// `sqlite:` with nothing after it.
    #[error(
        "the sqlite URL names no file: expected sqlite:PATH, for instance sqlite:reprieve-data/reprieve.db"
    )]
    NoFile,
    /// TLS asked for in a build without it.
    #[error(
        "sslmode={0} needs TLS to PostgreSQL, which this build has not: build with `--features pg-tls`"
    )]
    NoTls(String),
}

impl DatabaseUrl {
    /// Reads a URL; the scheme alone decides the backend.
    pub fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path.is_empty() {
                Err(DatabaseUrlError::NoFile)
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Scheme);
        }
        let sslmode = url.split_once('?').and_then(|(_, query)| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix("sslmode="))
        });
        match sslmode {
            Some(mode)
                if !cfg!(feature = "pg-tls") && !matches!(mode, "disable" | "allow" | "prefer") =>
            {
                Err(DatabaseUrlError::NoTls(mode.to_owned()))
            }
            _ => Ok(Self::Postgres(url.to_owned())),
        }
    }
}

impl DatabaseUrl {
    /// The servers it leads to, each a host and a port: what a connection of a customer must not. A Unix socket counts
    /// as this machine.
    pub fn servers(&self) -> Vec<(String, u16)> {
        let Self::Postgres(url) = self else {
            return Vec::new();
        };
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = before.split('/').next().unwrap_or_default();
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, hosts)| hosts);
        let mut hosts: Vec<(String, Option<u16>)> =
            authority.split(',').map(host_and_port).collect();
        let mut ports = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "host" | "hostaddr" => {
                    hosts.extend(value.split(',').map(|host| (host.to_owned(), None)));
                }
                "port" => {
                    ports.extend(value.split(',').filter_map(|port| port.parse::<u16>().ok()));
                }
                _ => {}
            }
        }
        let default = if ports.is_empty() { vec![5432] } else { ports };
        let all_ports = |port: Option<u16>| port.map_or_else(|| default.clone(), |port| vec![port]);
        hosts
            .into_iter()
            .map(|(host, port)| {
                let is_here = host.is_empty() || host.starts_with(['/', '@']);
                (
                    if is_here {
                        "127.0.0.1".to_owned()
                    } else {
                        host
                    },
                    port,
                )
            })
            .flat_map(|(host, port)| {
                all_ports(port)
                    .into_iter()
                    .map(move |port| (host.clone(), port))
            })
            .collect()
    }
}

/// One of the comma-separated hosts of a libpq URL, percent-decoded.
fn host_and_port(text: &str) -> (String, Option<u16>) {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (
        percent_encoding::percent_decode_str(host)
            .decode_utf8_lossy()
            .into_owned(),
        port,
    )
}

/// Never shows a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => match url::Url::parse(url) {
                Ok(parsed) => {
                    let host = parsed.host_str().unwrap_or_default();
                    match parsed.port() {
                        Some(port) => write!(f, "postgres://{host}:{port}{}", parsed.path()),
                        None => write!(f, "postgres://{host}{}", parsed.path()),
                    }
                }
                Err(_) => f.write_str("postgres://..."),
            },
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A connection to either database.
pub enum Conn {
    /// SQLite, compiled in.
    Sqlite(SqliteConnection),
    /// PostgreSQL, through the compiled-in libpq.
    Pg(PgConnection),
}

macro_rules! on_both {
    ($self:expr, $conn:ident => $work:expr) => {
        match $self {
            Conn::Sqlite($conn) => $work,
            Conn::Pg($conn) => $work,
        }
    };
}

impl Conn {
    pub(super) fn open(url: &DatabaseUrl) -> StoreResult<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => sqlite::open(path).map(Self::Sqlite),
            DatabaseUrl::Postgres(url) => postgres::open(url).map(Self::Pg),
        }
    }

    /// Whether this is SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// What is wrong with an SQLite file; nothing if it is whole.
    pub fn quick_check(&mut self) -> StoreResult<Vec<String>> {
        match self {
            Self::Sqlite(conn) => Ok(sqlite::quick_check(conn)?),
            Self::Pg(_) => Ok(Vec::new()),
        }
    }

    /// How many rows all tables of an SQLite file have.
    pub fn count_rows(&mut self) -> StoreResult<i64> {
        match self {
            Self::Sqlite(conn) => Ok(sqlite::count_rows(conn)?),
            Self::Pg(_) => Ok(0),
        }
    }

    pub(super) fn begin_write(&mut self) -> StoreResult<()> {
        Ok(match self {
            Self::Sqlite(conn) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            }
            Self::Pg(conn) => AnsiTransactionManager::begin_transaction(conn),
        }?)
    }

    pub(super) fn begin_snapshot(&mut self) -> StoreResult<()> {
        Ok(match self {
            Self::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN"),
            Self::Pg(conn) => AnsiTransactionManager::begin_transaction_sql(
                conn,
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        }?)
    }

    pub(super) fn commit(&mut self) -> StoreResult<()> {
        Ok(on_both!(self, conn => AnsiTransactionManager::commit_transaction(conn))?)
    }

    pub(super) fn rollback(&mut self) -> StoreResult<()> {
        Ok(on_both!(self, conn => AnsiTransactionManager::rollback_transaction(conn))?)
    }

    /// Runs statements that return nothing. For set-up, migrations and tests; never with input in the text.
    pub fn batch(&mut self, sql: &str) -> StoreResult<()> {
        Ok(on_both!(self, conn => conn.batch_execute(sql))?)
    }
}

/// A connection of a pool. Diesel calls one broken by the state of its transaction alone, so a session that ended
/// outside of one would be handed out for ever; here it is asked whether it still answers.
pub(super) struct Pooled {
    pub(super) conn: Conn,
    lost: bool,
}

impl Pooled {
    /// After something failed: a session that does not answer any more leaves the pool.
    pub(super) fn note_loss(&mut self) {
        self.lost = on_both!(&mut self.conn, conn => conn.ping()).is_err();
    }

    /// Begins a transaction.
    pub(super) fn begin(
        &mut self,
        begin: impl FnOnce(&mut Conn) -> StoreResult<()>,
    ) -> StoreResult<()> {
        begin(&mut self.conn).inspect_err(|_| self.note_loss())
    }
}

/// Makes and judges pooled connections.
pub(super) struct Manager {
    url: DatabaseUrl,
}

impl Manager {
    pub(super) fn new(url: DatabaseUrl) -> Self {
        Self { url }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = StoreError;

    fn connect(&self) -> Result<Pooled, StoreError> {
        Ok(Pooled {
            conn: Conn::open(&self.url)?,
            lost: false,
        })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), StoreError> {
        Ok(on_both!(&mut pooled.conn, conn => conn.ping())?)
    }

    /// Also true after a panic inside a transaction, so such a connection never goes back into the pool.
    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        std::thread::panicking()
            || pooled.lost
            || on_both!(&mut pooled.conn, conn => conn.is_broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides_the_backend() {
        for (url, shown) in [
            ("sqlite:data/reprieve.db", "sqlite:data/reprieve.db"),
            (
                "sqlite:///var/lib/reprieve.db",
                "sqlite:/var/lib/reprieve.db",
            ),
            ("postgres://u:secret@db/reprieve", "postgres://db/reprieve"),
            (
                "postgres://u:secret@db:6432/reprieve",
                "postgres://db:6432/reprieve",
            ),
            (
                "postgresql://u@db/reprieve?sslmode=disable",
                "postgres://db/reprieve",
            ),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().to_string(), shown);
        }
        for url in [
            "",
            "reprieve.db",
            "mysql://db",
            "host=db user=x",
            "sqlite:",
            "sqlite://",
        ] {
            assert!(DatabaseUrl::parse(url).is_err(), "{url}");
        }
    }

    #[cfg(not(feature = "pg-tls"))]
    #[test]
    fn tls_that_is_not_built_in_is_refused_by_name() {
        let refusal = DatabaseUrl::parse("postgres://db/x?sslmode=verify-full").unwrap_err();
        assert!(refusal.to_string().contains("pg-tls"));
    }
}
