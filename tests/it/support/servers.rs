//! Servers for probes to reach: a real PostgreSQL and a real MariaDB, both with TLS on, each started once a run when a
//! test first asks for it.
//!
//! They are not the service's own database, which no probe may reach. Both have the databases [`OPEN`] and [`CLOSED`]
//! and the users below, all with the password [`Probed::password`]. They listen on 127.0.0.1, and that is the only name
//! in their certificate: `localhost` leads to them too, but is a wrong name.
//!
//! They end with the process of the tests, however that ends: their script waits for the end of the pipe that we hold.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, OnceLock};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use uuid::Uuid;

/// A database that every user may use.
pub(crate) const OPEN: &str = "sales";
/// A database that no user may use.
pub(crate) const CLOSED: &str = "payroll";

/// Signs in by SCRAM-SHA-256 (PostgreSQL) or `mysql_native_password` (MariaDB).
pub(crate) const READER: &str = "reader";
/// The same, but its password has expired.
pub(crate) const EXPIRED: &str = "expired";
/// The same, but it is let in through TLS only.
pub(crate) const TLS_ONLY: &str = "tls_only";
/// PostgreSQL asks for the MD5 of its password.
pub(crate) const MD5: &str = "md5_reader";
/// PostgreSQL asks for its password in clear text.
pub(crate) const CLEAR: &str = "clear_reader";
/// MariaDB has locked it.
pub(crate) const LOCKED: &str = "locked";
/// MariaDB shows it every database, [`CLOSED`] too.
pub(crate) const ANALYST: &str = "analyst";
/// MariaDB wants it to sign in as before 2004, which it refuses itself by now.
pub(crate) const OLD: &str = "old";

/// A running server.
pub(crate) struct Probed {
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    /// The certificate of the authority that signed the server's, in PEM form.
    pub(crate) ca: String,
    /// The password of all its users.
    pub(crate) password: String,
    /// Its standard input is open as long as we live.
    _script: Child,
}

pub(crate) fn probed_postgres() -> &'static Probed {
    static SERVER: OnceLock<Probed> = OnceLock::new();
    SERVER.get_or_init(|| {
        let hba = format!(
            "hostssl all {TLS_ONLY} 127.0.0.1/32 scram-sha-256\n\
             host all {TLS_ONLY} 127.0.0.1/32 reject\n\
             host all {MD5} 127.0.0.1/32 md5\n\
             host all {CLEAR} 127.0.0.1/32 password\n\
             host all {READER},{EXPIRED} 127.0.0.1/32 scram-sha-256\n"
        );
        let (script, settings) = run("postgres", "--hba", &hba);
        let url = setting(&settings, "REPRIEVE_TEST_POSTGRES");
        let password = Uuid::new_v4().to_string();
        let mut connection = PgConnection::establish(url).unwrap();
        let mut sql = |sql: &str| connection.batch_execute(sql).unwrap();
        for database in [OPEN, CLOSED] {
            sql(&format!("CREATE DATABASE {database}"));
        }
        sql(&format!("REVOKE CONNECT ON DATABASE {CLOSED} FROM PUBLIC"));
        for (user, hash, valid_until) in [
            (READER, "scram-sha-256", "infinity"),
            (EXPIRED, "scram-sha-256", "2020-01-01"),
            (TLS_ONLY, "scram-sha-256", "infinity"),
            (CLEAR, "scram-sha-256", "infinity"),
            (MD5, "md5", "infinity"),
        ] {
            sql(&format!(
                "SET password_encryption = '{hash}'; \
                 CREATE ROLE {user} LOGIN PASSWORD '{password}' VALID UNTIL '{valid_until}'"
            ));
        }
        Probed::new(url::Url::parse(url).unwrap().port(), password, script)
    })
}

pub(crate) fn probed_mariadb() -> &'static Probed {
    static SERVER: OnceLock<Probed> = OnceLock::new();
    SERVER.get_or_init(|| {
        let password = Uuid::new_v4().to_string();
        let mut sql = vec![
            format!("CREATE DATABASE {OPEN}"),
            format!("CREATE DATABASE {CLOSED}"),
            format!("CREATE USER {OLD}@'127.0.0.1' IDENTIFIED VIA mysql_old_password USING '6f8c114b58f2ce9e'"),
        ];
        let only = format!("{OPEN}.*");
        for (user, option, databases) in [
            (READER, "", only.as_str()),
            (EXPIRED, "PASSWORD EXPIRE", &only),
            (TLS_ONLY, "REQUIRE SSL", &only),
            (LOCKED, "ACCOUNT LOCK", &only),
            (ANALYST, "", "*.*"),
        ] {
            sql.extend([
                format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{password}' {option}"),
                format!("GRANT SELECT ON {databases} TO {user}@'127.0.0.1'"),
            ]);
        }
        // A statement a line.
        let sql = sql.join(";\n") + ";\n";
        let (script, settings) = run("mariadb", "--init", &sql);
        let (_, port) = setting(&settings, "REPRIEVE_TEST_MARIADB")
            .split_once(':')
            .unwrap();
        Probed::new(port.parse().ok(), password, script)
    })
}

impl Probed {
    fn new(port: Option<u16>, password: String, script: Child) -> Self {
        Self {
            host: "127.0.0.1",
            port: port.unwrap(),
            ca: ca(),
            password,
            _script: script,
        }
    }
}

/// Starts a server with this text in the file that the option names; what its script printed.
fn run(script: &str, option: &str, text: &str) -> (Child, String) {
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = certificate("127.0.0.1");
    let mut child =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scripts/{script}")))
            .arg("run")
            .arg("--tls")
            .arg(write("server.pem", &certificate))
            .arg(write("server.key", &key))
            .arg(option)
            .arg(write("text", text))
            // From here on it is the script that removes it.
            .arg(tempfile::tempdir().unwrap().keep())
            // A signal to the group of the tests must not end the script before it has tidied up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut settings = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut settings).unwrap();
    assert!(
        !settings.is_empty(),
        "scripts/{script} started no server, it says above why; scripts/test installs what is missing"
    );
    (child, settings)
}

fn setting<'a>(settings: &'a str, name: &str) -> &'a str {
    settings
        .lines()
        .find_map(|line| {
            line.strip_prefix("export ")?
                .strip_prefix(name)?
                .strip_prefix('=')
        })
        .unwrap_or_else(|| panic!("no {name} in {settings:?}"))
}

static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(authority);

/// An authority that nobody knows.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "Authority of the tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The certificate of the authority that signs servers' certificates, in PEM form.
pub(crate) fn ca() -> String {
    AUTHORITY.pem()
}

/// The certificate, in PEM form, of an authority that has signed nothing.
pub(crate) fn other_ca() -> String {
    authority().pem()
}

/// A server's certificate, signed by the authority of [`Probed::ca`], and its key, both in PEM form.
pub(crate) fn certificate(name: &str) -> (String, String) {
    sign(CertificateParams::new(vec![name.to_owned()]).unwrap())
}

/// The same, but it has expired.
pub(crate) fn expired_certificate(name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 12, 31);
    sign(params)
}

fn sign(params: CertificateParams) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &*AUTHORITY).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn the_probed_postgres_lets_in_whom_it_should() {
    let server = probed_postgres();
    assert!(server.ca.contains("BEGIN CERTIFICATE"));
    assert_ne!(server.ca, other_ca());
    let sign_in = |user: &str, database: &str| {
        PgConnection::establish(&format!(
            "postgres://{user}:{}@{}:{}/{database}",
            server.password, server.host, server.port
        ))
        .is_ok()
    };
    for user in [READER, MD5, CLEAR] {
        assert!(sign_in(user, OPEN), "{user}");
        assert!(!sign_in(user, CLOSED), "{user}");
    }
    // This client has no TLS.
    for user in [EXPIRED, TLS_ONLY] {
        assert!(!sign_in(user, OPEN), "{user}");
    }
}

#[test]
fn the_probed_mariadb_takes_connections() {
    let server = probed_mariadb();
    let mut link = std::net::TcpStream::connect((server.host, server.port)).unwrap();
    let mut greeting = [0; 64];
    link.read_exact(&mut greeting).unwrap();
    assert!(String::from_utf8_lossy(&greeting).contains("MariaDB"));
}
